"""Eight bytes at a time: find and read numbers in log text with numpy, a column at once.

What is at the same place of many lines is copied side by side and seen as little-endian 64-bit
words, so that a comparison with a label or the reading of a number is arithmetic on whole columns.
Reading eight decimal digits by three multiplications is due to Lemire and Muła ("Quickly parsing
eight digits", 2018, after Johnny Lee).
"""

from __future__ import annotations

from mmap import PAGESIZE, mmap
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]
    Counts = NDArray[np.uint8]

__all__ = [
    "MARGIN",
    "REACH",
    "WORD_BYTES",
    "Block",
    "Rows",
    "decimals",
    "fixed",
    "integers",
    "slices",
    "word",
]

MADV_DONTNEED = 4
"""As Linux has it; where it is another, the pages stay."""

MARGIN = 400
"""More than a line of the common form is long, so that what runs on stays within the text."""

REACH = 24
"""Numbers are shorter than this."""

PIECE_BYTES = 1 << 20
WORD_BYTES = 8
_ONE = np.uint64(1)
_EIGHT = np.uint64(8)
_ZEROS = np.uint64(0x3030_3030_3030_3030)
_HIGH = np.uint64(0xF0F0_F0F0_F0F0_F0F0)
_SIXES = np.uint64(0x0606_0606_0606_0606)
_ONES = np.uint64(0x0101_0101_0101_0101)
_HIGHEST = np.uint64(0x8080_8080_8080_8080)
_PAIRS = np.uint64(0x0000_00FF_0000_00FF)
_POINT_ZERO_ZERO = np.uint64(0x30302E)
_TWO_SIXES = np.uint64(0x060600)
_NO_POINT_OR_DIGITS = np.uint64(0xF0F0FF)
_TWO_DECIMALS = np.uint64(0xFFFF)
_WORD_BITS, _TWO_BYTES, HUNDRED = np.uint64(64), np.uint64(16), 100.0
_TO_BYTES = np.uint8(3)


class Block:
    """Whole lines within a text that goes on for `MARGIN` bytes after them, without copying them.

    ``data`` are the bytes of the lines. Places count from where the block starts.
    """

    def __init__(self, text: bytes | mmap, start: int, size: int) -> None:
        self.start = start
        self.offset = start
        """Where the block is in the file; not ``start`` where the text is a copy of a part."""
        self.size = size
        self.data: Bytes = np.frombuffer(text, np.uint8, size, start)
        self._text = text

    def all_of(self, byte: int) -> Places:
        """Every place where this byte is, piece by piece, so that nothing large is made."""
        here = np.zeros(PIECE_BYTES, dtype=bool)
        found = [np.zeros(0, dtype=np.int64)]
        for start in range(0, self.size, PIECE_BYTES):
            piece = self.data[start : start + PIECE_BYTES]
            np.equal(piece, byte, out=here[: len(piece)])
            here[len(piece) :] = False
            found.append(_true_places(here) + start)
        return np.concatenate(found)

    def rows(self, places: Places, width: int) -> Rows:
        """The next ``width`` bytes at each place, copied side by side; at most `MARGIN`."""
        shape = (self.size + MARGIN - width + 1,)
        text = np.ndarray(shape, np.dtype((np.void, width)), self._text, self.start, (1,))
        return Rows(text[places], width)

    def words(self, places: Places) -> Words:
        """The word at each place."""
        return self.rows(places, WORD_BYTES).words(0)

    def find(self, mark: bytes, at: int = 0) -> int:
        """Where ``mark`` first is from ``at`` on; -1 if it is not in the block."""
        found = self._text.find(mark, self.start + at, self.start + self.size)
        return found - self.start if found >= 0 else -1

    def let_go(self) -> None:
        """What was read of a mapped file need not stay in memory: it is there when asked again."""
        if isinstance(self._text, mmap) and hasattr(self._text, "madvise"):
            first = -(-self.start // PAGESIZE) * PAGESIZE
            if (size := self.start + self.size - first) > 0:
                self._text.madvise(MADV_DONTNEED, first, size)

    def text(self, start: int, end: int) -> bytes:
        """The bytes between two places."""
        return self._text[self.start + start : self.start + end]


class Rows:
    """Bytes of many lines side by side: the same place of all of them is a column."""

    def __init__(self, rows: NDArray[np.void], width: int) -> None:
        self._bytes: Bytes = rows.view(np.uint8).reshape(len(rows), width)

    def words(self, at: int) -> Words:
        """The word at this place of each row."""
        words: Words = self._bytes[:, at : at + WORD_BYTES].view("<u8")[:, 0]
        return words

    def part(self, start: int, end: int) -> Bytes:
        """What is between two places, of shape (rows, end - start)."""
        return self._bytes[:, start:end]

    def without(self, byte: int, start: int, end: int) -> NDArray[np.bool_]:
        """Which rows do not have this byte between two places."""
        here = self.part(start, end) == byte
        if not here.any():
            return np.ones(len(here), dtype=bool)
        without: NDArray[np.bool_] = ~here.any(axis=1)
        return without

    def find(self, at: int, byte: int) -> Counts:
        """How far from here this byte first is in each row; `REACH` where it is not that near."""
        sought = word(bytes([byte]) * WORD_BYTES)
        ahead = _first_zero(self.words(at) ^ sought)
        for further in range(WORD_BYTES, REACH, WORD_BYTES):
            beyond = ahead == further
            if not beyond.any():
                break
            ahead += beyond * _first_zero(self.words(at + further) ^ sought)
        return ahead

    def hold(self, at: int, text: bytes) -> NDArray[np.bool_]:
        """Which rows have this text here."""
        last = len(text) - WORD_BYTES
        if last < 0:
            here = self.part(at, at + len(text)) == np.frombuffer(text, np.uint8)
            held: NDArray[np.bool_] = here.all(axis=1)
            return held
        held = self.words(at + last) == word(text[last:])
        for place in range(0, last, WORD_BYTES):
            held &= self.words(at + place) == word(text[place : place + WORD_BYTES])
        return held


def word(text: bytes) -> np.uint64:
    """Eight bytes (or fewer, then zeros) as the word that stands where the text stands."""
    return np.uint64(int.from_bytes(text, "little"))


def integers(words: Words) -> tuple[Words, Counts]:
    """The number that each word begins with, and how many digits it has; at most seven count."""
    digits, bits = _leading_digits(words)
    shift = _WORD_BITS - bits  # numpy widens: bits are bytes
    return _value(digits << shift), bits >> _TO_BYTES


def decimals(words: Words) -> tuple[NDArray[np.float64], Counts]:
    """The same of numbers with a point and two decimals; the count is of the digits before it.

    At most five digits before the point count, and it is 0 where the rest is not like that. The
    result is the float nearest to the number, as Python reads it: it is the quotient of two exact
    ones.
    """
    digits, bits = _leading_digits(words)
    rest = (words >> bits) ^ _POINT_ZERO_ZERO
    wrong = ((rest | (rest + _TWO_SIXES)) & _NO_POINT_OR_DIGITS) != 0
    # The decimals are put where the point is: now they are digits like the others.
    digits |= ((rest >> _EIGHT) & _TWO_DECIMALS) << bits
    counts = (bits >> _TO_BYTES) * ~wrong
    return _value(digits << (_WORD_BITS - _TWO_BYTES - bits)) / HUNDRED, counts


def slices(data: Bytes, starts: Places, ends: Places) -> pa.StringArray:
    """The texts between these places, which rise, as an Arrow array."""
    import pyarrow as pa

    count = len(starts)
    # Each text and what is between it and the next one: an array without copying, of which Arrow
    # takes every other.
    offsets = np.empty(2 * count + 1, dtype=np.int32)
    offsets[0:-1:2], offsets[1::2] = starts, ends
    offsets[-1] = ends[-1] if count else 0
    every = pa.StringArray.from_buffers(2 * count, pa.py_buffer(offsets), pa.py_buffer(data))
    return every.take(pa.array(np.arange(0, 2 * count, 2)))


def fixed(block: Block, starts: Places, length: int) -> pa.StringArray:
    """The same for texts of one length that is not 0."""
    import pyarrow as pa

    count = len(starts)
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(length)
    texts = block.rows(starts, length).part(0, length)
    return pa.StringArray.from_buffers(count, pa.py_buffer(offsets), pa.py_buffer(texts))


def _true_places(flags: NDArray[np.bool_]) -> Places:
    """Where these are true; faster than numpy's search where they are few."""
    words = flags.view("<u8")
    some = np.flatnonzero(words != 0)
    found = words[some]
    if (np.bitwise_count(found) > 1).any():
        return np.flatnonzero(flags)
    return some * WORD_BYTES + (np.bitwise_count(found - _ONE) >> _TO_BYTES)


def _first_zero(words: Words) -> Counts:
    """Which byte of each word is the first that is zero, 8 where none is."""
    zeros = words - _ONES
    zeros &= ~words
    zeros &= _HIGHEST
    return np.bitwise_count((zeros - _ONE) & ~zeros) >> _TO_BYTES


def _leading_digits(words: Words) -> tuple[Words, Counts]:
    """The digits that each word begins with, as numbers, and how many bits they take."""
    digits = words ^ _ZEROS
    # Not zero in a byte that is no digit; what is carried on changes only bytes after the first.
    others = digits + _SIXES
    others |= digits
    others &= _HIGH
    others >>= np.uint64(4)
    mask = others - _ONE
    mask &= ~others
    digits &= mask
    return digits, np.bitwise_count(mask)


def _value(digits: Words) -> Words:
    """Eight bytes of digits, the first the most significant, as one number."""
    value = digits * np.uint64(10)
    value += digits >> _EIGHT
    high = value & _PAIRS
    high *= np.uint64(0x000F_4240_0000_0064)
    value >>= np.uint64(16)
    value &= _PAIRS
    value *= np.uint64(0x0000_2710_0000_0001)
    value += high
    value >>= np.uint64(32)
    return value
