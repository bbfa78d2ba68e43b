"""A stated probability comes true as often as it says: a sample of tests/performance's."""

from __future__ import annotations

import pytest
from calibration import FAMILIES, between, call, share_right

from pytest_lambda_ml.analysis.recommend_more import TOO_CLOSE

RUNS = 160
"""Of each family."""


def test_stated_probabilities_come_true() -> None:
    calls = [call(family, seed) for family in FAMILIES for seed in range(RUNS)]
    sure = between(calls, 0.8, 0.97)
    assert len(sure) >= 80
    said = sum(each.p_best for each in sure) / len(sure)
    assert share_right(sure, within=TOO_CLOSE) == pytest.approx(said, abs=0.08)
    assert share_right(between(calls, 0.99, 1), within=TOO_CLOSE) > 0.97
    unsure = between(calls, 0.3, 0.6)
    assert share_right(unsure) < 0.7
