"""Asynchronous events: SNS deliveries, concurrency, retries, age and the on-failure destination."""

from __future__ import annotations

import json

import pytest
from botocore.exceptions import ClientError
from lambda_account import Account, processes_with, wait_for

ECHO = """
import json
def lambda_handler(event, context):
    print(json.dumps(event))
"""


def subscribe(account: Account, function_arn: str, topic: str) -> str:
    sns = account.client("sns")
    arn = sns.create_topic(Name=topic)["TopicArn"]
    sns.subscribe(TopicArn=arn, Protocol="lambda", Endpoint=function_arn)
    return arn


def test_a_published_message_arrives_in_its_envelope(account: Account) -> None:
    function = account.function(ECHO)
    topic = subscribe(account, function.arn, "enveloped")

    published = account.client("sns").publish(
        TopicArn=topic,
        Message="text",
        Subject="about",
        MessageAttributes={"kind": {"DataType": "String", "StringValue": "test"}},
    )
    function.wait_for_reports(1)

    (record,) = json.loads(function.log()[1])["Records"]
    notification = record["Sns"]
    assert record["EventSource"] == "aws:sns"
    assert notification["MessageId"] == published["MessageId"]
    assert (notification["Message"], notification["Subject"]) == ("text", "about")
    assert notification["TopicArn"] == topic
    assert notification["MessageAttributes"] == {"kind": {"Type": "String", "Value": "test"}}


def test_a_burst_starts_as_many_environments_as_concurrency_is_reserved(account: Account) -> None:
    function = account.function(ECHO, concurrency=3)
    topic = subscribe(account, function.arn, "burst")
    entries = [{"Id": str(number), "Message": str(number)} for number in range(10)]

    assert (
        not account.client("sns")
        .publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
        .get("Failed")
    )

    reports = function.wait_for_reports(10)
    assert sum(report.init_duration_ms is not None for report in reports) == 3
    assert len({report.request_id for report in reports}) == 10


def test_a_failed_event_is_tried_three_times_under_one_request_id(account: Account) -> None:
    url, queue_arn = account.queue("retried")
    function = account.function(
        "def lambda_handler(event, context): raise ValueError(event)",
        asynchronous={"DestinationConfig": {"OnFailure": {"Destination": queue_arn}}},
    )
    request_id = function.send({"sample": 7})

    record = account.wait_for_record(url)

    assert [report.request_id for report in function.reports()] == [request_id] * 3
    assert record["requestContext"] == {
        "requestId": request_id,
        "functionArn": f"{function.arn}:$LATEST",
        "condition": "RetriesExhausted",
        "approximateInvokeCount": 3,
    }
    assert record["requestPayload"] == {"sample": 7}
    assert record["responsePayload"]["errorType"] == "ValueError"


def test_without_retries_a_failed_event_is_given_up_at_once(account: Account) -> None:
    url, queue_arn = account.queue("not-retried")
    function = account.function(
        "def lambda_handler(event, context): raise ValueError(event)",
        asynchronous={
            "MaximumRetryAttempts": 0,
            "DestinationConfig": {"OnFailure": {"Destination": queue_arn}},
        },
    )
    function.send()

    assert account.wait_for_record(url)["requestContext"]["approximateInvokeCount"] == 1
    assert len(function.reports()) == 1


def test_an_event_that_finds_no_concurrency_ages_out(account: Account) -> None:
    """The endpoint of these tests runs retry delays and ages 3,000 times faster."""
    url, queue_arn = account.queue("aged")
    function = account.function(
        ECHO,
        concurrency=0,
        asynchronous={
            "MaximumEventAgeInSeconds": 60,
            "DestinationConfig": {"OnFailure": {"Destination": queue_arn}},
        },
    )
    request_id = function.send({"sample": 8})

    record = account.wait_for_record(url)

    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestContext"]["requestId"] == request_id
    assert record["requestPayload"] == {"sample": 8}
    assert function.log() == []


def test_a_raised_concurrency_lets_waiting_events_run(account: Account) -> None:
    function = account.function(ECHO, concurrency=0)
    function.send("waited")

    account.client("lambda").put_function_concurrency(
        FunctionName=function.name, ReservedConcurrentExecutions=1
    )
    assert len(function.wait_for_reports(1)) == 1


def test_a_synchronous_call_without_concurrency_is_throttled(account: Account) -> None:
    function = account.function(ECHO, concurrency=0)
    with pytest.raises(ClientError, match="TooManyRequestsException"):
        function.call()


def test_put_replaces_and_update_merges_the_asynchronous_settings(account: Account) -> None:
    function = account.function(ECHO, asynchronous={"MaximumRetryAttempts": 1})
    client = account.client("lambda")

    client.update_function_event_invoke_config(
        FunctionName=function.name, MaximumEventAgeInSeconds=90
    )
    merged = client.get_function_event_invoke_config(FunctionName=function.name)
    client.put_function_event_invoke_config(FunctionName=function.name, MaximumRetryAttempts=2)
    replaced = client.get_function_event_invoke_config(FunctionName=function.name)

    assert (merged["MaximumRetryAttempts"], merged["MaximumEventAgeInSeconds"]) == (1, 90)
    assert replaced["MaximumRetryAttempts"] == 2
    assert "MaximumEventAgeInSeconds" not in replaced


def test_logs_go_to_the_group_that_the_function_names(account: Account) -> None:
    functions = [
        account.function(ECHO, LoggingConfig={"LogGroup": "shared-group"}) for _ in range(2)
    ]
    for function in functions:
        function.call(function.name)

    assert [function.log() for function in functions] == [[], []]
    assert len(functions[0].reports("shared-group")) == 2
    configuration = account.client("lambda").get_function_configuration(
        FunctionName=functions[0].name
    )
    assert configuration["LoggingConfig"]["LogGroup"] == "shared-group"


def test_a_changed_function_runs_in_new_environments(account: Account) -> None:
    function = account.function("def lambda_handler(event, context): return 1")
    function.call()
    account.client("lambda").update_function_configuration(
        FunctionName=function.name, MemorySize=1024
    )
    function.call()

    first, second = function.reports()
    assert (first.memory_mb, second.memory_mb) == (512, 1024)
    assert second.init_duration_ms is not None


def test_a_deleted_function_abandons_its_queue_and_leaves_no_process(account: Account) -> None:
    function = account.function(
        "import os, time\n"
        "def lambda_handler(event, context): print('pid', os.getpid(), flush=True); time.sleep(60)",
        concurrency=1,
        LoggingConfig={"LogGroup": "deleted-group"},
        Environment={"Variables": {"MARK": "deleted-function-mark"}},
    )
    for _ in range(3):
        function.send()
    wait_for(lambda: processes_with("deleted-function-mark"))

    account.client("lambda").delete_function(FunctionName=function.name)

    assert processes_with("deleted-function-mark") == []
    assert function.reports("deleted-group") == []
