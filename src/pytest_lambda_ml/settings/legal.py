"""What is legal as a value, and what it means: a parser for each kind of value.

A parser takes text and raises a ValueError that says what is legal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = [
    "ARCHITECTURES",
    "BATCH_SIZE",
    "CONCURRENCY",
    "DATASET_KINDS",
    "EPHEMERAL_MB",
    "IMAGE_BUILDERS",
    "INVOCATIONS",
    "LOG_FORMATS",
    "MEMORY_MB",
    "METRICS",
    "PRESET_NAMES",
    "PUBLISHERS",
    "RUNTIMES",
    "SUMMARIES",
    "TIMEOUT_S",
    "Limits",
    "datasets",
    "file",
    "names",
    "numbers",
    "one_of",
    "path",
    "regions",
    "seconds",
    "split",
    "switch",
    "text",
    "url",
    "usd",
]

DATASET_KINDS = ("emotion", "questions")
METRICS = ("billed", "duration", "init")
SUMMARIES = ("wide", "short", "none")
PRESET_NAMES = ("quick", "thesis")
PUBLISHERS = ("local", "fargate")
ARCHITECTURES = ("x86_64", "arm64")
LOG_FORMATS = ("text", "json")
RUNTIMES = ("python3.11", "python3.12", "python3.13", "python3.14")
"""Lambda's runtimes for the Python versions that this project supports."""
IMAGE_BUILDERS = ("layers", "docker", "buildah")


@dataclass(frozen=True, slots=True)
class Limits:
    """The whole numbers that are legal for one quantity, both ends included."""

    low: int
    high: int | None
    unit: str

    def __str__(self) -> str:
        unit = f" of {self.unit}" if self.unit else ""
        upto = "or more" if self.high is None else f"to {self.high}"
        return f"a whole number{unit}, {self.low} {upto}"

    def allow(self, value: int) -> bool:
        """Whether ``value`` lies within."""
        return self.low <= value and (self.high is None or value <= self.high)

    def parse(self, text: str) -> int:
        """The number in ``text``; ValueError says what is legal."""
        try:
            value = int(text.strip())
        except ValueError:
            raise ValueError(str(self)) from None
        if not self.allow(value):
            raise ValueError(str(self))
        return value


MEMORY_MB = Limits(128, 10240, "MB")
CONCURRENCY = Limits(1, None, "")
BATCH_SIZE = Limits(1, None, "")
INVOCATIONS = Limits(1, None, "")
TIMEOUT_S = Limits(1, 900, "seconds")
EPHEMERAL_MB = Limits(512, 10240, "MB")


def split(text: str, legal: str) -> tuple[str, ...]:
    """The parts of a comma-separated list, duplicates removed, order kept."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise ValueError(legal)
    return tuple(dict.fromkeys(parts))


def numbers(limits: Limits) -> Callable[[str], tuple[int, ...]]:
    legal = f"{limits}; several are separated by commas"

    def parse(text: str) -> tuple[int, ...]:
        try:
            return tuple(dict.fromkeys(limits.parse(part) for part in split(text, legal)))
        except ValueError:
            raise ValueError(legal) from None

    return parse


def names(text: str) -> tuple[str, ...]:
    return split(text, "one or more names, separated by commas")


def regions(text: str) -> str:
    return ",".join(split(text, "the name of an AWS region, such as eu-west-1, or several"))


def one_of(choices: tuple[str, ...]) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.strip() not in choices:
            raise ValueError("one of " + ", ".join(choices))
        return text.strip()

    return parse


_SWITCH = {"yes": True, "true": True, "on": True, "1": True}
_SWITCH |= {"no": False, "false": False, "off": False, "0": False}


def switch(text: str) -> bool:
    """A yes or a no, as environments and ini files spell it."""
    try:
        return _SWITCH[text.strip().lower()]
    except KeyError:
        raise ValueError("yes or no") from None


def text(what: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not text.strip():
            raise ValueError(what)
        return text.strip()

    return parse


def url(text: str) -> str:
    parts = urlsplit(text.strip())
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        raise ValueError("a URL such as http://127.0.0.1:5000")
    return text.strip()


def usd(text: str) -> Decimal:
    legal = "an amount in US dollars above 0, such as 2.50"
    try:
        value = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        raise ValueError(legal) from None
    if not value.is_finite() or value <= 0:
        raise ValueError(legal)
    return value


def seconds(text: str) -> float:
    legal = "a number of seconds, 0 or more"
    try:
        value = float(text)
    except ValueError:
        raise ValueError(legal) from None
    if not math.isfinite(value) or value < 0:
        raise ValueError(legal)
    return value


def path(text: str) -> Path:
    if not text.strip():
        raise ValueError("the path of a folder")
    return Path(text.strip()).expanduser()


def file(text: str) -> Path:
    if not text.strip() or Path(text.strip()).is_dir():
        raise ValueError("the path of a file")
    return Path(text.strip()).expanduser()


def datasets(text: str) -> Mapping[str, str]:
    legal = "KIND=PATH, where KIND is one of " + ", ".join(DATASET_KINDS)
    entries: dict[str, str] = {}
    for entry in split(text, legal):
        kind, _, path = (part.strip() for part in entry.partition("="))
        if kind not in DATASET_KINDS or not path:
            raise ValueError(legal)
        entries[kind] = path
    return MappingProxyType(entries)
