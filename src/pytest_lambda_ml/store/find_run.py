"""Which runs are stored, and which of them a name means."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.store.journal import JOURNAL
from pytest_lambda_ml.store.run_file import RUN_FILE, read_run_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["NAMES", "find_run", "is_whole", "run_folders", "run_id_of"]

LATEST = "latest"

NAMES = "a run id or the beginning of one, the path of a run's folder, latest, latest~1, …"
"""What names a run, for messages and help."""


@dataclass(frozen=True, slots=True)
class _Latest:
    """``latest~2`` is the third from the end."""

    back: int

    @classmethod
    def parse(cls, name: str) -> _Latest | None:
        word, tilde, number = name.partition("~")
        if word != LATEST or (tilde and not number.isdecimal()):
            return None
        return cls(int(number or 0))


def run_folders(root: Path) -> list[Path]:
    """The folders of all runs under ``root``, oldest first: their names begin with the time."""
    return sorted(
        path
        for path in (root / "runs").glob("*")
        if (path / RUN_FILE).is_file() or (path / JOURNAL).is_file()
    )


def run_id_of(folder: Path) -> str:
    """The run id, which ends the folder's name."""
    return folder.name.rpartition("-")[2]


def is_whole(folder: Path) -> bool:
    """Whether the run came to its end with nothing interrupted: only then is it a baseline."""
    try:
        return not read_run_file(folder).get("partial", True)
    except RunStoreError:
        return False


def find_run(
    name: str | Path,
    root: Path,
    *,
    accept: Callable[[Path], bool] = lambda _: True,
) -> Path:
    """The folder of the run that ``name`` means (see `NAMES`), in ``root / "runs"``.

    ``latest`` counts only the runs that ``accept`` takes; a run named otherwise is found whatever
    it is. Raises `RunStoreError` when there is none, or several, saying which there are.
    """
    text = str(name)
    folders = run_folders(root)
    if latest := _Latest.parse(text):
        taken = [folder for folder in folders if accept(folder)]
        if latest.back < len(taken):
            return taken[-1 - latest.back]
        raise RunStoreError(f"no run {text}: {_told(len(taken))} in {root / 'runs'} could be meant")
    found = [f for f in folders if text and run_id_of(f).startswith(text)] or [
        f for f in folders if text and f.name.startswith(text)
    ]
    exact = [f for f in found if text in {run_id_of(f), f.name}]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        raise RunStoreError(f"{text} begins {len(found)} runs: {', '.join(f.name for f in found)}")
    if path := _by_path(root, text):
        return path
    raise RunStoreError(
        f"no run {text!r}: legal is {NAMES}; {_told(len(folders))} in {root / 'runs'}"
    )


def _by_path(root: Path, text: str) -> Path | None:
    path = type(root)(os.path.expanduser(text))  # noqa: PTH111  # Path's raises for ~nobody
    if path.name in {RUN_FILE, JOURNAL}:
        path = path.parent
    return path if (path / RUN_FILE).is_file() or (path / JOURNAL).is_file() else None


def _told(count: int) -> str:
    return f"{count or 'no'} run{'' if count == 1 else 's'}"
