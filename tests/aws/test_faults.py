"""Every API call of a campaign fails once, in every way: the campaign ends right, nothing is left.

The calls go over HTTP to a moto server; what stands in for Lambda there writes the log lines of a
function as soon as SNS delivers to it, so that a campaign takes a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answers import record_calls
from fault_site import (
    CONFLICTS,
    MESSAGES,
    THROTTLED,
    Fault,
    Site,
    impatient_clients,
    lose_answer,
    reset,
)

from pytest_lambda_ml.artifact import Package
from pytest_lambda_ml.aws.names import messages_prefix
from pytest_lambda_ml.aws.publish import MAX_BYTES
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.session import CellResult
from pytest_lambda_ml.errors import BackendError
from pytest_lambda_ml.model import Outcome

# What a campaign calls, in the order of the first time. With a large batch, as it goes through S3.
PATH = (
    ("sts", "GetCallerIdentity"),
    ("lambda", "GetAccountSettings"),
    ("logs", "CreateLogGroup"),
    ("logs", "PutRetentionPolicy"),
    ("sqs", "CreateQueue"),
    ("s3", "CreateBucket"),
    ("s3", "PutBucketTagging"),
    ("iam", "CreateRole"),
    ("iam", "PutRolePolicy"),
    ("s3", "HeadObject"),
    ("s3", "PutObject"),
    ("lambda", "CreateFunction"),
    ("lambda", "GetFunction"),
    ("lambda", "PutFunctionConcurrency"),
    ("lambda", "PutFunctionEventInvokeConfig"),
    ("sns", "CreateTopic"),
    ("lambda", "AddPermission"),
    ("sns", "Subscribe"),
    ("sns", "PublishBatch"),
    ("sqs", "ReceiveMessage"),
    ("logs", "FilterLogEvents"),
    ("sns", "ListSubscriptionsByTopic"),
    ("sns", "Unsubscribe"),
    ("lambda", "DeleteFunction"),
    ("sns", "DeleteTopic"),
    ("logs", "DescribeLogGroups"),
    ("logs", "DeleteLogGroup"),
    ("sqs", "GetQueueUrl"),
    ("sqs", "DeleteQueue"),
    ("s3", "ListObjectsV2"),
    ("s3", "DeleteObjects"),
    ("s3", "DeleteBucket"),
    ("iam", "ListRolePolicies"),
    ("iam", "DeleteRolePolicy"),
    ("iam", "DeleteRole"),
    ("resourcegroupstaggingapi", "GetResources"),
)
SERVICES = tuple(dict.fromkeys(service for service, _ in PATH))


@pytest.fixture(scope="module")
def clients(moto_url: str) -> Iterator[AwsClients]:
    """Clients of one session each would be, shared because making them takes longest."""
    with impatient_clients(moto_url) as clients:
        yield clients


@pytest.fixture(autouse=True)
def fresh_identity(clients: AwsClients) -> None:
    vars(clients).pop("identity", None)


@pytest.fixture
def site(clients: AwsClients, package: Package, tmp_path: Path) -> Site:
    return Site(clients, package, tmp_path)


@pytest.fixture
def fault(clients: AwsClients, request: pytest.FixtureRequest) -> Iterator[Fault]:
    service, operation = request.param
    fault = Fault(clients, service, operation)
    yield fault
    fault.lift()


def every_call(*, of: Any = None) -> pytest.MarkDecorator:
    calls = [call for call in PATH if of is None or call[0] in of]
    return pytest.mark.parametrize("fault", calls, ids=map(".".join, calls), indirect=True)


def check(site: Site, fault: Fault) -> CellResult:
    with site.session() as campaign:
        result = site.measure(campaign)
    assert fault.happened == 1
    assert [item.outcome for item in result.invocations] == [Outcome.SUCCEEDED] * MESSAGES
    assert result.outcomes.accounted_for
    assert site.left() == []
    return result


def test_the_calls_of_a_campaign_are_those_that_fail_below(site: Site) -> None:
    calls = record_calls(site.clients, SERVICES)
    with site.session() as campaign:
        site.measure(campaign)
        bucket = next(
            each["Name"]
            for each in site.clients.s3.list_buckets()["Buckets"]
            if site.run.run_id in each["Name"]
        )
        prefix = messages_prefix(site.run.run_id)
        (claimed,) = site.clients.s3.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]
        assert claimed["Size"] > MAX_BYTES
        calls.remove(("s3", "ListBuckets"))
    assert set(calls) == set(PATH)
    assert site.left() == []


@every_call()
def test_throttled_once(site: Site, fault: Fault) -> None:
    fault.inject(fault.answer(*THROTTLED.get(fault.service, (400, "Throttling", "Rate exceeded"))))
    check(site, fault)


@every_call(of=CONFLICTS)
def test_in_conflict_once(site: Site, fault: Fault) -> None:
    fault.inject(fault.answer(*CONFLICTS[fault.service]))
    check(site, fault)


@every_call()
def test_an_internal_error_once(site: Site, fault: Fault) -> None:
    fault.inject(fault.answer(500, "InternalFailure", "An internal error has occurred"))
    check(site, fault)


@every_call()
def test_a_connection_broken_once(site: Site, fault: Fault) -> None:
    fault.inject(reset)
    check(site, fault)


@every_call()
def test_an_answer_lost_once(site: Site, fault: Fault) -> None:
    """What was carried out is found done when it is asked for again; messages come twice."""
    fault.inject(lose_answer)
    result = check(site, fault)
    twice = [item for item in result.invocations if item.other_reports]
    assert bool(twice) == (fault.operation == "PublishBatch")


@every_call()
def test_refused_for_good(site: Site, fault: Fault) -> None:
    """The campaign says what was refused or does without; once it is allowed, nothing is left."""
    fault.inject(fault.answer(403, "AccessDenied", "not you"), always=True)
    campaign = site.session()
    said = []
    for step in (lambda: site.measure(campaign), campaign.close):
        try:
            step()
        except BackendError as error:
            said.append(str(error))
    assert fault.happened
    does_without = fault.operation in {"GetAccountSettings", "GetResources", "HeadObject"}
    assert does_without or any("AccessDenied" in text and "not you" in text for text in said)
    fault.lift()
    campaign.close()
    assert site.left() == []
