"""Whole campaigns, one for every set of options that changes which calls are made, and their calls.

What each call needs is written down.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from answers import error_answer
from botocore.httpsession import URLLib3Session
from deploy_site import CELL, Site
from iam_actions import ACCOUNT, Permission, RecordingClients
from image_registry import ImageRegistry
from whole_campaign import campaign, cell, lengths_package, questions

from pytest_lambda_ml.artifact import Package, Target, build_package, find_handler
from pytest_lambda_ml.aws import names
from pytest_lambda_ml.aws.borrow import Borrower
from pytest_lambda_ml.aws.existing import look_up
from pytest_lambda_ml.aws.ledger import Ledger
from pytest_lambda_ml.aws.policies import policy_document
from pytest_lambda_ml.aws.resources import Durable
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign import publisher_task
from pytest_lambda_ml.campaign.backend import Fargate
from pytest_lambda_ml.campaign.payloads import Payloads
from pytest_lambda_ml.campaign.purge import find_leftovers, purge
from pytest_lambda_ml.campaign.training import staged
from pytest_lambda_ml.datasets import load_dataset

__all__ = ["ANYWHERE", "REGION", "WORDS", "Account", "create_words", "fargate"]

REGION = "us-east-1"
WORDS = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:words"


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


def existing_function(account: Account, given: Durable) -> None:
    """By each trigger, as it is and in versions; then a killed run is purged."""
    clients, folder = account.runs, account.folder
    payloads = Payloads(("{}",), (1.0,))
    with campaign(clients, folder, durable=given) as session:
        for memory_mb, trigger in ((None, "sync"), (256, "sync"), (256, "async"), (256, "sns")):
            asked = cell(algorithm="words", memory_mb=memory_mb or 384, trigger=trigger)
            words = session.look_up("words")
            borrowed = session.borrow(words, asked, as_it_is=memory_mb is None, messages=1)
            result = session.measure_payloads(borrowed, payloads, invocations=1)
            assert result.outcomes.succeeded == 1
            session.remove(borrowed)
    site = Site(clients, folder, given)
    tags = names.tags(site.run_id, 1_795_000_000.0)
    borrower = Borrower(
        clients, site.ledger, tags=tags, failure_queue=lambda: site.deployer.failure_queue
    )
    limits = {"messages": 1, "event_age_s": 60, "pause_s": 0.0}
    asked = cell(algorithm="words", memory_mb=256)
    name = f"plml-{site.run_id}-1"
    borrower.borrow(look_up(clients, "words"), asked, name, as_it_is=False, **limits)
    [left] = find_leftovers(clients, [Ledger.resume(site.path)], site.run_id)
    purge(clients, left)


def create_words(url: str) -> None:
    """The function that exists already: of somebody whose calls are not written down."""
    clients = AwsClients(REGION, url, dummy_credentials=True)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("index.py", "def lambda_handler(event, context): return {}\n")
    trust = policy_document("function-trust")
    clients.iam.create_role(RoleName="words", AssumeRolePolicyDocument=trust)
    clients.lambda_.create_function(
        FunctionName="words",
        Runtime="python3.13",
        Role=f"arn:aws:iam::{ACCOUNT}:role/words",
        Handler="index.lambda_handler",
        Code={"ZipFile": archive.getvalue()},
        MemorySize=384,
    )


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


ANYWHERE = (
    plain_cell,
    invoked_cell,
    failing_cell,
    training,
    existing_function,
    snap_start,
    image,
    large_artifact,
    lost_answers,
    killed_run,
    kept,
)
