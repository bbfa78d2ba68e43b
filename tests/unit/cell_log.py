"""Log events and records as a cell leaves them, built by hand for tests of what is made of them."""

from __future__ import annotations

import json
from itertools import count
from typing import Any

from pytest_lambda_ml.measure.report_line import format_init_report, format_report
from pytest_lambda_ml.model import (
    FailureRecord,
    InitReport,
    LogEvent,
    PublishedMessage,
    Report,
)

RUN = "c0ffee00"
_event_numbers = count(1)


def request_id(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def published(*sample_ids: str) -> list[PublishedMessage]:
    return [PublishedMessage(sample_id, f"sns-{sample_id}", 1_000) for sample_id in sample_ids]


def event(message: str, stream: str = "stream-a", at: int = 1_000) -> LogEvent:
    return LogEvent(stream, f"event-{next(_event_numbers):06d}", at, message)


def _identity(sample_id: str, request: str, run_id: str, stream: str) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "run_id": run_id,
        "sample_id": sample_id,
        "sns_message_id": f"sns-{sample_id}",
        "request_id": request,
        "environment_id": f"environment-of-{stream}",
    }


def start(
    sample_id: str, request: str, *, stream: str = "stream-a", at: int = 1_000, run_id: str = RUN
) -> LogEvent:
    identity = _identity(sample_id, request, run_id, stream)
    return event(json.dumps({"type": "pytest_lambda_ml.start", **identity}), stream, at)


def record(
    sample_id: str,
    request: str,
    *,
    stream: str = "stream-a",
    at: int = 1_000,
    run_id: str = RUN,
    cold: bool = False,
    **fields: Any,
) -> LogEvent:
    line = {
        "type": "pytest_lambda_ml.invocation",
        **_identity(sample_id, request, run_id, stream),
        "function_name": "function",
        "function_version": "$LATEST",
        "memory_mb": 512,
        "cold": cold,
        "initialization_ms": 40.0 if cold else None,
        "processing_started_at_ms": float(at),
        "processing_ended_at_ms": float(at + 5),
        "processing_ms": 5.0,
        "batch_size": 10,
        "cpu_count": 2,
        "cpu_model": "Test CPU",
        "output_digest": "0123456789abcdef",
        **fields,
    }
    return event(json.dumps(line), stream, at)


def report(request: str, *, stream: str = "stream-a", at: int = 1_000, **fields: Any) -> LogEvent:
    values: dict[str, Any] = {
        "duration_ms": 9.5,
        "billed_duration_ms": 10.0,
        "memory_mb": 512,
        "max_memory_mb": 100,
        **fields,
    }
    return event(format_report(Report(request_id=request, **values)), stream, at)


def init_report(
    status: str | None, phase: str, *, stream: str = "stream-a", at: int = 900
) -> LogEvent:
    line = format_init_report(InitReport(init_duration_ms=10_000.0, phase=phase, status=status))
    return event(line, stream, at)


def failure(
    sample_id: str, request: str, condition: str = "RetriesExhausted", **fields: Any
) -> FailureRecord:
    return FailureRecord(
        request_id=request,
        function_name="function",
        condition=condition,
        run_id=fields.pop("run_id", RUN),
        sample_id=sample_id,
        **fields,
    )


def success(
    sample_id: str,
    request: str,
    *,
    stream: str = "stream-a",
    at: int = 1_000,
    cold: bool = False,
    **report_fields: Any,
) -> list[LogEvent]:
    """All lines of an invocation that went well."""
    if cold:
        report_fields = {"init_duration_ms": 120.0, **report_fields}
    return [
        event(f"START RequestId: {request} Version: $LATEST\n", stream, at),
        start(sample_id, request, stream=stream, at=at),
        record(sample_id, request, stream=stream, at=at + 6, cold=cold),
        event(f"END RequestId: {request}\n", stream, at + 9),
        report(request, stream=stream, at=at + 10, **report_fields),
    ]
