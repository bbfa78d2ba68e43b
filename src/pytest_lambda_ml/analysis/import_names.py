"""What the name of a function says of its cell. Names are those of `aws.names`, or the user's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, cast

from pytest_lambda_ml.artifact.carried import carried_handlers
from pytest_lambda_ml.errors import HandlerError

if TYPE_CHECKING:
    from pytest_lambda_ml.model import Trigger

__all__ = ["CellName", "bare_name", "read_cell_name"]

_CELL = re.compile(
    r"(?:^|-)(?P<stem>[a-z][a-z0-9_]*(?:-[a-z0-9_]+)+)"
    r"-(?P<memory>\d{3,5})-(?P<concurrency>\d{1,5})-(?P<batch>\d{1,6})"
    r"(?:-(?P<trigger>sync|async))?(?:-(?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?$"
)
_PREFIX = re.compile(r"^plml-[0-9a-f]{8}-\d{3,}-")
_MEMORY = re.compile(r"(?:^|[-_])\d{3,5}(?:MB|mb)?(?=$|[-_])")
_NOISE = re.compile(r"(?:^|[-_])(?:lambda|function|benchmark|inference)(?=$|[-_])", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class CellName:
    """The values of a cell's id."""

    algorithm: str
    engine: str
    memory_mb: int
    concurrency: int
    batch_size: int
    trigger: Trigger = "sns"
    region: str | None = None


def read_cell_name(
    name: str, *, algorithm: str | None = None, engine: str | None = None
) -> CellName | None:
    """The cell whose id ``name`` ends in; None where it ends in none.

    Algorithm and engine may both have hyphens: where they part is told by what the user says of
    either, else by the engines of the handlers that come with the project, else it is the last.
    """
    found = _CELL.search(_PREFIX.sub("", name))
    if found is None:
        return None
    algorithm, engine = _parted(found["stem"], algorithm, engine)
    return CellName(
        algorithm,
        engine,
        int(found["memory"]),
        int(found["concurrency"]),
        int(found["batch"]),
        cast("Trigger", found["trigger"] or "sns"),
        found["region"],
    )


def bare_name(name: str) -> str:
    """A function's name without its memory size and words such as lambda."""
    return _NOISE.sub("", _MEMORY.sub("", name)).strip("-_")


def _parted(stem: str, algorithm: str | None, engine: str | None) -> tuple[str, str]:
    if algorithm and stem.startswith(f"{algorithm}-"):
        return algorithm, stem.removeprefix(f"{algorithm}-")
    known = [engine] if engine else sorted(_carried_engines(), key=len, reverse=True)
    for each in known:
        if stem.endswith(f"-{each}"):
            return stem.removesuffix(f"-{each}"), each
    first, _, last = stem.rpartition("-")
    return first, last


@cache
def _carried_engines() -> frozenset[str]:
    try:
        folders = carried_handlers().glob("*/*/handler.py")
    except HandlerError:
        return frozenset()
    return frozenset(file.parent.name for file in folders)
