"""Kept functions under faults: a run that finds them ends right, and two never share one."""

from __future__ import annotations

import hashlib
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from answers import error_answer, record_calls
from botocore.httpsession import URLLib3Session
from fault_site import (
    CELL,
    MESSAGES,
    ONCE,
    Fault,
    Site,
    impatient_clients,
)

from pytest_lambda_ml.artifact import Package
from pytest_lambda_ml.aws import names
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.purge import find_leftovers, purge
from pytest_lambda_ml.errors import DeploymentError
from pytest_lambda_ml.model import Outcome

NAME = names.kept_function_name(CELL.cell_id, "zip", CELL.architecture)

# What a run calls that finds a kept function with other code, and a run without it does not.
PATH = (
    ("lambda", "UpdateFunctionConfiguration"),
    ("lambda", "TagResource"),
    ("lambda", "UpdateFunctionCode"),
    ("sns", "TagResource"),
    ("iam", "TagRole"),
    ("s3", "PutBucketTagging"),
    ("s3", "PutBucketLifecycleConfiguration"),
    ("lambda", "GetFunction"),
    ("lambda", "PutFunctionConcurrency"),
    ("sns", "CreateTopic"),
    ("lambda", "AddPermission"),
    ("sns", "Subscribe"),
)
REFUSALS: dict[str, Callable[[Fault], Callable[[Any], Any]]] = {
    **ONCE,
    "an internal error": lambda fault: fault.answer(500, "InternalFailure", "an error"),
}


@pytest.fixture(scope="module")
def clients(moto_url: str) -> Iterator[AwsClients]:
    with impatient_clients(moto_url) as clients:
        yield clients


@pytest.fixture(scope="module")
def changed(package: Package, tmp_path_factory: pytest.TempPathFactory) -> Package:
    """The package after a change of its code."""
    path = tmp_path_factory.mktemp("changed") / "package.zip"
    path.write_bytes(package.zip_path.read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.py", "")
    digest = hashlib.sha256(path.read_bytes())
    return replace(
        package,
        zip_path=path,
        sha256=digest.hexdigest(),
        code_sha256=b64encode(digest.digest()).decode(),
        size_bytes=path.stat().st_size,
    )


class Kept:
    """Runs that keep their functions, one after the other."""

    def __init__(self, clients: AwsClients, folder: Path) -> None:
        self.clients = clients
        self.folder = folder

    def run(self, package: Package) -> str:
        """A run of its own that ends right; its id."""
        site = Site(self.clients, package, self.folder)
        with site.session(keep=True) as campaign:
            result = site.measure(campaign)
        assert [item.outcome for item in result.invocations] == [Outcome.SUCCEEDED] * MESSAGES
        assert site.left() == []
        return site.run.run_id

    def function(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.clients.lambda_.get_function(FunctionName=NAME)
        return answer


def shown(clients: AwsClients) -> set[str]:
    """What an account shows that bears our name; other tests share it."""
    found = [
        *(item["FunctionName"] for item in clients.lambda_.list_functions()["Functions"]),
        *(item["TopicArn"] for item in clients.sns.list_topics()["Topics"]),
        *(item["Name"] for item in clients.s3.list_buckets()["Buckets"]),
        *(item["RoleName"] for item in clients.iam.list_roles()["Roles"]),
    ]
    return {name for name in found if "plml-" in name}


@pytest.fixture
def kept(clients: AwsClients, tmp_path: Path) -> Iterator[Kept]:
    before = shown(clients)
    yield Kept(clients, tmp_path)
    for left in find_leftovers(clients, [], names.KEPT):
        purge(clients, left)
    assert shown(clients) <= before


def test_the_calls_that_fail_below_are_made_by_a_run_that_finds_a_function(
    kept: Kept, package: Package, changed: Package
) -> None:
    kept.run(package)
    calls = record_calls(kept.clients)
    kept.run(changed)
    assert set(PATH) <= set(calls)
    assert ("lambda", "CreateFunction") not in calls


@pytest.mark.parametrize("how", REFUSALS)
@pytest.mark.parametrize("call", PATH, ids=".".join)
def test_a_call_fails_once(
    kept: Kept, package: Package, changed: Package, call: tuple[str, str], how: str
) -> None:
    kept.run(package)
    fault = Fault(kept.clients, *call)
    fault.inject(REFUSALS[how](fault))
    try:
        kept.run(changed)
    finally:
        fault.lift()
    assert fault.happened == 1
    found = kept.function()
    assert found["Configuration"]["CodeSha256"] == changed.code_sha256
    assert found["Tags"]["pytest-lambda-ml:run"] == names.KEPT


def test_an_update_whose_answer_was_lost_is_known_as_the_runs_own(
    kept: Kept, package: Package
) -> None:
    """AWS refuses the repetition: the revision is another one since the first attempt."""
    kept.run(package)
    fault = Fault(kept.clients, "lambda", "UpdateFunctionConfiguration")
    answers = [
        error_answer("rest-json", 500, "ServiceException", "lost"),
        error_answer("rest-json", 412, "PreconditionFailedException", "another revision"),
    ]

    def lose(request: Any) -> Any:
        if len(answers) == 2:
            URLLib3Session().send(request)
        return answers.pop(0) if answers else None

    fault.inject(lose, always=True)
    try:
        kept.run(package)
    finally:
        fault.lift()
    assert answers == []


def test_of_two_runs_that_want_a_function_lambda_lets_one_have_it(
    kept: Kept, package: Package, clients: AwsClients, tmp_path: Path
) -> None:
    kept.run(package)
    fault = Fault(clients, "lambda", "UpdateFunctionConfiguration")

    def other_is_quicker(_: Any) -> Any:
        fault.lift()
        clients.lambda_.update_function_configuration(
            FunctionName=NAME, Environment={"Variables": {"RUN_ID": "0ther"}}
        )
        return error_answer("rest-json", 412, "PreconditionFailedException", "another revision")

    fault.inject(other_is_quicker)
    site = Site(clients, package, tmp_path)
    said = r"taken by run 0ther .* do not share a function"
    with site.session(keep=True) as campaign, pytest.raises(DeploymentError, match=said):
        site.measure(campaign)
    assert kept.function()["Configuration"]["Environment"]["Variables"] == {"RUN_ID": "0ther"}
    assert site.left() == []


def test_a_function_that_another_run_creates_at_this_moment_is_left_to_it(
    kept: Kept, package: Package, clients: AwsClients, tmp_path: Path
) -> None:
    other, site = (Site(clients, package, tmp_path) for _ in range(2))
    fault = Fault(clients, "lambda", "CreateFunction")

    def other_is_quicker(_: Any) -> Any:
        fault.lift()
        owner.deploy(package, CELL, messages=1)
        return error_answer(
            "rest-json", 409, "ResourceConflictException", f"Function already exist: {NAME}"
        )

    with other.session(keep=True) as owner:
        fault.inject(other_is_quicker)
        said = f"taken by run {other.run.run_id}"
        with site.session(keep=True) as campaign, pytest.raises(DeploymentError, match=said):
            site.measure(campaign)
        assert kept.function()["Tags"]["pytest-lambda-ml:run"] == other.run.run_id
    assert kept.function()["Tags"]["pytest-lambda-ml:run"] == names.KEPT


def test_a_new_account_that_can_reserve_nothing_keeps_functions_too(
    kept: Kept, package: Package, clients: AwsClients
) -> None:
    """Its quota of 10 is the limit of a function of 10; setting 0 would be refused, or stay."""
    limits = {"ConcurrentExecutions": 2, "UnreservedConcurrentExecutions": 2}
    events = clients.lambda_.meta.events
    events.register(
        "before-call.lambda.GetAccountSettings",
        lambda **_: (SimpleNamespace(status_code=200), {"AccountLimit": limits}),
        unique_id="new",
    )
    calls = record_calls(clients)
    try:
        for _ in range(2):
            kept.run(package)
    finally:
        events.unregister("before-call.lambda.GetAccountSettings", unique_id="new")
    assert ("lambda", "PutFunctionConcurrency") not in calls
    assert calls.count(("lambda", "CreateFunction")) == 1


def test_what_cannot_be_kept_is_deleted(kept: Kept, package: Package) -> None:
    """Nothing stays half-way: neither without a tag nor able to execute."""
    fault = Fault(kept.clients, "sns", "TagResource")
    fault.inject(fault.answer(403, "AccessDenied", "not you"), always=True)
    site = Site(kept.clients, package, kept.folder)
    campaign = site.session(keep=True)
    try:
        with pytest.raises(DeploymentError, match="not you"):
            site.measure(campaign)
        campaign.close()
    finally:
        fault.lift()
    assert site.left() == []
    assert NAME not in str(kept.clients.lambda_.list_functions()["Functions"])
