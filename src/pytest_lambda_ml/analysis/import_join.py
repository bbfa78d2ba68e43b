"""REPORTs and the wrapper's records of a log, joined into rows with outcome and kind of start."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lambda_ml.analysis.import_logs import records_schema
from pytest_lambda_ml.analysis.import_records import arrow_type
from pytest_lambda_ml.campaign.evidence import Attempt, EndLine
from pytest_lambda_ml.model import Outcome, Report, StartType
from pytest_lambda_ml.store.invocations import invocations_schema

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

    from pytest_lambda_ml.analysis.import_logs import LogTables

    Places = NDArray[np.int64]
    Flags = NDArray[np.bool_]

__all__ = ["Join", "codes_of", "outcome_of", "rows_schema", "words"]

RECORD_NAMES = {
    "error_type": "handler_error_type",
    "error_message": "handler_error_message",
    "figures": "handler_figures",
}
NOT_TAKEN = ["place", "request_id", "sample_id"]


@cache
def rows_schema() -> pa.Schema:
    """The columns of a stored run but for the cell and its costs, and ``algorithm``."""
    import pyarrow as pa

    left_out = {"cell"} | {name for name in invocations_schema().names if name.endswith("_usd")}
    kinds = {field.name: str(field.type) for field in invocations_schema()}
    return pa.schema(
        [
            (name, arrow_type(name, "float64" if kind == "double" else kind))
            for name, kind in {**kinds, "algorithm": "string"}.items()
            if name not in left_out | {"gb_seconds"}
        ]
    )


class Join:
    """Gives the REPORTs of a file their records, part by part.

    The record of a REPORT is the last of its request before it, if no REPORT is between: a retry
    has the same request id. Where the wrapper was not used, a REPORT with an Init Duration is a
    cold start and one without is warm, and what shows no failure succeeded: the log has no more
    evidence. A REPORT without a record has its request for a sample.
    """

    def __init__(self) -> None:
        self.waiting: pa.Table = records_schema().empty_table()
        """Records whose REPORT has not come."""

    def rows(self, part: LogTables) -> tuple[pa.Table, Flags]:
        """A row per REPORT of the part, in `rows_schema`, and which of them have a record."""
        import pyarrow as pa
        import pyarrow.compute as pc

        reports, records = part.reports, part.records
        if self.waiting.num_rows:
            both = pa.concat_tables([self.waiting, records])
            records = both.unify_dictionaries().combine_chunks()
        match, waiting = _record_of_each(reports, records)
        self.waiting = records.take(waiting)
        has = match >= 0
        count = reports.num_rows
        columns = dict(zip(reports.column_names, reports.columns, strict=True))
        columns["sample_id"] = reports["request_id"]
        if has.any():
            in_order = bool(has.all()) and bool((match == np.arange(count)).all())
            told = records.slice(0, count)
            if not in_order:
                told = records.take(pa.array(match, mask=~has))
            samples = told["sample_id"]
            columns["sample_id"] = (
                pc.coalesce(samples, reports["request_id"]) if samples.null_count else samples
            )
            told = told.drop_columns(NOT_TAKEN)
            for name, column in zip(told.column_names, told.columns, strict=True):
                columns[RECORD_NAMES.get(name, name)] = column
        columns["counts"] = pa.array(np.ones(count, dtype=bool))
        columns["start"] = words(list(StartType), _starts(columns, has))
        columns["outcome"] = words(list(Outcome), _outcomes(columns, count))
        for field in rows_schema():
            if field.name not in columns:
                columns[field.name] = pa.nulls(count, field.type)
        return pa.table({name: columns[name] for name in rows_schema().names}), has


def words(names: Sequence[Any], codes: NDArray[np.int32]) -> pa.DictionaryArray:
    """The values of these members of an enum by their numbers; -1 is null."""
    import pyarrow as pa

    values = pa.array([name.value for name in names])
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes < 0), values)


def codes_of(column: pa.ChunkedArray) -> tuple[NDArray[np.int32], list[Any]]:
    """Where each value is in a list of those that there are, -1 where it is null."""
    import pyarrow as pa

    found = column.combine_chunks()
    if not pa.types.is_dictionary(found.type):
        found = found.dictionary_encode()
    codes = found.indices if found.null_count == 0 else found.indices.fill_null(-1)
    return codes.to_numpy(), found.dictionary.to_pylist()


def _record_of_each(reports: pa.Table, records: pa.Table) -> tuple[Places, Places]:
    """For each REPORT the row of its record, or -1; and the records that no REPORT follows."""
    count, told = reports.num_rows, records.num_rows
    if not told:
        return np.full(count, -1, dtype=np.int64), np.zeros(0, dtype=np.int64)
    if _in_turn(reports, records):
        return np.arange(count), np.arange(count, told)
    import pandas as pd

    ids = [table["request_id"].to_pandas() for table in (reports, records)]
    codes = pd.factorize(pd.concat(ids, ignore_index=True))[0]
    places = np.concatenate([table["place"].to_numpy() for table in (reports, records)])
    order = np.lexsort((places, codes))
    before, after = order[:-1], order[1:]
    same = codes[before] == codes[after]
    pairs = (after < count) & (before >= count) & same
    match = np.full(count, -1, dtype=np.int64)
    match[after[pairs]] = before[pairs] - count
    last = order[np.append(~same, True)]
    return match, np.sort(last[last >= count]) - count


def _in_turn(reports: pa.Table, records: pa.Table) -> bool:
    """Whether each REPORT comes after its record, with no other of either between."""
    count = reports.num_rows
    if records.num_rows < count:
        return False
    if not reports["request_id"].equals(records["request_id"].slice(0, count)):
        return False
    report, record = reports["place"].to_numpy(), records["place"].to_numpy()
    following = record[1 : count + 1]
    return bool((record[:count] < report).all() and (report[: len(following)] < following).all())


def _starts(columns: Mapping[str, Any], has_record: Flags) -> NDArray[np.int32]:
    """See `campaign.stream.Stream.start_type`; an import does not look for cut-off inits."""
    cold, warm, ready = (
        list(StartType).index(kind)
        for kind in (StartType.COLD, StartType.WARM, StartType.PRE_INITIALISED)
    )
    timed = _present(columns["init_duration_ms"]) | _present(columns["restore_duration_ms"])
    starts = np.where(timed, cold, warm).astype(np.int32)
    if has_record.any():
        first = columns["cold"].fill_null(False).to_numpy()  # noqa: FBT003  # a value of the column
        starts[has_record & first & ~timed] = ready
        starts[has_record & ~first & timed] = -1
    return starts


def _present(column: pa.ChunkedArray) -> Flags:
    present: Flags = column.is_valid().to_numpy()
    return present


def _outcomes(columns: Mapping[str, Any], count: int) -> NDArray[np.int32]:
    """Succeeded, unless something says otherwise; that is read as it is in a campaign."""
    all_ = list(Outcome)
    outcomes = np.full(count, all_.index(Outcome.SUCCEEDED), dtype=np.int32)
    odd = np.zeros(count, dtype=bool)
    for name in ("status", "error_type", "handler_error_type"):
        if name in columns and columns[name].null_count < count:
            odd |= _present(columns[name])
    for index in np.flatnonzero(odd).tolist():
        row = {name: column[index].as_py() for name, column in columns.items() if name in _ASKED}
        outcomes[index] = all_.index(outcome_of(row, None))
    return outcomes


_ASKED = {
    "request_id", "memory_mb", "max_memory_mb", "status", "error_type", "handler_error_type",
}  # fmt: skip


def outcome_of(row: Mapping[str, Any], ended: str | None) -> Outcome:
    """The outcome of a row's attempt; ``ended`` says how, where a line of its own did."""
    report = Report(
        request_id=row["request_id"],
        memory_mb=row["memory_mb"],
        max_memory_mb=row["max_memory_mb"],
        status=row["status"],
        error_type=row["error_type"],
    )
    attempt = Attempt(row["request_id"], "", report=report)
    if ended:
        attempt.end_line = EndLine(row["request_id"], ended)  # type: ignore[arg-type]  # read from such a line
    raised = Outcome.FAILED if row.get("handler_error_type") else Outcome.SUCCEEDED
    return attempt.outcome() or raised
