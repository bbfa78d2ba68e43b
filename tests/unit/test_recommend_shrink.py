"""Cells that could be equal are drawn together; one that stands out is left where it is."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_lambda_ml.analysis.recommend_shrink import shrunk, shrunk_within

DRAWS = 4000


def drawn(point: list[float], error: list[float]) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and draws of each by itself with these relative standard errors."""
    level = np.array(point)
    noise = np.random.default_rng(1).standard_normal((len(level), DRAWS))
    return level, level[:, None] * np.exp(noise * np.array(error)[:, None])


def p_best(draws: np.ndarray) -> np.ndarray:
    return np.asarray(np.bincount(draws.argmin(axis=0), minlength=len(draws)) / DRAWS)


def together(point: list[float], error: list[float]) -> np.ndarray:
    return shrunk(*drawn(point, error), np.random.default_rng(2))


def test_a_lucky_cell_among_equals_is_trusted_less() -> None:
    point, error = [96.0, 100, 101, 99, 100, 102], [0.02] * 6
    alone, shared = p_best(drawn(point, error)[1])[0], p_best(together(point, error))[0]
    assert alone > 0.75
    assert 1 / 6 < shared < alone - 0.1


def test_a_cell_that_stands_out_keeps_its_draws() -> None:
    point, error = [50.0, 100, 101, 99], [0.02, 0.02, 0.02, 0.02]
    draws, before = together(point, error)[0], drawn(point, error)[1][0]
    assert abs(np.log(draws / before)).mean() < 0.005
    assert p_best(together(point, error))[0] > 0.999


def test_known_well_is_left_alone_however_near() -> None:
    point, error = [100.0, 101.0, 102.0], [0.0001] * 3
    assert p_best(together(point, error))[0] > 0.999


def test_only_cells_of_one_group_are_taken_to_be_alike() -> None:
    point, draws = drawn([50.0, 52.0, 100.0, 103.0, 75.0], [0.1] * 5)
    within = shrunk_within(["a", "a", "b", "b", "c"], point, draws, np.random.default_rng(2))
    assert np.array_equal(within[4], draws[4])
    assert draws[0].mean() < within[0].mean() < 52 < within[2].mean() < 103
    nearer = abs(np.log(within[0] / within[1])).mean()
    assert nearer < abs(np.log(draws[0] / draws[1])).mean()
    assert p_best(within)[:2].sum() > 0.95


def test_a_single_cell_has_nothing_to_be_like() -> None:
    point, draws = drawn([100.0], [0.1])
    assert shrunk(point, draws, np.random.default_rng(2)) is draws


@settings(max_examples=40, deadline=None)
@given(
    cells=st.lists(st.tuples(st.floats(1e-6, 1e6), st.floats(0.0, 0.8)), min_size=2, max_size=12)
)
def test_draws_stay_finite_and_above_zero(cells) -> None:
    """Cells of no noise, of the same score and far apart included."""
    draws = together([point for point, _ in cells], [error for _, error in cells])
    assert draws.shape == (len(cells), DRAWS)
    assert np.isfinite(draws).all()
    assert (draws > 0).all()
