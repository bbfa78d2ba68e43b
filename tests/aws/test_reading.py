"""Reading logs and failures: each once, all pages, whatever the page size."""

from __future__ import annotations

import json
from secrets import token_hex
from typing import Any

import pytest

from pytest_lambda_ml.aws.failures import FailureReceiver
from pytest_lambda_ml.aws.logs import LogPoller
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.errors import BackendError

NOW_MS = 1_795_000_000_000


class Group:
    """A log group that a test writes to."""

    def __init__(self, clients: AwsClients) -> None:
        self.name = f"group-{token_hex(4)}"
        self._logs = clients.logs
        self._logs.create_log_group(logGroupName=self.name)
        self._streams: set[str] = set()

    def put(self, *messages: str, stream: str = "stream", at_ms: int = NOW_MS) -> None:
        if stream not in self._streams:
            self._streams.add(stream)
            self._logs.create_log_stream(logGroupName=self.name, logStreamName=stream)
        self._logs.put_log_events(
            logGroupName=self.name,
            logStreamName=stream,
            logEvents=[{"timestamp": at_ms, "message": message} for message in messages],
        )


@pytest.fixture
def group(clients: AwsClients) -> Group:
    return Group(clients)


def texts(poller: LogPoller) -> list[str]:
    return [event.message for event in poller.poll()]


def test_every_event_is_given_once_late_ones_too(clients: AwsClients, group: Group) -> None:
    poller = LogPoller(clients, group.name)
    assert texts(poller) == []
    group.put("a", "b", stream="one", at_ms=NOW_MS)
    assert texts(poller) == ["a", "b"]
    group.put("late", stream="two", at_ms=NOW_MS - 500_000)
    assert texts(poller) == ["late"]
    assert texts(poller) == []


def test_the_next_cell_reads_on_from_where_the_last_one_was(
    clients: AwsClients, group: Group
) -> None:
    poller = LogPoller(clients, group.name)
    group.put("first", at_ms=NOW_MS)
    assert texts(poller) == ["first"]
    sent: list[dict[str, Any]] = []
    clients.logs.meta.events.register(
        "provide-client-params.cloudwatch-logs.FilterLogEvents",
        lambda params, **_: sent.append(params),
    )
    poller.begin()
    group.put("clocks differ", stream="other host", at_ms=NOW_MS - 3_000)
    group.put("of long ago", stream="old", at_ms=NOW_MS - 60_000)
    assert texts(poller) == ["clocks differ"]
    assert [item["startTime"] for item in sent] == [NOW_MS - 10_000]


def test_pages_are_followed_to_the_last_even_when_empty(clients: AwsClients, group: Group) -> None:
    group.put(*(f"line {number}" for number in range(25)))

    def small_pages(params: dict[str, Any], **_: Any) -> None:
        params["limit"] = 4

    clients.logs.meta.events.register(
        "provide-client-params.cloudwatch-logs.FilterLogEvents", small_pages
    )
    pages: list[int] = []

    def empty_the_second(parsed: dict[str, Any], **_: Any) -> None:
        pages.append(len(parsed["events"]))
        if len(pages) == 2:
            parsed["events"] = []

    clients.logs.meta.events.register(
        "after-call.cloudwatch-logs.FilterLogEvents", empty_the_second
    )
    poller = LogPoller(clients, group.name)
    assert len(texts(poller)) == 21
    assert len(pages) >= 7
    assert len(texts(poller)) == 4, "what a page held back comes with a later poll"


def test_a_group_that_is_gone_is_an_error_with_its_name(clients: AwsClients) -> None:
    with pytest.raises(BackendError, match="reading log group nowhere: ResourceNotFound"):
        LogPoller(clients, "nowhere").poll()


def failure_body(sample_id: str) -> str:
    message = json.dumps({"run_id": "run", "sample_id": sample_id, "batch": []})
    return json.dumps(
        {
            "version": "1.0",
            "requestContext": {
                "requestId": f"request-{sample_id}",
                "functionArn": "arn:aws:lambda:eu-west-1:1:function:name:$LATEST",
                "condition": "EventAgeExceeded",
                "approximateInvokeCount": 0,
            },
            "requestPayload": {"Records": [{"Sns": {"MessageId": "m", "Message": message}}]},
        }
    )


def test_failures_are_received_in_full_and_once(clients: AwsClients) -> None:
    queue = clients.sqs.create_queue(QueueName=f"queue-{token_hex(4)}")["QueueUrl"]
    for number in range(23):
        clients.sqs.send_message(QueueUrl=queue, MessageBody=failure_body(f"{number:05d}"))
    clients.sqs.send_message(QueueUrl=queue, MessageBody="of somebody else")
    receiver = FailureReceiver(clients, queue)
    records = receiver.poll()
    assert sorted(record.sample_id or "" for record in records) == [
        f"{number:05d}" for number in range(23)
    ]
    assert {(record.run_id, record.condition) for record in records} == {
        ("run", "EventAgeExceeded")
    }
    assert receiver.poll() == []
    attributes = clients.sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])
    counts = attributes["Attributes"]
    assert counts["ApproximateNumberOfMessages"] == "0"
    assert counts["ApproximateNumberOfMessagesNotVisible"] == "0"


def test_events_without_an_id_are_told_apart_by_their_content(
    clients: AwsClients, group: Group
) -> None:
    """AWS gives every event an id; an endpoint of another make may not."""

    def forget_ids(parsed: dict[str, Any], **_: Any) -> None:
        for event in parsed["events"]:
            event.pop("eventId")

    hook = "after-call.cloudwatch-logs.FilterLogEvents"
    clients.logs.meta.events.register(hook, forget_ids)
    poller = LogPoller(clients, group.name)
    group.put("one", "two")
    assert texts(poller) == ["one", "two"]
    assert texts(poller) == []
