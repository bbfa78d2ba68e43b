"""From imported rows to cells: which there are, what each row costs, and the figures of each.

A log says neither algorithm nor concurrency, so cells are guessed, and the run says that they are.
"""

from __future__ import annotations

import math
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lambda_ml.analysis.frame_figures import (
    MB_PER_GB,
    MS_PER_S,
    NO_FIGURES,
    NUMBERS,
    column_figures,
)
from pytest_lambda_ml.analysis.import_join import codes_of
from pytest_lambda_ml.analysis.import_names import bare_name, read_cell_name
from pytest_lambda_ml.measure.pricing import load_prices
from pytest_lambda_ml.model import Configuration, Outcome, Outcomes, Provenance, StartType
from pytest_lambda_ml.store.invocations import invocations_schema

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from pytest_lambda_ml.measure.pricing import Prices
    from pytest_lambda_ml.model import Architecture

    Codes = NDArray[np.int64]

__all__ = ["Cells", "Guess"]

GUESSED = (
    "imported: algorithm, concurrency and batch size are guessed from names and environments; "
    "publishing and log ingestion are not in the cost"
)
KEYS = ("function_name", "algorithm", "memory_mb", "batch_size")
MOST_CODES = 1 << 16
ALIKE = ("cpu_model", "weights")
"""What all rows of a cell say alike, if they say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guess:
    """What the user says of all cells; None is guessed."""

    algorithm: str | None = None
    engine: str | None = None
    concurrency: int | None = None
    batch_size: int | None = None
    architecture: Architecture = "x86_64"


@dataclass(slots=True, eq=False)
class _Cell:
    """A function, a memory size and a batch size, with the prices of its region."""

    function: str
    algorithm: str
    memory_mb: int
    batch_size: int | None
    region: str
    prices: Prices
    said: dict[str, Any] = field(default_factory=dict)


class Cells:
    """The cells of an import, in the order in which they come first."""

    def __init__(self, guess: Guess, region: str) -> None:
        self._guess, self._region, self._table = guess, region, load_prices()
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._cells: list[_Cell] = []
        self._environments: dict[str, int] = {}
        self._parts: list[pa.Table] = []

    def place(self, rows: pa.Table) -> pa.Table:
        """The rows as they are stored: with cell and cost, of the included /tmp.

        Messages without a REPORT are left out. Raises `PriceError` for a region without prices.
        """
        import pyarrow as pa

        number = self._cell_of_each(rows)
        billed, memory = rows["billed_duration_ms"].to_numpy(), rows["memory_mb"].to_numpy()
        used = billed * memory / MB_PER_GB / MS_PER_S
        each = [(cell.prices.gb_second_usd, cell.prices.request_usd or 0) for cell in self._cells]
        prices = np.array(each, dtype=np.float64).reshape(-1, 2)[number]
        compute, request = used * prices[:, 0], np.ascontiguousarray(prices[:, 1])
        unbilled = np.isnan(used)
        columns = {name: rows[name] for name in rows.column_names} | {
            "cell": pa.array(number.astype(np.int32)),
            "gb_seconds": pa.array(used, mask=unbilled),
            "gb_seconds_usd": pa.array(compute, mask=unbilled),
            "requests_usd": pa.array(request),
            "ephemeral_usd": pa.array(np.zeros(len(used)), mask=unbilled),
            "cost_usd": pa.array(compute + request, mask=unbilled),
        }
        self._note(rows, number)
        start, outcome = (
            _members(rows[name], list(kind))
            for name, kind in (("start", StartType), ("outcome", Outcome))
        )
        figured = {name: columns[name] for name in NUMBERS} | {
            "cell": number,
            "counts": rows["counts"],
            "start": start,
            "outcome": outcome,
            "environment": self._environment_of_each(rows),
            "handler_figures": rows["handler_figures"],
        }
        self._parts.append(pa.table(figured))
        stored = pa.table({name: columns[name] for name in invocations_schema().names})
        missing = outcome == list(Outcome).index(Outcome.MISSING)
        return stored.filter(pa.array(~missing)) if missing.any() else stored

    def stored(self) -> list[dict[str, object]]:
        """What ``run.json`` says of each cell."""
        import pyarrow as pa

        rows = pa.concat_tables(self._parts)
        self._parts.clear()
        cell = rows["cell"].to_numpy()
        order = None
        if (np.diff(cell) < 0).any():
            small = cell.astype(np.uint16) if len(self._cells) < 1 << 16 else cell
            order = np.argsort(small, kind="stable")
        edges = [0, *np.cumsum(np.bincount(cell, minlength=len(self._cells))).tolist()]
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
            names = [name for name in rows.column_names if name not in {"cell", "handler_figures"}]
            arrays = pool.map(lambda name: _ordered(rows[name], order), names)
            columns = dict(zip(names, arrays, strict=True))
            if (said := _said(rows["handler_figures"])) is not None:
                columns["handler_figures"] = said if order is None else said[order]
            parts = [
                {name: column[start:end] for name, column in columns.items()}
                for start, end in pairwise(edges)
            ]
            return list(pool.map(self._stored, self._cells, parts))

    def _cell_of_each(self, rows: pa.Table) -> Codes:
        """The number of each row's cell; those met first are added."""
        code = np.zeros(rows.num_rows, dtype=np.int64)
        values: list[list[Any]] = []
        for key in KEYS:
            codes, found = codes_of(rows[key])
            values.append([*found, None])
            code *= len(found) + 1
            code += np.where(codes < 0, len(found), codes)
        present, first, inverse = _distinct(code, math.prod(map(len, values)))
        numbers = np.zeros(len(present), dtype=np.int64)
        for place in np.argsort(first).tolist():
            rest = int(present[place])
            one_cell: list[Any] = []
            for among in reversed(values):
                rest, one = divmod(rest, len(among))
                one_cell.append(among[one])
            numbers[place] = self._number(*reversed(one_cell))
        return numbers[inverse]

    def _number(self, name: str | None, algorithm: str | None, memory: Any, batch: Any) -> int:
        key = (name, algorithm, memory, batch)
        if key in self._numbers:
            return self._numbers[key]
        own = self._read(name or "")
        region = (own.region if own else None) or self._region
        prices = self._table.prices(region, self._guess.architecture)
        self._cells.append(_Cell(name or "", algorithm or "", memory or 0, batch, region, prices))
        return self._numbers.setdefault(key, len(self._cells) - 1)

    def _read(self, name: str) -> Any:
        return read_cell_name(name, algorithm=self._guess.algorithm, engine=self._guess.engine)

    def _environment_of_each(self, rows: pa.Table) -> Codes:
        """A number for each environment, by its id or log stream; -1 where neither is known."""
        own = np.full(rows.num_rows, -1, dtype=np.int64)
        for name in ("log_stream", "environment_id"):
            codes, found = codes_of(rows[name])
            known = self._environments
            numbers = [known.setdefault(each, len(known)) for each in found]
            own = np.where(codes < 0, own, np.array([*numbers, -1], dtype=np.int64)[codes])
        return own

    def _note(self, rows: pa.Table, number: Codes) -> None:
        """Keep what a row of each cell says that all of them say."""
        for name in ALIKE:
            wanted = [index for index, cell in enumerate(self._cells) if name not in cell.said]
            if not wanted or rows[name].null_count == rows.num_rows:
                continue
            codes, found = codes_of(rows[name])
            for index in wanted:
                said = codes[(number == index) & (codes >= 0)]
                if len(said):
                    self._cells[index].said[name] = found[said[0]]

    def _stored(self, cell: _Cell, columns: dict[str, NDArray[Any]]) -> dict[str, object]:
        outcome, start = columns.pop("outcome"), columns.pop("start")
        counted = np.bincount(outcome[columns["counts"]], minlength=len(Outcome)).tolist()
        outcomes = Outcomes(
            published=sum(counted),
            **{each.value: count for each, count in zip(Outcome, counted, strict=True)},
        )
        configuration = self._configuration(cell, columns["environment"])
        columns["warm"] = start == list(StartType).index(StartType.WARM)
        columns["cold"] = start == list(StartType).index(StartType.COLD)
        columns["succeeded"] = outcome == list(Outcome).index(Outcome.SUCCEEDED)
        reported = outcome != list(Outcome).index(Outcome.MISSING)
        if not reported.all():
            columns = {name: column[reported] for name, column in columns.items()}
        figures = column_figures(columns, configuration, cell.prices)
        return {
            "cell_id": configuration.cell_id,
            "configuration": configuration,
            "outcomes": outcomes,
            "figures": figures,
            "cost_usd_total": figures.cost_total.total_usd,
            "provenance": Provenance(
                backend="aws",
                region=cell.region,
                architecture=configuration.architecture,
                cpu_model=cell.said.get("cpu_model"),
                cpu_enforced="aws",
                memory_enforced="aws",
                price_date=self._table.date,
                dependencies="package",
                dataset="not known: imported",
                weights=cell.said.get("weights"),
                notes=(GUESSED,),
            ),
            "partial": False,
            "not_succeeded": [],
        }

    def _configuration(self, cell: _Cell, environments: Codes) -> Configuration:
        """The configuration of a cell.

        A function's name that ends as our cells do (algorithm, engine, memory, concurrency, batch)
        says all. Else the algorithm is the tool's functionName, or the function's name without its
        memory size and words such as lambda; the concurrency is the number of environments seen.
        """
        own, guess = self._read(cell.function), self._guess
        seen = int(np.count_nonzero(np.unique(environments) >= 0))
        algorithm = own.algorithm if own else cell.algorithm or bare_name(cell.function)
        return Configuration(
            algorithm=guess.algorithm or algorithm or "unknown",
            engine=guess.engine or (own.engine if own else "reference"),
            memory_mb=int(cell.memory_mb),
            concurrency=guess.concurrency or (own.concurrency if own else seen or 1),
            batch_size=guess.batch_size or int(cell.batch_size or (own.batch_size if own else 1)),
            architecture=guess.architecture,
            region=own.region if own else None,
            trigger=own.trigger if own else "sns",
        )


def _distinct(codes: Codes, end: int) -> tuple[Codes, Codes, Codes]:
    """The values, where each is first, and which each is; values are below ``end``."""
    if end > MOST_CODES:
        return np.unique(codes, return_index=True, return_inverse=True)
    first = np.full(end, -1, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]  # of several, the last that is put stays
    present = np.flatnonzero(first >= 0)
    places = np.zeros(end, dtype=np.int64)
    places[present] = np.arange(len(present))
    return present, first[present], places[codes]


def _members(column: pa.ChunkedArray, members: list[Any]) -> NDArray[np.int8]:
    """Which of these each value is; -1 where it is absent."""
    codes, found = codes_of(column)
    numbers = [members.index(each) for each in found]
    return np.array([*numbers, -1], dtype=np.int8)[codes]


def _ordered(column: pa.ChunkedArray, order: Codes | None) -> NDArray[Any]:
    if column.null_count == len(column):
        return np.full(len(column), np.nan)
    values: NDArray[Any] = column.to_numpy()
    return values if order is None else values[order]


def _said(column: pa.ChunkedArray) -> NDArray[np.object_] | None:
    """The texts of handlers' figures; None where they say nothing."""
    said = {text for chunk in column.chunks for text in chunk.dictionary.to_pylist()}
    if said <= {NO_FIGURES}:
        return None
    texts: NDArray[np.object_] = column.cast("string").fill_null(NO_FIGURES).to_numpy()
    return texts
