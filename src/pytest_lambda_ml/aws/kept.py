"""Functions that stay for the next run: looked for, claimed by one run, and let go again.

A function belongs to the run that its environment names (``RUN_ID``), and to none without it. The
update that writes the run id names the revision that was looked at, so of two runs that want the
same function Lambda lets one have it. Its tags say the same to whoever looks for what is left: a
run's while it is the run's, ``KEPT`` afterwards.

A kept function has a reserved concurrency of 0: it executes nothing, takes nothing from the account
and costs nothing. One with SnapStart is never kept: its snapshot holds a run id, and is
billed as long as its version exists.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws import names
from pytest_lambda_ml.aws.ledger import Kind, Resource
from pytest_lambda_ml.aws.removal import is_gone
from pytest_lambda_ml.aws.translation import backend_errors, code_of
from pytest_lambda_ml.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lambda_ml.artifact import Package
    from pytest_lambda_ml.aws.ledger import Ledger
    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.model import Configuration

__all__ = ["Keeper", "claimed_by", "run_of"]

OUTDATED_REVISION = "PreconditionFailedException"


class Keeper:
    """The kept functions of one run in one region. Use from one thread."""

    def __init__(
        self, clients: AwsClients, ledger: Ledger, *, run_id: str, created_at_s: float
    ) -> None:
        self._clients = clients
        self._ledger = ledger
        self._run_id = run_id
        self._now = datetime.fromtimestamp(created_at_s, UTC)
        self._own_tags = names.tags(run_id, created_at_s)
        self.tags = names.tags(names.KEPT, created_at_s)
        self._seen: dict[str, Mapping[str, Any]] = {}
        self._busy: dict[str, str] = {}
        self._at_rest: set[str] = set()
        self._reserved: set[str] = set()

    def look_for(self, package: Package, configuration: Configuration) -> str | None:
        """The name of the function that is kept for this cell, whether it is there yet or not.

        ``None`` where the cell gets one of its own that does not stay: with SnapStart, when another
        run has the function, and a second time in one run, as its environments would not be cold.
        """
        name = names.kept_function_name(
            configuration.cell_id, package.kind, configuration.architecture
        )
        if configuration.snap_start or name in self._seen:
            return None
        with backend_errors(f"looking for the kept function {name}", DeploymentError):
            found = self._look_at(name)
        if claimed_by(found.get("Configuration", {}), self._now):
            return None
        self._seen[name] = found
        return name

    def knows(self, name: str) -> bool:
        """Whether it is the name of a kept function, and not of one that goes with the run."""
        return name in self._seen

    def found(self, name: str) -> Mapping[str, Any] | None:
        """The FunctionConfiguration that was seen; ``None`` when the function was not there."""
        return self._seen.get(name, {}).get("Configuration")

    def reserved(self, name: str) -> int | None:
        """The concurrency that the function had reserved when it was seen."""
        concurrency = self._seen.get(name, {}).get("Concurrency", {})
        number: int | None = concurrency.get("ReservedConcurrentExecutions")
        return number

    def claim(self, name: str, different: Mapping[str, Any]) -> None:
        """Make a function that was found this run's by the update that it needs anyway.

        Raises `DeploymentError` when another run was quicker.
        """
        lambda_ = self._clients.lambda_
        found = self._seen[name]["Configuration"]
        # AWS always says a revision; endpoints of other makes may not.
        seen = {"RevisionId": found["RevisionId"]} if "RevisionId" in found else {}
        try:
            lambda_.update_function_configuration(FunctionName=name, **seen, **different)
        except ClientError as error:
            if code_of(error) != OUTDATED_REVISION:
                raise
            # Ours all the same, where boto3 has repeated an update whose answer was lost.
            self.check_ours(name)
        self._ledger.announce(Resource(Kind.FUNCTION, name, owner=name))
        lambda_.tag_resource(
            Resource=self._clients.arn("lambda", f"function:{name}"), Tags=self._own_tags
        )

    def check_ours(self, name: str) -> None:
        """Raise `DeploymentError` when a function that was not there is another run's now."""
        lambda_ = self._clients.lambda_
        owner = run_of(lambda_.get_function(FunctionName=name)["Configuration"])
        if owner != self._run_id:
            self._ledger.deleted(Resource(Kind.FUNCTION, name))  # it never was ours
            raise DeploymentError(
                f"{name} was taken by {f'run {owner}' if owner else 'another run'} at this very "
                "moment, and two runs do not share a function: run this test again, or leave "
                "--lambda-keep out"
            )

    def deployed(self, name: str, topic_arn: str, *, reserved: bool) -> None:
        """All of it is there: from now on it may be let go.

        Without a reservation it stays without: an account that has none to give refuses 0, too.
        """
        self._busy[name] = topic_arn
        if reserved:
            self._reserved.add(name)
        self._at_rest.add(name)

    def begin(self, name: str) -> None:
        """Messages are about to be published to it: none must be left when it is let go."""
        self._at_rest.discard(name)

    def rest(self, name: str) -> None:
        """No message to it is under way any more."""
        if name in self._busy:
            self._at_rest.add(name)

    @property
    def resting(self) -> tuple[str, ...]:
        """The functions of this run that can be let go: nothing is queued for them."""
        return tuple(name for name in self._busy if name in self._at_rest)

    def let_go(self, name: str) -> None:
        """Stop a function and give it back, its topic too. Raises `BackendError`.

        The environment is last: until then no other run takes it. Objects are the run's alone: the
        ledger still has them to be deleted.
        """
        lambda_, topic_arn = self._clients.lambda_, self._busy[name]
        with backend_errors(f"keeping {name} for the next run"):
            if name in self._reserved:
                lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
            lambda_.tag_resource(
                Resource=self._clients.arn("lambda", f"function:{name}"), Tags=self.tags
            )
            self.tag_topic(topic_arn, self.tags)
            lambda_.update_function_configuration(FunctionName=name, Environment={"Variables": {}})
            lambda_.get_waiter("function_updated_v2").wait(FunctionName=name)
        del self._busy[name]
        self._at_rest.discard(name)
        for resource in self._ledger.open_resources():
            if resource.owner == name and resource.kind is not Kind.OBJECTS:
                self._ledger.kept(resource)

    def tag_topic(self, topic_arn: str, tags: Mapping[str, str] | None = None) -> None:
        """Say whose a topic is: this run's, or whose ``tags`` say."""
        pairs = [{"Key": key, "Value": value} for key, value in (tags or self._own_tags).items()]
        self._clients.sns.tag_resource(ResourceArn=topic_arn, Tags=pairs)

    def _look_at(self, name: str) -> dict[str, Any]:
        """What GetFunction says once no update is under way; empty when it is not there."""
        lambda_ = self._clients.lambda_
        try:
            found: dict[str, Any] = lambda_.get_function(FunctionName=name)
            if found["Configuration"].get("LastUpdateStatus") == "InProgress":
                lambda_.get_waiter("function_updated_v2").wait(FunctionName=name)
                found = lambda_.get_function(FunctionName=name)
        except ClientError as error:
            if not is_gone(error):
                raise
            return {}
        return found


def run_of(configuration: Mapping[str, Any]) -> str | None:
    """The run that a function's environment names."""
    variables = configuration.get("Environment", {}).get("Variables", {})
    return variables.get("RUN_ID") or None


def claimed_by(configuration: Mapping[str, Any], now: datetime) -> str | None:
    """The run that has a function; ``None`` too for one that cannot be under way any more."""
    owner = run_of(configuration)
    if owner is None:
        return None
    since = datetime.fromisoformat(configuration["LastModified"])
    return owner if now - since < names.LIFETIME else None
