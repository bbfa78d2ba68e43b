"""A function that exists already is measured by each trigger, and left as it was."""

from __future__ import annotations

import json

import pytest
from words_function import NAME, left, state

from pytest_lambda_ml.local import Endpoint

PROJECT = {
    "test_x.py": """
        from pathlib import Path

        import pytest

        TRIGGERS = pytest.mark.parametrize("trigger", ["sns", "async", "sync"])
        SIZES = pytest.mark.parametrize("memory_mb", [256, 512, 1024])
        CALL = {"function": "words", "concurrency": 2, "invocations": 6}

        @TRIGGERS
        @SIZES
        def test_sizes(lambda_benchmark, trigger, memory_mb):
            result = lambda_benchmark(
                payload={"text": "a b c"}, trigger=trigger, memory_mb=memory_mb, **CALL
            )
            assert result.outcomes.succeeded == result.outcomes.published == 6
            assert {each.report.memory_mb for each in result.invocations} == {memory_mb}
            assert result.figures.cold_starts >= 1
            assert result.figures.warm_count + result.figures.cold_starts == 6
            assert result.figures.processing_ms_p50 is None
            assert result.figures.cost_usd_per_million > 0
            assert (result.figures.cost_total.sns_usd > 0) == (trigger == "sns")

        @pytest.mark.parametrize("trigger", ["async", "sync"])
        def test_as_it_is(lambda_benchmark, trigger):
            result = lambda_benchmark(payload={}, trigger=trigger, **CALL)
            assert result.outcomes.succeeded == 6
            assert result.configuration.memory_mb == 384

        @pytest.mark.parametrize("trigger", ["async", "sync"])
        def test_failures(lambda_benchmark, trigger):
            payload = [
                {"payload": Path("wrong.json"), "weight": 1},
                {"payload": {"text": "x"}, "weight": 2},
            ]
            result = lambda_benchmark(
                payload=payload, trigger=trigger, memory_mb=512, allow=["failed"], **CALL
            )
            assert (result.outcomes.failed, result.outcomes.succeeded) == (2, 4)

        @pytest.mark.parametrize("trigger", ["async", "sync"])
        def test_a_handler(lambda_benchmark, trigger):
            result = lambda_benchmark(
                "echo", memory_mb=512, concurrency=2, batch_size=3, invocations=6, trigger=trigger
            )
            assert result.outcomes.succeeded == 6
            assert result.figures.processing_ms_p50 is not None
            assert result.figures.cost_total.sns_usd == 0
    """,
    "wrong.json": '{"wrong": true}',
    "echo/handler.py": "def initialize(): pass\ndef process(batch): return batch\n",
    "echo/requirements.txt": "",
}


@pytest.fixture
def project(example, endpoint: Endpoint, lambda_):
    made = example(PROJECT)
    made.environ["PYTEST_LAMBDA_ML_AWS_ENDPOINT_URL"] = endpoint.url
    return made


def test_every_trigger_measures_it_and_it_is_as_before(project, endpoint, lambda_) -> None:
    before = state(lambda_)
    got = project.run_pytest("--benchmark-save=x")
    assert got.outcomes == {"passed": 15}, got.text
    assert state(lambda_) == before
    assert left(endpoint) == []


SLOW = {
    "test_x.py": """
        def test_slow(lambda_benchmark):
            lambda_benchmark(
                function="words", payload={"slow": 3}, trigger="sns", memory_mb=512,
                concurrency=1, invocations=4,
            )
    """
}


@pytest.fixture
def slow(example, endpoint: Endpoint, lambda_):
    made = example(SLOW)
    made.environ["PYTEST_LAMBDA_ML_AWS_ENDPOINT_URL"] = endpoint.url
    return made


def test_after_ctrl_c_it_is_as_before(slow, endpoint: Endpoint, lambda_) -> None:
    before = state(lambda_)
    got = slow.interrupt_pytest(when=lambda: '"published"' in slow.journal())
    assert got.returncode == pytest.ExitCode.INTERRUPTED, got.text
    assert state(lambda_) == before
    assert left(endpoint) == []


HALTED = {
    **SLOW,
    "conftest.py": """
        import os, signal
        from pytest_lambda_ml.aws import borrow

        def die(*arguments):
            os.kill(os.getpid(), signal.SIGKILL)

        borrow.put_settings_back = die
    """,
}


def test_after_sigkill_purge_puts_it_back(example, endpoint: Endpoint, lambda_) -> None:
    """Killed at the worst moment: the function has other settings, and a version of the run's."""
    before = state(lambda_)
    project = example(HALTED)
    project.environ["PYTEST_LAMBDA_ML_AWS_ENDPOINT_URL"] = endpoint.url
    assert project.run_pytest().returncode == -9
    assert lambda_.get_function_configuration(FunctionName=NAME)["MemorySize"] == 512
    [ledger] = project.root.glob(".lambda-ml/runs/*/ledger.jsonl")
    run_id = json.loads(ledger.read_text().splitlines()[0])["run_id"]
    listed = project.run("pytest-lambda-ml", "purge", "--run", run_id)
    assert listed.has("settings", "words?MemorySize=384&Description=counts+words")
    got = project.run("pytest-lambda-ml", "purge", "--run", run_id, "--yes")
    assert got.returncode == 0, got.text
    assert state(lambda_) == before
    assert left(endpoint) == []


REFUSED = {
    "test_x.py": """
        CALL = {"memory_mb": 512, "concurrency": 1, "invocations": 2}

        def test_unknown(lambda_benchmark):
            lambda_benchmark(function="nowhere", payload={}, **CALL)

        def test_both(lambda_benchmark):
            lambda_benchmark("svm", function="words", payload={}, **CALL)

        def test_no_payload(lambda_benchmark):
            lambda_benchmark(function="words", **CALL)

        def test_trigger(lambda_benchmark):
            lambda_benchmark(function="words", payload={}, trigger="sqs", **CALL)

        def test_version(lambda_benchmark):
            lambda_benchmark(function="words:live", payload={}, trigger="sync", **CALL)

        def test_few(lambda_benchmark):
            payload = [{"payload": n, "weight": 1} for n in range(3)]
            lambda_benchmark(function="words", payload=payload, trigger="sync", **CALL)
    """
}


def test_what_cannot_be_measured_is_said_in_a_sentence(example, endpoint, lambda_) -> None:
    before = state(lambda_)
    project = example(REFUSED)
    project.environ["PYTEST_LAMBDA_ML_AWS_ENDPOINT_URL"] = endpoint.url
    got = project.run_pytest()
    assert got.outcomes == {"failed": 6}, got.text
    for said in (
        "there is no function nowhere in us-east-1",
        "not both and not neither",
        "needs a payload",
        "trigger='sqs'",
        "a version cannot be changed",
        "3 weighted payloads and 2 invocations",
    ):
        assert got.has(said), said
    assert "Traceback" not in got.text
    assert state(lambda_) == before
