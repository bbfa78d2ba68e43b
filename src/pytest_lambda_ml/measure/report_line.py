"""REPORT and INIT_REPORT: the platform's own log lines, as text or as JSON, both ways.

A text line is read by its labels, never by position: AWS and local emulators order them
differently, and labels that are unknown here are passed over. It counts only where
``REPORT RequestId:`` begins the message, after the prefixes that ``aws logs tail``, ``sam logs``,
``filter-log-events --output text`` and the console put in front; application output that merely
contains the words is no report.

What a line does not say is ``None``. So is a value that cannot be a measurement: a number without
its unit, a negative one, NaN, a boolean, a fraction of a megabyte.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, cast

from pytest_lambda_ml.measure.log_json import decode, integer, mapping, non_negative, text, word
from pytest_lambda_ml.measure.log_prefix import without_prefix
from pytest_lambda_ml.model import InitReport, Report

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "InitReport",
    "Report",
    "format_init_report",
    "format_report",
    "parse_init_report",
    "parse_report",
]

_NUMBER = r"[0-9]{1,12}(?:\.[0-9]{1,9})?"

_CANONICAL = re.compile(
    r"REPORT RequestId: (\S+)"
    rf"\tDuration: ({_NUMBER}) ms"
    rf"\tBilled Duration: ({_NUMBER}) ms"
    r"\tMemory Size: ([0-9]{1,12}) MB"
    r"\tMax Memory Used: ([0-9]{1,12}) MB"
    rf"(?:\tInit Duration: ({_NUMBER}) ms)?"
    rf"(?:\tRestore Duration: ({_NUMBER}) ms\tBilled Restore Duration: ({_NUMBER}) ms)?"
    r"(?:\tStatus: ([^\s:]+))?(?:\tError Type: ([^\s:]+))?\t?\n?"
    r"(?:XRAY TraceId: ([^\s:]+)(?:\tSegmentId: [^\s:]+)?(?:\tSampled: [^\s:]+)?\t?\n?)?"
)
"""The form in which nearly all lines come, matched whole for speed; all else is read by label."""

_LABEL = r"[A-Z][A-Za-z]{0,23}(?: [A-Za-z]{1,24}){0,3}"
_FIELD = re.compile(
    rf"(?<!\S)({_LABEL}):[ \t]*({_NUMBER}[ \t]*(?:ms|MB)(?!\w)|(?!{_LABEL}:(?:\s|$))\S*)"
)
"""One labelled value. The label is taken as long as it goes, so that ``Duration`` is not found in
``Billed Duration``, and a value with a unit is consumed with it, so that ``MB`` starts no label."""

_QUANTITY = re.compile(rf"({_NUMBER})[ \t]*(ms|MB)")
_REPORT_START = re.compile(r"REPORT[ \t]+RequestId:[ \t]*(\S+)")
_INIT_REPORT_START = re.compile(r"INIT_REPORT(?=[ \t])")
_REPORT_LABELS = frozenset(
    {
        "Duration",
        "Billed Duration",
        "Memory Size",
        "Max Memory Used",
        "Init Duration",
        "Restore Duration",
        "Billed Restore Duration",
        "Status",
        "Error Type",
        "XRAY TraceId",
    }
)
_INIT_REPORT_LABELS = frozenset({"Init Duration", "Phase", "Status", "Error Type"})
_TRACE_ROOT = re.compile(r"(?:^|;)Root=([^;\s]+)")


class _Draft:
    """A `Report` in the making: the same slots without the guard, and then it becomes one.

    A frozen dataclass sets each field through ``object.__setattr__``, which would take half of the
    time in which a line is parsed; this is five times as fast.
    """

    __slots__ = tuple(Report.__dataclass_fields__)

    def __init__(
        self,
        request_id: str,
        duration_ms: float | None,
        billed_duration_ms: float | None,
        memory_mb: int | None,
        max_memory_mb: int | None,
        init_duration_ms: float | None,
        restore_duration_ms: float | None,
        billed_restore_duration_ms: float | None,
        status: str | None,
        error_type: str | None,
        xray_trace_id: str | None,
    ) -> None:
        self.request_id = request_id
        self.duration_ms = duration_ms
        self.billed_duration_ms = billed_duration_ms
        self.memory_mb = memory_mb
        self.max_memory_mb = max_memory_mb
        self.init_duration_ms = init_duration_ms
        self.restore_duration_ms = restore_duration_ms
        self.billed_restore_duration_ms = billed_restore_duration_ms
        self.status = status
        self.error_type = error_type
        self.xray_trace_id = xray_trace_id

    def finished(self) -> Report:
        self.__class__ = Report  # type: ignore[assignment]  # the same slots: the object is one now
        return cast("Report", self)


def parse_report(message: str) -> Report | None:
    """Read one log event: a REPORT line or a JSON ``platform.report``; ``None`` for all else.

    Never raises. A text that holds the REPORT lines of several requests is not one event, and
    gives ``None`` rather than a mixture of them; lines of other kinds that follow are ignored.
    """
    if match := _CANONICAL.fullmatch(message):
        return _canonical(*match.groups())
    if "platform.report" in message and (record := _json_record(message, "platform.report")):
        return _report_of_record(record)
    if "REPORT" not in message:
        return None
    message = without_prefix(message)
    start = _REPORT_START.match(message)
    if start is None:
        return None
    fields = _fields(message[start.end() :], _REPORT_LABELS)
    if fields is None:
        return None
    return Report(
        request_id=start[1],
        duration_ms=_milliseconds(fields.get("Duration")),
        billed_duration_ms=_milliseconds(fields.get("Billed Duration")),
        memory_mb=_megabytes(fields.get("Memory Size")),
        max_memory_mb=_megabytes(fields.get("Max Memory Used")),
        init_duration_ms=_milliseconds(fields.get("Init Duration")),
        restore_duration_ms=_milliseconds(fields.get("Restore Duration")),
        billed_restore_duration_ms=_milliseconds(fields.get("Billed Restore Duration")),
        status=fields.get("Status"),
        error_type=fields.get("Error Type"),
        xray_trace_id=fields.get("XRAY TraceId"),
    )


def parse_init_report(message: str) -> InitReport | None:
    """Read one log event: an INIT_REPORT line or a JSON ``platform.initReport``.

    Never raises. ``None`` for all else, and where the duration is missing. In the JSON log format
    AWS logs an initialisation that went well, too: look at ``status``.
    """
    if "platform.initReport" in message and (
        record := _json_record(message, "platform.initReport")
    ):
        duration_ms = non_negative(mapping(record.get("metrics")).get("durationMs"))
        phase, status, error_type = (
            word(record.get(key)) for key in ("phase", "status", "errorType")
        )
    elif fields := _init_fields(message):
        duration_ms = _milliseconds(fields.get("Init Duration"))
        phase, status, error_type = map(fields.get, ("Phase", "Status", "Error Type"))
    else:
        return None
    if duration_ms is None:
        return None
    return InitReport(
        init_duration_ms=duration_ms, phase=phase, status=status, error_type=error_type
    )


def format_report(report: Report) -> str:
    r"""The text event that AWS logs: tab-separated, ending in ``\t\n`` (``\n`` after a status).

    Durations carry two decimals and billed durations are whole milliseconds, rounded up as the
    bill is; a report with no finer values comes back equal from `parse_report`. ``None`` is left
    out. The trace id, when there is one, is on a second line of the same event.
    """
    parts = [f"REPORT RequestId: {report.request_id}"]
    for label, value, form in (
        ("Duration", report.duration_ms, _two_decimals),
        ("Billed Duration", report.billed_duration_ms, _whole),
        ("Memory Size", report.memory_mb, _whole),
        ("Max Memory Used", report.max_memory_mb, _whole),
        ("Init Duration", report.init_duration_ms, _two_decimals),
        ("Restore Duration", report.restore_duration_ms, _two_decimals),
        ("Billed Restore Duration", report.billed_restore_duration_ms, _whole),
    ):
        if value is not None:
            unit = "MB" if "Memory" in label else "ms"
            parts.append(f"{label}: {form(value)} {unit}")
    ending = _ending(("Status", report.status), ("Error Type", report.error_type))
    trace = f"XRAY TraceId: {report.xray_trace_id}\t\n" if report.xray_trace_id else ""
    return "\t".join(parts) + ending + trace


def format_init_report(report: InitReport) -> str:
    r"""The text event that AWS logs for an initialisation, ending in ``\n`` (or ``\t\n``)."""
    return f"INIT_REPORT Init Duration: {_two_decimals(report.init_duration_ms)} ms" + _ending(
        ("Phase", report.phase), ("Status", report.status), ("Error Type", report.error_type)
    )


def _two_decimals(value: float) -> str:
    return f"{value + 0.0:.2f}"  # + 0.0 turns -0.0, which would print a sign, into 0.0


def _whole(value: float) -> str:
    return str(math.ceil(value))


def _ending(*words: tuple[str, str | None]) -> str:
    present = [f"\t{label}: {word}" for label, word in words if word]
    return "".join(present or ["\t"]) + "\n"


def _canonical(
    request_id: str,
    duration: str,
    billed: str,
    memory: str,
    max_memory: str,
    init: str | None,
    restore: str | None,
    billed_restore: str | None,
    status: str | None,
    error_type: str | None,
    trace_id: str | None,
) -> Report:
    return _Draft(
        request_id,
        float(duration),
        float(billed),
        int(memory),
        int(max_memory),
        float(init) if init else None,
        float(restore) if restore else None,
        float(billed_restore) if billed_restore else None,
        status,
        error_type,
        trace_id,
    ).finished()


def _init_fields(message: str) -> dict[str, str] | None:
    if "INIT_REPORT" not in message:
        return None
    message = without_prefix(message)
    start = _INIT_REPORT_START.match(message)
    return _fields(message[start.end() :], _INIT_REPORT_LABELS) if start else None


def _fields(body: str, labels: frozenset[str]) -> dict[str, str] | None:
    """The labelled values of one event, given what follows its opening words; the first counts.

    ``None`` where the text is no such event: it goes on with something else than a label, or has
    no known one (a text that ends at once is an event without values), or a second event follows.
    """
    first, *others = body.split("\n")
    if first.strip() and not _FIELD.match(first.lstrip()):
        return None
    own = [first]
    for line in others:
        field = _FIELD.match(line.lstrip())
        if not field or field[1] not in labels:
            break
        own.append(line)
    if any(_REPORT_START.match(without_prefix(line)) for line in others[len(own) - 1 :]):
        return None
    found: dict[str, str] = {}
    for label, value in _FIELD.findall("\n".join(own)):
        if label in labels and value:
            found.setdefault(label, value)
    return found if found or not body.strip() else None


def _milliseconds(value: str | None) -> float | None:
    match = _QUANTITY.fullmatch(value or "")
    return float(match[1]) if match and match[2] == "ms" else None


def _megabytes(value: str | None) -> int | None:
    match = _QUANTITY.fullmatch(value or "")
    return integer(float(match[1])) if match and match[2] == "MB" else None


def _json_record(message: str, event_type: str) -> Mapping[str, Any] | None:
    """The ``record`` of a JSON event of that type, also of one that is quoted as a JSON string."""
    event = decode(message if message[0] == "{" else without_prefix(message))
    if isinstance(event, str):
        event = decode(event)
    if not isinstance(event, dict) or event.get("type") != event_type:
        return None
    record = event.get("record")
    return record if isinstance(record, dict) else None


def _report_of_record(record: Mapping[str, Any]) -> Report | None:
    request_id = word(record.get("requestId"))
    if request_id is None:
        return None
    metric = mapping(record.get("metrics")).get
    tracing = record.get("tracing")
    return _Draft(
        request_id,
        non_negative(metric("durationMs")),
        non_negative(metric("billedDurationMs")),
        integer(metric("memorySizeMB")),
        integer(metric("maxMemoryUsedMB")),
        non_negative(metric("initDurationMs")),
        non_negative(metric("restoreDurationMs")),
        non_negative(metric("billedRestoreDurationMs")),
        word(record.get("status")),
        word(record.get("errorType")),
        _trace_id(tracing) if tracing else None,
    ).finished()


def _trace_id(tracing: object) -> str | None:
    """The root of an X-Amzn-Trace-Id header value, which is what a text line calls XRAY TraceId."""
    root = _TRACE_ROOT.search(text(mapping(tracing).get("value")) or "")
    return root[1] if root else None
