"""From invocations to the figures of a cell, and to what pytest-benchmark is given. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from pytest_lambda_ml.campaign.cold_start import loaded_inside, made_ready_ms, waterfall
from pytest_lambda_ml.campaign.ml_units import (
    QUALITY_PREFIX,
    ml_units,
    reported_count,
    reported_quality,
)
from pytest_lambda_ml.campaign.quality import Quality
from pytest_lambda_ml.campaign.result import CellFigures
from pytest_lambda_ml.measure.pricing import gb_seconds, invocation_cost, total_cost
from pytest_lambda_ml.measure.statistics import max_overlap, mean, percentile, total
from pytest_lambda_ml.model import Outcome, Outcomes, StartType

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lambda_ml.campaign.result import CellResult
    from pytest_lambda_ml.measure.pricing import Prices
    from pytest_lambda_ml.model import Configuration, Invocation

__all__ = ["Metric", "cell_figures", "count_outcomes", "extra_info", "warm_samples_s"]

Metric = Literal["billed", "duration", "init"]

NOT_COMPARED = Quality()
MEDIAN, P95 = 50, 95
MS_PER_S = 1000
MILLION = 1_000_000
THOUSAND = 1000


def count_outcomes(published: int, invocations: Iterable[Invocation]) -> Outcomes:
    """How many ended how; ``published`` is counted apart, where messages are sent."""
    counts = dict.fromkeys(Outcome, 0)
    for invocation in invocations:
        counts[invocation.outcome] += 1
    return Outcomes(
        published=published, **{outcome.value: count for outcome, count in counts.items()}
    )


def cell_figures(
    invocations: Sequence[Invocation],
    configuration: Configuration,
    prices: Prices,
    *,
    published_bytes: int,
    log_bytes: int,
    makespan_s: float | None,
    quality: Quality = NOT_COMPARED,
) -> CellFigures:
    """All figures of a cell. Each rests on one kind of invocations only; see `CellFigures`."""
    warm = _warm(invocations)
    cold = [item for item in invocations if item.start is StartType.COLD]
    warm_reports = [item.report for item in warm if item.report]
    all_reports = [report for item in invocations for report in item.reports]
    billed = _present(report.billed_duration_ms for report in warm_reports)
    durations = _present(report.duration_ms for report in warm_reports)
    items = len(billed) * configuration.batch_size
    used, cost = _headline(billed, configuration.memory_mb, prices)
    return CellFigures(
        warm_count=len(warm),
        cold_starts=len(cold),
        environments=len({item.log_stream for item in invocations if item.log_stream}),
        duration_ms_p50=percentile(durations, MEDIAN),
        duration_ms_p95=percentile(durations, P95),
        duration_ms_mean=mean(durations),
        billed_ms_mean=mean(billed),
        billed_ms_total=total(_present(report.billed_duration_ms for report in all_reports)),
        **waterfall(cold),
        processing_ms_p50=percentile(
            _present(item.record.processing_ms for item in warm if item.record), MEDIAN
        ),
        max_memory_mb=max((r.max_memory_mb for r in all_reports if r.max_memory_mb), default=None),
        gb_seconds_per_1k_items=_per(used, items, THOUSAND),
        cost_usd_per_million=_per(cost, len(billed), MILLION),
        cost_usd_per_1k_items=_per(cost, items, THOUSAND),
        cost_total=total_cost(
            all_reports,
            configuration.ephemeral_mb,
            len(invocations),
            published_bytes,
            log_bytes,
            prices,
            snapshot_mb=configuration.snapshot_mb,
            through_sns=configuration.trigger == "sns",
            s3_writes=reported_count(invocations, "s3_writes"),
            s3_reads=reported_count(invocations, "s3_reads"),
        ),
        makespan_s=makespan_s,
        effective_concurrency=max_overlap(_busy_ms(invocations)),
        agreement=quality.agreement,
        max_difference=quality.max_difference,
        unverified=quality.unverified,
        **ml_units(warm, configuration.batch_size, cost),
        quality=reported_quality(invocations),
    )


def warm_samples_s(result: CellResult, metric: Metric) -> list[float]:
    """Samples for pytest-benchmark in seconds: those of the warm invocations that succeeded.

    ``"billed"`` gives billed durations, ``"duration"`` durations; ``"init"`` gives the init (or
    restore) durations of the cold invocations instead. Empty when there is none.
    """
    if metric == "init":
        cold = [item for item in result.invocations if item.start is StartType.COLD]
        samples_ms = _present(made_ready_ms(item) for item in cold)
    else:
        reports = [item.report for item in _warm(result.invocations) if item.report]
        samples_ms = _present(
            report.billed_duration_ms if metric == "billed" else report.duration_ms
            for report in reports
        )
    return [sample / MS_PER_S for sample in samples_ms]


def extra_info(result: CellResult) -> dict[str, str | int | float | None]:
    """A flat mapping for pytest-benchmark's ``extra_info``: numbers are JSON numbers.

    The names are part of the saved files that runs are compared by: none is ever renamed.
    """
    configuration, outcomes = result.configuration, result.outcomes
    figures, provenance = result.figures, result.provenance
    counts = {outcome.value: outcomes.count(outcome) for outcome in Outcome}
    return {
        "backend": provenance.backend,
        "region": provenance.region,
        "architecture": configuration.architecture,
        "algorithm": configuration.algorithm,
        "engine": configuration.engine,
        "memory_mb": configuration.memory_mb,
        "concurrency": configuration.concurrency,
        "batch_size": configuration.batch_size,
        "published": outcomes.published,
        **counts,
        "cold_starts": figures.cold_starts,
        "environments": figures.environments,
        "duration_ms_p50": figures.duration_ms_p50,
        "duration_ms_p95": figures.duration_ms_p95,
        "duration_ms_mean": figures.duration_ms_mean,
        "billed_ms_mean": figures.billed_ms_mean,
        "billed_ms_total": figures.billed_ms_total,
        "init_ms_p50": figures.init_ms_p50,
        "initialization_ms_p50": figures.initialization_ms_p50,
        "processing_ms_p50": figures.processing_ms_p50,
        "runtime_ms_p50": figures.runtime_ms_p50,
        "imports_ms_p50": figures.imports_ms_p50,
        "first_batch_ms_p50": figures.first_batch_ms_p50,
        "cold_start_ms_p50": figures.cold_start_ms_p50,
        "max_memory_mb": figures.max_memory_mb,
        "gb_seconds_per_1k_items": figures.gb_seconds_per_1k_items,
        "cost_usd_per_million": figures.cost_usd_per_million,
        "cost_usd_per_1k_items": figures.cost_usd_per_1k_items,
        "cost_usd_total": float(figures.cost_total.total_usd),
        "makespan_s": figures.makespan_s,
        "agreement": figures.agreement,
        "max_difference": figures.max_difference,
        "items_per_s": figures.items_per_s,
        "tokens_per_s": figures.tokens_per_s,
        "time_to_first_token_ms": figures.time_to_first_token_ms,
        "cost_usd_per_million_tokens": figures.cost_usd_per_million_tokens,
        "prompt_tokens": figures.prompt_tokens,
        "new_tokens": figures.new_tokens,
        **{QUALITY_PREFIX + name: value for name, value in figures.quality.items()},
        "vcpu": configuration.vcpu,
        "cpu_enforced": provenance.cpu_enforced,
        "memory_enforced": provenance.memory_enforced,
        "cpu_model": provenance.cpu_model,
        "price_date": provenance.price_date,
        "dependencies": provenance.dependencies,
        "dataset": provenance.dataset,
        "weights": provenance.weights,
    }


def _warm(invocations: Iterable[Invocation]) -> list[Invocation]:
    return [
        item
        for item in invocations
        if item.outcome is Outcome.SUCCEEDED and item.start is StartType.WARM
    ]


def _headline(billed_ms: list[float], memory_mb: int, prices: Prices) -> tuple[Decimal, Decimal]:
    """The GB-seconds of these invocations, and what they and their requests cost in USD."""
    used = sum((gb_seconds(ms, memory_mb) for ms in billed_ms), Decimal(0))
    costs = (invocation_cost(ms, memory_mb, prices).total_usd for ms in billed_ms)
    return used, sum(costs, Decimal(0))


def _per(amount: Decimal, count: int, unit: int) -> float | None:
    return float(amount / count * unit) if count else None


def _present(values: Iterable[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def _busy_ms(invocations: Iterable[Invocation]) -> list[tuple[float, float]]:
    """When each invocation was at work, by the functions' clock, in epoch milliseconds.

    From its initialisation on where that lay inside the invocation; one at import did not.
    """
    intervals = []
    for item in invocations:
        record, report = item.record, item.report
        if record is None or report is None:
            continue
        start, end = record.processing_started_at_ms, record.processing_ended_at_ms
        if start is None or end is None:
            continue
        initialized = record.initialization_started_at_ms
        if initialized is not None and loaded_inside(item):
            start = min(start, initialized)
        intervals.append((start, end))
    return intervals
