"""Messages too large for SNS: what is published says where the batch is, and the batch is there."""

from __future__ import annotations

import hashlib
import json
from secrets import token_hex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lambda_ml.aws.claim import check_in, too_large
from pytest_lambda_ml.aws.message import Message
from pytest_lambda_ml.aws.names import messages_prefix
from pytest_lambda_ml.aws.publish import MAX_BYTES, check_sizes
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.errors import PublishError


def message(sample_id: str, batch: list[str]) -> Message:
    text = {"run_id": "c0ffee00", "sample_id": sample_id, "batch": batch}
    return Message(sample_id, json.dumps(text, ensure_ascii=False))


@pytest.fixture
def bucket(clients: AwsClients) -> str:
    name = f"claims-{token_hex(4)}"
    clients.s3.create_bucket(
        Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    return name


def test_what_fits_stays_and_what_does_not_is_found_where_the_message_says(
    clients: AwsClients, bucket: str
) -> None:
    small, large = message("00000", ["a"]), message("00001", ["ü" * 100_000, "\u2028"] * 2)
    assert not too_large([small])
    assert too_large([small, large])
    first, second = check_in(clients, bucket, "c0ffee00", [small, large])
    assert first is small
    check_sizes([second], batch_size=4)
    text = json.loads(second.text)
    assert (second.sample_id, text["sample_id"], text["run_id"]) == ("00001", "00001", "c0ffee00")
    assert "batch" not in text
    claim = text["batch_s3"]
    assert claim["key"].startswith(messages_prefix("c0ffee00"))
    body = clients.s3.get_object(Bucket=claim["bucket"], Key=claim["key"])["Body"].read()
    assert hashlib.sha256(body).hexdigest() == claim["sha256"]
    assert json.loads(body) == ["ü" * 100_000, "\u2028"] * 2


def test_equal_batches_are_one_object(clients: AwsClients, bucket: str) -> None:
    large = [message(f"{number:05d}", ["x" * MAX_BYTES]) for number in range(5)]
    claims = check_in(clients, bucket, "c0ffee00", large)
    assert len({json.loads(claim.text)["batch_s3"]["key"] for claim in claims}) == 1
    assert len(clients.s3.list_objects_v2(Bucket=bucket)["Contents"]) == 1
    assert [claim.sample_id for claim in claims] == [each.sample_id for each in large]


def test_a_bucket_that_is_not_there_is_named(clients: AwsClients) -> None:
    with pytest.raises(PublishError, match=r"s3://nobody-has-this.*NoSuchBucket"):
        check_in(clients, "nobody-has-this", "c0ffee00", [message("00000", ["x" * MAX_BYTES])])


@settings(max_examples=25)
@given(size=st.integers(MAX_BYTES - 80, MAX_BYTES + 5))
def test_the_limit_is_that_of_sns_to_the_byte(size: int) -> None:
    one = message("00000", [""])
    padded = message("00000", ["x" * (size - one.size_bytes)])
    assert padded.size_bytes == size
    assert too_large([padded]) is (size > MAX_BYTES)
