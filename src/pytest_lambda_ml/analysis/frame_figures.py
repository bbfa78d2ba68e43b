"""The figures of a cell from its rows, by columns: for runs of a million invocations.

They are those that `campaign.figures` makes of the same invocations one by one.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lambda_ml.campaign.ml_units import quality_of, units_of
from pytest_lambda_ml.campaign.result import CellFigures
from pytest_lambda_ml.measure.pricing import Cost
from pytest_lambda_ml.model import Outcome, StartType

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from pytest_lambda_ml.measure.pricing import Prices
    from pytest_lambda_ml.model import Configuration

__all__ = ["frame_figures", "priced"]

MB_PER_GB, MS_PER_S, THOUSAND, MILLION = 1024, 1000, 1000, 1_000_000
ONE_MS = 1.0
NO_FIGURES = "{}"
WARM_COLUMNS = [
    "duration_ms",
    "billed_duration_ms",
    "processing_ms",
    "gb_seconds",
    "gb_seconds_usd",
    "requests_usd",
]
COLD_COLUMNS = (
    "init_duration_ms",
    "imports_ms",
    "initialization_ms",
    "processing_ms",
    "initialization_started_at_ms",
    "processing_ended_at_ms",
    "duration_ms",
    "restore_duration_ms",
)


def priced(
    frame: pd.DataFrame, prices: Sequence[Prices], counts: NDArray[np.int64]
) -> pd.DataFrame:
    """The rows with their GB-seconds and what each put on the bill, of the included /tmp.

    Prices are those of so many rows each, one after the other.
    """
    used = frame["billed_duration_ms"] * frame["memory_mb"] / MB_PER_GB / MS_PER_S
    compute = used * np.repeat([float(each.gb_second_usd) for each in prices], counts)
    request = np.repeat([float(each.request_usd or 0) for each in prices], counts)
    return frame.assign(
        gb_seconds=used,
        gb_seconds_usd=compute,
        requests_usd=request,
        ephemeral_usd=np.where(used.isna(), np.nan, 0.0),
        cost_usd=compute + request,
    )


def frame_figures(frame: pd.DataFrame, configuration: Configuration, prices: Prices) -> CellFigures:
    """See `campaign.figures.cell_figures`; ``frame`` has a row per REPORT and is `priced`.

    The total leaves out publishing and log ingestion, which rows do not say.
    """
    counted = frame["counts"].to_numpy(dtype=bool)
    counts = frame if counted.all() else frame[counted]
    is_warm, is_cold, succeeded = (
        (counts[name] == value).to_numpy(dtype=bool, na_value=False)
        for name, value in (
            ("start", StartType.WARM.value),
            ("start", StartType.COLD.value),
            ("outcome", Outcome.SUCCEEDED.value),
        )
    )
    is_warm = is_warm & succeeded
    warm = counts.loc[is_warm, WARM_COLUMNS]
    cold = counts.loc[is_cold, list(COLD_COLUMNS)]
    billed = warm["billed_duration_ms"].dropna()
    batch, reporting = configuration.batch_size, _reporting(counts)
    items = len(billed) * batch
    cost = float((warm["gb_seconds_usd"] + warm["requests_usd"]).sum())
    environments = counts["environment_id"].fillna(counts["log_stream"])
    return CellFigures(
        warm_count=len(warm),
        cold_starts=len(cold),
        environments=int(environments.nunique()),
        duration_ms_p50=_quantile(warm["duration_ms"], 0.5),
        duration_ms_p95=_quantile(warm["duration_ms"], 0.95),
        duration_ms_mean=_mean(warm["duration_ms"]),
        billed_ms_mean=_mean(billed),
        billed_ms_total=_sum(frame["billed_duration_ms"]),
        **_cold_starts(cold),
        processing_ms_p50=_quantile(warm["processing_ms"], 0.5),
        max_memory_mb=_largest(frame["max_memory_mb"]),
        gb_seconds_per_1k_items=_per(float(warm["gb_seconds"].sum()), items, THOUSAND),
        cost_usd_per_million=_per(cost, len(billed), MILLION),
        cost_usd_per_1k_items=_per(cost, items, THOUSAND),
        cost_total=Cost(
            gb_seconds_usd=_decimal(frame["gb_seconds_usd"].sum()),
            requests_usd=_decimal(len(frame)) * (prices.request_usd or 0),
            notes=("the total leaves out publishing and log ingestion: not known of an import",),
        ),
        makespan_s=_makespan_s(counts),
        effective_concurrency=_overlap(*_busy_ms(counts)),
        **_ml_units(
            warm,
            counts["handler_figures"][is_warm] if reporting[is_warm].any() else None,
            batch,
            cost,
        ),
        quality=quality_of(_said(counts["handler_figures"][reporting].head(1))),
    )


def _ml_units(
    warm: pd.DataFrame, figures: pd.Series | None, batch_size: int, cost: float
) -> dict[str, Any]:
    """See `campaign.ml_units`; ``figures`` of the handlers, None where they say nothing."""
    durations = warm["duration_ms"].to_numpy(dtype=np.float64)
    if figures is not None:
        known: list[float | None] = [
            None if np.isnan(each) else each for each in durations.tolist()
        ]
        return units_of(known, _said(figures), batch_size, _decimal(cost))
    seconds = float(np.nansum(durations)) / MS_PER_S
    items = int(np.count_nonzero(durations > 0)) * batch_size  # not NaN either
    rate = {"items_per_s": items / seconds if seconds else None}
    return {**units_of((), (), batch_size, _decimal(0)), **rate}


def _said(figures: pd.Series) -> list[dict[str, Any]]:
    """What handlers said, of each row."""
    return [json.loads(text) for text in figures.fillna(NO_FIGURES).tolist()]


def _cold_starts(cold: pd.DataFrame) -> dict[str, Any]:
    """See `campaign.cold_start.waterfall`."""
    init, imports, loading, first, began, ended, duration, restore = (
        cold[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in COLD_COLUMNS
    )
    ready = np.where(np.isnan(init), restore, init)
    inside = ended - began <= np.nan_to_num(duration) + ONE_MS
    own = imports + np.where(inside, 0.0, np.nan_to_num(loading))
    before = ~np.isnan(restore)  # the snapshot was taken
    parts = {
        "init_ms_p50": ready,
        "runtime_ms_p50": np.maximum(init - own, 0.0),
        "imports_ms_p50": np.where(before, np.nan, imports),
        "initialization_ms_p50": np.where(before & ~inside, np.nan, loading),
        "first_batch_ms_p50": first,
        "cold_start_ms_p50": ready + np.where(inside, loading, loading * 0.0),
    }
    return {name: _median(values[~np.isnan(values)]) for name, values in parts.items()}


def _median(values: NDArray[np.float64]) -> float | None:
    return float(np.median(values)) if values.size else None


def _reporting(frame: pd.DataFrame) -> NDArray[np.bool_]:
    """The rows in which the handler said something of its own."""
    said = frame["handler_figures"].fillna(NO_FIGURES)
    reporting: NDArray[np.bool_] = (said != NO_FIGURES).to_numpy(dtype=bool)
    return reporting


def _present(values: pd.Series) -> NDArray[np.float64]:
    return values.dropna().to_numpy(dtype=np.float64)


def _quantile(values: pd.Series, q: float) -> float | None:
    present = _present(values)
    return float(np.quantile(present, q)) if present.size else None


def _mean(values: pd.Series) -> float | None:
    present = _present(values)
    return float(present.mean()) if present.size else None


def _sum(values: pd.Series) -> float | None:
    present = _present(values)
    return float(present.sum()) if present.size else None


def _largest(values: pd.Series) -> int | None:
    present = _present(values)
    return int(present.max()) if present.size else None


def _per(amount: float, count: int, unit: int) -> float | None:
    return amount / count * unit if count else None


def _decimal(value: Any) -> Decimal:
    return Decimal(str(float(value)))


def _makespan_s(counts: pd.DataFrame) -> float | None:
    """From the first start to the last end that the wrapper saw; None where it was not used."""
    begins, ends = _busy_ms(counts)
    return float(ends.max() - begins.min()) / MS_PER_S if begins.size else None


def _busy_ms(counts: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each invocation was at work: from its initialisation on where that lay inside it."""
    start, end = counts["processing_started_at_ms"], counts["processing_ended_at_ms"]
    initialized = counts["initialization_started_at_ms"]
    inside = end - initialized <= counts["duration_ms"].fillna(0.0) + ONE_MS
    begin = start.where(~inside, np.minimum(start, initialized))
    whole = (begin.notna() & end.notna()).to_numpy()
    return begin.to_numpy(dtype=np.float64)[whole], end.to_numpy(dtype=np.float64)[whole]


def _overlap(begins: NDArray[np.float64], ends: NDArray[np.float64]) -> int | None:
    """The largest number of intervals that hold one instant; see `measure.statistics`."""
    if not begins.size:
        return None
    ends = np.sort(np.maximum(ends, np.nextafter(begins, np.inf)))
    begins = np.sort(begins)
    ended = np.searchsorted(ends, begins, "right")
    return int((np.arange(1, begins.size + 1) - ended).max())
