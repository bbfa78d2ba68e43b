"""What a cell is worth to a question: its figures as measured, and what else they could be. Pure.

Figures are rows of an array: cost in USD a month, mean time to an answer in ms, p95 of the warm
duration in ms, p95 of the cold start in ms (NaN where there was none).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_lambda_ml.analysis.recommend_draws import draw_means, draw_percentile

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

    from pytest_lambda_ml.analysis.recommend_samples import CellSamples
    from pytest_lambda_ml.analysis.recommendation import Question
    from pytest_lambda_ml.analysis.traffic import Traffic
    from pytest_lambda_ml.measure.pricing import Prices

__all__ = ["COLD", "COST", "P95", "TIME", "Worth", "missed_limit", "scores", "worth"]

COST, TIME, P95, COLD = range(4)

_PERCENT = 95
_UNLIKELY, _MOST = 0.005, 0.5
_MB_PER_GB, _MS_PER_S, _EPHEMERAL_MB_INCLUDED = 1024, 1000, 512


@dataclass(frozen=True, slots=True)
class Worth:
    """``point`` has shape (4,), ``draws`` (4, draws).

    ``cold_doubt`` is which part of the variance of cost and of time (2,) comes from cold starts.
    """

    cell: CellSamples
    cold_share: float
    point: NDArray[np.float64]
    draws: NDArray[np.float64]
    cold_doubt: NDArray[np.float64]

    def doubts_cold_starts(self, question: Question) -> bool:
        """Whether it is mostly cold starts of which too little is known to answer."""
        if question.max_cold_ms is not None:
            kept = float((self.draws[COLD] <= question.max_cold_ms).mean())
            if _UNLIKELY < kept < 1 - _UNLIKELY:
                return True
        cost_decides = question.objective == "cost" or (
            question.objective == "balanced" and question.weight >= _MOST
        )
        return bool(self.cold_doubt[COST if cost_decides else TIME] > _MOST)


def worth(
    cell: CellSamples, traffic: Traffic, prices: Prices, draws: int, generator: Generator
) -> Worth:
    """The figures of a cell with at least one warm invocation at this traffic.

    A cell without a cold start is priced as if its cold invocations were warm ones.
    """
    batch = cell.configuration.batch_size
    share = traffic.cold_share(batch, float(cell.warm_duration_ms.mean()))
    warm = np.stack([cell.warm_billed_ms, cell.warm_duration_ms])
    cold = np.stack([cell.cold_billed_ms, cell.cold_answer_ms])
    drawn_warm = draw_means(warm, draws, generator, cell.environment)
    drawn_cold = draw_means(cold, draws, generator)
    measured_cold = cold.mean(axis=1, keepdims=True) if cold.size else np.full((2, 1), np.nan)
    point = np.vstack(
        [
            _cost_and_time(cell, traffic, prices, share, warm.mean(axis=1)[:, None], measured_cold),
            _percentile(cell.warm_duration_ms),
            _percentile(cell.cold_start_ms),
        ]
    )
    drawn = np.vstack(
        [
            _cost_and_time(cell, traffic, prices, share, drawn_warm, drawn_cold),
            draw_percentile(cell.warm_duration_ms, _PERCENT, draws, generator),
            draw_percentile(cell.cold_start_ms, _PERCENT, draws, generator),
        ]
    )
    return Worth(cell, share, point[:, 0], drawn, _cold_doubt(share, drawn_warm, drawn_cold))


def _cold_doubt(
    share: float, warm: NDArray[np.float64], cold: NDArray[np.float64]
) -> NDArray[np.float64]:
    """See `Worth`: rows are billed and answering times; 0 without a cold start, or any doubt."""
    of_cold = np.nan_to_num(share**2 * cold.var(axis=1))
    both = of_cold + (1 - share) ** 2 * warm.var(axis=1)
    doubt: NDArray[np.float64] = np.divide(of_cold, both, out=np.zeros(2), where=both > 0)
    return doubt


def _percentile(values: NDArray[np.float64]) -> float:
    return float(np.percentile(values, _PERCENT)) if len(values) else np.nan


def _cost_and_time(
    cell: CellSamples,
    traffic: Traffic,
    prices: Prices,
    cold_share: float,
    warm: NDArray[np.float64],
    cold: NDArray[np.float64],
) -> NDArray[np.float64]:
    """USD a month and ms to an answer from means of billed and answering times, (2, draws) each."""
    cold = np.where(np.isnan(cold), warm, cold)
    billed_ms, answer_ms = (1 - cold_share) * warm + cold_share * cold
    configuration = cell.configuration
    extra_gb = max(configuration.ephemeral_mb - _EPHEMERAL_MB_INCLUDED, 0) / _MB_PER_GB
    per_second = configuration.memory_mb / _MB_PER_GB * float(prices.gb_second_usd)
    per_second += extra_gb * float(prices.ephemeral_gb_second_usd or 0)
    each = billed_ms / _MS_PER_S * per_second + float(prices.request_usd or 0)
    return np.stack([each * traffic.invocations_per_month(configuration.batch_size), answer_ms])


def scores(
    figures: NDArray[np.float64], question: Question, scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What the objective minimises, of figures of shape (4, …): less is better.

    ``scale`` holds the highest cost and the longest time to an answer.
    """
    found: NDArray[np.float64]
    if question.objective == "cost":
        found = figures[COST]
    elif question.objective == "speed":
        found = figures[TIME]
    else:
        cost, time = figures[COST] / scale[COST], figures[TIME] / scale[TIME]
        found = question.weight * cost + (1 - question.weight) * time
    return found


def missed_limit(figures: NDArray[np.float64], question: Question) -> NDArray[np.bool_]:
    """Where a limit is not kept, of figures of shape (4, …); an unknown figure keeps none."""
    missed = np.zeros(figures.shape[1:], dtype=bool)
    for limit, row in ((question.max_p95_ms, P95), (question.max_cold_ms, COLD)):
        if limit is not None:
            missed |= ~(figures[row] <= limit)
    return missed
