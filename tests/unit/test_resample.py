"""Chance is told from change, over all cells at once, whatever the distribution."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from run_cells import durations

from pytest_lambda_ml.analysis.resample import (
    Pair,
    adjusted_p_values,
    bootstrap_interval,
    design_effect,
)

CELLS, WARM = 63, 90
TYPICAL_MS = np.geomspace(4.0, 400.0, CELLS)


def comparison(seed: int, *, slower: dict[int, float] | None = None, quantile=None) -> list[Pair]:
    """Two runs of the same 63 cells, some of which are slower in the second."""
    rng = np.random.default_rng(seed)
    return [
        Pair(
            durations(rng, WARM, typical),
            durations(rng, WARM, typical * (slower or {}).get(number, 1.0)),
            quantile,
        )
        for number, typical in enumerate(TYPICAL_MS)
    ]


@pytest.mark.parametrize(("quantile", "runs"), [(None, 80), (0.95, 12)])
def test_the_same_twice_seldom_seems_changed_however_many_cells(quantile, runs) -> None:
    """At most 5 % of comparisons; of these few, one more than three deviations would allow."""
    alarms = 0
    for seed in range(runs):
        pairs = comparison(seed, quantile=quantile)
        grown = np.array([pair.ratio > 1.0 for pair in pairs])
        alarms += adjusted_p_values(pairs, seed=seed, rounds=400)[grown].min() <= 0.05
    expected = 0.05 * runs
    assert alarms <= expected + 3 * np.sqrt(expected) + 1


def test_a_cell_that_is_slower_is_found_among_63() -> None:
    found = [
        np.flatnonzero(adjusted_p_values(comparison(seed, slower={40: 1.3}), seed=seed) <= 0.05)
        for seed in range(10)
    ]
    assert sum(40 in indices for indices in found) >= 9
    assert sum(len(indices) > 1 for indices in found) <= 3


def test_one_that_is_far_off_does_not_hide_another() -> None:
    """The step-down: what is found no longer counts among what chance is measured by."""
    pairs = comparison(3, slower={10: 5.0, 40: 1.3})
    p_values = adjusted_p_values(pairs, seed=0)
    assert p_values[10] <= 0.001
    assert p_values[40] <= 0.05


def test_a_change_of_units_changes_no_verdict() -> None:
    pairs = comparison(5, slower={7: 1.2})[:12]
    scaled = [Pair(pair.base / 1000.0, pair.new / 1000.0) for pair in pairs]
    assert np.allclose(adjusted_p_values(pairs, seed=9), adjusted_p_values(scaled, seed=9))


def test_constants_show_no_change_and_a_constant_shift_shows_one() -> None:
    same = Pair(np.full(30, 7.0), np.full(30, 7.0))
    more = Pair(np.full(30, 7.0), np.full(30, 8.0))
    assert adjusted_p_values([same, more], seed=0).tolist() == [1.0, pytest.approx(1 / 2001)]
    assert bootstrap_interval(same, seed=0).low == bootstrap_interval(same, seed=0).high == 1.0


def test_nothing_to_compare_gives_nothing() -> None:
    assert adjusted_p_values([], seed=0).size == 0


@settings(max_examples=30, deadline=None)
@example(base=[1, 1, 1, 1, 1], new=[1, 1, 1, 1, 9], quantile=0.5)
@given(
    base=st.lists(st.integers(1, 500), min_size=5, max_size=40),
    new=st.lists(st.integers(1, 500), min_size=5, max_size=40),
    quantile=st.sampled_from([None, 0.5, 0.95]),
)
def test_p_values_and_intervals_are_what_they_say(base, new, quantile) -> None:
    pair = Pair(np.array(base, float), np.array(new, float), quantile)
    p_value = adjusted_p_values([pair], seed=1, rounds=200)[0]
    assert 1 / 201 <= p_value <= 1.0
    interval = bootstrap_interval(pair, seed=1, rounds=200)
    rounding = 1e-9
    assert interval.low <= interval.high
    assert min(new) / max(base) * (1 - rounding) <= interval.low
    assert interval.high <= max(new) / min(base) * (1 + rounding)


@pytest.mark.parametrize("quantile", [None, 0.95])
def test_widening_goes_no_farther_than_the_samples_and_decides_nothing(quantile) -> None:
    """Environments that differ make intervals wider, not impossible."""
    base, new = np.array([10.0, 11.0, 12.0, 13.0, 640.0]), np.array([9.5, 11.0, 12.0, 14.0, 600.0])
    interval = bootstrap_interval(Pair(base, new, quantile, 9.0), seed=1)
    assert new.min() / base.max() * (1 - 1e-9) <= interval.low
    assert interval.high <= new.max() / base.min() * (1 + 1e-9)
    apart = Pair(np.array([10.0, 11.0, 19.0]), np.array([21.0, 22.0, 60.0]), quantile, 100.0)
    assert bootstrap_interval(apart, seed=1).low == 1.0


@pytest.mark.parametrize("quantile", [None, 0.5, 0.95])
def test_a_ratio_is_as_uncertain_as_its_inverse(quantile: float | None) -> None:
    rng = np.random.default_rng(5)
    base, new = durations(rng, WARM, 40.0), durations(rng, WARM, 55.0)
    interval = bootstrap_interval(Pair(base, new, quantile), seed=1, rounds=2000)
    swapped = bootstrap_interval(Pair(new, base, quantile), seed=2, rounds=2000)
    assert swapped.error == pytest.approx(interval.error, rel=0.15)
    assert swapped.low == pytest.approx(1 / interval.high, rel=0.02)
    assert swapped.high == pytest.approx(1 / interval.low, rel=0.02)


def test_intervals_cover_the_true_ratio_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(11)
    covered = 0
    for seed in range(200):
        base, new = durations(rng, WARM, 40.0), durations(rng, WARM, 40.0)
        interval = bootstrap_interval(Pair(base, new), seed=seed, rounds=400)
        covered += interval.low <= 1.0 <= interval.high
    assert 0.90 <= covered / 200 <= 0.985


def test_large_samples_are_condensed_and_say_the_same() -> None:
    rng = np.random.default_rng(2)
    base, new = (rng.gamma(20.0, 5.0, 200_000) for _ in range(2))
    started = time.perf_counter()
    p_values = adjusted_p_values(
        [Pair(base, new), Pair(base, new * 1.01), Pair(base, new * 1.02, 0.95)], seed=0
    )
    interval = bootstrap_interval(Pair(base, new * 1.01), seed=0)
    assert time.perf_counter() - started < 30.0  # resampling all of it would take minutes
    assert p_values[0] > 0.05
    assert (p_values[1:] <= 0.05).all()
    assert 1.005 < interval.low < 1.01 < interval.high < 1.015


def test_environments_that_differ_are_worth_fewer_invocations() -> None:
    rng = np.random.default_rng(4)
    labels = np.repeat(np.arange(10), 9)
    alike = rng.normal(100.0, 5.0, 90)
    differing = alike + np.repeat(rng.normal(0.0, 10.0, 10), 9)
    assert design_effect([(alike, labels)]) < 2.0
    assert 6.0 < design_effect([(differing, labels)]) <= 9.0


def test_slow_hosts_are_no_regression() -> None:
    """With environments that differ by 10 % at random, and nothing else, alarms stay rare."""
    rng = np.random.default_rng(8)
    labels = np.repeat(np.arange(10), 9)

    def run() -> np.ndarray:
        return rng.normal(100.0, 3.0, 90) * np.repeat(rng.normal(1.0, 0.1, 10), 9)

    alarms = naive = 0
    for seed in range(60):
        base, new = run(), run()
        effect = design_effect([(base, labels), (new, labels)])
        alarms += (
            adjusted_p_values([Pair(base, new, None, effect)], seed=seed, rounds=300)[0] <= 0.05
        )
        naive += adjusted_p_values([Pair(base, new)], seed=seed, rounds=300)[0] <= 0.05
    assert naive > 20
    assert alarms <= 8


@given(st.lists(st.tuples(st.floats(1.0, 1e6), st.integers(0, 5)), min_size=0, max_size=60))
def test_the_design_effect_lies_between_one_and_the_size_of_an_environment(rows) -> None:
    values = np.array([value for value, _ in rows], float)
    labels = np.array([label for _, label in rows], np.int64)
    largest = max(len(rows) / max(len(set(labels.tolist())), 1), 1.0)
    assert 1.0 <= design_effect([(values, labels)]) <= largest
