"""What installed distributions can do without in a function, and what they cannot.

Left out: byte code, console scripts, headers and static libraries, tests that nothing else
imports, and the installer's notes. Kept: everything that a module may read at run time, licences,
and of the metadata what `importlib.metadata` answers from (METADATA, entry points, RECORD).
"""

from __future__ import annotations

import csv
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["distribution_files", "imported_tests", "is_needed", "strip"]

KEPT_WHOLE = frozenset({"numpy"})
"""numpy.testing, which others import, takes one of numpy's tests in."""
TESTS = "tests"
SCRIPTS = "bin"  # at the top: made for the interpreter that installed them
BYTE_CODE = "__pycache__"
BUILD_SUFFIXES = frozenset({".a", ".cuh", ".h", ".hpp", ".pxd", ".pyc", ".pyx"})
"""Only compilers read them. (Not .pyi: lazy_loader reads those at run time.)"""
INSTALLER_NOTES = frozenset({"INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json"})
METADATA = ".dist-info"
RECORD = "RECORD"
IMPORT = re.compile(r"^\s*(?:from\s+(\S+)\s+import\s+(\(?[\w, ]*)|import\s+([\w., ]+))", re.M)


def strip(root: Path) -> None:
    """Delete what is not needed in a folder that pip or uv installed into.

    What is left does not tell by which of the two, and RECORD lists it, sorted and without digests.
    """
    files = sorted(path for path in root.rglob("*") if path.is_file())
    keep = imported_tests(
        (path.relative_to(root).as_posix(), path.read_text("utf-8", "replace"))
        for path in files
        if path.suffix == ".py" and TESTS not in path.relative_to(root).parts
    )
    for path in files:
        if not is_needed(path.relative_to(root).as_posix(), keep):
            path.unlink()
    for folder in sorted((path for path in root.rglob("*") if path.is_dir()), reverse=True):
        if not any(folder.iterdir()):
            shutil.rmtree(folder)
    for metadata in root.glob(f"*{METADATA}"):
        _rewrite_record(root, metadata)


def is_needed(name: str, imported: frozenset[str] = frozenset()) -> bool:
    """Whether a function may need the file of this name, relative to the folder.

    ``imported`` are the folders of tests that must stay (see `imported_tests`).
    """
    path = PurePosixPath(name)
    top = path.parts[0]
    if len(path.parts) == 1 and top.startswith("."):
        return False  # uv's .lock
    if path.suffix == ".pyc" or BYTE_CODE in path.parts or top == SCRIPTS:
        return False
    if top.endswith(METADATA):
        return path.name not in INSTALLER_NOTES
    if top in KEPT_WHOLE:
        return True
    if path.suffix in BUILD_SUFFIXES:
        return False
    if TESTS not in path.parts[:-1]:
        return True
    folder = "/".join(path.parts[: path.parts.index(TESTS) + 1])
    return folder in imported


def imported_tests(modules: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The folders named ``tests`` that modules outside of them import from.

    ``modules`` are pairs of a module's file name, relative to the folder, and its source. A folder
    that is named where nothing imports it (in a docstring, say) is kept, which does no harm.
    """
    return frozenset(
        folder for name, source in modules if TESTS in source for folder in _named(name, source)
    )


def _named(name: str, source: str) -> Iterator[str]:
    package = PurePosixPath(name).parent.parts
    for module, names, plain in IMPORT.findall(source):
        if module:
            dots = len(module) - len(module.lstrip("."))
            base = package[: len(package) - dots + 1] if dots else ()
            path = (*base, *filter(None, module.lstrip(".").split(".")))
            paths = [path]
            if TESTS in re.split(r"[(, ]+", names):
                paths.append((*path, TESTS))
        else:
            paths = [tuple(item.split()[0].split(".")) for item in plain.split(",") if item.split()]
        for path in paths:
            if TESTS in path:
                yield "/".join(path[: path.index(TESTS) + 1])


def distribution_files(root: Path, metadata: Path) -> list[Path]:
    """The files of a distribution that are there, by its RECORD; none where it has no RECORD."""
    record = metadata / RECORD
    if not record.is_file():
        return []
    with record.open(encoding="utf-8", newline="") as file:
        paths = [root / row[0] for row in csv.reader(file) if row]
    return sorted(path for path in paths if ".." not in path.parts and path.is_file())


def _rewrite_record(root: Path, metadata: Path) -> None:
    files = distribution_files(root, metadata)
    if not files:
        return
    with (metadata / RECORD).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerows((path.relative_to(root).as_posix(), "", "") for path in files)
