"""Fit the same model on one machine: the accuracy that the functions are held to."""

import argparse
import json
from pathlib import Path

import pandas as pd
from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS, CountVectorizer
from sklearn.linear_model import LogisticRegression
from split import is_held_out


def train(data: Path, out: Path) -> None:
    """Write quality.json and the stop words, which the functions leave out as the vectorizer."""
    frame = pd.read_csv(data, usecols=["Emotion", "Text"], dtype=str, keep_default_na=False)
    held = frame["Text"].map(is_held_out)
    vectorizer = CountVectorizer(stop_words="english")
    counts = vectorizer.fit_transform(frame["Text"][~held])
    model = LogisticRegression(max_iter=1000, random_state=42).fit(counts, frame["Emotion"][~held])
    accuracy = model.score(vectorizer.transform(frame["Text"][held]), frame["Emotion"][held])
    quality = json.dumps({"single_machine_accuracy": accuracy})
    (out / "quality.json").write_text(quality, encoding="utf-8")
    words = "\n".join(sorted(ENGLISH_STOP_WORDS))
    (out / "stop_words.txt").write_text(words, encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    train(arguments.data, arguments.out)
