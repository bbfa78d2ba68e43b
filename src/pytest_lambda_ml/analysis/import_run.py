"""From imported rows to a stored run: cells, figures, cost, and the files of a run.

A log says neither algorithm nor concurrency, so cells are guessed (`guess_cell`), and the run says
that they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lambda_ml.analysis.frame_figures import frame_figures, priced
from pytest_lambda_ml.analysis.import_csv import is_thesis_csv, read_thesis_csv
from pytest_lambda_ml.analysis.import_join import joined
from pytest_lambda_ml.analysis.import_logs import read_log
from pytest_lambda_ml.analysis.import_names import bare_name, read_cell_name
from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.measure.pricing import load_prices
from pytest_lambda_ml.model import Configuration, Outcome, Outcomes, Provenance
from pytest_lambda_ml.store.invocations import invocations_schema, write_invocations
from pytest_lambda_ml.store.run_file import write_run_file
from pytest_lambda_ml.store.run_folder import create_run_folder

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from pytest_lambda_ml.measure.pricing import Prices
    from pytest_lambda_ml.model import Architecture

__all__ = ["Guess", "guess_cell", "import_files"]

DEFAULT_REGION = "us-east-1"
GUESSED = (
    "imported: algorithm, concurrency and batch size are guessed from names and environments; "
    "publishing and log ingestion are not in the cost"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What the user says of all cells; None is guessed."""

    algorithm: str | None = None
    engine: str | None = None
    concurrency: int | None = None
    batch_size: int | None = None
    architecture: Architecture = "x86_64"


def import_files(
    files: Sequence[Path], root: Path, now: datetime, *, region: str = DEFAULT_REGION, guess: Guess
) -> Path:
    """Read the files as one run, store it under ``root``, and give its folder.

    Raises `RunStoreError` for a file that is neither the thesis' CSV nor log text, and `PriceError`
    for a region without prices.
    """
    import pandas as pd

    table = load_prices()
    frames = [_read(file) for file in files]
    frame, edges = _ordered(pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0])
    spans = list(pairwise(edges))
    guessed = [guess_cell(frame.iloc[start:end], guess) for start, end in spans]
    prices = [table.prices(each.region or region, each.architecture) for each in guessed]
    frame = priced(frame, prices, np.diff(edges))
    run = create_run_folder(root, now)
    cells = [
        _stored(
            configuration, frame.iloc[start:end], configuration.region or region, table.date, own
        )
        for (start, end), configuration, own in zip(spans, guessed, prices, strict=True)
    ]
    numbers = np.repeat(np.arange(len(spans), dtype=np.int32), np.diff(edges))
    reported = (frame["outcome"] != Outcome.MISSING.value).to_numpy(dtype=bool)
    write_invocations(run.path, _table(frame.assign(cell=numbers), reported))
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
    return run.path


def guess_cell(rows: pd.DataFrame, guess: Guess) -> Configuration:
    """The configuration of rows of one function and memory size.

    A function's name that ends as our cells do (algorithm, engine, memory, concurrency, batch) says
    all. Else the algorithm is the tool's functionName, or the function's name without its memory
    size and words such as lambda; the concurrency is the number of environments seen.
    """
    name = _first(rows, "function_name") or ""
    own = read_cell_name(name, algorithm=guess.algorithm, engine=guess.engine)
    batch = _first(rows, "batch_size")
    environments = rows["environment_id"].fillna(rows["log_stream"]).nunique()
    algorithm = own.algorithm if own else _first(rows, "algorithm") or bare_name(name)
    return Configuration(
        algorithm=guess.algorithm or algorithm or "unknown",
        engine=guess.engine or (own.engine if own else "reference"),
        memory_mb=int(_first(rows, "memory_mb") or 0),
        concurrency=guess.concurrency or (own.concurrency if own else environments or 1),
        batch_size=guess.batch_size or int(batch or (own.batch_size if own else 1)),
        architecture=guess.architecture,
        region=own.region if own else None,
        trigger=own.trigger if own else "sns",
    )


def _read(file: Path) -> pd.DataFrame:
    try:
        frame = read_thesis_csv(file) if is_thesis_csv(file) else joined(read_log(file))
    except OSError as error:
        raise RunStoreError(f"{file} cannot be read: {error.strerror}") from error
    return _shaped(frame)


def _shaped(frame: pd.DataFrame) -> pd.DataFrame:
    """With all columns of a stored run and ``algorithm``, words as Arrow has them."""
    import pandas as pd
    import pyarrow as pa

    words = pd.StringDtype("pyarrow")
    kinds = {field.name: str(field.type) for field in invocations_schema()}
    columns: dict[str, Any] = {}
    for name, kind in {**kinds, "algorithm": "string"}.items():
        column = frame.get(name)
        if kind != "string":
            columns[name] = np.full(len(frame), np.nan) if column is None else column
        elif column is None:
            columns[name] = pd.array(pa.nulls(len(frame), pa.string()), dtype=words)
        elif column.dtype == words:
            columns[name] = column
        else:
            texts = pa.array(column, type=pa.string(), from_pandas=True)
            columns[name] = pd.array(texts, dtype=words)
    return pd.DataFrame(columns)


def _ordered(frame: pd.DataFrame) -> tuple[pd.DataFrame, list[int]]:
    """Cell by cell, in the order in which cells come first, and where each begins and ends."""
    import pandas as pd

    keys = ["function_name", "algorithm", "memory_mb", "batch_size"]
    codes = np.zeros(len(frame), dtype=np.int64)
    for key in keys:
        column, values = pd.factorize(frame[key])
        codes = codes * (len(values) + 1) + column + 1
    codes = pd.factorize(codes)[0]
    if (np.diff(codes) < 0).any():
        order = np.argsort(codes, kind="stable")
        frame, codes = frame.take(order).reset_index(drop=True), codes[order]
    return frame, [0, *(np.flatnonzero(np.diff(codes)) + 1).tolist(), len(frame)]


def _first(rows: pd.DataFrame, name: str) -> Any:
    """The first value that is there: those of one cell are all alike."""
    present = rows[name].dropna()
    return present.iloc[0] if len(present) else None


def _stored(
    configuration: Configuration, rows: pd.DataFrame, region: str, price_date: str, prices: Prices
) -> dict[str, object]:
    counted = rows["outcome"][rows["counts"].to_numpy(dtype=bool)].value_counts()
    outcomes = Outcomes(
        published=int(counted.sum()),
        **{outcome.value: int(counted.get(outcome.value, 0)) for outcome in Outcome},
    )
    lost = (rows["outcome"] == Outcome.MISSING.value).to_numpy(dtype=bool)
    figures = frame_figures(rows[~lost] if lost.any() else rows, configuration, prices)
    return {
        "cell_id": configuration.cell_id,
        "configuration": configuration,
        "outcomes": outcomes,
        "figures": figures,
        "cost_usd_total": figures.cost_total.total_usd,
        "provenance": Provenance(
            backend="aws",
            region=region,
            architecture=configuration.architecture,
            cpu_model=_first(rows, "cpu_model"),
            cpu_enforced="aws",
            memory_enforced="aws",
            price_date=price_date,
            dependencies="package",
            dataset="not known: imported",
            weights=_first(rows, "weights"),
            notes=(GUESSED,),
        ),
        "partial": False,
        "not_succeeded": [],
    }


def _table(frame: pd.DataFrame, kept: NDArray[np.bool_]) -> pa.Table:
    import pyarrow as pa

    table = pa.Table.from_pandas(
        frame[invocations_schema().names], schema=invocations_schema(), preserve_index=False
    )
    return table if kept.all() else table.filter(pa.array(kept))
