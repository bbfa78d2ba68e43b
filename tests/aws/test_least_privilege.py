"""The policies of infra/ allow what campaigns call, on what they call it on, and nothing else.

Whole campaigns run, once for every set of options that changes which calls are made; what their
calls need is written down and held against the policies, both ways.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from answers import error_answer
from botocore.httpsession import URLLib3Session
from deploy_site import CELL, Site
from iam_actions import ACCOUNT, RESOURCELESS, Permission, RecordingClients, allowed, listed
from image_registry import ImageRegistry
from policy_sentry.querying.actions import get_action_data
from whole_campaign import campaign, cell, lengths_package, questions

from pytest_lambda_ml.artifact import Package, Target, build_package, find_handler
from pytest_lambda_ml.artifact.image import BaseImage
from pytest_lambda_ml.aws import names, publisher_image
from pytest_lambda_ml.aws.policies import policy_actions, policy_document
from pytest_lambda_ml.aws.resources import Durable
from pytest_lambda_ml.campaign import publisher_task
from pytest_lambda_ml.campaign.backend import Fargate
from pytest_lambda_ml.campaign.purge import find_leftovers, purge
from pytest_lambda_ml.campaign.training import staged
from pytest_lambda_ml.datasets import load_dataset
from pytest_lambda_ml.local import start_endpoint

REGION = "us-east-1"
BASE = Durable(role="base-function", bucket="base-bucket", repository="base")
NAMES = {
    "partition": "aws",
    "region": REGION,
    "account": ACCOUNT,
    "run": "*",
    "bucket": "base-bucket",
    "repository": "base",
    "function_role": "base-function",
    "publisher_role": "base-publisher",
    "publisher_start_role": "base-publisher-start",
    "cluster": "base",
    "log_group": "/ecs/base-publisher",
}
IDENTITY_POLICIES = (
    "function",
    "runner",
    "runner-without-base",
    "publisher",
    "publisher-start",
)


def statements(*policies: str) -> list[dict[str, Any]]:
    """What these policies say, for the base of the tests."""
    return [
        statement
        for policy in policies
        for statement in json.loads(policy_document(policy, **NAMES))["Statement"]
    ]


class Account:
    """An endpoint that runs functions, one on which they can only be deployed, and their clients.

    ``needed`` says which permissions were needed, and by which call of which set of options.
    """

    def __init__(self, runs: str, keeps: str, folder: Path) -> None:
        self.folder = folder
        self.runs = RecordingClients(REGION, runs, dummy_credentials=True)
        self.keeps = RecordingClients(REGION, keeps, dummy_credentials=True)
        self.task = RecordingClients(REGION, runs, dummy_credentials=True)
        self.needed: dict[Permission, str] = {}

    def run(self, case: Callable[[Account, Durable], None], given: Durable) -> None:
        for clients in (self.runs, self.keeps):
            clients.needed.clear()
        case(self, given)
        for clients in (self.runs, self.keeps):
            for permission, call in clients.needed.items():
                self.needed.setdefault(permission, f"{call} ({case.__name__})")


def plain_cell(account: Account, given: Durable) -> None:
    """Deploy, publish, read, remove; one batch goes through S3."""
    folder = account.folder
    with campaign(account.runs, folder, durable=given) as session:
        function = session.deploy(lengths_package(folder), cell(batch_size=4), messages=4)
        result = session.measure(function, questions(folder, "a", "b"), invocations=4)
        assert result.outcomes.succeeded == 4
        large = questions(folder, "x" * 100_000)
        assert session.measure(function, large, invocations=1).outcomes.succeeded == 1


def invoked_cell(account: Account, given: Durable) -> None:
    """No topic: Lambda is asked itself."""
    folder = account.folder
    with campaign(account.runs, folder, durable=given) as session:
        function = session.deploy(lengths_package(folder), cell(trigger="async"), messages=2)
        result = session.measure(function, questions(folder, "a", "b"), invocations=2)
        assert result.outcomes.succeeded == 2


def failing_cell(account: Account, given: Durable) -> None:
    """While one invocation goes on, the record of another is taken off the failure queue."""
    folder = account.folder
    with campaign(account.runs, folder, durable=given) as session:
        function = session.deploy(lengths_package(folder), cell(), messages=2)
        result = session.measure(function, questions(folder, "fail", "slow"), invocations=2)
        assert (result.outcomes.failed, result.outcomes.succeeded) == (1, 1)


def training(account: Account, given: Durable) -> None:
    """What functions train on lies in the bucket, and goes with the function."""
    folder = account.folder
    path = folder / "emotions.csv"
    path.write_text("Emotion,Text\njoy,a\nfear,b\n", encoding="utf-8")
    labelled = load_dataset("emotion", str(path), folder)
    with campaign(account.runs, folder, durable=given) as session:
        function = session.deploy(lengths_package(folder), cell(), messages=2)
        staged(session, function, labelled, rounds=1)
        session.remove(function)


def snap_start(account: Account, given: Durable) -> None:
    site = Site(account.keeps, account.folder, given)
    cell_ = replace(CELL, snap_start=True, ephemeral_mb=512)
    site.deploy(lengths_package(account.folder), cell_)
    site.tear_down()


def image(account: Account, given: Durable) -> None:
    site = Site(account.keeps, account.folder, given)
    site.deploy(image_package(account.folder), CELL)
    site.tear_down()


def large_artifact(account: Account, given: Durable) -> None:
    """Above 8 MB, uploads come in parts."""
    package = lengths_package(account.folder)
    content = account.folder / "large.zip"
    content.write_bytes(package.zip_path.read_bytes() + b"\0" * 9_000_000)
    package = replace(
        package, zip_path=content, sha256=token_hex(32), size_bytes=content.stat().st_size
    )
    site = Site(account.keeps, account.folder, given)
    site.deploy(package, CELL)
    site.tear_down()


def lost_answers(account: Account, given: Durable) -> None:
    """A function and an alias are created, but nobody hears of it: the call is repeated."""
    package = lengths_package(account.folder)
    lose_once(account.runs, "lambda", "CreateFunction")
    with campaign(account.runs, account.folder, durable=given) as session:
        session.deploy(package, cell(), messages=1)
    lose_once(account.keeps, "lambda", "CreateAlias")
    site = Site(account.keeps, account.folder, given)
    site.deploy(package, replace(CELL, snap_start=True, ephemeral_mb=512))
    site.tear_down()


def lose_once(clients: RecordingClients, service: str, operation: str) -> None:
    """The next call of an operation is carried out, but its answer is an internal error.

    The call after it is told that the thing is there, in AWS's words, which are not all of moto's.
    """
    answers = [
        error_answer("rest-json", 500, "ServiceException", "lost"),
        error_answer("rest-json", 409, "ResourceConflictException", "it exists already"),
    ]

    def lose(request: Any, **_: Any) -> Any:
        if len(answers) == 2:
            URLLib3Session(proxies={}).send(request)
        return answers.pop(0) if answers else None

    clients.client(service).meta.events.register(f"before-send.{service}.{operation}", lose)


def killed_run(account: Account, given: Durable) -> None:
    """Somebody looks for what runs have left, and purges what this one did."""
    site = Site(account.runs, account.folder, given)
    site.deploy(lengths_package(account.folder), replace(CELL, architecture="x86_64"))
    site.ledger.close()
    [left] = find_leftovers(account.runs, [])
    assert [left] == find_leftovers(account.runs, [], site.run_id)
    purge(account.runs, left)


def kept(account: Account, given: Durable) -> None:
    """Three runs with --lambda-keep, the last one with other code; then all of it is purged."""
    folder = account.folder
    for package in (*[lengths_package(folder)] * 2, other_package(folder)):
        with campaign(account.runs, folder, durable=given, keep=True) as session:
            function = session.deploy(package, cell(), messages=2)
            result = session.measure(function, questions(folder, "a", "b"), invocations=2)
            assert result.outcomes.succeeded == 2
            large = questions(folder, "x" * 100_000)
            assert session.measure(function, large, invocations=1).outcomes.succeeded == 1
    for _ in range(2):
        site = Site(account.keeps, folder, given, keep=True)
        function = site.deploy(image_package(folder), CELL)
        site.deployer.keeper.let_go(function.name)
        site.tear_down()
    for clients in (account.runs, account.keeps):
        for left in find_leftovers(clients, [], names.KEPT):
            purge(clients, left)
        assert find_leftovers(clients, [], names.KEPT) == []


def other_package(folder: Path) -> Package:
    """The handler after a change."""
    source = folder / "lengths" / "handler.py"
    source.write_text(source.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    return build_package(find_handler(source.parent, engine="reference", search=[]), None, folder)


def fargate(account: Account, given: Durable) -> None:
    """A task of the base publishes; the calls to ECS are answered here."""
    folder, task = account.folder, account.task
    answers = {
        "DescribeClusters": {"clusters": [CLUSTER]},
        "DescribeTaskDefinition": {"taskDefinition": TASK_DEFINITION},
        "RegisterTaskDefinition": {"taskDefinition": TASK_DEFINITION},
        "DescribeTasks": {"tasks": [{"lastStatus": "STOPPED"}]},
        "RunTask": {"tasks": [{"taskArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/base/1"}]},
        "StopTask": {},
    }

    def answer(model: Any, params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        if model.name == "RunTask":
            asked = json.loads(params["body"])["overrides"]["containerOverrides"][0]
            with pytest.MonkeyPatch.context() as patch:
                for each in asked["environment"]:
                    patch.setenv(each["name"], each["value"])
                patch.setattr(publisher_task, "AwsClients", lambda *_: task)
                patch.setattr(publisher_task.signal, "signal", lambda *_: None)
                assert publisher_task.main() == 0
        if model.name not in answers:
            raise KeyboardInterrupt
        return Fine(), answers[model.name]

    account.runs.client("ecs").meta.events.register("before-call.ecs", answer)
    package = lengths_package(folder)
    with campaign(account.runs, folder, durable=given, fargate=Fargate("base", folder)) as session:
        function = session.deploy(package, cell(), messages=2)
        result = session.measure(function, questions(folder, "a", "b"), invocations=2)
        assert result.outcomes.succeeded == 2
        del answers["DescribeTasks"]  # Ctrl-C while a task is waited for
        with pytest.raises(KeyboardInterrupt):
            session.measure(function, questions(folder, "a", "b"), invocations=2)


class Fine:
    status_code = 200


CLUSTER = {
    "status": "ACTIVE",
    "tags": [
        {"key": "pytest-lambda-ml:subnets", "value": "subnet-1"},
        {"key": "pytest-lambda-ml:security-group", "value": "sg-1"},
    ],
}
TASK_DEFINITION = {
    "family": "base",
    "taskDefinitionArn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/base:2",
    "containerDefinitions": [{"name": "publisher", "image": "python"}],
}


def image_package(folder: Path) -> Package:
    """A handler as an image, on a base image from a registry of the test's own."""
    lengths_package(folder)
    (folder / "lengths" / "handler.toml").write_text('package = "image"', encoding="utf-8")
    handler = find_handler(folder / "lengths", engine="reference", search=[])
    registry = ImageRegistry()
    try:
        package = build_package(
            handler,
            None,
            folder,
            target=Target(architecture="arm64"),
            base_image=registry.reference,
        )
        for layer in package.image.layers:
            layer.fetch()
    finally:
        registry.close()
        (folder / "lengths" / "handler.toml").unlink()
    return package


NO_BASE_IMAGE = BaseImage(
    manifest_media_type="application/vnd.oci.image.manifest.v1+json",
    config={"rootfs": {"type": "layers", "diff_ids": []}},
    layers=(),
)

ANYWHERE = (
    plain_cell,
    invoked_cell,
    failing_cell,
    training,
    snap_start,
    image,
    large_artifact,
    lost_answers,
    killed_run,
    kept,
)


@pytest.fixture(scope="module")
def accounts(
    moto_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Account, Account]]:
    """What all sets of options needed: with the base, and without it."""
    folder = tmp_path_factory.mktemp("campaigns")
    with start_endpoint() as endpoint, pytest.MonkeyPatch.context() as patch:
        patch.setattr(publisher_image, "read_base_image", lambda *_: NO_BASE_IMAGE)
        with_base, without = (Account(endpoint.url, moto_url, folder) for _ in range(2))
        for clients in (with_base.runs, with_base.keeps):
            clients.s3.create_bucket(Bucket=BASE.bucket)
            clients.ecr.create_repository(repositoryName=BASE.repository)
            trust = policy_document("function-trust")
            clients.iam.create_role(RoleName=BASE.role, AssumeRolePolicyDocument=trust)
        for case in (*ANYWHERE, fargate):
            with_base.run(case, BASE)
        for case in ANYWHERE:
            without.run(case, Durable())
        yield with_base, without
        s3 = with_base.keeps.s3
        for entry in s3.list_objects_v2(Bucket=BASE.bucket).get("Contents", ()):
            s3.delete_object(Bucket=BASE.bucket, Key=entry["Key"])
        s3.delete_bucket(Bucket=BASE.bucket)
        with_base.keeps.ecr.delete_repository(repositoryName=BASE.repository, force=True)
        with_base.keeps.iam.delete_role(RoleName=BASE.role)


def problems_of(needed: dict[Permission, str], policy: str) -> list[str]:
    """Where a policy is less than what is needed, or more."""
    found = statements(policy)
    missing = sorted(
        f"missing: {permission.action} on {permission.resource}, for {call}"
        for permission, call in needed.items()
        if not allowed(found, permission)
    )
    superfluous = sorted(
        f"superfluous: {action} in {statement['Sid']}"
        for statement in found
        for action in listed(statement["Action"])
        if not any(
            permission.action == action and allowed([statement], permission)
            for permission in needed
        )
    )
    return [f"infra/policies/{policy}.json: {problem}" for problem in (*missing, *superfluous)]


def test_the_runner_may_do_what_campaigns_on_the_base_do_and_nothing_else(
    accounts: tuple[Account, Account],
) -> None:
    with_base, _ = accounts
    assert not problems_of(with_base.needed, "runner")
    assert {permission.action for permission in with_base.needed} == policy_actions("runner")


def test_without_a_base_it_may_also_make_what_a_run_needs_and_nothing_else(
    accounts: tuple[Account, Account],
) -> None:
    _, without = accounts
    assert not problems_of(without.needed, "runner-without-base")


def test_the_publisher_may_do_what_its_task_does_and_nothing_else(
    accounts: tuple[Account, Account],
) -> None:
    with_base, _ = accounts
    assert not problems_of(with_base.task.needed, "publisher")


def test_roles_are_passed_to_the_service_that_they_are_for_alone() -> None:
    found = [
        each for each in statements(*IDENTITY_POLICIES) if "iam:PassRole" in listed(each["Action"])
    ]
    assert found
    for statement in found:
        assert listed(statement["Action"]) == ["iam:PassRole"]
        assert statement["Condition"]["StringEquals"]["iam:PassedToService"] in {
            "lambda.amazonaws.com",
            "ecs-tasks.amazonaws.com",
        }


def arns_of(action: str) -> set[str]:
    """The ARNs that AWS lets a policy name for an action, ``*`` where it is tied to none."""
    service, _, name = action.partition(":")
    found = get_action_data(service, name)
    assert found, f"{action} is no action of AWS"
    formats = {each["resource_arn_format"] for each in found[service]} - {"*"}
    arns = {re.sub(r"\$\{[^}]*\}", "*", each) for each in formats}
    of_groups = {arn.replace(":log-stream:*", ":[*]") for arn in arns}  # covers all its streams
    return arns | of_groups or {"*"}


@pytest.mark.parametrize("policy", IDENTITY_POLICIES)
def test_a_resource_is_named_wherever_aws_lets_it_be(policy: str) -> None:
    for statement in statements(policy):
        for action in listed(statement["Action"]):
            possible = arns_of(action)
            for resource in listed(statement["Resource"]):
                assert ("*" in possible) == (resource == "*"), (action, resource)
                assert any(fnmatchcase(resource, arn) for arn in possible), (
                    f"{policy}: {action} is not for resources such as {resource}"
                )


@pytest.mark.parametrize("policy", IDENTITY_POLICIES)
def test_it_is_short_enough_for_a_managed_policy_whatever_the_names(policy: str) -> None:
    """IAM counts 6,144 characters at most, white space apart."""
    longest = dict.fromkeys(NAMES, "x" * 64) | {"account": ACCOUNT, "region": "ap-southeast-1"}
    assert len(policy_document(policy, **{**longest, "partition": "aws-us-gov"})) <= 6144


def test_the_actions_on_all_resources_are_known_one_by_one() -> None:
    found = {
        action
        for statement in statements(*IDENTITY_POLICIES)
        for action in listed(statement["Action"])
        if listed(statement["Resource"]) == ["*"]
    }
    assert found == RESOURCELESS | {"ecr:GetAuthorizationToken"}
