"""`pytest-lambda-ml compare`: two stored runs, cell by cell, with a gate."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

from pytest_lambda_ml.cli.folder import run_root_option
from pytest_lambda_ml.cli.width import output_width
from pytest_lambda_ml.errors import RunStoreError, SettingError
from pytest_lambda_ml.store.find_run import NAMES

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["compare"]


@click.command(epilog=f"BASE and NEW are each {NAMES}.")
@click.argument("base")
@click.argument("new")
@click.option(
    "--fail-on",
    "fail_on",
    multiple=True,
    metavar="METRIC:PERCENT%",
    help="Exit with 1 where a cell's metric has grown by more; repeatable. Metrics: cost, billed, "
    "mean, p50, p95, init, memory. Without it, cost, p95, init and memory are compared at 5% and "
    "nothing fails.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(("table", "md")),
    default="table",
    show_default=True,
    help="For the terminal, or Markdown for a pull request.",
)
@run_root_option
def compare(base: str, new: str, fail_on: tuple[str, ...], form: str, folder: Path) -> None:
    """Compare the stored run NEW with the run BASE.

    Each metric of each cell is called regressed, improved, unchanged, inconclusive, or (measured
    with other data) incomparable; two runs of the same thing have any regression with 5 % at most.
    In GitHub Actions the comparison is also added to the step summary. Partial runs are no
    baseline, and latest passes them over.
    """
    from pytest_lambda_ml.analysis.compare import compare_runs
    from pytest_lambda_ml.analysis.compare_text import as_markdown, as_table, nothing_gated
    from pytest_lambda_ml.analysis.gate import DEFAULT_LIMITS, append_step_summary, parse_limits
    from pytest_lambda_ml.analysis.load import load_run
    from pytest_lambda_ml.store.find_run import find_run, is_whole

    try:
        limits = parse_limits(fail_on, place="--fail-on") or DEFAULT_LIMITS
        old, young = (
            load_run(find_run(name, folder, accept=is_whole), folder) for name in (base, new)
        )
        comparison = compare_runs(old, young, limits)
    except (SettingError, RunStoreError) as error:
        raise click.UsageError(str(error)) from None
    markdown = as_markdown(comparison)
    append_step_summary(markdown, os.environ)
    color = sys.stdout.isatty()
    click.echo(
        markdown if form == "md" else as_table(comparison, width=output_width(), color=color),
        nl=form != "md",
    )
    if fail_on and (lacking := comparison.lacking(limits)):
        raise click.UsageError(nothing_gated(comparison, lacking))
    if fail_on and comparison.regressions:
        sys.exit(1)
