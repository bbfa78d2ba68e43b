"""The fast engines of the six classical models against scikit-learn, exported and run for real."""

from __future__ import annotations

import csv
import json
import runpy
import subprocess
import sys
import zipfile
from itertools import islice

import joblib
import numpy as np
import pytest
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.mixture import GaussianMixture
from sklearn.svm import LinearSVC

from pytest_lambda_ml.artifact import build_package, find_handler, train
from pytest_lambda_ml.artifact.carried import carried_handlers
from pytest_lambda_ml.datasets import load_dataset
from pytest_lambda_ml.datasets.emotion import messages

HANDLERS = carried_handlers()
ROWS = 240
ASKED = ROWS + 200
"""The models are asked for texts that they were not fitted on too: with unknown words in them."""

PROCESS = """
import json, sys
import handler, word_counts
for batches in map(json.loads, sys.stdin):
    print(json.dumps([handler.process(batch) for batch in batches]))
"""
IN_PYTHON = """
import word_counts, word_counts_in_python
word_counts.loops = word_counts_in_python
"""


@pytest.fixture(scope="module")
def texts():
    """Labels and texts; the last ones are odd: empty, repeated words, more than one script."""
    rows = list(islice(messages(), ASKED))
    odd = ["", " ".join(text for _, text in rows[:40]), "ΟΔΟΣ naïve joy İ", rows[0][1] * 5]
    return [label for label, _ in rows], [text for _, text in rows] + odd


@pytest.fixture(scope="module")
def vectorized(texts):
    """A fitted vectorizer of few words, and the counts of all texts."""
    vectorizer = CountVectorizer(stop_words="english", max_features=150)
    vectorizer.fit(texts[1][:ROWS])
    return vectorizer, vectorizer.transform(texts[1])


def process(folder, batches, before=""):
    """What the handler in an unpacked folder gives for each batch, in a process of its own."""
    result = subprocess.run(
        [sys.executable, "-B", "-c", before + PROCESS],
        cwd=folder,
        input=json.dumps(batches),
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


@pytest.fixture
def export(vectorized, tmp_path, monkeypatch):
    """Run an engine's export.py on a fitted model and its vectorizer; gives the artifacts."""

    def run(algorithm, model, vectorizer=vectorized[0]):
        reference, out = tmp_path / "reference", tmp_path / "out"
        for folder in (reference, out):
            folder.mkdir()
        joblib.dump(vectorizer, reference / "vectorizer.joblib")
        joblib.dump(model, reference / "model.joblib")
        script = str(HANDLERS / algorithm / "fast" / "export.py")
        arguments = ["--reference", str(reference), "--out", str(out)]
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        monkeypatch.syspath_prepend(HANDLERS / "word-counts")
        runpy.run_path(script)
        return out

    return run


@pytest.fixture
def run_fast(export, texts, tmp_path):
    """Export a model, package it, and ask it for all texts, one, and none; twice."""

    def run(algorithm, model):
        out = export(algorithm, model)
        package = build_package(find_handler(algorithm, engine="fast", search=[]), out, tmp_path)
        with zipfile.ZipFile(package.zip_path) as archive:
            archive.extractall(tmp_path / "root")
        batches = [texts[1], texts[1][:1], []]
        return [process(tmp_path / "root", batches, before) for before in ("", IN_PYTHON)]

    return run


def two_labels(labels):
    return ["joy" if label == "joy" else "other" for label in labels]


FITTED = {
    "k-means of three": ("k-means", lambda x, _: KMeans(3, random_state=42).fit(x)),
    "k-means of seven": ("k-means", lambda x, _: KMeans(7, random_state=1).fit(x)),
    "mixture of one": ("gaussian-mixture", lambda x, _: mixture(1).fit(x.toarray())),
    "mixture of two": ("gaussian-mixture", lambda x, _: mixture(2).fit(x.toarray())),
    "mixture of four": ("gaussian-mixture", lambda x, _: mixture(4).fit(x.toarray())),
    "logistic regression": (
        "logistic-regression",
        lambda x, y: LogisticRegression(max_iter=500).fit(x, y),
    ),
    "logistic regression of two": (
        "logistic-regression",
        lambda x, y: LogisticRegression().fit(x, two_labels(y)),
    ),
    "svm": ("svm", lambda x, y: LinearSVC(random_state=42).fit(x, y)),
    "svm of two": ("svm", lambda x, y: LinearSVC(random_state=42).fit(x, two_labels(y))),
    "forest": (
        "random-forest",
        lambda x, y: RandomForestClassifier(100, random_state=42).fit(x, y),
    ),
    "forest of two": (
        "random-forest",
        lambda x, y: RandomForestClassifier(9).fit(x, two_labels(y)),
    ),
    "small trees": (
        "random-forest",
        lambda x, y: RandomForestClassifier(20, max_depth=4, random_state=0).fit(x, y),
    ),
    "extremely random trees": (
        "random-forest",
        lambda x, y: ExtraTreesClassifier(30, random_state=3).fit(x, y),
    ),
    "stumps of one class": (
        "random-forest",
        lambda x, y: RandomForestClassifier(3, max_depth=1, random_state=0).fit(x, y),
    ),
    "trees of one leaf": (
        "random-forest",
        lambda x, y: RandomForestClassifier(2, min_samples_split=10_000).fit(x, y),
    ),
}


def mixture(components):
    return GaussianMixture(components, random_state=42)


@pytest.mark.parametrize("name", FITTED)
def test_every_label_is_that_of_scikit_learn(run_fast, vectorized, texts, name):
    """Any number of clusters, components, classes and trees; compiled loops and Python's."""
    algorithm, fit = FITTED[name]
    model = fit(vectorized[1][:ROWS], texts[0][:ROWS])
    counts = vectorized[1]
    if algorithm == "gaussian-mixture":
        counts = counts.toarray()
    expected = model.predict(counts).tolist()
    compiled, in_python = run_fast(algorithm, model)
    assert compiled == in_python == [expected, expected[:1], []]
    assert len(set(expected)) > 1 or "one" in name  # else nothing was shown


@pytest.mark.parametrize("whiten", [False, True])
def test_components_are_those_of_scikit_learn(run_fast, vectorized, whiten):
    dense = vectorized[1].toarray()
    model = PCA(n_components=3, whiten=whiten, random_state=42).fit(dense[:ROWS])
    for everything, first, nothing in run_fast("pca", model):
        np.testing.assert_allclose(everything, model.transform(dense), atol=1e-9, rtol=0)
        assert first == everything[:1]
        assert nothing == []


def test_words_that_no_text_can_have_count_nothing(export, texts, tmp_path):
    """A vocabulary given by hand may have them; CountVectorizer never finds them."""
    vectorizer = CountVectorizer(vocabulary=["joy", "é", "x", "Joy", "fear!", "ïé"])
    asked = ["joy é x", "Joy fear!", "ïé ïé é"]
    centers = KMeans(3, random_state=0).fit(vectorizer.transform([*texts[1], *asked]).toarray())
    artifacts = export("k-means", centers, vectorizer)
    folder = find_handler("k-means", engine="fast", search=[])
    with zipfile.ZipFile(build_package(folder, artifacts, tmp_path).zip_path) as archive:
        archive.extractall(tmp_path / "root")
    expected = centers.predict(vectorizer.transform(asked).toarray()).tolist()
    for before in ("", IN_PYTHON):
        assert process(tmp_path / "root", [asked], before) == [expected]


@pytest.mark.parametrize(
    ("algorithm", "change", "message"),
    [
        ("k-means", {"vectorizer": {"lowercase": False}}, "lowercase"),
        ("k-means", {"vectorizer": {"ngram_range": (1, 2)}}, "ngram_range"),
        ("gaussian-mixture", {"model": GaussianMixture(2, covariance_type="diag")}, "'diag'"),
        ("random-forest", {"model": RandomForestClassifier(5, max_leaf_nodes=20)}, "best-first"),
    ],
)
def test_a_model_of_another_kind_is_refused_and_not_guessed_at(
    vectorized, texts, export, algorithm, change, message
):
    _, counts = vectorized
    model = change.get("model", KMeans(3, random_state=0))
    model.fit(counts[:ROWS].toarray(), texts[0][:ROWS])
    other = CountVectorizer(**change.get("vectorizer", {})).fit(texts[1][:ROWS])
    with pytest.raises(SystemExit, match=message):
        export(algorithm, model, other)


def test_the_engine_is_made_of_the_artifacts_that_the_reference_has(tmp_path):
    """Exporting does not train again, and the package needs nothing but a Python."""
    with (tmp_path / "emotion.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("Emotion", "Text"), *islice(messages(), ROWS)])
    dataset = load_dataset("emotion", str(tmp_path / "emotion.csv"), tmp_path)
    reference = find_handler("svm", engine="reference", search=[])
    fast = find_handler("svm", engine="fast", search=[])
    exported = train(fast, dataset, tmp_path)
    trained = train(reference, dataset, tmp_path)
    assert len(list((tmp_path / "artifacts").iterdir())) == 2
    package = build_package(fast, exported, tmp_path)
    with zipfile.ZipFile(package.zip_path) as archive:
        archive.extractall(tmp_path / "root")
    model = joblib.load(trained / "model.joblib")
    counts = joblib.load(trained / "vectorizer.joblib").transform(dataset.items)
    code = PROCESS + "print(json.dumps([m for m in ('numpy', 'sklearn') if m in sys.modules]))"
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = ['.']\n{code}"],
        cwd=tmp_path / "root",
        input=json.dumps([dataset.items]),
        capture_output=True,
        text=True,
        check=True,
    )
    (outputs,), modules = map(json.loads, result.stdout.splitlines())
    assert outputs == model.predict(counts).tolist()
    assert modules == []
