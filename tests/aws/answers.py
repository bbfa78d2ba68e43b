"""Answers in AWS's own wire formats: what no server gives on request."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.awsrequest import AWSResponse

from pytest_lambda_ml.aws.session import SERVICES, AwsClients


class _Body:
    """The body of an answer, read as urllib3's."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content


def error_answer(protocol: str, status: int, code: str, message: str) -> AWSResponse:
    """An error as a service of this protocol words it."""
    headers = {"x-amzn-requestid": "made-for-a-test"}
    if protocol == "json":
        body = json.dumps({"__type": code, "message": message})
    elif protocol == "rest-json":
        headers["x-amzn-errortype"] = code
        body = json.dumps({"message": message})
    else:
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        body = error if protocol == "rest-xml" else f"<ErrorResponse>{error}</ErrorResponse>"
    return answer(status, body, headers)


def answer(status: int, body: str, headers: Mapping[str, str] | None = None) -> AWSResponse:
    return AWSResponse("http://made-for-a-test/", status, dict(headers or {}), _Body(body.encode()))


def fail_once(
    clients: AwsClients, service: str, operation: str, *errors: tuple[int, str, str]
) -> None:
    """Answer the next calls of an operation with these errors (status, code, message)."""
    client = clients.client(service)
    protocol = client.meta.service_model.resolved_protocol
    left = [error_answer(protocol, *error) for error in errors]
    client.meta.events.register(
        f"before-send.{client.meta.service_model.service_id.hyphenize()}.{operation}",
        lambda **_: left.pop(0) if left else None,
    )


def record_calls(clients: AwsClients, services: Sequence[str] = SERVICES) -> list[tuple[str, str]]:
    """A list that every call from now on is added to: (service, operation), attempts apart."""
    calls: list[tuple[str, str]] = []
    for service in services:
        clients.client(service).meta.events.register(
            "before-send",
            lambda event_name, service=service, **_: calls.append(
                (service, event_name.rpartition(".")[2])
            ),
        )
    return calls
