"""What all functions of a session share: role, package bucket, failure queue, log group."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.aws import names
from pytest_lambda_ml.aws.ledger import Kind, Resource

if TYPE_CHECKING:
    from pytest_lambda_ml.aws.ledger import Ledger
    from pytest_lambda_ml.aws.session import AwsClients

__all__ = ["SharedResources", "create_shared_resources"]

LOG_RETENTION_DAYS = 1
"""The shortest that CloudWatch Logs knows; the group is deleted with the session anyway."""

QUEUE_RETENTION_S = 86_400
VISIBILITY_TIMEOUT_S = 30

# CreateBucket takes no location for the oldest region (Amazon S3 API).
REGION_WITHOUT_LOCATION = "us-east-1"


@dataclass(frozen=True, slots=True)
class SharedResources:
    """Names and addresses of what the session shares."""

    role_arn: str
    bucket: str
    queue_url: str
    queue_arn: str
    log_group: str


def create_shared_resources(
    clients: AwsClients, ledger: Ledger, run_id: str, tags: dict[str, str]
) -> SharedResources:
    """Create all four, each written to the ledger first. Raises what boto3 raises."""
    log_group = names.log_group_name(run_id)
    ledger.announce(Resource(Kind.LOG_GROUP, log_group))
    clients.logs.create_log_group(logGroupName=log_group, tags=tags)
    clients.logs.put_retention_policy(logGroupName=log_group, retentionInDays=LOG_RETENTION_DAYS)

    queue = names.queue_name(run_id)
    ledger.announce(Resource(Kind.QUEUE, queue))
    queue_url = clients.sqs.create_queue(
        QueueName=queue,
        Attributes={
            "MessageRetentionPeriod": str(QUEUE_RETENTION_S),
            "VisibilityTimeout": str(VISIBILITY_TIMEOUT_S),
        },
        tags=tags,
    )["QueueUrl"]
    queue_arn = clients.arn("sqs", queue)

    role_arn = _create_role(clients, ledger, run_id, tags, queue_arn=queue_arn, log_group=log_group)

    bucket = names.bucket_name(run_id, clients.region, clients.identity[1])
    ledger.announce(Resource(Kind.BUCKET, bucket))
    clients.s3.create_bucket(Bucket=bucket, **_location(clients.region))
    clients.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": _pairs(tags)})
    return SharedResources(role_arn, bucket, queue_url, queue_arn, log_group)


def _create_role(
    clients: AwsClients,
    ledger: Ledger,
    run_id: str,
    tags: dict[str, str],
    *,
    queue_arn: str,
    log_group: str,
) -> str:
    """A role that may write to the session's log group and queue, and nothing else."""
    role = names.role_name(run_id, clients.region)
    ledger.announce(Resource(Kind.ROLE, role))
    role_arn: str = clients.iam.create_role(
        RoleName=role,
        AssumeRolePolicyDocument=_policy(
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ),
        Tags=_pairs(tags),
    )["Role"]["Arn"]
    log_group_arn = clients.arn("logs", f"log-group:{log_group}")
    logs = ["logs:CreateLogStream", "logs:PutLogEvents"]
    clients.iam.put_role_policy(
        RoleName=role,
        PolicyName="function",
        PolicyDocument=_policy(
            {"Effect": "Allow", "Action": logs, "Resource": f"{log_group_arn}:*"},
            {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": queue_arn},
        ),
    )
    return role_arn


def _policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def _pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _location(region: str) -> dict[str, Any]:
    if region == REGION_WITHOUT_LOCATION:
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}
