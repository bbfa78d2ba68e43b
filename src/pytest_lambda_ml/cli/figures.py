"""`pytest-lambda-ml figures`: the figures of a stored run as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pytest_lambda_ml.cli.folder import run_root_option
from pytest_lambda_ml.cli.question import ask, question_options

__all__ = ["figures"]


@click.command()
@click.argument("run", default="latest")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("figures"),
    show_default=True,
    help="Folder to write to.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(["svg", "png", "pdf", "html"]),
    default="svg",
    show_default=True,
    help="`html` is interactive; its files share one script that lies beside them.",
)
@click.option("--only", multiple=True, metavar="TEXT", help="Only figures with this in their name.")
@question_options
@run_root_option
def figures(
    run: str, out: Path, kind: str, only: tuple[str, ...], folder: Path, **options: Any
) -> None:
    """Draw the figures of a stored RUN (default: the latest)."""
    from pytest_lambda_ml.analysis.figures import figures_of_run
    from pytest_lambda_ml.analysis.figures_data import COLUMNS
    from pytest_lambda_ml.analysis.figures_files import check_drawing, write_figures
    from pytest_lambda_ml.analysis.load import load_run
    from pytest_lambda_ml.analysis.recommend import recommend
    from pytest_lambda_ml.analysis.recommend_samples import samples_of_run
    from pytest_lambda_ml.analysis.wording import run_line
    from pytest_lambda_ml.measure.pricing import load_prices

    check_drawing()
    stored = load_run(run, folder, columns=COLUMNS)
    table = load_prices()
    told = recommend(samples_of_run(stored), ask(**options), table.prices)
    architecture = stored.cells[0].configuration.architecture if stored.cells else "x86_64"
    chosen = (
        figure
        for figure in figures_of_run(stored, told, table.prices(stored.region, architecture))
        if not only or any(text in figure.name for text in only)
    )
    written = write_figures(chosen, out, kind, source=run_line(stored))
    if not written:
        raise click.ClickException(f"no figure of this run has {' or '.join(only)} in its name")
    for path in written:
        click.echo(path)
