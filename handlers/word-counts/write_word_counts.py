"""Write what word_counts.py reads, from fitted scikit-learn objects: for the engines' export.py."""

import argparse
import json
import re
from pathlib import Path

DEFAULTS = {
    "analyzer": "word",
    "binary": False,
    "lowercase": True,
    "ngram_range": (1, 1),
    "preprocessor": None,
    "strip_accents": None,
    "token_pattern": r"(?u)\b\w\w+\b",
    "tokenizer": None,
}
"""How words are found, which is built into the loops (stop words and sizes are free)."""


def folders(description):
    """The reference's artifacts and the folder to write to, from the command line."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, help="not needed: the model is fitted already")
    parser.add_argument("--reference", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    return arguments.reference, arguments.out


def write_model(out, vectorizer, *, classes, **facts):
    """vocabulary.txt and model.json. Exits when the vectorizer finds words in a way of its own."""
    given = vectorizer.get_params()
    other = [name for name, value in DEFAULTS.items() if given[name] != value]
    if other:
        raise SystemExit(
            f"this engine knows no other {', '.join(other)} than CountVectorizer's own"
        )
    # A vocabulary given by hand may have words that are found in no text.
    words = [word if is_found(word) else "-" for word in vectorizer.get_feature_names_out()]
    (out / "vocabulary.txt").write_bytes("".join(f"{word}\n" for word in words).encode())
    model = json.dumps({"classes": classes, **facts})
    (out / "model.json").write_text(model, encoding="utf-8")


def is_found(word):
    """Whether some text has this word: two or more word characters, lower-case."""
    return word == word.lower() and re.fullmatch(r"\w\w+", word) is not None


def write_linear(out, vectorizer, *, weights, bias, classes):
    """A linear model: ``weights`` of shape (vocabulary, classes), ``bias`` of shape (classes,)."""
    write_model(out, vectorizer, classes=classes, bias=bias.tolist())
    weights.astype("<f8").tofile(out / "weights.f64")


def write_classifier(out, vectorizer, model):
    """A linear classifier; one of two classes has a single column of weights, the second's."""
    weights, bias = model.coef_.T, model.intercept_
    if weights.shape[1] == 1:
        weights, bias = weights * [0, 1], bias * [0, 1]
    write_linear(out, vectorizer, weights=weights, bias=bias, classes=model.classes_.tolist())
