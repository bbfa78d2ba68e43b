"""What Invoke runs, takes and gives back: versions and aliases, payloads, the response's limit."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError
from lambda_account import Account, Function, processes_with, wait_for

CODE = """
import os
def lambda_handler(event, context):
    return [{number}, os.environ["AWS_LAMBDA_FUNCTION_VERSION"], context.invoked_function_arn]
"""


def archive(source: str) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("index.py", source)
    return content.getvalue()


def two_versions(account: Account, **settings: Any) -> Function:
    """Versions 1 and 2 with code that differs, other code in $LATEST; `live` is version 2."""
    function = account.function(CODE.format(number=1), **settings)
    client = account.client("lambda")
    for number in (2, 3):
        client.publish_version(FunctionName=function.name)
        client.update_function_code(
            FunctionName=function.name, ZipFile=archive(CODE.format(number=number))
        )
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="2")
    return function


def invoke(function: Function, **asked: Any) -> dict[str, Any]:
    return function.account.client("lambda").invoke(**{"FunctionName": function.name} | asked)


def test_the_qualifier_says_which_version_runs_and_is_in_the_invoked_arn(account: Account) -> None:
    function = two_versions(account)
    asked = (None, "$LATEST", "1", "2", "live")

    answers = [invoke(function, **({"Qualifier": each} if each else {})) for each in asked]

    assert [json.loads(answer["Payload"].read()) for answer in answers] == [
        [3, "$LATEST", function.arn],
        [3, "$LATEST", f"{function.arn}:$LATEST"],
        [1, "1", f"{function.arn}:1"],
        [2, "2", f"{function.arn}:2"],
        [2, "2", f"{function.arn}:live"],
    ]
    executed = [answer["ExecutedVersion"] for answer in answers]
    assert executed == ["$LATEST", "$LATEST", "1", "2", "2"]


def test_a_qualifier_may_stand_in_the_name_or_the_arn(account: Account) -> None:
    function = two_versions(account)

    for named in (f"{function.name}:1", f"{function.arn}:1"):
        answer = invoke(function, FunctionName=named)
        assert json.loads(answer["Payload"].read()) == [1, "1", f"{function.arn}:1"]


def test_an_event_runs_the_version_of_its_qualifier(account: Account) -> None:
    function = two_versions(account)

    invoke(function, Qualifier="live", InvocationType="Event")

    function.wait_for_reports(1)
    assert any(line.rstrip().endswith("Version: 2") for line in function.log())


@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
@pytest.mark.parametrize("qualifier", ["7", "unknown"])
def test_a_version_or_alias_that_is_not_there_is_not_found(
    account: Account, qualifier: str, kind: str
) -> None:
    function = account.function(CODE.format(number=1))

    with pytest.raises(ClientError, match=f"{function.arn}:{qualifier}") as error:
        invoke(function, Qualifier=qualifier, InvocationType=kind)

    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert function.log() == []


def test_the_record_of_a_versions_event_names_the_version_once(account: Account) -> None:
    url, queue_arn = account.queue("versioned")
    function = account.function("def lambda_handler(event, context): raise ValueError(event)")
    client = account.client("lambda")
    client.publish_version(FunctionName=function.name)
    client.put_function_event_invoke_config(
        FunctionName=function.name,
        Qualifier="1",
        MaximumRetryAttempts=0,
        DestinationConfig={"OnFailure": {"Destination": queue_arn}},
    )

    invoke(function, Qualifier="1", InvocationType="Event")

    record = account.wait_for_record(url)
    assert record["requestContext"]["functionArn"] == f"{function.arn}:1"
    assert record["responseContext"]["executedVersion"] == "1"


def test_concurrency_reserved_after_publication_holds_for_the_version(account: Account) -> None:
    function = two_versions(account)
    client = account.client("lambda")

    client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        invoke(function, Qualifier="1")
    invoke(function, Qualifier="1", InvocationType="Event")
    client.delete_function_concurrency(FunctionName=function.name)

    assert len(function.wait_for_reports(1)) == 1


def test_versions_end_with_their_function(account: Account) -> None:
    function = two_versions(account, Environment={"Variables": {"MARK": "versions-mark"}})
    for qualifier in ("$LATEST", "1", "2"):
        invoke(function, Qualifier=qualifier)
    wait_for(lambda: len(processes_with("versions-mark")) >= 3)

    account.client("lambda").delete_function(FunctionName=function.name)

    assert processes_with("versions-mark") == []


@pytest.mark.parametrize("kind", ["RequestResponse", "Event"])
@pytest.mark.parametrize(
    "payload",
    [b"{not json", b"Qualifier=1", b"[NaN]", b"[" * 100_000],
    ids=["brace", "query", "NaN", "deep"],
)
def test_a_payload_that_is_not_json_is_refused(account: Account, payload: bytes, kind: str) -> None:
    function = account.function(CODE.format(number=1))

    with pytest.raises(ClientError, match="Could not parse request body into json") as error:
        invoke(function, Payload=payload, InvocationType=kind)

    assert error.value.response["Error"]["Code"] == "InvalidRequestContentException"
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert function.log() == []


def test_a_payload_is_not_taken_for_a_query(account: Account) -> None:
    function = account.function("def lambda_handler(event, context): return event")
    assert function.call("a&Qualifier=7&b")["result"] == "a&Qualifier=7&b"


def test_a_response_may_have_6_291_556_bytes_and_no_more(account: Account) -> None:
    function = account.function("def lambda_handler(event, context): return 'x' * event")

    most, more = (invoke(function, Payload=str(6_291_556 - 2 + each)) for each in (0, 1))

    assert "FunctionError" not in most
    assert len(most["Payload"].read()) == 6_291_556
    assert more["FunctionError"] == "Unhandled"
    assert json.loads(more["Payload"].read())["errorType"] == "Function.ResponseSizeTooLarge"
