"""Run a handler folder's train.py, once for each content of folder, data and dependencies."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_lambda_ml.artifact.requirements import installed_versions
from pytest_lambda_ml.errors import ArtifactError

if TYPE_CHECKING:
    from pytest_lambda_ml.artifact.folder import HandlerFolder

__all__ = ["TrainingData", "train"]

STDERR_LINES = 20


class TrainingData(Protocol):
    """What training needs of a data set: the CSV, and the digest of its content."""

    @property
    def path(self) -> Path:
        """The CSV that train.py reads."""

    @property
    def sha256(self) -> str:
        """The digest of its content in hex."""


def train(folder: HandlerFolder, dataset: TrainingData, cache_dir: Path) -> Path | None:
    """The folder with the artifacts that train.py wrote; None when there is no train.py.

    Trained once for each content of the folder, data set, Python and versions of what
    requirements.txt names. Sessions that train the same at the same time do not disturb each
    other: the first to finish counts. Raises `ArtifactError` with the end of train.py's stderr.
    """
    if not (folder.path / "train.py").is_file():
        return None
    artifacts = cache_dir / "artifacts" / f"{folder.name}-{folder.engine}-{_key(folder, dataset)}"
    if artifacts.is_dir():
        return artifacts
    artifacts.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".training-", dir=artifacts.parent) as temporary:
        out = Path(temporary) / "artifacts"
        out.mkdir()
        _run(folder, dataset.path, out)
        try:
            out.rename(artifacts)
        except OSError:
            if not artifacts.is_dir():  # another session was quicker; anything else is an error
                raise
    return artifacts


def _key(folder: HandlerFolder, dataset: TrainingData) -> str:
    parts = [folder.content_sha256(), dataset.sha256, platform.python_version()]
    parts += [f"{item.name}={version}" for item, version in installed_versions(folder).items()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _run(folder: HandlerFolder, data: Path, out: Path) -> None:
    script = folder.path / "train.py"
    # PYTHONPATH could put the project's own modules, or others, in the place of installed ones.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    # -B: the folder may be an installed one; training leaves nothing in it.
    command = [sys.executable, "-B", str(script), "--data", str(data), "--out", str(out)]
    result = subprocess.run(
        command,
        check=False,
        env=environment,
        cwd=out,
        capture_output=True,
        text=True,
        errors="replace",
    )
    if result.returncode != 0:
        tail = "\n".join(result.stderr.strip().splitlines()[-STDERR_LINES:]) or "(no stderr)"
        raise ArtifactError(
            f"{script} ended with exit status {result.returncode} on {data}; "
            f"run it by hand: {sys.executable} {script} --data {data} --out DIR\n{tail}"
        )
    if not any(out.iterdir()):
        raise ArtifactError(f"{script} wrote nothing to its --out folder; remove it if not needed")
