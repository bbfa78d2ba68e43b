"""Deleting what a run created. Every step may be repeated: what is gone already counts as done."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, WaiterError

from pytest_lambda_ml.aws import put_back
from pytest_lambda_ml.aws.translation import backend_errors, code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_lambda_ml.aws.session import AwsClients

__all__ = ["Action", "is_gone", "perform", "task_runs"]


class Action(StrEnum):
    """One step of removing a resource, in words for a message."""

    UNSUBSCRIBE = "unsubscribe from topic"
    STOP_FUNCTION = "set reserved concurrency to 0 on function"
    DELETE_FUNCTION = "delete function"
    DELETE_TOPIC = "delete topic"
    DELETE_LOG_GROUP = "delete log group"
    DELETE_LATE_LOG_GROUP = "delete, should it have come back, log group"
    DELETE_QUEUE = "delete queue"
    DELETE_BUCKET = "delete bucket"
    DELETE_ROLE = "delete role"
    DELETE_REPOSITORY = "delete repository"
    DELETE_OBJECTS = "delete objects"
    STOP_TASK = "stop task"
    PUT_SETTINGS_BACK = "put back settings"
    REMOVE_STATEMENT = "remove statement"
    DELETE_ALIAS = "delete alias"
    DELETE_VERSION = "delete version"


# The codes with which AWS's services say that there is no such resource.
_GONE = frozenset(
    {
        "ResourceNotFoundException",
        "NotFound",
        "NotFoundException",
        "AWS.SimpleQueueService.NonExistentQueue",
        "QueueDoesNotExist",
        "NoSuchBucket",
        "NoSuchEntity",
        "RepositoryNotFoundException",
        "ClusterNotFoundException",
    }
)


def perform(clients: AwsClients, action: Action, resource_id: str) -> None:
    """Carry out one step. Raises `BackendError` when AWS refuses it."""
    with backend_errors(f"{action} {resource_id}"), _gone_is_done():
        _STEPS[action](clients, resource_id)


@contextmanager
def _gone_is_done() -> Iterator[None]:
    """Deleting what is not there is done: so is a deletion whose answer was lost."""
    try:
        yield
    except (ClientError, WaiterError) as error:
        if not is_gone(error):
            raise


def is_gone(error: ClientError | WaiterError) -> bool:
    """Whether AWS says that there is no such resource, be it to who waits for it."""
    if isinstance(error, WaiterError):
        return (error.last_response or {}).get("Error", {}).get("Code") in _GONE
    return code_of(error) in _GONE


def _unsubscribe(clients: AwsClients, topic_arn: str) -> None:
    pages = clients.sns.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic_arn)
    arns = [entry["SubscriptionArn"] for page in pages for entry in page["Subscriptions"]]
    for arn in arns:
        if arn.startswith("arn:"):  # else "PendingConfirmation" or "Deleted"
            with _gone_is_done():
                clients.sns.unsubscribe(SubscriptionArn=arn)


def _stop_function(clients: AwsClients, name: str) -> None:
    clients.lambda_.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)


def _delete_function(clients: AwsClients, name: str) -> None:
    clients.lambda_.delete_function(FunctionName=name)


def _delete_topic(clients: AwsClients, topic_arn: str) -> None:
    clients.sns.delete_topic(TopicArn=topic_arn)


def _delete_log_group(clients: AwsClients, prefix: str) -> None:
    """Every group that begins so: a function's own group too, should Lambda have created one."""
    pages = clients.logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=prefix)
    for name in [group["logGroupName"] for page in pages for group in page["logGroups"]]:
        with _gone_is_done():
            clients.logs.delete_log_group(logGroupName=name)


def _delete_queue(clients: AwsClients, name: str) -> None:
    url = clients.sqs.get_queue_url(QueueName=name)["QueueUrl"]
    clients.sqs.delete_queue(QueueUrl=url)


def _delete_bucket(clients: AwsClients, bucket: str) -> None:
    _empty(clients, bucket)
    clients.s3.delete_bucket(Bucket=bucket)


def _delete_objects(clients: AwsClients, place: str) -> None:
    bucket, _, prefix = place.partition("/")
    _empty(clients, bucket, prefix)


def _empty(clients: AwsClients, bucket: str, prefix: str = "") -> None:
    """Delete the objects of a bucket, or those under a prefix of it."""
    pages = clients.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    for page in pages:
        keys = [{"Key": entry["Key"]} for entry in page.get("Contents", ())]
        if keys:
            clients.s3.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})


def _delete_repository(clients: AwsClients, repository: str) -> None:
    clients.ecr.delete_repository(repositoryName=repository, force=True)


def _delete_role(clients: AwsClients, role: str) -> None:
    for policy in clients.iam.list_role_policies(RoleName=role)["PolicyNames"]:
        with _gone_is_done():
            clients.iam.delete_role_policy(RoleName=role, PolicyName=policy)
    clients.iam.delete_role(RoleName=role)


def task_runs(clients: AwsClients, arn: str) -> bool:
    """Whether a task of ECS has not ended yet."""
    ecs, cluster = clients.client("ecs"), arn.split("/")[1]
    tasks = ecs.describe_tasks(cluster=cluster, tasks=[arn])["tasks"]
    return any(task["lastStatus"] != "STOPPED" for task in tasks)


def _stop_task(clients: AwsClients, arn: str) -> None:
    if task_runs(clients, arn):
        clients.client("ecs").stop_task(
            cluster=arn.split("/")[1], task=arn, reason="its run has ended"
        )


_STEPS: dict[Action, Callable[[AwsClients, str], None]] = {
    Action.UNSUBSCRIBE: _unsubscribe,
    Action.STOP_FUNCTION: _stop_function,
    Action.DELETE_FUNCTION: _delete_function,
    Action.DELETE_TOPIC: _delete_topic,
    Action.DELETE_LOG_GROUP: _delete_log_group,
    Action.DELETE_LATE_LOG_GROUP: _delete_log_group,
    Action.DELETE_QUEUE: _delete_queue,
    Action.DELETE_BUCKET: _delete_bucket,
    Action.DELETE_ROLE: _delete_role,
    Action.DELETE_REPOSITORY: _delete_repository,
    Action.DELETE_OBJECTS: _delete_objects,
    Action.STOP_TASK: _stop_task,
    Action.PUT_SETTINGS_BACK: put_back.put_settings_back,
    Action.REMOVE_STATEMENT: put_back.remove_statement,
    Action.DELETE_ALIAS: put_back.delete_alias,
    Action.DELETE_VERSION: put_back.delete_versions,
}
