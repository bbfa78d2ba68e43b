"""Log text as CloudWatch gives it, into a table with a row per REPORT.

Understood are the messages alone, what ``aws logs tail`` and ``aws logs filter-log-events`` print
(text or JSON), and whatever else `measure.log_prefix` knows. The file is read in blocks, each by
columns (`analysis.import_lines`), on all cores: numpy lets go of Python's lock.
"""

from __future__ import annotations

import json
import os
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lambda_ml.analysis.import_lines import (
    LONGEST_REPORT,
    REPORT,
    layout_of,
    line_starts,
    other_lines,
    report_lines,
)
from pytest_lambda_ml.analysis.import_records import FIELDS, record_lines
from pytest_lambda_ml.campaign.evidence import EndLine, read_event
from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.measure.log_prefix import without_prefix
from pytest_lambda_ml.model import InvocationRecord, LogEvent, Report
from pytest_lambda_ml.store.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from pytest_lambda_ml.analysis.import_lines import Layout, Places

__all__ = ["LogTables", "read_log"]

BLOCK_BYTES = 4 << 20
SAMPLE_BYTES = 1 << 16
TRACE = b"XRAY TraceId"
"""What follows a REPORT on a line of its own, within the same event."""

RECORD_TYPE = b"pytest_lambda_ml.invocation"
ODD = (REPORT.rstrip(), RECORD_TYPE, b"platform.report", b"Task timed out after", b"Runtime exited")
"""What is looked at line by line where it is not of the common form."""

REPORT_FIELDS = {
    "request_id": "string",
    "duration_ms": "float64",
    "billed_duration_ms": "float64",
    "memory_mb": "int32",
    "max_memory_mb": "int32",
    "init_duration_ms": "float64",
    "restore_duration_ms": "float64",
    "billed_restore_duration_ms": "float64",
    "status": "string",
    "error_type": "string",
    "xray_trace_id": "string",
}


@dataclass(frozen=True, slots=True, eq=False)
class LogTables:
    """What a log says: REPORTs and records in the order of the file, and old-style endings.

    Both tables have a column ``place``, the byte in the file at which the line's event begins;
    ``reports`` also ``log_stream``. ``endings`` says of a request how it ended where that is a line
    of its own.
    """

    reports: pa.Table
    records: pa.Table
    endings: dict[str, str] = field(default_factory=dict)


def read_log(path: Path) -> LogTables:
    """Read one file. Raises `RunStoreError` when it cannot be read or holds no REPORT."""
    import pyarrow as pa

    try:
        with path.open("rb") as file:
            head = file.read(SAMPLE_BYTES)
        events = _events_of_json(path) if head.lstrip()[:1] in {b"{", b"["} else None
        blocks = _blocks(path) if events is None else _event_blocks(events)
        layout = layout_of(head)
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            parts = list(pool.map(lambda part: _read_block(part[0], part[1], layout), blocks))
    except OSError as error:
        raise RunStoreError(f"{path} cannot be read: {error.strerror}") from error
    reports = pa.concat_tables([_reports_schema().empty_table(), *(part.reports for part in parts)])
    records = pa.concat_tables([_records_schema().empty_table(), *(part.records for part in parts)])
    if not reports.num_rows:
        raise RunStoreError(f"{path} has no REPORT line")
    endings = {request: how for part in parts for request, how in part.endings.items()}
    return LogTables(reports, records, endings)


def _blocks(path: Path) -> Iterator[tuple[int, bytes]]:
    """The file in blocks of whole lines, each with its place and a margin of zeros."""
    with path.open("rb") as file:
        place, rest = 0, b""
        while data := file.read(BLOCK_BYTES):
            end = _cut(data)
            if not end:
                rest += data
                continue
            block = b"".join((rest, memoryview(data)[:end], bytes(LONGEST_REPORT)))
            yield place, block
            place += len(rest) + end
            rest = data[end:]
        if rest:
            yield place, b"".join((rest, b"\n", bytes(LONGEST_REPORT)))


def _cut(data: bytes) -> int:
    """Where the last line begins that is no second line of an event; 0 where there is none."""
    end = data.rfind(b"\n", 0, -len(TRACE)) + 1
    while end and data.startswith(TRACE, end):
        end = data.rfind(b"\n", 0, end - 1) + 1
    return end


def _events_of_json(path: Path) -> list[Any] | None:
    """The events of ``filter-log-events --output json``; None for any other JSON."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        return None  # JSON by the line: the text way reads it
    events = content.get("events") if isinstance(content, dict) else content
    return events if isinstance(events, list) else None


def _event_blocks(events: list[Any]) -> Iterator[tuple[int, bytes]]:
    place, lines, size = 0, [], 0
    for event in events:
        if not isinstance(event, dict) or not isinstance(event.get("message"), str):
            continue
        line = event["message"].rstrip("\n").encode() + b"\n"
        lines.append(line)
        size += len(line)
        if size >= BLOCK_BYTES:
            yield place, b"".join((*lines, bytes(LONGEST_REPORT)))
            place, lines, size = place + size, [], 0
    if lines:
        yield place, b"".join((*lines, bytes(LONGEST_REPORT)))


def _read_block(place: int, block: bytes, layout: Layout) -> LogTables:
    import pyarrow as pa

    starts = line_starts(np.frombuffer(block, np.uint8))
    fast = report_lines(block, starts, layout)
    columns: dict[str, Any] = {
        "place": fast.places + place,
        "log_stream": fast.log_stream
        if fast.log_stream is not None
        else pa.nulls(len(fast.places), pa.string()),
    }
    for name, kind in REPORT_FIELDS.items():
        values = getattr(fast, name, None)
        type_ = pa.type_for_alias(kind)
        if values is None:
            columns[name] = pa.nulls(len(fast.places), type_)
        elif kind == "int32":
            columns[name] = values.astype(np.int32)
        else:
            columns[name] = values if kind == "string" else pa.array(values, from_pandas=True)
    found = record_lines(block, starts, layout)
    records = [
        pa.table({"place": part.places + place, **part.columns}, schema=_records_schema())
        for part in found
    ]
    taken = np.concatenate([fast.places, *(part.places for part in found)])
    odd = _Odd()
    odd.read(block, place, other_lines(block, starts, taken, layout))
    reports = pa.table(columns, schema=_reports_schema())
    return LogTables(
        pa.concat_tables([reports, pa.Table.from_pylist(odd.reports, _reports_schema())]),
        pa.concat_tables([*records, pa.Table.from_pylist(odd.records, _records_schema())]),
        odd.endings,
    )


def _reports_schema() -> pa.Schema:
    import pyarrow as pa

    kinds = {"place": "int64", "log_stream": "string", **REPORT_FIELDS}
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in kinds.items()])


def _records_schema() -> pa.Schema:
    import pyarrow as pa

    kinds = {"place": "int64", **FIELDS}
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in kinds.items()])


_TIME_AFTER = re.compile(r"(?<=})\t\d+$")
"""The timestamp that ``--output text`` prints after a message."""


class _Odd:
    """Events that the fast way left out, read one by one."""

    def __init__(self) -> None:
        self.reports: list[dict[str, Any]] = []
        self.records: list[dict[str, Any]] = []
        self.endings: dict[str, str] = {}

    def read(self, block: bytes, place: int, begins: Places) -> None:
        """The lines that begin at these places, of which few hold one of `ODD`."""
        for start in begins.tolist():
            end = block.find(b"\n", start)
            line = block[start:end]
            if any(mark in line for mark in ODD):
                self._read(block, start, end, place)

    def _read(self, block: bytes, start: int, end: int, place: int) -> None:
        if block.startswith(TRACE, end + 1):
            end = block.find(b"\n", end + 1)
        text = block[start:end].decode("utf-8", "replace").rstrip("\r")
        message = _TIME_AFTER.sub("", without_prefix(text))
        # Old lines on timeouts and crashes begin with a time, which is no prefix of a tool.
        events = (LogEvent("", "", 0, text) for text in (message + "\n", f"- {message}"))
        fact = next(filter(None, map(read_event, events)), None)
        match fact.value if fact else None:
            case Report() as report:
                self.reports.append({"place": place + start, **plain(report)})
            case InvocationRecord() as record:
                told = {name: getattr(record, name) for name in FIELDS}
                told["figures"] = json.dumps(told["figures"])
                self.records.append({"place": place + start, **told})
            case EndLine() as line:
                self.endings[line.request_id] = line.how
