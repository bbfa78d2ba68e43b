"""Find what runs have left: by their tags, and whether it is still there.

The Resource Groups Tagging API lists functions, topics, queues, log groups, buckets and
repositories; roles it does not, so those are found by their name and asked for their tags. A log
group that a late line has brought back bears no tag, so groups are found by their name as well.
The index of tags lags behind: what was deleted a minute ago may still be listed, hence `exists`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws import names, put_back
from pytest_lambda_ml.aws.ledger import Kind, Resource
from pytest_lambda_ml.aws.removal import is_gone, task_runs
from pytest_lambda_ml.aws.translation import NOT_ALLOWED, backend_errors, code_of
from pytest_lambda_ml.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_lambda_ml.aws.session import AwsClients

__all__ = [
    "Found",
    "exists",
    "find_by_tag",
    "find_log_groups",
    "find_roles",
    "resource_of_arn",
    "still_there",
]

RUN_TAG = f"{names.TAG}:run"
EXPIRES_TAG = f"{names.TAG}:expires"

_LOG_GROUP = re.compile(rf"/aws/lambda/{names.PREFIX}-(?P<run_id>[^-]+)")

_PREFIXES = (f"{names.PREFIX}-", f"/aws/lambda/{names.PREFIX}-")
"""How the names of a run's resources begin: nothing else is ever touched, whatever its tags."""


@dataclass(frozen=True, slots=True)
class Found:
    """A resource of some run. ``expires`` is ``None`` where its tag is missing or no date."""

    run_id: str
    resource: Resource
    expires: datetime | None


def find_by_tag(clients: AwsClients, run_id: str | None = None) -> list[Found]:
    """Everything in the clients' region that bears a run's tag, or this run's.

    Raises `BackendError`.
    """
    tagging = clients.client("resourcegroupstaggingapi")
    wanted = {"Key": RUN_TAG} | ({"Values": [run_id]} if run_id else {})
    with backend_errors("looking for resources by tag (tag:GetResources)"):
        pages = tagging.get_paginator("get_resources").paginate(TagFilters=[wanted])
        entries = [entry for page in pages for entry in page["ResourceTagMappingList"]]
    named = ((resource_of_arn(entry["ResourceARN"]), entry["Tags"]) for entry in entries)
    return [_found(resource, tags) for resource, tags in named if resource]


def find_roles(clients: AwsClients, run_id: str | None = None) -> list[Found]:
    """The roles of runs, or of this run, that are for the clients' region. Raises `BackendError`.

    Roles have no region of their own: it is part of their names, and so is the run, by which those
    are told whose tags these credentials may not read.
    """
    found = []
    with backend_errors("looking for roles (iam:ListRoles, iam:ListRoleTags)"):
        for name in _role_names(clients, run_id):
            tags = _role_tags(clients, name)
            if any(tag["Key"] == RUN_TAG for tag in tags):
                found.append(_found(Resource(Kind.ROLE, name), tags))
    return found


def _role_tags(clients: AwsClients, name: str) -> list[dict[str, str]]:
    try:
        tags: list[dict[str, str]] = clients.iam.list_role_tags(RoleName=name)["Tags"]
    except ClientError as error:
        if code_of(error) not in NOT_ALLOWED:
            raise
        return [{"Key": RUN_TAG, "Value": name.split("-")[1]}]
    return tags


def _role_names(clients: AwsClients, run_id: str | None) -> list[str]:
    """The role of one run has a known name, so that nothing has to be listed."""
    if run_id is not None:
        name = names.role_name(run_id, clients.region)
        return [name] if exists(clients, Resource(Kind.ROLE, name)) else []
    pages = clients.iam.get_paginator("list_roles").paginate()
    found = (role["RoleName"] for page in pages for role in page["Roles"])
    end = f"-{clients.region}-function"
    return [n for n in found if n.startswith(f"{names.PREFIX}-") and n.endswith(end)]


def find_log_groups(clients: AwsClients, run_id: str | None = None) -> list[Found]:
    """The log groups of runs, or of this run, tagged or not. Raises `BackendError`.

    They expire as all of a run does, counted from their own creation.
    """
    prefix = names.log_group_name(run_id) if run_id else f"/aws/lambda/{names.PREFIX}-"
    with backend_errors("looking for log groups (logs:DescribeLogGroups)"):
        pages = clients.logs.get_paginator("describe_log_groups").paginate(
            logGroupNamePrefix=prefix
        )
        groups = [group for page in pages for group in page["logGroups"]]
    found = []
    for group in groups:
        if match := _LOG_GROUP.match(group["logGroupName"]):
            created = datetime.fromtimestamp(group["creationTime"] / 1000, UTC)
            resource = Resource(Kind.LOG_GROUP, group["logGroupName"])
            found.append(Found(match["run_id"], resource, created + names.LIFETIME))
    return found


def _found(resource: Resource, tags: Iterable[dict[str, str]]) -> Found:
    values = {tag["Key"]: tag["Value"] for tag in tags}
    return Found(values[RUN_TAG], resource, _date(values.get(EXPIRES_TAG)))


def _date(text: str | None) -> datetime | None:
    try:
        date = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return date if date.tzinfo else None


# How the last part of an ARN begins, service by service.
_KINDS: dict[str, tuple[Kind, str]] = {
    "lambda": (Kind.FUNCTION, "function:"),
    "sns": (Kind.TOPIC, ""),
    "sqs": (Kind.QUEUE, ""),
    "logs": (Kind.LOG_GROUP, "log-group:"),
    "s3": (Kind.BUCKET, ""),
    "ecr": (Kind.REPOSITORY, "repository/"),
}


def resource_of_arn(arn: str) -> Resource | None:
    """What an ARN names, if it is of a kind and has a name that runs create; else ``None``."""
    _, _, service, _, _, rest = arn.split(":", 5)
    if service not in _KINDS:
        return None
    kind, start = _KINDS[service]
    name = rest.removeprefix(start).partition(":")[0]
    if not rest.startswith(start) or not name.startswith(_PREFIXES):
        return None
    return Resource(kind, arn if kind is Kind.TOPIC else name)


def exists(clients: AwsClients, resource: Resource) -> bool:
    """Whether it is there now, by asking its own service. Raises `BackendError`."""
    with backend_errors(f"looking for {resource.kind} {resource.id}"):
        try:
            return _LOOKS[resource.kind](clients, resource.id)
        except ClientError as error:
            if is_gone(error):
                return False
            raise


def _answers(look: Callable[[AwsClients, str], Any]) -> Callable[[AwsClients, str], bool]:
    """A look that raises when there is nothing."""

    def answers(clients: AwsClients, name: str) -> bool:
        look(clients, name)
        return True

    return answers


def _has_log_group(clients: AwsClients, prefix: str) -> bool:
    return bool(clients.logs.describe_log_groups(logGroupNamePrefix=prefix)["logGroups"])


def _has_subscription(clients: AwsClients, topic_arn: str) -> bool:
    return bool(clients.sns.list_subscriptions_by_topic(TopicArn=topic_arn)["Subscriptions"])


def _has_objects(clients: AwsClients, place: str) -> bool:
    bucket, _, prefix = place.partition("/")
    answer = clients.s3.list_objects_v2(Bucket=bucket, Prefix=prefix, MaxKeys=1)
    return bool(answer.get("KeyCount"))


_LOOKS: dict[Kind, Callable[[AwsClients, str], bool]] = {
    Kind.FUNCTION: _answers(lambda c, name: c.lambda_.get_function(FunctionName=name)),
    Kind.TOPIC: _answers(lambda c, arn: c.sns.list_subscriptions_by_topic(TopicArn=arn)),
    Kind.SUBSCRIPTION: _has_subscription,
    Kind.QUEUE: _answers(lambda c, name: c.sqs.get_queue_url(QueueName=name)),
    Kind.LOG_GROUP: _has_log_group,
    Kind.BUCKET: _answers(lambda c, name: c.s3.list_objects_v2(Bucket=name, MaxKeys=1)),
    Kind.REPOSITORY: _answers(lambda c, name: c.ecr.describe_repositories(repositoryNames=[name])),
    Kind.ROLE: _answers(lambda c, name: c.iam.list_role_policies(RoleName=name)),
    Kind.OBJECTS: _has_objects,
    Kind.TASK: task_runs,
    Kind.SETTINGS: put_back.is_changed,
    Kind.VERSION: lambda c, entry: any(put_back.find_versions(c, entry)),
    Kind.ALIAS: put_back.has_alias,
    Kind.STATEMENT: put_back.has_statement,
}


def still_there(clients: AwsClients, found: Iterable[Found]) -> Iterator[Found]:
    """Those that their own service confirms, or does not let these credentials ask for.

    The policy for a durable base does not reach what runs without one create.
    """
    return (each for each in found if _may_exist(clients, each.resource))


def _may_exist(clients: AwsClients, resource: Resource) -> bool:
    try:
        return exists(clients, resource)
    except BackendError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and code_of(cause) in NOT_ALLOWED:
            return True
        raise
