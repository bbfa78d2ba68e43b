"""`pytest-lambda-ml recommend`: which configuration to use, and how sure that is."""

from __future__ import annotations

import dataclasses
import json
import sys
from typing import TYPE_CHECKING, Any

import click

from pytest_lambda_ml.cli.folder import run_root_option

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

    from pytest_lambda_ml.analysis.recommendation import Candidate, Question, Recommendation

__all__ = ["ask", "question_options", "recommend"]

COLUMNS = (
    "",
    "memory MB",
    "engine",
    "batch",
    "concurrency",
    "architecture",
    "region",
    "$ a month",
    "mean ms",
    "p95 ms",
    "cold p95 ms",
    "P(best)",
    "within 1 %",
    "front",
)
ALWAYS = frozenset(
    {
        "",
        "memory MB",
        "$ a month",
        "mean ms",
        "p95 ms",
        "cold p95 ms",
        "P(best)",
        "within 1 %",
        "front",
    }
)
"""The others are shown where they differ."""
LEFT = frozenset({"", "engine", "architecture", "region", "front"})
PLAIN_WIDTH = 120


def question_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that make a `Question`, for every command that recommends."""
    options = (
        click.option(
            "--objective",
            type=click.Choice(["cost", "speed", "balanced"]),
            default="cost",
            show_default=True,
            help="What to minimise, as AWS Lambda Power Tuning's strategies do.",
        ),
        click.option(
            "--weight",
            type=click.FloatRange(0, 1),
            default=0.5,
            show_default=True,
            help="Weight of cost in `balanced`: 1 is cost, 0 is speed.",
        ),
        click.option(
            "--max-p95-ms",
            type=click.FloatRange(0, min_open=True),
            help="Only cells whose warm duration has its 95th percentile at most here.",
        ),
        click.option(
            "--max-cold-ms",
            type=click.FloatRange(0, min_open=True),
            help="Only cells whose cold start has its 95th percentile at most here.",
        ),
        click.option(
            "--requests-per-day",
            type=click.FloatRange(0, min_open=True),
            default=100_000,
            show_default=True,
            help="Items to predict in a day; money and cold starts follow from it.",
        ),
        click.option(
            "--idle-minutes",
            type=click.FloatRange(0),
            default=10,
            show_default=True,
            help="How long Lambda keeps an idle environment: an assumption, AWS does not say.",
        ),
        click.option(
            "--confidence",
            type=click.FloatRange(0.5, 0.999),
            default=0.9,
            show_default=True,
            help="Decided is a choice that no other beats by more than 1 %, with this probability.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def ask(
    *,
    objective: Any,
    weight: float,
    max_p95_ms: float | None,
    max_cold_ms: float | None,
    requests_per_day: float,
    idle_minutes: float,
    confidence: float,
) -> Question:
    """The question that the options put."""
    from pytest_lambda_ml.analysis.recommendation import Question
    from pytest_lambda_ml.analysis.traffic import Traffic

    return Question(
        objective=objective,
        weight=weight,
        max_p95_ms=max_p95_ms,
        max_cold_ms=max_cold_ms,
        traffic=Traffic(requests_per_day, idle_minutes),
        confidence=confidence,
    )


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

    stored = load_run(run, folder, columns=NEEDED)
    found = decide(samples_of_run(stored), ask(**options), load_prices().prices)
    if as_json:
        click.echo(json.dumps([_plain(told) for told in found], indent=1, allow_nan=False))
        return
    from rich.console import Console

    console = Console(highlight=False, width=None if sys.stdout.isatty() else PLAIN_WIDTH)
    for told in found:
        _print(console, told)
    if found:
        from pytest_lambda_ml.analysis.recommend_text import assumptions

        console.print(assumptions(found[0].question), markup=False)
    if stored.backend == "local":
        console.print(
            "Measured on this machine: it compares configurations, it is no AWS bill.", markup=False
        )
    if stored.partial:
        console.print(f"The run is partial: {stored.partial_reason}", markup=False)


def _print(console: Console, told: Recommendation) -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from pytest_lambda_ml.analysis.recommend_text import choice_name, question_text, sentences

    asked = question_text(told.question)
    console.print(f"[bold]{escape(told.algorithm)}: {escape(choice_name(told))}[/] ({asked})")
    for line in sentences(told):
        console.print(f"  {line}", markup=False)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    rows = [_row(each, told) for each in told.candidates]
    shown = [name for name in COLUMNS if name in ALWAYS or len({row[name] for row in rows}) > 1]
    for name in shown:
        table.add_column(name, justify="left" if name in LEFT else "right", no_wrap=True)
    for row in rows:
        table.add_row(*(escape(row[name]) for name in shown))
    if told.candidates:
        console.print(table)
    for cell_id, why in told.excluded:
        console.print(f"  not considered: {cell_id}: {why}", markup=False)
    console.print()


def _row(each: Candidate, told: Recommendation) -> dict[str, str]:
    from pytest_lambda_ml.analysis.wording import money, number, probability

    cell = each.configuration
    chosen = told.choice is not None and cell == told.choice.configuration
    values = (
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
    return dict(zip(COLUMNS, values, strict=True))


def _plain(told: Recommendation) -> dict[str, Any]:
    plain = dataclasses.asdict(told)
    return {**plain, "decided": told.decided, "regret_unit": told.regret_unit}
