"""Two samples of a cell compared by resampling: is it chance, and how large is it. Pure numpy.

Durations on Lambda are skewed, in whole milliseconds where billed, and stalled by 20 ms at a time
where the CPU share is small: no formula for normal data holds. Two things are computed:

- *Is it chance?* A permutation test: were both runs of the same thing, which invocation belongs to
  which run would be arbitrary, so the labels are exchanged at random. This is exact for any
  distribution. Over many cells and metrics at once, the largest deviation of each exchange is kept
  (Westfall and Young, Resampling-based Multiple Testing, 1993: step-down max-T), so that *all*
  verdicts of a comparison together have the stated error. It uses what metrics of one cell have in
  common, which Holm's correction cannot.
- *How large is it?* The ratio with a percentile bootstrap interval (Efron and Tibshirani, 1993).

Invocations of one execution environment resemble each other (one slow host slows them all), so a
sample is worth less than its size: `design_effect`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["Interval", "Pair", "adjusted_p_values", "bootstrap_interval", "design_effect"]

ROUNDS = 2000
"""Exchanges, and bootstrap resamples: a p-value of 0.05 is known to ± 0.01."""

MANY, BLOCKS = 5000, 100
"""Samples larger than MANY are condensed to the statistics of BLOCKS random blocks."""

AT_ONCE = 2_000_000
"""Elements of a resampled array held at one time."""

SURE = 1e-12
"""Rounding: deviations closer than this are equal."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """One metric of one cell in two runs; the values are positive.

    The statistic is the mean, or with ``quantile`` (between 0 and 1) that quantile. ``inflation``
    is the variance of the statistic over what it would be if invocations were independent.
    """

    base: Floats
    new: Floats
    quantile: float | None = None
    inflation: float = 1.0

    @property
    def ratio(self) -> float:
        """The statistic of ``new`` over that of ``base``."""
        one = _of(self.quantile)
        return float(one(self.new[None, :])[0] / one(self.base[None, :])[0])


@dataclass(frozen=True, slots=True)
class Interval:
    """A ratio's bounds, and the standard error of its logarithm."""

    low: float
    high: float
    error: float


def design_effect(groups: Sequence[tuple[Floats, NDArray[np.int64]]]) -> float:
    """Variance of a mean over that of as many independent values, from 1 to the group size.

    ``groups`` are the runs, each as values and the environment of each value. It is the ratio of
    mean squares between and within environments: 1 when environments are alike (Kish, Survey
    Sampling, 1965, for clusters of one size).
    """
    between = within = 0.0
    clusters = count = 0
    for values, labels in groups:
        if not values.size:
            continue
        _, codes = np.unique(labels, return_inverse=True)
        sizes = np.bincount(codes)
        means = np.bincount(codes, weights=values) / sizes
        between += float(sizes @ (means - values.mean()) ** 2)
        within += float(((values - means[codes]) ** 2).sum())
        clusters += sizes.size
        count += values.size
    runs = sum(1 for values, _ in groups if values.size)
    if clusters <= runs or count <= clusters or between == 0.0:
        return 1.0
    largest = count / clusters
    if within == 0.0:
        return largest
    ratio = (between / (clusters - runs)) / (within / (count - clusters))
    return min(max(ratio, 1.0), largest)


def adjusted_p_values(pairs: Sequence[Pair], *, seed: int, rounds: int = ROUNDS) -> Floats:
    """For each pair the chance that pure chance moves *any* of them so far to that side.

    With two runs of the same thing something seems to have grown (a ratio above 1 and a value of
    at most 0.05) in 5 % of comparisons, however many pairs there are, and something to have shrunk
    in another 5 %. Pairs of equal sample sizes are exchanged alike, which keeps what the metrics of
    one cell have in common.
    """
    rng = np.random.default_rng(seed)
    observed = np.zeros(len(pairs))
    exchanged = np.zeros((len(pairs), rounds))
    for shape, members in _by_shape([_condensed(pair, rng) for pair in pairs]).items():
        for start, labels in _labels(shape, rounds, rng):
            for index, pair in members:
                values = np.concatenate([pair.base, pair.new])
                exchanged[index, start : start + len(labels)] = _deviations(
                    values, labels, shape[0], pair.quantile
                )
        for index, pair in members:
            observed[index] = math.log(pair.ratio)
    # Deviations of each pair in units of their own spread, so that none drowns the others.
    spread = np.sqrt((exchanged**2).mean(axis=1))
    spread[spread == 0.0] = 1.0
    exchanged /= spread[:, None]
    observed /= spread * np.sqrt(np.array([pair.inflation for pair in pairs]))
    grown, shrunk = _step_down(observed, exchanged), _step_down(-observed, -exchanged)
    return np.where(observed > 0.0, grown, shrunk)


def bootstrap_interval(
    pair: Pair, *, seed: int, level: float = 0.95, rounds: int = ROUNDS
) -> Interval:
    """The percentile interval of the ratio, widened by the pair's inflation.

    It is not widened beyond what the samples' extremes allow; yet only resampling says that a
    ratio is not 1.
    """
    rng = np.random.default_rng(seed)
    least = min(math.log(pair.new.min() / pair.base.max()), 0.0)
    most = max(math.log(pair.new.max() / pair.base.min()), 0.0)
    pair = _condensed(pair, rng)
    drawn = np.log(_redrawn(pair.new, pair.quantile, rounds, rng)) - np.log(
        _redrawn(pair.base, pair.quantile, rounds, rng)
    )
    ratio, wider = math.log(pair.ratio), math.sqrt(pair.inflation)
    tail = (1.0 - level) / 2.0
    widened = ratio + (np.quantile(drawn, [tail, 1.0 - tail]) - ratio) * wider
    low, high = np.clip(widened, least, most)
    return Interval(math.exp(low), math.exp(high), float(drawn.std()) * wider)


def _of(quantile: float | None) -> Callable[[Floats], Floats]:
    """The statistic of each row."""
    if quantile is None:
        return lambda rows: rows.mean(axis=1)
    return lambda rows: np.quantile(rows, quantile, axis=1)


def _condensed(pair: Pair, rng: np.random.Generator) -> Pair:
    """A pair of large samples as one of the means of block statistics.

    Blocks are drawn at random and have one size in both runs, so they can be exchanged as well as
    what they are made of.
    """
    smaller = min(pair.base.size, pair.new.size)
    if max(pair.base.size, pair.new.size) <= MANY or smaller < BLOCKS:
        return pair
    size = max(smaller // BLOCKS, 1)
    statistic = _of(pair.quantile)

    def blocks(values: Floats) -> Floats:
        count = min(values.size // size, MANY)
        return statistic(rng.permutation(values)[: count * size].reshape(count, size))

    return Pair(blocks(pair.base), blocks(pair.new), None, pair.inflation)


def _by_shape(pairs: Sequence[Pair]) -> dict[tuple[int, int], list[tuple[int, Pair]]]:
    shapes: dict[tuple[int, int], list[tuple[int, Pair]]] = {}
    for index, pair in enumerate(pairs):
        shapes.setdefault((pair.base.size, pair.new.size), []).append((index, pair))
    return shapes


def _labels(
    shape: tuple[int, int], rounds: int, rng: np.random.Generator
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Random orders of both samples together, some rounds at a time."""
    count = sum(shape)
    step = max(min(AT_ONCE // count, rounds), 1)
    for start in range(0, rounds, step):
        yield start, np.argsort(rng.random((min(step, rounds - start), count)), axis=1)


def _deviations(
    values: Floats, labels: NDArray[np.intp], base_size: int, quantile: float | None
) -> Floats:
    """The logarithm of the ratio when the first ``base_size`` of each order are the base."""
    drawn = values[labels]
    statistic = _of(quantile)
    return np.log(statistic(drawn[:, base_size:])) - np.log(statistic(drawn[:, :base_size]))


def _redrawn(
    values: Floats, quantile: float | None, rounds: int, rng: np.random.Generator
) -> Floats:
    """The statistic of samples drawn with replacement."""
    statistic = _of(quantile)
    step = max(min(AT_ONCE // values.size, rounds), 1)
    parts = [
        statistic(values[rng.integers(values.size, size=(min(step, rounds - at), values.size))])
        for at in range(0, rounds, step)
    ]
    return np.concatenate(parts)


def _step_down(observed: Floats, exchanged: Floats) -> Floats:
    """Adjusted p-values: the largest first, each against the largest of itself and the smaller."""
    order = np.argsort(-observed, kind="stable")
    largest = np.maximum.accumulate(exchanged[order[::-1]], axis=0)[::-1]
    rounds = exchanged.shape[1]
    reached = (largest >= observed[order, None] - SURE).sum(axis=1)
    p_values = np.empty(len(observed))
    p_values[order] = np.maximum.accumulate((1 + reached) / (1 + rounds))
    return p_values
