"""Random forest without scikit-learn: each tree is walked from word to word of the text."""

from functools import cache
from pathlib import Path

from word_counts import ForestModel, figures

__all__ = ["figures", "initialize", "process"]


@cache
def initialize() -> ForestModel:
    """Map the model that export.py wrote."""
    return ForestModel(Path(__file__).parent)


def process(batch: list[str]) -> list[str]:
    """The emotion of each text."""
    return initialize().labels(batch)
