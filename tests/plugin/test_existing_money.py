"""What a function that exists already would cost is said before, and held to the budget."""

from __future__ import annotations

import re

import pytest
from words_function import left, state

from pytest_lambda_ml.local import Endpoint

FILES = {
    "test_x.py": """
        import pytest

        CALL = {"payload": {"text": "a b c"}, "concurrency": 2, "invocations": 6}

        @pytest.mark.parametrize("memory_mb", [256, 512])
        @pytest.mark.parametrize("function", ["words"])
        def test_sizes(lambda_benchmark, function, memory_mb):
            lambda_benchmark(function=function, memory_mb=memory_mb, **CALL)

        def test_as_it_is(lambda_benchmark):
            lambda_benchmark(function="words", trigger="sync", **CALL)

        def test_unknown(lambda_benchmark):
            lambda_benchmark(function="nowhere", trigger="sync", **CALL)
    """
}


@pytest.fixture(scope="module")
def project(module_example, endpoint: Endpoint, lambda_):
    made = module_example(FILES)
    made.environ["PYTEST_LAMBDA_ML_AWS_ENDPOINT_URL"] = endpoint.url
    return made


@pytest.fixture(scope="module")
def measured(project):
    """The project, in which all cells have been measured once."""
    got = project.run_pytest("-k", "not unknown")
    assert got.outcomes == {"passed": 3, "deselected": 1}, got.text
    return project


def rows(text: str) -> dict[str, str]:
    return {line.split()[0]: line for line in text.splitlines() if line.startswith("words-")}


def test_a_dry_run_asks_what_the_function_is_and_does_nothing_to_it(
    project, endpoint: Endpoint, lambda_
) -> None:
    before = state(lambda_)
    got = project.run_pytest("--lambda-dry-run")
    assert got.outcomes == {"skipped": 3, "failed": 1}, got.text
    assert got.has("there is no function nowhere in us-east-1")
    assert got.has("3 cells, 18 invocations")
    found = rows(got.text)
    # Of 384 MB and with a timeout of 20 s: 6 × 20 s × 0.375 GB is $0.00075.
    assert re.search(r"6 +\$0\.0000\d+ to \$0\.0007\d*", found["words-existing-384-2-1-sync"])
    assert {"words-existing-256-2-1", "words-existing-512-2-1"} < found.keys()
    assert got.has("Quotas: 3 cells of functions that exist already,")
    assert "reserved concurrency 0" not in got.text, got.text
    assert got.has("unreserved concurrency 2 at most")
    assert state(lambda_) == before
    assert left(endpoint) == []


def test_without_anybody_to_ask_limits_and_stored_runs_speak(module_example, measured) -> None:
    lonely = module_example(FILES)
    got = lonely.run_pytest("--lambda-dry-run", "-rs")
    assert got.outcomes == {"skipped": 4}, got.text
    assert rows(got.text).keys() == {"words-existing-256-2-1", "words-existing-512-2-1"}
    assert got.has("its timeout counts as 900 s")
    assert got.has("no stored run measured it, so its memory is not known")
    got = measured.run_pytest(
        "--lambda-dry-run", "-k", "sizes", PYTEST_LAMBDA_ML_AWS_ENDPOINT_URL="http://127.0.0.1:9"
    )
    assert "words-existing-256-2-1" in rows(got.text), got.text
    assert got.has("it is taken to be as when it was measured last", "2 of 2 cells were measured")


def test_a_budget_that_is_too_small_is_refused_before_anything_starts(measured, lambda_) -> None:
    before, runs = state(lambda_), len(measured.runs())
    told = measured.run_pytest("-k", "sizes", "--lambda-budget", "0.000001")
    assert told.returncode == pytest.ExitCode.USAGE_ERROR
    assert told.has("--lambda-budget: the 2 selected cells are expected to cost $0.0000")
    called = measured.run_pytest("-k", "as_it_is", "--lambda-budget", "0.000001")
    assert called.outcomes == {"failed": 1, "deselected": 3}, called.text
    assert called.has("words-existing-384-2-1-sync: 6 invocations are expected to cost $0.0000")
    assert called.has("of the budget are left; nothing of it was started")
    assert state(lambda_) == before
    assert all(not run["cells"] for run in measured.runs()[runs:])


def test_fargate_is_refused_as_only_this_machine_has_the_payloads(project) -> None:
    arguments = ("--lambda-publisher", "fargate", "--lambda-dry-run")
    told = project.run_pytest(*arguments, "-k", "sizes")
    assert told.returncode == pytest.ExitCode.USAGE_ERROR
    called = project.run_pytest(*arguments, "-k", "as_it_is")
    assert called.returncode == pytest.ExitCode.USAGE_ERROR
    for got in (told, called):
        assert got.has("--lambda-publisher: a Fargate task publishes batches of a data set"), got
        assert got.has("function='words' is sent payloads of the test")
