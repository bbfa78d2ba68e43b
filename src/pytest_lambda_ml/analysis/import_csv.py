"""The CSV files of the thesis' tool, both ways: its columns are `THESIS_COLUMNS`.

Times of day are epoch seconds or milliseconds there, told apart by their size, and the two
durations beside them, initializationTime and processingTime, are in the same unit.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.import_join import rows_schema
from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.model import Outcome, StartType

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

__all__ = [
    "ABSENT",
    "ACCEPTED",
    "THESIS_COLUMNS",
    "is_thesis_csv",
    "read_thesis_csv",
    "thesis_frame",
]

ABSENT = "NA"

THESIS_COLUMNS = {
    "messageId": "sns_message_id",
    "lambdaName": "function_name",
    "functionName": "algorithm",
    "functionInstanceId": "environment_id",
    "batchSize": "batch_size",
    "isColdStart": "cold",
    "initializationStart": "initialization_started_at_ms",
    "initializationEnd": "initialization_ended_at_ms",
    "processingStart": "processing_started_at_ms",
    "processingEnd": "processing_ended_at_ms",
    "initializationTime": "initialization_ms",
    "processingTime": "processing_ms",
    "lambdaDuration": "duration_ms",
    "lambdaBilledDuration": "billed_duration_ms",
    "lambdaMemorySize": "memory_mb",
    "lambdaMaxMemoryUsed": "max_memory_mb",
    "cpuCount": "cpu_count",
}
"""The tool's columns in its order, and what each is called here."""

_SECONDS_BELOW = 1e11
"""An epoch time below this is in seconds: as milliseconds it would lie before 1974."""

_TIMES = ("initializationStart", "initializationEnd", "processingStart", "processingEnd")
_SPANS = ("initializationTime", "processingTime")
_NUMBERS = (
    *_TIMES,
    *_SPANS,
    "batchSize",
    "lambdaDuration",
    "lambdaBilledDuration",
    "lambdaMemorySize",
    "lambdaMaxMemoryUsed",
    "cpuCount",
)
_NEEDED = ("lambdaBilledDuration", "lambdaMemorySize")

ACCEPTED = (
    "accepted are the CSV of the thesis' tool (export --format thesis-csv shows its columns) and "
    "log text with REPORT lines, as aws logs tail and aws logs filter-log-events print it"
)
"""What can be imported, for messages."""

MOST_NAMED = 8
_NAME = re.compile(r"[A-Za-z_][\w .-]*")
_ABSENT_WORDS = ["", ABSENT, "N/A", "NaN", "nan", "null", "None"]


def is_thesis_csv(path: Path) -> bool:
    """Whether the first line names the tool's columns.

    Raises `RunStoreError` for a CSV file that lacks those without which nothing can be said.
    """
    with path.open("rb") as file:
        names = file.readline(4096).decode("utf-8", "replace").replace('"', "").strip().split(",")
    lacking = [name for name in _NEEDED if name not in names]
    if not lacking or not (set(names) & set(THESIS_COLUMNS) or _is_header(path, names)):
        return not lacking
    raise RunStoreError(
        f"{path} lacks the column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}; it has "
        f"{', '.join(names[:MOST_NAMED])}{', …' if len(names) > MOST_NAMED else ''}; {ACCEPTED}"
    )


def _is_header(path: Path, names: Sequence[str]) -> bool:
    """Whether a file that calls itself CSV begins with names, not with a log's line."""
    csv = path.suffix.lower() == ".csv"
    return csv and len(names) > 1 and all(_NAME.fullmatch(name) for name in names)


def read_thesis_csv(path: Path) -> pa.Table:
    """A row per line, with the columns of `import_join.rows_schema`.

    A line without a billed duration has no REPORT: its outcome is missing. Raises `RunStoreError`
    naming the file and what is wrong.
    """
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.csv as pc

    texts = {name: pa.string() for name in THESIS_COLUMNS if name not in _NUMBERS}
    kinds = {**texts, **{name: pa.float64() for name in _NUMBERS}}
    convert = pc.ConvertOptions(
        column_types=kinds, null_values=_ABSENT_WORDS, strings_can_be_null=True
    )
    try:
        read = pc.read_csv(path, convert_options=convert).to_pandas(
            types_mapper={pa.string(): pd.StringDtype("pyarrow")}.get
        )
    except (OSError, pa.ArrowInvalid) as error:
        raise RunStoreError(f"{path} is no CSV file of the thesis' tool: {error}") from error
    if read.empty:
        raise RunStoreError(f"{path} has no line beneath its header")
    frame = read.reindex(columns=list(THESIS_COLUMNS))
    in_seconds = any(bool((frame[name] < _SECONDS_BELOW).any()) for name in _TIMES)
    if in_seconds:
        frame[[*_TIMES, *_SPANS]] *= 1000.0
    frame = frame.rename(columns=THESIS_COLUMNS)
    cold = frame["cold"].astype("string").str.lower().isin(["true", "1", "yes"])
    frame["cold"] = cold
    frame["start"] = np.where(cold, StartType.COLD.value, StartType.WARM.value)
    frame["outcome"] = np.where(
        frame["billed_duration_ms"].isna(), Outcome.MISSING.value, Outcome.SUCCEEDED.value
    )
    numbered = frame.index.to_series().astype("string")
    frame["sample_id"] = frame["sns_message_id"].astype("string").fillna(numbered)
    frame["request_id"] = frame["sample_id"]
    frame["counts"] = True
    columns: dict[str, pa.Array] = {}
    for field in rows_schema():
        if field.name not in frame:
            columns[field.name] = pa.nulls(len(frame), field.type)
        elif pa.types.is_dictionary(field.type):
            words = pa.array(frame[field.name], pa.string(), from_pandas=True)
            columns[field.name] = words.dictionary_encode()
        else:
            columns[field.name] = pa.array(frame[field.name], field.type, from_pandas=True)
    return pa.table(columns, schema=rows_schema())


def thesis_frame(frame: pd.DataFrame, *, algorithm: str, cell_id: str) -> pd.DataFrame:
    """The rows of a cell in the tool's columns; milliseconds throughout.

    ``lambdaName`` is the function's name, or the cell's where none is known.
    """
    known = frame.assign(
        algorithm=algorithm,
        function_name=frame["function_name"].astype("string").fillna(cell_id),
        environment_id=frame["environment_id"].fillna(frame["log_stream"]),
        cold=(frame["start"] == StartType.COLD.value)
        | (frame["start"] == StartType.PRE_INITIALISED.value),
    )
    for name in ("batch_size", "cpu_count", "memory_mb", "max_memory_mb"):
        known[name] = known[name].astype("Int64")
    told = known[list(THESIS_COLUMNS.values())]
    return told.set_axis(list(THESIS_COLUMNS), axis=1)
