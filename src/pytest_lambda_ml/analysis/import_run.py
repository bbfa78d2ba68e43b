"""Files as a stored run: rows are stored as they are read."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.import_attempts import FileRows
from pytest_lambda_ml.analysis.import_cells import Cells, Guess
from pytest_lambda_ml.analysis.import_csv import is_thesis_csv, read_thesis_csv
from pytest_lambda_ml.analysis.import_logs import log_parts
from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.measure.pricing import load_prices
from pytest_lambda_ml.store.invocations import writing
from pytest_lambda_ml.store.run_file import write_run_file
from pytest_lambda_ml.store.run_folder import create_run_folder, remove_run_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    import pyarrow as pa

    from pytest_lambda_ml.store.run_folder import RunFolder

__all__ = ["Guess", "import_files"]

DEFAULT_REGION = "us-east-1"


def import_files(
    files: Sequence[Path], root: Path, now: datetime, *, region: str = DEFAULT_REGION, guess: Guess
) -> Path:
    """Read the files as one run, store it under ``root``, and give its folder.

    Raises `RunStoreError` for a file that is neither the thesis' CSV nor log text, and `PriceError`
    for a region without prices.
    """
    run = create_run_folder(root, now)
    try:
        cells = _stored(run, files, guess, region)
        table = load_prices()
        write_run_file(
            run.path,
            {
                "run_id": run.run_id,
                "created_at": now.timestamp(),
                "closed_at": now.timestamp(),
                "partial": False,
                "partial_reason": None,
                "backend": "aws",
                "region": region,
                "price_table": {"date": table.date, "sha256": table.sha256},
                "imported_from": [file.name for file in files],
                "cells": cells,
            },
        )
    except BaseException:
        remove_run_folder(run.path)
        raise
    return run.path


def _stored(
    run: RunFolder, files: Sequence[Path], guess: Guess, region: str
) -> list[dict[str, object]]:
    """Store the rows, and say of which cells they are.

    Where the end of a file shows that some are other than they seemed, all are stored again.
    """
    read = [FileRows() for _ in files]
    cells = Cells(guess, region)
    with writing(run.path) as write:
        for rows in chain.from_iterable(map(_rows, files, read)):
            write(cells.place(rows))
        if not any([each.amend() for each in read]):  # noqa: C419  # all are amended
            return cells.stored()
    cells = Cells(guess, region)
    with writing(run.path) as write:
        for rows in chain.from_iterable(each.tables for each in read):
            write(cells.place(rows))
        return cells.stored()


def _rows(file: Path, read: FileRows) -> Iterator[pa.Table]:
    try:
        if is_thesis_csv(file):
            yield from read.of_table(read_thesis_csv(file))
        else:
            yield from read.of_log(log_parts(file))
    except OSError as error:
        raise RunStoreError(f"{file} cannot be read: {error.strerror or error}") from error
