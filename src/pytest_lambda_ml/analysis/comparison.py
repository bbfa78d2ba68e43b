"""The words of a comparison: what is said of one metric of one cell, and of two whole runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lambda_ml.analysis.gate import Limit
    from pytest_lambda_ml.model import Configuration

__all__ = ["Comparison", "Row", "Verdict", "name_of"]

KINDS = {"init": "cold", "memory": "successful"}
"""Which invocations a metric is of, where it is not the warm ones."""


def name_of(configuration: Configuration) -> str:
    """The cell's id, with the architecture where it is not the usual one."""
    arm = configuration.architecture != "x86_64"
    return configuration.cell_id + (f" ({configuration.architecture})" if arm else "")


class Verdict(StrEnum):
    """What is said of one metric of one cell."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"
    INCOMPARABLE = "incomparable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One metric of one cell in two runs. ``cost`` is in USD per million, durations in ms.

    ``low`` and ``high`` bound the ratio new/base with 95 % confidence; ``p_value`` is corrected.
    ``further`` is how many more invocations of the metric's ``kind`` in each run would probably
    decide.
    """

    cell_id: str
    limit: Limit
    verdict: Verdict
    reason: str = ""
    base_value: float | None = None
    new_value: float | None = None
    base_count: int = 0
    new_count: int = 0
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    further: int | None = None

    @property
    def kind(self) -> str:
        """Which invocations the metric is of: warm, cold or successful ones."""
        return KINDS.get(self.limit.metric, "warm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All of two runs. ``new`` and ``vanished`` are the cells that only one of them has.

    ``cpu_loop_ratio`` is how the machine's own time moved, None on AWS.
    """

    base_id: str
    new_id: str
    rows: tuple[Row, ...]
    new: tuple[Configuration, ...]
    vanished: tuple[Configuration, ...]
    cpu_loop_ratio: float | None
    notes: tuple[str, ...]

    @property
    def compared(self) -> tuple[Row, ...]:
        """The rows that hold one run against the other."""
        return tuple(row for row in self.rows if row.verdict is not Verdict.INCOMPARABLE)

    def lacking(self, limits: Iterable[Limit]) -> tuple[Limit, ...]:
        """The limits against which nothing was held; with any, no gate can pass."""
        held = {row.limit for row in self.compared}
        return tuple(limit for limit in limits if limit not in held)

    @property
    def regressions(self) -> tuple[Row, ...]:
        """The rows that fail a gate."""
        return tuple(row for row in self.rows if row.verdict is Verdict.REGRESSED)

    @property
    def new_cells(self) -> tuple[str, ...]:
        """The names of the cells that the baseline has not."""
        return tuple(map(name_of, self.new))

    @property
    def vanished_cells(self) -> tuple[str, ...]:
        """The names of those that only the baseline has."""
        return tuple(map(name_of, self.vanished))
