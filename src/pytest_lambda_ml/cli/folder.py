"""The option that says where runs are stored, the same for every verb."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["run_root_option"]

run_root_option = click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".lambda-ml"),
    show_default=True,
    help="The folder given to pytest as --lambda-dir.",
)
