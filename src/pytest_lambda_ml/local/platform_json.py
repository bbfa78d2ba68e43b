"""What Lambda itself writes into a log stream in the JSON log format, at system log level INFO.

At that level there is an event where an invocation starts and its report; the end of the
invocation, and an initialisation that went well, are DEBUG.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-advanced.html
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from typing import Any

__all__ = ["init_report_event", "report_event", "start_event"]


def start_event(request_id: str, version: str) -> str:
    """The event that opens an invocation."""
    return _event("platform.start", {"requestId": request_id, "version": version})


def init_report_event(duration_ms: float, phase: str, status: str, error_type: str | None) -> str:
    """The event about an initialisation that failed, or was cut off."""
    record = {
        "initializationType": "on-demand",
        "phase": phase,
        "status": status,
        "errorType": error_type,
        "metrics": {"durationMs": round(duration_ms, 3)},
    }
    return _event("platform.initReport", record)


def report_event(
    request_id: str,
    *,
    duration_ms: float,
    init_duration_ms: float | None,
    memory_mb: int,
    max_memory_mb: int,
    status: str | None = None,
    error_type: str | None = None,
) -> str:
    """The report. Billed is the duration with the initialisation, rounded up to whole ms."""
    metrics = {
        "durationMs": round(duration_ms, 3),
        "billedDurationMs": math.ceil(round(duration_ms + (init_duration_ms or 0.0), 3)),
        "memorySizeMB": memory_mb,
        "maxMemoryUsedMB": min(max_memory_mb, memory_mb),
        "initDurationMs": None if init_duration_ms is None else round(init_duration_ms, 3),
    }
    record = {
        "requestId": request_id,
        "metrics": {name: value for name, value in metrics.items() if value is not None},
        "status": status or "success",
        "errorType": error_type,
    }
    return _event("platform.report", record)


def _event(kind: str, record: dict[str, Any]) -> str:
    said = {name: value for name, value in record.items() if value is not None}
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return json.dumps({"time": now, "type": kind, "record": said}, separators=(",", ":")) + "\n"
