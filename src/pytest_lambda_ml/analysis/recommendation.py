"""The words of a recommendation: what is asked, what a cell is worth to it, what is advised."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_lambda_ml.analysis.traffic import Traffic

if TYPE_CHECKING:
    from pytest_lambda_ml.model import Configuration

__all__ = [
    "Candidate",
    "MoreInvocations",
    "Objective",
    "Question",
    "Recommendation",
    "RuleOfThumb",
]

Objective = Literal["cost", "speed", "balanced"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked for. ``weight`` is that of cost in ``balanced``, 0 to 1.

    Limits are on the 95th percentile: of the duration of warm invocations, and of the cold start
    (init duration and the wrapper's initialisation). A choice is called decided when no other is
    more than 1 % better with at least the probability ``confidence``: which of two cells is ahead
    by less than that no affordable number of samples tells.
    """

    objective: Objective = "cost"
    weight: float = 0.5
    max_p95_ms: float | None = None
    max_cold_ms: float | None = None
    traffic: Traffic = field(default_factory=Traffic)
    confidence: float = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One cell in the light of a question.

    Costs include the cold starts of the traffic; ``usd_per_1k_items`` is of the same money.
    ``score`` is what the objective minimises: USD a month, milliseconds, or a number from 0 to 1.
    ``p_best`` is the probability that it is the very best of all, ``p_equal`` that no other cell is
    more than 1 % better: of several cells that are nearly equal, all may have that. ``missed`` says
    which limit it does not keep.
    """

    configuration: Configuration
    region: str
    warm_count: int
    cold_count: int
    usd_per_month: float
    usd_per_1k_items: float
    billed_ms_mean: float
    duration_ms_mean: float
    duration_ms_p95: float
    cold_ms_p95: float | None
    cold_share: float
    answer_ms_mean: float
    score: float
    p_best: float
    p_equal: float
    pareto: bool
    missed: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MoreInvocations:
    """Where to measure more: ``invocations`` on top of those of the cell, None for too many.

    They are ``cold`` ones where it is the cold starts of which too little is known, else warm.
    ``difference`` is by how much of the choice's score this cell is worse (of the choice itself:
    0), None where it misses a limit that it might keep. ``close`` are cells that the samples show
    to be closer than `recommend_more.TOO_CLOSE`, which are not worth telling apart.
    """

    configuration: Configuration
    invocations: int | None
    difference: float | None
    cold: bool = False
    close: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOfThumb:
    """What the thesis' rule says: 1,024 MB, more where an execution takes longer than 100 ms.

    ``candidate`` is the cell of the run that follows it, None where it was not measured: one that
    differs from the choice in memory alone, or where there is none of 1,024 MB, in the engine too.
    """

    candidate: Candidate | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The answer for one algorithm. ``choice`` is None where no cell keeps the limits.

    ``candidates`` are all cells that can be judged, best first, those that miss a limit last.
    ``regret`` is what the choice loses on average against the unknown best, in ``regret_unit``.
    ``p_near`` is the probability that it is within 5 % of the best, ``p_memory`` that the best cell
    has its memory size. ``more`` says where to measure more, and which cells are too close to tell
    apart, while the choice is not sure to be the very best.
    ``excluded`` are cells that cannot be judged, by id, with why.
    """

    algorithm: str
    question: Question
    candidates: tuple[Candidate, ...] = ()
    choice: Candidate | None = None
    regret: float = 0.0
    p_near: float = 0.0
    p_memory: float = 0.0
    more: tuple[MoreInvocations, ...] = ()
    rule: RuleOfThumb | None = None
    excluded: tuple[tuple[str, str], ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def p_best(self) -> float:
        """The probability that the choice is the very best."""
        return self.choice.p_best if self.choice else 0.0

    @property
    def p_equal(self) -> float:
        """The probability that no other cell is more than 1 % better than the choice."""
        return self.choice.p_equal if self.choice else 0.0

    @property
    def decided(self) -> bool:
        """Whether the samples decide with the confidence asked for."""
        return self.choice is not None and self.p_equal >= self.question.confidence

    @property
    def regret_unit(self) -> str:
        """``usd_per_month``, ``ms`` or ``score``, after the objective."""
        return {"cost": "usd_per_month", "speed": "ms"}.get(self.question.objective, "score")
