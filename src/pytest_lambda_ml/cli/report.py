"""`pytest-lambda-ml report`: a stored run as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pytest_lambda_ml.cli.folder import run_root_option
from pytest_lambda_ml.cli.question import ask, question_options

__all__ = ["report"]


@click.command()
@click.argument("run", default="latest")
@click.option("--baseline", metavar="RUN", help="Say what changed since this run.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write; by default report.html in the run's folder.",
)
@question_options
@run_root_option
def report(run: str, baseline: str | None, out: Path | None, folder: Path, **options: Any) -> None:
    """Write a self-contained HTML report of a stored RUN (default: the latest)."""
    from pytest_lambda_ml.analysis.figures_files import check_drawing
    from pytest_lambda_ml.analysis.load import load_run
    from pytest_lambda_ml.analysis.report import BASELINE_COLUMNS, COLUMNS, write_report

    check_drawing()
    comparison = None
    if baseline is None:
        stored = load_run(run, folder, columns=COLUMNS)
    else:
        from pytest_lambda_ml.analysis.compare import compare_runs
        from pytest_lambda_ml.store.find_run import find_run, is_whole

        base = find_run(baseline, folder, accept=is_whole)
        stored = load_run(run, folder, columns=BASELINE_COLUMNS)
        comparison = compare_runs(load_run(base, folder, columns=BASELINE_COLUMNS), stored)
    path = out or stored.folder / "report.html"
    click.echo(write_report(stored, path, question=ask(**options), comparison=comparison))
