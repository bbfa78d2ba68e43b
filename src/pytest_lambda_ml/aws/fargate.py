"""Publish next to the topic: a cell's messages by a Fargate task of the base that infra/ describes.

The cluster says in its tags which network its tasks use; the task definition of the same name says
all else, but for the image: a revision with the image of this version is added where the newest
one has another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws.publish_job import PublishJob, read_published
from pytest_lambda_ml.aws.translation import backend_errors, code_of
from pytest_lambda_ml.errors import DeploymentError, PublishError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.model import PublishedMessage

__all__ = ["CONTAINER", "FargatePublisher"]

CONTAINER = "publisher"
SUBNETS_TAG = "pytest-lambda-ml:subnets"
SECURITY_GROUP_TAG = "pytest-lambda-ml:security-group"

POLL_S = 2.0
LONGEST_S = 900.0
"""A task starts within a minute and publishes a thousand messages in seconds: longer is a fault."""

STOPPED = "STOPPED"

# What a new revision takes over from the one before (RegisterTaskDefinition of the ECS API).
_KEPT = (
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "runtimePlatform",
)


@dataclass(frozen=True, slots=True)
class _Base:
    """What the base offers: network, and the revision to run."""

    network: dict[str, Any]
    task_definition: str


class FargatePublisher:
    """Runs one task per cell and waits for it. Use from one thread.

    ``image_uri`` gives the address of the publisher's image once it is in its repository; it is
    called once, before the first task. ``on_started`` and ``on_ended`` are told the ARN of each
    task, so that one whose session is killed can be stopped.
    """

    def __init__(
        self,
        clients: AwsClients,
        *,
        cluster: str,
        image_uri: Callable[[], str],
        sleep: Callable[[float], None],
        on_started: Callable[[str], None] = lambda _: None,
        on_ended: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._ecs = clients.client("ecs")
        self._s3 = clients.s3
        self._region = clients.region
        self._cluster = cluster
        self._image_uri = image_uri
        self._sleep = sleep
        self._on_started = on_started
        self._on_ended = on_ended
        self._base: _Base | None = None

    def publish(self, job: PublishJob, job_key: str) -> Iterator[tuple[PublishedMessage, ...]]:
        """Yield what a task published; the job is written to ``job_key`` of its bucket first.

        Raises `DeploymentError` when the base is not there, `PublishError` when the task could not
        be started or did not publish everything; what was yielded before stays published. A task
        is stopped when the wait for it is broken off.
        """
        base = self._base = self._base or self._find_base()
        with backend_errors(f"writing s3://{job.bucket}/{job_key}", PublishError):
            self._s3.put_object(Bucket=job.bucket, Key=job_key, Body=job.as_json().encode())
        task_arn = self._start(base, f"s3://{job.bucket}/{job_key}", job.run_id)
        try:
            self._on_started(task_arn)
            task = self._wait(task_arn)
        except BaseException:
            self._stop(task_arn)
            self._on_ended(task_arn)
            raise
        self._on_ended(task_arn)
        published, problem = self._answer(job, task)
        yield published
        if problem is not None:
            raise PublishError(f"{task_arn} did not publish everything: {problem}")

    def _find_base(self) -> _Base:
        with backend_errors(f"looking for the ECS cluster {self._cluster}", DeploymentError):
            answer = self._ecs.describe_clusters(clusters=[self._cluster], include=["TAGS"])
        active = [each for each in answer["clusters"] if each["status"] == "ACTIVE"]
        tags = {tag["key"]: tag["value"] for each in active for tag in each.get("tags", ())}
        if not {SUBNETS_TAG, SECURITY_GROUP_TAG} <= tags.keys():
            raise DeploymentError(
                f"there is no ECS cluster {self._cluster} for the publisher: apply infra/ in this "
                "region, name its cluster with --lambda-cluster, or use --lambda-publisher local"
            )
        network = {
            "subnets": tags[SUBNETS_TAG].split(),
            "securityGroups": [tags[SECURITY_GROUP_TAG]],
            "assignPublicIp": "ENABLED",  # the way to AWS's endpoints without a NAT gateway
        }
        image_uri = self._image_uri()
        with backend_errors(f"preparing the task definition {self._cluster}", DeploymentError):
            return _Base(network, self._revision(image_uri))

    def _revision(self, image_uri: str) -> str:
        """The ARN of a revision that runs this image."""
        current = self._ecs.describe_task_definition(taskDefinition=self._cluster)["taskDefinition"]
        [container] = current["containerDefinitions"]
        if container["image"] == image_uri:
            arn: str = current["taskDefinitionArn"]
            return arn
        request = {key: current[key] for key in _KEPT if key in current}
        request["containerDefinitions"] = [{**container, "image": image_uri}]
        answer = self._ecs.register_task_definition(**request)
        new: str = answer["taskDefinition"]["taskDefinitionArn"]
        return new

    def _start(self, base: _Base, job: str, run_id: str) -> str:
        with backend_errors(f"starting the publisher in {self._cluster}", PublishError):
            answer = self._ecs.run_task(
                cluster=self._cluster,
                taskDefinition=base.task_definition,
                launchType="FARGATE",
                count=1,
                networkConfiguration={"awsvpcConfiguration": base.network},
                overrides={
                    "containerOverrides": [
                        {
                            "name": CONTAINER,
                            "environment": [
                                {"name": "PUBLISH_JOB", "value": job},
                                {"name": "AWS_REGION", "value": self._region},
                            ],
                        }
                    ]
                },
                startedBy=run_id[:36],
            )
        if not answer["tasks"]:
            reasons = [failure.get("reason", "") for failure in answer.get("failures", ())]
            raise PublishError(f"ECS did not start the publisher: {', '.join(reasons)}")
        arn: str = answer["tasks"][0]["taskArn"]
        return arn

    def _wait(self, task_arn: str) -> dict[str, Any]:
        """The task once it has stopped. Raises `PublishError` when it does not."""
        waited_s = 0.0
        while waited_s <= LONGEST_S:
            with backend_errors(f"looking after {task_arn}", PublishError):
                answer = self._ecs.describe_tasks(cluster=self._cluster, tasks=[task_arn])
            task: dict[str, Any] | None = next(iter(answer["tasks"]), None)
            if task is not None and task["lastStatus"] == STOPPED:
                return task
            self._sleep(POLL_S)
            waited_s += POLL_S
        raise PublishError(f"{task_arn} had not ended after {LONGEST_S:.0f} s; it was stopped")

    def _stop(self, task_arn: str) -> None:
        with backend_errors(f"stopping {task_arn}", PublishError):
            self._ecs.stop_task(
                cluster=self._cluster, task=task_arn, reason="pytest no longer waits for it"
            )

    def _answer(
        self, job: PublishJob, task: dict[str, Any]
    ) -> tuple[tuple[PublishedMessage, ...], str | None]:
        """What it published, and what it lacks: its own words, or ECS's where it left none."""
        try:
            with backend_errors(f"reading s3://{job.bucket}/{job.published_key}", PublishError):
                answer = self._s3.get_object(Bucket=job.bucket, Key=job.published_key)
                return read_published(answer["Body"].read().decode())
        except PublishError as error:
            cause = error.__cause__
            if not (
                isinstance(cause, ClientError) and code_of(cause) in {"NoSuchKey", "AccessDenied"}
            ):
                raise
        return (), _end_of(task)


def _end_of(task: dict[str, Any]) -> str:
    """Why a task stopped, as ECS says it."""
    containers = task.get("containers", ())
    codes = [str(each["exitCode"]) for each in containers if each.get("exitCode") is not None]
    reasons = [each["reason"] for each in containers if each.get("reason")]
    said = [task.get("stoppedReason", ""), *reasons]
    if codes:
        said.append(f"exit code {', '.join(codes)}; its log group is in the task definition")
    return "; ".join(filter(None, said)) or "it left neither an answer nor a reason"
