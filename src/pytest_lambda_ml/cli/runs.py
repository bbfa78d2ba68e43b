"""`pytest-lambda-ml runs`: which runs are stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

__all__ = ["runs"]


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".lambda-ml"),
    show_default=True,
    help="The folder given to pytest as --lambda-dir.",
)
def runs(folder: Path) -> None:
    """List the stored runs, oldest first."""
    found = sorted(path for path in (folder / "runs").glob("*") if path.is_dir())
    if not found:
        raise click.ClickException(f"no runs in {folder}; `pytest benchmarks/` stores one")
    for path in found:
        click.echo(f"{path.name}  {_state(path)}")


def _state(path: Path) -> str:
    """How the run ended; a run without run.json was killed, its journal is what is left of it."""
    try:
        run: Any = json.loads((path / "run.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return "unfinished (journal only)"
    except (OSError, ValueError) as error:
        return f"unreadable ({error})"
    if not isinstance(run, dict):
        return "unreadable (run.json is no object)"
    cells = len(run.get("cells", ()))
    return f"{cells} cell{'' if cells == 1 else 's'}{', partial' if run.get('partial') else ''}"
