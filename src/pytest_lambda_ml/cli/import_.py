"""`pytest-lambda-ml import`: logs and the thesis' CSV files as a stored run."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from pytest_lambda_ml.cli.folder import run_root_option

__all__ = ["import_"]


@click.command("import")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE…",
)
@click.option("--region", default="us-east-1", show_default=True, help="Region whose prices apply.")
@click.option("--algorithm", help="Algorithm of all cells, where names do not say it.")
@click.option("--engine", help="Engine of all cells.")
@click.option("--concurrency", type=click.IntRange(1), help="Reserved concurrency of all cells.")
@click.option("--batch-size", type=click.IntRange(1), help="Items in one message, of all cells.")
@click.option(
    "--architecture",
    type=click.Choice(("x86_64", "arm64")),
    default="x86_64",
    show_default=True,
    help="Architecture of all cells.",
)
@run_root_option
def import_(
    files: tuple[Path, ...],
    region: str,
    algorithm: str | None,
    engine: str | None,
    concurrency: int | None,
    batch_size: int | None,
    architecture: str,
    folder: Path,
) -> None:
    """Store FILE… as one run.

    A FILE is the CSV of the thesis' tool, or log text: what `aws logs tail` or `aws logs
    filter-log-events` prints (text or JSON), or the messages alone. What a log does not say of a
    cell is guessed from the functions' names and the environments; options say it better.
    """
    from pytest_lambda_ml.analysis.import_run import Guess, import_files
    from pytest_lambda_ml.store.run_file import read_run_file

    guess = Guess(
        algorithm=algorithm,
        engine=engine,
        concurrency=concurrency,
        batch_size=batch_size,
        architecture="arm64" if architecture == "arm64" else "x86_64",
    )
    path = import_files(files, folder, datetime.now(UTC), region=region, guess=guess)
    run = read_run_file(path)
    for cell in run["cells"]:
        click.echo(
            f"{cell['cell_id']}: {cell['outcomes']['published']:,} invocations, "
            f"{cell['figures']['warm_count']:,} warm, {cell['figures']['cold_starts']:,} cold"
        )
    click.echo(f"Run {run['run_id']} stored in {path}")
