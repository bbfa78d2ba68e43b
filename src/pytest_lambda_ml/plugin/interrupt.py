"""Ctrl-C: what is partial says so, and is never a baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_lambda_ml.plugin.collection import collected
from pytest_lambda_ml.plugin.fixtures import BACKEND

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = ["NOT_SAVED", "pytest_sessionfinish", "was_interrupted"]

INTERRUPTED = pytest.StashKey[bool]()
NOT_SAVED = pytest.StashKey[bool]()


def was_interrupted(config: pytest.Config) -> bool:
    """Whether the session with our tests ended by Ctrl-C or `pytest.exit`."""
    return config.stash.get(INTERRUPTED, False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(
    session: pytest.Session, exitstatus: int | pytest.ExitCode
) -> Generator[None]:
    """Before pytest-benchmark saves: an interrupted run is not put among the saved ones.

    It would be the latest there, and so the baseline of the next ``--benchmark-compare``.
    """
    config = session.config
    if exitstatus == pytest.ExitCode.INTERRUPTED and collected(config).selected:
        config.stash[INTERRUPTED] = True
        if backend := config.stash.get(BACKEND, None):
            backend.campaign.mark_partial("interrupted")
        benchmarks = config.pluginmanager.getplugin("pytest-benchmark")
        if benchmarks is not None and (benchmarks.save or benchmarks.autosave):
            benchmarks.save = benchmarks.autosave = None
            config.stash[NOT_SAVED] = True
    return (yield)
