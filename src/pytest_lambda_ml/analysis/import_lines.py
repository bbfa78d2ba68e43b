"""REPORT lines and the wrapper's records out of a block of log text, all lines at once.

Nearly every line comes in one form; those are read by columns. Whatever looks like a REPORT or a
record and is not of that form is read by `measure.report_line` and `measure.record`, one by one, so
that nothing is missed and nothing is read differently: the fast way is only faster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_lambda_ml.analysis.import_words import MARGIN, Block, decimals, fixed, integers, word

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]
    Floats = NDArray[np.float64]

__all__ = ["Layout", "Lines", "ReportLines", "layout_of", "other_lines", "report_lines"]

NEWLINE, TAB = 10, 9
TYPE_AT = len('{"type": "pytest_lambda_ml.')
ID_LENGTH = 36
STREAM_LENGTH = len("2026/11/24/[$LATEST]") + 32
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
        return int(np.count_nonzero(lines.known(lines.heads == _START)))

    return max((PLAIN, TAIL, FILTER), key=fitting)


class Lines:
    """The lines of a block: where they begin, and the word that each event begins with."""

    def __init__(self, block: Block, layout: Layout) -> None:
        newlines = np.flatnonzero(block.data == NEWLINE)
        starts = np.empty(len(newlines) + 1, dtype=np.int64)
        starts[0] = 0
        starts[1:] = newlines + 1
        self.block = block
        self.layout = layout
        self.starts: Places = starts[:-1]
        """A block ends with a newline, so what follows it is no line of the block."""
        self.ends: Places = newlines
        self.heads = block.words[self.starts + layout.prefix]

    def known(self, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Of the chosen lines those that begin with a prefix of the layout."""
        if self.layout.marks:
            chosen[chosen] = self.layout.known(self.block.data, self.starts[chosen])
        return chosen


@dataclass(frozen=True, slots=True, eq=False)
class ReportLines:
    """The REPORT lines of the common form in a block: where they are and what they say.

    ``init_duration_ms`` is NaN where there is none.
    """

    places: Places
    request_id: pa.StringArray
    log_stream: pa.StringArray | None
    duration_ms: Floats
    billed_duration_ms: Floats
    memory_mb: Floats
    max_memory_mb: Floats
    init_duration_ms: Floats


def report_lines(lines: Lines) -> ReportLines:
    r"""The lines that read, after the prefix of the layout and up to the end of the event::

    REPORT RequestId: <36>\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB
    \tMax Memory Used: 36 MB[\tInit Duration: 110.10 ms]\t
    """
    data, words, layout = lines.block.data, lines.block.words, lines.layout
    places = lines.starts[lines.known(lines.heads == _START)] + layout.prefix
    reader = _Reader(words, places + len(REPORT) + ID_LENGTH)
    reader.fits &= words[places + 10] == word(b"uestId: ")
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
        stream = fixed(data, places - layout.prefix + layout.stream, STREAM_LENGTH)
    return ReportLines(
        places=places,
        request_id=fixed(data, places + len(REPORT), ID_LENGTH),
        log_stream=stream,
        duration_ms=duration_ms[kept],
        billed_duration_ms=billed_ms[kept],
        memory_mb=memory_mb[kept],
        max_memory_mb=max_memory_mb[kept],
        init_duration_ms=init_ms[kept],
    )


def other_lines(lines: Lines, taken: Places) -> Places:
    """Where the lines begin that may hold a REPORT or a record of another form.

    Left out are those ``taken`` (given by where they begin after their prefix) and those that say
    nothing about how an invocation ended: START, END, and the wrapper's start records.
    """
    layout, heads = lines.layout, lines.heads
    other = (heads != word(b"START Re")) & (heads != word(b"END Requ"))
    other[np.searchsorted(lines.starts, taken - layout.prefix)] = False
    left = np.flatnonzero(other)
    starts, heads = lines.starts[left], heads[left]
    first = lines.block.data[starts]
    silent = first == NEWLINE
    if layout is FILTER:
        silent |= first == TAB  # the timestamp after a message that ends its line
    typed = lines.block.words[starts + layout.prefix + TYPE_AT] == word(b'start", ')
    silent |= typed & (heads == word(b'{"type":'))
    others: Places = starts[~silent]
    return others


class _Reader:
    """Goes along many lines at once, label by label; lines that differ stop fitting.

    A place that runs astray in a line that does not fit stays within the text.
    """

    def __init__(self, words: NDArray[np.uint64], places: Places) -> None:
        self._words = words
        self._places = places
        self.fits = np.ones(len(places), dtype=bool)

    def decimals(self, label: bytes) -> Floats:
        """The number with two decimals after the label, which must be here."""
        self._pass(label)
        values, digits = decimals(self._words[self._places])
        self.fits &= (digits > 0) & (digits <= 5)
        self._places += digits + 3
        return values

    def integers(self, label: bytes) -> Floats:
        """The whole number after the label, which must be here."""
        self._pass(label)
        values, digits = integers(self._words[self._places])
        self.fits &= (digits > 0) & (digits <= 7)
        self._places += digits
        return values

    def optional_decimals(self, label: bytes) -> Floats:
        """The number after the label in the lines that have it, NaN in the others."""
        values = np.full(len(self._places), np.nan)
        have = np.flatnonzero(self._words[self._places] == word(label[:8]))
        if len(have):
            some = _Reader(self._words, self._places[have])
            values[have] = some.decimals(label)
            self.fits[have] &= some.fits
            self._places[have] = some._places
        return values

    def ends(self, endings: tuple[bytes, ...], *, unless: bytes) -> NDArray[np.bool_]:
        """Which lines end here in one of these ways, all of one length, and do not go on so."""
        mask = word(b"\xff" * len(endings[0]))
        here = self._words[self._places] & mask
        fits: NDArray[np.bool_] = here == word(endings[0])
        for ending in endings[1:]:
            fits |= here == word(ending)
        fits &= self._words[self._places + len(endings[0])] != word(unless)
        return fits

    def _pass(self, label: bytes) -> None:
        """Hold the label against the text, its first and last eight bytes and what is between."""
        last = len(label) - 8
        for at in {*range(0, last, 8), last}:
            self.fits &= self._words[self._places + at] == word(label[at : at + 8])
        self._places = self._places + len(label)
