"""Which of several configurations are beaten by none on cost and latency together. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["pareto_front"]


def pareto_front(cost: Sequence[float], latency: Sequence[float]) -> NDArray[np.bool_]:
    """A mask of the points for which no other is at least as good in both and better in one.

    Less is better in both. Points that are equal in both stand or fall together. A point that
    lacks a figure (NaN) is on no front.
    """
    costs, latencies = np.asarray(cost, dtype=float), np.asarray(latency, dtype=float)
    front = np.zeros(len(costs), dtype=bool)
    known = np.flatnonzero(~(np.isnan(costs) | np.isnan(latencies)))
    best, best_cost = np.inf, np.inf
    for i in known[np.lexsort((latencies[known], costs[known]))]:
        equal = latencies[i] == best and costs[i] == best_cost
        if latencies[i] < best or equal:
            front[i] = True
            best, best_cost = latencies[i], costs[i]
    return front
