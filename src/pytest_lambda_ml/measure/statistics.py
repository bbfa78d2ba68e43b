"""The few statistics that a cell needs; of nothing there is no figure, so it is ``None``."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["max_overlap", "mean", "percentile", "total"]


def total(values: Iterable[float]) -> float | None:
    """The sum, free of accumulated rounding; ``None`` of nothing."""
    present = tuple(values)
    return math.fsum(present) if present else None


def mean(values: Iterable[float]) -> float | None:
    """The arithmetic mean; ``None`` of nothing."""
    present = tuple(values)
    return math.fsum(present) / len(present) if present else None


def percentile(values: Sequence[float], q: float) -> float | None:
    """The value below which ``q`` percent of the values lie, ``q`` from 0 to 100.

    Interpolated linearly between the two nearest ranks, as numpy does by default (definition 7 of
    Hyndman and Fan, 1996). ``None`` of nothing. Raises ValueError for a ``q`` out of range.
    """
    if not 0 <= q <= 100:
        raise ValueError(f"a percentile is from 0 to 100, not {q}")
    if not values:
        return None
    ranked = sorted(values)
    rank = (len(ranked) - 1) * q / 100
    below = math.floor(rank)
    share = rank - below
    if share == 0:
        return float(ranked[below])
    return ranked[below] * (1 - share) + ranked[below + 1] * share


def max_overlap(intervals: Iterable[tuple[float, float]]) -> int | None:
    """The largest number of intervals that hold one instant: a cell's effective concurrency.

    Half-open: an interval that starts where another ends does not overlap it. One of no length
    (or that a stepping clock ended before it began) holds the instant at which it starts. ``None``
    of no intervals.
    """
    ends_first, starts, instants_last = 0, 1, 2
    changes: list[tuple[float, int]] = []
    for start, end in intervals:
        changes.append((start, starts))
        changes.append((end, ends_first) if end > start else (start, instants_last))
    open_now = largest = 0
    for _, kind in sorted(changes):
        open_now += 1 if kind == starts else -1
        largest = max(largest, open_now)
    return largest if changes else None
