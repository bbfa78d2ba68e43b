"""Publish messages in as few calls as SNS allows, and know what became of each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_lambda_ml.aws.translation import backend_errors
from pytest_lambda_ml.errors import MessageTooLargeError, PublishError
from pytest_lambda_ml.model import PublishedMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_lambda_ml.aws.message import Message

__all__ = ["MAX_BYTES", "MAX_ENTRIES", "check_sizes", "partition", "publish"]

MAX_ENTRIES = 10
"""Messages that one PublishBatch call takes (Amazon SNS API)."""

MAX_BYTES = 262_144
"""Bytes of one message, and of all messages of one PublishBatch call (Amazon SNS API)."""

ATTEMPTS = 5
FIRST_PAUSE_S = 0.5

T = TypeVar("T", bound="Message")


def check_sizes(messages: Sequence[Message], *, batch_size: int) -> None:
    """Raise `MessageTooLargeError` for the first message that SNS would not carry."""
    for message in messages:
        if message.size_bytes > MAX_BYTES:
            raise MessageTooLargeError(
                f"a batch of {batch_size} makes a message of {message.size_bytes:,} bytes (sample "
                f"{message.sample_id}); SNS carries {MAX_BYTES:,}. Choose a smaller batch size"
            )


def partition(
    messages: Sequence[T], max_bytes: int = MAX_BYTES, max_entries: int = MAX_ENTRIES
) -> list[list[T]]:
    """Cut messages into calls: in order, each call as full as both limits allow.

    Raises ValueError when one message alone exceeds ``max_bytes``.
    """
    calls: list[list[T]] = []
    room = 0
    for message in messages:
        size = message.size_bytes
        if size > max_bytes:
            raise ValueError(f"message {message.sample_id} has {size} bytes, limit {max_bytes}")
        if not calls or len(calls[-1]) == max_entries or size > room:
            calls.append([])
            room = max_bytes
        calls[-1].append(message)
        room -= size
    return calls


def publish(
    sns: Any,
    topic_arn: str,
    messages: Sequence[Message],
    *,
    now: Callable[[], float],
    sleep: Callable[[float], None],
) -> Iterator[tuple[PublishedMessage, ...]]:
    """Publish all messages; after each call, yield those that SNS accepted in it.

    ``now`` gives epoch seconds. Entries that SNS could not take for reasons of its own are tried
    again. Raises `PublishError` naming the samples that it refuses for good; what was yielded
    before stays published.
    """
    for call in partition(messages):
        waiting = {message.sample_id: message for message in call}
        for attempt in range(ATTEMPTS):
            if attempt:
                sleep(FIRST_PAUSE_S * 2 ** (attempt - 1))
            accepted, refused = _publish_once(sns, topic_arn, list(waiting.values()))
            at_ms = round(now() * 1000)
            yield tuple(PublishedMessage(sample, sns_id, at_ms) for sample, sns_id in accepted)
            waiting = {entry.sample_id: waiting[entry.sample_id] for entry in refused}
            if not waiting or any(entry.for_good for entry in refused):
                break
        if waiting:
            raise PublishError(
                f"{topic_arn}: SNS did not take sample {', '.join(waiting)}: {refused[0].reason}"
            )


@dataclass(frozen=True, slots=True)
class _Refused:
    sample_id: str
    reason: str
    for_good: bool


def _publish_once(
    sns: Any, topic_arn: str, call: list[Message]
) -> tuple[list[tuple[str, str]], list[_Refused]]:
    """One PublishBatch: (sample id, MessageId) pairs, and entries that failed in an HTTP 200."""
    entries = [{"Id": message.sample_id, "Message": message.text} for message in call]
    with backend_errors(f"publishing to {topic_arn}", PublishError):
        answer = sns.publish_batch(TopicArn=topic_arn, PublishBatchRequestEntries=entries)
    return (
        [(entry["Id"], entry["MessageId"]) for entry in answer.get("Successful", ())],
        [
            _Refused(
                entry["Id"],
                f"{entry.get('Code', '')}: {entry.get('Message', '')}",
                bool(entry.get("SenderFault")),
            )
            for entry in answer.get("Failed", ())
        ],
    )
