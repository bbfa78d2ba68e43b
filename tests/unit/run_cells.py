"""Stored runs built by hand, for tests of what is made of them: cells with rows as `load` gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pytest_lambda_ml.analysis.frame_figures import frame_figures, priced
from pytest_lambda_ml.analysis.load import Run, RunCell
from pytest_lambda_ml.measure.pricing import load_prices
from pytest_lambda_ml.model import Configuration, Outcomes, Provenance
from pytest_lambda_ml.store.invocations import invocations_schema

PRICES = load_prices().prices("us-east-1")
ENVIRONMENTS = 10
STALL_MS = 20.0


def durations(rng: np.random.Generator, count: int, typical_ms: float) -> np.ndarray:
    """Skewed, in whole milliseconds, and now and then stalled by a 20 ms period or two."""
    stalls = STALL_MS * rng.poisson(0.2, count)
    return np.ceil(rng.gamma(20.0, typical_ms / 20.0, count) + stalls)


def cell(
    values_ms: Sequence[float] | np.ndarray,
    *,
    cold_ms: Sequence[float] = (),
    max_memory_mb: int = 100,
    provenance: Mapping[str, Any] | None = None,
    outcomes: Outcomes | None = None,
    **configuration: Any,
) -> RunCell:
    """A cell with these warm billed durations and, with inits of ``cold_ms``, cold starts."""
    told = {"algorithm": "svm", "memory_mb": 512, "concurrency": 10, "batch_size": 100}
    shape = Configuration(**{**told, **configuration})
    count, cold = len(values_ms), len(cold_ms)
    total = count + cold
    rows = pd.DataFrame(index=range(total), columns=invocations_schema().names)
    rows["sample_id"] = rows["request_id"] = [f"{n:05d}" for n in range(total)]
    rows["counts"] = True
    rows["outcome"] = "succeeded"
    rows["start"] = ["cold"] * cold + ["warm"] * count
    rows["cold"] = rows["start"] == "cold"
    rows["environment_id"] = [f"environment-{n % ENVIRONMENTS}" for n in range(total)]
    values = np.concatenate([np.asarray(cold_ms, float), np.asarray(values_ms, float)])
    rows["duration_ms"] = values - 0.5
    rows["billed_duration_ms"] = values
    rows["memory_mb"], rows["max_memory_mb"] = shape.memory_mb, max_memory_mb
    rows["init_duration_ms"] = [*cold_ms, *[np.nan] * count]
    for name in rows.columns:
        if name.endswith(("_ms", "_mb", "_usd")) or name in {"gb_seconds", "batch_size"}:
            rows[name] = pd.to_numeric(rows[name]).astype("float64")
    rows = priced(rows.drop(columns="cell"), [PRICES], np.array([total]))
    where = {
        "backend": "local",
        "region": "us-east-1",
        "architecture": shape.architecture,
        "cpu_model": "Test CPU",
        "cpu_enforced": "cgroup-v2",
        "memory_enforced": "cgroup-v2",
        "price_date": "2026-01-01",
        "dependencies": "host",
        "dataset": "bundled",
        "weights": None,
    }
    return RunCell(
        configuration=shape,
        outcomes=outcomes or Outcomes(published=total, succeeded=total),
        figures=frame_figures(rows, shape, PRICES),
        provenance=Provenance(**{**where, **(provenance or {})}),
        partial=False,
        invocations=rows,
    )


def run(run_id: str, *cells: RunCell, cpu_loop_ms: float | None = 20.0, **fields: Any) -> Run:
    """A run of these cells on a machine whose CPU loop takes this long."""
    rounds = [] if cpu_loop_ms is None else [cpu_loop_ms] * 10
    whole = Run(
        run_id=run_id,
        folder=Path(run_id),
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        closed_at=datetime(2026, 1, 1, 1, tzinfo=UTC),
        partial=False,
        partial_reason=None,
        backend="local",
        region="us-east-1",
        cells=cells,
        stored={"cpu_loop_ms": {"start": rounds, "end": rounds}},
    )
    return dataclasses.replace(whole, **fields)


def grid(make: Callable[[int], np.ndarray]) -> list[RunCell]:
    """63 cells, as many as the thesis' largest grid; ``make`` gives the durations of each."""
    memories = [256, 512, 1024, 1536, 2048, 3072, 4096]
    return [
        cell(make(number), algorithm=f"algorithm-{number // 7}", memory_mb=memories[number % 7])
        for number in range(63)
    ]
