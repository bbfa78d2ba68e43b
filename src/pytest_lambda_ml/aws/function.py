"""Deploy a function with its own topic, one for each cell."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws import names
from pytest_lambda_ml.aws.code import artifact_variables, upload_artifacts, upload_code
from pytest_lambda_ml.aws.deployed_function import DeployedFunction
from pytest_lambda_ml.aws.function_request import changes, check_snap_start, function_request
from pytest_lambda_ml.aws.images import push_image
from pytest_lambda_ml.aws.kept import Keeper
from pytest_lambda_ml.aws.ledger import Kind, Resource
from pytest_lambda_ml.aws.preflight import memory_ceiling, read_account_limits, reservation
from pytest_lambda_ml.aws.resources import (
    Durable,
    SharedResources,
    create_failure_queue,
    create_repository,
    create_shared_resources,
)
from pytest_lambda_ml.aws.topic import connect_topic, qualified
from pytest_lambda_ml.aws.translation import CONFLICT, backend_errors, code_of
from pytest_lambda_ml.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lambda_ml.artifact import Package
    from pytest_lambda_ml.aws.ledger import Ledger
    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.model import Configuration

__all__ = ["ALIAS", "Deployer"]

ALIAS = "measured"
"""The alias of the published version that a cell with SnapStart invokes."""


class Deployer:
    """Creates the functions of one session, and before the first one what they share.

    With ``keep`` functions stay for the next run, and what an earlier one has left is used again:
    then ``keeper`` says which.
    """

    def __init__(
        self,
        clients: AwsClients,
        ledger: Ledger,
        *,
        run_id: str,
        created_at_s: float,
        durable: Durable | None = None,
        keep: bool = False,
    ) -> None:
        self.keeper = (
            Keeper(clients, ledger, run_id=run_id, created_at_s=created_at_s) if keep else None
        )
        self._clients = clients
        self._ledger = ledger
        self._run_id = run_id
        self._tags = names.tags(run_id, created_at_s)
        self._durable = durable or Durable()
        self._shared: SharedResources | None = None
        self._queue: tuple[str, str] | None = None
        self._repository = self._durable.repository
        self._codes: dict[str, dict[str, str]] = {}
        self._ceiling_mb: int | None = None
        self._count = 0

    @property
    def shared(self) -> SharedResources:
        """What the session's functions share, created when it is first asked for.

        Raises `DeploymentError`.
        """
        if self._shared is None:
            with backend_errors("creating what the session's functions share", DeploymentError):
                self._shared = create_shared_resources(
                    self._clients,
                    self._ledger,
                    self._run_id,
                    self._tags,
                    self._durable,
                    kept_tags=self.keeper.tags if self.keeper else None,
                )
        return self._shared

    @property
    def failure_queue(self) -> tuple[str, str]:
        """URL and ARN of the session's failure queue, all that a function without package needs.

        Raises `DeploymentError`.
        """
        if self._shared is not None:
            return self._shared.queue_url, self._shared.queue_arn
        if self._queue is None:
            with backend_errors("creating the session's failure queue", DeploymentError):
                self._queue = create_failure_queue(
                    self._clients, self._ledger, self._run_id, self._tags
                )
        return self._queue

    def next_name(self, configuration: Configuration, package: Package | None = None) -> str:
        """A name for another function of this configuration, not used in this session yet.

        That of the function that is kept for the package, where functions are kept and nobody else
        has it. Raises `DeploymentError` when Lambda does not say.
        """
        if self.keeper and package and (kept := self.keeper.look_for(package, configuration)):
            return kept
        self._count += 1
        return names.function_name(self._run_id, self._count, configuration.cell_id)

    def deploy(
        self,
        name: str,
        package: Package,
        configuration: Configuration,
        *,
        messages: int,
        event_age_s: int,
    ) -> DeployedFunction:
        """Create function, topic, permission and subscription; return when the function is active.

        A function of this name that is there already is changed where it differs. Raises
        `DeploymentError`; whatever was created until then is in the ledger under ``name``.
        """
        needed_mb = max(configuration.ephemeral_mb, package.ephemeral_mb)
        configuration = replace(configuration, ephemeral_mb=needed_mb)
        check_snap_start(package, configuration)
        self._check_memory(configuration)
        region = self._clients.region
        reserved = reservation(read_account_limits(self._clients), configuration, region)
        shared = self.shared
        with backend_errors(f"deploying {configuration.cell_id} as {name}", DeploymentError):
            request = function_request(
                name,
                package,
                configuration,
                code=self._code(name, package, shared.bucket),
                role_arn=shared.role_arn,
                log_group=shared.log_group,
                variables={"RUN_ID": self._run_id, **artifact_variables(shared.bucket, package)},
                tags=self._tags,
            )
            self._bring_about(name, package, configuration, request)
            qualifier = self._publish_version(name) if configuration.snap_start else None
            self._limit(name, qualifier, reserved, shared, event_age_s=event_age_s)
            arn = self._clients.arn("lambda", f"function:{name}")
            arn = f"{arn}:{qualifier}" if qualifier else arn
            topic_arn: str | None = None
            subscription_arn: str | None = None
            kept = self.keeper is not None and self.keeper.knows(name)
            # A function that is kept has a topic whatever invokes it this time.
            if configuration.trigger == "sns" or kept:
                topic_arn, subscription_arn = self._subscribe(name, arn, qualifier)
            if self.keeper and topic_arn and kept:
                self.keeper.deployed(name, topic_arn, reserved=reserved is not None)
        return DeployedFunction(
            configuration=configuration,
            name=name,
            arn=arn,
            topic_arn=topic_arn,
            subscription_arn=subscription_arn,
            log_group=shared.log_group,
            package_sha256=package.sha256,
            weights=package.weights,
            notes=package.notes,
            promised=package.promised,
            messages=messages,
            reserved=reserved is not None,
        )

    def _code(self, name: str, package: Package, bucket: str) -> dict[str, str]:
        """Where the package's code is, once it is there; the same content is sent once.

        Nothing is sent, and nothing said, where a kept function has it already.
        """
        found = self.keeper.found(name) if self.keeper else None
        if found and _has_code(found, package):
            upload_artifacts(self._clients, bucket, package)
            return {}
        if package.sha256 not in self._codes:
            upload_artifacts(self._clients, bucket, package)
            self._codes[package.sha256] = self._send(package, bucket)
        return self._codes[package.sha256]

    def _send(self, package: Package, bucket: str) -> dict[str, str]:
        if package.image is None:
            return {"S3Bucket": bucket, "S3Key": upload_code(self._clients, bucket, package)}
        if self._repository is None:
            kept = (names.KEPT, self.keeper.tags) if self.keeper else None
            self._repository = create_repository(
                self._clients, self._ledger, *(kept or (self._run_id, self._tags))
            )
        return {"ImageUri": push_image(self._clients, self._repository, package.image)}

    def _check_memory(self, configuration: Configuration) -> None:
        if self._ceiling_mb is not None and configuration.memory_mb > self._ceiling_mb:
            raise DeploymentError(
                f"{configuration.cell_id}: this account gives a function at most "
                f"{self._ceiling_mb} MB in {self._clients.region}; choose --lambda-memory up to "
                "that, or ask AWS Support for the full 10,240 MB"
            )

    def _bring_about(
        self, name: str, package: Package, configuration: Configuration, request: dict[str, Any]
    ) -> None:
        """Create the function, or change a kept one that is there."""
        lambda_ = self._clients.lambda_
        try:
            if self.keeper and (found := self.keeper.found(name)):
                self.keeper.claim(name, changes(found, request))
                self._settle(name)
                self._change(name, package, found, request["Code"], {})
            else:
                self._create(name, package, request)
        except ClientError as error:
            self._ceiling_mb = memory_ceiling(error) or self._ceiling_mb
            self._check_memory(configuration)
            raise
        lambda_.get_waiter("function_active_v2").wait(FunctionName=name)

    def _create(self, name: str, package: Package, request: dict[str, Any]) -> None:
        self._ledger.announce(Resource(Kind.FUNCTION, name, owner=name))
        lambda_ = self._clients.lambda_
        try:
            lambda_.create_function(**request)
        except ClientError as error:
            if code_of(error) != CONFLICT:
                raise
            # Ours, from an attempt whose answer was lost: names contain the run, or it is asked.
            if self.keeper and self.keeper.knows(name):
                self.keeper.check_ours(name)
            lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
            current = lambda_.get_function(FunctionName=name)["Configuration"]
            self._change(name, package, current, request["Code"], changes(current, request))

    def _change(
        self,
        name: str,
        package: Package,
        current: Mapping[str, Any],
        code: dict[str, str],
        different: dict[str, Any],
    ) -> None:
        """Change what differs, one thing at a time; nothing where nothing does."""
        lambda_ = self._clients.lambda_
        if not _has_code(current, package):
            lambda_.update_function_code(FunctionName=name, **code)
            self._settle(name)
        if different:
            lambda_.update_function_configuration(FunctionName=name, **different)
            self._settle(name)

    def _settle(self, name: str) -> None:
        """Wait until the last change has been made: another one would be refused until then."""
        self._clients.lambda_.get_waiter("function_updated_v2").wait(FunctionName=name)

    def _publish_version(self, name: str) -> str:
        """Publish a version, whose snapshot is taken meanwhile; the alias that points to it."""
        lambda_ = self._clients.lambda_
        version = lambda_.publish_version(FunctionName=name)["Version"]
        lambda_.get_waiter("published_version_active").wait(FunctionName=name, Qualifier=version)
        alias = {"FunctionName": name, "Name": ALIAS, "FunctionVersion": version}
        try:
            lambda_.create_alias(**alias)
        except ClientError as error:
            if code_of(error) != CONFLICT:
                raise
            lambda_.update_alias(**alias)
        self._settle(name)
        return ALIAS

    def _limit(
        self,
        name: str,
        qualifier: str | None,
        reserved: int | None,
        shared: SharedResources,
        *,
        event_age_s: int,
    ) -> None:
        """Reserved concurrency; no retries; and a destination for events that never log a line."""
        lambda_ = self._clients.lambda_
        if reserved is None and self.keeper and self.keeper.reserved(name) is not None:
            raise DeploymentError(
                f"{name}, kept by a former run, has a reserved concurrency, and this account has "
                "none to reserve: delete it (pytest-lambda-ml purge --kept --yes)"
            )
        if reserved is not None:
            lambda_.put_function_concurrency(
                FunctionName=name, ReservedConcurrentExecutions=reserved
            )
            self._settle(name)
        lambda_.put_function_event_invoke_config(
            FunctionName=name,
            MaximumRetryAttempts=0,
            MaximumEventAgeInSeconds=event_age_s,
            DestinationConfig={"OnFailure": {"Destination": shared.queue_arn}},
            **qualified(qualifier),
        )
        self._settle(name)

    def _subscribe(self, name: str, function_arn: str, qualifier: str | None) -> tuple[str, str]:
        """A topic of the function's own name that invokes it: (topic ARN, subscription ARN)."""

        def create(topic_arn: str) -> None:
            if self.keeper and self.keeper.knows(name):
                # It may be there, and SNS refuses other tags than it has.
                self._clients.sns.create_topic(Name=name)
                self.keeper.tag_topic(topic_arn)
            else:
                pairs = [{"Key": key, "Value": value} for key, value in self._tags.items()]
                self._clients.sns.create_topic(Name=name, Tags=pairs)

        return connect_topic(
            self._clients,
            self._ledger,
            name,
            function=name,
            arn=function_arn,
            qualifier=qualifier,
            statement="topic",
            create=create,
        )


def _has_code(current: Mapping[str, Any], package: Package) -> bool:
    """Whether a function has this very code."""
    return bool(current["CodeSha256"] == package.code_sha256)
