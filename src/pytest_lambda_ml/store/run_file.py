"""``run.json``: a run as it stands at its end, written whole or not at all."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.store.plain import as_json

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["RUN_FILE", "SCHEMA_VERSION", "read_run_file", "write_run_file"]

RUN_FILE = "run.json"

SCHEMA_VERSION = 1
"""Raised when a reader of an older version would misread the file."""


def write_run_file(folder: Path, content: Mapping[str, object]) -> Path:
    """Write ``content`` and the schema version to the folder's run file, replacing it at once.

    Raises `RunStoreError` when the disk refuses.
    """
    path = folder / RUN_FILE
    text = as_json({"schema_version": SCHEMA_VERSION, **content}, indent=1) + "\n"
    temporary = folder / f".{RUN_FILE}.{os.getpid()}"
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise RunStoreError(f"{path} cannot be written: {error.strerror or error}") from error
    return path


def read_run_file(path: Path) -> dict[str, Any]:
    """A run file's content; ``path`` may be its folder. Raises `RunStoreError`."""
    file = path / RUN_FILE if path.is_dir() else path
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunStoreError(f"{file} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise RunStoreError(f"{file} is no run file: {error}") from error
    version = content.get("schema_version") if isinstance(content, dict) else None
    if version != SCHEMA_VERSION:
        raise RunStoreError(
            f"{file} has schema version {version}; this version reads {SCHEMA_VERSION}"
        )
    return content  # type: ignore[no-any-return]  # json.loads has no better type
