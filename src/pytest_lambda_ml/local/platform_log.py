"""What Lambda itself writes into a log stream: the lines around the function's own output.

The forms are those of text logs since late 2024: a timeout shows as ``Status: timeout`` in the
REPORT line and has no line of its own.
"""

from __future__ import annotations

import math
import signal
from dataclasses import dataclass

from pytest_lambda_ml.measure.report_line import format_init_report, format_report
from pytest_lambda_ml.model import InitReport, Report

__all__ = [
    "ExitReason",
    "describe_exit",
    "end_line",
    "exit_lines",
    "init_report_line",
    "report_line",
    "start_line",
]


@dataclass(frozen=True, slots=True)
class ExitReason:
    """Why a runtime process ended before it answered.

    ``status`` and ``error_type`` are those of the REPORT line; ``message`` is what the platform
    logs and what a synchronous caller is told.
    """

    status: str
    error_type: str | None
    message: str


def describe_exit(
    return_code: int, *, killed_for_memory: bool, timed_out: bool, timeout_s: float
) -> ExitReason:
    """The platform's words for the end of a runtime process (return code as in `subprocess`)."""
    if timed_out:
        return ExitReason("timeout", None, f"Task timed out after {timeout_s:.2f} seconds")
    if return_code < 0:
        name = signal.Signals(-return_code).name.removeprefix("SIG").lower()
        how = f"signal: {'killed' if name == 'kill' else name}"
    else:
        how = f"exit status {return_code}"
    error_type = "Runtime.OutOfMemory" if killed_for_memory else "Runtime.ExitError"
    if return_code == 0:
        return ExitReason("error", error_type, "Error: Runtime exited without providing a reason")
    return ExitReason("error", error_type, f"Error: Runtime exited with error: {how}")


def start_line(request_id: str, version: str) -> str:
    """The line that opens an invocation."""
    return f"START RequestId: {request_id} Version: {version}\n"


def end_line(request_id: str) -> str:
    """The line that closes an invocation, before its REPORT."""
    return f"END RequestId: {request_id}\n"


def exit_lines(message: str) -> str:
    """What is logged of a runtime process that ended by itself."""
    return f"{message}\nRuntime.ExitError\n"


def init_report_line(duration_ms: float, phase: str, status: str, error_type: str | None) -> str:
    """The line about an initialisation that failed, or was cut off."""
    return format_init_report(
        InitReport(
            init_duration_ms=round(duration_ms, 2),
            phase=phase,
            status=status,
            error_type=error_type,
        )
    )


def report_line(
    request_id: str,
    *,
    duration_ms: float,
    init_duration_ms: float | None,
    memory_mb: int,
    max_memory_mb: int,
    status: str | None = None,
    error_type: str | None = None,
) -> str:
    """The REPORT line. Billed is the duration with the initialisation, rounded up to whole ms.

    Since August 2025 AWS bills the initialisation of every function
    (https://aws.amazon.com/blogs/compute/aws-lambda-standardizes-billing-for-init-phase/).
    """
    return format_report(
        Report(
            request_id=request_id,
            duration_ms=round(duration_ms, 2),
            billed_duration_ms=math.ceil(round(duration_ms + (init_duration_ms or 0.0), 2)),
            memory_mb=memory_mb,
            max_memory_mb=min(max_memory_mb, memory_mb),
            init_duration_ms=None if init_duration_ms is None else round(init_duration_ms, 2),
            status=status,
            error_type=error_type,
        )
    )
