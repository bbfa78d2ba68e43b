"""What a session stores of itself: the head at its start, the run file and the rows at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.campaign.assemble import stored_cell
from pytest_lambda_ml.store.invocations import invocation_table, write_invocations
from pytest_lambda_ml.store.run_file import write_run_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from pytest_lambda_ml.campaign.backend import Backend
    from pytest_lambda_ml.campaign.evidence import Fact
    from pytest_lambda_ml.campaign.result import CellResult
    from pytest_lambda_ml.measure.pricing import PriceTable

__all__ = ["heard", "session_head", "store_run"]


def session_head(
    backend: Backend,
    regions: Sequence[str],
    price_table: PriceTable,
    *,
    run_id: str,
    created_s: float,
    options: Mapping[str, object],
    about: Mapping[str, object],
) -> dict[str, object]:
    """What is known before anything is measured: first entry of the journal, and in ``run.json``.

    ``about`` is said as given: the environment and the state of the project.
    """
    return {
        "run_id": run_id,
        "created_at": created_s,
        "backend": backend.kind,
        "region": ",".join(regions),
        "endpoint_url": backend.clients.endpoint_url,
        "host_cores": backend.host_cores,
        "capacity_vcpu": backend.capacity_vcpu,
        "cpu_model": backend.cpu_model,
        "cpu_enforced": backend.cpu_enforced,
        "memory_enforced": backend.memory_enforced,
        "dependencies": backend.dependencies,
        "price_table": {"date": price_table.date, "sha256": price_table.sha256},
        "options": options,
        **about,
    }


def heard(fact: Fact) -> dict[str, object]:
    """A journal entry of a report or record, every field, as it was seen."""
    return {
        "log_stream": fact.log_stream,
        "event_id": fact.event_id,
        "timestamp_ms": fact.timestamp_ms,
        "what": type(fact.value).__name__,
        "value": fact.value,
    }


def store_run(
    run_dir: Path,
    head: Mapping[str, object],
    results: Sequence[CellResult],
    price_table: PriceTable,
    **ending: object,
) -> None:
    """Write ``invocations.parquet``, then ``run.json``, which says that the run is whole.

    Raises `RunStoreError` when the disk refuses.
    """
    if results:
        write_invocations(
            run_dir,
            invocation_table(
                (
                    result.configuration,
                    result.invocations,
                    price_table.prices(result.provenance.region, result.configuration.architecture),
                )
                for result in results
            ),
        )
    write_run_file(run_dir, {**head, **ending, "cells": [stored_cell(item) for item in results]})
