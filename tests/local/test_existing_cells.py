"""A function that exists already, as users have them: destinations, logs, payloads and limits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from campaign_site import Site, configuration
from lambda_account import Account, Function

from pytest_lambda_ml.aws import invoke
from pytest_lambda_ml.aws.message import Message
from pytest_lambda_ml.campaign.payloads import Payloads, payload_text
from pytest_lambda_ml.campaign.session import CampaignSession, CellResult
from pytest_lambda_ml.errors import BackendError, MessageTooLargeError, SettingError
from pytest_lambda_ml.local import Endpoint, start_endpoint
from pytest_lambda_ml.model import Trigger
from pytest_lambda_ml.plugin.existing import read_payloads

ANSWERS = """
    import time

    def lambda_handler(event, context):
        if isinstance(event, dict):
            time.sleep(event.get("sleep", 0))
            assert event.get("legal", True), "as it was told"
        return event
"""
UNTOLD = "an invocation counts as succeeded when its REPORT says nothing else"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    """An endpoint of their own, where the age of events is as long as it says."""
    with start_endpoint() as endpoint:
        yield endpoint


@pytest.fixture(scope="module")
def account(endpoint: Endpoint) -> Account:
    return Account(endpoint.url)


@pytest.fixture
def site(endpoint: Endpoint, tmp_path: Path) -> Site:
    return Site(endpoint, tmp_path, region="eu-west-1")


def measure(
    session: CampaignSession,
    function: Function,
    payloads: Payloads | object,
    invocations: int,
    memory_mb: int | None = None,
    **cell: Any,
) -> CellResult:
    """As `lambda_benchmark` does it."""
    if not isinstance(payloads, Payloads):
        payloads = Payloads((payload_text(payloads),), (1.0,))
    existing = session.look_up(function.name)
    asked = configuration(
        algorithm=function.name,
        engine="existing",
        memory_mb=memory_mb or existing.memory_mb,
        log_format=existing.log_format,
        **cell,
    )
    borrowed = session.borrow(existing, asked, as_it_is=memory_mb is None, messages=invocations)
    try:
        return session.measure_payloads(borrowed, payloads, invocations=invocations)
    finally:
        session.remove(borrowed)


def received(account: Account, url: str) -> list[str]:
    """The conditions of the records in a queue."""
    found: list[str] = []
    while (
        messages := account.client("sqs")
        .receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        .get("Messages")
    ):
        found += [json.loads(m["Body"])["requestContext"]["condition"] for m in messages]
        for message in messages:
            account.client("sqs").delete_message(
                QueueUrl=url, ReceiptHandle=message["ReceiptHandle"]
            )
    return found


def mute(site: Site) -> None:
    """The role of no function may send records, which Lambda checks."""

    def refuse(model: Any, params: dict[str, Any], **_: Any) -> None:
        if b"Destination" in params["body"]:
            said = "The provided execution role does not have permissions to call SendMessage"
            error = {"Code": "InvalidParameterValueException", "Message": said}
            raise ClientError({"Error": error}, model.name)

    event = "before-call.lambda.PutFunctionEventInvokeConfig"
    site.clients.impatient().meta.events.register(event, refuse)


@pytest.mark.parametrize("trigger", ["sns", "async"])
def test_without_records_the_reports_alone_are_counted_and_it_is_said(
    site: Site, account: Account, trigger: str
) -> None:
    function = account.function(ANSWERS)
    mute(site)
    with site.campaign() as session:
        result = measure(session, function, {"n": 1}, 6, memory_mb=256, trigger=trigger)
    assert result.outcomes.succeeded == result.outcomes.published == 6
    assert {each.report.memory_mb for each in result.invocations} == {256}
    notes = " ".join(result.provenance.notes)
    assert UNTOLD in notes
    assert "its role may send nothing to the failure queue" in notes
    assert ("which REPORT belongs to which payload is not known" in notes) == (trigger == "sns")
    assert site.left() == []


def test_where_no_record_comes_what_the_report_says_is_believed_of_failures_too(
    site: Site, account: Account
) -> None:
    function = account.function(ANSWERS, timeout_s=1)
    mute(site)
    payloads = Payloads(('{"sleep": 3}', '{"n": 1}'), (1.0, 2.0))
    with site.campaign() as session:
        result = measure(session, function, payloads, 3, memory_mb=256, trigger="sns", timeout_s=1)
    # SNS wraps the payload, so the function sees an event that is not the payload: it never sleeps.
    assert result.outcomes.succeeded == 3
    with site.campaign() as session:
        result = measure(
            session, function, payloads, 3, memory_mb=256, trigger="async", timeout_s=1
        )
    assert (result.outcomes.timed_out, result.outcomes.succeeded) == (1, 2)


@pytest.mark.parametrize(("trigger", "sized"), [("sns", True), ("async", True), ("async", False)])
def test_its_own_destination_is_its_own(
    site: Site, account: Account, trigger: str, sized: bool
) -> None:
    """A version of ours has ours; as it is, the function reports to its own, as ever."""
    url, arn = account.queue(f"own-{trigger}-{sized}")
    own = {"OnSuccess": {"Destination": arn}, "OnFailure": {"Destination": arn}}
    settings = {"MaximumRetryAttempts": 1, "DestinationConfig": own}
    function = account.function(ANSWERS, asynchronous=settings)
    memory_mb = 256 if sized else None
    with site.campaign() as session:
        result = measure(session, function, {"n": 1}, 4, memory_mb=memory_mb, trigger=trigger)
    assert result.outcomes.succeeded == 4
    notes = " ".join(result.provenance.notes)
    assert ("it is invoked as it is" in notes) is not sized
    assert received(account, url) == ([] if sized else ["Success"] * 4)
    left = account.client("lambda").get_function_event_invoke_config(FunctionName=function.name)
    assert (left["MaximumRetryAttempts"], left["DestinationConfig"]) == (1, own)


@pytest.mark.parametrize("trigger", ["sns", "async", "sync"])
def test_json_logs_in_a_group_of_its_own_are_read_and_stay(
    site: Site, account: Account, trigger: str
) -> None:
    group = f"/ours/{trigger}"
    logging = {"LogFormat": "JSON", "SystemLogLevel": "INFO", "LogGroup": group}
    function = account.function(ANSWERS, LoggingConfig=logging)
    function.call({"before": True})
    with site.campaign() as session:
        result = measure(session, function, {"n": 1}, 4, memory_mb=256, trigger=trigger)
    assert result.outcomes.succeeded == 4
    assert result.figures.warm_count + result.figures.cold_starts == 4
    assert all(each.report.billed_duration_ms for each in result.invocations)
    lines = function.log(group)
    assert sum("platform.report" in line for line in lines) == 5, "the one before is no sample"
    assert site.left() == []


def test_payloads_from_s3_are_sent_by_their_weights(site: Site, account: Account) -> None:
    s3 = site.clients.s3
    location = {"LocationConstraint": "eu-west-1"}
    s3.create_bucket(Bucket="payloads", CreateBucketConfiguration=location)
    s3.put_object(Bucket="payloads", Key="a/wrong.json", Body=b'{"legal": false}')
    function = account.function(ANSWERS)
    weighted = [
        {"payload": "s3://payloads/a/wrong.json", "weight": 1},
        {"payload": {"legal": True}, "weight": 2},
    ]
    payloads = read_payloads(weighted, [], lambda: site.clients)
    with site.campaign() as session:
        result = measure(session, function, payloads, 6, trigger="sync")
    assert (result.outcomes.failed, result.outcomes.succeeded) == (2, 4)
    assert "2 weighted payloads sha256:" in result.provenance.dataset
    one = read_payloads("s3://payloads/a/wrong.json", [], lambda: site.clients)
    assert one.texts == ('{"legal": false}',)
    assert "from s3://payloads/a/wrong.json" in one.description
    with pytest.raises(BackendError, match=r"s3://payloads/none: NoSuchKey"):
        read_payloads("s3://payloads/none", [], lambda: site.clients)
    with pytest.raises(SettingError, match="legal is s3://bucket/key"):
        read_payloads("s3://payloads", [], lambda: site.clients)


def test_who_is_not_let_in_asks_again_and_is_throttled_at_last(
    site: Site, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With room for one at a time, of three requests at a time some are refused now and then."""
    monkeypatch.setattr(invoke, "FIRST_PAUSE_S", 0.05)
    narrow = account.function(ANSWERS, concurrency=1)
    closed = account.function(ANSWERS, concurrency=0)
    with site.campaign() as session:
        result = measure(session, narrow, {"sleep": 0.05}, 6, trigger="sync", concurrency=3)
        refused = measure(session, closed, {}, 3, trigger="sync", concurrency=3)
    assert result.outcomes.succeeded + result.outcomes.throttled == 6
    assert result.outcomes.succeeded >= 3
    assert refused.outcomes.throttled == refused.outcomes.published == 3
    assert [each.report for each in refused.invocations] == [None] * 3


LIMITS: dict[Trigger, int] = {"sns": 262_144, "async": 1_048_576, "sync": 6_291_456}


@pytest.mark.parametrize("trigger", LIMITS)
def test_what_a_trigger_does_not_carry_is_refused_before_anything_is_sent(trigger: Trigger) -> None:
    """Counted in bytes of UTF-8, quotation marks included; who else carries more is said."""
    fits = payload_text("é" * ((LIMITS[trigger] - 2) // 2))
    invoke.check_payloads([Message("00000", fits)], trigger)
    with pytest.raises(MessageTooLargeError, match=f"carries {LIMITS[trigger]:,}") as caught:
        invoke.check_payloads([Message("00001", fits + "é")], trigger)
    assert "sample 00001" in str(caught.value)
    said = str(caught.value).rpartition(f"carries {LIMITS[trigger]:,}")[2]
    others = [other for other in LIMITS if f"trigger={other!r}" in said]
    assert others == [other for other in LIMITS if LIMITS[other] > LIMITS[trigger]]


@pytest.mark.parametrize("trigger", ["sns", "sync"])
def test_the_largest_payload_arrives_and_a_larger_one_leaves_nothing(
    site: Site, account: Account, trigger: Trigger
) -> None:
    function = account.function("def lambda_handler(event, context): return len(str(event))")
    fits = "é" * ((LIMITS[trigger] - 2) // 2)
    with site.campaign() as session:
        result = measure(session, function, fits, 1, memory_mb=256, trigger=trigger)
        assert result.outcomes.succeeded == 1
        with pytest.raises(MessageTooLargeError):
            measure(session, function, fits + "é", 1, memory_mb=256, trigger=trigger)
    assert site.left() == []
