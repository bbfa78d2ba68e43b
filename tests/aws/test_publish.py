"""Publishing: few calls, within both limits, and every message known by its fate."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.aws.message import Message
from pytest_lambda_ml.aws.publish import MAX_BYTES, check_sizes, partition, publish
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.errors import MessageTooLargeError, PublishError
from pytest_lambda_ml.model import PublishedMessage

TOPIC = "arn:aws:sns:eu-west-1:123456789012:topic"


def messages(count: int, size: int = 10) -> list[Message]:
    return [Message(f"{index:05d}", "x" * size) for index in range(count)]


@given(
    sizes=st.lists(st.integers(0, 100), max_size=60),
    max_entries=st.integers(1, 10),
)
def test_a_partition_keeps_all_in_order_within_both_limits(
    sizes: list[int], max_entries: int
) -> None:
    items = [Message(f"{index:05d}", "x" * size) for index, size in enumerate(sizes)]
    calls = partition(items, max_bytes=100, max_entries=max_entries)
    assert [message for call in calls for message in call] == items
    for call in calls:
        assert 1 <= len(call) <= max_entries
        assert sum(message.size_bytes for message in call) <= 100
    for call, following in pairwise(calls):
        full = sum(message.size_bytes for message in call) + following[0].size_bytes > 100
        assert full or len(call) == max_entries, "no call is sent before it is full"


def test_bytes_are_counted_in_utf_8() -> None:
    assert len(partition([Message("0", "ç" * 60), Message("1", "ç" * 60)], max_bytes=200)) == 2


def test_a_message_too_large_for_sns_is_named_with_its_batch_size_and_the_limit() -> None:
    fits = Message("00000", "x" * MAX_BYTES)
    check_sizes([fits], batch_size=5000)
    with pytest.raises(MessageTooLargeError, match=r"batch of 5000 .*262,145 bytes.*262,144"):
        check_sizes([fits, Message("00001", "x" * (MAX_BYTES + 1))], batch_size=5000)


def test_published_messages_arrive_under_the_ids_that_are_returned(clients: AwsClients) -> None:
    topic = clients.sns.create_topic(Name="publish")["TopicArn"]
    queue = clients.sqs.create_queue(QueueName="publish")["QueueUrl"]
    clients.sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=clients.arn("sqs", "publish"))
    sent = [Message(f"{index:05d}", f"text {index} ç") for index in range(23)]
    calls = list(publish(clients.sns, topic, sent, now=lambda: 5.5, sleep=no_sleep))
    assert [len(call) for call in calls] == [10, 10, 3]
    accepted = [message for call in calls for message in call]
    assert [message.sample_id for message in accepted] == [item.sample_id for item in sent]
    assert {message.published_at_ms for message in accepted} == {5500}
    received: dict[str, str] = {}
    while batch := clients.sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        for body in (json.loads(message["Body"]) for message in batch):
            received[body["MessageId"]] = body["Message"]
    texts = {item.sample_id: item.text for item in sent}
    assert received == {item.message_id: texts[item.sample_id] for item in accepted}


def entries(*numbers: int) -> list[dict[str, str]]:
    return [{"Id": f"{number:05d}", "Message": "x" * 10} for number in numbers]


def accepted_entry(number: int) -> dict[str, str]:
    return {"Id": f"{number:05d}", "MessageId": f"sns-{number}"}


def failed_entry(number: int, *, sender_fault: bool) -> dict[str, Any]:
    return {
        "Id": f"{number:05d}",
        "Code": "InternalError",
        "Message": "try later",
        "SenderFault": sender_fault,
    }


@pytest.fixture
def stub(clients: AwsClients) -> Any:
    """No server has partial failures on request: these answers are written by hand."""
    with Stubber(clients.sns) as stub:
        yield stub


def expect(stub: Any, asked: list[dict[str, str]], accepted: list[Any], failed: list[Any]) -> None:
    stub.add_response(
        "publish_batch",
        {"Successful": accepted, "Failed": failed},
        {"TopicArn": TOPIC, "PublishBatchRequestEntries": asked},
    )


def test_what_failed_in_a_successful_call_is_sent_again_alone(
    clients: AwsClients, stub: Any
) -> None:
    slept: list[float] = []
    expect(
        stub,
        entries(0, 1, 2),
        [accepted_entry(0)],
        [failed_entry(1, sender_fault=False), failed_entry(2, sender_fault=False)],
    )
    expect(stub, entries(1, 2), [accepted_entry(2)], [failed_entry(1, sender_fault=False)])
    expect(stub, entries(1), [accepted_entry(1)], [])
    calls = publish(clients.sns, TOPIC, messages(3), now=lambda: 1.0, sleep=slept.append)
    assert [message for call in calls for message in call] == [
        PublishedMessage("00000", "sns-0", 1000),
        PublishedMessage("00002", "sns-2", 1000),
        PublishedMessage("00001", "sns-1", 1000),
    ]
    assert slept == [0.5, 1.0]
    stub.assert_no_pending_responses()


def test_what_sns_refuses_for_good_is_named_after_the_rest_is_known(
    clients: AwsClients, stub: Any
) -> None:
    expect(stub, entries(0, 1), [accepted_entry(0)], [failed_entry(1, sender_fault=True)])
    calls = publish(clients.sns, TOPIC, messages(2), now=lambda: 1.0, sleep=no_sleep)
    assert [message.sample_id for message in next(calls)] == ["00000"]
    with pytest.raises(PublishError, match="did not take sample 00001: InternalError: try later"):
        next(calls)


def test_a_topic_that_does_not_exist_is_a_publish_error(clients: AwsClients) -> None:
    with pytest.raises(PublishError, match="NotFound"):
        list(publish(clients.sns, f"{TOPIC}-none", messages(1), now=lambda: 0.0, sleep=no_sleep))


def no_sleep(_: float) -> None:
    raise AssertionError("nothing failed, so there is nothing to wait for")
