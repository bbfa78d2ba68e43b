"""One pytest session on one backend: the face of the campaign to the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from pytest_lambda_ml.aws.function import DeployedFunction
from pytest_lambda_ml.campaign.backend import Backend
from pytest_lambda_ml.campaign.clock import Clock, SystemClock
from pytest_lambda_ml.campaign.result import CellFigures, CellResult
from pytest_lambda_ml.campaign.run import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from pytest_lambda_ml.artifact import Package
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
    """All cells of one pytest session on one backend; a context manager that leaves nothing behind.

    Nothing is created before the first `deploy`. Cells may be deployed and measured one after the
    other; a failed `deploy` or `measure` leaves the session usable for the next cell. Use from one
    thread.

    ``run_dir`` (see `store.run_folder.create_run_folder`) receives ``journal.jsonl`` and
    ``ledger.jsonl`` as the session goes, and ``run.json`` when it is closed. ``log_grace_s`` is
    how long a late log line is waited for after the derived end of the work (``None``: 60 s on
    AWS, 2 s locally). ``options`` are recorded in ``run.json`` as given.
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
    ) -> None:
        self.backend = backend
        self.run_dir = run_dir
        self.run_id = run_id

    def deploy(
        self, package: Package, configuration: Configuration, *, messages: int
    ) -> DeployedFunction:
        """Deploy a function of this configuration with its own topic and subscription.

        ``messages`` is how many will be published at once: the maximum event age is derived from
        it. The first call also creates what the session shares: role, bucket, failure queue, log
        group. Raises `DeploymentError`; what the failed deployment had created is deleted again.
        """

    def measure(
        self, function: DeployedFunction, dataset: Dataset, *, invocations: int
    ) -> CellResult:
        """Publish ``invocations`` batches and wait until each has an outcome.

        Returns whatever the outcomes are: which of them fail a test is for the caller to say.
        Raises `MessageTooLargeError` before anything is published when a batch exceeds what SNS
        carries, `PublishError` and `BackendError` when the backend refuses or is gone. On
        ``KeyboardInterrupt`` what has come so far is stored as a partial cell, and the interrupt
        goes on.
        """

    def remove(self, function: DeployedFunction) -> None:
        """Delete a function and what belongs to it; a second call does nothing.

        Raises `BackendError` naming what is left.
        """

    def close(self) -> None:
        """Delete everything that is still there, in reverse, and write ``run.json``.

        Safe to call twice. Raises `BackendError` naming what could not be deleted; the run file is
        written before that. A Ctrl-C while deleting prints how to finish the work later.
        """

    @property
    def results(self) -> tuple[CellResult, ...]:
        """The cells measured so far, in order, partial ones included."""

    @property
    def partial(self) -> bool:
        """Whether the run was interrupted: it is then never a baseline."""

    def mark_partial(self, reason: str) -> None:
        """Mark the whole run as partial (an interrupted session, for example)."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close; an error that is on its way stays the one that is seen."""
