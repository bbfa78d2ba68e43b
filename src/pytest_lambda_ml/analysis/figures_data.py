"""Small frames for the figures, whatever the size of the run: aggregates, and samples of requests.

A figure of a million points says no more than one of its quantiles, and no reader opens it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from pytest_lambda_ml.analysis.wording import cell_names
from pytest_lambda_ml.campaign.honesty import cores_on_lambda
from pytest_lambda_ml.measure.pricing import price_per_ms
from pytest_lambda_ml.model import vcpu

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lambda_ml.analysis.load import RunCell
    from pytest_lambda_ml.analysis.recommendation import Candidate, Recommendation
    from pytest_lambda_ml.measure.pricing import Prices
    from pytest_lambda_ml.model import Configuration

__all__ = [
    "COLD_PARTS",
    "COLUMNS",
    "REQUESTS_SHOWN",
    "Requests",
    "cell_frame",
    "choice_frame",
    "cold_frame",
    "cores_frame",
    "of_several_batches",
    "price_frame",
    "requests_of",
    "seen_cores",
    "slice_cells",
]

TABLE_5_1_MB = (128, 512, 1024, 1536, 2048, 3072, 4096, 5120, 6144, 7168, 8192, 9216, 10240)
MOST_SERIES = 6
REQUESTS_SHOWN = 150
"""Requests drawn per panel: evenly spaced over the cell, so that early and late ones are there."""

COLD_PARTS = {
    "init_duration_ms": "init duration",
    "runtime_ms": "runtime",
    "imports_ms": "imports",
    "initialization_ms": "initialisation",
    "processing_ms": "processing",
}
"""The parts of a cold start in their order: column and what it is called. Init duration stands for
runtime and imports where the wrapper did not tell them apart."""

COLUMNS = (
    "billed_duration_ms",
    "duration_ms",
    "init_duration_ms",
    "restore_duration_ms",
    "initialization_ms",
    "imports_ms",
    "initialization_started_at_ms",
    "processing_started_at_ms",
    "processing_ended_at_ms",
    "processing_ms",
    "log_stream",
    "cpu_count",
)
"""What `load_run` has to read for figures and recommendations."""

QUANTILES = {"p5": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95}
THOUSAND = 1000
_ONE_MS = 1.0


def price_frame(prices: Prices, memory_mb: Iterable[int]) -> pd.DataFrame:
    """Price of a billed millisecond by memory size: the thesis' Table 5.1 and the run's sizes."""
    sizes = sorted({*TABLE_5_1_MB, *memory_mb})
    return pd.DataFrame(
        {
            "memory_mb": sizes,
            "usd_per_million_ms": [float(price_per_ms(mb, prices)) * 1e6 for mb in sizes],
        }
    )


def cores_frame(memory_mb: Iterable[int]) -> pd.DataFrame:
    """CPU share and visible cores by memory size, as AWS gives them."""
    sizes = sorted({*TABLE_5_1_MB, 1769, 3009, 5308, 7077, 8846, *memory_mb})
    share = pd.DataFrame(
        {"memory_mb": sizes, "cpus": [vcpu(mb) for mb in sizes], "what": "CPU share (vCPU)"}
    )
    visible = pd.DataFrame(
        {
            "memory_mb": sizes,
            "cpus": [float(cores_on_lambda(mb)) for mb in sizes],
            "what": "cores that a function sees on AWS",
        }
    )
    return pd.concat([share, visible], ignore_index=True)


def seen_cores(cells: Sequence[RunCell]) -> pd.DataFrame:
    """Which number of cores the handlers of this run saw, by memory size."""
    rows = {
        (cell.configuration.memory_mb, float(count))
        for cell in cells
        if "cpu_count" in cell.invocations
        for count in cell.invocations["cpu_count"].dropna().unique()
    }
    return pd.DataFrame(sorted(rows), columns=["memory_mb", "cpus"]).assign(
        what="cores that handlers saw in this run"
    )


OVER_MEMORY = ("concurrency", "batch_size", "architecture")
OVER_BATCH = ("concurrency", "memory_mb", "architecture")


def slice_cells(
    cells: Sequence[RunCell], told: Recommendation | None, fields: Sequence[str] = OVER_MEMORY
) -> list[RunCell]:
    """Cells for one figure: where there are too many series, those like the choice.

    Its fields are held one after the other: concurrency first (it changes no invocation), then
    batch size, or in a figure over batch sizes memory.
    """
    choice = told.choice.configuration if told and told.choice else None
    taken = list(cells)
    axis = "batch_size" if "memory_mb" in fields else "memory_mb"
    for field in fields:
        if choice is None or _series_count(taken, axis) <= MOST_SERIES:
            break
        value = getattr(choice, field)
        taken = [cell for cell in taken if getattr(cell.configuration, field) == value]
    return taken


def of_several_batches(cells: Sequence[RunCell]) -> list[RunCell]:
    """The cells of which another batch size was measured too: one alone makes no line."""
    sizes: dict[Configuration, set[int]] = {}
    for cell in cells:
        series = replace(cell.configuration, batch_size=0)
        sizes.setdefault(series, set()).add(cell.configuration.batch_size)
    return [c for c in cells if len(sizes[replace(c.configuration, batch_size=0)]) > 1]


def _series_count(cells: Sequence[RunCell], axis: str) -> int:
    return len(set(cell_names((c.configuration for c in cells), but=frozenset({axis})).values()))


def cell_frame(cells: Sequence[RunCell], *, but: frozenset[str] = frozenset()) -> pd.DataFrame:
    """A row per cell that has a warm invocation: its quantiles, means and headline cost.

    ``cell`` names it among these cells, ``series`` does without what ``but`` names.
    """
    names = cell_names(cell.configuration for cell in cells)
    series = cell_names((cell.configuration for cell in cells), but=but)
    rows = []
    for cell in cells:
        durations = cell.warm["duration_ms"].dropna().to_numpy()
        if not len(durations):
            continue
        at = np.percentile(durations, list(QUANTILES.values()))
        per_1k = cell.figures.cost_usd_per_1k_items
        rows.append(
            {
                "cell": names[cell.configuration],
                "series": series[cell.configuration] or "all",
                "memory_mb": cell.configuration.memory_mb,
                "batch_size": cell.configuration.batch_size,
                "warm": len(durations),
                **dict(zip(QUANTILES, at, strict=True)),
                "mean": float(durations.mean()),
                "billed_ms": cell.figures.billed_ms_mean,
                "usd_per_million": cell.figures.cost_usd_per_million,
                "usd_per_million_items": math.nan if per_1k is None else per_1k * THOUSAND,
            }
        )
    return pd.DataFrame(rows)


def choice_frame(told: Recommendation) -> pd.DataFrame:
    """A row per candidate: cost and p95, whether it is on the front, and whether it is chosen."""
    names = cell_names(each.configuration for each in told.candidates)
    chosen = told.choice.configuration if told.choice else None
    several_batches = len({each.configuration.batch_size for each in told.candidates}) > 1

    def label(configuration: Configuration) -> str:
        batch = f", batch {configuration.batch_size}" if several_batches else ""
        return f"{configuration.memory_mb} MB{batch}"

    def row(each: Candidate) -> dict[str, object]:
        return {
            "cell": names[each.configuration],
            "label": label(each.configuration),
            "engine": f"engine {each.configuration.engine}",
            "p95": each.duration_ms_p95,
            "usd_per_million_items": each.usd_per_1k_items * THOUSAND,
            "usd_per_month": each.usd_per_month,
            "p_best": each.p_best,
            "p_equal": each.p_equal,
            "kind": "recommended"
            if each.configuration == chosen
            else ("on the Pareto front" if each.pareto else "beaten by another"),
            "pareto": each.pareto,
        }

    return pd.DataFrame([row(each) for each in told.candidates])


def _cold_parts(rows: pd.DataFrame) -> pd.DataFrame:
    """The parts of each cold start in milliseconds, NaN where a part is not told; none is twice.

    As `campaign.cold_start` has them: a model loaded at import was loaded in the init phase.
    """
    init = rows["init_duration_ms"].fillna(rows["restore_duration_ms"])
    since = rows["processing_ended_at_ms"] - rows["initialization_started_at_ms"]
    at_import = since > rows["duration_ms"] + _ONE_MS
    load = rows["initialization_ms"]
    imports = rows["imports_ms"] if "imports_ms" in rows else init * np.nan
    told = imports.notna() & rows["restore_duration_ms"].isna()
    runtime = init - imports - load.where(at_import, 0.0).fillna(0.0)
    return pd.DataFrame(
        {
            "init_duration_ms": init.mask(told),
            "runtime_ms": runtime.clip(lower=0.0).where(told),
            "imports_ms": imports.where(told),
            "initialization_ms": load.mask(at_import & ~told, 0.0),
            "processing_ms": rows["processing_ms"],
        }
    )


def cold_frame(cells: Sequence[RunCell]) -> pd.DataFrame:
    """The medians of the parts of a cold start: a row per cell and part that is there."""
    names = cell_names(cell.configuration for cell in cells)
    rows = []
    for cell in cells:
        parts = _cold_parts(cell.cold)
        for order, (column, called) in enumerate(COLD_PARTS.items()):
            known = parts[column].dropna()
            if len(known):
                rows.append(
                    {
                        "cell": names[cell.configuration],
                        "part": called,
                        "order": order,
                        "ms": float(known.median()),
                        "cold": len(parts),
                    }
                )
    return pd.DataFrame(rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class Requests:
    """Requests of one cell in the order of their start, drawn as bars of their parts.

    ``frame`` has a row per part: ``request`` (from 1), ``start`` (hot or cold), ``part``, ``ms``.
    """

    frame: pd.DataFrame
    hot: int
    cold: int
    environments: int
    sampled: bool


def requests_of(cell: RunCell) -> Requests:
    """The requests of a cell; of many, `REQUESTS_SHOWN` hot and as many cold ones."""
    rows = cell.succeeded.sort_values("processing_started_at_ms", kind="stable")
    rows = rows.assign(request=np.arange(1, len(rows) + 1))
    kinds = {"cold": rows[rows["start"] == "cold"], "hot": rows[rows["start"] == "warm"]}
    frames = []
    for kind, these in kinds.items():
        shown = _evenly(these, REQUESTS_SHOWN)
        parts = _cold_parts(shown)
        if kind == "hot":
            parts = parts[["processing_ms"]]
        long = parts.assign(request=shown["request"]).melt(
            "request", var_name="column", value_name="ms"
        )
        frames.append(long.dropna().assign(start=kind))
    frame = pd.concat(frames, ignore_index=True)
    frame["part"] = frame["column"].map(COLD_PARTS)
    frame["order"] = frame["column"].map({name: i for i, name in enumerate(COLD_PARTS)})
    return Requests(
        frame=frame[frame["ms"] > 0].drop(columns="column"),
        hot=len(kinds["hot"]),
        cold=len(kinds["cold"]),
        environments=int(rows["log_stream"].nunique()),
        sampled=any(len(these) > REQUESTS_SHOWN for these in kinds.values()),
    )


def _evenly(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    if len(rows) <= most:
        return rows
    return rows.iloc[np.linspace(0, len(rows) - 1, most).round().astype(int)]
