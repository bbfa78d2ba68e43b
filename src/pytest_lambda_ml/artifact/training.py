"""Run a handler folder's train.py or export.py, once for each content of what goes into it."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_lambda_ml.artifact.folder import REFERENCE, find_handler
from pytest_lambda_ml.artifact.requirements import installed_versions
from pytest_lambda_ml.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lambda_ml.artifact.folder import HandlerFolder

__all__ = ["TrainingData", "train"]

TRAIN, EXPORT = "train.py", "export.py"
STDERR_LINES = 20
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class TrainingData(Protocol):
    """What training needs of a data set: the CSV, and the digest of its content."""

    @property
    def path(self) -> Path:
        """The CSV that train.py reads."""

    @property
    def sha256(self) -> str:
        """The digest of its content in hex."""


def train(
    folder: HandlerFolder, dataset: TrainingData, cache_dir: Path, *, threads: int | None = None
) -> Path | None:
    """The folder with the artifacts that train.py wrote; None when there is no such script.

    An engine may have an export.py instead: it makes its artifacts of the reference's, which are
    trained first. Either runs once for each content of the folder, data set, Python and versions
    of what requirements.txt names. Sessions that train the same at the same time do not disturb
    each other: the first to finish counts. ``threads`` is how many libraries may use, where they
    would take one for each core. Raises `ArtifactError` with the end of its stderr.
    """
    script = next((path for path in _scripts(folder) if path.is_file()), None)
    if script is None:
        return None
    arguments = {"--data": dataset.path}
    key = [_key(folder, dataset)]
    if script.name == EXPORT:
        whole = find_handler(folder.root, engine=REFERENCE, search=[])
        reference = train(whole, dataset, cache_dir, threads=threads)
        if reference is None:
            raise ArtifactError(
                f"{script} has no artifacts to export: {folder.root} has no {TRAIN}"
            )
        arguments["--reference"] = reference
        key.append(reference.name)
    artifacts = cache_dir / "artifacts" / f"{folder.name}-{folder.engine}-{_digest(key)}"
    if artifacts.is_dir():
        return artifacts
    artifacts.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".training-", dir=artifacts.parent) as temporary:
        out = Path(temporary) / "artifacts"
        out.mkdir()
        _run(script, arguments, out, folder.include, threads)
        try:
            out.rename(artifacts)
        except OSError:
            if not artifacts.is_dir():  # another session was quicker; anything else is an error
                raise
    return artifacts


def _scripts(folder: HandlerFolder) -> list[Path]:
    return [folder.path / TRAIN, *([folder.path / EXPORT] if folder.derived else [])]


def _key(folder: HandlerFolder, dataset: TrainingData) -> str:
    parts = [folder.content_sha256(), dataset.sha256, platform.python_version()]
    parts += [f"{item.name}={version}" for item, version in installed_versions(folder).items()]
    return _digest(parts)


def _digest(parts: list[str]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _run(
    script: Path,
    arguments: Mapping[str, Path],
    out: Path,
    include: tuple[Path, ...],
    threads: int | None,
) -> None:
    # PYTHONPATH could put the project's own modules, or others, in the place of installed ones.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if include:
        environment["PYTHONPATH"] = os.pathsep.join(map(str, include))
    if threads is not None:
        environment |= dict.fromkeys(THREADS, str(threads))
    # -B: the folder may be an installed one; training leaves nothing in it.
    given = [text for name, path in arguments.items() for text in (name, str(path))]
    command = [sys.executable, "-B", str(script), *given, "--out", str(out)]
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
        path = f"PYTHONPATH={environment['PYTHONPATH']} " if include else ""
        raise ArtifactError(
            f"{script} ended with exit status {result.returncode}; run it by hand: "
            f"{path}{sys.executable} {script} {' '.join(given)} --out DIR\n{tail}"
        )
    if not any(out.iterdir()):
        raise ArtifactError(f"{script} wrote nothing to its --out folder; remove it if not needed")
