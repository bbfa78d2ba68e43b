"""Principal components of dense token counts, executed by scikit-learn as the thesis did."""

from functools import cache
from pathlib import Path

import joblib
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer

ROOT = Path(__file__).parent


@cache
def initialize() -> tuple[CountVectorizer, PCA]:
    """Load the fitted vectorizer and model that train.py wrote."""
    return joblib.load(ROOT / "vectorizer.joblib"), joblib.load(ROOT / "model.joblib")


def process(batch: list[str]) -> list[list[float]]:
    """The two coordinates of each text. The counts are made dense, as the thesis made them."""
    vectorizer, model = initialize()
    return model.transform(vectorizer.transform(batch).toarray()).tolist()
