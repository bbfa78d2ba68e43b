"""Deploying on AWS's API: what is created reads back, is in the ledger first, and goes again."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from deploy_site import Site
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.artifact import Package
from pytest_lambda_ml.aws.ledger import Kind, Ledger, Resource, read_ledger
from pytest_lambda_ml.aws.names import function_name, log_group_name, role_name
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.teardown import tear_down, teardown_steps
from pytest_lambda_ml.errors import BackendError, DeploymentError


@pytest.fixture
def site(clients: AwsClients, tmp_path: Path) -> Site:
    return Site(clients, tmp_path)


def test_a_function_reads_back_as_it_was_configured(site: Site, package: Package) -> None:
    function = site.deploy(package)
    lambda_ = site.clients.lambda_
    answer = lambda_.get_function(FunctionName=function.name)
    configuration = answer["Configuration"]
    assert configuration["FunctionArn"] == function.arn
    assert configuration["Handler"] == "wrapper.lambda_handler"
    assert configuration["MemorySize"] == 1024
    assert configuration["Timeout"] == 33
    assert configuration["Architectures"] == ["arm64"]
    assert configuration["EphemeralStorage"] == {"Size": 1024}
    assert configuration["Environment"]["Variables"] == {"RUN_ID": site.run_id}
    assert answer["Tags"]["pytest-lambda-ml:run"] == site.run_id
    reserved = lambda_.get_function_concurrency(FunctionName=function.name)
    assert reserved["ReservedConcurrentExecutions"] == 4
    asynchronous = lambda_.get_function_event_invoke_config(FunctionName=function.name)
    assert asynchronous["MaximumRetryAttempts"] == 0
    assert asynchronous["MaximumEventAgeInSeconds"] == 300
    assert (
        asynchronous["DestinationConfig"]["OnFailure"]["Destination"]
        == site.deployer.shared.queue_arn
    )
    policy = json.loads(lambda_.get_policy(FunctionName=function.name)["Policy"])
    (statement,) = policy["Statement"]
    assert statement["Principal"] == {"Service": "sns.amazonaws.com"}
    assert statement["Condition"]["ArnLike"]["AWS:SourceArn"] == function.topic_arn
    (subscription,) = site.clients.sns.list_subscriptions_by_topic(TopicArn=function.topic_arn)[
        "Subscriptions"
    ]
    assert subscription["Endpoint"] == function.arn


def test_the_shared_log_group_expires_and_is_asked_for(site: Site, package: Package) -> None:
    """What moto's Lambda does not keep is seen in the request."""
    sent: list[dict[str, Any]] = []
    site.clients.lambda_.meta.events.register(
        "provide-client-params.lambda.CreateFunction",
        lambda params, **_: sent.append(params),
    )
    function = site.deploy(package)
    group = log_group_name(site.run_id)
    assert function.log_group == group
    assert sent[0]["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": group}
    (found,) = site.clients.logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"]
    assert found["retentionInDays"] == 1


def test_everything_that_bears_tags_says_its_run_and_when_it_expires(
    site: Site, package: Package
) -> None:
    function = site.deploy(package)
    shared, clients = site.deployer.shared, site.clients
    pairs = [
        clients.iam.list_role_tags(RoleName=role_name(site.run_id, "eu-west-1"))["Tags"],
        clients.s3.get_bucket_tagging(Bucket=shared.bucket)["TagSet"],
        clients.sns.list_tags_for_resource(ResourceArn=function.topic_arn)["Tags"],
    ]
    found = [{pair["Key"]: pair["Value"] for pair in tags} for tags in pairs]
    found += [
        clients.sqs.list_queue_tags(QueueUrl=shared.queue_url)["Tags"],
        clients.logs.list_tags_for_resource(
            resourceArn=clients.arn("logs", f"log-group:{shared.log_group}")
        )["tags"],
        clients.lambda_.list_tags(Resource=function.arn)["Tags"],
    ]
    expected = {
        "pytest-lambda-ml:run": site.run_id,
        "pytest-lambda-ml:created": "2026-11-18T11:06:40+00:00",
        "pytest-lambda-ml:expires": "2026-11-19T11:06:40+00:00",
    }
    assert found == [expected] * 6


def test_the_role_may_write_logs_and_failures_read_the_bucket_train_in_it_and_nothing_else(
    site: Site, package: Package
) -> None:
    site.deploy(package)
    role = role_name(site.run_id, "eu-west-1")
    policy = site.clients.iam.get_role_policy(RoleName=role, PolicyName="function")
    statements = policy["PolicyDocument"]["Statement"]
    assert [(item["Action"], item["Resource"]) for item in statements] == [
        (
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            f"arn:aws:logs:eu-west-1:123456789012:log-group:{log_group_name(site.run_id)}:*",
        ),
        ("sqs:SendMessage", site.deployer.shared.queue_arn),
        (
            "s3:GetObject",
            [
                f"arn:aws:s3:::{site.deployer.shared.bucket}/artifacts/*",
                f"arn:aws:s3:::{site.deployer.shared.bucket}/messages/*",
            ],
        ),
        (
            ["s3:GetObject", "s3:PutObject"],
            f"arn:aws:s3:::{site.deployer.shared.bucket}/training/{site.run_id}/*",
        ),
        ("s3:ListBucket", f"arn:aws:s3:::{site.deployer.shared.bucket}"),
    ]
    only = {"StringLike": {"s3:prefix": f"training/{site.run_id}/*"}}
    assert statements[-1]["Condition"] == only


def test_the_same_code_is_uploaded_once(site: Site, package: Package) -> None:
    puts: list[str] = []
    site.clients.s3.meta.events.register(
        "before-call.s3.PutObject", lambda params, **_: puts.append(params["url_path"])
    )
    first, second = site.deploy(package), site.deploy(package)
    assert first.name != second.name
    assert len(puts) == 1
    assert package.sha256 in puts[0]


def test_teardown_leaves_nothing_and_may_be_repeated(site: Site, package: Package) -> None:
    site.deploy(package)
    site.deploy(package)
    assert len(site.left()) >= 9
    everything = site.ledger.open_resources()
    site.tear_down()
    assert site.left() == []
    assert site.ledger.open_resources() == ()
    assert read_ledger(site.path) == ()
    tear_down(site.clients, site.ledger, everything, run_id=site.run_id)


def test_the_ledger_alone_is_enough_to_clean_up_after_a_crash(site: Site, package: Package) -> None:
    site.deploy(package)
    remembered = read_ledger(site.path)
    assert remembered == site.ledger.open_resources()
    elsewhere = Ledger(site.path, run_id=site.run_id, region="eu-west-1", endpoint_url=None)
    tear_down(site.clients, elsewhere, remembered, run_id=site.run_id)
    assert site.left() == []


def test_every_resource_is_in_the_ledger_before_it_is_created(site: Site, package: Package) -> None:
    creations = {
        "logs.CreateLogGroup": Kind.LOG_GROUP,
        "sqs.CreateQueue": Kind.QUEUE,
        "iam.CreateRole": Kind.ROLE,
        "s3.CreateBucket": Kind.BUCKET,
        "lambda.CreateFunction": Kind.FUNCTION,
        "sns.CreateTopic": Kind.TOPIC,
        "sns.Subscribe": Kind.SUBSCRIPTION,
    }
    known_at: dict[Kind, set[Kind]] = {}
    for operation, kind in creations.items():
        service = operation.split(".")[0].replace("logs", "cloudwatch-logs")
        client = getattr(site.clients, operation.split(".")[0].replace("lambda", "lambda_"))
        client.meta.events.register(
            f"before-call.{service}.{operation.split('.')[1]}",
            lambda kind=kind, **_: known_at.update(
                {kind: {item.kind for item in read_ledger(site.path)}}
            ),
        )
    site.deploy(package)
    assert set(known_at) == set(creations.values())
    assert all(kind in known for kind, known in known_at.items())


def test_a_refused_deployment_says_what_and_why(site: Site, package: Package) -> None:
    site.deploy(package)
    denied = "before-call.lambda.PutFunctionConcurrency"
    site.clients.lambda_.meta.events.register(
        denied, refuse("TooManyRequestsException", "no more"), unique_id="refuse"
    )
    with pytest.raises(
        DeploymentError, match=r"svm-reference-1024-4-100 as plml-.*TooManyRequestsException"
    ):
        site.deploy(package)
    assert len([item for item in site.ledger.open_resources() if item.kind is Kind.FUNCTION]) == 2
    site.tear_down()  # a function that cannot be stopped is deleted all the same
    assert site.left() == []


def test_a_step_that_fails_stops_no_other_and_stays_in_the_ledger(
    site: Site, package: Package
) -> None:
    function = site.deploy(package)
    site.clients.sns.meta.events.register(
        "before-call.sns.DeleteTopic", refuse("InternalError", "try later"), unique_id="refuse"
    )
    with pytest.raises(BackendError, match=rf"purge --run {site.run_id}") as caught:
        site.tear_down()
    assert f"delete topic {function.topic_arn}: InternalError: try later" in str(caught.value)
    assert [item.kind for item in read_ledger(site.path)] == [Kind.TOPIC]
    site.clients.sns.meta.events.unregister("before-call.sns.DeleteTopic", unique_id="refuse")
    site.tear_down()
    assert site.left() == []


def test_a_log_group_that_a_late_line_brought_back_goes_too(site: Site, package: Package) -> None:
    site.deploy(package)
    group = log_group_name(site.run_id)

    def write_late(**_: Any) -> None:
        site.clients.logs.create_log_group(logGroupName=group)

    site.clients.iam.meta.events.register("before-call.iam.DeleteRole", write_late)
    site.tear_down()
    assert site.left() == []


def test_ways_in_are_closed_before_anything_stops_and_logs_go_after_functions() -> None:
    resources = [
        Resource(Kind.LOG_GROUP, "group"),
        Resource(Kind.ROLE, "role"),
        *(
            Resource(kind, f"{kind}-{number}", owner=f"f{number}")
            for number in (1, 2)
            for kind in (Kind.FUNCTION, Kind.TOPIC, Kind.SUBSCRIPTION)
        ),
    ]
    words = [f"{step.action} {step.resource.id}" for step in teardown_steps(resources)]
    assert words == [
        "unsubscribe from topic subscription-2",
        "unsubscribe from topic subscription-1",
        "set reserved concurrency to 0 on function function-2",
        "set reserved concurrency to 0 on function function-1",
        "delete function function-2",
        "delete function function-1",
        "delete log group group",
        "delete topic topic-2",
        "delete topic topic-1",
        "delete role role",
        "delete, should it have come back, log group group",
    ]


@given(cell_id=st.text(max_size=120), number=st.integers(1, 999))
def test_names_are_legal_whatever_the_cell_is_called(cell_id: str, number: int) -> None:
    name = function_name("c0ffee00", number, cell_id)
    assert re.fullmatch(r"plml-c0ffee00-\d{3}-[A-Za-z0-9_-]*", name)
    assert len(name) <= 64


def test_long_names_that_differ_at_their_end_stay_apart() -> None:
    first, second = (function_name("c0ffee00", 1, "x" * 80 + end) for end in "ab")
    assert first != second


@pytest.mark.parametrize("torn", ['{"event": "cre', "[1]", '{"event": "create", "kind": "moon"}'])
def test_a_ledger_with_a_torn_line_is_read(tmp_path: Path, torn: str) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path, run_id="r", region="eu-west-1", endpoint_url=None)
    ledger.announce(Resource(Kind.ROLE, "role"))
    ledger.close()
    with path.open("a", encoding="utf-8") as file:
        file.write(torn)
    assert read_ledger(path) == (Resource(Kind.ROLE, "role"),)


def client_error(code: str, message: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Operation")


def refuse(code: str, message: str) -> Callable[..., Any]:
    """A hook that answers in place of the server, as AWS would."""

    def hook(**_: Any) -> Any:
        raise client_error(code, message)

    return hook
