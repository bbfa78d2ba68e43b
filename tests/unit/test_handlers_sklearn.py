"""The six scikit-learn handlers, trained, packaged and run for real, each in its own process."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import zipfile
from itertools import islice

import joblib
import numpy as np
import pytest
from sklearn.decomposition import PCA

from pytest_lambda_ml.artifact import build_package, find_handler, train
from pytest_lambda_ml.datasets import load_dataset
from pytest_lambda_ml.datasets.emotion import messages
from pytest_lambda_ml.measure.record import parse_record

CLASSIFIERS = ("logistic-regression", "svm", "random-forest")
CLUSTERERS = {"k-means": 3, "gaussian-mixture": 2}
ALGORITHMS = (*CLASSIFIERS, *CLUSTERERS, "pca")
ROWS = 300
INVOKE = """
import json, sys, types, wrapper
context = types.SimpleNamespace(function_name="f", function_version="1",
                                memory_limit_in_mb="1769", aws_request_id="r")
message = {"run_id": "run", "sample_id": "0", "batch": json.load(sys.stdin)}
wrapper.lambda_handler(message, context)
print(json.dumps(wrapper.handler.process(message["batch"])))
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    path = folder / "emotion.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("Emotion", "Text"), *islice(messages(), ROWS)])
    return load_dataset("emotion", str(path), folder)


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    """Train, package, unpack and invoke one algorithm on all rows, once for the module."""
    cache, ran = tmp_path_factory.mktemp("cache"), {}

    def invoke(algorithm):
        folder = find_handler(algorithm, engine="reference", search=[])
        artifacts = train(folder, dataset, cache)
        root = cache / algorithm
        with zipfile.ZipFile(build_package(folder, artifacts, cache).zip_path) as archive:
            archive.extractall(root)
        result = subprocess.run(
            [sys.executable, "-B", "-c", INVOKE],
            cwd=root,
            input=json.dumps(dataset.items),
            capture_output=True,
            text=True,
            check=True,
        )
        start, record, outputs = result.stdout.splitlines()
        assert parse_record(start).sample_id == "0"
        return parse_record(record), json.loads(outputs), root

    return lambda algorithm: ran.get(algorithm) or ran.setdefault(algorithm, invoke(algorithm))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_item_gets_an_output_and_the_record_its_times(run, algorithm):
    record, outputs, _ = run(algorithm)
    assert len(outputs) == record.batch_size == ROWS
    assert record.initialization_ms > 0
    assert record.processing_ms > 0
    assert record.output_digest is not None
    assert record.error_type is record.weights is None


@pytest.mark.parametrize("algorithm", CLASSIFIERS)
def test_classifiers_know_the_emotions_they_were_trained_on(run, dataset, algorithm):
    _, outputs, _ = run(algorithm)
    right = sum(a == b for a, b in zip(outputs, dataset.labels, strict=True))
    assert right > 0.9 * ROWS


@pytest.mark.parametrize(("algorithm", "count"), CLUSTERERS.items())
def test_clusterers_tell_groups_apart(run, algorithm, count):
    _, outputs, _ = run(algorithm)
    assert set(outputs) == set(range(count))


def test_principal_components_are_those_of_the_dense_matrix(run, dataset):
    _, outputs, root = run("pca")
    counts = joblib.load(root / "vectorizer.joblib").transform(dataset.items).toarray()
    expected = PCA(n_components=2, svd_solver="full").fit_transform(counts)
    assert np.shape(outputs) == (ROWS, 2)
    np.testing.assert_allclose(np.abs(outputs), np.abs(expected), atol=1e-6)


@pytest.mark.parametrize(
    ("algorithm", "parameters"),
    [
        ("k-means", {"n_clusters": 3}),
        ("gaussian-mixture", {"n_components": 2, "covariance_type": "full"}),
        ("pca", {"n_components": 2}),
        ("logistic-regression", {"max_iter": 1000}),
        ("svm", {}),
        ("random-forest", {"n_estimators": 100, "n_jobs": None}),
    ],
)
def test_models_are_fitted_with_the_parameters_of_the_thesis(run, algorithm, parameters):
    _, _, root = run(algorithm)
    fitted = joblib.load(root / "model.joblib").get_params()
    assert fitted.items() >= ({"random_state": 42} | parameters).items()
    vectorizer = joblib.load(root / "vectorizer.joblib")
    assert vectorizer.stop_words == "english"
    assert vectorizer.max_features == (3000 if algorithm == "gaussian-mixture" else None)
