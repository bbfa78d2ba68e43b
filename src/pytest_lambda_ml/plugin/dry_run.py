"""The summary of a dry run: per cell and in all, what it would cost, take, and ask of the account.

Rendered from estimates alone.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table

from pytest_lambda_ml.analysis.terminal_table import plain_console
from pytest_lambda_ml.analysis.wording import money
from pytest_lambda_ml.campaign.estimate import Interval, quotas

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from decimal import Decimal

    from pytest_lambda_ml.campaign.estimate import CellEstimate, PlannedCell, Quotas

__all__ = ["render_dry_run"]

NOT_MEASURED = "1 ms to timeout"
RESERVED_FOR_OTHERS = 100
NEW_ACCOUNT_MB = 3008
MINUTE_S, HOUR_S = 60, 3600


def render_dry_run(
    estimates: Sequence[CellEstimate],
    *,
    price_date: str,
    price_sha256: str,
    budget_usd: Decimal | None,
    local: bool,
    width: int,
    color: bool = False,
) -> str:
    """The whole text, lines no longer than ``width`` where the cell ids leave it that."""
    output = io.StringIO()
    console = plain_console(output, width=width, color=color)
    console.print(_table(estimates))
    cost = _sum(estimates, lambda each: each.cost_usd)
    makespan = _sum(estimates, lambda each: each.makespan_s)
    invocations = sum(each.cell.invocations for each in estimates)
    known = sum(each.measured_in is not None for each in estimates)
    in_all = (
        f"{len(estimates)} cells, {invocations:,} invocations: {_interval(cost, money)} "
        f"{'if it ran on AWS' if local else 'expected'}, measuring for "
        f"{_interval(makespan, _time)}, deployment not counted."
    )
    rest = (
        f"{known} of {len(estimates)} cells were measured before, and are expected to come out as "
        "then; of the others the limits are given: every invocation billed 1 ms, or its timeout."
    )
    prices = (
        f"{_regions(estimates)} list prices of {price_date} (sha256 {price_sha256[:12]}), "
        "no free tier."
    )
    notes = dict.fromkeys(note for each in estimates for note in each.notes)
    lines = [in_all, rest, prices, *(f"Note: {note}." for note in notes), *_quotas(estimates)]
    if budget_usd is not None:
        expected = sum(each.expected_usd for each in estimates)
        lines.append(_against(cost, expected, budget_usd))
    for line in lines:
        console.print(line, soft_wrap=False)
    return output.getvalue()


def _table(estimates: Sequence[CellEstimate]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for heading, right in (
        ("cell", False),
        ("invocations", True),
        ("cost", True),
        ("makespan", True),
        ("from", False),
    ):
        table.add_column(heading, justify="right" if right else "left", no_wrap=heading == "cell")
    for each in estimates:
        table.add_row(
            each.cell.configuration.cell_id,
            f"{each.cell.invocations:,}",
            _interval(each.cost_usd, money),
            _interval(each.makespan_s, _time),
            each.measured_in or NOT_MEASURED,
        )
    return table


def _sum(estimates: Sequence[CellEstimate], part: Callable[[CellEstimate], Interval]) -> Interval:
    return sum((part(each) for each in estimates), Interval(0.0, 0.0))


def _interval(interval: Interval, write: Callable[[float], str]) -> str:
    low, high = write(interval.low), write(interval.high)
    return low if low == high else f"{low} to {high}"


def _time(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 2 * MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < 2 * HOUR_S:
        return f"{seconds / MINUTE_S:.0f} min"
    return f"{seconds / HOUR_S:.1f} h"


def _regions(estimates: Sequence[CellEstimate]) -> str:
    """The regions whose prices apply; of several, each with its part."""
    regions = list(dict.fromkeys(each.cell.region for each in estimates))
    if len(regions) == 1:
        return f"{regions[0]},"
    parts = []
    for region in regions:
        here = [each for each in estimates if each.cell.region == region]
        parts.append(f"{region} {_interval(_sum(here, lambda each: each.cost_usd), money)}")
    return "; ".join(parts) + ";"


def _quotas(estimates: Sequence[CellEstimate]) -> list[str]:
    """What is asked of the account; regions that differ have a line each."""
    by_region: dict[str, list[PlannedCell]] = {}
    for each in estimates:
        by_region.setdefault(each.cell.region, []).append(each.cell)
    asked = {region: quotas(cells) for region, cells in by_region.items()}
    if len(set(asked.values())) == 1:
        where = "Quotas in each region" if len(asked) > 1 else "Quotas"
        return [_quota_line(where, next(iter(asked.values())))]
    return [_quota_line(f"Quotas in {region}", each) for region, each in asked.items()]


def _quota_line(where: str, asked: Quotas) -> str:
    parts = []
    if asked.functions:
        parts.append(
            f"{asked.functions} function{'' if asked.functions == 1 else 's'}, one at a time; "
            f"reserved concurrency {asked.concurrency_max} at most, {asked.concurrency_sum} in "
            f"sum, besides the {RESERVED_FOR_OTHERS} that AWS keeps unreserved"
        )
    if asked.borrowed:
        parts.append(
            f"{asked.borrowed} cell{'' if asked.borrowed == 1 else 's'} of functions that exist "
            f"already, unreserved concurrency {asked.borrowed_concurrency_max} at most"
        )
    beyond = " (new accounts have 3,008 MB)" if asked.memory_mb_max > NEW_ACCOUNT_MB else ""
    parts.append(f"memory up to {asked.memory_mb_max:,} MB{beyond}")
    return f"{where}: {'; '.join(parts)}."


def _against(cost: Interval, expected_usd: float, budget_usd: Decimal) -> str:
    """Whether the run would start, by what is expected; and end, by the worst."""
    budget = money(budget_usd)
    if expected_usd > budget_usd:
        return (
            f"The budget of {budget} is below the {money(expected_usd)} expected (the least that "
            "is possible, of cells never measured): the run would not start."
        )
    if cost.high > budget_usd:
        return f"The budget of {budget} lies within: publishing may stop before the end."
    return f"The budget of {budget} covers it."
