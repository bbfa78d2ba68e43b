"""What lines of JSON have in common: the pattern of a few of them, against which others are held.

The wrapper writes all records with one order of keys. In a pattern everything is fixed that is the
same in a few sample lines, keys above all; what differs, numbers and words, are its holes.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Hole", "Pattern", "Span", "pattern_of"]

LONGEST_PART = 256
MOST_NESTED = 2

Span = tuple[tuple[int, int], tuple[int, int]]
"""From where to where: the number of a fixed part and how far from its beginning."""

_TOKEN = re.compile(
    rb'(?P<key>"[^"\\]*": )|(?P<word>"[^"\\]*")|(?P<number>-?\d[\d.eE+-]*)'
    rb"|(?P<other>null|true|false|[{}, ])"
)
"""A record has no lists, and only finite numbers."""


@dataclass(frozen=True, slots=True)
class Hole:
    """What differs between the parts of a pattern. ``length`` is None where that differs too.

    Words stand between quotation marks, which are fixed parts; numbers have no length. A word of
    length 0 is no hole, but where a long part was cut.
    """

    is_number: bool
    length: int | None


@dataclass(frozen=True, slots=True)
class Pattern:
    """Fixed parts and, after each but the last, a hole."""

    parts: tuple[bytes, ...]
    holes: tuple[Hole, ...]
    values: Mapping[str, object]
    """The top level of the line that the pattern is of."""
    spans: Mapping[str, Span]
    """Where the values are that are not fixed."""

    def hole_of(self, name: str) -> int | None:
        """The hole that this value is; None where it is fixed, or has parts of its own."""
        (start, offset), (end, _) = self.spans.get(name, ((0, 0), (0, 0)))
        whole = end == start + 1 and offset == len(self.parts[start])
        return start if whole else None


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: bytes


def pattern_of(samples: Sequence[bytes]) -> tuple[Pattern, bytes] | None:
    """The pattern of the most samples that have the same keys, and one of them.

    A line has one when it is an object as Python writes it: no escapes, no lists, nothing nested
    deeper than one level. None if no sample has.
    """
    forms: dict[tuple[bytes, ...], list[tuple[bytes, list[_Token]]]] = {}
    for line in samples:
        if tokens := _tokens(line):
            forms.setdefault(_form(tokens), []).append((line, tokens))
    if not forms:
        return None
    alike = max(forms.values(), key=len)
    line, tokens = alike[0]
    try:
        values = json.loads(line)
    except ValueError:
        return None
    builder = _Builder()
    for number, token in enumerate(tokens):
        texts = {other[number].text for _, other in alike}
        if len(texts) > 1:
            lengths = {len(text) for text in texts}
            builder.hole(token, lengths.pop() if len(lengths) == 1 else None)
        else:
            builder.fixed(token)
    pattern = builder.pattern(values)
    return (pattern, line) if pattern else None


def _tokens(line: bytes) -> list[_Token] | None:
    """The line in pieces; None where there is more in it."""
    found = [_Token(str(match.lastgroup), match[0]) for match in _TOKEN.finditer(line)]
    return found if sum(len(token.text) for token in found) == len(line) else None


def _form(tokens: Sequence[_Token]) -> tuple[bytes, ...]:
    """What must be the same in lines of one pattern: all but words and numbers."""
    return tuple(
        token.kind[:1].encode() if token.kind in {"word", "number"} else token.text
        for token in tokens
    )


class _Builder:
    """Puts parts and holes together, and notes where the values of the top level are."""

    def __init__(self) -> None:
        self._parts: list[bytearray] = [bytearray()]
        self._holes: list[Hole] = []
        self._spans: dict[str, Span] = {}
        self._depth, self._deepest = 0, 0
        self._open: tuple[str, tuple[int, int]] | None = None

    def fixed(self, token: _Token) -> None:
        """What is the same in all lines."""
        if token.kind == "other":
            self._structure(token.text)
        self._add(token.text)
        if token.kind == "key" and self._depth == 1:
            self._open = (token.text[1 : -len('": ')].decode("utf-8", "replace"), self._here())

    def hole(self, token: _Token, length: int | None) -> None:
        """What differs."""
        if token.kind == "number":
            self._cut(Hole(is_number=True, length=None))
            return
        self._add(b'"')
        if self._open and self._depth == 1:
            self._open = (self._open[0], self._here())
        self._cut(Hole(is_number=False, length=None if length is None else length - len('""')))
        self._add(b'"')

    def pattern(self, values: Mapping[str, object]) -> Pattern | None:
        """What came together; None where it is nested too deep."""
        if self._deepest > MOST_NESTED or self._depth:
            return None
        differing = {
            name: (start, end)
            for name, (start, end) in self._spans.items()
            if any(hole.length != 0 for hole in self._holes[start[0] : end[0]])
        }
        return Pattern(tuple(map(bytes, self._parts)), tuple(self._holes), values, differing)

    def _here(self) -> tuple[int, int]:
        return len(self._holes), len(self._parts[-1])

    def _cut(self, hole: Hole) -> None:
        self._holes.append(hole)
        self._parts.append(bytearray())

    def _add(self, text: bytes) -> None:
        for start in range(0, len(text), LONGEST_PART):
            piece = text[start : start + LONGEST_PART]
            if len(self._parts[-1]) + len(piece) > LONGEST_PART:
                self._cut(Hole(is_number=False, length=0))
            self._parts[-1] += piece

    def _structure(self, text: bytes) -> None:
        if text == b"{":
            self._depth += 1
            self._deepest = max(self._deepest, self._depth)
        if text in {b",", b"}"} and self._depth == 1 and self._open:
            name, start = self._open
            self._spans[name] = (start, self._here())
            self._open = None
        if text == b"}":
            self._depth -= 1
