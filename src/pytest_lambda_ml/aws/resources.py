"""What all functions of a session share: role, bucket, failure queue, log group, repository.

Those that the user names are used as they are and never deleted; the others live as long as the
session. Where functions are kept for the next run, so are the role, the bucket and the repository
that they need.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws import names
from pytest_lambda_ml.aws.ledger import Kind, Resource
from pytest_lambda_ml.aws.policies import policy_document
from pytest_lambda_ml.aws.removal import is_gone
from pytest_lambda_ml.aws.translation import code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_lambda_ml.aws.ledger import Ledger
    from pytest_lambda_ml.aws.session import AwsClients

__all__ = [
    "Durable",
    "SharedResources",
    "create_failure_queue",
    "create_repository",
    "create_shared_resources",
    "unless_there",
]

LOG_RETENTION_DAYS = 1
"""The shortest that CloudWatch Logs knows; the group is deleted with the session anyway."""

QUEUE_RETENTION_S = 86_400
VISIBILITY_TIMEOUT_S = 30

# CreateBucket takes no location for the oldest region (Amazon S3 API).
REGION_WITHOUT_LOCATION = "us-east-1"

# How services say that a thing of this name exists, one of ours: names contain the run.
_THERE = frozenset(
    {
        "BucketAlreadyOwnedByYou",
        "EntityAlreadyExists",
        "RepositoryAlreadyExistsException",
        "ResourceAlreadyExistsException",
    }
)


@dataclass(frozen=True, slots=True)
class Durable:
    """What the user has prepared: role (name or ARN), bucket and ECR repository (names)."""

    role: str | None = None
    bucket: str | None = None
    repository: str | None = None


@dataclass(frozen=True, slots=True)
class SharedResources:
    """Names and addresses of what the session shares.

    ``bucket_stays`` says that the bucket outlives the session: what is the run's own in it does
    not.
    """

    role_arn: str
    bucket: str
    queue_url: str
    queue_arn: str
    log_group: str
    bucket_stays: bool


def create_shared_resources(
    clients: AwsClients,
    ledger: Ledger,
    run_id: str,
    tags: dict[str, str],
    durable: Durable | None = None,
    *,
    kept_tags: dict[str, str] | None = None,
) -> SharedResources:
    """Create what the user has not prepared, each thing written to the ledger first.

    With ``kept_tags`` bucket and role are those of all runs that keep functions: they are found, or
    created to stay. Raises what boto3 raises. A thing that is there already is one that an earlier
    attempt made, whose answer was lost.
    """
    given = durable or Durable()
    log_group = names.log_group_name(run_id)
    ledger.announce(Resource(Kind.LOG_GROUP, log_group))
    with unless_there():
        clients.logs.create_log_group(logGroupName=log_group, tags=tags)
    clients.logs.put_retention_policy(logGroupName=log_group, retentionInDays=LOG_RETENTION_DAYS)

    queue_url, queue_arn = create_failure_queue(clients, ledger, run_id, tags)
    whose, tags = (run_id, tags) if kept_tags is None else (names.KEPT, kept_tags)
    bucket = given.bucket or _bucket(clients, ledger, whose, tags)
    if given.role is None:
        role_arn = _role(clients, ledger, whose, tags, bucket=bucket)
    else:
        role_arn = _role_arn(clients, given.role)
    return SharedResources(
        role_arn=role_arn,
        bucket=bucket,
        queue_url=queue_url,
        queue_arn=queue_arn,
        log_group=log_group,
        bucket_stays=bool(given.bucket or kept_tags),
    )


def create_failure_queue(
    clients: AwsClients, ledger: Ledger, run_id: str, tags: dict[str, str]
) -> tuple[str, str]:
    """The queue of what came to nothing: its URL and its ARN. Creating it again changes nothing."""
    queue = names.queue_name(run_id)
    ledger.announce(Resource(Kind.QUEUE, queue))
    queue_url: str = clients.sqs.create_queue(
        QueueName=queue,
        Attributes={
            "MessageRetentionPeriod": str(QUEUE_RETENTION_S),
            "VisibilityTimeout": str(VISIBILITY_TIMEOUT_S),
        },
        tags=tags,
    )["QueueUrl"]
    return queue_url, clients.arn("sqs", queue)


def create_repository(clients: AwsClients, ledger: Ledger, whose: str, tags: dict[str, str]) -> str:
    """An ECR repository for images, whose tags nobody can move; its name.

    ``whose`` is the run, or ``KEPT``: then it is found, or created to stay.
    """
    repository = names.run_prefix(whose)
    resource = Resource(Kind.REPOSITORY, repository)
    arn = clients.arn("ecr", f"repository/{repository}")

    def create() -> None:
        clients.ecr.create_repository(
            repositoryName=repository, imageTagMutability="IMMUTABLE", tags=_pairs(tags)
        )

    def tag() -> None:
        clients.ecr.tag_resource(resourceArn=arn, tags=_pairs(tags))

    _find_or_create(ledger, resource, tag if whose == names.KEPT else None, create)
    return repository


def _find_or_create(
    ledger: Ledger,
    resource: Resource,
    tag: Callable[[], object] | None,
    create: Callable[[], object],
) -> None:
    """Create something; or where it is ``tag`` that makes it stay longer, only if it is not there.

    The ledger says at last that it stays.
    """
    if tag is None:
        ledger.announce(resource)
        with unless_there():
            create()
        return
    try:
        tag()
    except ClientError as error:
        if not is_gone(error):
            raise
        ledger.announce(resource)
        with unless_there():
            create()
        tag()
    ledger.kept(resource)


@contextmanager
def unless_there() -> Iterator[None]:
    """Creating what exists by our name is done already."""
    try:
        yield
    except ClientError as error:
        if code_of(error) not in _THERE:
            raise


def _bucket(clients: AwsClients, ledger: Ledger, whose: str, tags: dict[str, str]) -> str:
    bucket = names.bucket_name(whose, clients.region, clients.identity[1])

    def create() -> None:
        clients.s3.create_bucket(Bucket=bucket, **_location(clients.region))

    def tag() -> None:
        clients.s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": _pairs(tags)})
        if stays:
            clients.s3.put_bucket_lifecycle_configuration(
                Bucket=bucket, LifecycleConfiguration={"Rules": _forget_runs()}
            )

    stays = whose == names.KEPT
    _find_or_create(ledger, Resource(Kind.BUCKET, bucket), tag if stays else None, create)
    if not stays:
        tag()
    return bucket


def _forget_runs() -> list[dict[str, Any]]:
    """What a killed session has left in a bucket that stays expires with the session."""
    return [
        {
            "ID": prefix.rstrip("/"),
            "Status": "Enabled",
            "Filter": {"Prefix": prefix},
            "Expiration": {"Days": names.LIFETIME.days},
        }
        for prefix in names.OBJECTS_OF_RUNS
    ]


def _role(
    clients: AwsClients, ledger: Ledger, whose: str, tags: dict[str, str], *, bucket: str
) -> str:
    """A role that may do what infra/policies/function.json says for this run, and nothing else.

    A role that stays may do it for every run.
    """
    role = names.role_name(whose, clients.region)

    def create() -> None:
        clients.iam.create_role(
            RoleName=role,
            AssumeRolePolicyDocument=policy_document("function-trust"),
            Tags=_pairs(tags),
        )

    def tag() -> None:
        clients.iam.tag_role(RoleName=role, Tags=_pairs(tags))

    stays = whose == names.KEPT
    _find_or_create(ledger, Resource(Kind.ROLE, role), tag if stays else None, create)
    partition, account = clients.identity
    clients.iam.put_role_policy(
        RoleName=role,
        PolicyName="function",
        PolicyDocument=policy_document(
            "function",
            partition=partition,
            region=clients.region,
            account=account,
            run="*" if stays else whose,
            bucket=bucket,
        ),
    )
    return _role_arn(clients, role)


def _role_arn(clients: AwsClients, role: str) -> str:
    """The ARN of a role given by its name, with its path if it has one, or by its ARN."""
    if role.startswith("arn:"):
        return role
    partition, account = clients.identity
    return f"arn:{partition}:iam::{account}:role/{role}"


def _pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _location(region: str) -> dict[str, Any]:
    if region == REGION_WITHOUT_LOCATION:
        return {}
    return {"CreateBucketConfiguration": {"LocationConstraint": region}}
