"""`pytest-lambda-ml purge`: what a killed run has left is found by tag, and deleted on demand."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.artifact import Package
from pytest_lambda_ml.aws.function import Deployer
from pytest_lambda_ml.aws.inventory import exists, find_by_tag, resource_of_arn
from pytest_lambda_ml.aws.ledger import Kind, Ledger, read_ledger
from pytest_lambda_ml.aws.names import run_prefix
from pytest_lambda_ml.aws.resources import Durable
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.backend import Backend
from pytest_lambda_ml.campaign.clock import SystemClock
from pytest_lambda_ml.campaign.purge import find_leftovers
from pytest_lambda_ml.campaign.purge import purge as purge_run
from pytest_lambda_ml.campaign.site import Site
from pytest_lambda_ml.cli import cli
from pytest_lambda_ml.errors import BackendError
from pytest_lambda_ml.model import Configuration

CELL = Configuration(algorithm="svm", memory_mb=512, concurrency=2, batch_size=10)
DAY_S = 86_400


@dataclass(frozen=True)
class Killed:
    """A run that deployed a function and was killed: nothing was torn down."""

    run_id: str
    ledger: Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".lambda-ml"


@pytest.fixture
def killed(clients: AwsClients, folder: Path, package: Package) -> Callable[..., Killed]:
    def kill(*, days_ago: float = 0.0) -> Killed:
        run_id = token_hex(4)
        path = folder / "runs" / f"20261124T000000Z-{run_id}" / "ledger.jsonl"
        path.parent.mkdir(parents=True)
        ledger = Ledger(
            path, run_id=run_id, region=clients.region, endpoint_url=clients.endpoint_url
        )
        created_s = time.time() - days_ago * DAY_S
        deployer = Deployer(clients, ledger, run_id=run_id, created_at_s=created_s)
        deployer.deploy(deployer.next_name(CELL), package, CELL, messages=2, event_age_s=60)
        ledger.close()
        return Killed(run_id, path)

    return kill


@pytest.fixture
def purge(clients: AwsClients, folder: Path) -> Callable[..., Result]:
    """Run the command where the runs are stored, in the region and at the endpoint of the tests."""

    def run(*arguments: str, place: bool = True, stored: Path | None = None) -> Result:
        where = ["--aws-region", clients.region, "--aws-endpoint-url", clients.endpoint_url]
        directory = ["--dir", str(stored or folder)]
        return CliRunner().invoke(cli, ["purge", *arguments, *(where if place else []), *directory])

    return run


def left(clients: AwsClients, run_id: str) -> list[str]:
    """Everything in the account that bears the run's name."""
    found = [
        *(item["FunctionName"] for item in clients.lambda_.list_functions()["Functions"]),
        *(item["TopicArn"] for item in clients.sns.list_topics()["Topics"]),
        *(item["TopicArn"] for item in clients.sns.list_subscriptions()["Subscriptions"]),
        *clients.sqs.list_queues().get("QueueUrls", []),
        *(item["logGroupName"] for item in clients.logs.describe_log_groups()["logGroups"]),
        *(item["Name"] for item in clients.s3.list_buckets()["Buckets"]),
        *(item["RoleName"] for item in clients.iam.list_roles()["Roles"]),
    ]
    return [name for name in found if run_prefix(run_id) in name]


def test_without_yes_it_only_lists(clients: AwsClients, killed, purge) -> None:
    run = killed()
    before = left(clients, run.run_id)
    got = purge("--run", run.run_id)
    assert got.exit_code == 0
    assert f"run {run.run_id} in eu-west-1, may still be under way" in got.output
    for kind in ("role", "bucket", "queue", "log group", "function", "topic", "subscription"):
        assert f"\n  {kind} " in got.output
    assert "7 resources; nothing was deleted: --yes deletes" in got.output
    assert left(clients, run.run_id) == before


def test_with_yes_everything_of_the_run_goes_and_a_second_time_finds_nothing(
    clients: AwsClients, killed, purge
) -> None:
    run, other = killed(), killed()
    got = purge("--run", run.run_id, "--yes")
    assert got.exit_code == 0, got.output
    assert "7 resources deleted" in got.output
    assert left(clients, run.run_id) == []
    assert read_ledger(run.ledger) == ()
    assert purge("--run", run.run_id, "--yes").output == "nothing is left\n"
    assert len(left(clients, other.run_id)) == 7, "another run is left alone"
    purge("--run", other.run_id, "--yes")


def test_tags_alone_are_enough(clients: AwsClients, killed, purge, tmp_path: Path) -> None:
    """As on another machine: no ledger."""
    run = killed()
    assert purge("--run", run.run_id, "--yes", stored=tmp_path / "elsewhere").exit_code == 0
    assert left(clients, run.run_id) == []


def test_a_log_group_that_came_back_without_a_tag_is_found_by_its_name(
    clients: AwsClients, purge
) -> None:
    """Lambda creates a group that a late line needs."""
    clients.logs.create_log_group(logGroupName="/aws/lambda/plml-0badcafe")
    got = purge("--run", "0badcafe", "--yes")
    assert "1 resource deleted" in got.output
    assert left(clients, "0badcafe") == []


def test_the_ledger_alone_says_where_and_what(clients: AwsClients, killed, purge) -> None:
    run = killed()
    arn = next(name for name in left(clients, run.run_id) if ":sns:" in name)
    clients.sns.untag_resource(ResourceArn=arn, TagKeys=["pytest-lambda-ml:run"])
    assert purge("--run", run.run_id, "--yes", place=False).exit_code == 0
    assert left(clients, run.run_id) == []
    assert read_ledger(run.ledger) == ()


def test_only_what_is_past_its_expiry_goes_with_expired(clients: AwsClients, killed, purge) -> None:
    old, new = killed(days_ago=2), killed()
    got = purge("--expired", "--yes")
    assert got.exit_code == 0, got.output
    assert f"run {old.run_id} in eu-west-1, expired" in got.output
    assert new.run_id not in got.output
    assert left(clients, old.run_id) == []
    assert len(left(clients, new.run_id)) == 7
    purge("--run", new.run_id, "--yes")


def test_what_aws_refuses_is_named_and_the_rest_goes(
    clients: AwsClients, killed, purge, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = killed()

    def refuse(*_: object, **__: object) -> None:
        raise BackendError("delete queue q: AccessDenied")

    from pytest_lambda_ml.aws.removal import Action, perform

    def reluctant(clients: AwsClients, action: Action, resource_id: str) -> None:
        refuse() if action is Action.DELETE_QUEUE else perform(clients, action, resource_id)

    monkeypatch.setattr("pytest_lambda_ml.campaign.teardown.perform", reluctant)
    got = purge("--run", run.run_id, "--yes")
    assert got.exit_code == 1
    assert "AccessDenied" in got.output
    assert [name for name in left(clients, run.run_id) if "failures" not in name] == []
    (entry,) = read_ledger(run.ledger)
    assert entry.kind is Kind.QUEUE
    monkeypatch.undo()
    assert purge("--run", run.run_id, "--yes").exit_code == 0
    assert left(clients, run.run_id) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(("--run", "x", "--expired"), "exclude each other"), ((), "say where to look")],
)
def test_what_is_not_clear_is_refused(purge, arguments, said) -> None:
    got = purge(*arguments, place=False)
    assert got.exit_code == 2
    assert said in got.output


def test_who_has_the_policy_of_a_base_purges_runs_on_it_and_sees_the_others(
    clients: AwsClients, moto_url: str, killed, package: Package, tmp_path: Path
) -> None:
    """runner.json does not reach the roles and buckets that runs without a base create."""
    clients.s3.create_bucket(
        Bucket="a-base", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    clients.iam.create_role(RoleName="base-function", AssumeRolePolicyDocument="{}")
    other = killed()
    path = tmp_path / "ledger.jsonl"
    ledger = Ledger(path, run_id="ba5eba5e", region="eu-west-1", endpoint_url=moto_url)
    durable = Durable(role="base-function", bucket="a-base")
    deployer = Deployer(
        clients, ledger, run_id="ba5eba5e", created_at_s=time.time(), durable=durable
    )
    deployer.deploy(deployer.next_name(CELL), package, CELL, messages=2, event_age_s=60)

    def refuse(params: dict[str, Any], model: Any, **_: Any) -> Any:
        if "a-base" not in params.get("url_path", ""):
            code = "AccessDenied"
            return SimpleNamespace(status_code=403), {"Error": {"Code": code, "Message": "no"}}
        return None

    runner = AwsClients("eu-west-1", moto_url, dummy_credentials=True)
    runner.iam.meta.events.register("before-call.iam.ListRoleTags", refuse)
    runner.iam.meta.events.register("before-call.iam.DeleteRole", refuse)
    runner.s3.meta.events.register("before-call.s3", refuse)
    found = {each.run_id: each for each in find_leftovers(runner, [])}
    assert {"ba5eba5e", other.run_id} <= found.keys()
    kinds = {each.kind for each in found[other.run_id].resources}
    assert {Kind.ROLE, Kind.BUCKET} <= kinds, "named, though they cannot be looked at"
    purge_run(runner, found["ba5eba5e"])
    assert left(clients, "ba5eba5e") == []
    with pytest.raises(BackendError, match=r"delete bucket .*AccessDenied"):
        purge_run(runner, found[other.run_id])
    assert {name.split("/")[-1] for name in left(clients, other.run_id)} == {
        f"plml-{other.run_id}-eu-west-1-123456789012",
        f"plml-{other.run_id}-eu-west-1-function",
    }
    [rest] = find_leftovers(clients, [], other.run_id)
    purge_run(clients, rest)
    keys = [each["Key"] for each in clients.s3.list_objects_v2(Bucket="a-base")["Contents"]]
    assert [key.split("/")[0] for key in keys] == ["packages"], "the base is left as it is"
    for key in keys:
        clients.s3.delete_object(Bucket="a-base", Key=key)
    clients.s3.delete_bucket(Bucket="a-base")
    clients.iam.delete_role(RoleName="base-function")


def test_a_site_says_what_its_ledger_did_not_know_of(
    clients: AwsClients, killed, purge, tmp_path: Path
) -> None:
    """The last thing that a session does."""
    run = killed()
    backend = Backend(
        kind="aws", clients=clients, region="eu-west-1", cpu_enforced="aws", memory_enforced="aws"
    )
    site = Site(
        backend,
        tmp_path / "empty.jsonl",
        run_id=run.run_id,
        created_s=time.time(),
        clock=SystemClock(),
    )
    clients.logs.delete_log_group(logGroupName=f"/aws/lambda/plml-{run.run_id}")
    clients.logs.create_log_group(logGroupName=f"/aws/lambda/plml-{run.run_id}")
    site.clear()
    with pytest.raises(BackendError, match=rf"has left .*purge --run {run.run_id} --yes"):
        site.check_cleared()
    assert not [name for name in left(clients, run.run_id) if "/aws/" in name], (
        "one that came back is deleted"
    )
    purge("--run", run.run_id, "--yes")
    site.check_cleared()


def test_another_projects_things_are_never_ours(clients: AwsClients) -> None:
    """The tag alone is not enough: the name has to be one that runs give."""
    tags = {"pytest-lambda-ml:run": "deadbeef"}
    clients.sqs.create_queue(QueueName="precious", tags=tags)
    assert find_by_tag(clients, "deadbeef") == []
    clients.sqs.delete_queue(QueueUrl=clients.sqs.get_queue_url(QueueName="precious")["QueueUrl"])


@pytest.mark.parametrize(
    ("arn", "kind", "name"),
    [
        ("arn:aws:lambda:eu-west-1:1:function:plml-a-001", Kind.FUNCTION, "plml-a-001"),
        ("arn:aws:lambda:eu-west-1:1:function:plml-a-001:live", Kind.FUNCTION, "plml-a-001"),
        ("arn:aws-cn:sqs:cn-north-1:1:plml-a-failures", Kind.QUEUE, "plml-a-failures"),
        ("arn:aws:s3:::plml-a-1", Kind.BUCKET, "plml-a-1"),
        ("arn:aws:ecr:eu-west-1:1:repository/plml-a", Kind.REPOSITORY, "plml-a"),
        ("arn:aws:logs:eu-west-1:1:log-group:/aws/lambda/plml-a:*", Kind.LOG_GROUP, None),
        ("arn:aws:sns:eu-west-1:1:plml-a-001", Kind.TOPIC, "arn:aws:sns:eu-west-1:1:plml-a-001"),
    ],
)
def test_arns_name_resources(arn: str, kind: Kind, name: str | None) -> None:
    resource = resource_of_arn(arn)
    assert resource is not None
    assert resource.kind is kind
    assert resource.id == (name or "/aws/lambda/plml-a")


@given(st.text(min_size=1).filter(lambda text: not text.startswith("plml-")))
def test_a_name_of_somebody_elses_is_no_resource_of_ours(name: str) -> None:
    assert resource_of_arn(f"arn:aws:sqs:eu-west-1:1:{name}") is None


def test_what_is_not_there_does_not_exist(clients: AwsClients) -> None:
    arn = "arn:aws:sns:eu-west-1:123456789012:plml-none"
    names = {kind: arn if kind in {Kind.TOPIC, Kind.SUBSCRIPTION} else "plml-none" for kind in Kind}
    names[Kind.TASK] = "arn:aws:ecs:eu-west-1:123456789012:task/none/1"
    from pytest_lambda_ml.aws.ledger import Resource

    names |= {
        Kind.SETTINGS: "plml-none?MemorySize=512&Description=",
        Kind.VERSION: "plml-none?Description=plml-0-001",
        Kind.ALIAS: "plml-none:plml-0-001",
        Kind.STATEMENT: "plml-none:plml-0-001/plml-0-001",
    }
    assert [kind for kind, name in names.items() if exists(clients, Resource(kind, name))] == []
