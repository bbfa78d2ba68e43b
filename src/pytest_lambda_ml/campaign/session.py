"""One pytest session on one backend: the face of the campaign to the plugin."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Self

from pytest_lambda_ml.aws.deployed_function import DeployedFunction
from pytest_lambda_ml.aws.existing import look_up
from pytest_lambda_ml.aws.invoke import check_payloads
from pytest_lambda_ml.aws.publish import check_sizes
from pytest_lambda_ml.aws.translation import unreachable
from pytest_lambda_ml.campaign.accounting import accounting_of
from pytest_lambda_ml.campaign.assemble import assemble_result, stored_cell
from pytest_lambda_ml.campaign.backend import Backend
from pytest_lambda_ml.campaign.budget import Budget
from pytest_lambda_ml.campaign.clock import Clock, SystemClock
from pytest_lambda_ml.campaign.correlate import Correlator
from pytest_lambda_ml.campaign.keep import session_head, store_run
from pytest_lambda_ml.campaign.load import Load
from pytest_lambda_ml.campaign.plan import plan_messages
from pytest_lambda_ml.campaign.result import CellFigures, CellResult
from pytest_lambda_ml.campaign.run import Progress
from pytest_lambda_ml.campaign.sites import Sites
from pytest_lambda_ml.campaign.watch import LOG_GRACE_S, Watch, age_of_events_s
from pytest_lambda_ml.errors import BackendError, DeploymentError
from pytest_lambda_ml.measure.pricing import load_prices
from pytest_lambda_ml.store.journal import JOURNAL, Journal
from pytest_lambda_ml.store.run_folder import remove_run_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from decimal import Decimal
    from pathlib import Path
    from types import TracebackType

    from pytest_lambda_ml.artifact import Package
    from pytest_lambda_ml.aws.existing import ExistingFunction
    from pytest_lambda_ml.aws.ledger import Resource
    from pytest_lambda_ml.aws.message import Message
    from pytest_lambda_ml.campaign.payloads import Payloads
    from pytest_lambda_ml.campaign.quality import ExpectedOutputs
    from pytest_lambda_ml.campaign.site import Site
    from pytest_lambda_ml.datasets import Dataset
    from pytest_lambda_ml.model import Configuration

__all__ = [
    "Backend",
    "CampaignSession",
    "CellFigures",
    "CellResult",
    "Clock",
    "DeployedFunction",
    "Progress",
    "SystemClock",
]


class CampaignSession:
    """All cells of one pytest session; a context manager that leaves nothing behind.

    Nothing is created before the first `deploy`. Cells may be deployed and measured one after the
    other; a failed `deploy` or `measure` leaves the session usable for the next cell. Use from one
    thread.

    ``run_dir`` (see `store.run_folder.create_run_folder`) receives ``journal.jsonl`` and
    ``ledger.jsonl`` as the session goes, ``invocations.parquet`` and ``run.json`` at its end.
    ``log_grace_s`` is how long a late log line is waited for after the derived end of the work
    (``None``: 60 s on AWS, 2 s locally). ``options`` and ``about`` are recorded as given, and what
    ``time_cpu_loop`` returns at the session's start and at its end. A session in several
    regions has the other ones' backends in ``elsewhere``: a cell runs where its configuration says,
    and each region has a ledger of its own. With ``budget_usd`` no message is published that could
    make all cells together cost more, see `campaign.budget`. Raises `PriceError` when no prices are
    known for a backend's region.
    """

    def __init__(
        self,
        *,
        backend: Backend,
        run_dir: Path,
        run_id: str,
        clock: Clock | None = None,
        log_grace_s: float | None = None,
        options: Mapping[str, object] | None = None,
        on_progress: Callable[[Progress], None] | None = None,
        elsewhere: Sequence[Backend] = (),
        about: Mapping[str, object] | None = None,
        time_cpu_loop: Callable[[], Sequence[float]] | None = None,
        budget_usd: Decimal | None = None,
    ) -> None:
        self.backend = backend
        self.run_dir = run_dir
        self.run_id = run_id
        self._clock: Clock = clock or SystemClock()
        self.created_s = self._clock.now()
        self._prices = load_prices()
        self._journal = Journal(run_dir / JOURNAL, self._clock.now)
        self._watch = Watch(
            journal=self._journal,
            clock=self._clock,
            log_grace_s=LOG_GRACE_S[backend.kind] if log_grace_s is None else log_grace_s,
            on_progress=on_progress or (lambda _: None),
        )
        backends = (backend, *elsewhere)
        for each in backends:
            self._prices.prices(each.region)
        self.sites = Sites(
            backends, run_dir, run_id=run_id, created_s=self.created_s, clock=self._clock
        )
        self._time_cpu_loop = time_cpu_loop or (lambda: ())
        self._cpu_loop_ms = {"start": self._time_cpu_loop()}
        self._datasets: dict[str, object] = {}
        self._head = session_head(
            backend,
            self.sites.regions,
            self._prices,
            run_id=run_id,
            created_s=self.created_s,
            options=options or {},
            about=about or {},
        )
        self._results: list[CellResult] = []
        self._partial_reason: str | None = None
        self.budget = Budget(budget_usd)
        self.budget_spent = False
        """Whether a cell was cut short because the budget had no room for another message."""
        self._next_sample = 0
        self._closed = False
        self._used = False
        self._endpoint_is_gone = False
        self._journal.write("session", **self._head)

    def deploy(
        self, package: Package, configuration: Configuration, *, messages: int
    ) -> DeployedFunction:
        """Deploy a function of this configuration with its own topic and subscription.

        ``messages`` is how many will be published at once: the maximum event age is derived from
        it. The first call also creates what the session shares: role, bucket, failure queue, log
        group. Raises `DeploymentError`; what the failed deployment had created is deleted again.
        """
        site = self.sites.at(configuration.region)
        return self._set_up(
            site,
            configuration,
            lambda: site.deployer.next_name(configuration, package),
            lambda name: site.deployer.deploy(
                name,
                package,
                configuration,
                messages=messages,
                event_age_s=age_of_events_s(site, configuration, messages),
            ),
        )

    def look_up(self, function: str, region: str | None = None) -> ExistingFunction:
        """What Lambda says of a function that exists already. Raises `DeploymentError`."""
        self._used = True
        try:
            return look_up(self.sites.at(region).backend.clients, function)
        except DeploymentError as error:
            self._notice(error)
            raise

    def borrow(
        self,
        existing: ExistingFunction,
        configuration: Configuration,
        *,
        as_it_is: bool,
        messages: int,
        pause_s: float = 0.0,
    ) -> DeployedFunction:
        """Get a function that exists already ready for a cell, see `aws.borrow`.

        Raises `DeploymentError`; what was done to the function by then is undone.
        """
        site = self.sites.at(configuration.region)
        return self._set_up(
            site,
            configuration,
            lambda: site.deployer.next_name(configuration),
            lambda name: site.borrower.borrow(
                existing,
                configuration,
                name,
                as_it_is=as_it_is,
                messages=messages,
                event_age_s=age_of_events_s(site, configuration, messages),
                pause_s=pause_s,
            ),
        )

    def _set_up(
        self,
        site: Site,
        configuration: Configuration,
        next_name: Callable[[], str],
        make: Callable[[str], DeployedFunction],
    ) -> DeployedFunction:
        self._used = True
        name: str | None = None
        try:
            name = next_name()
            function = make(name)
        except DeploymentError as error:
            self._notice(error)
            self._journal.write(
                "deployment_failed", cell_id=configuration.cell_id, reason=str(error)
            )
            if name is not None:
                with contextlib.suppress(BackendError):  # it stays in the ledger: close tries again
                    site.remove_owned(name)
            raise
        self._journal.write("deployed", cell_id=configuration.cell_id, function=function)
        return function

    def measure(
        self,
        function: DeployedFunction,
        dataset: Dataset,
        *,
        invocations: int,
        expected: Sequence[ExpectedOutputs] = (),
    ) -> CellResult:
        """Publish ``invocations`` batches and wait until each has an outcome.

        ``expected`` are the outputs to compare with, batch by batch; empty: nothing is compared.
        Returns whatever the outcomes are: which of them fail a test is for the caller to say. A
        batch that exceeds what SNS carries goes through the session's bucket. Raises
        `PublishError` and `BackendError` when the backend refuses or is gone. On any error and on
        ``KeyboardInterrupt`` what has come so far is stored as a partial cell, in which messages
        without an outcome count as missing, and the error goes on.
        """
        configuration = function.configuration
        messages: Sequence[Message] = plan_messages(
            dataset.items,
            run_id=self.run_id,
            batch_size=configuration.batch_size,
            invocations=invocations,
            first_sample=self._next_sample,
        )
        messages = self.sites.at(configuration.region).publishable(messages)
        check_sizes(messages, batch_size=configuration.batch_size)
        return self._execute(function, Load.of_batches(dataset, messages, expected))

    def measure_payloads(
        self, function: DeployedFunction, payloads: Payloads, *, invocations: int
    ) -> CellResult:
        """The same with payloads as they are, for a function without the wrapper.

        Raises `MessageTooLargeError` besides, for what the trigger does not carry.
        """
        messages = payloads.messages(invocations, first_sample=self._next_sample)
        check_payloads(messages, function.configuration.trigger)
        algorithm = function.configuration.algorithm
        return self._execute(function, Load.of_payloads(payloads, messages, algorithm))

    def _execute(self, function: DeployedFunction, load: Load) -> CellResult:
        configuration = function.configuration
        site = self.sites.at(configuration.region)
        self._next_sample += len(load.messages)
        self._datasets[load.kind] = load.about
        correlator = Correlator(self.run_id, accounting_of(function))
        prices = self._prices.prices(site.backend.region, configuration.architecture)
        largest = max(message.size_bytes for message in load.messages)
        allowance = self.budget.allow(configuration, prices, largest)
        run = self._watch.cell_run(site, function, load, correlator, allowance)
        site.begin(function)
        try:
            run.execute()
        except KeyboardInterrupt:
            self.mark_partial(f"interrupted in {configuration.cell_id}")
            self._keep(function, load, correlator, partial="it was interrupted")
            raise
        except Exception as error:
            self._notice(error)
            self._journal.write("cell_failed", cell_id=configuration.cell_id, reason=str(error))
            self.mark_partial(f"{configuration.cell_id} failed to be measured")
            if correlator.published:
                failed = f"it failed to be measured: {error}"
                self._keep(function, load, correlator, partial=failed)
            raise
        finally:
            self.budget.charge(
                allowance, published=correlator.published, in_flight=correlator.outstanding
            )
        if run.stopped:
            self.budget_spent = True
            self.mark_partial(f"the budget was spent in {configuration.cell_id}")
        why = "the budget was spent" if run.stopped else None
        if run.silent:
            why = "nothing was heard of the messages under way, so no more were sent"
            self.mark_partial(f"{configuration.cell_id}: {why}")
        result = self._keep(function, load, correlator, partial=why)
        if not (why or correlator.outstanding or result.outcomes.missing):
            site.rest(function)
        return result

    def remove(self, function: DeployedFunction) -> None:
        """Delete a function and what belongs to it; a second call does nothing.

        Where the backend keeps functions, it is made ready for the next run instead. Raises
        `BackendError` naming what is left.
        """
        self.sites.at(function.configuration.region).remove_owned(function.name)

    def close(self) -> None:
        """Store the run, then delete everything that is still there, in reverse.

        A run in which nothing was deployed leaves no folder. A second call tries again what is
        left. Raises `BackendError` naming what could not be deleted, unless an error has already
        said that the endpoint is gone. A Ctrl-C while deleting prints how to finish the work later.
        """
        if not self._closed:
            self._closed = True
            if not self._used:
                self._journal.close()
                remove_run_folder(self.run_dir)
                return
            self._store()
        try:
            problems = self.sites.clear()
        finally:
            self._journal.close()
        if problems and not self._endpoint_is_gone:
            raise BackendError("\n".join(problems))

    @property
    def results(self) -> tuple[CellResult, ...]:
        """The cells measured so far, in order, partial ones included."""
        return tuple(self._results)

    @property
    def kept(self) -> dict[str, tuple[Resource, ...]]:
        """What stays on purpose for the next run, region by region; complete once it is closed."""
        return self.sites.kept

    @property
    def partial(self) -> bool:
        """Whether the run was interrupted: it is then never a baseline."""
        return self._partial_reason is not None

    def mark_partial(self, reason: str) -> None:
        """Mark the whole run as partial (an interrupted session, for example)."""
        if self._partial_reason is None:
            self._partial_reason = reason
            self._journal.write("partial", reason=reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close; an error that is on its way stays the one that is seen."""
        if isinstance(error, KeyboardInterrupt):
            self.mark_partial("interrupted")
        with contextlib.suppress(*([BackendError] if error else [])):
            self.close()

    def _notice(self, error: Exception) -> None:
        """An endpoint that is gone took its resources with it; AWS never is."""
        if self.backend.clients.endpoint_url and unreachable(error):
            self._endpoint_is_gone = True

    def _keep(
        self,
        function: DeployedFunction,
        load: Load,
        correlator: Correlator,
        *,
        partial: str | None,
    ) -> CellResult:
        """Make the result of what has come, and store it; ``partial`` says why it is not whole."""
        result = assemble_result(
            self.sites.at(function.configuration.region).backend,
            function,
            load,
            correlator,
            run_id=self.run_id,
            price_table=self._prices,
            partial=partial is not None,
        )
        result = replace(result, partial_reason=partial)
        self._results.append(result)
        self._journal.write("cell", **stored_cell(result))
        return result

    def _store(self) -> None:
        store_run(
            self.run_dir,
            self._head,
            self._results,
            self._prices,
            closed_at=self._clock.now(),
            partial=self.partial,
            partial_reason=self._partial_reason,
            datasets=self._datasets,
            cpu_loop_ms={**self._cpu_loop_ms, "end": self._time_cpu_loop()},
        )
