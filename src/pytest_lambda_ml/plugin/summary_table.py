"""An algorithm's cells as a table: its columns, and in which order they go where it is narrow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from pytest_lambda_ml.analysis.terminal_table import Column, print_table
from pytest_lambda_ml.analysis.wording import ABSENT, money, number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rich.console import Console

    from pytest_lambda_ml.campaign.result import CellResult

__all__ = ["CELL_FIGURES", "Figure", "print_cells"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One column's figure: how a cell's is written, and when the column says nothing."""

    column: Column
    write: Callable[[CellResult], str]
    best: str | None = None
    constant: str | None = None  # how the title says it when all rows agree
    optional: bool = False  # left out where no row has it


def _cold(result: CellResult) -> str:
    figures = result.figures
    if figures.init_ms_p50 is None and figures.initialization_ms_p50 is None:
        return ABSENT
    return f"{number(figures.init_ms_p50, 0)}+{number(figures.initialization_ms_p50, 0)}"


def _memory(result: CellResult) -> str:
    used = result.figures.max_memory_mb
    return ABSENT if used is None else f"{used} ({used / result.configuration.memory_mb:.0%})"


CELL_FIGURES = (
    Figure(Column("memory\nMB"), lambda r: str(r.configuration.memory_mb)),
    Figure(Column("engine\n", left=True), lambda r: r.configuration.engine, constant="engine {}"),
    Figure(
        Column("concur-\nrency"),
        lambda r: str(r.configuration.concurrency),
        constant="concurrency {}",
    ),
    Figure(Column("batch\n"), lambda r: str(r.configuration.batch_size), constant="batch {}"),
    Figure(
        Column("region\n", left=True),
        lambda r: r.configuration.region or "",
        constant="region {}",
    ),
    Figure(Column("vCPU\n", drop=1), lambda r: f"{r.configuration.vcpu:.2f}"),
    Figure(Column("cold\nn", drop=4), lambda r: str(r.figures.cold_starts)),
    Figure(Column("init+load\np50 ms"), _cold),
    Figure(Column("warm\nn", drop=3), lambda r: str(r.figures.warm_count)),
    Figure(Column("p50\nms"), lambda r: number(r.figures.duration_ms_p50)),
    Figure(Column("p95\nms", drop=7), lambda r: number(r.figures.duration_ms_p95)),
    Figure(
        Column("mean\nbilled ms", drop=10),
        lambda r: number(r.figures.billed_ms_mean),
        best="fastest",
    ),
    Figure(Column("max memory\nMB", drop=6), _memory),
    Figure(Column("$ per\nmillion"), lambda r: money(r.figures.cost_usd_per_million)),
    Figure(Column("items\nper s", drop=2), lambda r: number(r.figures.items_per_s), optional=True),
    Figure(
        Column("tokens\nper s", drop=9), lambda r: number(r.figures.tokens_per_s), optional=True
    ),
    Figure(
        Column("first\ntoken ms", drop=5),
        lambda r: number(r.figures.time_to_first_token_ms),
        optional=True,
    ),
    Figure(
        Column("$ per M\ntokens", drop=8),
        lambda r: money(r.figures.cost_usd_per_million_tokens),
        optional=True,
    ),
    Figure(
        Column("$ per\n1k items", drop=11),
        lambda r: money(r.figures.cost_usd_per_1k_items),
        best="cheapest",
    ),
)


def print_cells(
    console: Console,
    title: str,
    rows: Sequence[CellResult],
    best: Mapping[str, CellResult],
    figures: Sequence[Figure] = CELL_FIGURES,
) -> list[str]:
    """Print a title, with what all rows have in common, and the table.

    Returns the headings of the columns for which it is too narrow.
    """
    told, columns = [title], {}
    for figure in figures:
        values = [figure.write(row) for row in rows]
        same = len(set(values)) == 1
        if figure.constant and same:
            if values[0]:  # one region for all has no name in the rows
                told.append(figure.constant.format(values[0]))
        elif not (figure.optional and set(values) == {ABSENT}):
            marked = best.get(figure.best) if figure.best else None
            columns[figure.column] = [
                Text(f"{value}*", style="bold green")
                if row is marked
                else Text(f"{value} " if figure.best else value)
                for row, value in zip(rows, values, strict=True)
            ]
    console.print(", ".join(told), style="bold", soft_wrap=True, markup=False)
    return [column.heading.replace("\n", " ").strip() for column in print_table(console, columns)]
