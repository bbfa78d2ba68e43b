"""``--lambda-compare`` and ``--lambda-fail-on``: this session's run held against a stored one.

A plugin of its own, registered only where one of the two options is given.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from pytest_lambda_ml.analysis.gate import DEFAULT_LIMITS, append_step_summary, parse_limits
from pytest_lambda_ml.errors import LambdaMLError, RunStoreError, SettingError
from pytest_lambda_ml.plugin.collection import collected
from pytest_lambda_ml.plugin.fixtures import BACKEND
from pytest_lambda_ml.plugin.interrupt import was_interrupted
from pytest_lambda_ml.plugin.options import SETTINGS
from pytest_lambda_ml.store.find_run import find_run, is_whole
from pytest_lambda_ml.store.run_file import read_run_file

if TYPE_CHECKING:
    from pathlib import Path

    from _pytest.terminal import TerminalReporter

    from pytest_lambda_ml.analysis.comparison import Comparison
    from pytest_lambda_ml.settings import Settings

__all__ = ["pytest_collection_finish", "pytest_sessionfinish", "pytest_terminal_summary"]

BASELINE: pytest.StashKey[Path] = pytest.StashKey()
COMPARISON: pytest.StashKey[Comparison] = pytest.StashKey()
NOT_COMPARED = pytest.StashKey[str]()

PLAIN_WIDTH = 140


def pytest_collection_finish(session: pytest.Session) -> None:
    """Find the baseline before anything costs time or money; without one it is a usage error."""
    config = session.config
    settings = config.stash[SETTINGS]
    if not collected(config).selected:
        return
    try:
        parse_limits(settings.fail_on or (), place=settings.place("fail_on"))
        config.stash[BASELINE] = _baseline(settings)
    except (SettingError, RunStoreError) as error:
        raise pytest.UsageError(str(error)) from None


def _baseline(settings: Settings) -> Path:
    place = settings.place("baseline")
    if settings.baseline is None:
        raise SettingError(f"{settings.place('fail_on')} needs a baseline: give {place} RUN too")
    try:
        folder = find_run(settings.baseline, settings.run_root, accept=is_whole)
        stored = read_run_file(folder) if is_whole(folder) else None
    except RunStoreError as error:
        raise RunStoreError(f"{place}: {error}") from None
    if stored is None:
        raise RunStoreError(f"{place}: the run in {folder} is partial, so it is no baseline")
    backend = "aws" if settings.aws_region else "local"
    if stored.get("backend") != backend:
        raise RunStoreError(
            f"{place}: the run in {folder} ran on {stored.get('backend')} and this one will on "
            f"{backend}: their durations have nothing in common"
        )
    return folder


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int | pytest.ExitCode) -> None:
    """Compare once everything is torn down and stored; a regression makes the exit status 1."""
    config = session.config
    baseline = config.stash.get(BASELINE, None)
    if baseline is None or exitstatus not in {pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED}:
        return
    backend = config.stash.get(BACKEND, None)
    if backend is None or not backend.campaign.results or was_interrupted(config):
        config.stash[NOT_COMPARED] = "no cell was measured, so nothing was compared"
        return
    from pytest_lambda_ml.analysis.compare import compare_runs
    from pytest_lambda_ml.analysis.compare_text import as_markdown, nothing_gated
    from pytest_lambda_ml.analysis.load import load_run

    settings = config.stash[SETTINGS]
    limits = parse_limits(settings.fail_on or (), place=settings.place("fail_on"))
    try:
        base, new = (
            load_run(folder, settings.run_root) for folder in (baseline, backend.campaign.run_dir)
        )
        comparison = compare_runs(base, new, limits or DEFAULT_LIMITS)
    except LambdaMLError as error:
        config.stash[NOT_COMPARED] = str(error)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        return
    config.stash[COMPARISON] = comparison
    append_step_summary(as_markdown(comparison), os.environ)
    lacking = comparison.lacking(limits)
    if lacking:
        config.stash[NOT_COMPARED] = nothing_gated(comparison, lacking)
    if lacking or (limits and comparison.regressions):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: TerminalReporter, config: pytest.Config) -> None:
    """The comparison, after the tables of the run itself."""
    if why := config.stash.get(NOT_COMPARED, None):
        terminalreporter.write_line(f"lambda-ml: {why}", yellow=True)
    comparison = config.stash.get(COMPARISON, None)
    if comparison is None:
        return
    from pytest_lambda_ml.analysis.compare_text import as_table

    writer = config.get_terminal_writer()
    terminal = terminalreporter.isatty or "COLUMNS" in os.environ
    width = writer.fullwidth if terminal else PLAIN_WIDTH
    terminalreporter.section("AWS Lambda: comparison with the baseline")
    for line in as_table(comparison, width=width, color=writer.hasmarkup).splitlines():
        terminalreporter.write_line(line)
    if config.stash[SETTINGS].fail_on and (found := len(comparison.regressions)):
        terminalreporter.write_line(
            f"FAILED: {found} regression{'' if found == 1 else 's'} against the baseline", red=True
        )
