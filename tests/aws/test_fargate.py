"""The calls around the Fargate publisher, on moto, whose ECS runs nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pytest_lambda_ml.aws.fargate import FargatePublisher
from pytest_lambda_ml.aws.ledger import Kind, Ledger, Resource
from pytest_lambda_ml.aws.publish_job import PublishJob, messages_sha256, published_json
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.plan import plan_messages
from pytest_lambda_ml.campaign.purge import find_ledgers, find_leftovers, purge
from pytest_lambda_ml.errors import DeploymentError, PublishError
from pytest_lambda_ml.model import PublishedMessage

CLUSTER = "pytest-lambda-ml"
BUCKET = "base-bucket"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/base@sha256:" + "0" * 64
PUBLISHED = (PublishedMessage("00000", "m-0", 1), PublishedMessage("00001", "m-1", 2))


class Task:
    """The publisher with a base on moto around it; every call is kept."""

    def __init__(self, clients: AwsClients) -> None:
        self.clients = clients
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.slept: list[float] = []
        self.subnets: list[str] = []
        self.group = ""
        for service in ("ecs", "s3"):
            clients.client(service).meta.events.register("provide-client-params", self._keep)
        self.publisher = FargatePublisher(
            clients, cluster=CLUSTER, image_uri=lambda: IMAGE, sleep=self.slept.append
        )

    def _keep(self, params: dict[str, Any], event_name: str, **_: Any) -> None:
        self.calls.append((event_name.rpartition(".")[2], params))

    @property
    def operations(self) -> list[str]:
        names = [name for name, _ in self.calls]
        return [name for before, name in zip([None, *names], names, strict=False) if name != before]

    def answer(self, published: tuple[PublishedMessage, ...], problem: str | None = None) -> None:
        """What the task would leave in the bucket."""
        body = published_json(published, problem).encode()
        self.clients.s3.put_object(Bucket=BUCKET, Key="answer.json", Body=body)
        self.calls.clear()

    def publish(self) -> list[tuple[PublishedMessage, ...]]:
        return list(self.publisher.publish(job(), "job.json"))


def job() -> PublishJob:
    messages = plan_messages(["a"], run_id="r", batch_size=1, invocations=2)
    return PublishJob(
        topic_arn="arn:aws:sns:eu-west-1:123456789012:plml-r",
        run_id="r",
        batch_size=1,
        invocations=2,
        first_sample=0,
        bucket=BUCKET,
        dataset_kind="questions",
        dataset_key="datasets/q.csv",
        messages_sha256=messages_sha256(messages),
        published_key="answer.json",
    )


@pytest.fixture
def bare(clients: AwsClients) -> Task:
    """A bucket, and no cluster yet."""
    where = {"LocationConstraint": clients.region}
    clients.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=where)
    return Task(clients)


@pytest.fixture
def task(bare: Task) -> Task:
    """What infra/publisher.tf makes."""
    ecs, ec2 = bare.clients.client("ecs"), bare.clients.client("ec2")
    bare.subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"]]
    bare.group = ec2.describe_security_groups()["SecurityGroups"][0]["GroupId"]
    ecs.create_cluster(
        clusterName=CLUSTER,
        tags=[
            {"key": "pytest-lambda-ml:subnets", "value": " ".join(bare.subnets)},
            {"key": "pytest-lambda-ml:security-group", "value": bare.group},
        ],
    )
    log = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/publisher"}}
    ecs.register_task_definition(
        family=CLUSTER,
        requiresCompatibilities=["FARGATE"],
        networkMode="awsvpc",
        cpu="1024",
        memory="2048",
        taskRoleArn="arn:aws:iam::123456789012:role/publisher",
        executionRoleArn="arn:aws:iam::123456789012:role/publisher-start",
        containerDefinitions=[
            {
                "name": "publisher",
                "image": "python",
                "memory": 2048,  # moto adds up the containers', not the task's
                "essential": True,
                "logConfiguration": log,
            }
        ],
    )
    return bare


@pytest.fixture(autouse=True)
def forget(clients: AwsClients) -> Any:
    """Each test has a base of its own."""
    yield
    ecs, s3 = clients.client("ecs"), clients.s3
    for arn in ecs.list_clusters()["clusterArns"]:
        for each in ecs.list_tasks(cluster=arn)["taskArns"]:
            ecs.stop_task(cluster=arn, task=each)
        ecs.delete_cluster(cluster=arn)
    for arn in ecs.list_task_definitions()["taskDefinitionArns"]:
        ecs.deregister_task_definition(taskDefinition=arn)
    for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ()):
        s3.delete_object(Bucket=BUCKET, Key=entry["Key"])
    s3.delete_bucket(Bucket=BUCKET)


def test_a_task_of_the_base_is_started_waited_for_and_asked(task: Task) -> None:
    task.answer(PUBLISHED)
    assert task.publish() == [PUBLISHED]
    assert task.operations == [
        "DescribeClusters",
        "DescribeTaskDefinition",
        "RegisterTaskDefinition",
        "PutObject",
        "RunTask",
        "DescribeTasks",
        "GetObject",
    ]
    asked = dict(task.calls)
    written = task.clients.s3.get_object(Bucket=BUCKET, Key="job.json")["Body"].read()
    assert PublishJob.from_json(written.decode()) == job()
    assert asked["RunTask"]["networkConfiguration"]["awsvpcConfiguration"] == {
        "subnets": task.subnets,
        "securityGroups": [task.group],
        "assignPublicIp": "ENABLED",
    }
    [override] = asked["RunTask"]["overrides"]["containerOverrides"]
    assert {each["name"]: each["value"] for each in override["environment"]} == {
        "PUBLISH_JOB": f"s3://{BUCKET}/job.json",
        "AWS_REGION": "eu-west-1",
    }


def test_a_new_revision_differs_in_its_image_alone_and_is_made_once(task: Task) -> None:
    ecs = task.clients.client("ecs")
    before = ecs.describe_task_definition(taskDefinition=CLUSTER)["taskDefinition"]
    task.answer(PUBLISHED)
    task.publish()
    after = ecs.describe_task_definition(taskDefinition=CLUSTER)["taskDefinition"]
    assert after["revision"] == before["revision"] + 1
    assert after["containerDefinitions"][0].pop("image") == IMAGE
    assert before["containerDefinitions"][0].pop("image") == "python"
    for kept in ("containerDefinitions", "taskRoleArn", "executionRoleArn", "cpu", "memory"):
        assert after[kept] == before[kept]
    task.calls.clear()
    task.publish()
    assert "DescribeClusters" not in task.operations, "what the base offers is asked for once"
    Task(task.clients).publish()
    assert "RegisterTaskDefinition" not in task.operations, "nor does another session make one"


def test_what_was_published_counts_though_not_all_was(task: Task) -> None:
    task.answer(PUBLISHED[:1], "SNS did not take sample 00001: InternalError")
    publishing = task.publisher.publish(job(), "job.json")
    assert next(publishing) == PUBLISHED[:1]
    with pytest.raises(PublishError, match="did not take sample 00001"):
        next(publishing)


def test_a_task_without_an_answer_is_an_error_in_the_words_of_ecs(task: Task) -> None:
    def say(parsed: dict[str, Any], **_: Any) -> None:
        for each in parsed["tasks"]:
            each["stoppedReason"] = "CannotPullContainerError"
            each["containers"] = [{"name": "publisher", "exitCode": 137}]

    task.clients.client("ecs").meta.events.register("after-call.ecs.DescribeTasks", say)
    publishing = task.publisher.publish(job(), "job.json")
    assert next(publishing) == ()
    with pytest.raises(PublishError, match=r"CannotPullContainerError; exit code 137"):
        next(publishing)


def test_a_task_that_is_no_longer_waited_for_is_stopped(task: Task) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    ecs = task.clients.client("ecs")
    still_running = "after-call.ecs.DescribeTasks"
    ecs.meta.events.register(
        still_running, lambda parsed, **_: parsed["tasks"][0].update(lastStatus="RUNNING")
    )
    publisher = FargatePublisher(
        task.clients, cluster=CLUSTER, image_uri=lambda: IMAGE, sleep=interrupt
    )
    with pytest.raises(KeyboardInterrupt):
        next(publisher.publish(job(), "job.json"))
    assert task.operations[-1] == "StopTask"


def test_a_task_whose_session_was_killed_is_stopped_by_purge(task: Task, tmp_path: Path) -> None:
    """Its ARN is in the ledger as soon as ECS has said it, and off it when the task has ended."""
    path = tmp_path / "runs" / "20261124T000000Z-0ddba11" / "ledger.jsonl"
    path.parent.mkdir(parents=True)
    ledger = Ledger(
        path, run_id="0ddba11", region="eu-west-1", endpoint_url=task.clients.endpoint_url
    )
    events = task.clients.client("ecs").meta.events
    running = {"after-call.ecs.DescribeTasks": "RUNNING"}

    def still(parsed: dict[str, Any], **_: Any) -> None:
        for state in running.values():
            parsed["tasks"][0]["lastStatus"] = state

    events.register("after-call.ecs.DescribeTasks", still)
    events.register("after-call.ecs.StopTask", lambda **_: running.clear())

    def somebody_purges(_: float) -> None:
        """While it is waited for; as if the session that waits were no more."""
        [known] = find_ledgers(tmp_path, "0ddba11")
        [left] = find_leftovers(task.clients, [known], "0ddba11")
        assert [each.kind for each in left.resources] == [Kind.TASK]
        purge(task.clients, left)
        assert find_leftovers(task.clients, [known], "0ddba11") == []

    publisher = FargatePublisher(
        task.clients,
        cluster=CLUSTER,
        image_uri=lambda: IMAGE,
        sleep=somebody_purges,
        on_started=lambda arn: ledger.announce(Resource(Kind.TASK, arn)),
        on_ended=lambda arn: ledger.deleted(Resource(Kind.TASK, arn)),
    )
    task.answer(PUBLISHED)
    assert list(publisher.publish(job(), "job.json")) == [PUBLISHED]
    assert task.operations.count("StopTask") == 1
    assert ledger.open_resources() == ()


def test_a_task_that_never_ends_is_given_up_and_stopped(task: Task) -> None:
    still_running = (SimpleNamespace(status_code=200), {"tasks": [{"lastStatus": "RUNNING"}]})
    task.clients.client("ecs").meta.events.register(
        "before-call.ecs.DescribeTasks", lambda **_: still_running
    )
    with pytest.raises(PublishError, match="had not ended after 900 s"):
        task.publish()
    assert task.operations[-1] == "StopTask"
    assert sum(task.slept) >= 900


def test_no_room_for_a_task_is_an_error_that_says_so(task: Task) -> None:
    failures = {"tasks": [], "failures": [{"reason": "RESOURCE:ENI"}]}
    task.clients.client("ecs").meta.events.register(
        "after-call.ecs.RunTask", lambda parsed, **_: parsed.update(failures)
    )
    with pytest.raises(PublishError, match="RESOURCE:ENI"):
        task.publish()


def test_without_the_base_the_message_says_what_to_do(bare: Task) -> None:
    with pytest.raises(DeploymentError, match=r"apply infra/ .* --lambda-cluster, or use"):
        bare.publish()
    assert json.dumps(bare.operations) == '["DescribeClusters"]', "nothing has been begun"
