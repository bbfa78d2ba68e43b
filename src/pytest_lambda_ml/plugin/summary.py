"""The terminal summary, rendered from results alone: a table per algorithm, then the bill.

What is the same in all rows of a table stands in its title; what does not fit the width is left
out in a fixed order rather than wrapped.
"""

from __future__ import annotations

import io
import textwrap
from collections import Counter
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from pytest_lambda_ml.analysis.wording import ABSENT, alike, money, number
from pytest_lambda_ml.measure.pricing import Cost
from pytest_lambda_ml.model import Outcome
from pytest_lambda_ml.plugin.verdict import reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_lambda_ml.campaign.result import CellResult

__all__ = ["money", "render"]


@dataclass(frozen=True, slots=True)
class Column:
    """One column: two lines of heading, how a cell is written, and when it may be left out."""

    heading: str
    write: Callable[[CellResult], str]
    best: str | None = None
    constant: str | None = None  # how the title says it when all rows agree
    optional: bool = False  # left out where no row has it
    drop: int = 0  # left out in this order where it is too narrow; 0 never is


def _cold(result: CellResult) -> str:
    figures = result.figures
    if figures.init_ms_p50 is None and figures.initialization_ms_p50 is None:
        return ABSENT
    return f"{number(figures.init_ms_p50, 0)}+{number(figures.initialization_ms_p50, 0)}"


def _memory(result: CellResult) -> str:
    used = result.figures.max_memory_mb
    return ABSENT if used is None else f"{used} ({used / result.configuration.memory_mb:.0%})"


COLUMNS = (
    Column("memory\nMB", lambda r: str(r.configuration.memory_mb)),
    Column("engine\n", lambda r: r.configuration.engine, constant="engine {}"),
    Column("concur-\nrency", lambda r: str(r.configuration.concurrency), constant="concurrency {}"),
    Column("batch\n", lambda r: str(r.configuration.batch_size), constant="batch {}"),
    Column("region\n", lambda r: r.configuration.region or "", constant="region {}"),
    Column("vCPU\n", lambda r: f"{r.configuration.vcpu:.2f}", drop=1),
    Column("cold\nn", lambda r: str(r.figures.cold_starts), drop=3),
    Column("init+load\np50 ms", _cold),
    Column("warm\nn", lambda r: str(r.figures.warm_count), drop=2),
    Column("p50\nms", lambda r: number(r.figures.duration_ms_p50)),
    Column("p95\nms", lambda r: number(r.figures.duration_ms_p95), drop=5),
    Column("mean\nbilled ms", lambda r: number(r.figures.billed_ms_mean), best="fastest"),
    Column("max memory\nMB", _memory, drop=4),
    Column("$ per\nmillion", lambda r: money(r.figures.cost_usd_per_million)),
    Column("items\nper s", lambda r: number(r.figures.items_per_s), optional=True, drop=2),
    Column("tokens\nper s", lambda r: number(r.figures.tokens_per_s), optional=True),
    Column(
        "first\ntoken ms",
        lambda r: number(r.figures.time_to_first_token_ms),
        optional=True,
        drop=3,
    ),
    Column(
        "$ per M\ntokens", lambda r: money(r.figures.cost_usd_per_million_tokens), optional=True
    ),
    Column("$ per\n1k items", lambda r: money(r.figures.cost_usd_per_1k_items), best="cheapest"),
)


def render(
    results: Sequence[CellResult],
    *,
    width: int,
    run_dir: str,
    partial: bool = False,
    color: bool = False,
    advice: Mapping[str, str] | None = None,
    short: bool = False,
) -> str:
    """The whole summary of one session, lines no longer than ``width`` characters.

    ``advice`` is the recommendation by algorithm, in one line each. ``short`` leaves the tables
    out: a line or two for each algorithm, then what is beneath.
    """
    advice = advice or {}
    parts = []
    ordered = sorted(results, key=_first_seen(results))
    for algorithm, group in groupby(ordered, key=lambda r: r.configuration.algorithm):
        rows = sorted(group, key=_grid_order)
        said = advice.get(algorithm)
        if short:
            lines = [f"{algorithm}: {said}" if said else algorithm, *_troubles(rows)]
            parts += [_wrap(line, width, "  " if i else "") for i, line in enumerate(lines)]
        else:
            parts.append(_algorithm(algorithm, rows, said, width=width, color=color))
    parts.append(_beneath(results, width, run_dir, partial=partial))
    return "\n".join(parts)


def _first_seen(results: Sequence[CellResult]) -> Callable[[CellResult], int]:
    order = {algorithm: i for i, algorithm in enumerate(_unique(_algorithms(results)))}
    return lambda result: order[result.configuration.algorithm]


def _grid_order(result: CellResult) -> tuple[object, ...]:
    """What is compared stands together, memory by memory, whatever test it came from."""
    cell = result.configuration
    another_engine = cell.engine != "reference"
    values = cell.batch_size, cell.concurrency, cell.memory_mb, cell.region or ""
    return another_engine, cell.engine, *values


def _algorithms(results: Iterable[CellResult]) -> list[str]:
    return [result.configuration.algorithm for result in results]


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _algorithm(
    algorithm: str, rows: list[CellResult], advice: str | None, *, width: int, color: bool
) -> str:
    """One table and what has to be said about its cells."""
    columns, title = [], [algorithm]
    for column in COLUMNS:
        values = {column.write(row) for row in rows}
        if column.constant and len(values) == 1:
            if value := values.pop():  # one region for all has no name in the rows
                title.append(column.constant.format(value))
        elif not (column.optional and values == {ABSENT}):
            columns.append(column)
    best = _best(rows)
    output = io.StringIO()
    console = Console(
        file=output, width=width, force_terminal=color, no_color=not color, highlight=False
    )
    table = _table(rows, columns, best)
    left_out: list[str] = []
    for column in sorted((c for c in columns if c.drop), key=lambda c: c.drop):
        if Measurement.get(console, console.options.update(width=1000), table).maximum <= width:
            break
        columns.remove(column)
        left_out.append(column.heading.replace("\n", " ").strip())
        table = _table(rows, columns, best)
    console.print(", ".join(title), style="bold", soft_wrap=True)
    console.print(table)
    lines = [*_best_lines(best), *_quality(rows), *_troubles(rows)]
    if advice:
        lines.insert(1 if best else 0, f"recommended: {advice}")
    if left_out:
        lines.append(f"a wider terminal also shows {', '.join(left_out)}")
    return output.getvalue() + "".join(f"{_wrap(line, width, '  ')}\n" for line in lines)


def _table(rows: list[CellResult], columns: Sequence[Column], best: dict[str, CellResult]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for column in columns:
        left = column.constant in {"engine {}", "region {}"}
        table.add_column(column.heading, justify="left" if left else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(_cell(column, row, best) for column in columns))
    return table


def _cell(column: Column, row: CellResult, best: dict[str, CellResult]) -> str:
    text = column.write(row)
    if column.best is None:
        return text
    return f"[bold green]{text}*[/]" if best.get(column.best) is row else f"{text} "


def _best(rows: list[CellResult]) -> dict[str, CellResult]:
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


def _best_lines(best: dict[str, CellResult]) -> list[str]:
    said = []
    if row := best.get("cheapest"):
        cost = money(row.figures.cost_usd_per_1k_items)
        said.append(f"cheapest: {_short(row)} ({cost} per 1,000 items)")
    if row := best.get("fastest"):
        billed = number(row.figures.billed_ms_mean)
        said.append(f"fastest: {_short(row)} ({billed} ms billed on average)")
    return [f"* {'; '.join(said)}"] if said else []


def _quality(rows: list[CellResult]) -> list[str]:
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


def _troubles(rows: list[CellResult]) -> list[str]:
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


def _beneath(results: Sequence[CellResult], width: int, run_dir: str, *, partial: bool) -> str:
    """The bill, what could not be measured honestly, and where the run is."""
    provenance = results[-1].provenance
    total = sum((result.figures.cost_total for result in results), Cost())
    local = provenance.backend == "local"
    verb = "would have cost" if local else "cost"
    items = {
        "GB-seconds": total.gb_seconds_usd,
        "requests": total.requests_usd,
        "ephemeral storage": total.ephemeral_usd,
        "SNS": total.sns_usd,
        "log ingestion": total.logs_usd,
        **({"SnapStart": total.snap_start_usd} if total.snap_start_usd != 0 else {}),
    }
    itemised = ", ".join(f"{name} {money(usd)}" for name, usd in items.items())
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
    return "\n".join(_wrap(line, width, "") for line in lines)


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


def _wrap(text: str, width: int, indent: str) -> str:
    return textwrap.fill(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
