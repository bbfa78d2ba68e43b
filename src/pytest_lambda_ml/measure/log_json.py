"""JSON out of log events, read strictly: a value of another type counts as absent.

Anything may stand in a log, so nothing here raises.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["decode", "integer", "mapping", "non_negative", "number", "text", "word"]

_LARGEST = 1e15
"""Beyond this a float no longer holds whole numbers with a fraction: no measurement gets there."""

_WORD = re.compile(r"\S+")

_raw_decode = json.JSONDecoder().raw_decode
"""What `json.loads` ends in; going there directly saves a quarter of the time of a log record."""


def decode(message: str) -> object:
    """The JSON value that is the whole message, or ``None``, also where the JSON is malformed."""
    message = message.strip()
    try:
        value, end = _raw_decode(message)
    except (ValueError, RecursionError):
        return None
    return value if end == len(message) else None


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object, else an empty one."""
    return value if isinstance(value, dict) else {}


def number(value: object) -> float | None:
    """A finite JSON number. A boolean is none, and NaN fails the comparison."""
    if (type(value) is float or type(value) is int) and -_LARGEST < value < _LARGEST:
        return float(value)
    return None


def non_negative(value: object) -> float | None:
    """A JSON number as a measurement: finite and not below zero."""
    if (type(value) is float or type(value) is int) and 0 <= value < _LARGEST:
        return float(value)
    return None


def integer(value: object) -> int | None:
    """A JSON number that is whole and not below zero, as ``128`` or ``128.0``."""
    if type(value) is int and 0 <= value < _LARGEST:
        return value
    measured = non_negative(value)
    return int(measured) if measured is not None and measured.is_integer() else None


def text(value: object) -> str | None:
    """A JSON string, whatever it holds."""
    return value if isinstance(value, str) else None


def word(value: object) -> str | None:
    """A JSON string that is one token: what is empty or holds blanks is no id, status or type."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else None
