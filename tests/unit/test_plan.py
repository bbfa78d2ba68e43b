from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.campaign.plan import (
    batch,
    event_age_s,
    parallel_invocations,
    plan_messages,
)
from pytest_lambda_ml.model import Configuration

ITEMS = ("a", "b", "ç")


def configuration(*, memory_mb: int = 1769, concurrency: int = 10) -> Configuration:
    return Configuration(
        algorithm="svm", memory_mb=memory_mb, concurrency=concurrency, batch_size=2
    )


def test_batches_wrap_around_the_data_set() -> None:
    messages = plan_messages(ITEMS, run_id="run", batch_size=2, invocations=3)
    assert [json.loads(message.text) for message in messages] == [
        {"run_id": "run", "sample_id": "00000", "batch": ["a", "b"]},
        {"run_id": "run", "sample_id": "00001", "batch": ["ç", "a"]},
        {"run_id": "run", "sample_id": "00002", "batch": ["b", "ç"]},
    ]


def test_a_batch_larger_than_the_data_set_goes_around_more_than_once() -> None:
    assert batch(ITEMS, 0, 7) == ["a", "b", "ç", "a", "b", "ç", "a"]


def test_sample_ids_go_on_from_cell_to_cell_but_the_work_is_the_same() -> None:
    first = plan_messages(ITEMS, run_id="run", batch_size=2, invocations=4)
    second = plan_messages(ITEMS, run_id="run", batch_size=2, invocations=4, first_sample=4)
    assert not {item.sample_id for item in first} & {item.sample_id for item in second}
    assert [json.loads(item.text)["batch"] for item in first] == [
        json.loads(item.text)["batch"] for item in second
    ]


def test_a_message_counts_its_bytes_not_its_characters() -> None:
    (message,) = plan_messages(("ç" * 1000,), run_id="run", batch_size=1, invocations=1)
    assert message.size_bytes == len(message.text.encode()) > 2000


def test_a_data_set_without_items_is_refused() -> None:
    with pytest.raises(ValueError, match="without items"):
        plan_messages((), run_id="run", batch_size=1, invocations=1)


@given(
    items=st.lists(st.text(), min_size=1, max_size=20),
    size=st.integers(1, 30),
    invocations=st.integers(1, 20),
)
def test_the_batches_in_a_row_are_the_data_set_around_and_around(
    items: list[str], size: int, invocations: int
) -> None:
    messages = plan_messages(items, run_id="r", batch_size=size, invocations=invocations)
    flat = [item for message in messages for item in json.loads(message.text)["batch"]]
    assert flat == [items[index % len(items)] for index in range(size * invocations)]


@pytest.mark.parametrize(
    ("messages", "parallel", "timeout_s", "age_s"),
    [
        (1, 1, 1, 60),  # no less than Lambda takes
        (100, 10, 60, 600),
        (101, 10, 60, 660),
        (20, 1, 60, 1200),  # a machine that runs one at a time
        (1000, 1, 900, 21_600),  # no more than Lambda takes
    ],
)
def test_an_event_may_wait_until_all_before_it_used_their_timeout(
    messages: int, parallel: int, timeout_s: int, age_s: int
) -> None:
    assert event_age_s(messages, parallel=parallel, timeout_s=timeout_s) == age_s


@pytest.mark.parametrize(
    ("memory_mb", "concurrency", "capacity_vcpu", "parallel"),
    [
        (1769, 10, None, 10),  # AWS
        (1769, 10, 1.0, 1),
        (512, 10, 1.0, 3),
        (512, 2, 1.0, 2),
        (10240, 4, 1.0, 1),  # more than there is runs alone
    ],
)
def test_a_machine_runs_as_many_at_one_time_as_its_vcpu_hold(
    memory_mb: int, concurrency: int, capacity_vcpu: float | None, parallel: int
) -> None:
    cell = configuration(memory_mb=memory_mb, concurrency=concurrency)
    assert parallel_invocations(cell, capacity_vcpu) == parallel
