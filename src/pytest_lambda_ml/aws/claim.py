"""Claim checks: a batch too large for SNS waits in S3, and the message says where.

The message is ``{"run_id", "sample_id", "batch_s3": {"bucket", "key", "sha256"}}``; the object is
the batch as JSON. Equal batches are one object.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from pytest_lambda_ml.aws.message import Message
from pytest_lambda_ml.aws.names import messages_prefix
from pytest_lambda_ml.aws.publish import MAX_BYTES
from pytest_lambda_ml.aws.translation import backend_errors
from pytest_lambda_ml.errors import PublishError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lambda_ml.aws.session import AwsClients

__all__ = ["check_in", "too_large"]


def too_large(messages: Sequence[Message]) -> bool:
    """Whether one of the messages is more than SNS carries."""
    return any(message.size_bytes > MAX_BYTES for message in messages)


def check_in(
    clients: AwsClients, bucket: str, run_id: str, messages: Sequence[Message]
) -> tuple[Message, ...]:
    """The messages as they can be published: batches that are too large are put in the bucket.

    Returns when all are there, so that publishing goes as fast as ever. Raises `PublishError`.
    """
    kept: dict[str, dict[str, str]] = {}
    with backend_errors(f"putting batches into s3://{bucket}", PublishError):
        return tuple(
            message
            if message.size_bytes <= MAX_BYTES
            else _claim(clients, bucket, run_id, message, kept)
            for message in messages
        )


def _claim(
    clients: AwsClients,
    bucket: str,
    run_id: str,
    message: Message,
    kept: dict[str, dict[str, str]],
) -> Message:
    content = json.loads(message.text)
    batch = json.dumps(content.pop("batch"), ensure_ascii=False, separators=(",", ":")).encode()
    sha256 = hashlib.sha256(batch).hexdigest()
    if sha256 not in kept:
        key = f"{messages_prefix(run_id)}{sha256}.json"
        clients.s3.put_object(Bucket=bucket, Key=key, Body=batch)
        kept[sha256] = {"bucket": bucket, "key": key, "sha256": sha256}
    return Message(
        message.sample_id,
        json.dumps({**content, "batch_s3": kept[sha256]}, separators=(",", ":")),
    )
