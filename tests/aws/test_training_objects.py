"""What functions train on lies in a bucket, and does not outlive them, however a session ends."""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex

import pytest
from deploy_site import CELL, Site
from whole_campaign import campaign, cell, lengths_package

from pytest_lambda_ml.aws.ledger import Kind
from pytest_lambda_ml.aws.names import KEPT, OBJECTS_OF_RUNS
from pytest_lambda_ml.aws.removal import Action, perform
from pytest_lambda_ml.aws.resources import Durable
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.purge import find_ledgers, find_leftovers, purge
from pytest_lambda_ml.campaign.training import staged
from pytest_lambda_ml.datasets import Dataset, load_dataset

REGION = "eu-west-1"


@pytest.fixture
def clients(moto_url: str) -> AwsClients:
    return AwsClients(REGION, moto_url, dummy_credentials=True)


@pytest.fixture
def labelled(tmp_path: Path) -> Dataset:
    path = tmp_path / "emotions.csv"
    path.write_text("Emotion,Text\njoy,a\nfear,b\n", encoding="utf-8")
    return load_dataset("emotion", str(path), tmp_path)


@pytest.fixture
def bucket(clients: AwsClients):
    """A bucket that is there before the session and after it."""
    name = f"base-{token_hex(4)}"
    location = {"LocationConstraint": REGION}
    clients.s3.create_bucket(Bucket=name, CreateBucketConfiguration=location)
    clients.s3.put_object(Bucket=name, Key="training/other-run/shards/000", Body=b"[]")
    yield name
    perform(clients, Action.DELETE_BUCKET, name)


def keys(clients: AwsClients, bucket: str) -> list[str]:
    listed = clients.s3.list_objects_v2(Bucket=bucket, Prefix="training/").get("Contents", ())
    return [each["Key"] for each in listed]


def test_they_go_with_the_function(
    clients: AwsClients, bucket: str, labelled: Dataset, tmp_path: Path
) -> None:
    with campaign(clients, tmp_path, durable=Durable(bucket=bucket)) as session:
        function = session.deploy(lengths_package(tmp_path), cell(), messages=2)
        work = staged(session, function, labelled, rounds=1)
        assert f'"bucket": "{bucket}"' in work.items[0]
        prefix = f"training/{session.run_id}/{function.name}/shards"
        assert keys(clients, bucket)[:2] == [f"{prefix}/000", f"{prefix}/001"]
        clients.s3.put_object(Bucket=bucket, Key=f"{prefix[:-6]}rounds/1", Body=b"of a function")
        session.remove(function)
        assert keys(clients, bucket) == ["training/other-run/shards/000"]


def test_they_go_from_a_function_that_stays(
    clients: AwsClients, bucket: str, labelled: Dataset, tmp_path: Path
) -> None:
    with campaign(clients, tmp_path, durable=Durable(bucket=bucket), keep=True) as session:
        function = session.deploy(lengths_package(tmp_path), cell(), messages=2)
        staged(session, function, labelled, rounds=1)
        session.remove(function)
        assert keys(clients, bucket) == ["training/other-run/shards/000"]
    assert function.name in [
        each["FunctionName"] for each in clients.lambda_.list_functions()["Functions"]
    ]
    for left in find_leftovers(clients, [], KEPT):
        purge(clients, left)


def test_of_a_killed_session_purge_deletes_them(
    clients: AwsClients, bucket: str, labelled: Dataset, tmp_path: Path
) -> None:
    """Killed while it writes: the ledger knows what may be there before anything is."""

    class Killed(BaseException):
        pass

    def kill(model: object, **_: object) -> None:
        if len(keys(clients, bucket)) == 2:
            raise Killed

    manager = campaign(clients, tmp_path, durable=Durable(bucket=bucket))
    session = manager.__enter__()
    function = session.deploy(lengths_package(tmp_path), cell(), messages=2)
    clients.s3.meta.events.register("before-call.s3.PutObject", kill)
    with pytest.raises(Killed):
        staged(session, function, labelled, rounds=1)
    clients.s3.meta.events.unregister("before-call.s3.PutObject", kill)
    assert len(keys(clients, bucket)) == 2

    found = find_ledgers(tmp_path / "lambda-ml", session.run_id)
    [left] = find_leftovers(clients, found, session.run_id)
    assert [each.id for each in left.resources if each.kind is Kind.OBJECTS] == [
        f"{bucket}/training/{session.run_id}/{function.name}/"
    ]
    purge(clients, left)
    assert keys(clients, bucket) == ["training/other-run/shards/000"]
    assert find_leftovers(clients, [], session.run_id) == []


def test_a_bucket_that_is_kept_forgets_after_a_day_what_belongs_to_one_run(
    clients: AwsClients, tmp_path: Path
) -> None:
    site = Site(clients, tmp_path, keep=True)
    function = site.deploy(lengths_package(tmp_path), CELL)
    bucket = site.deployer.shared.bucket
    rules = clients.s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    told = {each["Filter"]["Prefix"]: each["Expiration"]["Days"] for each in rules}
    assert told == dict.fromkeys(OBJECTS_OF_RUNS, 1)
    site.deployer.keeper.let_go(function.name)
    site.tear_down()
    for left in find_leftovers(clients, [], KEPT):
        purge(clients, left)
