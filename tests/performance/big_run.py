"""A stored run of any size, written as columns: nine algorithms, seven memory sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from pytest_lambda_ml.campaign.result import CellFigures
from pytest_lambda_ml.measure.pricing import Cost, load_prices
from pytest_lambda_ml.model import Configuration, Outcomes, Provenance
from pytest_lambda_ml.store.invocations import invocations_schema, write_invocations
from pytest_lambda_ml.store.run_file import write_run_file

if TYPE_CHECKING:
    from pathlib import Path

ALGORITHMS = (
    "k-means", "gaussian-mixture", "pca", "logistic-regression", "svm", "random-forest",
    "tiny-llama-v0", "tiny-llama", "bert-base-uncased",
)  # fmt: skip
MEMORY_MB = (256, 512, 1024, 1536, 2048, 3072, 4096)
ENVIRONMENTS = 50


def store_big_run(root: Path, invocations: int) -> Path:
    """``invocations`` in all, in 63 cells; one in a hundred is cold. Returns the run's folder."""
    generator = np.random.default_rng(1)
    grid = [(algorithm, memory) for algorithm in ALGORITHMS for memory in MEMORY_MB]
    each = invocations // len(grid)
    cells, tables = [], []
    for index, (algorithm, memory) in enumerate(grid):
        work = 20.0 * (1 + ALGORITHMS.index(algorithm)) ** 2
        table, cell = _cell(index, algorithm, memory, work, each, generator)
        cells.append(cell)
        tables.append(table)
    folder = root / "runs" / "20260102T030405Z-b1600000"
    folder.mkdir(parents=True)
    write_run_file(
        folder,
        {
            "run_id": "b1600000",
            "created_at": 1_767_322_000.0,
            "closed_at": 1_767_322_100.0,
            "partial": False,
            "partial_reason": None,
            "backend": "aws",
            "region": "us-east-1",
            "options": {},
            "cells": cells,
        },
    )
    write_invocations(folder, pa.concat_tables(tables))
    return folder


def _cell(
    index: int,
    algorithm: str,
    memory: int,
    work_ms: float,
    count: int,
    generator: np.random.Generator,
) -> tuple[pa.Table, dict[str, object]]:
    configuration = Configuration(
        algorithm=algorithm, memory_mb=memory, concurrency=50, batch_size=100
    )
    duration = work_ms / min(configuration.vcpu, 2) * generator.lognormal(0, 0.2, count)
    cold = np.arange(count) < max(count // 100, 2)
    init = np.where(cold, generator.lognormal(6.5, 0.1, count), np.nan)
    billed = np.ceil(duration + np.where(cold, init, 0))
    started = 1.767322e12 + np.arange(count) * 10.0
    environment = np.arange(count) % ENVIRONMENTS
    price = float(load_prices().prices("us-east-1").gb_second_usd)
    used = billed * memory / 1024 / 1000
    values = {
        "cell": np.full(count, index),
        "sample_id": [f"{index * count + i:07d}" for i in range(count)],
        "counts": np.ones(count, dtype=bool),
        "outcome": ["succeeded"] * count,
        "start": np.where(cold, "cold", "warm"),
        "log_stream": [f"2026/01/02/[$LATEST]{index:04x}{e:028x}" for e in environment],
        "gb_seconds": used,
        "gb_seconds_usd": used * price,
        "requests_usd": np.full(count, 2e-7),
        "ephemeral_usd": np.zeros(count),
        "cost_usd": used * price + 2e-7,
        "request_id": [f"{index:08x}-0000-4000-8000-{i:012x}" for i in range(count)],
        "duration_ms": duration,
        "billed_duration_ms": billed,
        "memory_mb": np.full(count, memory),
        "max_memory_mb": generator.integers(90, 110, count),
        "init_duration_ms": init,
        "environment_id": [f"{index:04x}{e:028x}" for e in environment],
        "cold": cold,
        "initialization_ms": np.where(cold, 50.0, np.nan),
        "initialization_started_at_ms": np.where(cold, started, np.nan),
        "processing_started_at_ms": started,
        "processing_ended_at_ms": started + duration,
        "processing_ms": duration,
        "batch_size": np.full(count, 100),
        "cpu_count": np.full(count, 2),
    }
    schema = invocations_schema()
    arrays = [
        pa.array(values[f.name], from_pandas=True).cast(f.type)
        if f.name in values
        else pa.nulls(count, f.type)
        for f in schema
    ]
    warm = billed[~cold]
    figures = CellFigures(
        warm_count=int((~cold).sum()),
        cold_starts=int(cold.sum()),
        environments=ENVIRONMENTS,
        duration_ms_p50=float(np.median(duration[~cold])),
        duration_ms_p95=float(np.percentile(duration[~cold], 95)),
        duration_ms_mean=float(duration[~cold].mean()),
        billed_ms_mean=float(warm.mean()),
        billed_ms_total=float(billed.sum()),
        init_ms_p50=float(np.nanmedian(init)),
        initialization_ms_p50=50.0,
        processing_ms_p50=float(np.median(duration)),
        max_memory_mb=110,
        gb_seconds_per_1k_items=float(warm.mean()) * memory / 1024 / 100,
        cost_usd_per_million=float(warm.mean()) * memory / 1024 / 1000 * price * 1e6 + 0.2,
        cost_usd_per_1k_items=(float(warm.mean()) * memory / 1024 / 1000 * price + 2e-7) * 10,
        cost_total=Cost(),
        makespan_s=10.0,
        effective_concurrency=50,
    )
    provenance = Provenance(
        backend="aws",
        region="us-east-1",
        architecture="x86_64",
        cpu_model="Intel(R) Xeon(R)",
        cpu_enforced="aws",
        memory_enforced="aws",
        price_date=load_prices().date,
        dependencies="package",
        dataset="bundled",
        weights=None,
    )
    return pa.table(arrays, schema=schema), {
        "cell_id": configuration.cell_id,
        "configuration": configuration,
        "outcomes": Outcomes(published=count, succeeded=count),
        "figures": figures,
        "cost_usd_total": "0",
        "provenance": provenance,
        "partial": False,
        "not_succeeded": [],
    }
