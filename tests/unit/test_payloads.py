"""Weighted payloads: each as often as its weight says, the same in every cell."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.campaign.payloads import Payloads, payload_text, schedule, weighted
from pytest_lambda_ml.errors import SettingError

weights = st.lists(st.floats(0.01, 1000), min_size=1, max_size=8)


def test_the_example_of_power_tuning() -> None:
    order = schedule([5, 15, 30], 100)
    assert [order.count(index) for index in range(3)] == [10, 30, 60]


def test_they_are_spread_over_the_invocations() -> None:
    assert schedule([1, 1], 6) == [0, 1, 0, 1, 0, 1]


@given(weights, st.integers(0, 200))
def test_every_invocation_gets_one_and_every_payload_is_sent(found, more: int) -> None:
    invocations = len(found) + more
    order = schedule(found, invocations)
    assert len(order) == invocations
    assert set(order) == set(range(len(found)))
    assert order == schedule(found, invocations)


def test_more_payloads_than_invocations_are_refused() -> None:
    with pytest.raises(SettingError, match="3 weighted payloads and 2 invocations"):
        schedule([1, 1, 1], 2)


@pytest.mark.parametrize("weight", [0, -1, True, "1", float("nan"), float("inf")])
def test_what_is_no_weight_is_refused(weight: object) -> None:
    with pytest.raises(SettingError, match="no weight"):
        weighted([{"payload": {}, "weight": weight}])


@pytest.mark.parametrize("payload", [{}, [], [1, 2], "text", None, [{"payload": 1}]])
def test_anything_else_is_one_payload(payload: object) -> None:
    assert weighted(payload) is None


@pytest.mark.parametrize(
    ("payload", "text"),
    [
        ({"a": "ä"}, '{"a":"ä"}'),
        ('{"a": 1}', '{"a": 1}'),
        ("no json", '"no json"'),
        (b"[1]", "[1]"),
        (None, "null"),
    ],
)
def test_payloads_become_json(payload: object, text: str) -> None:
    assert payload_text(payload) == text
    json.loads(text)


@pytest.mark.parametrize("payload", [object(), b"\xff"])
def test_what_json_cannot_hold_is_refused(payload: object) -> None:
    with pytest.raises(SettingError):
        payload_text(payload)


def test_results_name_what_was_sent_by_digest_and_do_not_store_it() -> None:
    payloads = Payloads(('{"secret":1}',), (1.0,), source="x.json")
    assert payloads.description.startswith("payload from x.json sha256:")
    assert "secret" not in str(payloads.about)


def test_a_callable_makes_each_payload() -> None:
    messages = Payloads(made=lambda index: str(index)).messages(3, first_sample=7)
    assert [(each.sample_id, each.text) for each in messages] == [
        ("00007", "0"),
        ("00008", "1"),
        ("00009", "2"),
    ]
