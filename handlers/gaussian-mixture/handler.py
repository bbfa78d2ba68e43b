"""Gaussian mixture on dense token counts, executed by scikit-learn as the thesis did."""

from functools import cache
from pathlib import Path

import joblib
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.mixture import GaussianMixture

ROOT = Path(__file__).parent


@cache
def initialize() -> tuple[CountVectorizer, GaussianMixture]:
    """Load the fitted vectorizer and model that train.py wrote."""
    return joblib.load(ROOT / "vectorizer.joblib"), joblib.load(ROOT / "model.joblib")


def process(batch: list[str]) -> list[int]:
    """The component of each text. The counts are made dense, as the thesis made them."""
    vectorizer, model = initialize()
    return model.predict(vectorizer.transform(batch).toarray()).tolist()
