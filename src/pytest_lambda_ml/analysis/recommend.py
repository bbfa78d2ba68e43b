"""Which configuration to use, and how sure the samples are of it. Pure.

The objectives are those of AWS Lambda Power Tuning: ``cost``, ``speed``, and ``balanced``, which
minimises ``weight × cost / highest cost + (1 - weight) × time / longest time``. Cost is that of a
month at the user's traffic, time the mean time to an answer, both with the cold starts that the
traffic brings (see `analysis.traffic`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from pytest_lambda_ml.analysis.pareto import pareto_front
from pytest_lambda_ml.analysis.recommend_figures import (
    COLD,
    COST,
    P95,
    TIME,
    Worth,
    missed_limit,
    scores,
    worth,
)
from pytest_lambda_ml.analysis.recommend_more import TOO_CLOSE, measure_more
from pytest_lambda_ml.analysis.recommend_pool import pooled
from pytest_lambda_ml.analysis.recommend_shrink import shrunk, shrunk_within
from pytest_lambda_ml.analysis.recommendation import (
    Candidate,
    Question,
    Recommendation,
    RuleOfThumb,
)
from pytest_lambda_ml.analysis.wording import milliseconds
from pytest_lambda_ml.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from pytest_lambda_ml.analysis.recommend_samples import CellSamples
    from pytest_lambda_ml.measure.pricing import Prices

__all__ = ["recommend", "rule_of_thumb"]

DRAWS = 4000
FEWEST_WARM = 2
FAILURES_TOLERATED = 0.01
"""Share of messages that may end badly; above it a cell is no choice."""
NEAR = 1.05
EQUAL = 1 + TOO_CLOSE
"""Scores closer than this are the same to whoever has to choose. Cost often hardly depends on
memory, and no affordable number of samples tells which of two cells is a hair's breadth ahead."""

REFERENCE = "reference"
RULE_MEMORY_MB = 1024
RULE_MS = 100.0
THOUSAND = 1000


def recommend(
    cells: Iterable[CellSamples],
    question: Question,
    prices: Callable[[str, str], Prices],
    *,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[Recommendation, ...]:
    """A recommendation per algorithm, in the order in which they come.

    Cells of one configuration are taken together (`analysis.recommend_pool`).
    ``prices`` gives the prices of a region and an architecture. The same samples give the same
    answer: ``seed`` starts the draws.
    """
    generator = np.random.default_rng(seed)
    groups: dict[str, list[CellSamples]] = {}
    for cell in pooled(cells):
        groups.setdefault(cell.configuration.algorithm, []).append(cell)
    answers = []
    for algorithm, group in groups.items():
        judged = [(cell, _unfit(cell)) for cell in group]
        excluded = tuple((cell.configuration.cell_id, why) for cell, why in judged if why)
        found = [
            worth(
                cell,
                question.traffic,
                prices(cell.region, cell.configuration.architecture),
                draws,
                generator,
            )
            for cell, why in judged
            if why is None
        ]
        answers.append(_decide(algorithm, found, question, excluded, generator))
    return tuple(answers)


def _unfit(cell: CellSamples) -> str | None:
    """Why a cell cannot be chosen; None where it can."""
    outcomes, warm = cell.outcomes, len(cell.warm_billed_ms)
    if outcomes.published and not outcomes.succeeded:
        worst = max(Outcome, key=outcomes.count)
        return f"nothing succeeded ({worst.value.replace('_', ' ')})"
    for outcome in (Outcome.OUT_OF_MEMORY, Outcome.TIMED_OUT, Outcome.FAILED):
        count = outcomes.count(outcome)
        if count > FAILURES_TOLERATED * outcomes.published:
            return f"{count} of {outcomes.published} {outcome.value.replace('_', ' ')}"
    if warm < FEWEST_WARM:
        return f"{warm or 'no'} warm invocation{'' if warm == 1 else 's'}: too few to judge"
    return None


@dataclass(frozen=True, slots=True)
class _Weighed:
    """Scores of all cells: as measured (cells,), drawn (cells, draws); infinite: limit missed.

    ``alone`` are the draws of each cell by itself, ``draws`` and ``free`` (without limits) those of
    cells that are alike (`recommend_shrink`).
    """

    plain: NDArray[np.float64]
    point: NDArray[np.float64]
    alone: NDArray[np.float64]
    free: NDArray[np.float64]
    draws: NDArray[np.float64]

    @property
    def best(self) -> NDArray[np.float64]:
        """The best score of each draw, infinite where no cell keeps the limits."""
        lowest: NDArray[np.float64] = self.draws.min(axis=0)
        return lowest

    @property
    def is_best(self) -> NDArray[np.bool_]:
        """Which cell is the best of each draw (cells, draws); identical scores share it."""
        best = self.best
        return (self.draws <= best) & np.isfinite(best)

    @property
    def is_equal(self) -> NDArray[np.bool_]:
        """Which cells are as good as the best of each draw."""
        best = self.best
        return (self.draws <= best * EQUAL) & np.isfinite(best)


def _weigh(found: Sequence[Worth], question: Question, generator: Generator) -> _Weighed:
    points = np.stack([each.point for each in found], axis=1)
    drawn = np.stack([each.draws for each in found], axis=1)
    scale = points[: TIME + 1].max(axis=1)
    plain, alone = scores(points, question, scale), scores(drawn, question, scale)
    missed = missed_limit(drawn, question)
    free = scores(_alike(found, points, drawn, question, generator), question, scale)
    return _Weighed(
        plain,
        np.where(missed_limit(points, question), np.inf, plain),
        np.where(missed, np.inf, alone),
        free,
        np.where(missed, np.inf, free),
    )


def _alike(
    found: Sequence[Worth],
    points: NDArray[np.float64],
    drawn: NDArray[np.float64],
    question: Question,
    generator: Generator,
) -> NDArray[np.float64]:
    """The drawn figures with those that the question asks for drawn together.

    Cost hardly depends on memory, so all cells share it; time does, and on the engine.
    """
    alike = drawn.copy()
    if question.objective != "speed":
        alike[COST] = shrunk(points[COST], drawn[COST], generator)
    if question.objective != "cost":
        cells = [each.cell.configuration for each in found]
        groups = [(cell.engine, cell.memory_mb) for cell in cells]
        alike[TIME] = shrunk_within(groups, points[TIME], drawn[TIME], generator)
    return alike


def _decide(
    algorithm: str,
    found: Sequence[Worth],
    question: Question,
    excluded: tuple[tuple[str, str], ...],
    generator: Generator,
) -> Recommendation:
    if not found:
        return Recommendation(algorithm=algorithm, question=question, excluded=excluded)
    weighed = _weigh(found, question, generator)
    is_best, best = weighed.is_best, weighed.best
    candidates = _candidates(found, question, weighed)
    ranked = tuple(sorted(candidates, key=lambda each: (each.missed is not None, each.score)))
    told = Recommendation(
        algorithm=algorithm,
        question=question,
        candidates=ranked,
        excluded=excluded,
        notes=tuple(_notes(found)),
    )
    if not np.isfinite(weighed.point).any():
        return told
    chosen = int(np.argmin(weighed.point))
    choice = candidates[chosen]
    possible = np.isfinite(best)
    loss = np.maximum(weighed.free[chosen] - best, 0.0)[possible]
    same_memory = np.array(
        [each.configuration.memory_mb == choice.configuration.memory_mb for each in candidates]
    )
    sure = choice.p_best >= question.confidence
    return Recommendation(
        algorithm=algorithm,
        question=question,
        candidates=ranked,
        choice=choice,
        regret=float(loss.mean()) if len(loss) else 0.0,
        p_near=float((weighed.draws[chosen] <= best * NEAR)[possible].sum() / len(best)),
        p_memory=float(is_best[same_memory].any(axis=0).mean()),
        more=()
        if sure
        else measure_more(
            [each.cell for each in found],
            weighed.point,
            weighed.alone,
            chosen,
            question.confidence,
            [each.doubts_cold_starts(question) for each in found],
        ),
        rule=rule_of_thumb(choice, candidates),
        excluded=excluded,
        notes=told.notes,
    )


def _candidates(
    found: Sequence[Worth], question: Question, weighed: _Weighed
) -> tuple[Candidate, ...]:
    p_best, p_equal = weighed.is_best.mean(axis=1), weighed.is_equal.mean(axis=1)
    front = pareto_front([w.point[COST] for w in found], [w.point[P95] for w in found])
    items = question.traffic.invocations_per_month(1)
    return tuple(
        Candidate(
            configuration=each.cell.configuration,
            region=each.cell.region,
            warm_count=len(each.cell.warm_billed_ms),
            cold_count=len(each.cell.cold_billed_ms),
            usd_per_month=float(each.point[COST]),
            usd_per_1k_items=float(each.point[COST]) / items * THOUSAND,
            billed_ms_mean=float(each.cell.warm_billed_ms.mean()),
            duration_ms_mean=float(each.cell.warm_duration_ms.mean()),
            duration_ms_p95=float(each.point[P95]),
            cold_ms_p95=None if np.isnan(each.point[COLD]) else float(each.point[COLD]),
            cold_share=each.cold_share,
            answer_ms_mean=float(each.point[TIME]),
            score=float(weighed.plain[i]),
            p_best=float(p_best[i]),
            p_equal=float(p_equal[i]),
            pareto=bool(front[i]),
            missed=_missed(each, question),
        )
        for i, each in enumerate(found)
    )


def _missed(each: Worth, question: Question) -> str | None:
    for name, limit, row in (
        ("p95", question.max_p95_ms, P95),
        ("cold start", question.max_cold_ms, COLD),
    ):
        value = each.point[row]
        if limit is not None and np.isnan(value):
            return f"no {name} was measured"
        if limit is not None and value > limit:
            return f"{name} of {milliseconds(float(value))} is above {limit:,g} ms"
    return None


def _notes(found: Sequence[Worth]) -> list[str]:
    without = [w.cell.configuration.cell_id for w in found if not len(w.cell.cold_billed_ms)]
    if not without:
        return []
    which = "" if len(without) == len(found) else f": {', '.join(without)}"
    return [f"no cold start was measured, so none is in the cost{which}"]


def rule_of_thumb(choice: Candidate, candidates: Sequence[Candidate]) -> RuleOfThumb:
    """What the thesis' rule says of cells that differ from the choice in nothing but memory.

    Where none of them has its memory size, of those of the reference engine.
    """

    def alike(each: Candidate, engine: str) -> bool:
        cell = replace(each.configuration, memory_mb=0, timeout_s=0)
        asked = replace(choice.configuration, memory_mb=0, timeout_s=0, engine=engine)
        return cell == asked and each.region == choice.region

    own = choice.configuration.engine
    measured = any(each.configuration.memory_mb == RULE_MEMORY_MB for each in candidates)
    missing = f"{RULE_MEMORY_MB} MB was not measured{' with all else alike' if measured else ''}"
    for engine, aside in ((own, ""), (REFERENCE, f"; engine {own} was not measured there")):
        larger = sorted(
            (
                each
                for each in candidates
                if alike(each, engine) and each.configuration.memory_mb >= RULE_MEMORY_MB
            ),
            key=lambda each: each.configuration.memory_mb,
        )
        if larger and larger[0].configuration.memory_mb == RULE_MEMORY_MB:
            return _rule(larger, aside)
    return RuleOfThumb(candidate=None, why=missing)


def _rule(larger: Sequence[Candidate], aside: str) -> RuleOfThumb:
    """The first that is fast enough, or the largest; the first has the rule's memory size."""
    duration_ms = larger[0].duration_ms_mean
    taken = next((each for each in larger if each.duration_ms_mean <= RULE_MS), larger[-1])
    above = "" if duration_ms <= RULE_MS else " is above 100 ms"
    told = f"{duration_ms:.1f}" if not above else f"{duration_ms:,.0f}"
    return RuleOfThumb(candidate=taken, why=f"{told} ms at 1024 MB{above}{aside}")
