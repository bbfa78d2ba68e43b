"""`--lambda-report FILE.html`: the report of the run just stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_lambda_ml.errors import LambdaMLError, UnsupportedError

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from pytest_lambda_ml.analysis.comparison import Comparison
    from pytest_lambda_ml.plugin.backend import LambdaBackend
    from pytest_lambda_ml.settings import Settings

__all__ = ["check_report", "write_report_of"]


def check_report(settings: Settings) -> None:
    """Raise UsageError before anything is measured when no report could be written."""
    if settings.report is None:
        return
    from pytest_lambda_ml.analysis.figures_files import check_drawing

    try:
        check_drawing()
    except UnsupportedError as error:
        raise pytest.UsageError(f"{settings.place('report')}: {error}") from None


def write_report_of(
    backend: LambdaBackend, reporter: TerminalReporter, config: pytest.Config
) -> None:
    """Write the report that was asked for, and say where it is, or why it is not.

    With ``--lambda-compare`` it also says what changed since that run.
    """
    path = backend.settings.report
    if path is None:
        return
    from pytest_lambda_ml.analysis.load import load_run
    from pytest_lambda_ml.analysis.report import COLUMNS, write_report

    campaign = backend.campaign
    try:
        run = load_run(campaign.run_dir, backend.settings.run_root, columns=COLUMNS)
        write_report(run, path, comparison=_comparison(backend.settings, config))
    except LambdaMLError as error:
        reporter.write_line(f"lambda-ml: no report: {error}", red=True)
    else:
        reporter.write_line(f"Report written to {path}")


def _comparison(settings: Settings, config: pytest.Config) -> Comparison | None:
    if settings.baseline is None:
        return None
    from pytest_lambda_ml.plugin.gate import COMPARISON

    return config.stash.get(COMPARISON, None)
