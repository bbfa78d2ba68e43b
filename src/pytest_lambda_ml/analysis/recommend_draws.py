"""What else a cell's figures could be, given its samples: draws by bootstrap. Pure, vectorised.

Three things make a plain bootstrap of a mean too sure of itself, and each is put right here:

- Few samples: a resample varies by (n - 1) / n of what it should, and its tails are those of a
  normal distribution. Deviations are scaled to those of Student's t.
- Samples of one environment are alike (the same host): with the intraclass correlation r and m
  samples an environment, a mean varies by 1 + (m - 1) r as much (the design effect, Kish 1965).
- Billed durations are whole milliseconds: samples that are all equal do not say that the mean is
  exactly that, so the variance is never taken below that of rounding, 1/12 ms².

Percentiles are drawn by rank: the k-th smallest of a resample of n sorted values is the one at
n × Beta(k, n - k + 1), and the q-th percentile has k = (n - 1) q + 1.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

__all__ = ["BLOCKS", "design_effect", "draw_means", "draw_percentile"]

BLOCKS = 128
"""More samples than this are resampled as the means of so many random blocks: a mean of them varies
as much, at a cost that does not grow."""

ROUNDING_VARIANCE = 1 / 12
ONE_SAMPLE_SIGMA = 0.35
WITHIN = 10.0


def draw_means(
    values: NDArray[np.float64],
    draws: int,
    generator: Generator,
    environment: NDArray[np.int64] | None = None,
) -> NDArray[np.float64]:
    """Means that the cell could have, of shape (k, draws) for ``values`` of shape (k, n).

    Rows are figures of the same n invocations and are resampled together. NaN of no sample; a
    single sample is taken to be within a factor of two of the mean (95 %). Draws stay within a
    factor of ten of the mean: the tails of two or three samples would reach below zero.
    """
    count = values.shape[1]
    if count == 0:
        return np.full((len(values), draws), np.nan)
    mean = values.mean(axis=1, keepdims=True)
    if count == 1:
        wild: NDArray[np.float64] = mean * np.exp(generator.normal(0.0, ONE_SAMPLE_SIGMA, draws))
        return wild
    blocks = _blocks(values, generator)
    size = blocks.shape[1]
    chosen = generator.integers(size, size=(draws, size))
    spread = np.stack([row[chosen].mean(axis=1) for row in blocks]) - blocks.mean(
        axis=1, keepdims=True
    )
    spread *= math.sqrt(size / (size - 1))
    floor = np.sqrt(ROUNDING_VARIANCE / count)
    exact = values.var(axis=1, ddof=1) < ROUNDING_VARIANCE
    if exact.any():
        spread[exact] = generator.normal(0.0, floor, (int(exact.sum()), draws))
    wider = np.sqrt((size - 1) / generator.chisquare(size - 1, draws))
    effect = np.array([design_effect(row, environment) for row in values])
    drawn = mean + spread * wider * np.sqrt(effect)[:, None]
    kept: NDArray[np.float64] = drawn.clip(mean / WITHIN, mean * WITHIN)
    return kept


def _blocks(values: NDArray[np.float64], generator: Generator) -> NDArray[np.float64]:
    count = values.shape[1]
    if count <= BLOCKS:
        return values
    per_block = count // BLOCKS
    order = generator.permutation(count)[: per_block * BLOCKS]
    shape = (len(values), BLOCKS, per_block)
    means: NDArray[np.float64] = values[:, order].reshape(shape).mean(axis=2)
    return means


def draw_percentile(
    values: NDArray[np.float64], q: float, draws: int, generator: Generator
) -> NDArray[np.float64]:
    """The ``q``-th percentile (0 < q < 100) of ``draws`` resamples; NaN of no sample."""
    count = len(values)
    if count == 0:
        return np.full(draws, np.nan)
    rank = (count - 1) * q / 100 + 1
    ranks = generator.beta(rank, count - rank + 1, draws) * count
    return np.sort(values)[np.minimum(ranks.astype(np.int64), count - 1)]


def design_effect(values: NDArray[np.float64], environment: NDArray[np.int64] | None) -> float:
    """How many times more a mean varies because samples of one environment are alike; at least 1.

    From the mean squares between and within environments (one-way analysis of variance).
    """
    if environment is None or len(values) < 2:
        return 1.0
    counts = np.bincount(environment)
    counts = counts[counts > 0]
    groups, count = len(counts), len(values)
    if groups < 2 or groups == count:
        return 1.0
    sums = np.bincount(environment, weights=values)
    sizes = np.bincount(environment)
    means = np.divide(sums, sizes, out=np.zeros_like(sums), where=sizes > 0)
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (groups - 1)
    within = float(((values - means[environment]) ** 2).sum()) / (count - groups)
    typical = (count - float((counts**2).sum()) / count) / (groups - 1)
    total = between + (typical - 1) * within
    correlation = (between - within) / total if total > 0 else 0.0
    alike = float((counts**2).sum()) / count  # samples that share a sample's environment
    return 1 + max(correlation, 0.0) * (alike - 1)
