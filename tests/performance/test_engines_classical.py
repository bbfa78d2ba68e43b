"""Both engines of the six classical algorithms beside each other: cost, cold start, memory.

On data of the thesis' size, which `make train-thesis EMOTION=FILE.csv` has trained:

    make perf PERF_ARGS="-k engines_classical --lambda-dataset emotion=FILE.csv"

An algorithm's cells are measured in turn, reference, fast, reference, fast, so that both see the
same machine, and are pooled: more than 50 warm invocations of each engine. Ratios are of totals.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

from pytest_lambda_ml.campaign.cold_start import cold_start_ms
from pytest_lambda_ml.model import Outcome, StartType

ROUNDS = 3
CONCURRENCY = 4
INVOCATIONS = 22  # of which the concurrency start cold: 54 warm ones in three rounds
ENGINES = ("reference", "fast")
SMALLEST_MB = 128
MEMORY_MB = (128, 256, 512, 1024, 2048)


@dataclass(frozen=True)
class Held:
    """At which size an algorithm is measured, and the ratios fast/reference that it is held to."""

    memory_mb: int
    batch_size: int
    cost: float
    cold_start: float


HELD_TO = {
    "k-means": Held(1024, 1000, 1.0, 0.10),
    "logistic-regression": Held(1024, 1000, 1.0, 0.10),
    "svm": Held(1024, 1000, 1.0, 0.10),
    "pca": Held(1769, 100, 0.06, 0.10),
    "gaussian-mixture": Held(1769, 100, 0.03, 0.08),
    "random-forest": Held(1769, 100, 0.40, 0.08),
}
AIMS = {"k-means": 0.15, "logistic-regression": 0.15, "svm": 0.15, "random-forest": 0.12}


@dataclass
class Pool:
    """All invocations of one engine of one algorithm, and what its smallest memory is."""

    billed_ms: list[float] = field(default_factory=list)
    cold_start_ms: list[float] = field(default_factory=list)
    agreement: list[float] = field(default_factory=list)
    max_memory_mb: int = 0
    smallest_mb: int | None = None

    def add(self, result):
        for item in result.invocations:
            if item.outcome is Outcome.SUCCEEDED and item.start is StartType.WARM:
                self.billed_ms.append(item.report.billed_duration_ms)
            if item.start is StartType.COLD and (ms := cold_start_ms(item)) is not None:
                self.cold_start_ms.append(ms)
        figures = result.figures
        self.max_memory_mb = max(self.max_memory_mb, figures.max_memory_mb)
        near = figures.agreement if figures.agreement is not None else figures.max_difference
        self.agreement += [] if near is None else [near]

    def gb_seconds_per_1k_items(self, held):
        used = sum(self.billed_ms) / 1000 * held.memory_mb / 1024
        return used / (len(self.billed_ms) * held.batch_size) * 1000


@pytest.fixture(scope="module")
def pools():
    """The pool of each (algorithm, engine)."""
    return defaultdict(Pool)


@pytest.mark.parametrize(
    ("algorithm", "number", "engine"),
    [(name, number, engine) for name in HELD_TO for number in range(ROUNDS) for engine in ENGINES],
)
def test_measure(lambda_benchmark, pools, algorithm, number, engine):
    """Both engines in turn; agreement with the reference is held by the plugin."""
    held = HELD_TO[algorithm]
    result = lambda_benchmark(
        handler=algorithm,
        engine=engine,
        memory_mb=held.memory_mb,
        concurrency=CONCURRENCY,
        batch_size=held.batch_size,
        invocations=INVOCATIONS,
    )
    pools[algorithm, engine].add(result)


@pytest.mark.parametrize(
    ("algorithm", "engine", "memory_mb"),
    [(name, "fast", SMALLEST_MB) for name in HELD_TO]
    + [(name, "reference", memory_mb) for name in HELD_TO for memory_mb in MEMORY_MB],
)
def test_smallest_memory(lambda_benchmark, pools, algorithm, engine, memory_mb):
    """The fast engine works in the smallest function there is; the reference in which?"""
    pool = pools[algorithm, engine]
    if pool.smallest_mb is not None:
        pytest.skip(f"{algorithm} fits {pool.smallest_mb} MB")
    result = lambda_benchmark(
        handler=algorithm,
        engine=engine,
        memory_mb=memory_mb,
        concurrency=1,
        batch_size=HELD_TO[algorithm].batch_size,
        invocations=3,
        allow=("out_of_memory", "timed_out", "failed") if engine == "reference" else (),
    )
    if result.outcomes.succeeded == result.outcomes.published:
        pool.smallest_mb = memory_mb


def test_fast_engines_cost_and_start_as_little_as_they_are_held_to(pools, record_property):
    misses = []
    print(
        "\nalgorithm             MB  batch  warm n   GB-s per 1k items: reference      fast  ratio"
        "  held aim    cold start ms: ref   fast  ratio  held   smallest MB   max MB  agreement"
    )
    for algorithm, held in HELD_TO.items():
        reference, fast = (pools[algorithm, engine] for engine in ENGINES)
        assert min(len(reference.billed_ms), len(fast.billed_ms)) >= 50
        used = [pool.gb_seconds_per_1k_items(held) for pool in (reference, fast)]
        cold = [statistics.median(pool.cold_start_ms) for pool in (reference, fast)]
        cost, start = used[1] / used[0], cold[1] / cold[0]
        record_property(algorithm, {"cost": round(cost, 4), "cold_start": round(start, 4)})
        print(
            f"{algorithm:20} {held.memory_mb:4} {held.batch_size:6} {len(reference.billed_ms):3}+"
            f"{len(fast.billed_ms):3} {used[0]:33.6f} {used[1]:9.6f} {cost:6.3f} {held.cost:5.2f} "
            f"{AIMS.get(algorithm, ''):4} {cold[0]:21.0f} {cold[1]:6.0f} {start:6.3f} "
            f"{held.cold_start:5.2f} {reference.smallest_mb!s:>7} / {fast.smallest_mb!s:4} "
            f"{reference.max_memory_mb:4}/{fast.max_memory_mb:3}  {fast.agreement[-1]:.3g}"
        )
        if cost > held.cost:
            misses.append(f"{algorithm}: GB-seconds {cost:.3f} of the reference's")
        if start > held.cold_start:
            misses.append(f"{algorithm}: cold start {start:.3f} of the reference's")
        if fast.smallest_mb != SMALLEST_MB:
            misses.append(f"{algorithm}: does not fit {SMALLEST_MB} MB")
    assert not misses
