"""Cells with known costs, drawn at random, and small stored runs, for tests of what is advised."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lambda_ml.analysis.recommend_samples import CellSamples
from pytest_lambda_ml.campaign.assemble import stored_cell
from pytest_lambda_ml.campaign.figures import cell_figures, count_outcomes
from pytest_lambda_ml.campaign.result import CellResult
from pytest_lambda_ml.measure.pricing import load_prices
from pytest_lambda_ml.model import (
    Configuration,
    Invocation,
    InvocationRecord,
    Outcome,
    Outcomes,
    Provenance,
    Report,
    StartType,
)
from pytest_lambda_ml.store.invocations import invocation_table, write_invocations
from pytest_lambda_ml.store.run_file import write_run_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RUN_ID = "feedc0de"


def samples(
    warm_ms: Sequence[float] | np.ndarray,
    *,
    cold_ms: Sequence[float] = (900.0, 1000.0),
    environment: Sequence[int] | None = None,
    outcomes: Outcomes | None = None,
    **configuration: Any,
) -> CellSamples:
    """A cell whose durations are given; they are billed as whole milliseconds."""
    durations = np.asarray(warm_ms, dtype=float)
    cold = np.asarray(cold_ms, dtype=float)
    count = len(durations) + len(cold)
    cell = {"algorithm": "svm", "memory_mb": 512, "concurrency": 2, "batch_size": 1}
    return CellSamples(
        configuration=Configuration(**{**cell, **configuration}),
        region="us-east-1",
        outcomes=outcomes or Outcomes(published=count, succeeded=count),
        warm_billed_ms=np.ceil(durations),
        warm_duration_ms=durations,
        environment=np.zeros(len(durations), dtype=np.int64)
        if environment is None
        else np.asarray(environment, dtype=np.int64),
        cold_billed_ms=cold,
        cold_start_ms=cold - 50,
        cold_answer_ms=cold,
    )


def result(
    *,
    warm_ms: Sequence[float],
    cold_ms: Sequence[float] = (800.0, 820.0),
    failed: Sequence[str] = (),
    notes: tuple[str, ...] = (),
    at_import: bool = False,
    **configuration: Any,
) -> CellResult:
    """A measured cell: its cold invocations first, each in an environment of its own."""
    cell = {"algorithm": "svm", "memory_mb": 512, "concurrency": 2, "batch_size": 10}
    configured = Configuration(**{**cell, **configuration})
    invocations = [
        _invocation(i, ms, cold=True, configuration=configured, at_import=at_import)
        for i, ms in enumerate(cold_ms)
    ]
    invocations += [
        _invocation(len(cold_ms) + i, ms, cold=False, configuration=configured)
        for i, ms in enumerate(warm_ms)
    ]
    invocations += [
        _failure(len(invocations) + i, text, configured) for i, text in enumerate(failed)
    ]
    prices = load_prices().prices("us-east-1", configured.architecture)
    return CellResult(
        run_id=RUN_ID,
        configuration=configured,
        outcomes=count_outcomes(len(invocations), invocations),
        invocations=tuple(invocations),
        figures=cell_figures(
            invocations,
            configured,
            prices,
            published_bytes=1000,
            log_bytes=1000,
            makespan_s=1.0,
        ),
        provenance=Provenance(
            backend="local",
            region="us-east-1",
            architecture=configured.architecture,
            cpu_model="Test CPU",
            cpu_enforced="cgroup-v2",
            memory_enforced=None,
            price_date=load_prices().date,
            dependencies="host",
            dataset="bundled",
            weights=None,
            notes=notes,
        ),
    )


def _record(number: int, configuration: Configuration, **fields: Any) -> InvocationRecord:
    known = {
        "schema_version": 1,
        "run_id": RUN_ID,
        "sample_id": f"{number:05d}",
        "sns_message_id": None,
        "request_id": f"request-{number}",
        "environment_id": f"environment-{number % 2}",
        "function_name": "f",
        "function_version": "1",
        "memory_mb": configuration.memory_mb,
        "cold": False,
        "initialization_started_at_ms": None,
        "initialization_ended_at_ms": None,
        "initialization_ms": None,
        "processing_started_at_ms": None,
        "processing_ended_at_ms": None,
        "processing_ms": None,
        "batch_size": configuration.batch_size,
        "cpu_count": 2,
        "cpu_model": "Test CPU",
        "output_digest": None,
    }
    return InvocationRecord(**{**known, **fields})


def _invocation(
    number: int, ms: float, *, cold: bool, configuration: Configuration, at_import: bool = False
) -> Invocation:
    init = 600.0 if cold else None
    load = 100.0 if cold else None
    duration = ms - 600.0 if cold else ms
    now = 1_000_000.0 + 2_000.0 * number
    began = (now - 300.0 if at_import else now) if cold else None
    return Invocation(
        sample_id=f"{number:05d}",
        outcome=Outcome.SUCCEEDED,
        start=StartType.COLD if cold else StartType.WARM,
        report=Report(
            request_id=f"request-{number}",
            duration_ms=duration,
            billed_duration_ms=float(np.ceil(ms)),
            memory_mb=configuration.memory_mb,
            max_memory_mb=100,
            init_duration_ms=init,
        ),
        record=_record(
            number,
            configuration,
            cold=cold,
            initialization_started_at_ms=began,
            initialization_ended_at_ms=None if began is None else began + 100.0,
            initialization_ms=load,
            processing_started_at_ms=now,
            processing_ended_at_ms=now + duration,
            processing_ms=duration - (load or 0.0) if not at_import else duration,
        ),
        log_stream=f"stream-{number % 2}",
    )


def _failure(number: int, text: str, configuration: Configuration) -> Invocation:
    return Invocation(
        sample_id=f"{number:05d}",
        outcome=Outcome.FAILED,
        start=StartType.WARM,
        report=Report(
            request_id=f"request-{number}",
            duration_ms=1.0,
            billed_duration_ms=1.0,
            memory_mb=configuration.memory_mb,
            status="error",
        ),
        record=_record(number, configuration, error_type="ValueError", error_message=text),
        log_stream="stream-0",
    )


def store(
    root: Path, results: Sequence[CellResult], *, partial: bool = False, run_id: str = RUN_ID
) -> Path:
    """Store a run as a session does; returns its folder under ``root / "runs"``."""
    folder = root / "runs" / f"20260102T030405Z-{run_id}"
    folder.mkdir(parents=True)
    content = {
        "run_id": run_id,
        "created_at": 1_767_322_000.0,
        "closed_at": 1_767_322_100.0,
        "partial": partial,
        "partial_reason": "interrupted" if partial else None,
        "backend": "local",
        "region": "us-east-1",
        "options": {"memory_mb": {"value": [512, 1024], "source": "command line"}},
        "git": {"commit": "0123abcd", "branch": "main", "dirty": True},
        "cells": [stored_cell(each) for each in results],
    }
    write_run_file(folder, content)
    table = load_prices()
    write_invocations(
        folder,
        invocation_table(
            (each.configuration, each.invocations, table.prices("us-east-1")) for each in results
        ),
    )
    return folder
