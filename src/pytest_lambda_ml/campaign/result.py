"""What a cell came to: its outcomes, figures, cost and provenance, as plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lambda_ml.campaign.training_result import Training
    from pytest_lambda_ml.measure.pricing import Cost
    from pytest_lambda_ml.model import Configuration, Invocation, Outcomes, Provenance

__all__ = ["CellFigures", "CellResult"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellFigures:
    """Figures of one cell. ``None`` means: no such invocation, so no such figure.

    Durations, billed means and headline costs are those of the warm invocations (all that
    succeeded in an environment used before); totals are of everything the cell caused.
    A cold start is the init duration and the initialisation: ``runtime_ms_p50`` (interpreter and
    runtime client), ``imports_ms_p50`` and ``initialization_ms_p50`` (the model's loading) are its
    parts, ``first_batch_ms_p50`` is what comes after it.
    ``agreement``, ``max_difference`` and ``unverified`` compare outputs with the reference's, where
    the engine promises something of them; see `campaign.quality.Quality`.
    ``quality`` is what training measured of the model, by name; rates and tokens are explained in
    `campaign.ml_units`.
    ``makespan_s`` runs from the first to the last line that the cell's environments logged.
    """

    warm_count: int
    cold_starts: int
    environments: int
    duration_ms_p50: float | None
    duration_ms_p95: float | None
    duration_ms_mean: float | None
    billed_ms_mean: float | None
    billed_ms_total: float | None
    init_ms_p50: float | None
    initialization_ms_p50: float | None
    processing_ms_p50: float | None
    runtime_ms_p50: float | None = None
    imports_ms_p50: float | None = None
    first_batch_ms_p50: float | None = None
    cold_start_ms_p50: float | None = None
    max_memory_mb: int | None
    gb_seconds_per_1k_items: float | None
    cost_usd_per_million: float | None
    cost_usd_per_1k_items: float | None
    cost_total: Cost
    makespan_s: float | None
    effective_concurrency: int | None
    agreement: float | None = None
    max_difference: float | None = None
    unverified: int | None = None
    items_per_s: float | None = None
    tokens_per_s: float | None = None
    time_to_first_token_ms: float | None = None
    cost_usd_per_million_tokens: float | None = None
    prompt_tokens: float | None = None
    new_tokens: float | None = None
    quality: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CellResult:
    """One measured cell: what `lambda_benchmark` returns."""

    run_id: str
    configuration: Configuration
    outcomes: Outcomes
    invocations: tuple[Invocation, ...]
    figures: CellFigures
    provenance: Provenance
    partial: bool = False
    partial_reason: str | None = None
    training: Training | None = None
