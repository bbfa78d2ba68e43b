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

from pytest_lambda_ml.artifact.archive import Entry
from pytest_lambda_ml.artifact.folder import file_sha256
from pytest_lambda_ml.artifact.requirements import read_requirements
from pytest_lambda_ml.artifact.resolution import find_in, pins, resolve
from pytest_lambda_ml.artifact.sizes import check_gpu_free
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

    @property
    def entries(self) -> dict[str, Entry]:
        """The same as what goes into a package."""
        return {name: Entry(path, code=True) for name, path in self.files()}


def install_dependencies(folder: HandlerFolder, target: Target, cache_dir: Path) -> Dependencies:
    """Install what requirements.txt names, and what that needs, as wheels for the target.

    By uv where it is found, else by pip, each with the user's own configuration. Distributions
    that are installed here are taken in the same version, as a model may be read only by the one
    that it was trained with. Installed once for each content of requirements.txt, versions and
    target. Raises `ArtifactError` with the end of what uv or pip said, or when distributions for a
    GPU are among them, which Lambda does not have; they are not kept then.
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
            order = _Order(requirements=requirements, roots=roots, pinned=pinned, target=target)
            _make(made, order)
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What is to be installed: requirements.txt, what is in it, versions to keep, and for whom."""

    requirements: Path
    roots: Sequence[Requirement]
    pinned: Sequence[str]
    target: Target


def _make(made: Path, order: _Order) -> None:
    files = made / FILES
    files.mkdir(parents=True)
    constraints = made.parent / "versions.txt"
    constraints.write_text("\n".join(order.pinned) + "\n", encoding="utf-8")
    wanted = ["-r", str(order.requirements), "-c", str(constraints)]
    if uv := find_uv():
        _install_by_uv(uv, files, wanted, order)
    else:
        _install_by_pip(files, wanted, order)
    strip(files)
    distributions = _sizes(files)
    check_gpu_free(str(order.requirements), distributions)
    summary = {
        "content_sha256": _digest([f"{name}\0{file_sha256(path)}" for name, path in _files(files)]),
        "distributions": distributions,
    }
    (made / SUMMARY).write_text(json.dumps(summary, indent=1), encoding="utf-8")


def _install_by_uv(uv: str, files: Path, wanted: Sequence[str], order: _Order) -> None:
    target = ["--python-platform", order.target.uv_platform]
    target += ["--python-version", order.target.python_version, "--only-binary", ":all:"]
    command = [uv, "pip", "install", "--quiet", "--no-compile-bytecode", "--target", str(files)]
    _run([*command, *target, *wanted], order)


def _install_by_pip(files: Path, wanted: Sequence[str], order: _Order) -> None:
    """Download the wheels, install them, and ask again for what other markers leave out here.

    pip install alone would judge Requires-Python by this interpreter; pip download does not.
    """
    pip, target = [sys.executable, "-m", "pip"], order.target
    tags = [text for tag in target.platform_tags for text in ("--platform", tag)]
    tags += ["--python-version", target.python_version, "--implementation", "cp"]
    tags += ["--only-binary", ":all:"]
    more: list[str] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="wheels-", dir=files.parents[1]) as wheels:
            _run([*pip, "download", "-q", *tags, "-d", wheels, *wanted, *more], order)
            found = [str(wheel) for wheel in sorted(Path(wheels).glob("*.whl"))]
            _empty(files)
            install = [*pip, "install", "-q", "--no-deps", "--no-index", "--no-compile"]
            install += ["--ignore-requires-python", "--no-warn-conflicts", "--target", str(files)]
            if found:
                _run([*install, *tags, *found], order)
        _, missing = resolve(order.roots, target.marker_environment, find_in(files))
        if not missing:
            return
        more += [_without_marker(requirement) for requirement in missing]
    raise ArtifactError(
        f"{order.requirements}: pip does not find {', '.join(map(str, missing))} for "
        f"{target.runtime} on {target.architecture}; with uv on the PATH it is asked instead"
    )


def _run(command: Sequence[str], order: _Order) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    result = subprocess.run(
        command, check=False, env=environment, capture_output=True, text=True, errors="replace"
    )
    if result.returncode == 0:
        return
    tail = "\n".join(result.stderr.strip().splitlines()[-STDERR_LINES:]) or "(no stderr)"
    special = [pin for pin in order.pinned if "+" in pin]
    hint = (
        f"{', '.join(special)}: such builds are on an index of their project's; name it in pip's "
        "extra-index-url, or in uv's index where uv is installed\n"
        if special
        else ""
    )
    raise ArtifactError(
        f"{order.requirements}: no wheels for {order.target.runtime} on "
        f"{order.target.architecture}; versions that are installed here are kept, so a Python like "
        f"the function's may help\n{hint}{tail}"
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
