"""A stored run as files for other programs: CSV, Parquet, and the CSV of the thesis' tool."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.import_csv import ABSENT, thesis_frame

if TYPE_CHECKING:
    from pathlib import Path
    from typing import TextIO

    import pandas as pd

    from pytest_lambda_ml.analysis.load import Run, RunCell

__all__ = ["FORMATS", "export_frame", "write_export"]

FORMATS = ("csv", "parquet", "thesis-csv")


def export_frame(run: Run, form: str) -> pd.DataFrame:
    """A row per REPORT of the whole run: with the cell's configuration, or the tool's columns."""
    import pandas as pd

    one = _thesis if form == "thesis-csv" else _whole
    frames = [one(cell) for cell in run.cells]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def write_export(run: Run, form: str, out: Path | TextIO) -> int:
    """Write in one of `FORMATS`; gives the number of rows. A text stream takes the CSV ones."""
    frame = export_frame(run, form)
    if form == "parquet":
        frame.to_parquet(out, index=False)  # type: ignore[arg-type]  # a path: see the docstring
    else:
        frame.to_csv(out, index=False, na_rep=ABSENT if form == "thesis-csv" else "")
    return len(frame)


def _whole(cell: RunCell) -> pd.DataFrame:
    """The rows with the cell's configuration before them, under the names of both."""
    rows = cell.invocations
    configuration = {"cell_id": cell.cell_id, **dataclasses.asdict(cell.configuration)}
    told = {name: value for name, value in configuration.items() if name not in rows.columns}
    frame = rows.copy()
    for position, (name, value) in enumerate(told.items()):
        frame.insert(position, name, value)
    return frame


def _thesis(cell: RunCell) -> pd.DataFrame:
    configuration = cell.configuration
    return thesis_frame(cell.invocations, algorithm=configuration.algorithm, cell_id=cell.cell_id)
