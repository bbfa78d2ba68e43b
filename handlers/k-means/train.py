"""Fit the vectorizer and the k-means clusters on a CSV with the column Text."""

import argparse
from pathlib import Path

import joblib
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import CountVectorizer


def train(data: Path, out: Path) -> None:
    """Write vectorizer.joblib and model.joblib to ``out``."""
    frame = pd.read_csv(data, usecols=["Text"], dtype=str, keep_default_na=False)
    vectorizer = CountVectorizer(stop_words="english")
    counts = vectorizer.fit_transform(frame["Text"])
    model = KMeans(n_clusters=3, random_state=42).fit(counts)
    joblib.dump(vectorizer, out / "vectorizer.joblib")
    joblib.dump(model, out / "model.joblib")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    train(arguments.data, arguments.out)
