"""REPORT lines and the wrapper's records out of a block of log text, all lines at once.

Nearly every line comes in one form; those are read by columns. Whatever looks like a REPORT or a
record and is not of that form is read by `measure.report_line` and `measure.record`, one by one, so
that nothing is missed and nothing is read differently: the fast way is only faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_lambda_ml.analysis.import_words import (
    MARGIN,
    WORD_BYTES,
    Block,
    decimals,
    fixed,
    integers,
    word,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pyarrow as pa
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]
    Floats = NDArray[np.float64]
    Integers = NDArray[np.int32]

__all__ = ["Layout", "Lines", "ReportLines", "layout_of", "other_lines", "report_lines"]

NEWLINE, TAB = 10, 9
TYPE_AT = len('{"type": "pytest_lambda_ml.')
ID_LENGTH = 36
STREAM_LENGTH = len("2026/11/24/[$LATEST]") + 32
MOST_DIGITS, MOST_DIGITS_BEFORE_POINT = 7, 5
_ONE = np.uint8(1)
"""Taken from 0 it gives the largest byte."""

REPORT = b"REPORT RequestId: "
_START = word(b"REPORT R")


@dataclass(frozen=True, slots=True)
class Layout:
    """How many bytes a tool prints before each event, and where among them the log stream is."""

    prefix: int
    stream: int | None
    marks: tuple[tuple[int, int], ...] = ()
    """Places and bytes by which a line of this layout is known."""

    def known(self, data: Bytes, starts: Places) -> NDArray[np.bool_]:
        """Which of the lines that start here begin with such a prefix."""
        fits = np.ones(len(starts), dtype=bool)
        for place, byte in self.marks:
            fits &= data[np.minimum(starts + place, len(data) - 1)] == byte
        return fits


def _marks(pattern: str) -> tuple[tuple[int, int], ...]:
    """The places of ``pattern`` that are no ``x``."""
    return tuple((place, ord(char)) for place, char in enumerate(pattern) if char != "x")


_STREAM = "xxxx/xx/xx/[$LATEST]" + "x" * 32
PLAIN = Layout(0, None)
TAIL = Layout(33 + STREAM_LENGTH + 1, 33, _marks(f"xxxx-xx-xxTxx:xx:xx.xxxxxx+00:00 {_STREAM} "))
"""``aws logs tail``, its ``--format detailed`` default."""

FILTER = Layout(
    7 + 57 + 14 + STREAM_LENGTH + 1, 78, _marks(f"EVENTS\t{'x' * 56}\t{'x' * 13}\t{_STREAM}\t")
)
"""``aws logs filter-log-events --output text``."""


def layout_of(sample: bytes) -> Layout:
    """The layout of most REPORT lines in a sample of the text."""
    block = Block(sample + bytes(MARGIN), 0, len(sample))

    def fitting(layout: Layout) -> int:
        lines = Lines(block, layout)
        return len(lines.beginning(_START))

    return max((PLAIN, TAIL, FILTER), key=fitting)


class Lines:
    """The lines of a block: where they begin, and the word that each event begins with."""

    def __init__(self, block: Block, layout: Layout) -> None:
        newlines = block.all_of(NEWLINE)
        starts = np.empty(len(newlines) + 1, dtype=np.int64)
        starts[0] = 0
        starts[1:] = newlines + 1
        self.block = block
        self.layout = layout
        self.starts: Places = starts[:-1]
        """A block ends with a newline, so what follows it is no line of the block."""
        self.ends: Places = newlines
        self.heads = block.words(self.starts + layout.prefix)

    def beginning(self, head: np.uint64) -> Places:
        """The numbers of the lines whose event begins with this, after a prefix of the layout."""
        chosen = np.flatnonzero(self.heads == head)
        if self.layout.marks:
            chosen = chosen[self.layout.known(self.block.data, self.starts[chosen])]
        return chosen


@dataclass(frozen=True, slots=True, eq=False)
class ReportLines:
    """The REPORT lines of the common form in a block: which they are and what they say.

    ``init_duration_ms`` is NaN where there is none.
    """

    numbers: Places
    places: Places
    request_id: pa.StringArray
    log_stream: pa.StringArray | None
    duration_ms: Floats
    billed_duration_ms: Floats
    memory_mb: Integers
    max_memory_mb: Integers
    init_duration_ms: Floats


def report_lines(lines: Lines) -> ReportLines:
    r"""The lines that read, after the prefix of the layout and up to the end of the event::

    REPORT RequestId: <36>\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB
    \tMax Memory Used: 36 MB[\tInit Duration: 110.10 ms]\t
    """
    block, layout = lines.block, lines.layout
    chosen = lines.beginning(_START)
    places = lines.starts[chosen] + layout.prefix
    reader = _Reader(block, places)
    reader.skip(REPORT, ID_LENGTH)
    duration_ms = reader.decimals(b"\tDuration: ")
    billed_ms = reader.integers(b" ms\tBilled Duration: ")
    memory_mb = reader.integers(b" ms\tMemory Size: ")
    max_memory_mb = reader.integers(b" MB\tMax Memory Used: ")
    init_ms = reader.optional_decimals(b" MB\tInit Duration: ")
    fits = reader.fits & reader.ends((b" MB\t\n", b" ms\t\n"), unless=b"XRAY Tra")
    kept = slice(None) if fits.all() else fits
    places = places[kept]
    stream = None
    if layout.stream is not None:
        stream = fixed(block, places - layout.prefix + layout.stream, STREAM_LENGTH)
    return ReportLines(
        numbers=chosen[kept],
        places=places,
        request_id=fixed(block, places + len(REPORT), ID_LENGTH),
        log_stream=stream,
        duration_ms=duration_ms[kept],
        billed_duration_ms=billed_ms[kept].astype(np.float64),
        memory_mb=memory_mb[kept].astype(np.int32),
        max_memory_mb=max_memory_mb[kept].astype(np.int32),
        init_duration_ms=init_ms[kept],
    )


def other_lines(lines: Lines, taken: Iterable[Places]) -> Places:
    """Where the lines begin that may hold a REPORT or a record of another form.

    Left out are those ``taken``, by their numbers, and those that say nothing about how an
    invocation ended: START, END, and the wrapper's start records.
    """
    layout, heads = lines.layout, lines.heads
    other = (heads != word(b"START Re")) & (heads != word(b"END Requ"))
    for numbers in taken:
        other[numbers] = False
    left = np.flatnonzero(other)
    starts, heads = lines.starts[left], heads[left]
    first = lines.block.data[starts]
    silent = first == NEWLINE
    if layout is FILTER:
        silent |= first == TAB  # the timestamp after a message that ends its line
    typed = lines.block.words(starts + layout.prefix + TYPE_AT) == word(b'start", ')
    silent |= typed & (heads == word(b'{"type":'))
    others: Places = starts[~silent]
    return others


class _Reader:
    """Goes along many lines at once, label by label; lines that differ stop fitting.

    A place that runs astray in a line that does not fit stays within the text.
    """

    def __init__(self, block: Block, places: Places) -> None:
        self._block = block
        self._places = places
        self.fits = np.ones(len(places), dtype=bool)

    def skip(self, label: bytes, length: int) -> None:
        """The label, which must be here, and so many bytes."""
        self._pass(label)
        self._places += length

    def decimals(self, label: bytes) -> Floats:
        """The number with two decimals after the label, which must be here."""
        values, digits = decimals(self._pass(label))
        self.fits &= digits - _ONE < MOST_DIGITS_BEFORE_POINT
        self._places += digits + np.uint8(len(".00"))
        return values

    def integers(self, label: bytes) -> NDArray[np.uint64]:
        """The whole number after the label, which must be here."""
        values, digits = integers(self._pass(label))
        self.fits &= digits - _ONE < MOST_DIGITS
        self._places += digits
        return values

    def optional_decimals(self, label: bytes) -> Floats:
        """The number after the label in the lines that have it, NaN in the others."""
        values = np.full(len(self._places), np.nan)
        have = np.flatnonzero(self._block.words(self._places) == word(label[:WORD_BYTES]))
        if len(have):
            some = _Reader(self._block, self._places[have])
            values[have] = some.decimals(label)
            self.fits[have] &= some.fits
            self._places[have] = some._places
        return values

    def ends(self, endings: tuple[bytes, ...], *, unless: bytes) -> NDArray[np.bool_]:
        """Which lines end here in one of these ways, all of one length, and do not go on so."""
        length = len(endings[0])
        rows = self._block.rows(self._places, length + WORD_BYTES)
        here = rows.words(0) & word(b"\xff" * length)
        fits: NDArray[np.bool_] = here == word(endings[0])
        for ending in endings[1:]:
            fits |= here == word(ending)
        fits &= rows.words(length) != word(unless)
        return fits

    def _pass(self, label: bytes) -> NDArray[np.uint64]:
        """Hold the label against the text, go past it, and give the word that follows."""
        rows = self._block.rows(self._places, len(label) + WORD_BYTES)
        self.fits &= rows.hold(0, label)
        self._places = self._places + len(label)
        return rows.words(len(label))
