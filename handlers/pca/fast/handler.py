"""Principal components C without scikit-learn or dense counts: (x − μ)·C is x·C − μ·C."""

from functools import cache
from pathlib import Path

from word_counts import LinearModel, figures

__all__ = ["figures", "initialize", "process"]


@cache
def initialize() -> LinearModel:
    """Map the model that export.py wrote."""
    return LinearModel(Path(__file__).parent)


def process(batch: list[str]) -> list[list[float]]:
    """The two coordinates of each text."""
    return initialize().scores(batch)
