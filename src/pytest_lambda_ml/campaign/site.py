"""One backend of a session: what is deployed there, its ledger, its log, and its clearing up."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from pytest_lambda_ml.aws import names
from pytest_lambda_ml.aws.borrow import Borrower
from pytest_lambda_ml.aws.claim import check_in, too_large
from pytest_lambda_ml.aws.failures import FailureReceiver
from pytest_lambda_ml.aws.fargate import FargatePublisher
from pytest_lambda_ml.aws.function import Deployer
from pytest_lambda_ml.aws.images import push_image
from pytest_lambda_ml.aws.inventory import find_by_tag, find_log_groups, still_there
from pytest_lambda_ml.aws.invoke import Invoker
from pytest_lambda_ml.aws.ledger import Kind, Ledger, Resource
from pytest_lambda_ml.aws.logs import LogPoller
from pytest_lambda_ml.aws.publisher_image import publisher_image
from pytest_lambda_ml.aws.removal import Action, perform
from pytest_lambda_ml.campaign.source import AwsSource, FargateSource, InvokeSource
from pytest_lambda_ml.campaign.teardown import purge_hint, tear_down
from pytest_lambda_ml.errors import BackendError, DeploymentError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_lambda_ml.aws.deployed_function import DeployedFunction
    from pytest_lambda_ml.aws.message import Message
    from pytest_lambda_ml.campaign.backend import Backend, Fargate
    from pytest_lambda_ml.campaign.clock import Clock
    from pytest_lambda_ml.campaign.load import Load
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
            keep=backend.keep,
        )
        self._keeper = self.deployer.keeper
        self.borrower = Borrower(
            backend.clients,
            self._ledger,
            tags=names.tags(run_id, created_s),
            failure_queue=lambda: self.deployer.failure_queue,
        )
        self._logs: LogPoller | None = None
        self._fargate: FargatePublisher | None = None

    def source(self, function: DeployedFunction, load: Load) -> CellSource:
        """Where the cell's messages go and its evidence comes from."""
        clients, topic_arn = self.backend.clients, function.topic_arn
        logs, failures = self._poller(function), self._receiver(function)
        if function.configuration.trigger != "sns" or topic_arn is None:
            return InvokeSource(self._invoker(function), logs, failures)
        if self.backend.fargate is None or load.dataset is None:
            return AwsSource(clients, topic_arn, logs, failures, self._clock)
        shared = self.deployer.shared
        publisher = self._fargate = self._fargate or self._fargate_publisher(self.backend.fargate)
        return FargateSource(
            clients,
            topic_arn,
            logs,
            failures,
            self._clock,
            publisher=publisher,
            bucket=shared.bucket,
            run_id=self._run_id,
            batch_size=function.configuration.batch_size,
            dataset=load.dataset,
        )

    def _poller(self, function: DeployedFunction) -> LogPoller:
        """One for all functions that log to the session's group; else the function's own."""
        if function.bare:
            return LogPoller(
                self.backend.clients, function.log_group, since_ms=function.since_ms or 0
            )
        if self._logs is None:
            self._logs = LogPoller(self.backend.clients, function.log_group)
        return self._logs

    def _receiver(self, function: DeployedFunction) -> FailureReceiver | None:
        """``None`` where nothing sends records: bare functions that answer, or may not."""
        silent = function.bare and (
            not function.answered or function.configuration.trigger == "sync"
        )
        if silent:
            return None
        return FailureReceiver(self.backend.clients, self.deployer.failure_queue[0])

    def _invoker(self, function: DeployedFunction) -> Invoker:
        configuration = function.configuration
        return Invoker(
            self.backend.clients,
            function.arn,
            run_id=self._run_id,
            trigger=configuration.trigger,
            in_flight=configuration.concurrency,
            timeout_s=configuration.timeout_s,
            now=self._clock.now,
            sleep=self._clock.sleep,
            pause_s=function.pause_s,
        )

    def publishable(self, messages: Sequence[Message]) -> Sequence[Message]:
        """The messages as SNS carries them: what is too large for it goes through the bucket."""
        if not too_large(messages):
            return messages
        bucket = self.bucket_for(names.messages_prefix(self._run_id))
        return check_in(self.backend.clients, bucket, self._run_id, messages)

    def bucket_for(self, prefix: str, owner: str | None = None) -> str:
        """The bucket for objects under a prefix, which go with ``owner``, or with the session.

        They are in the ledger before they are written, unless they go with the bucket itself.
        """
        shared = self.deployer.shared
        if shared.bucket_stays or owner:
            self._ledger.announce(Resource(Kind.OBJECTS, f"{shared.bucket}/{prefix}", owner))
        return shared.bucket

    def _fargate_publisher(self, fargate: Fargate) -> FargatePublisher:
        """The base's publisher, which reads and writes objects of the run in the base's bucket."""
        clients, durable = self.backend.clients, self.backend.durable
        bucket, repository = durable.bucket, durable.repository
        if bucket is None or repository is None:
            raise DeploymentError(
                "publishing from Fargate needs the bucket and the repository of its base "
                "(--lambda-bucket, --lambda-repository): it may use no others"
            )
        place = f"{bucket}/{names.publisher_prefix(self._run_id)}"
        self._ledger.announce(Resource(Kind.OBJECTS, place))
        return FargatePublisher(
            clients,
            cluster=fargate.cluster,
            image_uri=lambda: push_image(clients, repository, publisher_image(fargate.cache_dir)),
            sleep=self._clock.sleep,
            on_started=lambda arn: self._ledger.announce(Resource(Kind.TASK, arn)),
            on_ended=lambda arn: self._ledger.deleted(Resource(Kind.TASK, arn)),
        )

    def begin(self, function: DeployedFunction) -> None:
        """Messages are about to be published: see `rest`."""
        if self._keeper:
            self._keeper.begin(function.name)

    def rest(self, function: DeployedFunction) -> None:
        """Every message has come to its end: only such a function is kept for the next run."""
        if self._keeper:
            self._keeper.rest(function.name)

    @property
    def kept(self) -> tuple[Resource, ...]:
        """What stays on purpose."""
        return self._ledger.kept_resources()

    def remove_owned(self, owner: str) -> None:
        """Delete a function and what belongs to it, or let go of it where it is kept.

        What cannot be kept is deleted. Raises `BackendError` naming what is left.
        """
        self._let_go([owner])
        self._tear_down([item for item in self._ledger.open_resources() if item.owner == owner])

    def clear(self) -> None:
        """Delete everything that is still there, but for what is kept.

        Raises `BackendError` naming what is left.
        """
        try:
            self._let_go(self._keeper.resting if self._keeper else ())
            self._tear_down(self._ledger.open_resources())
        finally:
            self._ledger.close()

    def check_cleared(self) -> None:
        """Raise `BackendError` naming what bears the run's tag and is there, ledger or not.

        Says nothing where the backend has no tags to ask for, or does not let these credentials
        ask: the ledger has been worked off all the same. A log group that a late line has brought
        back is deleted again.
        """
        clients = self.backend.clients
        try:
            for group in find_log_groups(clients, self._run_id):
                perform(clients, Action.DELETE_LATE_LOG_GROUP, group.resource.id)
            found = find_by_tag(clients, self._run_id)
        except BackendError:
            return
        # The index of tags lags behind: what was let go may still be listed as the run's.
        left = [
            each.resource
            for each in still_there(clients, found)
            if each.resource.id not in {kept.id for kept in self.kept}
        ]
        if left:
            named = ", ".join(f"{resource.kind} {resource.id}" for resource in left)
            raise BackendError(
                f"run {self._run_id} has left in {self.backend.region}: {named}. To delete: "
                f"{purge_hint(self._run_id)}"
            )

    def _let_go(self, owners: Sequence[str]) -> None:
        """Keep those that are to be kept; of one that cannot be, the ledger still has all."""
        for name in owners:
            if self._keeper and name in self._keeper.resting:
                with contextlib.suppress(BackendError):
                    self._keeper.let_go(name)

    def _tear_down(self, resources: Sequence[Resource]) -> None:
        tear_down(self.backend.clients, self._ledger, resources, run_id=self._run_id)
