"""The journal: what a run did, line by line as it happens, so that a crash loses nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TextIO

from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.store.plain import as_json

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["JOURNAL", "Journal", "read_journal"]

JOURNAL = "journal.jsonl"


class Journal:
    """An append-only file of JSON objects, ``{"at": epoch seconds, "kind": …, …}`` each.

    Every line is handed to the operating system as it is written.
    """

    def __init__(self, path: Path, now: Callable[[], float]) -> None:
        self._path = path
        self._now = now
        self._file: TextIO | None = None

    def write(self, kind: str, **fields: object) -> None:
        """Append one entry. Dataclasses, enums and Decimals are written as `store.plain` says."""
        if self._file is None:
            self._file = _open_for_append(self._path)
        self._file.write(as_json({"at": round(self._now(), 3), "kind": kind, **fields}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; another entry opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _open_for_append(path: Path) -> TextIO:
    """Open; a line that a crash tore stays a line of its own."""
    file = path.open("a+", encoding="utf-8")
    if file.tell() > 0:
        file.seek(0)
        if not file.read().endswith("\n"):
            file.write("\n")
    return file


def read_journal(path: Path) -> list[dict[str, Any]]:
    """All entries in order; what is no whole entry is passed over. Raises `RunStoreError`."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError as error:
        raise RunStoreError(
            f"the journal {path} cannot be read: {error.strerror or error}"
        ) from error
    entries = []
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and "kind" in entry:
            entries.append(entry)
    return entries
