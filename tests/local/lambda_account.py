"""An account on a local endpoint, into which tests deploy functions as any user of AWS does."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from textwrap import dedent
from typing import Any

import boto3

from pytest_lambda_ml.measure.report_line import parse_report
from pytest_lambda_ml.model import Report

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Function:
    """A deployed function and what a test wants to know of it."""

    account: Account
    name: str
    arn: str

    def call(self, payload: object = None) -> dict[str, Any]:
        """Invoke and wait: payload, error flag, and the tail of the log."""
        answer = self.account.client("lambda").invoke(
            FunctionName=self.name, Payload=json.dumps(payload), LogType="Tail"
        )
        return {
            "result": json.loads(answer["Payload"].read()),
            "error": answer.get("FunctionError"),
        }

    def send(self, payload: object = None) -> str:
        """Invoke asynchronously; the request id."""
        answer = self.account.client("lambda").invoke(
            FunctionName=self.name, InvocationType="Event", Payload=json.dumps(payload)
        )
        return answer["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]

    def log(self, group: str | None = None) -> list[str]:
        """All messages of its log group so far, in order."""
        client = self.account.client("logs")
        try:
            pages = client.get_paginator("filter_log_events").paginate(
                logGroupName=group or f"/aws/lambda/{self.name}"
            )
            return [event["message"] for page in pages for event in page["events"]]
        except client.exceptions.ResourceNotFoundException:
            return []

    def reports(self, group: str | None = None) -> list[Report]:
        """Its REPORT lines so far."""
        return [report for line in self.log(group) if (report := parse_report(line))]

    def wait_for_reports(self, number: int) -> list[Report]:
        """Its REPORT lines, when there are so many."""
        return wait_for(lambda: found if len(found := self.reports()) >= number else None)


def wait_for(condition: Callable[[], Any]) -> Any:
    """What the condition returns as soon as that is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
    return found


def processes_with(mark: str) -> list[int]:
    """Processes of this machine that have a variable with this value in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (folder / "environ").read_bytes():
                found.append(int(folder.name))
        except OSError:
            continue
    return found


class Account:
    """Deploys functions into an endpoint."""

    def __init__(self, endpoint_url: str) -> None:
        self.endpoint_url = endpoint_url
        self._numbers = count(1)
        self._clients: dict[str, Any] = {}
        self._role = self.client("iam").create_role(RoleName="role", AssumeRolePolicyDocument="{}")[
            "Role"
        ]["Arn"]

    def client(self, service: str) -> Any:
        """A client as any user of AWS would make it."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                region_name="eu-west-1",
                endpoint_url=self.endpoint_url,
                aws_access_key_id="testing",
                aws_secret_access_key="testing",
            )
        return self._clients[service]

    def function(
        self,
        source: str,
        *,
        memory_mb: int = 512,
        timeout_s: int = 30,
        concurrency: int | None = None,
        asynchronous: dict[str, Any] | None = None,
        **settings: Any,
    ) -> Function:
        """Deploy a function whose module defines `lambda_handler`."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("index.py", dedent(source))
        name = f"function-{next(self._numbers)}"
        created = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=self._role,
            Handler="index.lambda_handler",
            Code={"ZipFile": archive.getvalue()},
            MemorySize=memory_mb,
            Timeout=timeout_s,
            **settings,
        )
        if concurrency is not None:
            self.client("lambda").put_function_concurrency(
                FunctionName=name, ReservedConcurrentExecutions=concurrency
            )
        if asynchronous is not None:
            self.client("lambda").put_function_event_invoke_config(
                FunctionName=name, **asynchronous
            )
        return Function(self, name, created["FunctionArn"])

    def queue(self, name: str) -> tuple[str, str]:
        """A new SQS queue: URL and ARN."""
        url = self.client("sqs").create_queue(QueueName=name)["QueueUrl"]
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=url, AttributeNames=["QueueArn"]
        )
        return url, attributes["Attributes"]["QueueArn"]

    def wait_for_record(self, url: str) -> dict[str, Any]:
        """The next record in a queue."""
        messages = wait_for(
            lambda: self.client("sqs").receive_message(QueueUrl=url).get("Messages")
        )
        return json.loads(messages[0]["Body"])
