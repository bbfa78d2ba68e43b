"""`pytest-lambda-ml train`: what a first run would wait for, ahead of it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lambda_ml.artifact import HandlerFolder

__all__ = ["train"]


@click.command()
@click.argument("handlers", metavar="HANDLER...", nargs=-1, required=True)
@click.option("--engine", "engines", metavar="NAME", multiple=True, default=("reference",),
              help="Engine to train; repeatable.  [default: reference]")  # fmt: skip
@click.option("--lambda-dataset", "datasets", metavar="KIND=PATH", multiple=True,
              help="CSV file instead of the bundled data, as for pytest.")  # fmt: skip
@click.option("--lambda-cache-dir", "cache_dir", metavar="DIR",
              help="Folder of trained models, as for pytest.")  # fmt: skip
def train(
    handlers: tuple[str, ...],
    engines: tuple[str, ...],
    datasets: tuple[str, ...],
    cache_dir: str | None,
) -> None:
    """Train handlers, by folder or by name, unless the cache has them."""
    from pytest_lambda_ml.artifact import check_requirements
    from pytest_lambda_ml.artifact import train as train_folder
    from pytest_lambda_ml.datasets import load_dataset
    from pytest_lambda_ml.settings import resolve

    given = {"datasets": list(datasets) or None, "cache_dir": cache_dir}
    settings = resolve(command_line=given, environ=os.environ, ini={}, rootdir=Path.cwd())
    for folder in _folders(handlers, engines):
        check_requirements(folder)
        source = settings.datasets.get(folder.dataset)
        dataset = load_dataset(folder.dataset, source, settings.cache_dir)
        began = time.monotonic()
        artifacts = train_folder(folder, dataset, settings.cache_dir)
        seconds = time.monotonic() - began
        click.echo(
            f"{folder.name} ({folder.engine}): {artifacts or 'no train.py'}, {seconds:.1f} s"
        )


def _folders(handlers: tuple[str, ...], engines: tuple[str, ...]) -> Iterator[HandlerFolder]:
    from pytest_lambda_ml.artifact import find_handler

    for handler in handlers:
        for engine in engines:
            yield find_handler(handler, engine=engine, search=[Path.cwd()])
