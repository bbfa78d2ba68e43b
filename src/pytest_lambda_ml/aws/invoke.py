"""Invoke a function without a topic: asynchronously, or waiting for each answer.

Threads make the calls, so that a burst is one, and so that as many answers are waited for as are
allowed to be under way. What they learn is handed over to the thread that measures.
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError, ReadTimeoutError

from pytest_lambda_ml.aws.translation import backend_errors, code_of
from pytest_lambda_ml.errors import MessageTooLargeError, PublishError
from pytest_lambda_ml.measure.log_json import decode, mapping, text
from pytest_lambda_ml.model import FailureRecord, PublishedMessage, SuccessRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_lambda_ml.aws.message import Message
    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.model import Trigger

__all__ = ["MAX_PAYLOAD_BYTES", "Invoker", "check_payloads"]

MAX_PAYLOAD_BYTES: dict[Trigger, int] = {"sync": 6_291_456, "async": 1_048_576, "sns": 262_144}
"""What a request may carry (Lambda quotas), and a message of SNS."""

CALLERS = 10
"""Asynchronous calls at a time."""

ATTEMPTS = 5
FIRST_PAUSE_S = 0.5
PATIENCE_S = 0.5
"""How often who waits is asked whether anything else is to be done."""

SERVER_ERROR = 500
THROTTLED = 429


def check_payloads(messages: Sequence[Message], trigger: Trigger) -> None:
    """Raise `MessageTooLargeError` for the first payload that the trigger would not carry."""
    limit = MAX_PAYLOAD_BYTES[trigger]
    for message in messages:
        if message.size_bytes > limit:
            raise MessageTooLargeError(
                f"a payload of {message.size_bytes:,} bytes (sample {message.sample_id}): "
                f"trigger={trigger!r} carries {limit:,}. {_WAYS_OUT[trigger]}"
            )


_WAYS_OUT: dict[Trigger, str] = {
    "sns": "trigger='async' carries 1,048,576, trigger='sync' 6,291,456",
    "async": "trigger='sync' carries 6,291,456",
    "sync": "Lambda takes no more: pass the address of the data instead of the data",
}


@dataclass(frozen=True, slots=True)
class _Accepted:
    """What became of one asynchronous call."""

    message: PublishedMessage | None
    error: Exception | None = None


class Invoker:
    """Sends messages to one function. ``arn`` may be qualified; ``now`` gives epoch seconds.

    At most ``in_flight`` synchronous requests are under way at a time. ``pause_s`` lies between
    two calls. A message's text is the payload, which the wrapper takes as well as an event of SNS.
    """

    def __init__(
        self,
        clients: AwsClients,
        arn: str,
        *,
        run_id: str,
        trigger: Trigger,
        in_flight: int,
        timeout_s: float,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        pause_s: float = 0.0,
    ) -> None:
        self._arn = arn
        self._run_id = run_id
        self._waits = trigger == "sync"
        self._client = clients.waiting(timeout_s, in_flight) if self._waits else clients.lambda_
        self._now = now
        self._sleep = sleep
        self._pause_s = pause_s
        self._free = threading.Semaphore(in_flight if self._waits else CALLERS)
        self._accepted: queue.SimpleQueue[_Accepted] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[FailureRecord | SuccessRecord | Exception] = (
            queue.SimpleQueue()
        )

    def publish(self, messages: Sequence[Message]) -> Iterator[tuple[PublishedMessage, ...]]:
        """Invoke for each message; yield what was sent, or accepted where Lambda queues it.

        Yields nothing now and then while it waits. Raises `PublishError`.
        """
        for index, message in enumerate(messages):
            if index and self._pause_s:
                self._sleep(self._pause_s)
            while not self._free.acquire(timeout=PATIENCE_S):
                yield self._take_accepted()
            deliver = self._ask if self._waits else self._hand_over
            threading.Thread(target=deliver, args=(message,), daemon=True).start()
            sent = PublishedMessage(message.sample_id, None, round(self._now() * 1000))
            yield (sent,) if self._waits else self._take_accepted()
        if not self._waits:
            yield from self._rest_accepted()

    def answers(self) -> list[FailureRecord | SuccessRecord]:
        """The answers that have come since the last call. Raises `PublishError`."""
        found: list[FailureRecord | SuccessRecord] = []
        while not self._answers.empty():
            answer = self._answers.get()
            if isinstance(answer, Exception):
                raise self._refused(answer)
            found.append(answer)
        return found

    def _rest_accepted(self) -> Iterator[tuple[PublishedMessage, ...]]:
        """Until every call has come to its end: each gives back what it had taken."""
        taken = 0
        while taken < CALLERS:
            if self._free.acquire(timeout=PATIENCE_S):
                taken += 1
            else:
                yield self._take_accepted()
        self._free.release(CALLERS)
        yield self._take_accepted()

    def _take_accepted(self) -> tuple[PublishedMessage, ...]:
        found: list[PublishedMessage] = []
        while not self._accepted.empty():
            accepted = self._accepted.get()
            if accepted.error is not None:
                raise self._refused(accepted.error)
            if accepted.message is not None:
                found.append(accepted.message)
        return tuple(found)

    def _refused(self, error: Exception) -> PublishError:
        try:
            with backend_errors(f"invoking {self._arn}", PublishError):
                raise error
        except PublishError as refused:
            return refused

    def _hand_over(self, message: Message) -> None:
        """Have Lambda queue an event; boto3 repeats what passes by itself."""
        try:
            answer = self._client.invoke(
                FunctionName=self._arn, InvocationType="Event", Payload=message.text.encode()
            )
            at_ms = round(self._now() * 1000)
            request_id = answer["ResponseMetadata"]["RequestId"]
            accepted = _Accepted(PublishedMessage(message.sample_id, request_id, at_ms))
        except (ClientError, BotoCoreError) as error:
            accepted = _Accepted(None, error)
        self._accepted.put(accepted)
        self._free.release()

    def _ask(self, message: Message) -> None:
        """Invoke and wait for the answer."""
        try:
            self._answers.put(self._answer(message))
        except (ClientError, BotoCoreError) as error:
            self._answers.put(error)
        self._free.release()

    def _answer(self, message: Message) -> FailureRecord | SuccessRecord:
        for attempt in range(ATTEMPTS):
            try:
                answer = self._client.invoke(
                    FunctionName=self._arn, Payload=message.text.encode(), LogType="None"
                )
            except (ClientError, HTTPClientError) as error:
                if not _passes(error):
                    raise
                if attempt == ATTEMPTS - 1:
                    return self._not_let_in(message, error)
                self._sleep(FIRST_PAUSE_S * 2**attempt)
            else:
                return self._told(message, answer)
        raise AssertionError("the last attempt returns or raises")

    def _told(self, message: Message, answer: dict[str, Any]) -> FailureRecord | SuccessRecord:
        request_id, sample_id = answer["ResponseMetadata"]["RequestId"], message.sample_id
        payload = answer["Payload"].read()
        if "FunctionError" not in answer:
            return SuccessRecord(request_id=request_id, sample_id=sample_id)
        said = mapping(decode(payload.decode("utf-8", "replace")))
        return FailureRecord(
            request_id=request_id,
            function_name=self._arn,
            condition="FunctionError",
            run_id=self._run_id,
            sample_id=sample_id,
            error_type=text(said.get("errorType")),
            error_message=text(said.get("errorMessage")),
        )

    def _not_let_in(self, message: Message, error: Exception) -> FailureRecord:
        """Refused again and again: evidence of throttling; anything else ends the cell."""
        if not isinstance(error, ClientError) or _status(error) != THROTTLED:
            raise error
        return FailureRecord(
            request_id=error.response["ResponseMetadata"].get("RequestId", message.sample_id),
            function_name=self._arn,
            condition="TooManyRequests",
            run_id=self._run_id,
            sample_id=message.sample_id,
            error_type=code_of(error),
        )


def _status(error: ClientError) -> int:
    status: int = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return status


def _passes(error: ClientError | HTTPClientError) -> bool:
    """Whether the same call may succeed soon, and did not run this time, as far as one can tell."""
    if isinstance(error, ClientError):
        return _status(error) == THROTTLED or _status(error) >= SERVER_ERROR
    return not isinstance(error, ReadTimeoutError)
