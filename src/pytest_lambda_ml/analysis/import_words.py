"""Eight bytes at a time: find and read numbers in log text with numpy, a column at once.

A text is seen as one unaligned little-endian 64-bit word at every byte, so that a comparison with a
label or the reading of a number is arithmetic on whole columns. Reading eight decimal digits by
three multiplications is due to Lemire and Muła ("Quickly parsing eight digits", 2018, after
Johnny Lee).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mmap import mmap

    import pyarrow as pa
    from numpy.typing import NDArray

    Words = NDArray[np.uint64]
    Bytes = NDArray[np.uint8]
    Places = NDArray[np.int64]

__all__ = ["MARGIN", "Block", "decimals", "fixed", "integers", "slices", "word"]

MARGIN = 400
"""More than a line of the common form is long, so that what runs on stays within the text."""

WORD_BYTES = 8
_ONE = np.uint64(1)
_EIGHT = np.uint64(8)
_ZEROS = np.uint64(0x3030_3030_3030_3030)
_HIGH = np.uint64(0xF0F0_F0F0_F0F0_F0F0)
_PAIRS = np.uint64(0x0000_00FF_0000_00FF)
_TWO_DECIMALS = np.uint64(0xFFFF)
_POWERS = np.array([10.0 ** (WORD_BYTES - digits) for digits in range(WORD_BYTES + 1)])


class Block:
    """Whole lines within a text that goes on for `MARGIN` bytes after them, without copying them.

    ``data`` are the bytes of the lines, ``words`` the word at every byte of them and some beyond.
    Places count from where the block starts.
    """

    def __init__(self, text: bytes | mmap, start: int, size: int) -> None:
        self.start = start
        self.offset = start
        """Where the block is in the file; not ``start`` where the text is a copy of a part."""
        self.size = size
        self.data: Bytes = np.frombuffer(text, np.uint8, size, start)
        self.words: Words = np.ndarray((size + MARGIN - 7,), "<u8", text, start, (1,))
        self._text = text

    def find(self, mark: bytes, at: int = 0) -> int:
        """Where ``mark`` first is from ``at`` on; -1 if it is not in the block."""
        found = self._text.find(mark, self.start + at, self.start + self.size)
        return found - self.start if found >= 0 else -1

    def text(self, start: int, end: int) -> bytes:
        """The bytes between two places."""
        return self._text[self.start + start : self.start + end]


def word(text: bytes) -> np.uint64:
    """Eight bytes (or fewer, then zeros) as the word that stands where the text stands."""
    return np.uint64(int.from_bytes(text, "little"))


def integers(words: Words) -> tuple[NDArray[np.float64], Places]:
    """The number that each word begins with, and how many digits it has; at most seven count."""
    digits, shift = _leading_digits(words)
    count = (shift >> np.uint8(3)).astype(np.int64)
    return _value(digits) / _POWERS[count], count


def decimals(words: Words) -> tuple[NDArray[np.float64], Places]:
    """The same of numbers with a point and two decimals; the count is of the digits before it.

    At most five digits before the point count. The result is the float nearest to the number, as
    Python reads it: it is the quotient of two exact ones.
    """
    digits, shift = _leading_digits(words)
    # What follows the point moves into its place: now the decimals are digits like the others.
    digits |= ((words ^ _ZEROS) >> _EIGHT) & (_TWO_DECIMALS << shift.astype(np.uint64))
    count = (shift >> np.uint8(3)).astype(np.int64)
    return _value(digits) / _POWERS[count], count


def slices(data: Bytes, starts: Places, lengths: Places) -> pa.StringArray:
    """The texts at these places as an Arrow array; every slice lies within ``data``."""
    import pyarrow as pa

    offsets = np.zeros(len(lengths) + 1, dtype=np.int32)
    np.cumsum(lengths, out=offsets[1:])
    # One run of places: each slice goes on where the one before ended.
    places = np.arange(offsets[-1], dtype=np.int64)
    places += np.repeat(starts - offsets[:-1], lengths)
    return pa.StringArray.from_buffers(
        len(lengths), pa.py_buffer(offsets), pa.py_buffer(data[places])
    )


def fixed(data: Bytes, starts: Places, length: int) -> pa.StringArray:
    """The same for texts of one length."""
    import pyarrow as pa

    if not len(starts):
        return pa.array([], pa.string())
    windows = np.lib.stride_tricks.sliding_window_view(data, length)[starts]
    offsets = np.arange(len(starts) + 1, dtype=np.int32) * length
    return pa.StringArray.from_buffers(len(starts), pa.py_buffer(offsets), pa.py_buffer(windows))


def _leading_digits(words: Words) -> tuple[Words, NDArray[np.uint8]]:
    """The digits that each word begins with, as numbers, and how many bits they take."""
    digits = words ^ _ZEROS
    others = digits & _HIGH  # not zero in a byte that is no digit, nor one of :;<=>?
    others &= ~others + _ONE
    mask = (others >> np.uint64(4)) - _ONE
    return digits & mask, np.bitwise_count(mask)


def _value(digits: Words) -> Words:
    """Eight bytes of digits, the first the most significant, as one number."""
    value = digits * np.uint64(10)
    value += digits >> _EIGHT
    high = (value & _PAIRS) * np.uint64(0x000F_4240_0000_0064)
    low = ((value >> np.uint64(16)) & _PAIRS) * np.uint64(0x0000_2710_0000_0001)
    return (high + low) >> np.uint64(32)
