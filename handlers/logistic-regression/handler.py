"""Logistic regression on token counts, executed by scikit-learn as the thesis did."""

from functools import cache
from pathlib import Path

import joblib
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).parent


@cache
def initialize() -> tuple[CountVectorizer, LogisticRegression]:
    """Load the fitted vectorizer and model that train.py wrote."""
    return joblib.load(ROOT / "vectorizer.joblib"), joblib.load(ROOT / "model.joblib")


def process(batch: list[str]) -> list[str]:
    """The emotion of each text."""
    vectorizer, model = initialize()
    return model.predict(vectorizer.transform(batch)).tolist()
