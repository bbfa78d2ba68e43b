"""What an account has no room for is said in one sentence, before anything is created."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from answers import answer, error_answer, record_calls
from botocore.exceptions import ClientError
from deploy_site import CELL, Site

from pytest_lambda_ml.artifact import Package
from pytest_lambda_ml.aws.preflight import (
    AccountLimits,
    check_access,
    memory_ceiling,
    read_account_limits,
    reservation,
)
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.errors import BackendError, DeploymentError


def account_of(clients: AwsClients, concurrent: int, unreserved: int) -> None:
    """Let the account have these limits; moto's has none."""
    limits = {"ConcurrentExecutions": concurrent, "UnreservedConcurrentExecutions": unreserved}
    clients.lambda_.meta.events.register(
        "before-send.lambda.GetAccountSettings",
        lambda **_: answer(200, json.dumps({"AccountLimit": limits, "AccountUsage": {}})),
    )


def respond(clients: AwsClients, service: str, operation: str, *error: Any) -> None:
    client = clients.client(service)
    model = client.meta.service_model
    client.meta.events.register(
        f"before-send.{model.service_id.hyphenize()}.{operation}",
        lambda **_: error_answer(model.resolved_protocol, *error),
    )


@pytest.mark.parametrize(
    ("concurrent", "unreserved", "wanted", "reserved"),
    [
        (None, None, 50, 50),
        (1000, 1000, 900, 900),
        (1000, 160, 60, 60),
        (10, 10, 10, None),
    ],
)
def test_what_the_account_can_give_is_reserved_or_is_the_limit_itself(
    concurrent: int | None, unreserved: int | None, wanted: int, reserved: int | None
) -> None:
    limits = AccountLimits(concurrent, unreserved)
    assert reservation(limits, replace(CELL, concurrency=wanted), "eu-west-1") == reserved


@pytest.mark.parametrize(
    ("concurrent", "unreserved", "wanted", "advice"),
    [
        (1000, 1000, 901, "up to 900,"),
        (1000, 160, 61, "up to 60,"),
        (10, 10, 20, "10, which needs no reservation,"),
        (10, 10, 4, "10, which needs no reservation,"),
    ],
)
def test_what_it_cannot_give_is_refused_with_advice(
    concurrent: int, unreserved: int, wanted: int, advice: str
) -> None:
    cell = replace(CELL, concurrency=wanted)
    with pytest.raises(DeploymentError) as caught:
        reservation(AccountLimits(concurrent, unreserved), cell, "eu-west-1")
    said = str(caught.value)
    assert f"concurrency {wanted} cannot be reserved in eu-west-1" in said
    assert f"choose --lambda-concurrency {advice}" in said
    assert "L-B99A9384" in said
    assert "\n" not in said


def test_a_small_account_creates_nothing_for_a_cell_that_it_has_no_room_for(
    clients: AwsClients, package: Package, tmp_path: Path
) -> None:
    account_of(clients, 10, 10)
    site = Site(clients, tmp_path)
    calls = record_calls(clients)
    with pytest.raises(DeploymentError, match="concurrency 4 cannot be reserved"):
        site.deploy(package)
    assert calls == [("lambda", "GetAccountSettings")]
    function = site.deploy(package, replace(CELL, concurrency=10))
    assert not function.reserved
    assert ("lambda", "PutFunctionConcurrency") not in calls
    site.tear_down()
    assert site.left() == []


@pytest.mark.parametrize("code", ["AccessDeniedException", "UnknownOperationException", "404"])
def test_who_may_not_ask_for_the_limits_goes_on_without(clients: AwsClients, code: str) -> None:
    respond(clients, "lambda", "GetAccountSettings", 403, code, "no")
    assert read_account_limits(clients) == AccountLimits()


CEILING = (
    "1 validation error detected: Value '5120' at 'memorySize' failed to satisfy constraint: "
    "Member must have value less than or equal to 3008"
)


def test_the_memory_ceiling_of_an_account_is_learned_from_one_refusal(
    clients: AwsClients, package: Package, tmp_path: Path
) -> None:
    respond(
        clients,
        "lambda",
        "CreateFunction",
        400,
        "InvalidParameterValueException",
        "'MemorySize' value failed to satisfy constraint: Member must have value less than or "
        "equal to 3008",
    )
    site = Site(clients, tmp_path)
    calls = record_calls(clients)
    sentence = r"at most 3008 MB in eu-west-1; choose --lambda-memory up to that"
    with pytest.raises(DeploymentError, match=sentence):
        site.deploy(package, replace(CELL, memory_mb=5120))
    assert ("lambda", "CreateFunction") in calls
    calls.clear()
    with pytest.raises(DeploymentError, match=sentence):
        site.deploy(package, replace(CELL, memory_mb=10240))
    assert calls == [], "the second cell asks nobody"


@pytest.mark.parametrize(
    ("code", "message", "ceiling"),
    [
        ("InvalidParameterValueException", CEILING.replace("memorySize", "MemorySize"), 3008),
        ("ValidationException", CEILING, 3008),
        ("InvalidParameterValueException", "Unzipped size must be less than or equal to 1", None),
        ("AccessDenied", CEILING, None),
    ],
)
def test_only_a_refused_memory_size_tells_a_ceiling(
    code: str, message: str, ceiling: int | None
) -> None:
    error = ClientError({"Error": {"Code": code, "Message": message}}, "CreateFunction")
    assert memory_ceiling(error) == ceiling


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidClientTokenId", "SignatureDoesNotMatch"])
def test_credentials_that_aws_does_not_accept_are_one_sentence(
    clients: AwsClients, code: str
) -> None:
    respond(clients, "sts", "GetCallerIdentity", 403, code, "The security token is no good")
    with pytest.raises(BackendError) as caught:
        check_access(clients, "work")
    said = str(caught.value)
    assert said.startswith(f"no valid AWS credentials in profile 'work' ({code}: The security")
    assert "--aws-profile" in said
    assert "\n" not in said


def test_credentials_that_are_accepted_are_asked_once(clients: AwsClients) -> None:
    calls = record_calls(clients)
    check_access(clients)
    check_access(clients)
    assert calls == [("sts", "GetCallerIdentity")]


def test_a_region_where_nothing_answers_is_not_taken_for_bad_credentials() -> None:
    clients = AwsClients("eu-west-1", "http://127.0.0.1:9", dummy_credentials=True)
    with pytest.raises(BackendError, match=r"nothing answers at http://127\.0\.0\.1:9 \(--aws-end"):
        check_access(clients)
