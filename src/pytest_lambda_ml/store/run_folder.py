"""Where a run is kept: ``<run root>/runs/<UTC time>-<run id>/``."""

from __future__ import annotations

import secrets
import shutil
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_lambda_ml.errors import RunStoreError

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

__all__ = ["RunFolder", "create_run_folder", "remove_run_folder"]


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A run's id and the folder that holds its journal, ledger and ``run.json``."""

    run_id: str
    path: Path


def create_run_folder(run_root: Path, now: datetime) -> RunFolder:
    """Create the folder of a new run under ``run_root / "runs"``.

    ``now`` is an aware UTC time: names sort by it. The run id is eight hexadecimal digits, fit for
    the names of AWS resources. Raises `RunStoreError`.
    """
    run_id = secrets.token_hex(4)
    path = run_root / "runs" / f"{now:%Y%m%dT%H%M%SZ}-{run_id}"
    try:
        path.mkdir(parents=True)
    except OSError as error:
        raise RunStoreError(
            f"{path}: the folder of this run cannot be made ({error.strerror or error}); name "
            "another with --lambda-dir"
        ) from None
    return RunFolder(run_id, path)


def remove_run_folder(path: Path) -> None:
    """Delete the folder of a run in which nothing happened, and ``runs`` with the last of them."""
    shutil.rmtree(path, ignore_errors=True)
    with suppress(OSError):  # it holds other runs
        path.parent.rmdir()
