"""The end of the session: what is partial says so, and is never a baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_lambda_ml.plugin.collection import collected
from pytest_lambda_ml.plugin.fixtures import BACKEND

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["NOT_SAVED", "cut_short", "pytest_sessionfinish", "was_interrupted"]

INTERRUPTED = pytest.StashKey[bool]()
NOT_SAVED = pytest.StashKey[str]()
"""Why pytest-benchmark did not save what it was asked to."""


def was_interrupted(config: pytest.Config) -> bool:
    """Whether the session with our tests ended by Ctrl-C or `pytest.exit`."""
    return config.stash.get(INTERRUPTED, False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(
    session: pytest.Session, exitstatus: int | pytest.ExitCode
) -> Generator[None]:
    """Before pytest-benchmark saves: say what it should leave out."""
    config = session.config
    if collected(config).selected:
        if exitstatus == pytest.ExitCode.INTERRUPTED:
            config.stash[INTERRUPTED] = True
            if backend := config.stash.get(BACKEND, None):
                backend.campaign.mark_partial("interrupted")
        _hold_back(config)
    return (yield)


def _hold_back(config: pytest.Config) -> None:
    """Keep pytest-benchmark from saving what is no baseline, or from warning of nothing to save.

    An interrupted run would be the latest of the saved ones, and so the baseline of the next
    ``--benchmark-compare``. A session in which no cell had a sample is no mistake of the user's.
    """
    benchmarks = config.pluginmanager.getplugin("pytest-benchmark")
    if benchmarks is None or not (benchmarks.save or benchmarks.autosave or benchmarks.json):
        return
    if not benchmarks.benchmarks:
        benchmarks.save = benchmarks.autosave = benchmarks.json = None
        config.stash[NOT_SAVED] = "nothing was recorded, so pytest-benchmark saved nothing"
    elif (why := cut_short(config)) and (benchmarks.save or benchmarks.autosave):
        benchmarks.save = benchmarks.autosave = None
        config.stash[NOT_SAVED] = (
            f"{why}, so pytest-benchmark saved nothing: a partial run is never a baseline"
        )


def cut_short(config: pytest.Config) -> str | None:
    """Why the run is partial, if it is."""
    if was_interrupted(config):
        return "interrupted"
    backend = config.stash.get(BACKEND, None)
    return "stopped by the budget" if backend and backend.campaign.budget_spent else None
