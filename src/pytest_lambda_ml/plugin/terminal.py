"""The summary at the end of the session, and nothing where no cell was measured."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_lambda_ml.plugin.fixtures import BACKEND
from pytest_lambda_ml.plugin.interrupt import NOT_SAVED

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

__all__ = ["pytest_terminal_summary"]

PLAIN_WIDTH = 140
"""Columns where there is no terminal, such as in a log of CI: everything is shown."""


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Tables per algorithm, the bill, and what could not be measured honestly.

    First, because pytest-benchmark's summary raises when a regression is found.
    """
    if why := config.stash.get(NOT_SAVED, None):
        terminalreporter.write_line(f"lambda-ml: {why}", yellow=True)
    backend = config.stash.get(BACKEND, None)
    if backend is None or not backend.campaign.results:
        return
    from pytest_lambda_ml.plugin.summary import render

    writer = config.get_terminal_writer()
    terminal = terminalreporter.isatty or "COLUMNS" in os.environ
    terminalreporter.section("AWS Lambda")
    text = render(
        backend.campaign.results,
        width=writer.fullwidth if terminal else PLAIN_WIDTH,
        run_dir=str(backend.campaign.run_dir),
        partial=backend.campaign.partial,
        color=writer.hasmarkup,
    )
    for line in text.splitlines():
        terminalreporter.write_line(line)
