"""What stored runs say of a cell that is to be measured again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.model import Configuration, StartType
from pytest_lambda_ml.store.find_run import run_folders, run_id_of
from pytest_lambda_ml.store.invocations import INVOCATIONS_FILE
from pytest_lambda_ml.store.plain import from_plain
from pytest_lambda_ml.store.run_file import read_run_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["StoredCell", "stored_cells"]


class StoredCell(NamedTuple):
    """A whole cell of a stored run and the billed milliseconds of its REPORTs, by start."""

    configuration: Configuration
    run_id: str
    day: str
    backend: str
    cold_ms: tuple[float, ...]
    other_ms: tuple[float, ...]


def stored_cells(root: Path) -> Iterator[StoredCell]:
    """The cells of all runs under ``root`` that were measured to their end, the latest run first.

    A run that cannot be read, or that an older version stored without its invocations, is passed
    over.
    """
    for folder in reversed(run_folders(root)):
        try:
            run = read_run_file(folder)
            billed = _billed(folder)
        except (RunStoreError, OSError):
            continue
        for index, cell in enumerate(run.get("cells", ())):
            cold, other = billed.get((index, True), ()), billed.get((index, False), ())
            if not cell["partial"] and (cold or other):
                yield StoredCell(
                    from_plain(Configuration, cell["configuration"]),
                    run_id_of(folder),
                    _day(folder),
                    str(run.get("backend")),
                    tuple(cold),
                    tuple(other),
                )


def _billed(folder: Path) -> dict[tuple[int, bool], list[float]]:
    """Billed milliseconds by cell and whether the start was a cold one."""
    import pyarrow.parquet as pq
    from pyarrow import ArrowException

    try:
        table: Any = pq.read_table(
            folder / INVOCATIONS_FILE, columns=["cell", "start", "billed_duration_ms"]
        )
    except ArrowException as error:
        raise RunStoreError(f"{folder / INVOCATIONS_FILE}: {error}") from error
    found: dict[tuple[int, bool], list[float]] = {}
    for row in table.to_pylist():
        if row["billed_duration_ms"] is not None:
            key = (row["cell"], row["start"] == StartType.COLD.value)
            found.setdefault(key, []).append(row["billed_duration_ms"])
    return found


def _day(folder: Path) -> str:
    """The day that begins the folder's name: ``20261124T…`` is 2026-11-24."""
    name = folder.name
    return f"{name[:4]}-{name[4:6]}-{name[6:8]}"
