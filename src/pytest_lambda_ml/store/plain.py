"""Dataclasses, enums and Decimals as plain JSON values.

A Decimal becomes a string: most readers make a binary float of a JSON number, and a price is not
one. Enums become their value, paths their text. Absent stays ``null``.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any, TypeVar

__all__ = ["as_json", "from_plain", "plain"]

T = TypeVar("T")


def plain(value: Any) -> Any:
    """The value as dicts, lists, strings, numbers, booleans and None."""
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return plain(value.value)
        case str():
            return value
        case Decimal() | PurePath():
            return str(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case Iterable():
            return [plain(item) for item in value]
        case _ if dataclasses.is_dataclass(value):
            return {
                field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)
            }
        case _:
            raise TypeError(f"{type(value).__name__} has no JSON form")


def as_json(value: Any, *, indent: int | None = None) -> str:
    """The value as JSON text, in ASCII: a handler's text may hold halves of characters."""
    return json.dumps(plain(value), indent=indent)


def from_plain(kind: type[T], value: Mapping[str, Any], **given: object) -> T:
    """A dataclass from what `plain` made of one; lists become tuples.

    Keys that it has no field for are passed over: a newer version wrote them. ``given`` are fields
    that are themselves no plain values. Raises TypeError when a field without default is missing.
    """
    names = {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]  # T is a dataclass
    known = {
        name: tuple(item) if isinstance(item, list) else item
        for name, item in value.items()
        if name in names
    }
    return kind(**{**known, **given})
