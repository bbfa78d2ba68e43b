"""SnapStart: a published version behind an alias. moto takes no snapshot; requests are recorded."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from answers import record_calls
from deploy_site import CELL, Site, requests_of

from pytest_lambda_ml.artifact import Package, Target
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.errors import DeploymentError

SNAP = replace(CELL, snap_start=True, ephemeral_mb=512)


def test_a_version_is_published_and_its_alias_is_what_topics_and_limits_name(
    clients: AwsClients, package: Package, tmp_path: Path
) -> None:
    site = Site(clients, tmp_path)
    created = requests_of(clients, "lambda", "CreateFunction")
    limited = requests_of(clients, "lambda", "PutFunctionEventInvokeConfig")
    permitted = requests_of(clients, "lambda", "AddPermission")
    subscribed = requests_of(clients, "sns", "Subscribe")
    calls = record_calls(clients)
    function = site.deploy(package, SNAP)
    assert created[0]["SnapStart"] == {"ApplyOn": "PublishedVersions"}
    assert function.arn.endswith(f":function:{function.name}:measured")
    alias = clients.lambda_.get_alias(FunctionName=function.name, Name="measured")
    assert (alias["FunctionVersion"], alias["AliasArn"]) == ("1", function.arn)
    assert [request["Endpoint"] for request in subscribed] == [function.arn]
    assert [request["Qualifier"] for request in limited + permitted] == ["measured"] * 2
    operations = [operation for _, operation in calls]
    published = operations.index("PublishVersion")
    assert "GetFunctionConfiguration" in operations[published:], "until the snapshot is taken"
    assert operations.index("CreateAlias") > published
    site.tear_down()
    assert site.left() == []


def test_without_it_the_function_itself_is_invoked(
    clients: AwsClients, package: Package, tmp_path: Path
) -> None:
    created = requests_of(clients, "lambda", "CreateFunction")
    function = Site(clients, tmp_path).deploy(package)
    assert function.arn.endswith(f":function:{function.name}")
    assert "SnapStart" not in created[0]


@pytest.mark.parametrize(
    ("cell", "target", "why"),
    [
        (replace(SNAP, ephemeral_mb=1024), None, "512 MB of ephemeral storage, and 1024"),
        (SNAP, Target(architecture="arm64", python_version="3.11"), "Python 3.12 or later"),
    ],
)
def test_what_snap_start_does_not_offer_is_refused_before_anything_is_created(
    clients: AwsClients, package: Package, tmp_path: Path, cell, target, why: str
) -> None:
    calls = record_calls(clients)
    with pytest.raises(DeploymentError, match=f"{why}.*leave --lambda-snap-start out"):
        Site(clients, tmp_path).deploy(replace(package, target=target), cell)
    assert calls == []


def test_every_change_is_waited_for_before_the_next(
    clients: AwsClients, package: Package, tmp_path: Path
) -> None:
    """Between two changes of one function there is always a look at whether it has settled."""
    site = Site(clients, tmp_path)
    site.deployer.shared  # noqa: B018  # created now
    calls = record_calls(clients)
    site.deploy(package, SNAP)
    changing = {
        "CreateFunction",
        "PublishVersion",
        "CreateAlias",
        "PutFunctionConcurrency",
        "PutFunctionEventInvokeConfig",
        "AddPermission",
    }
    of_lambda = [operation for service, operation in calls if service == "lambda"]
    made = [operation for operation in of_lambda if operation in changing]
    assert len(made) == len(changing)
    for operation, following in pairwise(of_lambda):
        assert not (operation in changing and following in changing), (operation, following)


def test_json_logs_ask_for_the_reports_of_good_invocations(
    clients: AwsClients, package: Package, tmp_path: Path
) -> None:
    created = requests_of(clients, "lambda", "CreateFunction")
    site = Site(clients, tmp_path)
    site.deploy(package, replace(CELL, log_format="json"))
    assert created[0]["LoggingConfig"] == {
        "LogFormat": "JSON",
        "SystemLogLevel": "INFO",
        "LogGroup": site.deployer.shared.log_group,
    }


def test_the_runtime_is_that_of_the_package(
    clients: AwsClients, package: Package, tmp_path: Path
) -> None:
    created = requests_of(clients, "lambda", "CreateFunction")
    target = Target(architecture="arm64", python_version="3.12")
    Site(clients, tmp_path).deploy(replace(package, target=target))
    assert created[0]["Runtime"] == "python3.12"
