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


def measure_more(
    cells: Sequence[CellSamples],
    point: NDArray[np.float64],
    draws: NDArray[np.float64],
    chosen: int,
    confidence: float,
) -> tuple[MoreInvocations, ...]:
    """What each contender and the choice itself need on top; most needed first.

    ``point`` (cells,) and ``draws`` (cells, draws) are scores, infinite where a limit is missed.
    The standard error of a difference shrinks with the root of the number of invocations, so to
    see the measured difference with ``confidence`` (shared out over the contenders) both cells
    need their numbers times ``(z × standard error / difference)²``.
    """
    factors: dict[int, float] = {}
    contenders = [
        i
        for i in range(len(cells))
        if i != chosen and float((draws[i] < draws[chosen]).mean()) > _RELEVANT
    ]
    if not contenders:
        return ()
    z = NormalDist().inv_cdf(1 - (1 - confidence) / len(contenders))
    for i in contenders:
        with np.errstate(invalid="ignore"):
            gaps = draws[i] - draws[chosen]
        low, high = (
            np.percentile(gaps[np.isfinite(gaps)], _ONE_SIGMA)
            if (np.isfinite(gaps).any())
            else (0.0, 0.0)
        )
        gap = float(point[i] - point[chosen])
        error = float(high - low) / 2
        close = abs(gap) <= TOO_CLOSE * abs(float(point[chosen]))
        factors[i] = math.inf if close or not math.isfinite(gap) else (z * error / gap) ** 2
    finite = [factor for factor in factors.values() if math.isfinite(factor)]
    if finite:
        factors[chosen] = max(finite)
    asked = [
        MoreInvocations(
            configuration=cells[i].configuration,
            invocations=_further(len(cells[i].warm_billed_ms), factor),
            difference=_relative(point, i, chosen),
        )
        for i, factor in factors.items()
    ]
    return tuple(
        sorted(
            (each for each in asked if each.invocations != 0),
            key=lambda each: (each.invocations is None, -(each.invocations or 0)),
        )
    )


def _further(count: int, factor: float) -> int | None:
    if not math.isfinite(factor):
        return None
    further = math.ceil(count * max(factor - 1, 0.0))
    return further if further <= MOST_INVOCATIONS else None


def _relative(point: NDArray[np.float64], i: int, chosen: int) -> float:
    reference = float(point[chosen])
    return (float(point[i]) - reference) / reference if reference else 0.0
