"""What only AWS can show. Each test is a whole campaign; all together cost a few cents."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from secrets import token_hex

import pytest
from botocore.exceptions import ClientError
from live_site import LiveSite, cell

from pytest_lambda_ml.aws.names import KEPT
from pytest_lambda_ml.aws.policies import policy_document
from pytest_lambda_ml.aws.preflight import read_account_limits
from pytest_lambda_ml.aws.resources import Durable
from pytest_lambda_ml.campaign.purge import find_leftovers, purge
from pytest_lambda_ml.model import Outcome, StartType


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_a_campaign_is_accounted_for_and_its_bills_add_up(live: LiveSite, log_format: str) -> None:
    configuration = cell(log_format=log_format)
    with live.campaign() as campaign:
        function = campaign.deploy(live.package(), configuration, messages=20)
        result = campaign.measure(function, live.dataset("good"), invocations=20)
    assert result.outcomes.succeeded == 20
    assert result.outcomes.accounted_for
    starts = Counter(item.start for item in result.invocations)
    assert starts[StartType.COLD] >= 1
    assert starts[StartType.COLD] + starts[StartType.WARM] + starts[StartType.PRE_INITIALISED] == 20
    for invocation in result.invocations:
        report = invocation.report
        assert report is not None
        assert report.duration_ms is not None
        assert report.billed_duration_ms is not None
        assert report.memory_mb == 128
        billed = math.ceil(report.duration_ms + (report.init_duration_ms or 0))
        assert abs(report.billed_duration_ms - billed) <= 1
    assert result.figures.cost_total.total_usd > 0


def test_bad_ends_are_told_by_their_evidence(live: LiveSite) -> None:
    orders = {
        "raise": Outcome.FAILED,
        "exit": Outcome.FAILED,
        "sleep 30": Outcome.TIMED_OUT,
        "fill": Outcome.OUT_OF_MEMORY,
        "good": Outcome.SUCCEEDED,
    }
    with live.campaign() as campaign:
        function = campaign.deploy(live.package(), cell(timeout_s=5), messages=len(orders))
        result = campaign.measure(function, live.dataset(*orders), invocations=len(orders))
    found = dict(zip(orders, (item.outcome for item in result.invocations), strict=True))
    assert found == orders


def test_a_batch_too_large_for_sns_arrives_through_s3(live: LiveSite) -> None:
    with live.campaign() as campaign:
        function = campaign.deploy(live.package(), cell(batch_size=300, memory_mb=512), messages=3)
        result = campaign.measure(function, live.dataset("x" * 1000), invocations=3)
    assert result.outcomes.succeeded == 3
    records = [item.record for item in result.invocations]
    assert all(record and record.batch_size == 300 for record in records)
    assert all(record and record.fetching_ms for record in records)


def test_a_prepared_role_and_bucket_are_used_again(live: LiveSite) -> None:
    clients, name = live.clients, f"plml-live-{token_hex(4)}"
    partition, account = clients.identity
    location = {"CreateBucketConfiguration": {"LocationConstraint": live.region}}
    clients.s3.create_bucket(Bucket=name, **({} if live.region == "us-east-1" else location))
    clients.iam.create_role(
        RoleName=name, AssumeRolePolicyDocument=policy_document("function-trust")
    )
    try:
        document = policy_document(
            "function",
            partition=partition,
            region=live.region,
            account=account,
            run="*",
            bucket=name,
        )
        clients.iam.put_role_policy(RoleName=name, PolicyName="f", PolicyDocument=document)
        dates = []
        for _ in range(2):
            with live.campaign(Durable(role=name, bucket=name)) as campaign:
                function = campaign.deploy(live.package(), cell(), messages=3)
                result = campaign.measure(function, live.dataset("good"), invocations=3)
            assert result.outcomes.succeeded == 3
            (item,) = clients.s3.list_objects_v2(Bucket=name)["Contents"]
            dates.append(item["LastModified"])
        assert dates[0] == dates[1], "the package was uploaded once"
    finally:
        for item in clients.s3.list_objects_v2(Bucket=name).get("Contents", ()):
            clients.s3.delete_object(Bucket=name, Key=item["Key"])
        clients.s3.delete_bucket(Bucket=name)
        for policy in clients.iam.list_role_policies(RoleName=name)["PolicyNames"]:
            clients.iam.delete_role_policy(RoleName=name, PolicyName=policy)
        clients.iam.delete_role(RoleName=name)


def test_a_kept_function_is_found_by_the_next_run_and_given_to_one(live: LiveSite) -> None:
    """Others that the account keeps stay, and what they need."""
    lambda_ = live.clients.lambda_
    calls: list[str] = []
    lambda_.meta.events.register("before-send", lambda event_name, **_: calls.append(event_name))
    names: set[str] = set()
    try:
        for _ in range(2):
            calls.clear()
            with live.campaign(keep=True) as campaign:
                function = campaign.deploy(live.package(), cell(), messages=3)
                names.add(function.name)
                result = campaign.measure(function, live.dataset("good"), invocations=3)
            assert result.outcomes.succeeded == 3
            assert StartType.COLD in {item.start for item in result.invocations}
        (name,) = names
        assert not [each for each in calls if "CreateFunction" in each or "FunctionCode" in each]
        before = lambda_.get_function(FunctionName=name)["Configuration"]
        assert not before.get("Environment", {}).get("Variables")
        if live.endpoint_url is None:
            seen = {"FunctionName": name, "RevisionId": before["RevisionId"]}
            lambda_.update_function_configuration(Description="claimed", **seen)
            lambda_.get_waiter("function_updated_v2").wait(FunctionName=name)
            with pytest.raises(ClientError, match="PreconditionFailedException"):
                lambda_.update_function_configuration(Description="too late", **seen)
    finally:
        kept = find_leftovers(live.clients, [], KEPT)
        own = [each for each in kept if {item.id for item in each.resources} & names]
        for each in kept if len(kept) == len(own) + 1 else own:
            purge(live.clients, each)


def test_the_account_tells_its_concurrency(on_aws: LiveSite) -> None:
    limits = read_account_limits(on_aws.clients)
    assert limits.concurrent_executions
    assert limits.unreserved is not None
    assert limits.unreserved <= limits.concurrent_executions


def test_arm64_runs_what_was_built_for_it(on_aws: LiveSite) -> None:
    """With a distribution of compiled code, so that wheels of another machine would not load."""
    package = on_aws.package(
        architecture="arm64", requirements="numpy>=2\n", imports="import numpy\n"
    )
    with on_aws.campaign() as campaign:
        function = campaign.deploy(package, cell(architecture="arm64"), messages=3)
        found = on_aws.clients.lambda_.get_function_configuration(FunctionName=function.name)
        result = campaign.measure(function, on_aws.dataset("good"), invocations=3)
    assert found["Architectures"] == ["arm64"]
    assert result.outcomes.succeeded == 3
    assert result.provenance.architecture == "arm64"


def test_snap_start_restores_and_its_cost_is_on_the_bill(on_aws: LiveSite) -> None:
    configuration = cell(snap_start=True, memory_mb=512)
    with on_aws.campaign() as campaign:
        function = campaign.deploy(on_aws.package(), configuration, messages=10)
        result = campaign.measure(function, on_aws.dataset("good"), invocations=10)
    assert function.arn.endswith(":measured")
    assert result.outcomes.succeeded == 10
    cold = [item for item in result.invocations if item.start is StartType.COLD]
    assert cold
    assert all(item.report and item.report.restore_duration_ms for item in cold)
    assert all(item.record and item.record.function_version == "1" for item in cold)
    environments = {item.record.environment_id for item in result.invocations if item.record}
    assert len(environments) == result.figures.environments
    assert result.figures.cost_total.snap_start_usd != 0


def test_an_image_runs_as_a_zip_does(on_aws: LiveSite) -> None:
    package = on_aws.package(settings='package = "image"\n')
    assert package.kind == "image"
    with on_aws.campaign() as campaign:
        function = campaign.deploy(package, replace(cell(), timeout_s=60), messages=4)
        found = on_aws.clients.lambda_.get_function(FunctionName=function.name)
        result = campaign.measure(function, on_aws.dataset("good"), invocations=4)
    assert found["Configuration"]["CodeSha256"] == package.code_sha256
    assert result.outcomes.succeeded == 4


def test_events_that_aged_out_leave_a_record(on_aws: LiveSite) -> None:
    """One environment, 14 s a message, and the age of one message, 60 s: takes some minutes."""
    configuration = cell(concurrency=1, timeout_s=15)
    with on_aws.campaign() as campaign:
        function = campaign.deploy(on_aws.package(), configuration, messages=1)
        result = campaign.measure(function, on_aws.dataset("sleep 14"), invocations=12)
    assert result.outcomes.accounted_for
    assert result.outcomes.missing == 0
    assert result.outcomes.throttled >= 1
    aged = [item for item in result.invocations if item.outcome is Outcome.THROTTLED]
    assert {item.failure.condition for item in aged if item.failure} == {"EventAgeExceeded"}


def test_the_run_file_says_that_it_was_aws(on_aws: LiveSite) -> None:
    with on_aws.campaign() as campaign:
        function = campaign.deploy(on_aws.package(), cell(), messages=1)
        result = campaign.measure(function, on_aws.dataset("good"), invocations=1)
    stored = json.loads((campaign.run_dir / "run.json").read_text(encoding="utf-8"))
    assert (stored["backend"], stored["region"]) == ("aws", on_aws.region)
    assert stored["endpoint_url"] is None
    assert result.provenance.cpu_enforced == result.provenance.memory_enforced == "aws"
