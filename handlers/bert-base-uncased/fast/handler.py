"""bert-base-uncased embedding questions by CTranslate2, those of similar length together."""

from functools import cache
from pathlib import Path

from cpu_share import whole_vcpus
from embedding import TextEncoder

ROOT = Path(__file__).parent / "model"


@cache
def initialize() -> TextEncoder:
    """Load tokenizer and model; weights are in the precision in which export.py stored them."""
    return TextEncoder(ROOT, threads=whole_vcpus())


def process(batch: list[str]) -> list[list[float]]:
    """The embedding of each question: 768 numbers."""
    return initialize().embed(batch).tolist()


def figures() -> dict[str, int]:
    """What the invocation record says beside the times."""
    return initialize().figures
