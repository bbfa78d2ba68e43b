"""One backend of a session: what is deployed there, its ledger, its log, and its clearing up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.aws.failures import FailureReceiver
from pytest_lambda_ml.aws.function import Deployer
from pytest_lambda_ml.aws.inventory import find_by_tag, still_there
from pytest_lambda_ml.aws.ledger import Ledger
from pytest_lambda_ml.aws.logs import LogPoller
from pytest_lambda_ml.campaign.source import AwsSource
from pytest_lambda_ml.campaign.teardown import purge_hint, tear_down
from pytest_lambda_ml.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_lambda_ml.aws.function import DeployedFunction
    from pytest_lambda_ml.aws.ledger import Resource
    from pytest_lambda_ml.campaign.backend import Backend
    from pytest_lambda_ml.campaign.clock import Clock
    from pytest_lambda_ml.campaign.run import CellSource

__all__ = ["Site", "ledger_name"]


def ledger_name(region: str | None) -> str:
    """The ledger's file: ``ledger.jsonl``, or one per region where a session has several."""
    return f"ledger-{region}.jsonl" if region else "ledger.jsonl"


class Site:
    """The session's functions in one place. Nothing is created before the first is deployed."""

    def __init__(
        self,
        backend: Backend,
        ledger_path: Path,
        *,
        run_id: str,
        created_s: float,
        clock: Clock,
    ) -> None:
        self.backend = backend
        self._run_id = run_id
        self._clock = clock
        self._ledger = Ledger(
            ledger_path,
            run_id=run_id,
            region=backend.region,
            endpoint_url=backend.clients.endpoint_url,
        )
        self.deployer = Deployer(
            backend.clients,
            self._ledger,
            run_id=run_id,
            created_at_s=created_s,
            durable=backend.durable,
        )
        self._logs: LogPoller | None = None

    def source(self, function: DeployedFunction) -> CellSource:
        """Where the cell's messages go and its evidence comes from."""
        clients, shared = self.backend.clients, self.deployer.shared
        if self._logs is None:
            self._logs = LogPoller(clients, shared.log_group)
        failures = FailureReceiver(clients, shared.queue_url)
        return AwsSource(clients, function.topic_arn, self._logs, failures, self._clock)

    def remove_owned(self, owner: str) -> None:
        """Delete a function and what belongs to it. Raises `BackendError` naming what is left."""
        self._tear_down([item for item in self._ledger.open_resources() if item.owner == owner])

    def clear(self) -> None:
        """Delete everything that is still there. Raises `BackendError` naming what is left."""
        try:
            self._tear_down(self._ledger.open_resources())
        finally:
            self._ledger.close()

    def check_cleared(self) -> None:
        """Raise `BackendError` naming what bears the run's tag and is there, ledger or not.

        Says nothing where the backend has no tags to ask for, or does not let these credentials
        ask: the ledger has been worked off all the same.
        """
        try:
            found = find_by_tag(self.backend.clients, self._run_id)
        except BackendError:
            return
        left = [each.resource for each in still_there(self.backend.clients, found)]
        if left:
            named = ", ".join(f"{resource.kind} {resource.id}" for resource in left)
            raise BackendError(
                f"run {self._run_id} has left in {self.backend.region}: {named}. To delete: "
                f"{purge_hint(self._run_id)}"
            )

    def _tear_down(self, resources: Sequence[Resource]) -> None:
        tear_down(self.backend.clients, self._ledger, resources, run_id=self._run_id)
