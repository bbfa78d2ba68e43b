"""Measure a function that was there before, and leave it as it was.

As it is, it is invoked and nothing else. For another memory size, or to know which requests of a
topic are ours, a version of its own is published: memory and description of ``$LATEST`` are changed
(a description of its own makes a version of its own, even of the same size), the version is
published, and both are put back before anything is measured. An alias points to the version; how
its events are retried, and the permission of the topic, belong to the alias alone. All of it is in
the ledger before it is done.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws.deployed_function import DeployedFunction
from pytest_lambda_ml.aws.existing import LATEST, ExistingFunction
from pytest_lambda_ml.aws.ledger import Kind, Resource
from pytest_lambda_ml.aws.policies import policy_actions
from pytest_lambda_ml.aws.preflight import memory_ceiling
from pytest_lambda_ml.aws.put_back import (
    OUTDATED_REVISION,
    mark_of,
    put_settings_back,
    settings_id,
    version_id,
)
from pytest_lambda_ml.aws.topic import connect_topic
from pytest_lambda_ml.aws.translation import CONFLICT, NOT_ALLOWED, backend_errors, code_of
from pytest_lambda_ml.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_lambda_ml.aws.ledger import Ledger
    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.model import Configuration

__all__ = ["Borrower"]

UNTOLD = (
    "an invocation counts as succeeded when its REPORT says nothing else: {why}, and a handler's "
    "exception may leave no trace in it; trigger='sync' tells"
)
RUNNER = "runner.json (runner-without-base.json where there is no base)"


@contextmanager
def _borrowing(label: str, name: str, region: str) -> Iterator[None]:
    """Raise `DeploymentError` in place of boto3's; one that is denied says where it is allowed."""
    try:
        with backend_errors(f"borrowing {label} for {name}", DeploymentError):
            yield
    except DeploymentError as error:
        cause = error.__cause__
        if not isinstance(cause, ClientError) or code_of(cause) not in NOT_ALLOWED:
            raise
        of_functions = f"lambda:{cause.operation_name}" in policy_actions("existing-function")
        policy = "existing-function.json" if of_functions else RUNNER
        raise DeploymentError(
            f"{error}. infra/policies/{policy} names what it takes, and "
            f"`pytest-lambda-ml doctor --aws-region {region} --function {label}` what is missing"
        ) from cause


class Borrower:
    """Borrows functions for the cells of one session. ``failure_queue`` gives URL and ARN."""

    def __init__(
        self,
        clients: AwsClients,
        ledger: Ledger,
        *,
        tags: dict[str, str],
        failure_queue: Callable[[], tuple[str, str]],
    ) -> None:
        self._clients = clients
        self._ledger = ledger
        self._tags = tags
        self._failure_queue = failure_queue
        self._mute: set[str] = set()

    def borrow(
        self,
        existing: ExistingFunction,
        configuration: Configuration,
        name: str,
        *,
        as_it_is: bool,
        messages: int,
        event_age_s: int,
        pause_s: float,
    ) -> DeployedFunction:
        """The function, ready to be invoked for one cell; ``name`` is the cell's own.

        Raises `DeploymentError`; what was done until then is in the ledger under ``name``.
        """
        trigger = configuration.trigger
        version: str | None = None
        topic: tuple[str, str] | None = None
        notes: list[str] = []
        arn, answered = existing.invoked_arn, trigger == "sync"
        with _borrowing(existing.named.label, name, self._clients.region):
            if not as_it_is or trigger == "sns":
                self._check_free(existing)
                version = self._publish(existing, configuration, name)
                arn = self._point(existing, name, version)
                if trigger != "sync":
                    answered = self._limit(existing, name, event_age_s)
            elif trigger == "async":
                notes.append("failed events were retried as the function is configured to")
            if trigger == "sns":
                topic = self._connect(existing, name, arn)
        if not answered:
            known = "its role may send nothing to the failure queue"
            notes.append(UNTOLD.format(why=known if version else "it is invoked as it is"))
        if trigger == "sns" and not answered:
            notes.append("which REPORT belongs to which payload is not known")
        return DeployedFunction(
            configuration=configuration,
            name=name,
            arn=arn,
            topic_arn=topic[0] if topic else None,
            subscription_arn=topic[1] if topic else None,
            log_group=existing.log_group,
            package_sha256=existing.code_sha256,
            weights=None,
            messages=messages,
            bare=True,
            version=version,
            answered=answered,
            since_ms=existing.seen_at_ms,
            pause_s=pause_s,
            notes=tuple(notes),
        )

    def _check_free(self, existing: ExistingFunction) -> None:
        label = existing.named.label
        if existing.named.qualifier not in {None, LATEST}:
            raise DeploymentError(
                f"{label}: a version cannot be changed, and a topic's requests can only be told "
                "from others in a version of their own; name the function without its qualifier, "
                "or leave memory_mb out and use trigger='sync'"
            )
        if mark := mark_of(existing.description):
            raise DeploymentError(
                f"{label} is being changed by run {mark.split('-')[1]}, or was when that was "
                f"killed: `pytest-lambda-ml purge --run {mark.split('-')[1]} --yes`, where its "
                "ledger is, puts it back"
            )

    def _publish(self, existing: ExistingFunction, configuration: Configuration, name: str) -> str:
        """Publish a version of this size, and put the function's settings back at once."""
        lambda_, function = self._clients.lambda_, existing.named.name
        settings = settings_id(function, existing.memory_mb, existing.description)
        resource = Resource(Kind.SETTINGS, settings, owner=name)
        self._ledger.announce(resource)
        self._change(existing, configuration, name)
        lambda_.get_waiter("function_updated").wait(FunctionName=function)
        self._ledger.announce(Resource(Kind.VERSION, version_id(function, name), owner=name))
        version: str = lambda_.publish_version(FunctionName=function, Description=name)["Version"]
        put_settings_back(self._clients, settings)
        self._ledger.deleted(resource)
        lambda_.get_waiter("published_version_active").wait(
            FunctionName=function, Qualifier=version
        )
        return version

    def _change(self, existing: ExistingFunction, configuration: Configuration, name: str) -> None:
        revision = {"RevisionId": existing.revision} if existing.revision else {}
        function = existing.named.name
        try:
            self._clients.lambda_.update_function_configuration(
                FunctionName=function,
                MemorySize=configuration.memory_mb,
                Description=name,
                **revision,
            )
        except ClientError as error:
            if ceiling := memory_ceiling(error):
                raise DeploymentError(
                    f"{configuration.cell_id}: this account gives a function at most {ceiling} MB "
                    f"in {self._clients.region}"
                ) from error
            if code_of(error) != OUTDATED_REVISION:
                raise
            # Ours all the same, where boto3 has repeated an update whose answer was lost.
            found = self._clients.lambda_.get_function_configuration(FunctionName=function)
            if found.get("Description") != name:
                raise DeploymentError(
                    f"{function} was changed by somebody else at this very moment; run again"
                ) from error

    def _point(self, existing: ExistingFunction, name: str, version: str) -> str:
        """An alias of the cell's name for the version; its ARN."""
        function = existing.named.name
        self._ledger.announce(Resource(Kind.ALIAS, f"{function}:{name}", owner=name))
        alias = {"FunctionName": function, "Name": name, "FunctionVersion": version}
        try:
            self._clients.lambda_.create_alias(**alias)
        except ClientError as error:
            if code_of(error) != CONFLICT:  # it is there: its answer was lost
                raise
        return f"{existing.arn}:{name}"

    def _limit(self, existing: ExistingFunction, name: str, event_age_s: int) -> bool:
        """No retries; and records of each end, if the function's role may send them.

        Returns whether it may. That is asked once for a function, and not again and again as for a
        role of our own, which Lambda will soon have heard of.
        """
        function = existing.named.name
        limits: dict[str, Any] = {
            "FunctionName": function,
            "Qualifier": name,
            "MaximumRetryAttempts": 0,
            "MaximumEventAgeInSeconds": event_age_s,
        }
        if function not in self._mute:
            queue = {"Destination": self._failure_queue()[1]}
            answers = {"DestinationConfig": {"OnSuccess": queue, "OnFailure": queue}}
            try:
                self._clients.impatient().put_function_event_invoke_config(**limits, **answers)
            except ClientError as error:
                if code_of(error) != "InvalidParameterValueException":
                    raise
                self._mute.add(function)
            else:
                return True
        self._clients.lambda_.put_function_event_invoke_config(**limits)
        return False

    def _connect(self, existing: ExistingFunction, name: str, arn: str) -> tuple[str, str]:
        function = existing.named.name
        self._ledger.announce(Resource(Kind.STATEMENT, f"{function}:{name}/{name}", owner=name))
        pairs = [{"Key": key, "Value": value} for key, value in self._tags.items()]
        return connect_topic(
            self._clients,
            self._ledger,
            name,
            function=function,
            arn=arn,
            qualifier=name,
            statement=name,
            create=lambda _: self._clients.sns.create_topic(Name=name, Tags=pairs),
        )
