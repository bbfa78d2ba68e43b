"""``--lambda-keep``: a second run finds what the first one left, and deploys nothing twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from campaign_site import LENGTHS, Site, configuration
from click.testing import CliRunner

from pytest_lambda_ml.artifact import Package
from pytest_lambda_ml.aws.session import SERVICES, AwsClients
from pytest_lambda_ml.campaign.session import CampaignSession, CellResult, Progress
from pytest_lambda_ml.cli import cli
from pytest_lambda_ml.local import Endpoint, start_endpoint
from pytest_lambda_ml.model import Configuration, StartType

CELL = configuration()
DEPLOYING = {
    "CreateFunction",
    "UpdateFunctionCode",
    "PutObject",
    "CreateBucket",
    "CreateRole",
}


@dataclass
class Ran:
    """One campaign: its result, what it called, and how often."""

    session: CampaignSession
    results: list[CellResult]
    calls: Counter[str]


class Keeping:
    """Campaigns that keep their functions, each with clients of its own, as in another process."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def run(self, package: Package, *cells: Configuration, keep: bool = True, **more: Any) -> Ran:
        calls: Counter[str] = Counter()
        clients = self.site.clients = AwsClients(
            "us-east-1", self.site.endpoint.url, dummy_credentials=True
        )
        for service in SERVICES:
            clients.client(service).meta.events.register(
                "before-send",
                lambda event_name, **_: calls.update([event_name.rpartition(".")[2]]),
            )
        results = []
        with self.site.campaign(keep=keep, **more) as session:
            for cell in cells or (CELL,):
                function = session.deploy(package, cell, messages=4)
                data = self.site.dataset("a", "bb")
                results.append(session.measure(function, data, invocations=4))
                session.remove(function)
        return Ran(session, results, calls)

    def functions(self) -> list[str]:
        return [name for name in self.site.left() if name.startswith("plml-kept-l")]

    def purge(self, *arguments: str) -> str:
        where = ["--aws-region", "us-east-1", "--aws-endpoint-url", self.site.endpoint.url]
        got = CliRunner().invoke(
            cli, ["purge", *arguments, *where, "--dir", str(self.site.folder / "lambda-ml")]
        )
        assert got.exit_code == 0, got.output
        return got.output


@pytest.fixture(scope="module")
def real_time() -> Iterator[Endpoint]:
    """The endpoint of the other tests lets events age out within milliseconds."""
    with start_endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def keeping(real_time: Endpoint, tmp_path: Path) -> Iterator[Keeping]:
    made = Keeping(Site(real_time, tmp_path))
    yield made
    made.purge("--kept", "--yes")
    assert made.site.left() == []


def of_cell(site: Site) -> dict[str, Any]:
    (name,) = [
        each["FunctionName"]
        for each in site.clients.lambda_.list_functions()["Functions"]
        if each["FunctionName"].startswith("plml-kept-")
    ]
    answer: dict[str, Any] = site.clients.lambda_.get_function(FunctionName=name)
    return answer


def test_a_second_run_deploys_nothing_and_starts_cold(keeping: Keeping) -> None:
    package = keeping.site.package()
    first, second = keeping.run(package), keeping.run(package)
    assert {"CreateFunction", "PutObject", "CreateBucket", "CreateRole"} <= set(first.calls)
    assert not DEPLOYING & set(second.calls), second.calls
    for ran in (first, second):
        (result,) = ran.results
        assert result.outcomes.succeeded == 4
        assert StartType.COLD in {each.start for each in result.invocations}
    names = {ran.results[0].invocations[0].record.function_name for ran in (first, second)}
    assert len(names) == 1
    environments = [
        {each.record.environment_id for each in ran.results[0].invocations}
        for ran in (first, second)
    ]
    assert not environments[0] & environments[1]


def test_what_is_kept_is_said_and_can_do_nothing(keeping: Keeping) -> None:
    ran = keeping.run(keeping.site.package())
    kept = {str(each.kind): each.id for each in ran.session.kept["us-east-1"]}
    assert set(kept) == {"function", "topic", "subscription", "role", "bucket"}
    found = of_cell(keeping.site)
    assert found["Configuration"]["FunctionName"] == kept["function"]
    reserved = keeping.site.clients.lambda_.get_function_concurrency(FunctionName=kept["function"])
    assert reserved["ReservedConcurrentExecutions"] == 0
    assert not found["Configuration"].get("Environment", {}).get("Variables")
    assert found["Tags"]["pytest-lambda-ml:run"] == "kept"
    listed = keeping.purge()
    assert "kept for later runs in us-east-1, expires" in listed
    assert "5 resources; nothing was deleted" in listed
    assert keeping.purge("--expired") == "nothing is left\n"
    assert keeping.purge("--run", ran.session.run_id) == "nothing is left\n"


def test_only_what_differs_is_changed(keeping: Keeping) -> None:
    package = keeping.site.package()
    keeping.run(package)
    more = keeping.run(package, configuration(timeout_s=20))
    assert not DEPLOYING & set(more.calls)
    other = keeping.run(keeping.site.package(LENGTHS + "# changed\n"))
    assert other.calls["UpdateFunctionCode"] == other.calls["PutObject"] == 1
    assert "CreateFunction" not in other.calls
    assert other.results[0].outcomes.succeeded == 4


def test_the_same_cell_again_in_one_run_is_deployed_anew(keeping: Keeping) -> None:
    """Environments of a kept function are cold once in a run."""
    package = keeping.site.package()
    keeping.run(package)
    again = keeping.run(package, CELL, CELL)
    assert again.calls["CreateFunction"] == 1
    names = [result.invocations[0].record.function_name for result in again.results]
    assert [name.startswith("plml-kept-") for name in names] == [True, False]
    assert [result.outcomes.succeeded for result in again.results] == [4, 4]


def test_two_runs_at_the_same_time_do_not_share_a_function(keeping: Keeping) -> None:
    package = keeping.site.package()
    with keeping.site.campaign(keep=True) as one:
        mine = one.deploy(package, CELL, messages=1)
        with keeping.site.campaign(keep=True) as other:
            theirs = other.deploy(package, CELL, messages=1)
            assert theirs.name != mine.name
            assert not theirs.name.startswith("plml-kept-")
            found = other.measure(theirs, keeping.site.dataset("a"), invocations=1)
        assert one.measure(mine, keeping.site.dataset("a"), invocations=1).outcomes.succeeded == 1
    assert found.outcomes.succeeded == 1


def test_an_update_of_an_outdated_revision_is_refused(keeping: Keeping) -> None:
    """Of two that have looked at a function, the second one is told that it has been changed."""
    keeping.run(keeping.site.package())
    found = of_cell(keeping.site)["Configuration"]
    seen = {"FunctionName": found["FunctionName"], "RevisionId": found["RevisionId"]}
    lambda_ = keeping.site.clients.lambda_
    lambda_.update_function_configuration(Description="first", **seen)
    with pytest.raises(ClientError, match="PreconditionFailedException"):
        lambda_.update_function_configuration(Description="second", **seen)
    assert of_cell(keeping.site)["Configuration"]["Description"] == "first"


def test_a_killed_run_s_function_is_purged_by_its_run(keeping: Keeping) -> None:
    package = keeping.site.package()
    keeping.run(package)
    manager = keeping.site.campaign(keep=True)
    killed = manager.__enter__()  # and never left again
    function = killed.deploy(package, CELL, messages=1)
    listed = keeping.purge("--run", killed.run_id)
    assert function.name in listed
    assert function.topic_arn in listed
    keeping.purge("--run", killed.run_id, "--yes")
    assert not [name for name in keeping.site.left() if name.startswith("plml-kept-tiny")]
    again = keeping.run(package)
    assert again.calls["CreateFunction"] == 1


def test_an_interrupted_cell_is_not_kept(keeping: Keeping) -> None:
    """Its queue still holds messages, which would be executed in the next run."""
    slow = LENGTHS.replace("    return [", "    import time; time.sleep(0.7)\n    return [")

    def interrupt(progress: Progress) -> None:
        if progress.received:
            raise KeyboardInterrupt

    def interrupted() -> None:
        with keeping.site.campaign(interrupt, keep=True) as session:
            function = session.deploy(keeping.site.package(slow), CELL, messages=30)
            session.measure(function, keeping.site.dataset("a"), invocations=30)

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    kept = [name for name in keeping.site.left() if name.startswith("plml-kept-tiny")]
    assert kept == []


def test_without_the_option_nothing_stays(keeping: Keeping) -> None:
    ran = keeping.run(keeping.site.package(), keep=False)
    assert ran.session.kept == {}
    assert keeping.site.left() == []
