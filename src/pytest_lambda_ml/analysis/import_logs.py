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
from functools import cache
from mmap import ACCESS_READ, mmap
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from pytest_lambda_ml.analysis.import_lines import (
    REPORT,
    Lines,
    layout_of,
    other_lines,
    report_lines,
)
from pytest_lambda_ml.analysis.import_records import FIELDS, Records, arrow_type
from pytest_lambda_ml.analysis.import_words import MARGIN, Block
from pytest_lambda_ml.campaign.evidence import EndLine, read_event
from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.measure.log_prefix import without_prefix
from pytest_lambda_ml.model import InvocationRecord, LogEvent, Report
from pytest_lambda_ml.store.plain import plain

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pyarrow as pa

    from pytest_lambda_ml.analysis.import_lines import Layout, Places, ReportLines

__all__ = ["LogTables", "log_parts", "records_schema"]

BLOCK_REPORTS = 16_000
"""So many REPORTs in a block: their columns stay in a core's cache, and each step has enough to do
that Python between the steps does not count."""

BLOCK_BYTES, SMALLEST_BLOCK_BYTES = 32 << 20, 1 << 18

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
    """What a log, or a part of one, says: REPORTs, records, and old-style endings.

    Both tables are in the order of the file and have a column ``place``, the byte at which the
    line's event begins; ``reports`` also ``log_stream``. ``endings`` says of a request how it ended
    where that is a line of its own.
    """

    reports: pa.Table
    records: pa.Table
    endings: dict[str, str] = field(default_factory=dict)


def log_parts(path: Path) -> Iterator[LogTables]:
    """Read one file part by part, in its order; other threads read on while one is looked at.

    Raises `RunStoreError` when it cannot be read, or at its end when it holds no REPORT.
    """
    reports = 0
    try:
        with path.open("rb") as file:
            head = file.read(SAMPLE_BYTES)
            events = _events_of_json(path) if _may_be_one_json(head) else None
            limit = _block_bytes(head, os.fstat(file.fileno()).st_size)
            blocks = _blocks(file, limit) if events is None else _event_blocks(events, limit)
            layout = layout_of(head[: head.rfind(b"\n") + 1])
            known = Records()
            with ThreadPoolExecutor(max_workers=_cores()) as pool:
                for part in pool.map(lambda block: _read_block(block, layout, known), blocks):
                    reports += part.reports.num_rows
                    yield part
    except OSError as error:
        raise RunStoreError(f"{path} cannot be read: {error.strerror or error}") from error
    if not reports:
        raise RunStoreError(f"{path} has no REPORT line")


def _block_bytes(head: bytes, size: int) -> int:
    """How large blocks are, so that each core has as many."""
    each = len(head) // (head.count(REPORT) or 1) + 1
    rounds = size // (min(BLOCK_REPORTS * each, BLOCK_BYTES) * _cores()) + 1
    return min(max(size // (rounds * _cores()) + 1, SMALLEST_BLOCK_BYTES), BLOCK_BYTES)


def _cores() -> int:
    return os.cpu_count() or 1


def _blocks(file: BinaryIO, limit: int) -> Iterator[Block]:
    """The file in blocks of whole lines, mapped into memory; its end is copied, with a margin."""
    size = os.fstat(file.fileno()).st_size
    text = mmap(file.fileno(), 0, access=ACCESS_READ) if size else b""
    start = 0
    while (end := _cut(text, start, size, limit)) is not None:
        yield Block(text, start, end - start)
        start = end
    rest = text[start:] + (b"" if text[size - 1 :] == b"\n" else b"\n")
    if start < size:
        block = Block(rest + bytes(MARGIN), 0, len(rest))
        block.offset = start
        yield block


def _cut(text: bytes | mmap, start: int, size: int, limit: int) -> int | None:
    """Where the block of ``limit`` bytes from ``start`` ends: no line of the same event follows.

    A margin of text is left after it. None where what is left is the last block, or is one line.
    """
    last = size - MARGIN
    while start < last:
        end = text.rfind(b"\n", start, min(start + limit, last)) + 1
        while end > start and text[end : end + len(TRACE)] == TRACE:
            end = text.rfind(b"\n", start, end - 1) + 1
        if end > start:
            return end
        if start + limit >= last:
            return None
        limit *= 2
    return None


def _may_be_one_json(head: bytes) -> bool:
    """Whether the text begins as JSON does, but not with a line that is JSON by itself."""
    if head.lstrip()[:1] not in {b"{", b"["}:
        return False
    line, newline, rest = head.lstrip().partition(b"\n")
    try:
        json.loads(line)
    except ValueError:
        return True
    return not (newline and rest.strip())


def _events_of_json(path: Path) -> list[Any] | None:
    """The events of ``filter-log-events --output json``; None for any other JSON."""
    try:
        content = json.loads(path.read_bytes())
    except ValueError:
        return None  # JSON by the line: the text way reads it
    events = content.get("events") if isinstance(content, dict) else content
    return events if isinstance(events, list) else None


def _event_blocks(events: list[Any], limit: int) -> Iterator[Block]:
    """The events' messages as blocks of lines."""
    offset, lines, size = 0, [], 0
    for event in (*events, None):
        message = event.get("message") if isinstance(event, dict) else None
        if isinstance(message, str):
            lines.append(message.rstrip("\n").encode("utf-8", "replace") + b"\n")
            size += len(lines[-1])
        if lines and (event is None or size >= limit):
            block = Block(b"".join((*lines, bytes(MARGIN))), 0, size)
            block.offset = offset
            yield block
            offset, lines, size = offset + size, [], 0


def _read_block(block: Block, layout: Layout, records: Records) -> LogTables:
    import pyarrow as pa

    lines = Lines(block, layout)
    fast, found = report_lines(lines), records.read(lines)
    odd = _Odd(block)
    odd.read(other_lines(lines, (fast.numbers, *(part.numbers for part in found))))
    reports = [_report_table(fast, block.offset)]
    told = [records_schema().empty_table()]
    for part in found:
        places = lines.starts[part.numbers] + (layout.prefix + block.offset)
        told.append(pa.table({"place": places, **part.columns}, schema=records_schema()))
    if odd.reports:
        reports.append(pa.Table.from_pylist(odd.reports, _reports_schema()))
    if odd.records:
        told.append(pa.Table.from_pylist(odd.records, records_schema()))
    tables = LogTables(_one_table(reports), _one_table(told), odd.endings)
    block.let_go()
    return tables


def _one_table(tables: list[pa.Table]) -> pa.Table:
    """The rows of all, in the order of the file."""
    import pyarrow as pa

    some = [table for table in tables if table.num_rows] or tables[:1]
    if len(some) == 1:
        return some[0]
    table = pa.concat_tables(some).unify_dictionaries().combine_chunks()
    places = table["place"].to_numpy()
    in_order = (np.diff(places) > 0).all()
    return table if in_order else table.take(np.argsort(places, kind="stable"))


def _report_table(fast: ReportLines, offset: int) -> pa.Table:
    import pyarrow as pa

    count = len(fast.places)
    columns: dict[str, Any] = {
        "place": fast.places + offset,
    }
    for kind in list(_reports_schema())[1:]:
        values = getattr(fast, kind.name, None)
        columns[kind.name] = pa.nulls(count, kind.type) if values is None else values
    if fast.log_stream is not None:
        columns["log_stream"] = fast.log_stream.dictionary_encode()
    init_ms = fast.init_duration_ms
    columns["init_duration_ms"] = pa.array(init_ms, mask=np.isnan(init_ms))
    return pa.table(columns, schema=_reports_schema())


@cache
def _reports_schema() -> pa.Schema:
    return _schema({"place": "int64", "log_stream": "string", **REPORT_FIELDS})


@cache
def records_schema() -> pa.Schema:
    """The columns of `LogTables.records`."""
    return _schema({"place": "int64", **FIELDS})


def _schema(kinds: dict[str, str]) -> pa.Schema:
    import pyarrow as pa

    return pa.schema([(name, arrow_type(name, kind)) for name, kind in kinds.items()])


_TIME_AFTER = re.compile(r"(?<=})\t\d+$")
"""The timestamp that ``--output text`` prints after a message."""


class _Odd:
    """Events that the fast way left out, read one by one."""

    def __init__(self, block: Block) -> None:
        self._block = block
        self.reports: list[dict[str, Any]] = []
        self.records: list[dict[str, Any]] = []
        self.endings: dict[str, str] = {}

    def read(self, begins: Places) -> None:
        """The lines that begin at these places, of which few hold one of `ODD`."""
        for start in begins.tolist():
            end = self._block.find(b"\n", start)
            line = self._block.text(start, end)
            if any(mark in line for mark in ODD):
                self._read(start, end)

    def _read(self, start: int, end: int) -> None:
        if self._block.text(end + 1, end + 1 + len(TRACE)) == TRACE:
            end = self._block.find(b"\n", end + 1)
        place = self._block.offset + start
        text = self._block.text(start, end).decode("utf-8", "replace").rstrip("\r")
        message = _TIME_AFTER.sub("", without_prefix(text))
        # Old lines on timeouts and crashes begin with a time, which is no prefix of a tool.
        events = (LogEvent("", "", 0, text) for text in (message + "\n", f"- {message}"))
        fact = next(filter(None, map(read_event, events)), None)
        match fact.value if fact else None:
            case Report() as report:
                self.reports.append({"place": place, **plain(report)})
            case InvocationRecord() as record:
                told = {name: getattr(record, name) for name in FIELDS}
                told["figures"] = json.dumps(told["figures"])
                self.records.append({"place": place, **told})
            case EndLine() as line:
                self.endings[line.request_id] = line.how
