"""Synthetic runs with a known best cell, to see whether stated probabilities come true."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from recommend_cells import samples

from pytest_lambda_ml.analysis.recommend import recommend
from pytest_lambda_ml.analysis.recommendation import Question
from pytest_lambda_ml.analysis.traffic import Traffic
from pytest_lambda_ml.measure.pricing import load_prices

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.random import Generator

    from pytest_lambda_ml.analysis.recommend_samples import CellSamples

FAMILIES = ("spread", "one better", "lambda", "noisy")
"""How the true costs lie: each cell's by itself; all the same but one, which is up to 20 % better;
as Lambda's lie over memory, where those below 1,769 MB are nearly the same for work of one thread
(so that the best is known, but by a hair's breadth); and as any of these, but with 20 invocations a
cell, of which one in twenty takes far longer (a Pareto tail of exponent 2.5)."""

NOISY_COUNT, TAIL_SHARE, TAIL = 20, 0.05, 2.5

SIZES_MB = (256, 512, 1024, 1536, 2048, 3072, 4096)
BUSY = Traffic(10_000_000)


@dataclass(frozen=True, slots=True)
class Called:
    """One recommendation: what was said, whether it was right, and what it lost if it was not."""

    p_best: float
    p_equal: float
    right: bool
    loss: float


def true_ms(family: str, sizes: list[int], generator: Generator) -> list[float]:
    """True mean durations, one per memory size."""
    if family == "lambda":
        work_ms = 10 ** generator.uniform(1.5, 3.5)
        parallel, fixed_ms = generator.uniform(0.3, 1), generator.uniform(0.5, 10)
        shares = [size / 1769 for size in sizes]
        return [
            fixed_ms + work_ms * ((1 - parallel) / min(1, share) + parallel / share)
            for share in shares
        ]
    level = generator.uniform(50, 500)
    if family == "spread":
        work = level * np.exp(generator.normal(0, generator.uniform(0.05, 0.4), len(sizes)))
    else:
        work = np.full(len(sizes), level)
        work[generator.integers(len(sizes))] *= 1 - generator.uniform(0, 0.2)
    return [float(each) * 1024 / size for each, size in zip(work, sizes, strict=True)]


def measured(mean_ms: float, count: int, generator: Generator, **how: float) -> np.ndarray:
    """Durations of this true mean: log-normal, or stalled for 20 ms now and then."""
    if how["stalls"]:
        stalled = (generator.random(count) < 0.15) * 20 / mean_ms
        noise = (generator.lognormal(-0.005, 0.1, count) + stalled) / (1 + 0.15 * 20 / mean_ms)
    else:
        sigma = np.sqrt(np.log(1 + how["cv"] ** 2))
        noise = generator.lognormal(-sigma * sigma / 2, sigma, count)
    if how["tails"]:
        tails = (generator.random(count) < TAIL_SHARE) * generator.pareto(TAIL, count)
        noise *= (1 + tails) / (1 + TAIL_SHARE / (TAIL - 1))
    hosts = 1 + how["host_cv"] * generator.standard_normal(int(how["environments"]))
    return mean_ms * noise * np.abs(hosts)[np.arange(count) % int(how["environments"])]


def run_of(family: str, seed: int) -> tuple[list[CellSamples], np.ndarray]:
    """The cells of one run and their true costs per invocation, in MB ms.

    2 to 7 memory sizes, 8 to 99 (or 20) warm invocations a cell in 2 to 10 environments, of which
    some are on hosts of different speed; a coefficient of variation from 5 to 60 %.
    """
    generator = np.random.default_rng((FAMILIES.index(family), seed))
    sizes = sorted(map(int, generator.choice(SIZES_MB, generator.integers(2, 8), replace=False)))
    count = NOISY_COUNT if family == "noisy" else int(generator.integers(8, 100))
    how = {
        "cv": generator.uniform(0.05, 0.6),
        "tails": float(family == "noisy"),
        "stalls": float(generator.random() < 0.3),
        "environments": min(int(generator.integers(2, 11)), count // 2),
        "host_cv": float(generator.choice([0, 0, 0.03])),
    }
    curve = str(generator.choice(FAMILIES[:-1])) if family == "noisy" else family
    means = true_ms(curve, sizes, generator)
    cells = [
        samples(
            measured(mean, count, generator, **how),
            environment=np.arange(count) % int(how["environments"]),
            memory_mb=size,
        )
        for size, mean in zip(sizes, means, strict=True)
    ]
    half_ms = 0.5  # by which rounding up to whole milliseconds lengthens on average
    return cells, np.array([s * (m + half_ms) for s, m in zip(sizes, means, strict=True)])


def call(family: str, seed: int) -> Called:
    """Recommend from one run, and look at the truth."""
    cells, truth = run_of(family, seed)
    (told,) = recommend(cells, Question(traffic=BUSY), load_prices().prices, draws=1000, seed=seed)
    assert told.choice is not None
    chosen = [cell.configuration for cell in cells].index(told.choice.configuration)
    return Called(
        told.p_best, told.p_equal, chosen == int(truth.argmin()), truth[chosen] / truth.min() - 1
    )


def call_for_speed(seed: int) -> Called:
    """As `call`, for the shortest time of cells of several memory sizes and concurrencies.

    Times of one memory size lie within a few percent, those of different sizes anywhere.
    """
    generator = np.random.default_rng((len(FAMILIES), seed))
    sizes = SIZES_MB[: int(generator.integers(2, 5))]
    at_once = int(generator.integers(1, 4))
    means = np.repeat(true_ms("spread", [1024] * len(sizes), generator), at_once)
    means *= np.exp(generator.normal(0, generator.uniform(0, 0.05), len(means)))
    cv, count = generator.uniform(0.05, 0.6), int(generator.integers(8, 100))
    how = {"cv": cv, "tails": 0.0, "stalls": 0.0, "environments": 4, "host_cv": 0.0}
    cells = [
        samples(
            measured(mean, count, generator, **how),
            environment=np.arange(count) % 4,
            memory_mb=sizes[i // at_once],
            concurrency=1 + i % at_once,
        )
        for i, mean in enumerate(means)
    ]
    question = Question(objective="speed", traffic=BUSY)
    (told,) = recommend(cells, question, load_prices().prices, draws=1000, seed=seed)
    assert told.choice is not None
    chosen = [cell.configuration for cell in cells].index(told.choice.configuration)
    loss = means[chosen] / means.min() - 1
    return Called(told.p_best, told.p_equal, chosen == int(means.argmin()), loss)


def between(
    calls: Iterable[Called], low: float, high: float, *, said: str = "p_best"
) -> list[Called]:
    """The calls of this confidence."""
    return [each for each in calls if low <= getattr(each, said) <= high]


def share_right(calls: list[Called], within: float | None = None) -> float:
    """How many were right; with ``within``, how many chose a cell at most so much dearer."""
    return float(
        np.mean([each.right or (within is not None and each.loss <= within) for each in calls])
    )
