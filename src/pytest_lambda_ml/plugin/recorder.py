"""Feed Lambda's own durations to pytest-benchmark, whose statistics then are those of Lambda.

pytest-benchmark reads a timer before and after each round. The timer here is a clock of the test's
own, which each round sets to one measured duration.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_lambda_ml.errors import LambdaMLError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["COLUMNS", "ReportClock", "attach_clock", "clock_of", "default_columns", "replay"]

COLUMNS = ("mean", "median", "min", "max", "stddev", "iqr", "outliers", "rounds")
"""The mean leads: it is what the bill follows. OPS and iterations mean nothing for Lambda."""


class ReportClock:
    """A clock that stands still until a round sets it. Its name shows as the JSON's timer."""

    def __init__(self, metric: str) -> None:
        self.__name__ = f"lambda_{metric}_duration"
        self.now_s = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now_s


CLOCK = pytest.StashKey[ReportClock]()


def attach_clock(item: pytest.Item, metric: str) -> None:
    """Give a test its clock, and a group by algorithm unless the test names one.

    pytest-benchmark reads only the closest ``benchmark`` marker, so what the test's own says is
    carried over.
    """
    clock = item.stash[CLOCK] = ReportClock(metric)
    own = item.get_closest_marker("benchmark")
    said = dict(own.kwargs) if own else {}
    callspec = getattr(item, "callspec", None)
    if callspec and isinstance(algorithm := callspec.params.get("algorithm"), str):
        said.setdefault("group", algorithm)
    item.add_marker(pytest.mark.benchmark(**{**said, "timer": clock}), append=False)


def clock_of(item: pytest.Item) -> ReportClock | None:
    """The clock that `attach_clock` gave the test."""
    return item.stash.get(CLOCK, None)


def replay(
    benchmark: Any,  # pytest_benchmark.fixture.BenchmarkFixture, which is not annotated
    clock: ReportClock,
    samples_s: Sequence[float],
    extra_info: Mapping[str, object],
) -> None:
    """Make ``samples_s`` (seconds, at least one) the rounds of this benchmark.

    Raises LambdaMLError when something else kept pytest-benchmark from recording them as given.
    """

    def rewind() -> None:
        clock.now_s = 0.0  # a difference from 0 is exact; of two large numbers it is not

    def next_sample() -> None:
        # By the number of rounds recorded, because other plugins may call once more.
        done = len(benchmark.stats.stats.data) if benchmark.stats else 0
        clock.now_s = samples_s[min(done, len(samples_s) - 1)]

    benchmark.extra_info.update(extra_info)
    benchmark.pedantic(next_sample, setup=rewind, rounds=len(samples_s), iterations=1)
    if list(benchmark.stats.stats.data) != list(samples_s):
        raise LambdaMLError(
            "pytest-benchmark did not record the durations that were measured; "
            "another plugin replaces its timer or fixture"
        )


def default_columns(config: pytest.Config) -> None:
    """Lead pytest-benchmark's table with the mean, unless the user chose the columns."""
    session = config.pluginmanager.getplugin("pytest-benchmark")
    if session is not None and config.getoption("benchmark_columns", default=None) is None:
        session.columns = list(COLUMNS)
