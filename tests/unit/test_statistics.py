"""Statistics of a cell, against numpy and against counting by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.measure.statistics import max_overlap, mean, percentile, total

durations = st.floats(min_value=0, max_value=1e7)


def test_of_nothing_there_is_no_figure():
    assert percentile([], 50) is None
    assert mean([]) is None
    assert total([]) is None
    assert max_overlap([]) is None


@given(st.lists(durations, min_size=1), st.floats(0, 100))
def test_percentile_equals_numpys(values, q):
    expected = float(np.percentile(values, q))
    assert percentile(values, q) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@given(st.lists(durations, min_size=1))
def test_ends_of_the_range_are_smallest_and_largest(values):
    assert percentile(values, 0) == min(values)
    assert percentile(values, 100) == max(values)


def test_percentile_interpolates_and_leaves_its_input_alone():
    values = [40, 10, 20, 30]
    assert percentile(values, 50) == 25
    assert percentile(values, 95) == pytest.approx(38.5)
    assert values == [40, 10, 20, 30]


@pytest.mark.parametrize("q", [-1, 100.1, math.nan])
def test_percentile_out_of_range(q):
    with pytest.raises(ValueError, match="from 0 to 100"):
        percentile([1, 2], q)


def test_total_and_mean_do_not_accumulate_rounding():
    assert total([0.1] * 10) == 1.0
    assert mean([0.1] * 10) == 0.1
    assert total(iter([1, 2])) == 3
    assert mean(iter([1, 2])) == 1.5


@pytest.mark.parametrize(
    ("intervals", "expected"),
    [
        ([(0, 10)], 1),
        ([(0, 10), (10, 20)], 1),
        ([(0, 10), (9, 20)], 2),
        ([(0, 10), (1, 2), (3, 4)], 2),
        ([(0, 10), (0, 10), (0, 10)], 3),
        ([(5, 5)], 1),
        ([(0, 5), (5, 5)], 1),
        ([(5, 7), (5, 5)], 2),
        ([(9, 3), (0, 20)], 2),
    ],
)
def test_max_overlap(intervals, expected):
    assert max_overlap(intervals) == expected


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(1, 10)), min_size=1))
def test_max_overlap_equals_counting_at_every_start(starts_and_lengths):
    intervals = [(start, start + length) for start, length in starts_and_lengths]
    counted = max(sum(a <= t < b for a, b in intervals) for t, _ in intervals)
    assert max_overlap(intervals) == counted
