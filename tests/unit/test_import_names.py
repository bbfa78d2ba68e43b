"""The names of functions say which cells they are, hyphens and all."""

from __future__ import annotations

import pytest

from pytest_lambda_ml.analysis.import_names import bare_name, read_cell_name
from pytest_lambda_ml.aws.names import function_name
from pytest_lambda_ml.model import Configuration

ALGORITHMS = ("svm", "k-means", "tiny-llama-v0", "bert-base-uncased")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("engine", ["reference", "fast", "fast-exact"])
@pytest.mark.parametrize("more", [{}, {"trigger": "async"}, {"region": "eu-west-1"}])
def test_a_functions_name_gives_back_its_cell(algorithm, engine, more) -> None:
    cell = Configuration(
        algorithm=algorithm, engine=engine, memory_mb=512, concurrency=8, batch_size=1, **more
    )
    named = function_name("c0ffee00", 12, cell.cell_id)
    if not named.endswith(cell.cell_id):
        return  # too long a name, cut by a digest
    found = read_cell_name(named)
    assert found is not None
    assert {name: getattr(found, name) for name in found.__slots__} == {
        name: getattr(cell, name) for name in found.__slots__
    }


@pytest.mark.parametrize(
    ("name", "said", "parted"),
    [
        ("my-model-my-engine-512-8-1", {}, ("my-model-my", "engine")),
        ("my-model-my-engine-512-8-1", {"engine": "my-engine"}, ("my-model", "my-engine")),
        ("my-model-my-engine-512-8-1", {"algorithm": "my-model"}, ("my-model", "my-engine")),
        ("my-model-fast-exact-512-8-1", {"engine": "exact"}, ("my-model-fast", "exact")),
    ],
)
def test_where_algorithm_and_engine_part_may_be_said(name, said, parted) -> None:
    found = read_cell_name(name, **said)
    assert found is not None
    assert (found.algorithm, found.engine) == parted


@pytest.mark.parametrize("name", ["", "my-svm-1024", "svm-lambda-256", "512-8-1", "svm-512-8-1"])
def test_other_names_are_no_cells(name) -> None:
    assert read_cell_name(name) is None


def test_a_bare_name_has_neither_memory_nor_noise() -> None:
    assert bare_name("svm-lambda-256") == "svm"
    assert bare_name("benchmark_k-means_1024MB") == "k-means"
