"""What the publisher is told and what it answers: two JSON documents in the bucket."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from pytest_lambda_ml.model import PublishedMessage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lambda_ml.aws.message import Message

__all__ = ["PublishJob", "messages_sha256", "published_json", "read_published"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishJob:
    """Enough to plan a cell's messages again elsewhere, and where to publish them.

    The data set is the object ``dataset_key`` of ``bucket``, a CSV of this kind;
    ``messages_sha256`` is the digest of the texts that must come out (see `messages_sha256`);
    what was published is written to ``published_key``.
    """

    topic_arn: str
    run_id: str
    batch_size: int
    invocations: int
    first_sample: int
    bucket: str
    dataset_kind: str
    dataset_key: str
    messages_sha256: str
    published_key: str

    def as_json(self) -> str:
        """The job as `from_json` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> PublishJob:
        """The job that a document holds. Raises `TypeError` or `ValueError` for another one."""
        return cls(**json.loads(text))


def messages_sha256(messages: Iterable[Message]) -> str:
    """A digest of sample ids and texts, in order: two plans are the same or are not."""
    digest = hashlib.sha256()
    for message in messages:
        digest.update(f"{message.sample_id}\0{message.text}\0".encode())
    return digest.hexdigest()


def published_json(published: Iterable[PublishedMessage], problem: str | None) -> str:
    """What was published, and why not all of it was."""
    return json.dumps(
        {
            "published": [
                [each.sample_id, each.message_id, each.published_at_ms] for each in published
            ],
            "problem": problem,
        }
    )


def read_published(text: str) -> tuple[tuple[PublishedMessage, ...], str | None]:
    """The reverse of `published_json`. Raises `ValueError` for another document."""
    document = json.loads(text)
    return (
        tuple(PublishedMessage(*fields) for fields in document["published"]),
        document["problem"],
    )
