"""What `lambda_benchmark` does: deploy one cell, measure it, judge it, record it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lambda_ml.campaign.estimate import PlannedCell
from pytest_lambda_ml.campaign.figures import extra_info, warm_samples_s
from pytest_lambda_ml.errors import LambdaMLError, SettingError, UnsupportedError
from pytest_lambda_ml.model import Configuration
from pytest_lambda_ml.plugin import grid
from pytest_lambda_ml.plugin.ahead import train_ahead
from pytest_lambda_ml.plugin.budget import (
    check_cell_affordable,
    check_stopped,
    skip_when_spent,
)
from pytest_lambda_ml.plugin.collection import matrix_of
from pytest_lambda_ml.plugin.dry_run_backend import DryRunBackend
from pytest_lambda_ml.plugin.existing import (
    MISSING,
    check_subject,
    configure,
    fargate_refusal,
)
from pytest_lambda_ml.plugin.presets import DEFAULT_GRID
from pytest_lambda_ml.plugin.recorder import clock_of, replay
from pytest_lambda_ml.plugin.verdict import check_outcomes, check_quality, parse_allow

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    from pytest_lambda_ml.artifact import HandlerFolder
    from pytest_lambda_ml.campaign.session import CellResult, DeployedFunction
    from pytest_lambda_ml.model import Outcome, Trigger
    from pytest_lambda_ml.plugin.backend import LambdaBackend
    from pytest_lambda_ml.plugin.grid import RunLimits

__all__ = ["OVERRULED", "Deployer", "LambdaBenchmark"]

OVERRULED = pytest.StashKey[dict[str, str]]()
"""Options that a test overrules by its own call, each with what is said of it."""


@contextmanager
def as_test_outcome() -> Iterator[None]:
    """Turn our errors into a skip or a failure that says what it has to say, and no traceback."""
    try:
        yield
    except UnsupportedError as error:
        raise pytest.skip.Exception(str(error)) from None
    except LambdaMLError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None


class Deployer:
    """Deploys functions for one test and deletes them at its end."""

    def __init__(self, node: pytest.Item, backend: LambdaBackend, region: str | None) -> None:
        self._node = node
        self._backend = backend
        self._region = region
        self._functions: list[DeployedFunction] = []

    def deploy(
        self, handler: str | Path, configuration: Configuration, *, messages: int = 100
    ) -> DeployedFunction:
        """Train, package and deploy; skips the test when the handler cannot run here."""
        configuration = replace(configuration, region=configuration.region or self._region)
        with as_test_outcome():
            folder = self.find(handler, configuration.engine)
            return self.deploy_folder(folder, configuration, folder.dataset, messages)

    def find(self, handler: str | Path, engine: str) -> HandlerFolder:
        """A relative folder is looked for beside the test file, in rootdir, among the carried."""
        search = [self._node.path.parent, self._node.config.rootpath]
        return self._backend.handler(handler, engine, search)

    def deploy_folder(
        self, folder: HandlerFolder, configuration: Configuration, kind: str, messages: int
    ) -> DeployedFunction:
        """Train on the data of this kind, package and deploy."""
        package = self._backend.package(folder, self._backend.dataset(kind))
        function = self._backend.campaign.deploy(package, configuration, messages=messages)
        self._functions.append(function)
        return function

    def remove_all(self) -> None:
        """Delete what was deployed, last first; a function deleted already is passed over."""
        with as_test_outcome():
            while self._functions:
                self._backend.campaign.remove(self._functions.pop())


class LambdaBenchmark:
    """Measures one cell per test."""

    def __init__(
        self,
        node: pytest.Item,
        benchmark: BenchmarkFixture,
        backend: LambdaBackend,
        region: str | None,
    ) -> None:
        self._node = node
        self._benchmark = benchmark
        self._backend = backend
        self._region = region
        self.called = False

    def __call__(
        self,
        handler: str | Path | None = None,
        *,
        function: str | None = None,
        payload: object = MISSING,
        trigger: Trigger = "sns",
        memory_mb: int | None = None,
        engine: str = "reference",
        concurrency: int = DEFAULT_GRID.concurrency[0],
        batch_size: int | None = None,
        allow: Iterable[str] = (),
        dataset: str | None = None,
        invocations: int | None = None,
        timeout_s: int | None = None,
        ephemeral_mb: int | None = None,
        pause_s: float = 0.0,
    ) -> CellResult:
        """Deploy ``handler``, publish its batches, wait for every outcome, record the warm ones.

        Or measure a ``function`` that exists already, by name or ARN, with a ``payload``: a value,
        a `pathlib.Path`, ``"file://…"``, ``"s3://…"``, a list of ``{"payload": …, "weight": …}``,
        or a callable that is given the number of the message. It is measured as it is, or with
        ``memory_mb`` in a version of its own; ``batch_size`` then says how many items a payload
        has (one), and ``pause_s`` lies between two messages. ``trigger`` is what invokes:
        ``"sns"``, ``"async"``, or ``"sync"``.

        ``handler`` is a folder: absolute, or relative to the test file, to rootdir, or one of those
        that come with the plugin. ``allow`` names outcomes that do not fail the test. ``dataset``
        is the kind of data where it is not the handler's own. What is on the command line beats
        ``invocations`` and ``timeout_s``. The test fails when an outcome is not allowed, and is
        skipped when the handler's requirements are not installed, and in a dry run.
        """
        if self.called:
            pytest.fail(
                "lambda_benchmark measures one cell per test; parametrize the test for more",
                pytrace=False,
            )
        self.called = True
        if wrong := fargate_refusal(self._backend.settings, function, trigger):
            pytest.exit(wrong, returncode=pytest.ExitCode.USAGE_ERROR)
        with as_test_outcome():
            check_subject(handler, function, memory_mb=memory_mb, payload=payload, trigger=trigger)
        items = (
            (1 if function else DEFAULT_GRID.batch_size[0]) if batch_size is None else batch_size
        )
        cell = {"memory_mb": memory_mb, "concurrency": concurrency, "batch_size": items}
        said = grid.overruled(self._backend.settings, cell, self._node.nodeid)
        self._node.config.stash.setdefault(OVERRULED, {}).update(said)
        asked = {
            "invocations": invocations,
            "timeout_s": timeout_s,
            "ephemeral_mb": ephemeral_mb,
        }
        with as_test_outcome():
            grid.check_call({**cell, **asked}, test=self._node.nodeid)
            allowed = parse_allow(allow)
            if function is not None:
                return self._measure_existing(
                    function, payload, cell, asked, allowed, trigger=trigger, pause_s=pause_s
                )
            assert handler is not None, "one of the two was given"
            assert memory_mb is not None, "a handler has none of its own"
            deployer = Deployer(self._node, self._backend, self._region)
            folder = deployer.find(handler, engine)
            limits = self._limits(folder.name, folder.timeout_s, cell, asked)
            configuration = Configuration(
                algorithm=folder.name,
                engine=folder.engine,
                memory_mb=memory_mb,
                concurrency=concurrency,
                batch_size=items,
                timeout_s=limits.timeout_s,
                ephemeral_mb=limits.ephemeral_mb,
                region=self._region,
                architecture=self._backend.architecture,
                snap_start=self._backend.settings.snap_start,
                log_format=self._backend.settings.log_format,
                trigger=trigger,
            )
            messages = self._messages(limits.invocations, concurrency)
            kind = dataset or folder.dataset
            if isinstance(self._backend, DryRunBackend):
                self._backend.plan(self._backend.planned_cell(configuration, messages, kind))
            self._skip_when_spent()
            self._check_affordable(
                lambda: self._backend.planned_cell(configuration, messages, kind)
            )
            result = self._measure(deployer, folder, configuration, kind, messages)
            self._judge(result, messages, allowed)
            check_quality(result, folder)
            self._record(result)
        return result

    def _measure_existing(
        self,
        function: str,
        payload: object,
        cell: Mapping[str, Any],
        asked: Mapping[str, int | None],
        allowed: frozenset[Outcome],
        *,
        trigger: Trigger,
        pause_s: float,
    ) -> CellResult:
        """A function that exists already: look it up, borrow it, measure, and give it back."""
        backend = self._backend
        if not isinstance(backend, DryRunBackend):
            self._skip_when_spent()
        search = [self._node.path.parent, self._node.config.rootpath]
        payloads, unread = backend.payloads(payload, search)
        existing, assumed = backend.look_up(function, self._region, cell["memory_mb"])
        configuration = configure(existing, trigger=trigger, region=self._region, **cell)
        values = {name: value for name, value in cell.items() if value is not None}
        limits = self._limits(existing.named.label, None, values, asked)
        planned = PlannedCell(
            configuration=configuration,
            region=backend.region_of(configuration),
            invocations=1 if self._benchmark.disabled else limits.invocations,
            message_bytes=0,
            notes=(*unread, *assumed),
        )
        planned = replace(planned, message_bytes=payloads.mean_bytes(planned.invocations))
        if isinstance(backend, DryRunBackend):
            backend.plan(planned)
        self._check_affordable(lambda: planned)
        backend.progress.say(configuration.cell_id, "preparing")
        borrowed = backend.campaign.borrow(
            existing,
            configuration,
            as_it_is=cell["memory_mb"] is None,
            messages=planned.invocations,
            pause_s=pause_s,
        )
        with self._removing(lambda: backend.campaign.remove(borrowed)):
            result = backend.campaign.measure_payloads(
                borrowed, payloads, invocations=planned.invocations
            )
        self._judge(result, planned.invocations, allowed)
        self._record(result)
        return result

    def _skip_when_spent(self) -> None:
        campaign, budget_usd = self._backend.campaign, self._backend.settings.budget_usd
        skip_when_spent(spent=campaign.budget_spent, budget_usd=budget_usd)

    def _check_affordable(self, planned: Callable[[], PlannedCell]) -> None:
        left_usd = self._backend.campaign.budget.left_usd
        if left_usd is not None:
            check_cell_affordable(self._node, planned(), self._backend.forecast, left_usd)

    def _judge(self, result: CellResult, messages: int, allowed: frozenset[Outcome]) -> None:
        """Raise what fails the test: a cell cut short, or an outcome that is not allowed."""
        stored_in = str(self._backend.campaign.run_dir)
        if self._backend.campaign.budget_spent:
            check_stopped(result, messages, self._backend.settings, stored_in)
        check_outcomes(result, allowed, stored_in)

    def _messages(self, invocations: int, concurrency: int) -> int:
        """How many to publish; with --benchmark-disable one, to see that it works."""
        del concurrency  # of importance to what needs a message for each function
        return 1 if self._benchmark.disabled else invocations

    def _limits(
        self,
        algorithm: str,
        handler_timeout_s: int | None,
        cell: Mapping[str, Any],
        asked: Mapping[str, int | None],
    ) -> RunLimits:
        """What the call asks for counts as the closest marker."""
        said = {name: value for name, value in asked.items() if value is not None}
        return grid.limits_of(
            replace(matrix_of(self._node), **said),  # type: ignore[arg-type] # names of its fields
            self._backend.settings,
            algorithm=algorithm,
            values=cell,
            handler_timeout_s=handler_timeout_s,
        )

    def _measure(
        self,
        deployer: Deployer,
        folder: HandlerFolder,
        configuration: Configuration,
        kind: str,
        messages: int,
    ) -> CellResult:
        """Deploy, measure, remove."""
        train_ahead(self._node.session, self._backend)
        data = self._backend.dataset(kind)
        expected = self._backend.expected_outputs(
            folder, data, batch_size=configuration.batch_size, invocations=messages
        )
        with self._removing(deployer.remove_all):
            self._backend.progress.say(configuration.cell_id, "deploying")
            function = deployer.deploy_folder(folder, configuration, kind, messages)
            return self._backend.campaign.measure(
                function, data, invocations=messages, expected=expected
            )

    @contextmanager
    def _removing(self, remove: Callable[[], None]) -> Iterator[None]:
        """Remove what was measured, in any case but Ctrl-C: then the session's end does."""
        try:
            yield
        except Exception:
            self._backend.progress.clear()
            remove()
            raise
        finally:
            self._backend.progress.clear()
        remove()

    def _record(self, result: CellResult) -> None:
        """Replay the samples; a cell that has none replays nothing, and that is no error."""
        clock = clock_of(self._node)
        samples_s = warm_samples_s(result, self._backend.settings.metric)
        if self._benchmark.disabled or not samples_s:
            return
        if clock is None:
            raise SettingError(f"{self._node.nodeid}: added after collection, so it has no clock")
        replay(self._benchmark, clock, samples_s, self._information(result))

    def _information(self, result: CellResult) -> dict[str, str | int | float | None]:
        return extra_info(result)
