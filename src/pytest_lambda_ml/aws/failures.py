"""Receive the records of the failure queue: the evidence for what never logged a line.

Functions without the wrapper send it what went well, too: nothing in their logs says it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.aws.translation import backend_errors
from pytest_lambda_ml.measure.record import parse_failure_record, parse_success_record

if TYPE_CHECKING:
    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.model import FailureRecord, SuccessRecord

__all__ = ["FailureReceiver"]

MAX_MESSAGES = 10
"""Messages that one ReceiveMessage call gives at most (Amazon SQS API)."""


class FailureReceiver:
    """Takes records off the session's failure queue."""

    def __init__(self, clients: AwsClients, queue_url: str) -> None:
        self._sqs = clients.sqs
        self._queue_url = queue_url

    def poll(self) -> list[FailureRecord | SuccessRecord]:
        """The records that are there now; each is deleted once read. Raises `BackendError`."""
        records: list[FailureRecord | SuccessRecord] = []
        while True:
            with backend_errors(f"receiving from {self._queue_url}"):
                answer = self._sqs.receive_message(
                    QueueUrl=self._queue_url, MaxNumberOfMessages=MAX_MESSAGES, WaitTimeSeconds=0
                )
                messages = answer.get("Messages", [])
                if not messages:
                    return records
                self._delete(messages)
            bodies = [message["Body"] for message in messages]
            parsed = (parse_failure_record(each) or parse_success_record(each) for each in bodies)
            records.extend(record for record in parsed if record is not None)

    def _delete(self, messages: list[dict[str, Any]]) -> None:
        """A deletion that fails brings the record again, which changes nothing."""
        self._sqs.delete_message_batch(
            QueueUrl=self._queue_url,
            Entries=[
                {"Id": str(index), "ReceiptHandle": message["ReceiptHandle"]}
                for index, message in enumerate(messages)
            ],
        )
