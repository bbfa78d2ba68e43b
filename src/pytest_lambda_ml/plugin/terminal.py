"""The summary at the end of the session, and nothing where no cell was measured."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_lambda_ml.plugin.fixtures import BACKEND, DRY_RUN
from pytest_lambda_ml.plugin.interrupt import NOT_SAVED
from pytest_lambda_ml.plugin.report import write_report_of

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from pytest_lambda_ml.plugin.backend import LambdaBackend
    from pytest_lambda_ml.plugin.dry_run_backend import DryRunBackend

__all__ = ["pytest_terminal_summary"]

WIDEST = 1000
"""Columns for `--lambda-summary wide`: no table needs as many."""

PLAIN_WIDTH = 140
"""Columns where there is no terminal, such as in a log of CI: everything is shown."""


@pytest.hookimpl(tryfirst=True)
def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """Tables per algorithm, the bill, and what could not be measured honestly.

    First, because pytest-benchmark's summary raises when a regression is found.
    """
    if why := config.stash.get(NOT_SAVED, None):
        terminalreporter.write_line(f"lambda-ml: {why}", yellow=True)
    writer = config.get_terminal_writer()
    terminal = terminalreporter.isatty or "COLUMNS" in os.environ
    width = writer.fullwidth if terminal else PLAIN_WIDTH
    if (dry_run := config.stash.get(DRY_RUN, None)) and dry_run.planned:
        _write_dry_run(terminalreporter, dry_run, width, color=writer.hasmarkup)
    backend = config.stash.get(BACKEND, None)
    if backend is not None:
        _write_overruled(terminalreporter, config)
    if backend is not None and backend.campaign.kept:
        _write_kept(terminalreporter, backend)
    if backend is None or not backend.campaign.results:
        return
    if backend.settings.summary != "none":
        _write_summary(terminalreporter, backend, width, color=writer.hasmarkup)
    write_report_of(backend, terminalreporter, config)


def _write_summary(
    reporter: TerminalReporter, backend: LambdaBackend, width: int, *, color: bool
) -> None:
    from pytest_lambda_ml.plugin.advice import advice
    from pytest_lambda_ml.plugin.summary import render

    campaign, asked = backend.campaign, backend.settings.summary
    text = render(
        campaign.results,
        width=WIDEST if asked == "wide" else width,
        run_dir=str(campaign.run_dir),
        partial=campaign.partial,
        color=color,
        advice=advice(campaign.results),
        short=asked == "short",
    )
    reporter.section("AWS Lambda")
    for line in text.splitlines():
        reporter.write_line(line)


def _write_overruled(reporter: TerminalReporter, config: pytest.Config) -> None:
    from pytest_lambda_ml.plugin.benchmark import OVERRULED

    for said in config.stash.get(OVERRULED, {}).values():
        reporter.write_line(f"lambda-ml: {said}", yellow=True)


def _write_kept(reporter: TerminalReporter, backend: LambdaBackend) -> None:
    from pytest_lambda_ml.plugin.kept import kept_lines

    for line in kept_lines(backend.campaign.kept, backend.campaign.created_s):
        reporter.write_line(line)


def _write_dry_run(
    reporter: TerminalReporter, dry_run: DryRunBackend, width: int, *, color: bool
) -> None:
    from pytest_lambda_ml.measure.pricing import load_prices
    from pytest_lambda_ml.plugin.dry_run import render_dry_run

    settings, prices = dry_run.settings, load_prices()
    text = render_dry_run(
        [dry_run.forecast.estimate(cell) for cell in dry_run.planned],
        price_date=prices.date,
        price_sha256=prices.sha256,
        budget_usd=settings.budget_usd,
        local=not settings.aws_regions,
        width=width,
        color=color,
    )
    reporter.section("AWS Lambda: dry run, nothing was deployed")
    for line in text.splitlines():
        reporter.write_line(line)
