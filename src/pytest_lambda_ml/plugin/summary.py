"""The terminal summary, rendered from results alone: a table per algorithm, then the bill.

What is the same in all rows of a table stands in its title; what does not fit the width is left
out in a fixed order rather than wrapped.
"""

from __future__ import annotations

import io
from itertools import groupby
from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.terminal_table import plain_console, wrapped
from pytest_lambda_ml.plugin.summary_bill import lines_beneath
from pytest_lambda_ml.plugin.summary_remarks import (
    best_lines,
    best_of,
    quality_lines,
    trouble_lines,
)
from pytest_lambda_ml.plugin.summary_table import CELL_FIGURES, print_cells
from pytest_lambda_ml.plugin.summary_training import training_columns

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_lambda_ml.campaign.result import CellResult

__all__ = ["render"]


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
    for (algorithm, _), group in groupby(ordered, key=_table):
        rows = sorted(group, key=_grid_order)
        said = advice.get(algorithm)
        if short:
            lines = [f"{algorithm}: {said}" if said else algorithm, *trouble_lines(rows)]
            parts += [wrapped(line, width, "  " if i else "") for i, line in enumerate(lines)]
        else:
            parts.append(_algorithm(algorithm, rows, said, width=width, color=color))
    parts += [wrapped(line, width) for line in lines_beneath(results, run_dir, partial=partial)]
    return "\n".join(parts)


def _first_seen(results: Sequence[CellResult]) -> Callable[[CellResult], tuple[int, bool]]:
    algorithms = dict.fromkeys(result.configuration.algorithm for result in results)
    order = {algorithm: i for i, algorithm in enumerate(algorithms)}
    return lambda result: (order[result.configuration.algorithm], result.training is not None)


def _table(result: CellResult) -> tuple[str, bool]:
    """Trainings have a table of their own: their messages are no items."""
    return result.configuration.algorithm, result.training is not None


def _grid_order(result: CellResult) -> tuple[object, ...]:
    """What is compared stands together, memory by memory, whatever test it came from."""
    cell = result.configuration
    another_engine = cell.engine != "reference"
    values = cell.batch_size, cell.concurrency, cell.memory_mb, cell.region or ""
    return another_engine, cell.engine, *values


def _algorithm(
    algorithm: str, rows: list[CellResult], advice: str | None, *, width: int, color: bool
) -> str:
    """One table and what has to be said about its cells, which are all trainings or none."""
    output = io.StringIO()
    console = plain_console(output, width=width, color=color)
    trained = rows[0].training is not None
    best = {} if trained else best_of(rows)
    figures = training_columns(rows) if trained else CELL_FIGURES
    left_out = print_cells(console, algorithm, rows, best, figures)
    lines = [*best_lines(best), *quality_lines(rows), *trouble_lines(rows)]
    if advice:
        lines.insert(1 if best else 0, f"recommended: {advice}")
    if left_out:
        lines.append(f"a wider terminal also shows {', '.join(left_out)}")
    return output.getvalue() + "".join(f"{wrapped(line, width, '  ')}\n" for line in lines)
