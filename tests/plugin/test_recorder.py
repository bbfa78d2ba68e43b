"""Lambda's durations become pytest-benchmark's statistics, exactly, whatever its options."""

from __future__ import annotations

import statistics

import pytest

SAMPLES_S = [0.003, 0.1, 0.0004, 12.5, 0.003]

PROJECT = {
    "conftest.py": f"""
        import pytest
        from pytest_lambda_ml.plugin.recorder import attach_clock, clock_of, replay

        def pytest_collection_modifyitems(items):
            for item in items:
                attach_clock(item, "billed")

        @pytest.fixture
        def record(benchmark, request):
            def record(samples=tuple({SAMPLES_S})):
                replay(benchmark, clock_of(request.node), samples, {{"cost_usd_per_million": 1.5}})
            return record
    """,
    "test_x.py": """
        import pytest

        @pytest.mark.parametrize("algorithm", ["svm"])
        def test_x(record, algorithm):
            record()
    """,
}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--benchmark-only"],
        ["--benchmark-warmup=on", "--benchmark-disable-gc"],
        ["--benchmark-min-rounds=50", "--benchmark-max-time=5", "--benchmark-precision=0.1"],
        ["--benchmark-timer=time.process_time"],
        ["--benchmark-cprofile=tottime"],
    ],
)
def test_the_statistics_are_those_of_the_samples(example, arguments) -> None:
    project = example(PROJECT)
    got = project.run_pytest(
        "--benchmark-save=x", "--benchmark-save-data", "-W", "error", *arguments
    )
    assert got.outcomes["passed"] == 1
    [bench] = project.saved()[0]["benchmarks"]
    assert bench["stats"]["data"] == SAMPLES_S
    assert bench["stats"]["rounds"] == len(SAMPLES_S)
    assert bench["stats"]["mean"] == pytest.approx(statistics.mean(SAMPLES_S))
    assert bench["stats"]["median"] == statistics.median(SAMPLES_S)
    assert bench["extra_info"] == {"cost_usd_per_million": 1.5}
    assert bench["options"]["timer"] == "lambda_billed_duration"


def test_tests_are_grouped_by_algorithm_unless_they_say_otherwise(example) -> None:
    source = PROJECT["test_x.py"].replace(
        "def test_x(", '@pytest.mark.benchmark(group="mine", min_rounds=9)\n        def test_x('
    )
    for files, group in ((PROJECT, "svm"), ({**PROJECT, "test_x.py": source}, "mine")):
        project = example(files)
        project.run_pytest("--benchmark-save=x")
        [bench] = project.saved()[-1]["benchmarks"]
        assert bench["group"] == group


def test_samples_that_were_not_recorded_as_given_are_an_error(example) -> None:
    """Another plugin that replaces the timer must not turn into wrong numbers."""
    source = """
        def test_x(record, benchmark):
            benchmark._timer = iter(range(1000)).__next__
            record()
    """
    got = example({**PROJECT, "test_x.py": source}).run_pytest()
    assert got.outcomes == {"failed": 1}
    assert got.has("did not record the durations that were measured")
