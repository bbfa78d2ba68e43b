"""A stored run as data to work with: each cell with a pandas row per REPORT."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.campaign.figures import cell_figures, count_outcomes
from pytest_lambda_ml.campaign.result import CellFigures
from pytest_lambda_ml.campaign.training_result import Training, training_of
from pytest_lambda_ml.errors import PriceError, RunStoreError
from pytest_lambda_ml.measure.pricing import Cost, load_prices
from pytest_lambda_ml.model import Configuration, Outcome, Outcomes, Provenance, StartType
from pytest_lambda_ml.store.find_run import find_run, run_id_of
from pytest_lambda_ml.store.invocations import INVOCATIONS_FILE, invocation_table
from pytest_lambda_ml.store.journal import JOURNAL, read_journal
from pytest_lambda_ml.store.plain import from_plain
from pytest_lambda_ml.store.recovery import cells_of_journal, session_of_journal
from pytest_lambda_ml.store.run_file import RUN_FILE, read_run_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    import pyarrow as pa

    from pytest_lambda_ml.measure.pricing import Prices
    from pytest_lambda_ml.store.recovery import JournalCell

__all__ = ["IDENTITIES", "Run", "RunCell", "load_run"]

IDENTITIES = frozenset(
    {
        "sample_id",
        "request_id",
        "sns_message_id",
        "log_stream",
        "xray_trace_id",
        "environment_id",
        "output_digest",
        "handler_figures",
        "handler_error_message",
    }
)
"""Text columns in which values seldom come twice; all other text columns are categories."""

FIRST_REGION = "us-east-1"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RunCell:
    """One cell of a stored run.

    ``invocations`` has a row per REPORT and the columns of `store.invocations`: numbers are float64
    with NaN where absent, ``counts`` and ``cold`` are booleans, words are categories, ids strings.
    ``training`` is there where the cell trained a model: its messages are then no items.
    """

    configuration: Configuration
    outcomes: Outcomes
    figures: CellFigures
    provenance: Provenance
    partial: bool
    invocations: pd.DataFrame
    training: Training | None = None

    @property
    def cell_id(self) -> str:
        """The cell's name."""
        return self.configuration.cell_id

    @property
    def succeeded(self) -> pd.DataFrame:
        """The attempts that counts, of messages that succeeded, however their environment came."""
        rows = self.invocations
        return rows[rows["counts"] & (rows["outcome"] == Outcome.SUCCEEDED.value)]

    @property
    def warm(self) -> pd.DataFrame:
        """The invocations that succeeded in an environment used before: the headline's."""
        rows = self.succeeded
        return rows[rows["start"] == StartType.WARM.value]

    @property
    def cold(self) -> pd.DataFrame:
        """The first invocations of environments, whatever became of them."""
        rows = self.invocations
        return rows[rows["counts"] & (rows["start"] == StartType.COLD.value)]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Run:
    """A stored campaign: of ``run.json`` what analyses need, and its cells.

    ``stored`` is ``run.json`` as it is (the journal's first entry, for a run that was killed).
    ``partial`` runs were interrupted or killed; they are never a baseline.
    """

    run_id: str
    folder: Path
    created_at: datetime
    closed_at: datetime | None
    partial: bool
    partial_reason: str | None
    backend: str
    region: str
    cells: tuple[RunCell, ...]
    stored: Mapping[str, Any] = field(default_factory=dict)

    @property
    def environment(self) -> Mapping[str, Any]:
        """Python, platform and versions of packages where pytest ran."""
        return self.stored.get("environment") or {}

    @property
    def git(self) -> Mapping[str, Any]:
        """``commit``, ``branch`` and ``dirty`` of the project; empty outside git."""
        return self.stored.get("git") or {}

    @property
    def price_table(self) -> Mapping[str, Any]:
        """``date`` and ``sha256`` of the price table."""
        return self.stored.get("price_table") or {}

    @property
    def imported_from(self) -> tuple[str, ...]:
        """The files that an imported run was read from; empty for one that was measured."""
        return tuple(self.stored.get("imported_from") or ())


def load_run(path_or_id: str | Path, root: Path, *, columns: Sequence[str] | None = None) -> Run:
    """Load the run that ``path_or_id`` names (see `store.find_run`); ``root`` is ``.lambda-ml``.

    ``columns`` restricts the invocations to these columns, which saves memory for large runs;
    those that `RunCell`'s properties need are always there. Raises `RunStoreError`.
    """
    folder = find_run(path_or_id, root)
    try:
        if not (folder / RUN_FILE).is_file():
            return _from_journal(folder, columns)
        stored = read_run_file(folder)
        tables = _stored_tables(folder, stored, columns)
        cells = tuple(
            _cell(told, frame) for told, frame in zip(stored["cells"], tables, strict=True)
        )
        return _run(folder, stored, cells, stored.get("partial_reason"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunStoreError(
            f"the run in {folder} is not as this version writes it: {error!r}"
        ) from error


def _run(
    folder: Path, stored: Mapping[str, Any], cells: tuple[RunCell, ...], reason: str | None
) -> Run:
    closed = stored.get("closed_at")
    return Run(
        run_id=stored.get("run_id") or run_id_of(folder),
        folder=folder,
        created_at=datetime.fromtimestamp(stored.get("created_at") or stored["at"], UTC),
        closed_at=None if closed is None else datetime.fromtimestamp(closed, UTC),
        partial=bool(stored.get("partial", True)),
        partial_reason=reason,
        backend=stored.get("backend") or "local",
        region=_region(stored),
        cells=cells,
        stored=stored,
    )


def _cell(told: Mapping[str, Any], frame: pd.DataFrame) -> RunCell:
    figures = told["figures"]
    cost = {
        name: value if value is None or name == "notes" else Decimal(value)
        for name, value in figures["cost_total"].items()
    }
    return RunCell(
        configuration=from_plain(Configuration, told["configuration"]),
        outcomes=from_plain(Outcomes, told["outcomes"]),
        figures=from_plain(CellFigures, figures, cost_total=from_plain(Cost, cost)),
        provenance=from_plain(Provenance, told["provenance"]),
        partial=bool(told.get("partial")),
        training=from_plain(Training, training) if (training := told.get("training")) else None,
        invocations=frame,
    )


def _stored_tables(
    folder: Path, stored: Mapping[str, Any], columns: Sequence[str] | None
) -> list[pd.DataFrame]:
    """A frame per cell of the run file, from Parquet, or from the journal where there is none."""
    count = len(stored["cells"])
    path = folder / INVOCATIONS_FILE
    if path.is_file():
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            names = pq.read_schema(path).names
            return _frames(pq.read_table(path, columns=_wanted(names, columns)), count)
        except (OSError, pa.ArrowException) as error:
            raise RunStoreError(f"{path} cannot be read: {error}") from error
    cells = cells_of_journal(read_journal(folder / JOURNAL)) if (folder / JOURNAL).is_file() else []
    finished = [cell for cell in cells if cell.stored is not None]
    if len(finished) != count:
        raise RunStoreError(f"{folder} has neither {INVOCATIONS_FILE} nor a journal of its cells")
    return _journal_frames(finished, _region(stored), columns)


def _region(stored: Mapping[str, Any]) -> str:
    """The first of the run's regions: in a run of several, each cell says its own."""
    return str(stored.get("region") or FIRST_REGION).partition(",")[0]


def _wanted(names: Sequence[str], columns: Sequence[str] | None) -> list[str]:
    if columns is None:
        return list(names)
    always = {"cell", "counts", "outcome", "start", *columns}
    return [name for name in names if name in always]


def _frames(table: pa.Table, count: int) -> list[pd.DataFrame]:
    """The rows of each cell; a cell without a REPORT has a frame without rows."""
    import numpy as np

    frame = _frame(table)
    cell = frame.pop("cell").to_numpy(dtype=np.int64)
    order = np.argsort(cell, kind="stable")
    if not np.array_equal(order, np.arange(len(order))):
        frame, cell = frame.iloc[order], cell[order]
    edges = np.searchsorted(cell, np.arange(count + 1))
    return [frame.iloc[start:end].reset_index(drop=True) for start, end in pairwise(edges)]


def _frame(table: pa.Table) -> pd.DataFrame:
    import pandas as pd
    import pyarrow as pa

    columns: dict[str, Any] = {}
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_boolean(column.type):
            columns[name] = column.fill_null(pa.scalar(value=False)).to_pandas()
        elif pa.types.is_string(column.type) and name in IDENTITIES:
            columns[name] = column.to_pandas(
                types_mapper={pa.string(): pd.StringDtype("pyarrow")}.get
            )
        elif pa.types.is_string(column.type):
            columns[name] = column.combine_chunks().dictionary_encode().to_pandas()
        else:
            columns[name] = column.cast(pa.float64()).to_pandas()
    return pd.DataFrame(columns)


def _from_journal(folder: Path, columns: Sequence[str] | None) -> Run:
    """A run that was killed: what its journal has, each unfinished cell with what had come."""
    entries = read_journal(folder / JOURNAL)
    session = {**session_of_journal(entries)}
    if not entries:
        raise RunStoreError(f"the journal in {folder} is empty: nothing was measured")
    session.setdefault("at", entries[0].get("at", 0))
    region = _region(session)
    cells = cells_of_journal(entries)
    frames = _journal_frames(cells, region, columns)
    read = [
        _cell(cell.stored, frame) if cell.stored else _unfinished(cell, frame, session, region)
        for cell, frame in zip(cells, frames, strict=True)
    ]
    return _run(folder, session, tuple(read), "killed: only its journal is left")


def _journal_frames(
    cells: Sequence[JournalCell], region: str, columns: Sequence[str] | None
) -> list[pd.DataFrame]:
    table = invocation_table(
        (cell.configuration, cell.invocations, _prices(cell.configuration, region))
        for cell in cells
    )
    return _frames(table.select(_wanted(table.column_names, columns)), len(cells))


def _prices(configuration: Configuration, region: str) -> Prices:
    table = load_prices()
    try:
        return table.prices(configuration.region or region, configuration.architecture)
    except PriceError as error:
        raise RunStoreError(str(error)) from error


def _unfinished(
    cell: JournalCell, frame: pd.DataFrame, session: Mapping[str, Any], region: str
) -> RunCell:
    """What had come of a cell; nobody summed up what was published and logged."""
    configuration, invocations = cell.configuration, cell.invocations
    records = [item.record for item in invocations if item.record]
    return RunCell(
        configuration=configuration,
        outcomes=count_outcomes(len(cell.published), invocations),
        figures=cell_figures(
            invocations,
            configuration,
            _prices(configuration, region),
            published_bytes=0,
            log_bytes=0,
            makespan_s=None,
        ),
        provenance=Provenance(
            backend=session.get("backend") or "local",
            region=configuration.region or region,
            architecture=configuration.architecture,
            cpu_model=next((record.cpu_model for record in records if record.cpu_model), None),
            cpu_enforced=session.get("cpu_enforced"),
            memory_enforced=session.get("memory_enforced"),
            price_date=load_prices().date,
            dependencies=session.get("dependencies") or "host",
            dataset="not recorded: the run was killed",
            weights=next((record.weights for record in records if record.weights), None),
            notes=("the run was killed in this cell: log ingestion is not in its cost",),
        ),
        partial=True,
        training=training_of(invocations, configuration.concurrency, None),
        invocations=frame,
    )
