"""The bundled corpora as CSV files in the cache, made on first use."""

from __future__ import annotations

import csv
import hashlib
import io
import os
import tempfile
from pathlib import Path

from pytest_lambda_ml.datasets.emotion import messages
from pytest_lambda_ml.datasets.questions import questions

__all__ = ["SHA256", "bundled_csv", "write_atomically"]

SHA256 = {
    "emotion": "a1f1be3dee2d8f3980989a40f3f561fbb289eb29528fb68b5b3575b80b31f6c3",
    "questions": "ba56aa3ae24d4032b2f23a741e0c5ba088ea6021485d6c21fd4294290d9dd8cc",
}
"""Digests of the bundled CSVs: results of different versions compare only while these stay."""


def bundled_csv(kind: str, cache_dir: Path) -> Path:
    """The bundled CSV of this kind, written to the cache unless it is there whole."""
    path = cache_dir / "datasets" / f"{kind}-{SHA256[kind][:12]}.csv"
    if not (path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == SHA256[kind]):
        write_atomically(path, render(kind))
    return path


def render(kind: str) -> bytes:
    """The bundled CSV as it is written: UTF-8, a header, one line feed after each row."""
    rows: list[tuple[str, ...]]
    if kind == "emotion":
        rows = [("Emotion", "Text"), *messages()]
    else:
        rows = [("question",), *((question,) for question in questions())]
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file or none, also when other sessions write the same one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
