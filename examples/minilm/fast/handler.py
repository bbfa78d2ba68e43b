"""Sentence embeddings by all-MiniLM-L6-v2 in int8, by CTranslate2."""

from functools import cache
from pathlib import Path

import numpy as np
from cpu_share import whole_vcpus
from embedding import TextEncoder

ROOT = Path(__file__).parent / "model"


@cache
def initialize():
    """Load tokenizer and model; runs once per execution environment."""
    return TextEncoder(ROOT, threads=whole_vcpus())


def process(batch):
    """The embedding of each text: 384 numbers, of length 1."""
    embeddings = initialize().embed(batch)
    return (embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)).tolist()


def figures():
    """What the invocation record says beside the times."""
    return initialize().figures
