"""The `pytest-lambda-ml` command: a file per verb."""

from __future__ import annotations

import sys

import click

from pytest_lambda_ml.cli.compare import compare
from pytest_lambda_ml.cli.doctor import doctor
from pytest_lambda_ml.cli.export import export
from pytest_lambda_ml.cli.figures import figures
from pytest_lambda_ml.cli.import_ import import_
from pytest_lambda_ml.cli.local import local
from pytest_lambda_ml.cli.prices import prices
from pytest_lambda_ml.cli.purge import purge
from pytest_lambda_ml.cli.recommend import recommend
from pytest_lambda_ml.cli.report import report
from pytest_lambda_ml.cli.runs import runs
from pytest_lambda_ml.cli.train import train
from pytest_lambda_ml.errors import LambdaMLError

__all__ = ["main"]


@click.group()
@click.version_option(package_name="pytest-lambda-ml")
def cli() -> None:
    """Benchmark machine-learning inference on AWS Lambda; `pytest` does the benchmarking."""


cli.add_command(doctor)
cli.add_command(local)
cli.add_command(compare)
cli.add_command(export)
cli.add_command(import_)
cli.add_command(prices)
cli.add_command(purge)
cli.add_command(runs)
cli.add_command(recommend)
cli.add_command(figures)
cli.add_command(report)
cli.add_command(train)


def main() -> None:
    """Run the command; an error of ours is one line, not a traceback."""
    try:
        cli()
    except LambdaMLError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
