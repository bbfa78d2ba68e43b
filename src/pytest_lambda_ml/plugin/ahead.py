"""Train what the session's tests need, before the first of them is measured.

Measuring wants a machine that does nothing else, so models cannot be trained beside it; trained
one by one, as their tests come, most of them leave all cores but one idle.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Event
from typing import TYPE_CHECKING

import pytest

from pytest_lambda_ml.artifact import train
from pytest_lambda_ml.errors import LambdaMLError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_lambda_ml.artifact import HandlerFolder
    from pytest_lambda_ml.datasets import Dataset
    from pytest_lambda_ml.plugin.preparation import Preparation

__all__ = ["train_ahead"]

AT_ONCE = 2
"""A model of the thesis may take 5 GB to train."""

TRAINED = pytest.StashKey[bool]()


def train_ahead(session: pytest.Session, preparation: Preparation) -> None:
    """Train the models of all tests that are parametrised with an algorithm, once per session.

    A test's handler is known for certain only when it runs, so this goes by what benchmark files
    are written like: ``handlers/<algorithm>``. What cannot be found or trained is left to its test,
    which says so; large models are, too, as two of them may be too much for this machine.
    """
    if session.config.stash.get(TRAINED, False):
        return
    session.config.stash[TRAINED] = True
    jobs = _jobs(session.items, preparation)
    if len(jobs) < 2:
        return
    preparation.progress.say("before the first cell", f"training {', '.join(jobs)}")
    pool, stopped = ThreadPoolExecutor(min(AT_ONCE, os.cpu_count() or 1)), Event()
    cache_dir = preparation.settings.cache_dir
    try:
        list(pool.map(lambda engines: _train(engines, cache_dir, stopped), jobs.values()))
    finally:
        stopped.set()  # after Ctrl-C, which has ended what was being trained
        pool.shutdown(cancel_futures=True)
        preparation.progress.clear()


def _jobs(
    items: list[pytest.Item], preparation: Preparation
) -> dict[str, list[tuple[HandlerFolder, Dataset]]]:
    """By algorithm its engines, one after the other: some are made of the reference.

    Those that take longest come first, so that no core is left with them at the end.
    """
    jobs: dict[str, list[tuple[HandlerFolder, Dataset]]] = {}
    wanted = {(algorithm, engine): item for item in items for algorithm, engine in _cell_of(item)}
    for (algorithm, engine), item in wanted.items():
        search = [item.path.parent, item.config.rootpath]
        with suppress(LambdaMLError):
            folder = preparation.handler(f"handlers/{algorithm}", engine, search)
            if not folder.large:
                model = folder, preparation.dataset(folder.dataset)
                jobs.setdefault(algorithm, []).append(model)
    longest_s = {name: max(folder.training_s for folder, _ in jobs[name]) for name in jobs}
    return dict(sorted(jobs.items(), key=lambda job: -longest_s[job[0]]))


def _cell_of(item: pytest.Item) -> list[tuple[str, str]]:
    callspec = getattr(item, "callspec", None)
    if callspec is None or "lambda_benchmark" not in getattr(item, "fixturenames", ()):
        return []
    algorithm, engine = (callspec.params.get(name) for name in ("algorithm", "engine"))
    known = isinstance(algorithm, str) and isinstance(engine, str | None)
    return [(algorithm, engine or "reference")] if known else []


def _train(engines: list[tuple[HandlerFolder, Dataset]], cache_dir: Path, stopped: Event) -> None:
    """Up to the first that fails: the others may be made of it."""
    with suppress(LambdaMLError, OSError):
        for folder, dataset in engines:
            if not stopped.is_set():
                train(folder, dataset, cache_dir, threads=1)  # more would wait for each other
