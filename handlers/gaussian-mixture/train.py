"""Fit the vectorizer and the Gaussian mixture on a CSV with the column Text."""

import argparse
from pathlib import Path

import joblib
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.mixture import GaussianMixture

FEATURES = 3000


def train(data: Path, out: Path) -> None:
    """Write vectorizer.joblib and model.joblib to ``out``."""
    frame = pd.read_csv(data, usecols=["Text"], dtype=str, keep_default_na=False)
    vectorizer = CountVectorizer(stop_words="english", max_features=FEATURES)
    counts = vectorizer.fit_transform(frame["Text"])
    # The whole fitted model is kept: two full covariances with their inverses are 432 MB at 3,000
    # features, and that they do not fit a small function is part of the experiment.
    model = GaussianMixture(n_components=2, random_state=42).fit(counts.toarray())
    joblib.dump(vectorizer, out / "vectorizer.joblib")
    joblib.dump(model, out / "model.joblib")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    train(arguments.data, arguments.out)
