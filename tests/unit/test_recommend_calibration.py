"""A stated probability comes true as often as it says: a sample of tests/performance's."""

from __future__ import annotations

import pytest
from calibration import between, call, share_right

RUNS = 500


def test_stated_probabilities_come_true() -> None:
    calls = [call("spread", seed) for seed in range(RUNS)]
    sure = between(calls, 0.8, 0.97)
    assert len(sure) >= 50
    said = sum(each.p_best for each in sure) / len(sure)
    assert share_right(sure) == pytest.approx(said, abs=0.1)
    assert share_right(between(calls, 0.99, 1)) > 0.97
    unsure = between(calls, 0.3, 0.7)
    assert share_right(unsure) == pytest.approx(
        sum(each.p_best for each in unsure) / len(unsure), abs=0.15
    )
