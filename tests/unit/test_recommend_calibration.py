"""A stated probability comes true as often as it says: a sample of tests/performance's."""

from __future__ import annotations

import pytest
from calibration import FAMILIES, between, call, call_for_speed, share_right

from pytest_lambda_ml.analysis.recommend_more import TOO_CLOSE

RUNS = 160
"""Of each family."""

SPEED_RUNS = 120


def test_stated_probabilities_come_true() -> None:
    calls = [call(family, seed) for family in FAMILIES for seed in range(RUNS)]
    for said, within in (("p_best", None), ("p_equal", TOO_CLOSE)):
        sure = between(calls, 0.8, 0.97, said=said)
        assert len(sure) >= 60
        mean = sum(getattr(each, said) for each in sure) / len(sure)
        assert share_right(sure, within=within) == pytest.approx(mean, abs=0.08)
        assert share_right(between(calls, 0.99, 1, said=said), within=within) > 0.97
        assert share_right(between(calls, 0.3, 0.6, said=said), within=within) < 0.75


def test_stated_probabilities_of_the_fastest_come_true() -> None:
    calls = [call_for_speed(seed) for seed in range(SPEED_RUNS)]
    for said, within in (("p_best", None), ("p_equal", TOO_CLOSE)):
        sure = between(calls, 0.8, 1, said=said)
        assert len(sure) >= 25
        mean = sum(getattr(each, said) for each in sure) / len(sure)
        assert share_right(sure, within=within) == pytest.approx(mean, abs=0.1)
