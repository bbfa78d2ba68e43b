"""Whatever fails while a function is borrowed: it is as it was, or it is said what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest
from fault_site import ONCE, Fault, Site, impatient_clients

from pytest_lambda_ml.artifact import Package
from pytest_lambda_ml.aws.ledger import Kind, Ledger
from pytest_lambda_ml.aws.policies import policy_document
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.purge import find_leftovers, purge
from pytest_lambda_ml.errors import BackendError
from pytest_lambda_ml.model import Configuration

PATH = (
    ("lambda", "GetFunctionConfiguration"),
    ("lambda", "UpdateFunctionConfiguration"),
    ("lambda", "PublishVersion"),
    ("lambda", "CreateAlias"),
    ("sns", "CreateTopic"),
    ("lambda", "AddPermission"),
    ("sns", "Subscribe"),
)


@pytest.fixture(scope="module")
def clients(moto_url: str) -> Iterator[AwsClients]:
    with impatient_clients(moto_url) as clients:
        yield clients


@pytest.fixture
def site(clients: AwsClients, package: Package, tmp_path: Path) -> Site:
    return Site(clients, package, tmp_path)


@pytest.fixture
def words(clients: AwsClients, package: Package) -> Iterator[str]:
    """The name of a function that exists already."""
    name = f"words-{token_hex(4)}"
    trust = policy_document("function-trust")
    role = clients.iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    clients.lambda_.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=role,
        Handler="wrapper.lambda_handler",
        Code={"ZipFile": package.zip_path.read_bytes()},
        MemorySize=384,
        Description="counts words",
    )
    yield name
    if name in [each["FunctionName"] for each in clients.lambda_.list_functions()["Functions"]]:
        clients.lambda_.delete_function(FunctionName=name)
    clients.iam.delete_role(RoleName=name)


@pytest.fixture
def fault(clients: AwsClients, request: pytest.FixtureRequest) -> Iterator[Fault]:
    fault = Fault(clients, *request.param)
    yield fault
    fault.lift()


def state(clients: AwsClients, name: str) -> str:
    found = clients.lambda_.get_function_configuration(FunctionName=name)
    versions = clients.lambda_.list_versions_by_function(FunctionName=name)["Versions"]
    aliases = clients.lambda_.list_aliases(FunctionName=name)["Aliases"]
    kept = ("MemorySize", "Description", "Timeout", "CodeSha256")
    told = [{key: found[key] for key in kept}, [v["Version"] for v in versions], aliases]
    return json.dumps(told)


def borrow(site: Site, name: str, session: Any) -> None:
    """As for one cell through a topic, and given back."""
    existing = session.look_up(name)
    cell = Configuration(
        algorithm=name, engine="existing", memory_mb=512, concurrency=1, batch_size=1
    )
    session.remove(session.borrow(existing, cell, as_it_is=False, messages=1))


every_call = pytest.mark.parametrize("fault", PATH, ids=map(".".join, PATH), indirect=True)


@every_call
@pytest.mark.parametrize("how", ONCE)
def test_what_fails_once_is_done_again(
    site: Site, words: str, clients: AwsClients, fault: Fault, how: str
) -> None:
    before = state(clients, words)
    fail, there = ONCE[how](fault), how == "a lost answer" and fault.operation == "CreateAlias"

    def once(request: Any) -> Any:
        if fault.happened == 1:
            return fail(request)
        # In AWS's words: moto has others for an alias that is there already.
        said = (409, "ResourceConflictException", "Alias already exists: x")
        return fault.answer(*said)(request) if there and fault.happened == 2 else None

    fault.inject(once, always=True)
    with site.session() as session:
        borrow(site, words, session)
    assert fault.happened
    assert state(clients, words) == before
    assert site.left() == []


DENIED = (*PATH[1:], ("sqs", "CreateQueue"))


@pytest.mark.parametrize("fault", DENIED, ids=map(".".join, DENIED), indirect=True)
def test_what_is_denied_is_said_and_undone(
    site: Site, words: str, clients: AwsClients, fault: Fault
) -> None:
    before = state(clients, words)
    fault.inject(fault.answer(403, "AccessDeniedException", "not you"), always=True)
    session = site.session()
    lists = {"lambda": "existing-function.json", "sns": "runner.json", "sqs": "runner.json"}
    policy = lists[fault.service].replace(".", r"\.")
    with pytest.raises(BackendError, match=rf"not you\. infra/policies/{policy}") as denied:
        borrow(site, words, session)
    assert f"doctor --aws-region {clients.region} --function {words}`" in str(denied.value)
    fault.lift()
    session.close()
    assert state(clients, words) == before
    assert site.left() == []


@pytest.mark.parametrize("fault", [("lambda", "UpdateFunctionConfiguration")], indirect=True)
def test_where_putting_back_fails_it_says_what_does_it(
    site: Site, words: str, clients: AwsClients, fault: Fault
) -> None:
    """Refused from the second change on: the function bears our mark until somebody purges."""
    before, seen = state(clients, words), []

    def second(request: Any) -> Any:
        seen.append(request)
        if len(seen) > 1:
            return fault.answer(403, "AccessDeniedException", "no more")(request)
        return None

    fault.inject(second, always=True)
    session = site.session()
    with pytest.raises(BackendError, match="no more"):
        borrow(site, words, session)
    with pytest.raises(BackendError) as caught:
        session.close()
    run_id = session.run_id
    assert f"put back settings {words}?MemorySize=384&Description=counts+words" in str(caught.value)
    assert f"pytest-lambda-ml purge --run {run_id} --yes" in str(caught.value)
    assert clients.lambda_.get_function_configuration(FunctionName=words)["MemorySize"] == 512
    again = Site(clients, site.package, site.run.path / "again").session()
    with pytest.raises(BackendError, match=f"purge --run {run_id} --yes"):
        borrow(site, words, again)
    again.close()
    fault.lift()
    [left] = find_leftovers(clients, [Ledger.resume(site.run.path / "ledger.jsonl")], run_id)
    assert Kind.SETTINGS in {each.kind for each in left.resources}
    purge(clients, left)
    assert state(clients, words) == before
    assert site.left() == []


@pytest.mark.parametrize("fault", PATH[2:], ids=map(".".join, PATH[2:]), indirect=True)
def test_where_somebody_deletes_the_function_meanwhile_nothing_is_left(
    site: Site, words: str, clients: AwsClients, fault: Fault
) -> None:
    def delete(request: Any) -> Any:
        clients.lambda_.delete_function(FunctionName=words)

    fault.inject(delete)
    with site.session() as session, suppress(BackendError):  # some calls find nothing amiss yet
        borrow(site, words, session)
    assert fault.happened == 1
    assert site.left() == []
