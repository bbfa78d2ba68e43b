"""`pytest-lambda-ml recommend`: which configuration to use, and how sure that is."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import click

from pytest_lambda_ml.analysis.terminal_table import Column, print_table, wrapped
from pytest_lambda_ml.cli.folder import run_root_option
from pytest_lambda_ml.cli.question import ask, question_options
from pytest_lambda_ml.cli.width import output_width

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console

    from pytest_lambda_ml.analysis.recommendation import Candidate, Recommendation

__all__ = ["recommend"]

COLUMNS = (
    Column(""),
    Column("memory\nMB"),
    Column("engine\n", left=True),
    Column("batch\n"),
    Column("concur-\nrency"),
    Column("architecture\n", left=True),
    Column("region\n", left=True),
    Column("$ a\nmonth"),
    Column("answer\nmean ms"),
    Column("warm\np95 ms", drop=3),
    Column("cold\np95 ms", drop=2),
    Column("P(best)\n"),
    Column("within\n1 %", drop=1),
    Column("\n", left=True, wraps=True),
)
TELLING = frozenset(COLUMNS[2:7])
"""What is shown where cells differ in it."""


@click.command()
@click.argument("run", default="latest")
@question_options
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON.")
@run_root_option
def recommend(run: str, folder: Path, *, as_json: bool, **options: Any) -> None:
    """Recommend a configuration per algorithm from a stored RUN (default: the latest)."""
    from pytest_lambda_ml.analysis.load import load_run
    from pytest_lambda_ml.analysis.recommend import recommend as decide
    from pytest_lambda_ml.analysis.recommend_samples import COLUMNS as NEEDED
    from pytest_lambda_ml.analysis.recommend_samples import samples_of_run
    from pytest_lambda_ml.measure.pricing import load_prices

    question = ask(**options)
    stored = load_run(run, folder, columns=NEEDED)
    found = decide(samples_of_run(stored), question, load_prices().prices)
    if as_json:
        click.echo(json.dumps([_plain(told) for told in found], indent=1, allow_nan=False))
        return
    from rich.console import Console

    from pytest_lambda_ml.analysis.recommend_text import LEGEND, assumptions

    console = Console(highlight=False, width=output_width())
    for told in found:
        _print(console, told)
    beneath = [LEGEND, assumptions(question)] if found else []
    if not stored.cells:
        beneath.append("nothing to recommend: the run has no cells")
    if trained := [cell.cell_id for cell in stored.cells if cell.training is not None]:
        beneath.append(f"Nothing is recommended of trainings: {', '.join(trained)}")
    if stored.backend == "local":
        beneath.append("Measured on this machine: it compares configurations, it is no AWS bill.")
    if stored.partial:
        why = stored.partial_reason or "it did not come to its end"
        beneath.append(f"The run is partial: {why}")
    for line in beneath:
        click.echo(wrapped(line, console.width))


def _print(console: Console, told: Recommendation) -> None:
    from rich.markup import escape

    from pytest_lambda_ml.analysis.recommend_text import choice_name, question_text, sentences

    asked = question_text(told.question)
    console.print(f"[bold]{escape(told.algorithm)}: {escape(choice_name(told))}[/] ({asked})")
    beneath = [f"not considered: {cell_id}: {why}" for cell_id, why in told.excluded]
    for line in sentences(told):
        click.echo(wrapped(line, console.width, "  "))
    if told.candidates:
        rows = [_row(each, told) for each in told.candidates]
        columns = dict(zip(COLUMNS, zip(*rows, strict=True), strict=True))
        shown = {
            column: values
            for column, values in columns.items()
            if column not in TELLING or len(set(values)) > 1
        }
        if left_out := print_table(console, shown):
            names = ", ".join(column.heading.replace("\n", " ") for column in left_out)
            beneath.append(f"a wider terminal also shows {names}")
    for line in beneath:
        click.echo(wrapped(line, console.width, "  "))
    click.echo()


def _row(each: Candidate, told: Recommendation) -> tuple[str, ...]:
    from pytest_lambda_ml.analysis.wording import money, number, probability

    cell = each.configuration
    chosen = told.choice is not None and cell == told.choice.configuration
    return (
        ">" if chosen else "",
        str(cell.memory_mb),
        cell.engine,
        str(cell.batch_size),
        str(cell.concurrency),
        cell.architecture,
        each.region,
        money(each.usd_per_month),
        number(each.answer_ms_mean),
        number(each.duration_ms_p95),
        number(each.cold_ms_p95, 0),
        probability(each.p_best),
        probability(each.p_equal),
        each.missed or ("Pareto" if each.pareto else ""),
    )


def _plain(told: Recommendation) -> dict[str, Any]:
    plain = dataclasses.asdict(told)
    return {**plain, "decided": told.decided, "regret_unit": told.regret_unit}
