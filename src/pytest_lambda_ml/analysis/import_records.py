"""The wrapper's invocation records out of a block of log text, all lines at once.

The wrapper writes all records with one order of keys, so lines with the same number of quotation
marks have each key between the same two of them. One line of each such group is the pattern; the
others are held against it, key by key, and read by columns.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from pytest_lambda_ml.analysis.import_words import fixed, slices, word

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from pytest_lambda_ml.analysis.import_lines import Lines
    from pytest_lambda_ml.analysis.import_words import Block

    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]

__all__ = ["FIELDS", "RecordLines", "record_lines"]

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

QUOTE, BACKSLASH, BRACE, TRUE = (ord(char) for char in '"\\}t')
_RECORD, _INVOCATION = word(b'{"type":'), word(b"invocati")
_INVOCATION_AT = len('{"type": "pytest_lambda_ml.')
_NULL, _FOUR_BYTES = word(b"null"), np.uint64(0xFFFF_FFFF)
FEWEST = 8
"""Lines of one form that are worth a pattern."""


@dataclass(frozen=True, slots=True, eq=False)
class RecordLines:
    """The records read from a block: where each is, and its `FIELDS` as Arrow columns."""

    places: Places
    columns: dict[str, pa.Array] = field(default_factory=dict)


def record_lines(lines: Lines) -> list[RecordLines]:
    """The records in a block, group by group; odd ones are left out.

    A line with a backslash is odd: something in it is escaped.
    """
    block, prefix = lines.block, lines.layout.prefix
    chosen = lines.known(lines.heads == _RECORD)
    places, ends = lines.starts[chosen] + prefix, lines.ends[chosen]
    here = block.words[places + _INVOCATION_AT] == _INVOCATION
    here &= (ends > places) & (block.data[ends - 1] == BRACE)
    places, ends = places[here], ends[here]
    if not len(places):
        return []
    if block.find(b"\\") >= 0:
        slashes = np.flatnonzero(block.data == BACKSLASH)
        plain = np.searchsorted(slashes, places) == np.searchsorted(slashes, ends)
        places, ends = places[plain], ends[plain]
    quotes = np.flatnonzero(block.data == QUOTE)
    first = np.searchsorted(quotes, places)
    counts = np.searchsorted(quotes, ends) - first
    read = []
    for count in np.unique(counts):
        rows = counts == count
        if rows.sum() >= FEWEST:
            found = _Pattern(block, quotes, places[rows], ends[rows], first[rows]).read()
            if len(found.places):
                read.append(found)
    return read


class _MisfitError(Exception):
    """Lines cannot be read by columns; never leaves this module."""


class _Pattern:
    """Lines with quotation marks in the same number, and the first of them as their pattern."""

    def __init__(
        self, block: Block, quotes: Places, places: Places, ends: Places, first: Places
    ) -> None:
        self._data, self._words, self._quotes = block.data, block.words, quotes
        self._places, self._ends, self._first = places, ends, first
        try:
            keys = _key_places(block.text(int(places[0]), int(ends[0])))
        except ValueError:  # the pattern itself is no JSON
            keys = {}
        self._names = [name for name in FIELDS if name in keys]
        self._numbers = np.array([keys[name][0] for name in self._names], dtype=np.int64)
        self._followed = [keys[name][1] for name in self._names]

    def read(self) -> RecordLines:
        """All lines that agree with the pattern; none where it has no keys or odd values."""
        if "request_id" not in self._names:
            return RecordLines(self._places[:0], {})
        values, fits = self._hold()
        if not fits.all():
            self._places, self._ends, self._first = (
                column[fits] for column in (self._places, self._ends, self._first)
            )
            values = values[:, fits]
        try:
            columns = {name: self._column(name, values) for name in FIELDS}
        except _MisfitError:
            return RecordLines(self._places[:0], {})
        return RecordLines(self._places, columns)

    def _hold(self) -> tuple[Places, NDArray[np.bool_]]:
        """Where each key's value begins in each line, and which lines are like the pattern.

        Seven letters and the length tell all keys apart.
        """
        lengths = np.array([[len(name) + 1] for name in self._names], dtype=np.int64)
        heads = [word(f'"{name}": '.encode()[:8]) for name in self._names]
        opening = self._numbers[:, None] + self._first  # a row for each key
        keys = self._quotes[opening]
        fits = (self._quotes[opening + 1] - keys == lengths).all(axis=0)
        fits &= (self._words[keys] == np.array(heads, dtype=np.uint64)[:, None]).all(axis=0)
        values = keys + (lengths + len('": '))
        quoted = self._data[values] == QUOTE
        fits &= (quoted == quoted[:, :1]).all(axis=0)
        return values, fits

    def _column(self, name: str, values: Places) -> pa.Array:
        import pyarrow as pa

        kind = FIELDS[name]
        if name not in self._names:
            absent = "{}" if name == "figures" else None
            return pa.repeat(pa.scalar(absent, pa.type_for_alias(kind)), len(self._places))
        position = self._names.index(name)
        starts, following = values[position], self._followed[position]
        # A value ends before the comma and the key that follow, or the brace that closes all.
        ends = self._ends - 1 if following is None else self._quotes[self._first + following] - 2
        if name == "figures":
            return slices(self._data, starts, ends - starts)
        if self._data[starts[0]] != QUOTE:
            return self._scalars(starts, ends, kind)
        if kind != "string":
            raise _MisfitError
        lengths = ends - starts - len('""')
        if (lengths == lengths[0]).all() and lengths[0]:
            return fixed(self._data, starts + 1, int(lengths[0]))
        return slices(self._data, starts + 1, lengths)

    def _scalars(self, starts: Places, ends: Places, kind: str) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        type_ = pa.type_for_alias(kind)
        absent = (self._words[starts] & _FOUR_BYTES) == _NULL
        if absent.all():
            return pa.nulls(len(starts), type_)
        if kind == "string":
            raise _MisfitError
        if kind == "bool":
            return pa.array(self._data[starts] == TRUE, mask=absent)
        texts = slices(self._data, starts, ends - starts)
        if absent.any():
            texts = pc.if_else(pa.array(absent), pa.scalar(None, pa.string()), texts)
        try:
            return texts.cast(type_)
        except pa.ArrowInvalid:
            raise _MisfitError from None


def _key_places(line: bytes) -> dict[str, tuple[int, int | None]]:
    """For each key of a record the number of its first quotation mark and that of the next key."""
    places: dict[str, int] = {}
    at = 0
    for name in json.loads(line) or ():
        at = line.find(f'"{name}": '.encode(), at)
        places[name] = line.count(b'"', 0, at)
    numbers: list[int | None] = [*places.values(), None]
    return {name: (places[name], after) for name, after in zip(places, numbers[1:], strict=True)}
