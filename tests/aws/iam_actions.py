"""Which IAM actions a call needs, and on which resources: a table of what AWS documents.

Most operations are authorised by the action of their own name on the resource that they name; the
table holds the others, and the further actions that a call with certain arguments needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from pytest_lambda_ml.aws.session import AwsClients

ACCOUNT = "123456789012"

PREFIXES = {"resourcegroupstaggingapi": "tag"}
"""Services whose IAM prefix is not their name in boto3."""

FREE = {"sts:GetCallerIdentity"}
"""No permission is needed to ask who one is."""

ACTIONS = {
    "lambda:Invoke": "lambda:InvokeFunction",
    "sns:PublishBatch": "sns:Publish",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:DeleteObjects": "s3:DeleteObject",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:UploadPart": "s3:PutObject",
}

WITH_TAGS = {
    "ecr:CreateRepository": ("tags", "ecr:TagResource"),
    "iam:CreateRole": ("Tags", "iam:TagRole"),
    "lambda:CreateFunction": ("Tags", "lambda:TagResource"),
    "logs:CreateLogGroup": ("tags", "logs:TagResource"),
    "sns:CreateTopic": ("Tags", "sns:TagResource"),
    "sqs:CreateQueue": ("tags", "sqs:TagQueue"),
}
"""Operations that need another action when they tag what they create."""

RESOURCELESS = {
    "ecs:DescribeTaskDefinition",
    "iam:ListRoles",
    "lambda:GetAccountSettings",
    "logs:DescribeLogGroups",
    "sns:Unsubscribe",
    "tag:GetResources",
}
"""Actions that AWS ties to no resource: a policy can only allow them on all of them."""

OF_STREAMS = {"logs:FilterLogEvents"}
"""Actions on a log group that CloudWatch Logs refuses in the name of its streams."""


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """An action on a resource; what asked for it is for messages."""

    action: str
    resource: str


class RecordingClients(AwsClients):
    """Clients that write down what permissions their calls need, and which call needs each."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.needed: dict[Permission, str] = {}

    def client(self, service: str) -> Any:
        return self._recorded(super().client(service), service)

    def impatient(self) -> Any:
        return self._recorded(super().impatient(), "lambda")

    def waiting(self, timeout_s: float, in_flight: int) -> Any:
        return self._recorded(super().waiting(timeout_s, in_flight), "lambda")

    def _recorded(self, client: Any, service: str) -> Any:
        """The client, whose calls are written down: once, however often it is asked for."""
        keep = self._keep(service)
        client.meta.events.register("provide-client-params", keep, unique_id="record permissions")
        return client

    def _keep(self, service: str) -> Callable[..., None]:
        def keep(params: dict[str, Any], event_name: str, **_: Any) -> None:
            operation = event_name.rpartition(".")[2]
            for permission in permissions(service, operation, params, self.region):
                self.needed.setdefault(permission, f"{service} {operation}")

        return keep


def permissions(
    service: str, operation: str, params: Mapping[str, Any], region: str
) -> Iterator[Permission]:
    """What a call needs."""
    own = f"{PREFIXES.get(service, service)}:{operation}"
    if own in FREE:
        return
    action = ACTIONS.get(own, own)
    for resource in ["*"] if action in RESOURCELESS else resources(service, action, params, region):
        yield Permission(action, resource)
        argument, tagging = WITH_TAGS.get(own, ("", ""))
        if params.get(argument):
            yield Permission(tagging, resource)
    yield from _more(own, params, region)


def _more(own: str, params: Mapping[str, Any], region: str) -> Iterator[Permission]:
    """What a call needs beside its own action, for what its arguments refer to."""
    if "Role" in params and own in {
        "lambda:CreateFunction",
        "lambda:UpdateFunctionConfiguration",
    }:
        yield Permission("iam:PassRole", params["Role"])
    if own in {"lambda:CreateFunction", "lambda:UpdateFunctionCode"}:
        code = params.get("Code", params)
        if "S3Bucket" in code:  # Lambda reads it with the caller's permissions
            yield Permission("s3:GetObject", f"arn:aws:s3:::{code['S3Bucket']}/{code['S3Key']}")
        else:
            repository = code["ImageUri"].partition("/")[2].partition("@")[0]
            if repository.startswith("plml-"):  # it has no policy yet: Lambda adds one
                arn = f"arn:aws:ecr:{region}:{ACCOUNT}:repository/{repository}"
                yield Permission("ecr:GetRepositoryPolicy", arn)
                yield Permission("ecr:SetRepositoryPolicy", arn)
    if own in {"ecs:RunTask", "ecs:RegisterTaskDefinition"}:  # of the definition's two roles
        for role in ("publisher", "publisher-start"):
            yield Permission("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/base-{role}")


def resources(service: str, action: str, params: Mapping[str, Any], region: str) -> Iterator[str]:
    """The ARNs of what a call is about."""
    start = f"arn:aws:{service}:{region}:{ACCOUNT}"
    match service:
        case "lambda":
            name = params.get("FunctionName") or params["Resource"]
            arn = name if name.startswith("arn:") else f"{start}:function:{name}"
            yield f"{arn}:{params['Qualifier']}" if "Qualifier" in params else arn
        case "sns":
            arn = params.get("TopicArn") or params.get("ResourceArn")
            yield arn or f"{start}:{params['Name']}"
        case "sqs":
            yield f"{start}:{params.get('QueueName') or params['QueueUrl'].rpartition('/')[2]}"
        case "logs":
            group = f"{start}:log-group:{params['logGroupName']}"
            yield group
            if action in OF_STREAMS:
                yield f"{group}:log-stream:"
        case "iam":
            yield f"arn:aws:iam::{ACCOUNT}:role/{params['RoleName']}"
        case "s3":
            bucket = f"arn:aws:s3:::{params['Bucket']}"
            keys = [each["Key"] for each in params.get("Delete", {}).get("Objects", ())]
            keys += [params["Key"]] if "Key" in params else []
            yield from (f"{bucket}/{key}" for key in keys) if keys else (bucket,)
        case "ecr":
            name = params.get("repositoryName") or params.get("resourceArn", "").rpartition("/")[2]
            names = params.get("repositoryNames") or [name]
            yield from (f"{start}:repository/{name}" for name in names)
        case "ecs":
            yield from _of_ecs(start, action, params)
        case _:
            raise AssertionError(f"{action}: the table does not say what it is about")


def _of_ecs(start: str, action: str, params: Mapping[str, Any]) -> Iterator[str]:
    match action.partition(":")[2]:
        case "DescribeClusters":
            yield from (f"{start}:cluster/{name}" for name in params["clusters"])
        case "RegisterTaskDefinition":
            yield f"{start}:task-definition/{params['family']}:2"
        case "RunTask":
            yield params["taskDefinition"]
        case "DescribeTasks":
            yield from params["tasks"]
        case "StopTask":
            yield params["task"]
        case other:
            raise AssertionError(f"ecs:{other}: the table does not say what it is about")


def allowed(statements: list[dict[str, Any]], permission: Permission) -> bool:
    """Whether one of a policy's statements allows it, as IAM compares ARNs."""
    return any(
        permission.action in listed(statement["Action"])
        and any(fnmatchcase(permission.resource, arn) for arn in listed(statement["Resource"]))
        for statement in statements
        if statement["Effect"] == "Allow"
    )


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
