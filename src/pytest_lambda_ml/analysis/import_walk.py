"""Hold many lines at once against a pattern, part by part. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from pytest_lambda_ml.analysis.import_words import MARGIN, REACH, integers

if TYPE_CHECKING:
    from collections.abc import Container

    from numpy.typing import NDArray

    from pytest_lambda_ml.analysis.import_pattern import Pattern
    from pytest_lambda_ml.analysis.import_words import Block, Rows

    Places = NDArray[np.int64]
    Counts = NDArray[np.uint8]
    Flags = NDArray[np.bool_]

__all__ = ["Walk"]

QUOTE, MINUS, ZERO, NINE = (ord(char) for char in '"-09')
MOST_DIGITS = 7
WIDEST = MARGIN - REACH
"""So many bytes are looked at together."""


class Walk:
    """Goes along the lines that fit a pattern; those that differ are left behind."""

    def __init__(self, block: Block, pattern: Pattern, places: Places, ends: Places) -> None:
        self._block, self._pattern = block, pattern
        self._ends = ends
        self.rows: Places = np.arange(len(places))
        """Which lines fit so far."""
        self.parts: list[Places] = [places]
        """Where each part of the pattern begins in them."""

    def go(self, integer: Container[int], unseen: Container[int]) -> None:
        """To the end of the lines.

        Of the holes some must be whole numbers of a few digits; and with ``unseen`` words of a
        fixed length it is for the caller to see that there is no quotation mark in them.
        """
        parts, holes = self._pattern.parts, self._pattern.holes
        number = 0
        while len(self.rows):
            last = self._together(number)
            width, fits, rows = self._hold(number, last, unseen)
            if last == len(holes):
                self._keep(fits & (self.parts[-1] + len(parts[-1]) == self._ends))
                return
            after = self.parts[-1] + len(parts[last])
            length: Places | Counts
            if holes[last].is_number:
                length = rows.find(width, parts[last + 1][0])
                fits &= (length > 0) & (length < REACH) & _begins(rows, width)
                if last in integer:
                    digits = integers(rows.words(width))[1]
                    fits &= (digits == length) & (digits <= MOST_DIGITS)
            else:
                length = self._word_length(after, holes[last].length)
                fits &= length >= 0
            self.parts.append(np.minimum(after + length, self._ends))
            self._keep(fits)
            number = last + 1

    def _together(self, first: int) -> int:
        """The last part looked at with this one: a number follows, or a word of any length."""
        parts, holes = self._pattern.parts, self._pattern.holes
        last, width = first, len(parts[first])
        while last < len(holes) and (length := holes[last].length) is not None:
            width += length + len(parts[last + 1])
            if width > WIDEST:
                break
            last += 1
        return last

    def _hold(self, first: int, last: int, unseen: Container[int]) -> tuple[int, Flags, Rows]:
        """Hold these parts against the text; their width, what fits, and the text."""
        parts, holes = self._pattern.parts, self._pattern.holes
        between = [holes[number].length or 0 for number in range(first, last)]
        width = sum(map(len, parts[first : last + 1])) + sum(between)
        rows = self._block.rows(self.parts[first], min(width, WIDEST) + REACH)
        at, fits = 0, np.ones(len(self.rows), dtype=bool)
        for number in range(first, last + 1):
            fits &= rows.hold(at, parts[number])
            at += len(parts[number])
            if number < last:
                at += (length := between[number - first])
                if length and number not in unseen:
                    fits &= rows.without(QUOTE, at - length, at)
                self.parts.append(self.parts[first] + at)
        return width, fits, rows

    def _word_length(self, starts: Places, known: int | None) -> Places:
        """How long the words are that begin here; -1 where they do not end in their line."""
        if known == 0:
            return np.zeros(len(starts), dtype=np.int64)
        lengths = np.zeros(len(starts), dtype=np.int64)
        open_ = np.arange(len(starts))
        while len(open_):
            at = starts[open_] + lengths[open_]
            inside = at < self._ends[open_]
            lengths[open_[~inside]] = -1
            open_ = open_[inside]
            ahead = self._block.rows(at[inside], REACH).find(0, QUOTE)
            lengths[open_] += ahead
            open_ = open_[ahead == REACH]
        return lengths

    def _keep(self, fits: Flags) -> None:
        if fits.all():
            return
        kept = np.flatnonzero(fits)
        self.rows, self._ends = self.rows[kept], self._ends[kept]
        self.parts = [places[kept] for places in self.parts]


def _begins(rows: Rows, at: int) -> Flags:
    """Where a number begins here."""
    first = rows.part(at, at + 1)[:, 0]
    begins: Flags = (first - np.uint8(ZERO) <= NINE - ZERO) | (first == MINUS)
    return begins
