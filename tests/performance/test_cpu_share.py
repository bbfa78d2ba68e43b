"""Warm mean durations follow the CPU share that a memory size buys.

With a data set of one's own: `make perf PERF_ARGS="-k cpu_share --lambda-dataset emotion=PATH"`.
"""

from __future__ import annotations

import statistics

import pytest

from pytest_lambda_ml.model import StartType

MEMORY_MB = [256, 512, 1024, 1769]
TOLERANCE = 0.10


@pytest.fixture(scope="module")
def measured():
    """The results of the cells, by memory size."""
    return {}


@pytest.mark.lambda_matrix(
    algorithm=["svm"], memory_mb=MEMORY_MB, concurrency=[4], batch_size=[1000], invocations=104
)
def test_svm(lambda_benchmark, algorithm, engine, memory_mb, concurrency, batch_size, measured):
    measured[memory_mb] = lambda_benchmark(
        handler=algorithm,
        engine=engine,
        memory_mb=memory_mb,
        concurrency=concurrency,
        batch_size=batch_size,
    )


def test_mean_durations_are_within_ten_percent_of_one_over_vcpu(measured):
    rows = {}
    for memory_mb, result in measured.items():
        warm = [item for item in result.invocations if item.start is StartType.WARM]
        duration_ms = statistics.fmean(item.report.duration_ms for item in warm)
        cpu_ms = statistics.fmean(item.record.cpu_time_ms for item in warm)
        rows[memory_mb] = (duration_ms, cpu_ms)
    largest_ms = rows[max(rows)][0]
    print("\nmemory  1/vCPU  mean ms  cpu ms  wall/cpu  ratio  off")
    misses = []
    for memory_mb, (duration_ms, cpu_ms) in sorted(rows.items()):
        expected = max(rows) / memory_mb
        ratio = duration_ms / largest_ms
        off = ratio / expected - 1
        print(
            f"{memory_mb:6}  {expected:6.2f}  {duration_ms:7.2f}  {cpu_ms:6.2f}  "
            f"{duration_ms / cpu_ms:8.2f}  {ratio:5.2f}  {off:+.1%}"
        )
        if abs(off) > TOLERANCE:
            misses.append(f"{memory_mb} MB: {off:+.1%}")
    assert len(rows) == len(MEMORY_MB)
    assert not misses
