"""What is said of an algorithm's cells beneath their table: the best, how good, what went wrong."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.wording import money, number
from pytest_lambda_ml.model import Outcome
from pytest_lambda_ml.plugin.verdict import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_lambda_ml.campaign.result import CellResult

__all__ = ["best_lines", "best_of", "quality_lines", "trouble_lines"]


def best_of(rows: list[CellResult]) -> dict[str, CellResult]:
    """The fastest and the cheapest of those that can be compared; none of a single row.

    Fastest by means, because medians hide the stalls of a small CPU share.
    """
    keys: dict[str, Callable[[CellResult], tuple[float, ...] | None]] = {
        "fastest": lambda r: _present(r.figures.billed_ms_mean, r.figures.duration_ms_mean),
        "cheapest": lambda r: _present(r.figures.cost_usd_per_1k_items),
    }
    found = {}
    for name, key in keys.items():
        ranked = [(value, i) for i, row in enumerate(rows) if (value := key(row)) is not None]
        batches = {row.configuration.batch_size for row in rows}
        if len(ranked) > 1 and (name == "cheapest" or len(batches) == 1):
            found[name] = rows[min(ranked)[1]]
    return found


def _present(*values: float | None) -> tuple[float, ...] | None:
    known = tuple(value for value in values if value is not None)
    return known if len(known) == len(values) else None


def best_lines(best: Mapping[str, CellResult]) -> list[str]:
    said = []
    if row := best.get("cheapest"):
        cost = money(row.figures.cost_usd_per_1k_items)
        said.append(f"cheapest: {_short(row)} ({cost} per 1,000 items)")
    if row := best.get("fastest"):
        billed = number(row.figures.billed_ms_mean)
        said.append(f"fastest: {_short(row)} ({billed} ms billed on average)")
    return [f"* {'; '.join(said)}"] if said else []


def quality_lines(rows: list[CellResult]) -> list[str]:
    """How near each engine is to the reference, and what training measured of its model."""
    by_engine: dict[str, list[CellResult]] = {}
    for row in rows:
        by_engine.setdefault(row.configuration.engine, []).append(row)
    return [
        f"{engine}: {', '.join(said)}"
        for engine, those in by_engine.items()
        if (said := [*_nearness(those), *_measured(those[-1])])
    ]


def _nearness(rows: list[CellResult]) -> list[str]:
    """The worst over the rows of one engine."""
    agreements = [r.figures.agreement for r in rows if r.figures.agreement is not None]
    differences = [r.figures.max_difference for r in rows if r.figures.max_difference is not None]
    said = []
    if agreements:
        said.append(f"{100 * min(agreements):.6g} % of its outputs are the reference's")
    if differences:
        said.append(f"its outputs are at most {max(differences):.2g} off the reference's")
    return said


def _measured(row: CellResult) -> list[str]:
    """What training measured of the model, and of what weights."""
    weights = f" ({row.provenance.weights} weights)" if row.provenance.weights else ""
    quality = row.figures.quality.items()
    measured = ", ".join(f"{name.replace('_', ' ')} {value:.4g}" for name, value in quality)
    return [measured + weights] if measured else []


def _short(row: CellResult) -> str:
    """The cell without its algorithm, which the title has."""
    return row.configuration.cell_id.removeprefix(f"{row.configuration.algorithm}-")


def trouble_lines(rows: list[CellResult]) -> list[str]:
    """Cells that do not fit, or are not what they should be, each with why."""
    lines = []
    for row in rows:
        outcomes, figures = row.outcomes, row.figures
        counts = [
            f"{n} of {outcomes.published} {outcome.value.replace('_', ' ')}"
            for outcome in Outcome
            if outcome is not Outcome.SUCCEEDED and (n := outcomes.count(outcome))
        ]
        said = ", ".join(counts)
        if outcomes.published and not outcomes.succeeded:
            verdict = "does not fit" if outcomes.out_of_memory else "has no success"
            lines.append(f"{_short(row)} {verdict}: {said}" + _reason(row))
        elif counts:
            lines.append(f"{_short(row)}: {said}")
        if outcomes.succeeded and not figures.warm_count:
            lines.append(
                f"{_short(row)} has no warm invocation ({outcomes.published} invocations at "
                f"concurrency {row.configuration.concurrency}): raise --lambda-invocations above "
                "the concurrency"
            )
        if row.partial:
            why = row.partial_reason or "it was interrupted"
            lines.append(f"{_short(row)} is partial: {why}")
    return lines


def _reason(row: CellResult) -> str:
    """What most of the invocations say went wrong, in one line."""
    said = Counter(reason for each in row.invocations if (reason := reason_of(each)))
    return f" ({said.most_common(1)[0][0][:100]})" if said else ""
