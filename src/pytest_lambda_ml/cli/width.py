"""How wide a command's output is."""

from __future__ import annotations

import os
import shutil
import sys

__all__ = ["output_width"]

PLAIN_WIDTH = 140
"""Columns where there is no terminal: files and logs of CI get everything."""


def output_width() -> int:
    """The terminal's columns, or what COLUMNS says."""
    told = sys.stdout.isatty() or os.environ.get("COLUMNS")
    return shutil.get_terminal_size().columns if told else PLAIN_WIDTH
