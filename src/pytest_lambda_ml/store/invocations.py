"""``invocations.parquet``: a row per REPORT, with all that is known about it.

A row joins the platform's REPORT, the wrapper's record, the outcome of the message and the
itemised cost of the attempt. The columns are the fields of `Report` and `InvocationRecord`, units
in their names, and those of `OWN_COLUMNS`; a field added to either is a column by itself.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.measure.pricing import gb_seconds
from pytest_lambda_ml.model import Invocation, InvocationRecord, Report
from pytest_lambda_ml.store.plain import as_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from concurrent.futures import Future
    from decimal import Decimal
    from pathlib import Path

    import pyarrow as pa

    from pytest_lambda_ml.measure.pricing import Prices
    from pytest_lambda_ml.model import Configuration

__all__ = [
    "INVOCATIONS_FILE",
    "invocation_table",
    "invocations_schema",
    "write_invocations",
    "writing",
]

INVOCATIONS_FILE = "invocations.parquet"

OWN_COLUMNS = {
    "cell": "int32",  # index into the cells of run.json
    "sample_id": "string",
    "counts": "bool",  # the attempt that gave the message its outcome; others are only billed
    "outcome": "string",
    "start": "string",
    "log_stream": "string",
    "gb_seconds": "float64",
    "gb_seconds_usd": "float64",
    "requests_usd": "float64",
    "ephemeral_usd": "float64",
    "cost_usd": "float64",
}
"""Publishing and log ingestion are paid by the cell, not by the REPORT: see ``run.json``."""

_RECORD_NAMES = {
    "error_type": "handler_error_type",
    "error_message": "handler_error_message",
    "figures": "handler_figures",  # JSON
}
_RECORD_LEFT_OUT = frozenset({"schema_version", "run_id", "sample_id", "request_id", "memory_mb"})
_ARROW_TYPES = {"int": "int32", "float": "float64", "bool": "bool"}
_SELDOM_TWICE = frozenset(
    {
        "sample_id",
        "request_id",
        "sns_message_id",
        "xray_trace_id",
        "duration_ms",
        "processing_started_at_ms",
        "processing_ended_at_ms",
        "processing_ms",
        "cpu_time_ms",
        "gb_seconds",
        "gb_seconds_usd",
        "cost_usd",
    }
)
GROUP_ROWS = 100_000
_MB_PER_GB, _MS_PER_S, _EPHEMERAL_MB_INCLUDED = 1024, 1000, 512


def _arrow_type(annotation: object) -> str:
    """The column type of a field by its annotation, which is text here: ``float | None``."""
    return _ARROW_TYPES.get(str(annotation).partition(" | ")[0], "string")


def _report_columns() -> dict[str, str]:
    return {field.name: _arrow_type(field.type) for field in dataclasses.fields(Report)}


def _record_columns() -> dict[str, str]:
    """Column → field of the wrapper's record, of those that the REPORT does not say already."""
    return {
        _RECORD_NAMES.get(field.name, field.name): field.name
        for field in dataclasses.fields(InvocationRecord)
        if field.name not in _RECORD_LEFT_OUT
    }


@cache
def invocations_schema() -> pa.Schema:
    """Names and Arrow types of all columns, in the order of the file."""
    import pyarrow as pa

    kinds = {field.name: _arrow_type(field.type) for field in dataclasses.fields(InvocationRecord)}
    columns = {
        **OWN_COLUMNS,
        **_report_columns(),
        **{column: kinds[name] for column, name in _record_columns().items()},
    }
    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns.items()])


def invocation_table(
    cells: Iterable[tuple[Configuration, Sequence[Invocation], Prices]],
) -> pa.Table:
    """The rows of all cells, in their order; ``cell`` counts from 0."""
    import pyarrow as pa

    schema = invocations_schema()
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    for index, (configuration, invocations, prices) in enumerate(cells):
        for row in _rows(invocations, configuration, prices):
            for name, values in columns.items():
                values.append(index if name == "cell" else row.get(name))
    return pa.table(columns, schema=schema)


def write_invocations(folder: Path, table: pa.Table) -> Path:
    """Write the table into the run's folder, whole or not at all. Raises `RunStoreError`."""
    with writing(folder) as write:
        write(table)
    return folder / INVOCATIONS_FILE


@contextmanager
def writing(folder: Path) -> Iterator[Callable[[pa.Table], None]]:
    """Give what writes a table behind those before; the file is there at the end, whole.

    Texts may be dictionary-encoded: they are read as texts. Raises `RunStoreError`.
    """
    path = folder / INVOCATIONS_FILE
    temporary = folder / f".{INVOCATIONS_FILE}"
    try:
        with _Writer(temporary) as writer:
            yield writer.add
        temporary.replace(path)
    except OSError as error:
        raise RunStoreError(f"{path} cannot be written: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)


class _Writer:
    """Gathers tables to row groups of a size that is worth a dictionary for each column.

    Another thread encodes them: Arrow lets go of Python's lock.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None
        self._tables: list[pa.Table] = []
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._before: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        try:
            if kind is None:
                self._next()
                self._next()
        finally:
            self._pool.shutdown()
            if self._file:
                self._file.close()

    def add(self, table: pa.Table) -> None:
        self._tables.append(table)
        if sum(each.num_rows for each in self._tables) >= GROUP_ROWS:
            self._next()

    def _next(self) -> None:
        """Begin with what came, once what came before is written. Raises what that raised."""
        if self._before:
            self._before.result()
        tables, self._tables = self._tables, []
        self._before = self._pool.submit(self._write, tables) if tables else None

    def _write(self, tables: list[pa.Table]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.concat_tables(tables).unify_dictionaries()
        if self._file is None:
            self._file = pq.ParquetWriter(
                self._path,
                table.schema,
                compression="lz4",
                use_dictionary=[name for name in table.column_names if name not in _SELDOM_TWICE],
                write_statistics=False,  # rows are in the order of time, cells among one another
                store_schema=False,
            )
        self._file.write_table(table)


def _rows(
    invocations: Iterable[Invocation], configuration: Configuration, prices: Prices
) -> Iterator[dict[str, Any]]:
    report_fields, record_fields = tuple(_report_columns()), _record_columns()
    for invocation in invocations:
        told = {
            column: _value(getattr(invocation.record, name))
            for column, name in record_fields.items()
            if invocation.record is not None
        }
        for report in invocation.reports:
            counts = report is invocation.report
            yield {
                **(told if counts else {}),
                **{name: getattr(report, name) for name in report_fields},
                **_cost(report, configuration, prices),
                "sample_id": invocation.sample_id,
                "counts": counts,
                "outcome": invocation.outcome.value,
                "start": invocation.start.value if counts and invocation.start else None,
                "log_stream": invocation.log_stream if counts else None,
            }


def _value(value: object) -> object:
    return value if value is None or isinstance(value, str | int | float) else as_json(value)


def _cost(report: Report, configuration: Configuration, prices: Prices) -> dict[str, Any]:
    """What this attempt put on the bill; None where its bill or a price is not known."""
    request = _float(prices.request_usd)
    if report.billed_duration_ms is None or report.memory_mb is None:
        return {"requests_usd": request}
    used = gb_seconds(report.billed_duration_ms, report.memory_mb)
    compute = used * prices.gb_second_usd
    extra_mb = max(configuration.ephemeral_mb - _EPHEMERAL_MB_INCLUDED, 0)
    storage: Decimal | None = gb_seconds(report.billed_duration_ms, extra_mb)
    if storage:
        price = prices.ephemeral_gb_second_usd
        storage = None if price is None else storage * price
    parts = (compute, prices.request_usd, storage)
    total = sum(part for part in parts if part is not None)
    return {
        "gb_seconds": float(used),
        "gb_seconds_usd": float(compute),
        "requests_usd": request,
        "ephemeral_usd": _float(storage),
        "cost_usd": float(total),
    }


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
