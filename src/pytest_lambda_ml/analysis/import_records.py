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
            read.append(_Pattern(block, quotes, places[rows], ends[rows], first[rows]).read())
    return read


class _Pattern:
    """Lines with quotation marks in the same number, and the first of them as their pattern."""

    def __init__(
        self, block: Block, quotes: Places, places: Places, ends: Places, first: Places
    ) -> None:
        self._keys = _key_places(block.text(int(places[0]), int(ends[0])))
        self._data, self._words, self._quotes = block.data, block.words, quotes
        self._places, self._ends, self._first = places, ends, first
        self._fits = np.ones(len(places), dtype=bool)

    def read(self) -> RecordLines:
        """All lines that agree with the pattern."""
        import pyarrow as pa

        columns = {name: self._column(name, kind) for name, kind in FIELDS.items()}
        if self._fits.all():
            return RecordLines(self._places, columns)
        fits = pa.array(self._fits)
        kept = {name: column.filter(fits) for name, column in columns.items()}
        return RecordLines(self._places[self._fits], kept)

    def _column(self, name: str, kind: str) -> pa.Array:
        import pyarrow as pa

        if name == "figures" and name not in self._keys:
            return pa.array(["{}"] * len(self._places))
        if name not in self._keys:
            return pa.nulls(len(self._places), pa.type_for_alias(kind))
        number, following = self._keys[name]
        key = f'"{name}": '.encode()
        opening = self._quotes[self._first + number]
        closing = self._quotes[self._first + number + 1]
        self._fits &= closing - opening == len(name) + 1
        # Seven letters and the length tell all keys apart.
        self._fits &= self._words[opening] == word(key[:8])
        values = opening + len(key)
        # A value ends before the comma and the key that follow, or the brace that closes all.
        after = self._ends - 1 if following is None else self._quotes[self._first + following] - 2
        quoted = bool(self._data[values[0]] == QUOTE)
        self._fits &= (self._data[values] == QUOTE) == quoted
        if name == "figures":
            return slices(self._data, values, self._lengths(values, after))
        if quoted:
            return self._strings(values + 1, after - 1, kind)
        return self._scalars(values, after, kind)

    def _strings(self, starts: Places, ends: Places, kind: str) -> pa.Array:
        import pyarrow as pa

        lengths = self._lengths(starts, ends)
        if kind != "string":
            self._fits[:] = False
            return pa.nulls(len(starts), pa.type_for_alias(kind))
        if (lengths == lengths[0]).all() and lengths[0]:
            return fixed(self._data, starts, int(lengths[0]))
        return slices(self._data, starts, lengths)

    def _scalars(self, starts: Places, ends: Places, kind: str) -> pa.Array:
        import pyarrow as pa
        import pyarrow.compute as pc

        type_ = pa.type_for_alias(kind)
        absent = (self._words[starts] & _FOUR_BYTES) == _NULL
        if absent.all():
            return pa.nulls(len(starts), type_)
        if kind == "string":
            self._fits &= absent
            return pa.nulls(len(starts), type_)
        if kind == "bool":
            return pa.array(self._data[starts] == TRUE, mask=absent)
        texts = slices(self._data, starts, self._lengths(starts, ends))
        if absent.any():
            texts = pc.if_else(pa.array(absent), pa.scalar(None, pa.string()), texts)
        try:
            return texts.cast(type_)
        except pa.ArrowInvalid:  # not all are numbers: read these lines one by one
            self._fits[:] = False
            return pa.nulls(len(starts), type_)

    def _lengths(self, starts: Places, ends: Places) -> Places:
        """Not below zero nor beyond the line, where a line does not fit."""
        lengths: Places = np.clip(ends - starts, 0, np.maximum(self._ends - starts, 0))
        return lengths


def _key_places(line: bytes) -> dict[str, tuple[int, int | None]]:
    """For each key of a record the number of its first quotation mark and that of the next key."""
    places: dict[str, int] = {}
    at = 0
    for name in json.loads(line):
        at = line.find(f'"{name}": '.encode(), at)
        places[name] = line.count(b'"', 0, at)
    numbers: list[int | None] = [*places.values(), None]
    return {name: (places[name], after) for name, after in zip(places, numbers[1:], strict=True)}
