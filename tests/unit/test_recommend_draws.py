"""Draws of means and percentiles vary as much as the figures of fresh samples do."""

from __future__ import annotations

import numpy as np
import pytest

from pytest_lambda_ml.analysis.recommend_draws import (
    design_effect,
    draw_means,
    draw_percentile,
)

DRAWS = 4000


def generator() -> np.random.Generator:
    return np.random.default_rng(3)


def interval_holds(count: int, runs: int, environments: int = 0, spread: float = 0.0) -> float:
    """How often the central 80 % of the draws hold the true mean, 100."""
    source = np.random.default_rng(11)
    held = 0
    for _ in range(runs):
        values = source.lognormal(0, 0.4, count) * 100 / np.exp(0.08)
        environment = None
        if environments:
            environment = np.arange(count) % environments
            values = values * (1 + spread * source.standard_normal(environments))[environment]
        drawn = draw_means(values[None, :], 400, source, environment)[0]
        low, high = np.percentile(drawn, [10, 90])
        held += low <= 100 <= high
    return held / runs


@pytest.mark.parametrize("count", [5, 18, 90, 1000])
def test_the_central_draws_hold_the_true_mean_as_often_as_they_should(count: int) -> None:
    assert interval_holds(count, 400) == pytest.approx(0.8, abs=0.07)


def test_samples_that_are_alike_in_an_environment_make_the_mean_less_sure() -> None:
    assert interval_holds(100, 300, environments=10, spread=0.2) == pytest.approx(0.8, abs=0.08)


def test_the_design_effect_is_one_for_unrelated_samples_and_the_group_size_for_copies() -> None:
    environment = np.repeat(np.arange(20), 10)
    alike = np.repeat(generator().normal(100, 10, 20), 10)
    assert design_effect(alike, environment) == pytest.approx(10)
    unrelated = generator().normal(100, 10, 200)
    assert design_effect(unrelated, environment) < 1.6
    assert design_effect(unrelated, None) == 1.0


def test_figures_of_the_same_invocations_are_drawn_together() -> None:
    durations = generator().lognormal(3, 0.5, 60)
    drawn = draw_means(np.stack([durations, 2 * durations]), DRAWS, generator())
    assert np.corrcoef(drawn)[0, 1] > 0.999


def test_equal_samples_do_not_make_the_mean_certain() -> None:
    drawn = draw_means(np.full((1, 20), 3.0), DRAWS, generator())
    assert drawn.std() == pytest.approx((1 / 12 / 20) ** 0.5, rel=0.2)


def test_no_sample_gives_no_figure_and_one_sample_a_wide_one() -> None:
    assert np.isnan(draw_means(np.empty((2, 0)), 5, generator())).all()
    assert np.isnan(draw_percentile(np.empty(0), 95, 5, generator())).all()
    single = draw_means(np.array([[100.0]]), DRAWS, generator())
    assert 20 < single.std() < 60


@pytest.mark.parametrize("count", [10, 200])
def test_percentiles_are_drawn_as_resampling_gives_them(count: int) -> None:
    values = generator().lognormal(3, 0.5, count)
    source = np.random.default_rng(5)
    resampled = np.percentile(source.choice(values, (DRAWS, count)), 95, axis=1)
    drawn = draw_percentile(values, 95, DRAWS, generator())
    assert drawn.mean() == pytest.approx(resampled.mean(), rel=0.06)
    assert drawn.std() == pytest.approx(resampled.std(), rel=0.25)


def test_many_samples_vary_as_their_number_says() -> None:
    values = generator().lognormal(3, 0.5, 20_000)
    drawn = draw_means(values[None, :], DRAWS, generator())
    assert drawn.std() == pytest.approx(values.std() / 20_000**0.5, rel=0.15)
