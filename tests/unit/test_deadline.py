"""The wait follows what is outstanding: time is a number here."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.campaign.deadline import BACK_OFF_S, Deadline


def deadline(**values: Any) -> Deadline:
    defaults: dict[str, Any] = {
        "concurrency": 10,
        "parallel": 10,
        "timeout_s": 60.0,
        "grace_s": 2.0,
        "restarted_at_s": 1000.0,
        "outstanding": 20,
    }
    return Deadline(**{**defaults, **values})


@pytest.mark.parametrize(
    ("values", "wait_s"),
    [
        # Nothing heard: two rounds at the timeout, one initialisation, the grace.
        ({}, 2 * 60 + 10 + 2),
        # On a machine that runs one at a time, ten initialisations come one after the other.
        ({"parallel": 1}, 2 * 60 + 10 * 10 + 2),
        # A report was seen: two rounds at twice the longest.
        ({"longest_s": 1.5}, 2 * 3 + 2),
        ({"longest_s": 1.5, "outstanding": 1}, 3 + 2),
        ({"longest_s": 1.5, "parallel": 1}, 20 * 3 + 2),
        # One lost line of quick work costs the grace and little more.
        ({"longest_s": 0.05, "outstanding": 1}, 0.1 + 2),
        # What has started and not ended may use its timeout, however quick the others were.
        ({"longest_s": 0.05, "outstanding": 1, "running": True}, 60 + 2),
        # Back-off counts only where throttling was seen.
        ({"longest_s": 0.05, "outstanding": 1, "throttling": True}, 0.1 + BACK_OFF_S + 2),
        # Whatever is seen, the last event has run or aged out by then.
        ({"longest_s": 1, "throttling": True, "end_of_work_s": 1030.0}, 30 + 2),
    ],
)
def test_the_wait_is_derived_from_what_is_known(values: dict[str, Any], wait_s: float) -> None:
    value = deadline(**values)
    assert value.at_s == pytest.approx(1000 + wait_s)
    assert not value.passed(1000 + wait_s - 0.01)
    assert value.passed(1000 + wait_s + 0.01)


def test_each_report_restarts_the_wait() -> None:
    value = deadline()
    for now_s in (1010.0, 1020.0, 1030.0):
        value = value.restart(now_s, outstanding=5, longest_s=1.0, running=False, throttling=False)
        assert value.at_s == pytest.approx(now_s + 2 + 2)


@given(
    outstanding=st.integers(1, 1000),
    parallel=st.integers(1, 50),
    longest_s=st.none() | st.floats(0, 900),
    running=st.booleans(),
    now_s=st.floats(0, 1e6),
)
def test_a_wait_is_never_shorter_than_the_grace_and_never_endless(
    outstanding: int, parallel: int, longest_s: float | None, running: bool, now_s: float
) -> None:
    value = deadline(parallel=parallel).restart(
        now_s,
        outstanding=outstanding,
        longest_s=longest_s,
        running=running,
        throttling=False,
    )
    assert not value.passed(now_s)
    assert now_s + 2 <= value.at_s < math.inf
