"""What AWS refuses for a while is asked again; what it refuses for good is not."""

from __future__ import annotations

import pytest
from answers import fail_once, record_calls
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.aws.pace import CallWindow, is_control_plane
from pytest_lambda_ml.aws.retry import PATIENCE_S, passes_by_itself
from pytest_lambda_ml.aws.session import AwsClients

NOT_YET = (400, "InvalidParameterValueException", "The role … cannot be assumed by Lambda.")
CONFLICT = (409, "ResourceConflictException", "An update is in progress for resource: x")


class Time:
    """A clock that only sleeping moves."""

    def __init__(self) -> None:
        self.at_s = 1000.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.at_s

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at_s += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def clients(moto_url: str, time: Time) -> AwsClients:
    return AwsClients("eu-west-1", moto_url, dummy_credentials=True, sleep=time.sleep)


@pytest.mark.parametrize(
    ("code", "message", "passes"),
    [
        ("InvalidParameterValueException", "The role cannot be assumed by Lambda.", True),
        (
            "InvalidParameterValueException",
            "role does not have permissions to call SendMessage",
            True,
        ),
        ("InvalidParameterValueException", "Unzipped size must be smaller than …", False),
        ("ResourceConflictException", "The operation cannot be performed: in progress", True),
        ("ResourceConflictException", "Function already exist: x", False),
        ("ResourceConflictException", "The statement id (topic) provided already exists", False),
        ("OperationAborted", "A conflicting conditional operation is currently in progress", True),
        ("ConcurrentModification", "", True),
        ("AccessDeniedException", "update in progress", False),
        ("", "", False),
    ],
)
def test_only_what_passes_by_itself_is_waited_for(code: str, message: str, passes: bool) -> None:
    assert passes_by_itself(code, message) is passes


def test_a_role_that_lambda_has_not_heard_of_and_an_update_under_way_are_waited_for(
    clients: AwsClients, time: Time
) -> None:
    fail_once(clients, "lambda", "ListFunctions", NOT_YET, CONFLICT, CONFLICT)
    calls = record_calls(clients)
    assert clients.lambda_.list_functions()["Functions"] is not None
    assert time.slept == [1.0, 2.0, 4.0]
    assert calls == [("lambda", "ListFunctions")] * 4


def test_patience_ends_after_a_minute_with_what_aws_said(clients: AwsClients, time: Time) -> None:
    fail_once(clients, "lambda", "ListFunctions", *[CONFLICT] * 100)
    with pytest.raises(ClientError, match="An update is in progress"):
        clients.lambda_.list_functions()
    assert PATIENCE_S <= sum(time.slept) < PATIENCE_S + 5
    time.slept.clear()


def test_another_refusal_is_not_repeated(clients: AwsClients, time: Time) -> None:
    fail_once(clients, "iam", "ListRoles", (403, "AccessDenied", "not you"))
    calls = record_calls(clients)
    with pytest.raises(ClientError, match="not you"):
        clients.iam.list_roles()
    assert (time.slept, calls) == ([], [("iam", "ListRoles")])


def test_control_plane_calls_of_all_clients_keep_to_one_pace(moto_url: str, time: Time) -> None:
    """Of 30 calls the first 12 go at once; the others come at 12 a second."""
    clients = AwsClients(
        "eu-west-1",
        moto_url,
        dummy_credentials=True,
        calls_per_second=12,
        now=time.now,
        sleep=time.sleep,
    )
    for _ in range(10):
        clients.iam.list_roles()
        clients.sns.list_topics()
        clients.lambda_.list_functions()
    assert sum(time.slept) == pytest.approx(2), (
        "twelve at once, twelve after a second, the rest after another"
    )
    before = len(time.slept)
    clients.s3.list_buckets()
    clients.sts.get_caller_identity()
    assert len(time.slept) == before, "data and identity are no control plane"


@pytest.mark.parametrize(
    ("service", "operation", "paced"),
    [
        ("lambda", "CreateFunction", True),
        ("lambda", "GetFunction", True),
        ("lambda", "Invoke", False),
        ("sns", "CreateTopic", True),
        ("sns", "PublishBatch", False),
        ("sqs", "ReceiveMessage", False),
        ("logs", "FilterLogEvents", False),
        ("s3", "PutObject", False),
    ],
)
def test_what_counts_as_control_plane(service: str, operation: str, paced: bool) -> None:
    assert is_control_plane(service, operation) is paced


@given(
    pauses=st.lists(st.floats(0, 3), max_size=60),
    per_second=st.integers(1, 20),
)
def test_no_second_ever_has_more_calls_than_it_may(pauses: list[float], per_second: int) -> None:
    time = Time()
    window = CallWindow(per_second, now=time.now, sleep=time.sleep)
    begun_at = []
    for pause in pauses:
        time.at_s += pause
        before = time.at_s
        window.take()
        begun_at.append(time.at_s)
        full = len(begun_at) > per_second and begun_at[-1 - per_second] + 1 > before
        assert (time.at_s > before) is full, "and none waits without need"
    for first, nth in zip(begun_at, begun_at[per_second:], strict=False):
        assert nth - first >= 1 - 1e-9
