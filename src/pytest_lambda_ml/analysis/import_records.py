"""The wrapper's invocation records out of a block of log text, all lines at once.

Lines are held against a pattern (`analysis.import_pattern`), part by part, and what differs between
them is read by columns. Patterns are made as lines come that none of those so far fits; what has no
pattern is left out, to be read one by one.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pytest_lambda_ml.analysis.import_pattern import pattern_of
from pytest_lambda_ml.analysis.import_walk import Walk
from pytest_lambda_ml.analysis.import_words import MARGIN, fixed, integers, slices, word
from pytest_lambda_ml.measure.record import parse_record
from pytest_lambda_ml.model import InvocationRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from pytest_lambda_ml.analysis.import_lines import Lines
    from pytest_lambda_ml.analysis.import_pattern import Pattern
    from pytest_lambda_ml.analysis.import_words import Block

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]

__all__ = ["FIELDS", "RecordLines", "Records", "arrow_type"]

FIELDS = {
    "sample_id": "string",
    "sns_message_id": "string",
    "request_id": "string",
    "environment_id": "string",
    "function_name": "string",
    "function_version": "string",
    "cold": "bool",
    "initialization_started_at_ms": "float64",
    "initialization_ended_at_ms": "float64",
    "initialization_ms": "float64",
    "processing_started_at_ms": "float64",
    "processing_ended_at_ms": "float64",
    "processing_ms": "float64",
    "cpu_time_ms": "float64",
    "runtime_start_ms": "float64",
    "imports_ms": "float64",
    "fetching_ms": "float64",
    "batch_size": "int32",
    "cpu_count": "int32",
    "cpu_model": "string",
    "output_digest": "string",
    "weights": "string",
    "figures": "string",
    "error_type": "string",
    "error_message": "string",
}
"""What is kept of a record, under its own names."""

_OWN_WORDS = frozenset(
    {"sample_id", "sns_message_id", "request_id", "output_digest", "xray_trace_id"}
)
"""Texts that seldom come twice; all others are dictionary-encoded."""

QUOTE, BACKSLASH, BRACE = (ord(char) for char in '"\\}')
_REQUIRED_INTEGERS = ("schema_version", "memory_mb")
_RECORD, _INVOCATION = word(b'{"type":'), word(b"invocati")
_INVOCATION_AT = len('{"type": "pytest_lambda_ml.')
SAMPLES = 24
"""Lines that show what differs."""
FEWEST = 8
"""Lines that are worth a pattern."""
MOST_PATTERNS = 40


def arrow_type(name: str, kind: str) -> pa.DataType:
    """The Arrow type of a column of this name."""
    import pyarrow as pa

    if kind != "string" or name in _OWN_WORDS:
        return pa.type_for_alias(kind)
    return pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True, slots=True, eq=False)
class RecordLines:
    """Records read from a block: the numbers of their lines, and their `FIELDS` as columns."""

    numbers: Places
    columns: dict[str, pa.Array] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class _Found:
    """Lines by number, and where what is on them begins and ends."""

    numbers: Places
    places: Places
    ends: Places

    def __len__(self) -> int:
        return len(self.numbers)

    def __getitem__(self, chosen: Places | slice) -> _Found:
        return _Found(self.numbers[chosen], self.places[chosen], self.ends[chosen])


class Records:
    """Reads the records of a file, block by block, and knows the patterns met so far.

    Blocks may be read at the same time: which patterns are known makes no difference to what is
    read, only to how soon.
    """

    def __init__(self) -> None:
        self._patterns: list[_Reader] = []

    def read(self, lines: Lines) -> list[RecordLines]:
        """The records in a block, pattern by pattern; odd ones are left out.

        A line with a backslash is odd: something in it is escaped.
        """
        left = _record_lines(lines)
        read: list[RecordLines] = []
        for reader in tuple(self._patterns):
            left = reader.read(lines.block, left, read)
        while len(left) >= FEWEST and len(self._patterns) < MOST_PATTERNS:
            made = _Reader.of(_samples(lines.block, left))
            others = made.read(lines.block, left, read) if made else left
            if made and len(others) < len(left):
                self._patterns.append(made)
                left = others
            else:
                left = left[len(left) // 2 :]
        return read


def _samples(block: Block, lines: _Found) -> list[bytes]:
    chosen = np.linspace(0, len(lines) - 1, SAMPLES).astype(np.int64)
    spans = zip(lines.places[chosen].tolist(), lines.ends[chosen].tolist(), strict=True)
    return [block.text(start, end) for start, end in spans]


def _record_lines(lines: Lines) -> _Found:
    """The lines with invocation records, but for those with a backslash."""
    block = lines.block
    chosen = lines.beginning(_RECORD)
    found = _Found(chosen, lines.starts[chosen] + lines.layout.prefix, lines.ends[chosen])
    here = block.words(found.places + _INVOCATION_AT) == _INVOCATION
    here &= (found.ends > found.places) & (block.data[found.ends - 1] == BRACE)
    found = found[np.flatnonzero(here)]
    if len(found) and block.find(b"\\") >= 0:
        slashes = block.all_of(BACKSLASH)
        plain = np.searchsorted(slashes, found.places) == np.searchsorted(slashes, found.ends)
        found = found[np.flatnonzero(plain)]
    return found


class _MisfitError(Exception):
    """Lines cannot be read by columns; never leaves this module."""


class _Reader:
    """Reads the lines that have a pattern."""

    def __init__(self, pattern: Pattern, constant: dict[str, object]) -> None:
        self._pattern, self._constant = pattern, constant
        self._kept = {
            hole
            for name, kind in FIELDS.items()
            if kind == "string"
            and (hole := pattern.hole_of(name)) is not None
            and 0 < (pattern.holes[hole].length or 0) <= MARGIN
        }
        self._integers = {
            hole
            for name in (*_REQUIRED_INTEGERS, *FIELDS)
            if FIELDS.get(name, "int32") == "int32" and (hole := pattern.hole_of(name)) is not None
        }

    @classmethod
    def of(cls, samples: Sequence[bytes]) -> _Reader | None:
        """A reader of lines like most of these; None where they are no records, or odd."""
        found = pattern_of(samples)
        if found is None:
            return None
        pattern, line = found
        record = parse_record(line.decode("utf-8", "replace"))
        if not isinstance(record, InvocationRecord):
            return None
        if record.figures != pattern.values.get("figures", {}):
            return None  # something in them is left out
        constant: dict[str, object] = {}
        for name, kind in FIELDS.items():
            value = getattr(record, name)
            if name not in pattern.spans:
                constant[name] = json.dumps(value) if name == "figures" else value
            elif name != "figures":
                hole = pattern.hole_of(name)
                if hole is None or pattern.holes[hole].is_number == (kind == "string"):
                    return None
        return cls(pattern, constant)

    def read(self, block: Block, lines: _Found, read: list[RecordLines]) -> _Found:
        """Add to ``read`` the records among these lines that fit; give those that do not."""
        walk = Walk(block, self._pattern, lines.places, lines.ends)
        walk.go(self._integers, self._kept)
        if not len(walk.rows):
            return lines
        try:
            columns = {name: self._encoded(name, block, walk.parts) for name in FIELDS}
        except _MisfitError:
            return lines
        read.append(RecordLines(lines.numbers[walk.rows], columns))
        others = np.ones(len(lines), dtype=bool)
        others[walk.rows] = False
        return lines[np.flatnonzero(others)]

    def _encoded(self, name: str, block: Block, parts: list[Places]) -> pa.Array:
        import pyarrow as pa

        type_ = arrow_type(name, FIELDS[name])
        if name in self._constant:
            return _repeated(self._constant[name], type_, len(parts[0]))
        column = self._column(name, block, parts)
        return column.dictionary_encode() if pa.types.is_dictionary(type_) else column

    def _column(self, name: str, block: Block, parts: list[Places]) -> pa.Array:
        import pyarrow as pa

        (first, offset), (last, end) = self._pattern.spans[name]
        starts = parts[first] + offset
        if name == "figures":
            return slices(block.data, starts, parts[last] + end)
        hole = self._pattern.holes[first]
        if FIELDS[name] == "int32":
            return pa.array(integers(block.words(starts))[0].astype(np.int32))
        if first in self._kept:
            return _words(block, starts, hole.length or 0)
        texts = slices(block.data, starts, parts[first + 1])
        return texts if FIELDS[name] == "string" else _floats(texts)


def _repeated(value: object, type_: pa.DataType, count: int) -> pa.Array:
    import pyarrow as pa

    if value is None:
        return pa.nulls(count, type_)
    if pa.types.is_dictionary(type_):
        return pa.DictionaryArray.from_arrays(np.zeros(count, dtype=np.int32), [value])
    return pa.repeat(pa.scalar(value, type_), count)


def _words(block: Block, starts: Places, length: int) -> pa.Array:
    """Words of one length, none of which ends before."""
    texts = fixed(block, starts, length)
    if QUOTE in np.frombuffer(texts.buffers()[2], np.uint8):
        raise _MisfitError
    return texts


def _floats(texts: pa.StringArray) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        values = texts.cast(pa.float64())
    except pa.ArrowInvalid:
        raise _MisfitError from None
    if not pc.all(pc.is_finite(values)).as_py():
        raise _MisfitError
    return values
