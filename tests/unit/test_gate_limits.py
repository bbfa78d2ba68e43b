"""The limits of a gate as they are written."""

from __future__ import annotations

import pytest

from pytest_lambda_ml.analysis.gate import parse_limits
from pytest_lambda_ml.errors import SettingError


@pytest.mark.parametrize(
    ("texts", "limits"),
    [
        (["cost:5%"], [("cost", 0.05)]),
        (["p95: 2.5%", "cost:5%"], [("p95", 0.025), ("cost", 0.05)]),
        (["memory:10%,init:100%"], [("memory", 0.1), ("init", 1.0)]),
        ([], []),
    ],
)
def test_limits_are_read(texts, limits) -> None:
    got = parse_limits(texts, place="--fail-on")
    assert [limit.metric for limit in got] == [metric for metric, _ in limits]
    assert [limit.share for limit in got] == pytest.approx([share for _, share in limits])
    assert parse_limits([str(limit) for limit in got], place="") == got


@pytest.mark.parametrize(
    "text", ["", "cost", "cost:5", "cost:-5%", "speed:5%", "cost:5%;p95:5%", "cost:nan%"]
)
def test_what_is_no_limit_is_refused_with_what_is_legal(text) -> None:
    with pytest.raises(SettingError, match=r"--fail-on: .* legal is METRIC:PERCENT%"):
        parse_limits([text], place="--fail-on")


def test_a_metric_has_one_limit() -> None:
    with pytest.raises(SettingError, match=r"cost is given twice, as cost:5% and cost:7\.5%"):
        parse_limits(["cost:5%", "cost:7.5%"], place="--fail-on")
