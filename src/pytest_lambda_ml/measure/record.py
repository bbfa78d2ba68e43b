"""What our own side says in JSON: the wrapper's log records, and on-failure records of its events.

Both are found among anything else a log or a queue may hold, so nothing here raises. Keys that are
unknown are passed over and a newer ``schema_version`` is read as far as it goes; an optional field
of the wrong type counts as absent, a required one makes the whole no record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pytest_lambda_ml.measure.log_json import decode, integer, mapping, number, text, word
from pytest_lambda_ml.model import FailureRecord, InvocationRecord, StartRecord, SuccessRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "INVOCATION_TYPE",
    "START_TYPE",
    "FailureRecord",
    "InvocationRecord",
    "StartRecord",
    "SuccessRecord",
    "parse_failure_record",
    "parse_record",
    "parse_success_record",
]

START_TYPE = "pytest_lambda_ml.start"
"""``type`` of the record that the wrapper logs before anything else."""

INVOCATION_TYPE = "pytest_lambda_ml.invocation"
"""``type`` of the record that the wrapper logs when an invocation ends."""

SUCCESS = "Success"
"""The condition of a record that an on-success destination receives."""

_TYPE_PREFIX = "pytest_lambda_ml."
_WRAPPINGS = 3
"""How deep a record may sit: Lambda's JSON log format wraps a line once, a logger once more."""

_T = TypeVar("_T")


class _FieldMissingError(Exception):
    """A required field is absent or of the wrong type; never leaves this module."""


def parse_record(message: str) -> StartRecord | InvocationRecord | None:
    """The wrapper's record in one log event, or ``None``. Never raises.

    The event is the record's line itself, or that line (as a string or as an object) in the
    ``message`` of Lambda's JSON log format.
    """
    if _TYPE_PREFIX not in message:
        return None
    value: object = message
    for _ in range(_WRAPPINGS):
        fields = mapping(decode(value) if isinstance(value, str) else value)
        read = _READERS.get(text(fields.get("type")) or "")
        if read is not None:
            try:
                return read(fields)
            except _FieldMissingError:
                return None
        value = fields.get("message")
    return None


def parse_failure_record(body: str) -> FailureRecord | None:
    """Read the body of an SQS message from a function's on-failure destination, or ``None``.

    The format is that of Lambda's asynchronous destinations, version 1.0. Run and sample id are
    those of the SNS message in ``requestPayload``, and ``None`` when the event was not ours.
    """
    record = mapping(decode(body))
    context = mapping(record.get("requestContext"))
    request_id, condition = word(context.get("requestId")), word(context.get("condition"))
    function_name = _function_name(word(context.get("functionArn")))
    if request_id is None or condition is None or function_name is None or condition == SUCCESS:
        return None
    response = mapping(record.get("responsePayload"))
    sns = _sns(record.get("requestPayload"))
    message = mapping(decode(text(sns.get("Message")) or ""))
    return FailureRecord(
        request_id=request_id,
        function_name=function_name,
        condition=condition,
        run_id=text(message.get("run_id")),
        sample_id=text(message.get("sample_id")),
        error_type=text(response.get("errorType")),
        error_message=text(response.get("errorMessage")),
        sns_message_id=text(sns.get("MessageId")),
    )


def parse_success_record(body: str) -> SuccessRecord | None:
    """The same of an on-success destination; ``None`` for anything else."""
    record = mapping(decode(body))
    context = mapping(record.get("requestContext"))
    request_id = word(context.get("requestId"))
    if request_id is None or word(context.get("condition")) != SUCCESS:
        return None
    sns = _sns(record.get("requestPayload"))
    return SuccessRecord(request_id=request_id, sns_message_id=text(sns.get("MessageId")))


def _start_record(fields: Mapping[str, Any]) -> StartRecord:
    return StartRecord(
        run_id=_required(fields, "run_id", text),
        sample_id=_required(fields, "sample_id", text),
        sns_message_id=text(fields.get("sns_message_id")),
        request_id=_required(fields, "request_id", text),
        environment_id=_required(fields, "environment_id", text),
    )


def _invocation_record(fields: Mapping[str, Any]) -> InvocationRecord:
    get = fields.get
    return InvocationRecord(
        schema_version=_required(fields, "schema_version", integer),
        run_id=_required(fields, "run_id", text),
        sample_id=_required(fields, "sample_id", text),
        sns_message_id=text(get("sns_message_id")),
        request_id=_required(fields, "request_id", text),
        environment_id=_required(fields, "environment_id", text),
        function_name=_required(fields, "function_name", text),
        function_version=_required(fields, "function_version", text),
        memory_mb=_required(fields, "memory_mb", integer),
        cold=_required(fields, "cold", _flag),
        initialization_started_at_ms=number(get("initialization_started_at_ms")),
        initialization_ended_at_ms=number(get("initialization_ended_at_ms")),
        initialization_ms=number(get("initialization_ms")),
        processing_started_at_ms=number(get("processing_started_at_ms")),
        processing_ended_at_ms=number(get("processing_ended_at_ms")),
        processing_ms=number(get("processing_ms")),
        batch_size=_required(fields, "batch_size", integer),
        cpu_count=integer(get("cpu_count")),
        cpu_model=text(get("cpu_model")),
        output_digest=text(get("output_digest")),
        cpu_time_ms=number(get("cpu_time_ms")),
        runtime_start_ms=number(get("runtime_start_ms")),
        imports_ms=number(get("imports_ms")),
        fetching_ms=number(get("fetching_ms")),
        weights=text(get("weights")),
        figures=_figures(get("figures")),
        error_type=text(get("error_type")),
        error_message=text(get("error_message")),
    )


_READERS: Mapping[str, Callable[[Mapping[str, Any]], StartRecord | InvocationRecord]] = {
    START_TYPE: _start_record,
    INVOCATION_TYPE: _invocation_record,
}


def _required(fields: Mapping[str, Any], key: str, read: Callable[[object], _T | None]) -> _T:
    value = read(fields.get(key))
    if value is None:
        raise _FieldMissingError(key)
    return value


def _flag(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _figures(value: object) -> Mapping[str, float | int | str | None]:
    """The handler's own numbers and words; what is neither, or not finite, is left out."""
    return {
        name: figure
        for name, figure in mapping(value).items()
        if figure is None or isinstance(figure, str) or number(figure) is not None
    }


def _function_name(arn: str | None) -> str | None:
    """The name in ``arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]``; a name as it is."""
    if arn is None or not arn.startswith("arn:"):
        return arn
    parts = arn.split(":")
    return parts[6] if len(parts) > 6 and parts[6] else None


def _sns(event: object) -> Mapping[str, Any]:
    """SNS's part of an event's record, empty when the event is of another kind."""
    records = mapping(event).get("Records")
    first = records[0] if isinstance(records, list) and records else None
    return mapping(mapping(first).get("Sns"))
