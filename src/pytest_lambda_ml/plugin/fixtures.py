"""The fixtures `lambda_backend`, `deploy_function` and `lambda_benchmark`.

Everything heavy is imported when a test uses them: a project that has the plugin installed and
does not use it pays nothing.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_lambda_ml.plugin.collection import is_worker
from pytest_lambda_ml.plugin.options import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_benchmark.fixture import BenchmarkFixture

    from pytest_lambda_ml.campaign.session import DeployedFunction
    from pytest_lambda_ml.plugin.backend import LambdaBackend
    from pytest_lambda_ml.plugin.benchmark import LambdaBenchmark
    from pytest_lambda_ml.plugin.dry_run_backend import DryRunBackend
    from pytest_lambda_ml.plugin.training import LambdaTraining

__all__ = [
    "BACKEND",
    "DRY_RUN",
    "deploy_function",
    "lambda_backend",
    "lambda_benchmark",
    "lambda_region",
    "lambda_training",
]

BACKEND = pytest.StashKey["LambdaBackend"]()
DRY_RUN = pytest.StashKey["DryRunBackend"]()


@pytest.fixture(scope="session")
def lambda_backend(request: pytest.FixtureRequest) -> Iterator[LambdaBackend | DryRunBackend]:
    """AWS with ``--aws-region``, else a Lambda endpoint on this machine, for the whole session.

    ``lambda_backend.campaign`` deploys and measures; everything is deleted at the end.
    """
    config = request.config
    if is_worker(config):
        pytest.fail(
            "Lambda benchmarks cannot run under pytest-xdist: workers would disturb each other's "
            "durations, and pytest-benchmark records nothing there; run them with -p no:xdist or "
            "-n 0 (the concurrency that counts is Lambda's own: --lambda-concurrency)",
            pytrace=False,
        )
    from pytest_lambda_ml.plugin.backend import open_lambda_backend
    from pytest_lambda_ml.plugin.benchmark import as_test_outcome
    from pytest_lambda_ml.plugin.dry_run_backend import DryRunBackend
    from pytest_lambda_ml.plugin.progress import ProgressLine

    settings, progress = config.stash[SETTINGS], ProgressLine(config)
    if settings.dry_run:
        config.stash[DRY_RUN] = dry_run = DryRunBackend(settings, progress)
        yield dry_run
        return
    opened = open_lambda_backend(settings, progress, _tests_asked_for(config))
    with as_test_outcome(), opened as backend:
        config.stash[BACKEND] = backend
        yield backend


def _tests_asked_for(config: pytest.Config) -> list[str]:
    """Files, folders, ``-k`` and ``-m`` as they stand on pytest's command line, or in its place."""
    here = f"{config.invocation_params.dir}{os.sep}"
    chosen = [argument.removeprefix(here) for argument in config.args]
    for flag, expression in (("-k", config.option.keyword), ("-m", config.option.markexpr)):
        if expression:
            chosen += [flag, expression]
    return ["." if part == str(config.invocation_params.dir) else part for part in chosen]


@pytest.fixture
def lambda_region(request: pytest.FixtureRequest) -> str | None:
    """The region of this test where ``--aws-region`` names several, else ``None``."""
    region: str | None = getattr(request, "param", None)
    return region


@pytest.fixture
def deploy_function(
    request: pytest.FixtureRequest, lambda_backend: LambdaBackend, lambda_region: str | None
) -> Iterator[Callable[..., DeployedFunction]]:
    """Deploy a handler folder: ``deploy_function(handler, configuration, messages=100)``.

    ``configuration`` is a `pytest_lambda_ml.model.Configuration`; ``messages`` is how many are to
    be published at once. The function is deleted at the end of the test.
    """
    from pytest_lambda_ml.plugin.benchmark import Deployer

    deployer = Deployer(request.node, lambda_backend, lambda_region)
    try:
        yield deployer.deploy
    finally:
        deployer.remove_all()


@pytest.fixture
def lambda_benchmark(
    request: pytest.FixtureRequest,
    benchmark: BenchmarkFixture,
    lambda_backend: LambdaBackend,
    lambda_region: str | None,
) -> Iterator[LambdaBenchmark]:
    """Measure one cell and record it: ``lambda_benchmark(handler=…, memory_mb=…, …)``.

    Returns a `pytest_lambda_ml.campaign.result.CellResult`.
    """
    from pytest_lambda_ml.plugin.benchmark import LambdaBenchmark

    measuring = LambdaBenchmark(request.node, benchmark, lambda_backend, lambda_region)
    yield measuring
    if measuring.called:
        # What has no sample replays nothing, which is no mistake of the test's.
        benchmark.skipped = True


@pytest.fixture
def lambda_training(
    request: pytest.FixtureRequest,
    benchmark: BenchmarkFixture,
    lambda_backend: LambdaBackend,
    lambda_region: str | None,
) -> Iterator[LambdaTraining]:
    """Train one model over functions: ``lambda_training.train(handler, functions=…, memory_mb=…)``.

    Returns a `CellResult`; accuracy, rounds and speed-up are in ``lambda_training.training``.
    """
    from pytest_lambda_ml.plugin.training import LambdaTraining

    training = LambdaTraining(request.node, benchmark, lambda_backend, lambda_region)
    yield training
    if training.called:
        benchmark.skipped = True
