"""The Pareto front against its definition."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.analysis.pareto import pareto_front

points = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=12)


@given(points)
def test_a_point_is_on_the_front_when_none_is_better(found: list[tuple[int, int]]) -> None:
    def beaten(mine: tuple[int, int]) -> bool:
        return any(each[0] <= mine[0] and each[1] <= mine[1] and each != mine for each in found)

    front = pareto_front([x for x, _ in found], [y for _, y in found])
    assert list(front) == [not beaten(each) for each in found]


def test_a_point_without_a_figure_is_on_no_front() -> None:
    assert list(pareto_front([1.0, math.nan, 2.0], [5.0, 0.0, math.nan])) == [True, False, False]
