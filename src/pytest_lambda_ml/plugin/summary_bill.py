"""What stands beneath all tables: the bill, what was not measured honestly, where the run is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.wording import alike, money
from pytest_lambda_ml.measure.pricing import Cost

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lambda_ml.campaign.result import CellResult

__all__ = ["lines_beneath"]


def lines_beneath(results: Sequence[CellResult], run_dir: str, *, partial: bool) -> list[str]:
    """The sentences, each to be wrapped by itself."""
    provenance = results[-1].provenance
    total = sum((result.figures.cost_total for result in results), Cost())
    local = provenance.backend == "local"
    verb = "would have cost" if local else "cost"
    itemised = ", ".join(f"{name} {money(usd)}" for name, usd in total.itemised.items())
    bill = (
        f"On AWS this campaign {verb} {money(total.total_usd)}: {itemised} "
        f"({_regions(results)}, {provenance.architecture}, list prices of "
        f"{provenance.price_date}, no free tier)."
    )
    notes = alike([*(note for r in results for note in r.provenance.notes), *total.notes])
    lines = [bill]
    if local:
        limits = _unique([_enforced(result) for result in results])
        lines.append(f"Measured on this machine, {'; '.join(limits)}: no AWS bill.")
    lines += [f"Note: {note}" for note in notes]
    lines.append(f"{'Partial run' if partial else 'Run'} stored in {run_dir}")
    return lines


def _regions(results: Sequence[CellResult]) -> str:
    """The region; of several, each with its part of the bill."""
    regions = _unique([result.provenance.region for result in results])
    if len(regions) == 1:
        return regions[0]
    parts = []
    for region in regions:
        here = (r.figures.cost_total for r in results if r.provenance.region == region)
        parts.append(f"{region} {money(sum(here, Cost()).total_usd)}")
    return ", ".join(parts)


def _enforced(result: CellResult) -> str:
    where = result.provenance
    cpu, memory = where.cpu_enforced, where.memory_enforced
    return (
        f"{where.cpu_model or 'unknown CPU'}, CPU share {f'by {cpu}' if cpu else 'NOT enforced'}, "
        f"memory limit {f'by {memory}' if memory else 'NOT enforced'}"
    )


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
