"""REPORTs and the wrapper's records of a log, joined into rows with outcome and kind of start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lambda_ml.campaign.evidence import Attempt, EndLine
from pytest_lambda_ml.model import Outcome, Report, StartType

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

    from pytest_lambda_ml.analysis.import_logs import LogTables

__all__ = ["joined", "mark_attempts"]

RECORD_NAMES = {
    "error_type": "handler_error_type",
    "error_message": "handler_error_message",
    "figures": "handler_figures",
}


def joined(tables: LogTables) -> pd.DataFrame:
    """A row per REPORT in the order of the file, with the columns of `store.invocations`.

    The record of a REPORT is the last one of its request before it: a retry has the same request
    id. Where the wrapper was not used, a REPORT with an Init Duration is a cold start and one
    without is warm, and what shows no failure succeeded: the log has no more evidence.
    """
    import pandas as pd
    import pyarrow as pa

    match = _record_of_each(tables)
    has_record = match >= 0
    # A place that is null takes a record of nulls.
    told = tables.records.drop_columns(["place", "request_id"]).take(
        pa.array(match, mask=~has_record)
    )
    table = tables.reports.drop_columns(["place"])
    for name, column in zip(told.column_names, told.columns, strict=True):
        table = table.append_column(RECORD_NAMES.get(name, name), column)
    frame = table.to_pandas(types_mapper={pa.string(): pd.StringDtype("pyarrow")}.get)
    _name_lost(frame, tables.records)
    cold = frame["cold"].to_numpy(dtype=object) if has_record.any() else None
    frame["start"] = _starts(frame, cold, has_record)
    frame["outcome"] = _outcomes(frame, tables.endings)
    return mark_attempts(frame)


def _name_lost(frame: pd.DataFrame, records: pa.Table) -> None:
    """Give a REPORT without a record the sample of its request's other attempts, else its request.

    An attempt that was timed out or killed logs no record.
    """
    lost = frame["sample_id"].isna()
    if not lost.any():
        return
    if records.num_rows:
        known = records.select(["request_id", "sample_id", "function_name"]).to_pandas()
        known = known[known["request_id"].isin(set(frame.loc[lost, "request_id"]))]
        known = known.drop_duplicates("request_id").set_index("request_id")
        for name in ("sample_id", "function_name"):
            found = frame.loc[lost, "request_id"].map(known[name])
            frame.loc[lost, name] = found.astype(frame[name].dtype)
    frame["sample_id"] = frame["sample_id"].fillna(frame["request_id"])


def mark_attempts(frame: pd.DataFrame) -> pd.DataFrame:
    """With ``counts``: of a message's attempts the first that succeeded, else the first, counts.

    All attempts of a message have its outcome; the kind of start is of the one that counts.
    """
    keys = ["function_name", "sample_id"]
    repeated = frame.duplicated(subset=keys, keep=False)
    frame["counts"] = True
    if not repeated.any():
        return frame
    some = frame.loc[repeated, [*keys, "outcome"]]
    ranked = some.assign(lost=some["outcome"] != Outcome.SUCCEEDED.value).sort_values(
        "lost", kind="stable"
    )
    others = ranked.index[ranked.duplicated(subset=keys)]
    frame.loc[others, "counts"] = False
    frame.loc[others, "start"] = None
    outcomes = ranked.groupby(keys, sort=False, dropna=False)["outcome"].transform("first")
    frame.loc[ranked.index, "outcome"] = outcomes
    return frame


def _record_of_each(tables: LogTables) -> NDArray[np.int64]:
    """For each REPORT the row of its record, -1 where there is none."""
    count = tables.reports.num_rows
    match = np.full(count, -1, dtype=np.int64)
    if not tables.records.num_rows:
        return match
    import pandas as pd

    ids = [table.column("request_id").to_pandas() for table in (tables.reports, tables.records)]
    codes = pd.factorize(pd.concat(ids, ignore_index=True))[0]
    places = np.concatenate(
        [table.column("place").to_numpy() for table in (tables.reports, tables.records)]
    )
    order = np.lexsort((places, codes))
    before, after = order[:-1], order[1:]
    pairs = (after < count) & (before >= count) & (codes[before] == codes[after])
    match[after[pairs]] = before[pairs] - count
    return match


def _starts(
    frame: pd.DataFrame, cold: NDArray[np.object_] | None, has_record: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """See `campaign.stream.Stream.start_type`; an import does not look for cut-off inits."""
    timed = (frame["init_duration_ms"].notna() | frame["restore_duration_ms"].notna()).to_numpy()
    starts = np.where(timed, StartType.COLD.value, StartType.WARM.value).astype(object)
    if cold is not None:
        first = has_record & (cold == True)  # noqa: E712  # elements are True, False or absent
        starts[first & ~timed] = StartType.PRE_INITIALISED.value
        starts[has_record & ~first & timed] = None
    return starts


def _outcomes(frame: pd.DataFrame, endings: dict[str, str]) -> NDArray[np.object_]:
    """Succeeded, unless something says otherwise; that is read as it is in a campaign."""
    outcomes = np.full(len(frame), Outcome.SUCCEEDED.value, dtype=object)
    odd = (
        frame["status"].notna()
        | frame["error_type"].notna()
        | frame["handler_error_type"].notna()
        | frame["request_id"].isin(list(endings))
    )
    for index in np.flatnonzero(odd.to_numpy()):
        outcomes[index] = _outcome(frame.iloc[index], endings).value
    return outcomes


def _outcome(row: Any, endings: dict[str, str]) -> Outcome:
    import pandas as pd

    def present(name: str) -> Any:
        value = row[name]
        return None if pd.isna(value) else value

    request = row["request_id"]
    report = Report(
        request_id=request,
        memory_mb=present("memory_mb"),
        max_memory_mb=present("max_memory_mb"),
        status=present("status"),
        error_type=present("error_type"),
    )
    attempt = Attempt(request, "", report=report)
    if how := endings.get(request):
        attempt.end_line = EndLine(request, how)  # type: ignore[arg-type]  # read from such a line
    raised = Outcome.FAILED if present("handler_error_type") else Outcome.SUCCEEDED
    return attempt.outcome() or raised
