"""The presets hold the experiments as the thesis ran them, and quick ones that show the same."""

from __future__ import annotations

import pytest

from pytest_lambda_ml.plugin.presets import DEFAULT_GRID, EXPERIMENTS, PRESETS
from pytest_lambda_ml.settings.legal import PRESET_NAMES

SEVEN = (256, 512, 1024, 2048, 4096, 8192, 10240)
FOUR = (256, 512, 1024, 2048)


def test_the_option_and_the_presets_name_the_same() -> None:
    assert set(PRESETS) == set(PRESET_NAMES)


@pytest.mark.parametrize(
    ("name", "algorithms", "memory_mb", "concurrency", "batch_size"),
    [
        ("fig-5.3", ("k-means", "gaussian-mixture", "pca"), SEVEN, (10,), (100,)),
        ("fig-5.4", ("k-means",), FOUR, (10,), (1000,)),
        ("fig-5.5", ("pca",), FOUR, (10,), (100,)),
        ("fig-5.6", ("logistic-regression", "svm", "random-forest"), SEVEN, (10,), (100,)),
        ("fig-5.7", ("logistic-regression",), FOUR, (10,), (1000,)),
        ("fig-5.8", ("svm",), FOUR, (10,), (100,)),
        ("fig-5.9", None, SEVEN, (10,), (1,)),
        ("fig-5.10", ("svm",), FOUR, (10, 20, 50, 1000), (100,)),
        ("fig-5.11", ("svm",), FOUR, (10, 20, 50, 1000), (100,)),
    ],
)
def test_thesis(name, algorithms, memory_mb, concurrency, batch_size) -> None:
    grid = PRESETS["thesis"][name]
    assert grid.algorithms == algorithms
    assert set(grid.memory_mb) == set(memory_mb)
    assert grid.concurrency == concurrency
    assert grid.batch_size == batch_size
    assert grid.invocations == 100


def test_language_models_of_the_thesis_get_more_ephemeral_storage() -> None:
    assert PRESETS["thesis"]["fig-5.9"].ephemeral_mb > 512
    assert all(g.ephemeral_mb == 512 for n, g in PRESETS["thesis"].items() if n != "fig-5.9")


def test_quick() -> None:
    quick = PRESETS["quick"]
    assert set(quick) == {
        *("fig-5.3", "fig-5.6", "fig-5.9", "fig-5.10", "fig-5.11"),
        *("large-model", "small-functions", "small-models"),
    }
    for grid in (DEFAULT_GRID, quick["fig-5.3"], quick["fig-5.6"]):
        assert grid.memory_mb == (512, 1024, 2048)
        assert (grid.concurrency, grid.batch_size, grid.invocations) == ((4,), (100,), 20)
    assert (quick["fig-5.9"].batch_size, quick["fig-5.9"].invocations) == ((1,), 10)
    assert quick["fig-5.10"].concurrency == (2, 5, 10)
    assert len(quick["fig-5.10"].memory_mb) == 2


@pytest.mark.parametrize("preset", PRESETS)
def test_fast_engines_are_shown_in_the_smallest_function(preset) -> None:
    small = PRESETS[preset]["small-functions"]
    assert (min(small.memory_mb), small.engines, len(small.algorithms)) == (128, ("fast",), 6)


def test_batch_sizes_are_swept_over_both_engines() -> None:
    batches = PRESETS["thesis"]["batches"]
    assert (batches.batch_size, batches.engines) == ((1, 10, 100, 1000), None)


def test_every_experiment_has_enough_invocations_for_a_warm_one() -> None:
    """Except at the thesis' concurrency of 1000, which is the point of its figure."""
    for preset in PRESETS.values():
        for grid in preset.values():
            assert min(grid.concurrency) < grid.invocations


def test_all_experiments_are_known() -> None:
    assert len(EXPERIMENTS) == 15
