"""How far an encoder's engine agrees with the model in float32 (for train.py and export.py).

Counted are the cosine of each text's two embeddings, and the share of texts whose nearest
neighbour among the others is the same in both.
"""

import numpy as np

__all__ = ["measure", "read_checks", "write_checks"]

CHECKS = "neighbours.npz"
CHECKED_TEXTS = 200
BATCH = 20


def write_checks(out, texts, embed):
    """Keep the embeddings of some texts; ``embed(texts)`` has the shape (texts, hidden size)."""
    checked = texts[:CHECKED_TEXTS]
    np.savez(out / CHECKS, texts=np.array(checked), embeddings=in_batches(embed, checked))


def read_checks(reference):
    """The texts and the embeddings that the reference's train.py kept."""
    with np.load(reference / CHECKS) as file:
        return file["texts"].tolist(), file["embeddings"]


def measure(checks, embed):
    """The quality of an engine; ``embed(texts)`` has the shape (texts, hidden size)."""
    texts, expected = checks
    embeddings, expected = unit_length(in_batches(embed, texts)), unit_length(expected)
    same = nearest(expected) == nearest(embeddings)
    return {
        "cosine": float((expected * embeddings).sum(axis=1).mean()),
        "nearest_neighbour_agreement": float(same.mean()),
    }


def in_batches(embed, texts):
    """The embeddings of all texts."""
    starts = range(0, len(texts), BATCH)
    return np.concatenate([embed(texts[start : start + BATCH]) for start in starts])


def unit_length(embeddings):
    """Each row divided by its length."""
    return embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)


def nearest(embeddings):
    """The row nearest to each, itself left out."""
    cosines = embeddings @ embeddings.T
    np.fill_diagonal(cosines, -np.inf)
    return cosines.argmax(axis=1)
