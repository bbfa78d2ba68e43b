"""`pytest-lambda-ml export`: a stored run as files for other programs."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from pytest_lambda_ml.cli.folder import run_root_option
from pytest_lambda_ml.store.find_run import NAMES

__all__ = ["export"]

SUFFIXES = {"csv": ".csv", "parquet": ".parquet", "thesis-csv": "-thesis.csv"}


@click.command(epilog=f"RUN is {NAMES}.")
@click.argument("run")
@click.option(
    "--format",
    "form",
    type=click.Choice(tuple(SUFFIXES)),
    default="csv",
    show_default=True,
    help="A row per REPORT: all columns as CSV or Parquet, or the CSV of the thesis' tool.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="The file to write; - is standard output. RUN with the format's ending by default.",
)
@run_root_option
def export(run: str, form: str, out: Path | None, folder: Path) -> None:
    """Write the invocations of a stored run to a file."""
    from pytest_lambda_ml.analysis.export import write_export
    from pytest_lambda_ml.analysis.load import load_run

    loaded = load_run(run, folder)
    if out == Path("-"):
        if form == "parquet":
            raise click.UsageError("--out -: Parquet does not go to standard output")
        write_export(loaded, form, sys.stdout)
        return
    path = out or Path(f"{loaded.folder.name}{SUFFIXES[form]}")
    try:
        rows = write_export(loaded, form, path)
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror or error}") from None
    click.echo(f"{path}: {rows:,} rows")
