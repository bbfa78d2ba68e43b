"""The wrapper's log records and Lambda's on-failure records, whole, wrapped and damaged."""

from __future__ import annotations

import json
from dataclasses import asdict, fields

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.measure.record import (
    parse_failure_record,
    parse_record,
    parse_success_record,
)
from pytest_lambda_ml.model import FailureRecord, InvocationRecord, StartRecord, SuccessRecord

STARTED = StartRecord(
    run_id="run-1",
    sample_id="00017",
    sns_message_id="95df01b4",
    request_id="3604209a",
    environment_id="env-1",
)
ENDED = InvocationRecord(
    schema_version=1,
    run_id="run-1",
    sample_id="00017",
    sns_message_id="95df01b4",
    request_id="3604209a",
    environment_id="env-1",
    function_name="svm-reference-512",
    function_version="$LATEST",
    memory_mb=512,
    cold=True,
    initialization_started_at_ms=1_800_000_000_000.0,
    initialization_ended_at_ms=1_800_000_000_250.0,
    initialization_ms=250.0,
    processing_started_at_ms=1_800_000_000_250.0,
    processing_ended_at_ms=1_800_000_000_251.5,
    processing_ms=1.5,
    batch_size=100,
    cpu_count=2,
    cpu_model="Intel(R) Xeon(R)",
    output_digest="sha256:abc",
    cpu_time_ms=1.25,
    runtime_start_ms=40.0,
    imports_ms=812.5,
    weights="random-init",
    figures={"tokens": 256, "tokens_per_s": 17.5, "note": "greedy", "absent": None},
    error_type="ValueError",
    error_message="no such label: é\n",
)
REQUIRED = {
    "schema_version",
    "run_id",
    "sample_id",
    "request_id",
    "environment_id",
    "function_name",
    "function_version",
    "memory_mb",
    "cold",
    "batch_size",
}
OPTIONAL = {field.name for field in fields(InvocationRecord)} - REQUIRED


def line_of(record, **changes):
    kind = "start" if isinstance(record, StartRecord) else "invocation"
    return json.dumps(
        {"type": f"pytest_lambda_ml.{kind}", "schema_version": 1} | asdict(record) | changes
    )


@pytest.mark.parametrize("record", [STARTED, ENDED], ids=["start", "invocation"])
class TestBoth:
    def test_a_line_reads_back_equal(self, record):
        assert parse_record(line_of(record)) == record
        assert parse_record(f"  {line_of(record)}\r\n") == record

    def test_lambdas_json_log_format_wraps_the_line(self, record):
        for message in (line_of(record), line_of(record) + "\n", json.loads(line_of(record))):
            wrapped = {"timestamp": "2026-01-31T12:02:08Z", "level": "INFO", "message": message}
            assert parse_record(json.dumps(wrapped)) == record
            again = {"level": "INFO", "message": json.dumps(wrapped)}
            assert parse_record(json.dumps(again)) == record

    def test_newer_schemas_and_unknown_keys_are_read_as_far_as_they_go(self, record):
        message = line_of(record, schema_version=99, unheard_of={"a": [1]})
        found = parse_record(message)
        assert found.request_id == record.request_id
        assert found.sample_id == record.sample_id

    @pytest.mark.parametrize("odd", [None, 7, [], {}, True])
    @pytest.mark.parametrize("key", ["run_id", "sample_id", "request_id", "environment_id"])
    def test_a_required_field_of_another_type_makes_it_no_record(self, record, key, odd):
        assert parse_record(line_of(record, **{key: odd})) is None

    def test_a_message_without_an_sns_id(self, record):
        assert parse_record(line_of(record, sns_message_id=None)).sns_message_id is None
        assert parse_record(line_of(record, sns_message_id=5)).sns_message_id is None

    def test_damaged_lines_are_no_records(self, record):
        line = line_of(record)
        assert parse_record(line[:-1]) is None
        assert parse_record(line + line) is None
        assert parse_record("my log: " + line) is None
        assert parse_record(line.replace("pytest_lambda_ml.", "pytest_lambda_ml.x")) is None


@pytest.mark.parametrize("key", sorted(REQUIRED))
def test_a_missing_required_field_makes_it_no_record(key):
    whole = json.loads(line_of(ENDED))
    del whole[key]
    assert parse_record(json.dumps(whole)) is None


@pytest.mark.parametrize("key", sorted(OPTIONAL))
def test_an_optional_field_of_another_type_counts_as_absent(key):
    expected = {} if key == "figures" else None
    for odd in ([1], True):
        found = parse_record(line_of(ENDED, **{key: odd}))
        assert found is not None
        assert getattr(found, key) == expected


@pytest.mark.parametrize(
    ("key", "odd"),
    [
        ("memory_mb", "512"),
        ("memory_mb", 0.5),
        ("memory_mb", True),
        ("cold", 1),
        ("batch_size", -1),
    ],
)
def test_a_required_value_that_cannot_be(key, odd):
    assert parse_record(line_of(ENDED, **{key: odd})) is None


def test_figures_keep_numbers_and_words_only():
    figures = {"n": 1, "x": 2.5, "w": "a", "none": None, "b": True, "l": [1], "nan": float("nan")}
    found = parse_record(line_of(ENDED, figures=figures))
    assert found.figures == {"n": 1, "x": 2.5, "w": "a", "none": None}


@pytest.mark.parametrize(
    "message",
    [
        "",
        "pytest_lambda_ml.start",
        "REPORT RequestId: 1\tDuration: 1.00 ms\t\n",
        '{"level":"INFO","message":"pytest_lambda_ml.start"}',
        '{"type":["pytest_lambda_ml.start"]}',
        '{"type":"pytest_lambda_ml.start"}',
        '["pytest_lambda_ml.invocation"]',
        '"pytest_lambda_ml.invocation"',
        '{"message":' * 100_000 + '"pytest_lambda_ml.start"',
    ],
)
def test_other_lines_are_no_records(message):
    assert parse_record(message) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=6,
)


@given(st.text())
def test_nothing_raises_on_any_text(text):
    for message in (text, f"pytest_lambda_ml.{text}", f'{{"type":"pytest_lambda_ml.start"{text}'):
        assert parse_record(message) is None
        assert parse_failure_record(message) is None


@given(st.sampled_from(["start", "invocation"]), st.data())
def test_nothing_raises_on_fields_of_any_type(kind, data):
    names = data.draw(st.lists(st.sampled_from(sorted(REQUIRED | OPTIONAL)), max_size=4))
    changes = {name: data.draw(json_values) for name in names}
    found = parse_record(line_of(STARTED if kind == "start" else ENDED, **changes))
    assert isinstance(found, StartRecord | InvocationRecord | None)


def failure_body(**changes):
    message = json.dumps({"run_id": "run-1", "sample_id": "00017", "batch": ["text"]})
    body = {
        "version": "1.0",
        "timestamp": "2026-01-31T12:02:08.123Z",
        "requestContext": {
            "requestId": "3604209a",
            "functionArn": "arn:aws:lambda:eu-west-1:123456789012:function:svm-512:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 1,
        },
        "requestPayload": {
            "Records": [
                {"EventSource": "aws:sns", "Sns": {"MessageId": "95df01b4", "Message": message}}
            ]
        },
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
        "responsePayload": {"errorMessage": "exit status 1", "errorType": "Runtime.ExitError"},
    }
    return json.dumps(body | changes)


class TestFailureRecord:
    def test_exhausted_retries(self):
        assert parse_failure_record(failure_body()) == FailureRecord(
            request_id="3604209a",
            function_name="svm-512",
            condition="RetriesExhausted",
            run_id="run-1",
            sample_id="00017",
            error_type="Runtime.ExitError",
            error_message="exit status 1",
            sns_message_id="95df01b4",
        )

    def test_an_event_that_aged_out_has_no_response(self):
        body = json.loads(failure_body())
        body["requestContext"]["condition"] = "EventAgeExceeded"
        del body["responseContext"], body["responsePayload"]
        assert parse_failure_record(json.dumps(body)) == FailureRecord(
            request_id="3604209a",
            function_name="svm-512",
            condition="EventAgeExceeded",
            run_id="run-1",
            sample_id="00017",
            sns_message_id="95df01b4",
        )

    def test_a_success_is_no_failure(self):
        body = json.loads(failure_body())
        body["requestContext"]["condition"] = "Success"
        assert parse_failure_record(json.dumps(body)) is None
        assert parse_success_record(json.dumps(body)) == SuccessRecord(
            request_id="3604209a", sns_message_id="95df01b4"
        )
        assert parse_success_record(failure_body()) is None

    @pytest.mark.parametrize(
        ("arn", "name"),
        [
            ("arn:aws:lambda:eu-west-1:123456789012:function:svm-512", "svm-512"),
            ("arn:aws:lambda:eu-west-1:123456789012:function:svm-512:7", "svm-512"),
            ("arn:aws-cn:lambda:cn-north-1:123456789012:function:svm-512:live", "svm-512"),
            ("svm-512", "svm-512"),
        ],
    )
    def test_the_function_name_is_that_of_the_arn(self, arn, name):
        context = {"requestId": "1", "functionArn": arn, "condition": "RetriesExhausted"}
        assert parse_failure_record(failure_body(requestContext=context)).function_name == name

    @pytest.mark.parametrize(
        "payload",
        [
            None,
            "text",
            [],
            {},
            {"Records": []},
            {"Records": [3]},
            {"Records": [{"Sns": {"Message": "no json"}}]},
            {"Records": [{"Sns": {"Message": "[1]"}}]},
            {"Records": [{"Sns": {"Message": '{"run_id": 3, "sample_id": null}'}}]},
        ],
    )
    def test_an_event_that_is_not_ours_has_no_run_and_sample(self, payload):
        found = parse_failure_record(failure_body(requestPayload=payload))
        assert (found.run_id, found.sample_id) == (None, None)
        assert found.request_id == "3604209a"

    @pytest.mark.parametrize("key", ["requestId", "functionArn", "condition"])
    def test_without_its_context_it_is_no_record(self, key):
        body = json.loads(failure_body())
        del body["requestContext"][key]
        assert parse_failure_record(json.dumps(body)) is None

    @pytest.mark.parametrize("body", ["", "{}", "[]", "null", "[" * 200_000])
    def test_other_messages(self, body):
        assert parse_failure_record(body) is None

    @given(st.dictionaries(st.sampled_from(sorted(json.loads(failure_body()))), json_values))
    def test_nothing_raises_on_parts_of_any_shape(self, changes):
        assert isinstance(parse_failure_record(failure_body(**changes)), FailureRecord | None)
