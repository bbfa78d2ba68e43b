"""Campaigns whose calls fail when they are told to, on a moto server that plays Lambda's part."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from answers import error_answer
from botocore.awsrequest import AWSPreparedRequest
from botocore.exceptions import ConnectionClosedError
from botocore.httpsession import URLLib3Session
from moto.awslambda.models import LambdaBackend
from moto.logs.models import logs_backends

from pytest_lambda_ml.artifact import Package
from pytest_lambda_ml.aws.ledger import read_ledger
from pytest_lambda_ml.aws.names import log_group_name, run_prefix
from pytest_lambda_ml.aws.publish import MAX_BYTES
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.session import Backend, CampaignSession, CellResult
from pytest_lambda_ml.datasets import Dataset
from pytest_lambda_ml.local.platform_log import end_line, report_line, start_line
from pytest_lambda_ml.model import Configuration
from pytest_lambda_ml.store.run_folder import create_run_folder

MESSAGES = 3
CELL = Configuration(algorithm="tiny", memory_mb=512, concurrency=2, batch_size=1, timeout_s=30)

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


@contextmanager
def impatient_clients(moto_url: str) -> Iterator[AwsClients]:
    """Clients that wait for nothing, at a server whose functions answer at once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(LambdaBackend, "send_sns_message", run_function)
        # botocore waits before it tries again; how long is not what is looked at here.
        patch.setattr("botocore.endpoint.time", SimpleNamespace(sleep=lambda _: None))
        patch.setattr("botocore.retries.bucket.TokenBucket.acquire", lambda *_, **__: True)
        yield AwsClients("eu-west-1", moto_url, dummy_credentials=True, sleep=lambda _: None)


class Site:
    """Campaigns of one test."""

    def __init__(self, clients: AwsClients, package: Package, folder: Path) -> None:
        self.clients = clients
        self.package = package
        self.run = create_run_folder(folder, datetime.now(UTC))

    def session(self, *, keep: bool = False) -> CampaignSession:
        backend = Backend(
            kind="local",
            clients=self.clients,
            region="eu-west-1",
            cpu_enforced=None,
            memory_enforced=None,
            keep=keep,
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


ONCE: dict[str, Callable[[Fault], Callable[[Any], Any]]] = {
    "throttled": lambda fault: fault.answer(
        *THROTTLED.get(fault.service, (400, "Throttling", "Rate exceeded"))
    ),
    "in conflict": lambda fault: fault.answer(*CONFLICTS[fault.service]),
    "a broken connection": lambda _: reset,
    "a lost answer": lambda _: lose_answer,
}
"""What may happen to any call once, and passes by itself."""
