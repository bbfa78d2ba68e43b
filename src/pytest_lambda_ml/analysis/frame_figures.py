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
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from pytest_lambda_ml.measure.pricing import Prices
    from pytest_lambda_ml.model import Configuration

__all__ = ["NUMBERS", "column_figures", "frame_figures", "priced"]

MB_PER_GB, MS_PER_S, THOUSAND, MILLION = 1024, 1000, 1000, 1_000_000
ONE_MS = 1.0
NO_FIGURES = "{}"
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
WARM = (
    "duration_ms",
    "billed_duration_ms",
    "processing_ms",
    "gb_seconds",
    "gb_seconds_usd",
    "requests_usd",
    "handler_figures",
)
NUMBERS = (
    *COLD_COLUMNS,
    "processing_started_at_ms",
    "billed_duration_ms",
    "max_memory_mb",
    "gb_seconds",
    "gb_seconds_usd",
    "requests_usd",
)
"""The columns of numbers that figures are made of."""


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
    """See `column_figures`; ``frame`` has a row per REPORT and is `priced`."""
    environments = frame["environment_id"].fillna(frame["log_stream"]).astype("category")
    columns = {
        **{name: frame[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in NUMBERS},
        "counts": frame["counts"].to_numpy(dtype=bool),
        "warm": (frame["start"] == StartType.WARM.value).to_numpy(dtype=bool, na_value=False),
        "cold": (frame["start"] == StartType.COLD.value).to_numpy(dtype=bool, na_value=False),
        "succeeded": (frame["outcome"] == Outcome.SUCCEEDED.value).to_numpy(dtype=bool),
        "environment": environments.cat.codes.to_numpy(),
    }
    said = frame["handler_figures"].fillna(NO_FIGURES).to_numpy(dtype=object)
    if (said != NO_FIGURES).any():
        columns["handler_figures"] = said
    return column_figures(columns, configuration, prices)


def column_figures(
    columns: Mapping[str, NDArray[Any]], configuration: Configuration, prices: Prices
) -> CellFigures:
    """See `campaign.figures.cell_figures`.

    ``columns`` have a row per REPORT: `NUMBERS`, with NaN where absent; ``counts``, ``warm``,
    ``cold`` and ``succeeded``; ``environment``, a number for each and -1 where it is not known; and
    ``handler_figures``, JSON, where there are any. The total leaves out publishing and log
    ingestion, which rows do not say.
    """
    counted = columns["counts"]
    counts = columns if counted.all() else _where(columns, counted, columns)
    is_warm = counts["warm"] & counts["succeeded"]
    warm, cold = _where(counts, is_warm, WARM), _where(counts, counts["cold"], COLD_COLUMNS)
    billed, durations = _present(warm["billed_duration_ms"]), _present(warm["duration_ms"])
    batch = configuration.batch_size
    items = len(billed) * batch
    cost = float(np.nansum(warm["gb_seconds_usd"] + warm["requests_usd"]))
    begins, ends = _busy_ms(counts)
    environments = np.unique(counts["environment"])
    total_billed = _present(columns["billed_duration_ms"])
    memory = _present(columns["max_memory_mb"])
    return CellFigures(
        warm_count=int(is_warm.sum()),
        cold_starts=int(counts["cold"].sum()),
        environments=int(np.count_nonzero(environments >= 0)),
        duration_ms_p50=_quantile(durations, 0.5),
        duration_ms_p95=_quantile(durations, 0.95),
        duration_ms_mean=_mean(durations),
        billed_ms_mean=_mean(billed),
        billed_ms_total=float(total_billed.sum()) if total_billed.size else None,
        **_cold_starts(cold),
        processing_ms_p50=_quantile(_present(warm["processing_ms"]), 0.5),
        max_memory_mb=int(memory.max()) if memory.size else None,
        gb_seconds_per_1k_items=_per(float(np.nansum(warm["gb_seconds"])), items, THOUSAND),
        cost_usd_per_million=_per(cost, len(billed), MILLION),
        cost_usd_per_1k_items=_per(cost, items, THOUSAND),
        cost_total=Cost(
            gb_seconds_usd=_decimal(np.nansum(columns["gb_seconds_usd"])),
            requests_usd=_decimal(len(counted)) * (prices.request_usd or 0),
            notes=("the total leaves out publishing and log ingestion: not known of an import",),
        ),
        makespan_s=float(ends.max() - begins.min()) / MS_PER_S if begins.size else None,
        effective_concurrency=_overlap(begins, ends),
        **_ml_units(warm, batch, cost),
        quality=quality_of(_said(counts)),
    )


def _where(
    columns: Mapping[str, NDArray[Any]], chosen: NDArray[np.bool_], names: Iterable[str]
) -> dict[str, Any]:
    return {name: columns[name][chosen] for name in names if name in columns}


def _ml_units(warm: Mapping[str, NDArray[Any]], batch_size: int, cost: float) -> dict[str, Any]:
    """See `campaign.ml_units`."""
    durations = warm["duration_ms"]
    if any(said := _said(warm)):
        known: list[float | None] = [
            None if np.isnan(each) else each for each in durations.tolist()
        ]
        return units_of(known, said, batch_size, _decimal(cost))
    seconds = float(np.nansum(durations)) / MS_PER_S
    items = int(np.count_nonzero(durations > 0)) * batch_size  # not NaN either
    rate = {"items_per_s": items / seconds if seconds else None}
    return {**units_of((), (), batch_size, _decimal(0)), **rate}


def _said(columns: Mapping[str, NDArray[Any]]) -> list[dict[str, Any]]:
    """What handlers said, of each row; nothing where none did."""
    if "handler_figures" not in columns:
        return []
    texts: list[str] = columns["handler_figures"].tolist()
    known = {text: json.loads(text) for text in set(texts)}
    return [known[text] for text in texts]


def _cold_starts(cold: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """See `campaign.cold_start.waterfall`."""
    init, imports, loading, first, began, ended, duration, restore = (
        cold[name] for name in COLD_COLUMNS
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


def _present(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values[~np.isnan(values)]


def _quantile(present: NDArray[np.float64], q: float) -> float | None:
    return float(np.quantile(present, q)) if present.size else None


def _mean(present: NDArray[np.float64]) -> float | None:
    return float(present.mean()) if present.size else None


def _per(amount: float, count: int, unit: int) -> float | None:
    return amount / count * unit if count else None


def _decimal(value: Any) -> Decimal:
    return Decimal(str(float(value)))


def _busy_ms(
    counts: Mapping[str, NDArray[Any]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """When each invocation was at work: from its initialisation on where that lay inside it."""
    begin, end = counts["processing_started_at_ms"], counts["processing_ended_at_ms"]
    initialized = counts["initialization_started_at_ms"]
    inside = end - initialized <= np.nan_to_num(counts["duration_ms"]) + ONE_MS
    begin = np.where(inside, np.minimum(begin, initialized), begin)
    whole = ~(np.isnan(begin) | np.isnan(end))
    return begin[whole], end[whole]


def _overlap(begins: NDArray[np.float64], ends: NDArray[np.float64]) -> int | None:
    """The largest number of intervals that hold one instant; see `measure.statistics`."""
    if not begins.size:
        return None
    ends = np.sort(np.maximum(ends, np.nextafter(begins, np.inf)))
    begins = np.sort(begins)
    ended = np.searchsorted(ends, begins, "right")
    return int((np.arange(1, begins.size + 1) - ended).max())
