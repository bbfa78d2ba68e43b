"""The distributions that a function brings along: wheels of its own architecture and Python."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from pytest_lambda_ml.artifact.folder import file_sha256
from pytest_lambda_ml.artifact.requirements import read_requirements
from pytest_lambda_ml.artifact.resolution import find_in, pins, resolve
from pytest_lambda_ml.artifact.stripping import METADATA, RECORD, distribution_files, strip
from pytest_lambda_ml.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from packaging.requirements import Requirement

    from pytest_lambda_ml.artifact.folder import HandlerFolder
    from pytest_lambda_ml.artifact.target import Target

__all__ = ["Dependencies", "find_uv", "install_dependencies"]

FORMAT = 1
"""Counted up whenever the same wheels are to give other files: the cache is then made anew."""
FILES, SUMMARY = "files", "summary.json"
STDERR_LINES = 15
ROUNDS = 5
"""Of asking pip for what it left out; each finds the requirements of the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What was installed: the folder (``None``: nothing), and the bytes of each distribution."""

    path: Path | None = None
    content_sha256: str = ""
    distributions: Mapping[str, int] = field(default_factory=dict)

    def files(self) -> Iterator[tuple[str, Path]]:
        """Every file as (POSIX name, path), sorted by name."""
        return _files(self.path) if self.path else iter(())


def install_dependencies(folder: HandlerFolder, target: Target, cache_dir: Path) -> Dependencies:
    """Install what requirements.txt names, and what that needs, as wheels for the target.

    By uv where it is found, else by pip, each with the user's own configuration. Distributions
    that are installed here are taken in the same version, as a model may be read only by the one
    that it was trained with. Installed once for each content of requirements.txt, versions and
    target. Raises `ArtifactError` with the end of what uv or pip said.
    """
    requirements = folder.path / "requirements.txt"
    lines = [line.partition("#")[0].strip() for line in _text(requirements).splitlines()]
    if not any(lines):
        return Dependencies()
    roots = read_requirements(requirements)
    pinned = pins(roots, target.marker_environment)
    key = _digest([str(FORMAT), repr(target), *lines, *pinned])
    place = cache_dir / "dependencies" / f"{target.architecture}-{target.runtime}-{key}"
    if not (place / SUMMARY).is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".installing-", dir=place.parent) as temporary:
            made = Path(temporary) / "made"
            _make(made, requirements, roots, pinned, target)
            _move(made, place)
    summary = json.loads(_text(place / SUMMARY))
    return Dependencies(
        path=place / FILES,
        content_sha256=summary["content_sha256"],
        distributions=summary["distributions"],
    )


def find_uv() -> str | None:
    """uv, where it is on the PATH or beside this interpreter."""
    beside = str(Path(sys.executable).parent)
    return shutil.which("uv") or shutil.which("uv", path=beside)


def _make(
    made: Path,
    requirements: Path,
    roots: Sequence[Requirement],
    pinned: Sequence[str],
    target: Target,
) -> None:
    files = made / FILES
    files.mkdir(parents=True)
    constraints = made.parent / "versions.txt"
    constraints.write_text("\n".join(pinned) + "\n", encoding="utf-8")
    _install(files, requirements, constraints, roots, target)
    strip(files)
    summary = {
        "content_sha256": _digest([f"{name}\0{file_sha256(path)}" for name, path in _files(files)]),
        "distributions": _sizes(files),
    }
    (made / SUMMARY).write_text(json.dumps(summary, indent=1), encoding="utf-8")


def _install(
    files: Path,
    requirements: Path,
    constraints: Path,
    roots: Sequence[Requirement],
    target: Target,
) -> None:
    wanted = ["-r", str(requirements), "-c", str(constraints)]
    if uv := find_uv():
        platform = ["--python-platform", target.uv_platform]
        command = [uv, "pip", "install", "--quiet", "--target", str(files), *platform]
        command += ["--python-version", target.python_version, "--only-binary", ":all:"]
        _run([*command, "--no-compile-bytecode", *wanted], requirements, target)
        return
    _install_by_pip(files, wanted, requirements, roots, target)


def _install_by_pip(
    files: Path,
    wanted: Sequence[str],
    requirements: Path,
    roots: Sequence[Requirement],
    target: Target,
) -> None:
    """Download the wheels, install them, and ask again for what other markers leave out here.

    pip install alone would judge Requires-Python by this interpreter; pip download does not.
    """
    pip = [sys.executable, "-m", "pip"]
    tags = [text for tag in target.platform_tags for text in ("--platform", tag)]
    tags += ["--python-version", target.python_version, "--implementation", "cp"]
    tags += ["--only-binary", ":all:"]
    more: list[str] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="wheels-", dir=files.parents[1]) as wheels:
            download = [*pip, "download", "-q", *tags, "-d", wheels, *wanted, *more]
            _run(download, requirements, target)
            found = [str(wheel) for wheel in sorted(Path(wheels).glob("*.whl"))]
            _empty(files)
            install = [*pip, "install", "-q", "--no-deps", "--no-index", "--no-compile"]
            install += ["--ignore-requires-python", "--no-warn-conflicts", "--target", str(files)]
            if found:
                _run([*install, *tags, *found], requirements, target)
        _, missing = resolve(roots, target.marker_environment, find_in(files))
        if not missing:
            return
        more += [_without_marker(requirement) for requirement in missing]
    raise ArtifactError(
        f"{requirements}: pip does not find {', '.join(map(str, missing))} for {target.runtime} on "
        f"{target.architecture}; with uv on the PATH it is asked instead"
    )


def _run(command: Sequence[str], requirements: Path, target: Target) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, errors="replace"
    )
    if result.returncode != 0:
        tail = "\n".join(result.stderr.strip().splitlines()[-STDERR_LINES:]) or "(no stderr)"
        raise ArtifactError(
            f"{requirements}: no wheels for {target.runtime} on {target.architecture}; versions "
            f"that are installed here are kept, so a Python like the function's may help\n{tail}"
        )


def _without_marker(requirement: Requirement) -> str:
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras}{requirement.specifier}"


def _empty(folder: Path) -> None:
    shutil.rmtree(folder)
    folder.mkdir()


def _sizes(files: Path) -> dict[str, int]:
    """The bytes of each distribution, by name."""
    sizes: dict[str, int] = {}
    for folder in sorted(files.glob(f"*{METADATA}")):
        name = canonicalize_name(metadata.PathDistribution(folder).metadata["Name"])
        sizes[name] = sum(path.stat().st_size for path in distribution_files(files, folder))
        sizes[name] += (folder / RECORD).stat().st_size if not sizes[name] else 0
    return sizes


def _move(made: Path, place: Path) -> None:
    try:
        made.rename(place)
    except OSError:
        if not (place / SUMMARY).is_file():  # another session was quicker; else it is an error
            raise


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    found = (path for path in root.rglob("*") if path.is_file())
    return iter(sorted((path.relative_to(root).as_posix(), path) for path in found))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:32]
