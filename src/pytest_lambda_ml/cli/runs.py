"""`pytest-lambda-ml runs`: which runs are stored."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

import click

from pytest_lambda_ml.cli.folder import run_root_option

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["runs"]

SHOWN = "%Y-%m-%d %H:%M:%S"
HEADINGS = ("run", "time (UTC)", "where", "cells", "invocations", "cost", "commit", "state")


@click.command()
@run_root_option
def runs(folder: Path) -> None:
    """List the stored runs, oldest first."""
    from pytest_lambda_ml.store.find_run import run_folders

    found = run_folders(folder)
    if not found:
        raise click.ClickException(f"no runs in {folder}; `pytest benchmarks/` stores one")
    rows = [HEADINGS, *(_row(path) for path in found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADINGS))]
    for row in rows:
        line = "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def _row(path: Path) -> tuple[str, ...]:
    """One run; a run without run.json was killed, its journal is what is left of it."""
    from pytest_lambda_ml.errors import RunStoreError
    from pytest_lambda_ml.store.find_run import run_id_of
    from pytest_lambda_ml.store.run_file import RUN_FILE, read_run_file

    time, unknown = _time(path.name.rpartition("-")[0]), ("", "", "", "", "")
    if not (path / RUN_FILE).is_file():
        return run_id_of(path), time, *unknown, "unfinished (journal only)"
    try:
        run = read_run_file(path)
        cells = run["cells"]
        return (
            run_id_of(path),
            f"{datetime.fromtimestamp(run['created_at'], UTC):{SHOWN}}",
            run["region"] if run["backend"] == "aws" else "local",
            str(len(cells)),
            f"{sum(cell['outcomes']['published'] for cell in cells):,}",
            _cost(cells),
            _commit(run.get("git") or {}),
            _state(run),
        )
    except (RunStoreError, KeyError, TypeError, ValueError) as error:
        return run_id_of(path), time, *unknown, f"unreadable ({error})"


def _time(stamp: str) -> str:
    """The time in a folder's name as it is shown; what is none as it is."""
    try:
        return f"{datetime.strptime(stamp, '%Y%m%dT%H%M%SZ').replace(tzinfo=UTC):{SHOWN}}"
    except ValueError:
        return stamp


def _cost(cells: list[Mapping[str, Any]]) -> str:
    from pytest_lambda_ml.analysis.wording import money

    try:
        return money(sum((Decimal(cell["cost_usd_total"]) for cell in cells), Decimal()))
    except (InvalidOperation, TypeError):
        return ""


def _commit(git: Mapping[str, Any]) -> str:
    return str(git.get("commit") or "")[:8] + ("+" if git.get("dirty") else "")


def _state(run: Mapping[str, Any]) -> str:
    if run.get("partial"):
        return f"partial ({run.get('partial_reason') or 'interrupted'})"
    return "imported" if run.get("imported_from") else "whole"
