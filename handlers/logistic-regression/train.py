"""Fit the vectorizer and the logistic regression on a CSV with the columns Emotion and Text."""

import argparse
from pathlib import Path

import joblib
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression


def train(data: Path, out: Path) -> None:
    """Write vectorizer.joblib and model.joblib to ``out``."""
    frame = pd.read_csv(data, usecols=["Emotion", "Text"], dtype=str, keep_default_na=False)
    vectorizer = CountVectorizer(stop_words="english")
    counts = vectorizer.fit_transform(frame["Text"])
    model = LogisticRegression(max_iter=1000, random_state=42).fit(counts, frame["Emotion"])
    joblib.dump(vectorizer, out / "vectorizer.joblib")
    joblib.dump(model, out / "model.joblib")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    train(arguments.data, arguments.out)
