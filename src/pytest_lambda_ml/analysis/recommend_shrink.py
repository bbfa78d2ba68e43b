"""What cells could really be worth, given what all of them were measured to be. Pure, vectorised.

The cell that was measured best is likely to be one that was lucky, the more so the more cells are
nearly equal: below one vCPU the cost of work of one thread hardly depends on memory. Draws of each
cell by itself do not know that, and are too sure of which is the best.

So cells are taken to be alike unless the samples say otherwise (empirical Bayes, as the local
scales of Carvalho, Polson & Scott's horseshoe, 2010): the logarithm of a cell's figure lies around
a level that all share, at a distance whose scale is each cell's own and equally likely to be of any
order from `SCALES`' smallest to its largest. A cell that stands out by many of its standard errors
keeps its draws; one whose difference is within the noise is drawn towards the others. With t for
such a scale and s for the standard error, the posterior is normal with the precision 1/s² + 1/t².

Time does depend on memory, and on the engine: it has a level in common only where both are equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

__all__ = ["SCALES", "shrunk", "shrunk_within"]

SCALES = np.geomspace(0.0003, 0.6, 14)
"""Relative differences, from one that nobody would care to know to nearly a factor of two."""

GRID = 240
SMALLEST_ERROR = 1e-9


def shrunk(point: Floats, draws: Floats, generator: Generator) -> Floats:
    """Figures that the cells could really have, of shape (cells, draws) like ``draws``.

    ``point`` (cells,) are the figures as measured and ``draws`` what each could be by itself, all
    above 0. A single cell has nothing to be like.
    """
    if len(point) < 2 or point.min() <= 0:
        return draws
    level = np.log(point)
    apart = np.log(draws) - level[:, None]
    error = np.maximum(apart.std(axis=1), SMALLEST_ERROR)
    count = draws.shape[1]
    shared = _shared_levels(level, error, count, generator)
    scale2 = _scales(level, error, shared, generator) ** 2
    error2 = error[:, None] ** 2
    kept = scale2 / (scale2 + error2)
    mean = kept * level[:, None] + (1 - kept) * shared
    drawn: Floats = np.exp(mean + np.sqrt(kept) * apart)
    return drawn


def shrunk_within(
    groups: Sequence[Hashable], point: Floats, draws: Floats, generator: Generator
) -> Floats:
    """`shrunk` among the cells of each group; ``groups`` (cells,) says which a cell is of."""
    found = draws.copy()
    for group in dict.fromkeys(groups):
        own = [each == group for each in groups]
        found[own] = shrunk(point[own], draws[own], generator)
    return found


def _shared_levels(level: Floats, error: Floats, count: int, generator: Generator) -> Floats:
    """``count`` draws of the level that all cells share, from its posterior on a grid.

    The cells are independent given the level, so the posterior is a product of mixtures. The prior
    is flat over the cells' range.
    """
    grid = np.unique(np.concatenate([np.linspace(level.min(), level.max(), GRID), level]))
    if len(grid) == 1:
        return np.full(count, grid[0])
    weights = _log_weights(level[:, None, None], error[:, None, None], grid[None, :, None])
    likelihood = np.logaddexp.reduce(weights, axis=2).sum(axis=0)
    density = np.exp(likelihood - likelihood.max()) * np.gradient(grid)
    chosen: Floats = generator.choice(grid, count, p=density / density.sum())
    return chosen


def _scales(level: Floats, error: Floats, shared: Floats, generator: Generator) -> Floats:
    """A scale for each cell and draw, given the shared level: (cells, draws)."""
    found = np.empty((len(level), len(shared)))
    for cell in range(len(level)):
        weights = _log_weights(level[cell], error[cell], shared[:, None])
        weights = np.exp(weights - weights.max(axis=1, keepdims=True)).cumsum(axis=1)
        drawn = generator.random((len(shared), 1)) * weights[:, -1:]
        found[cell] = SCALES[(weights < drawn).sum(axis=1)]
    return found


def _log_weights(level: Floats | np.float64, error: Floats | np.float64, shared: Floats) -> Floats:
    """The logarithm of how likely each scale makes a cell's score; scales are the last axis."""
    variance = error**2 + SCALES**2
    weights: Floats = -0.5 * (np.log(variance) + (level - shared) ** 2 / variance)
    return weights
