"""How many more invocations it takes until the samples decide, and where. Pure."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from pytest_lambda_ml.analysis.recommendation import MoreInvocations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from pytest_lambda_ml.analysis.recommend_samples import CellSamples

__all__ = ["MOST_INVOCATIONS", "TOO_CLOSE", "measure_more"]

TOO_CLOSE = 0.01
"""Cells whose scores differ by less than this share are not worth telling apart."""

MOST_INVOCATIONS = 100_000
"""Beyond this many for one cell no number is given."""

_RELEVANT = 0.005
"""A cell that beats the choice with less than this probability needs no more samples."""
_ONE_SIGMA = (15.87, 84.13)
AS_OFTEN_AGAIN = 2.0
DRAWN_TOGETHER = 2.0
"""That cells are taken to be alike (`recommend_shrink`) about doubles the doubt that is left."""


def measure_more(
    cells: Sequence[CellSamples],
    point: NDArray[np.float64],
    draws: NDArray[np.float64],
    chosen: int,
    confidence: float,
    cold: Sequence[bool],
) -> tuple[MoreInvocations, ...]:
    """What each contender and the choice itself need on top; most needed first.

    ``point`` (cells,) and ``draws`` (cells, draws) are scores, infinite where a limit is missed.
    The standard error of a difference shrinks with the root of the number of invocations, so to
    see with ``confidence`` (what it leaves is shared out over the contenders) that the contender is
    not better by `TOO_CLOSE`, both cells need their numbers times
    ``(z × standard error / difference)²``, the difference being the measured one and what is too
    close. ``cold`` (cells,) says whether it is the cold starts that are uncertain. Cells of which
    the samples show, as surely, that they are within `TOO_CLOSE` of the choice are told as such.
    """
    factors: dict[int, float] = {}
    contenders = [
        i
        for i in range(len(cells))
        if i != chosen and float((draws[i] * (1 + TOO_CLOSE) < draws[chosen]).mean()) > _RELEVANT
    ]
    others = max(len(contenders), 1)
    z = NormalDist().inv_cdf(1 - (1 - confidence) / others / DRAWN_TOGETHER)
    for i in range(len(cells)):
        gap = float(point[i] - point[chosen])
        doubt = z * _standard_error(draws[i] - draws[chosen])
        too_close = TOO_CLOSE * abs(float(point[chosen]))
        if i != chosen and (i in contenders or abs(gap) + doubt <= too_close):
            factors[i] = _factor(gap, doubt, too_close)
    finite = [factor for factor in factors.values() if math.isfinite(factor)]
    if finite:
        factors[chosen] = max(finite)
    asked = [
        MoreInvocations(
            configuration=cells[i].configuration,
            invocations=_further(_count(cells[i], cold=cold[i]), factor),
            difference=_relative(point, i, chosen),
            cold=cold[i],
            close=math.isinf(factor),
        )
        for i, factor in factors.items()
    ]
    return tuple(
        sorted(
            (each for each in asked if each.invocations != 0),
            key=lambda each: (each.invocations is None, -(each.invocations or 0)),
        )
    )


def _count(cell: CellSamples, *, cold: bool) -> int:
    return len(cell.cold_billed_ms if cold else cell.warm_billed_ms)


def _standard_error(gaps: NDArray[np.float64]) -> float:
    """Of a difference, from its draws; infinite where there is none between finite scores."""
    gaps = gaps[np.isfinite(gaps)]
    if not len(gaps):
        return math.inf
    low, high = np.percentile(gaps, _ONE_SIGMA)
    return float(high - low) / 2


def _factor(gap: float, doubt: float, too_close: float) -> float:
    """How many times the samples it takes; infinite where they show that the cells are close.

    A cell that misses a limit, but might keep it, is to be measured as often again.
    """
    if not math.isfinite(gap):
        return AS_OFTEN_AGAIN
    if abs(gap) + doubt <= too_close:
        return math.inf
    return (doubt / (gap + too_close)) ** 2


def _further(count: int, factor: float) -> int | None:
    if not math.isfinite(factor):
        return None
    further = math.ceil(count * max(factor - 1, 0.0))
    return further if further <= MOST_INVOCATIONS else None


def _relative(point: NDArray[np.float64], i: int, chosen: int) -> float | None:
    reference, value = float(point[chosen]), float(point[i])
    return (value - reference) / reference if reference and math.isfinite(value) else None
