"""Random forest on token counts, executed by scikit-learn as the thesis did."""

from functools import cache
from pathlib import Path

import joblib
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer

ROOT = Path(__file__).parent


@cache
def initialize() -> tuple[CountVectorizer, RandomForestClassifier]:
    """Load the fitted vectorizer and model that train.py wrote."""
    return joblib.load(ROOT / "vectorizer.joblib"), joblib.load(ROOT / "model.joblib")


def process(batch: list[str]) -> list[str]:
    """The emotion of each text."""
    vectorizer, model = initialize()
    return model.predict(vectorizer.transform(batch)).tolist()
