"""What a recommendation rests on: a cell's samples as arrays, whatever they were read from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pytest_lambda_ml.campaign.cold_start import cold_start_ms, made_ready_ms
from pytest_lambda_ml.model import Outcome, StartType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from pytest_lambda_ml.analysis.load import Run, RunCell
    from pytest_lambda_ml.campaign.result import CellResult
    from pytest_lambda_ml.model import Configuration, Invocation, Outcomes

__all__ = ["COLUMNS", "CellSamples", "samples_of_result", "samples_of_results", "samples_of_run"]

COLUMNS = (
    "billed_duration_ms",
    "duration_ms",
    "init_duration_ms",
    "restore_duration_ms",
    "initialization_ms",
    "initialization_started_at_ms",
    "processing_ended_at_ms",
    "log_stream",
)
"""What `load_run` has to read for `samples_of_run`."""

_ONE_MS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class CellSamples:
    """The succeeded invocations of a cell, in milliseconds.

    ``warm_…`` arrays are of one length (n,), a value per warm invocation; ``environment`` (n,)
    numbers the execution environment of each. ``cold_billed_ms`` and ``cold_answer_ms`` have a
    value per cold start: what it was billed, and the whole time to its answer (init and duration;
    what it was billed, where its init duration is not known). ``cold_start_ms`` has one per cold
    start whose init duration is known: that, and the wrapper's initialisation where it came after.
    """

    configuration: Configuration
    region: str
    outcomes: Outcomes
    warm_billed_ms: NDArray[np.float64]
    warm_duration_ms: NDArray[np.float64]
    environment: NDArray[np.int64]
    cold_billed_ms: NDArray[np.float64]
    cold_start_ms: NDArray[np.float64]
    cold_answer_ms: NDArray[np.float64]


def samples_of_results(results: Iterable[CellResult]) -> tuple[CellSamples, ...]:
    """The samples of cells just measured, trainings left out: their messages are no items."""
    return tuple(samples_of_result(result) for result in results if result.training is None)


def samples_of_result(result: CellResult) -> CellSamples:
    """The samples of a cell just measured; invocations that lack a figure are left out."""
    succeeded = [item for item in result.invocations if item.outcome is Outcome.SUCCEEDED]
    warm = [
        (item.log_stream, item.report.billed_duration_ms, item.report.duration_ms)
        for item in succeeded
        if item.start is StartType.WARM
        and item.report
        and item.report.billed_duration_ms is not None
        and item.report.duration_ms is not None
    ]
    cold = [row for item in succeeded if (row := _cold(item)) is not None]
    return CellSamples(
        configuration=result.configuration,
        region=result.provenance.region,
        outcomes=result.outcomes,
        warm_billed_ms=_column(warm, 1),
        warm_duration_ms=_column(warm, 2),
        environment=np.unique([str(row[0]) for row in warm], return_inverse=True)[1].astype(
            np.int64
        ),
        cold_billed_ms=_column(cold, 0),
        cold_start_ms=_column([row for row in cold if row[1] is not None], 1),
        cold_answer_ms=_column(cold, 2),
    )


def _cold(item: Invocation) -> tuple[float, float | None, float] | None:
    """Billed, cold start (None where the init is not known) and answer time of a cold start.

    A log without the wrapper's records tells no initialisation: the cold start is then the init
    duration alone.
    """
    report, ready_ms = item.report, made_ready_ms(item)
    if item.start is not StartType.COLD or report is None:
        return None
    billed_ms, duration_ms = report.billed_duration_ms, report.duration_ms
    if billed_ms is None or duration_ms is None:
        return None
    if ready_ms is None:
        return billed_ms, None, max(billed_ms, duration_ms)
    start_ms = cold_start_ms(item)
    return billed_ms, ready_ms if start_ms is None else start_ms, ready_ms + duration_ms


def _column(rows: Sequence[tuple[object, ...]], index: int) -> NDArray[np.float64]:
    return np.array([row[index] for row in rows], dtype=np.float64)


def samples_of_run(run: Run) -> tuple[CellSamples, ...]:
    """The same of a stored run's cells; invocations that lack a figure are left out."""
    return tuple(_samples_of_cell(cell) for cell in run.cells if cell.training is None)


def _samples_of_cell(cell: RunCell) -> CellSamples:
    warm = cell.warm.dropna(subset=["billed_duration_ms", "duration_ms"])
    succeeded = cell.succeeded
    cold = succeeded[succeeded["start"] == StartType.COLD.value]
    cold = cold.dropna(subset=["billed_duration_ms", "duration_ms"])
    init = cold["init_duration_ms"].fillna(cold["restore_duration_ms"])
    since_ms = cold["processing_ended_at_ms"] - cold["initialization_started_at_ms"]
    before = since_ms > cold["duration_ms"] + _ONE_MS  # see `loaded_inside`
    inside = cold["initialization_ms"].fillna(0.0).where(~before, 0.0)
    billed, duration = cold["billed_duration_ms"], cold["duration_ms"]
    answer = (init + duration).fillna(billed.where(billed > duration, duration))
    return CellSamples(
        configuration=cell.configuration,
        region=cell.provenance.region,
        outcomes=cell.outcomes,
        warm_billed_ms=warm["billed_duration_ms"].to_numpy(dtype=np.float64),
        warm_duration_ms=warm["duration_ms"].to_numpy(dtype=np.float64),
        environment=warm["log_stream"].factorize(use_na_sentinel=False)[0].astype(np.int64),
        cold_billed_ms=billed.to_numpy(dtype=np.float64),
        cold_start_ms=(init + inside).dropna().to_numpy(dtype=np.float64),
        cold_answer_ms=answer.to_numpy(dtype=np.float64),
    )
