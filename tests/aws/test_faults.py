"""Every API call of a campaign fails once, in every way: the campaign ends right, nothing is left.

The calls go over HTTP to a moto server; what stands in for Lambda there writes the log lines of a
function as soon as SNS delivers to it, so that a campaign takes a fraction of a second.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from answers import error_answer, record_calls
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session
from moto.awslambda.models import LambdaBackend
from moto.logs.models import logs_backends

from pytest_lambda_ml.artifact import Package
from pytest_lambda_ml.aws.claim import messages_prefix
from pytest_lambda_ml.aws.ledger import read_ledger
from pytest_lambda_ml.aws.names import log_group_name, run_prefix
from pytest_lambda_ml.aws.publish import MAX_BYTES
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.session import Backend, CampaignSession, CellResult
from pytest_lambda_ml.datasets import Dataset
from pytest_lambda_ml.errors import BackendError
from pytest_lambda_ml.local.platform_log import end_line, report_line, start_line
from pytest_lambda_ml.model import Configuration, Outcome
from pytest_lambda_ml.store.run_folder import create_run_folder

MESSAGES = 3
CELL = Configuration(algorithm="tiny", memory_mb=512, concurrency=2, batch_size=1, timeout_s=30)

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

THROTTLED = {
    "lambda": (429, "TooManyRequestsException", "Rate exceeded"),
    "s3": (503, "SlowDown", "Please reduce your request rate."),
}
CONFLICTS = {
    "lambda": (409, "ResourceConflictException", "An update is in progress for resource: x"),
    "s3": (409, "OperationAborted", "A conflicting conditional operation is in progress"),
    "iam": (409, "ConcurrentModification", "The request was rejected: try again"),
    "logs": (400, "OperationAbortedException", "Multiple requests were in conflict"),
    "sns": (400, "ConcurrentAccess", "Resource is accessed by another request"),
}
"""By service: those that have no such error are left out."""


class Time:
    """A clock that only sleeping moves: nothing waits for real."""

    def __init__(self) -> None:
        self.at_s = datetime.now(UTC).timestamp()

    def now(self) -> float:
        return self.at_s

    def sleep(self, seconds: float) -> None:
        self.at_s += max(seconds, 0.0)


def run_function(backend: LambdaBackend, function_name: str, message: str, **_: Any) -> None:
    """What the platform and the wrapper log of a good invocation."""
    content, request_id = json.loads(message), str(uuid.uuid4())
    group = log_group_name(content["run_id"])
    identity = {
        "schema_version": 1,
        "run_id": content["run_id"],
        "sample_id": content["sample_id"],
        "sns_message_id": None,
        "request_id": request_id,
        "environment_id": "e",
    }
    record = {
        **identity,
        "type": "pytest_lambda_ml.invocation",
        "function_name": function_name,
        "function_version": "$LATEST",
        "memory_mb": CELL.memory_mb,
        "cold": False,
        "batch_size": 1,
    }
    lines = [
        start_line(request_id, "$LATEST"),
        json.dumps({**identity, "type": "pytest_lambda_ml.start"}),
        json.dumps(record),
        end_line(request_id),
        report_line(
            request_id,
            duration_ms=10.5,
            init_duration_ms=None,
            memory_mb=CELL.memory_mb,
            max_memory_mb=60,
        ),
    ]
    logs = logs_backends[backend.account_id][backend.region_name]
    stream = request_id
    logs.create_log_stream(group, stream)
    at_ms = round(datetime.now(UTC).timestamp() * 1000)
    logs.put_log_events(group, stream, [{"timestamp": at_ms, "message": line} for line in lines])


@pytest.fixture(scope="module")
def clients(moto_url: str) -> Iterator[AwsClients]:
    """Clients of one session each would be, shared because making them takes longest."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LambdaBackend, "send_sns_message", run_function)
        # botocore waits before it tries again; how long is not what is looked at here.
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
        patch.setattr("botocore.retries.bucket.TokenBucket.acquire", lambda *_, **__: True)
        yield AwsClients("eu-west-1", moto_url, dummy_credentials=True, sleep=lambda _: None)


@pytest.fixture(autouse=True)
def fresh_identity(clients: AwsClients) -> None:
    vars(clients).pop("identity", None)


class Site:
    """Campaigns of one test."""

    def __init__(self, clients: AwsClients, package: Package, folder: Path) -> None:
        self.clients = clients
        self.package = package
        self.run = create_run_folder(folder, datetime.now(UTC))

    def session(self) -> CampaignSession:
        backend = Backend(
            kind="local",
            clients=self.clients,
            region="eu-west-1",
            cpu_enforced=None,
            memory_enforced=None,
        )
        return CampaignSession(
            backend=backend, run_dir=self.run.path, run_id=self.run.run_id, clock=Time()
        )

    def measure(self, campaign: CampaignSession) -> CellResult:
        """Two small messages and one that goes through S3."""
        items = ("a", "b", "x" * MAX_BYTES)
        dataset = Dataset(
            kind="emotion",
            items=items,
            labels=None,
            path=self.run.path,
            sha256="0" * 64,
            description="made for a test",
        )
        function = campaign.deploy(self.package, CELL, messages=MESSAGES)
        result = campaign.measure(function, dataset, invocations=MESSAGES)
        campaign.remove(function)
        return result

    def left(self) -> list[str]:
        """What the ledger still has, and what an account shows under the run's name."""
        clients, prefix = self.clients, run_prefix(self.run.run_id)
        found = [
            *(item["FunctionName"] for item in clients.lambda_.list_functions()["Functions"]),
            *(item["TopicArn"] for item in clients.sns.list_topics()["Topics"]),
            *(item["TopicArn"] for item in clients.sns.list_subscriptions()["Subscriptions"]),
            *clients.sqs.list_queues().get("QueueUrls", []),
            *(item["logGroupName"] for item in clients.logs.describe_log_groups()["logGroups"]),
            *(item["Name"] for item in clients.s3.list_buckets()["Buckets"]),
            *(item["RoleName"] for item in clients.iam.list_roles()["Roles"]),
        ]
        ledger = [item.id for item in read_ledger(self.run.path / "ledger.jsonl")]
        return ledger + [name for name in found if prefix in name]


@pytest.fixture
def site(clients: AwsClients, package: Package, tmp_path: Path) -> Site:
    return Site(clients, package, tmp_path)


class Fault:
    """Lets the first call of an operation fail, and no other."""

    def __init__(self, clients: AwsClients, service: str, operation: str) -> None:
        self.service, self.operation = service, operation
        self.happened = 0
        self._client = clients.client(service)
        model = self._client.meta.service_model
        self._protocol = model.resolved_protocol
        self._event = f"before-send.{model.service_id.hyphenize()}.{operation}"

    def inject(self, fault: Callable[[AWSPreparedRequest], Any], *, always: bool = False) -> None:
        def before_send(request: AWSPreparedRequest, **_: Any) -> Any:
            if self.happened and not always:
                return None
            self.happened += 1
            return fault(request)

        self._client.meta.events.register(self._event, before_send, unique_id="fault")

    def lift(self) -> None:
        self._client.meta.events.unregister(self._event, unique_id="fault")

    def answer(self, status: int, code: str, message: str) -> Callable[[Any], Any]:
        return lambda _: error_answer(self._protocol, status, code, message)


def reset(request: AWSPreparedRequest) -> Any:
    """The connection breaks before the call arrives."""
    raise ConnectionClosedError(endpoint_url=request.url)


def lose_answer(request: AWSPreparedRequest) -> Any:
    """The call arrives and is carried out; its answer does not come back."""
    URLLib3Session().send(request)
    raise ConnectionClosedError(endpoint_url=request.url)


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
