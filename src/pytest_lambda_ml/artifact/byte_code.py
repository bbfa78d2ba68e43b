"""Byte code for a function: a package without it compiles what it imports at each cold start.

Only an interpreter of the function's Python version can make it. That is the running one, one on
the PATH, or one that uv or pyenv has installed; without any, packages have no byte code and say so.
Sources stay: tracebacks show them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pytest_lambda_ml.artifact.archive import Entry
from pytest_lambda_ml.artifact.contents import content_key
from pytest_lambda_ml.artifact.dependencies import find_uv
from pytest_lambda_ml.artifact.stripping import BYTE_CODE, TESTS
from pytest_lambda_ml.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_lambda_ml.artifact.dependencies import Dependencies
    from pytest_lambda_ml.artifact.target import Target

__all__ = ["ByteCode", "Compiler", "add_byte_code", "compile_modules", "find_compiler", "within"]

FORMAT = 1
"""Counted up whenever the same sources are to give other byte code: the cache is then made anew."""
JOB = Path(__file__).with_name("compile_job.py")
SHOWN_ROOT = "/var/task"
"""Where Lambda puts a function's code: what tracebacks show, wherever the package was built."""
ASK = "import sys; print(sys.implementation.cache_tag, sys.version.replace(chr(10), ' '))"
ANSWER_S = 20
COMPILED = "compiled"


@dataclass(frozen=True, slots=True)
class Compiler:
    """An interpreter that makes byte code. ``version`` is what it says of itself, in full."""

    path: str
    cache_tag: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ByteCode:
    """What is added to a package: byte code of its own modules, and of what it brings along.

    ``key`` is empty where there is none, else it tells one choice and compiler from another.
    ``notes`` say what is missing.
    """

    own: Mapping[str, Entry] = field(default_factory=dict)
    brought: Mapping[str, Entry] = field(default_factory=dict)
    key: str = ""
    notes: tuple[str, ...] = ()


def add_byte_code(
    code: Mapping[str, Entry],
    dependencies: Dependencies,
    target: Target,
    room_bytes: int,
    cache_dir: Path,
) -> ByteCode:
    """The byte code for a package of these modules and dependencies, no more than there is room.

    Raises `ArtifactError` when the compiler breaks off.
    """
    compiler = find_compiler(target.python_version)
    if compiler is None:
        return ByteCode(notes=(_no_compiler(target.python_version),))
    modules = {name: entry for name, entry in code.items() if name.endswith(".py")}
    own = compile_modules(modules, content_key(modules), compiler, cache_dir)
    room_bytes -= sum(entry.size_bytes for entry in own.values())
    brought, out = within(
        room_bytes,
        compile_modules(dependencies.entries, dependencies.content_sha256, compiler, cache_dir),
    )
    key = _digest(compiler.version, *out)
    return ByteCode(own=own, brought=brought, key=key, notes=(_without_room(out),) if out else ())


def find_compiler(python_version: str) -> Compiler | None:
    """A CPython of this version (``"3.13"``) on this machine; nothing is downloaded."""
    cache_tag = f"cpython-{python_version.replace('.', '')}"
    if sys.implementation.cache_tag == cache_tag:
        return Compiler(sys.executable, cache_tag, sys.version.replace("\n", " "))
    found = (_ask(path) for path in _candidates(python_version))
    return next((each for each in found if each and each.cache_tag == cache_tag), None)


def _no_compiler(python_version: str) -> str:
    return (
        f"the package has no byte code, as there is no Python {python_version} on this machine: "
        "what it imports is compiled at each cold start (put "
        f"python{python_version} on the PATH, or: uv python install {python_version})"
    )


def compile_modules(
    modules: Mapping[str, Entry], key: str, compiler: Compiler, cache_dir: Path
) -> dict[str, Entry]:
    """The byte code of these modules: names in the package → files.

    ``modules`` are names → files; those that are no modules, or tests, are passed over. ``key``
    stands for names and contents: they are compiled once by each compiler. Raises `ArtifactError`
    when the compiler breaks off.
    """
    sources = {name: entry.path for name, entry in sorted(modules.items()) if _counts(name)}
    if not sources:
        return {}
    digest = _digest(str(FORMAT), key, compiler.version)
    place = cache_dir / "byte-code" / f"{compiler.cache_tag}-{digest}"
    if not place.is_dir():
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".compiling-", dir=place.parent) as temporary:
            made = Path(temporary, COMPILED)
            made.mkdir()
            _compile(sources, compiler, made)
            _move(made, place)
    files = sorted(path for path in place.rglob("*.pyc"))
    return {path.relative_to(place).as_posix(): Entry(path, code=True) for path in files}


def within(room_bytes: int, byte_code: Mapping[str, Entry]) -> tuple[dict[str, Entry], list[str]]:
    """The byte code that there is room for, and the packages whose byte code is left out.

    Whole packages (by the first part of their names) are left out: the smallest that is enough, or
    where no single one is, the largest and then more.
    """
    sizes: dict[str, int] = {}
    for name, entry in byte_code.items():
        sizes[_package(name)] = sizes.get(_package(name), 0) + entry.size_bytes
    out: list[str] = []
    smallest_first = sorted(sizes, key=lambda package: (sizes[package], package))
    while smallest_first and (too_much := sum(sizes[x] for x in smallest_first) - room_bytes) > 0:
        enough = (package for package in smallest_first if sizes[package] >= too_much)
        out.append(next(enough, smallest_first[-1]))
        smallest_first.remove(out[-1])
    kept = {name: entry for name, entry in byte_code.items() if _package(name) not in out}
    return kept, sorted(out)


def _without_room(packages: list[str]) -> str:
    return (
        f"byte code of {', '.join(packages)} was left out, as Lambda's limit has no room for it: "
        "they are compiled at each cold start"
    )


def _candidates(python_version: str) -> Iterator[str]:
    if path := shutil.which(f"python{python_version}"):
        yield path
    if uv := find_uv():
        ask = [uv, "python", "find", "--no-project", "--python-preference", "only-managed"]
        ask += ["--no-python-downloads", python_version]
        result = subprocess.run(ask, check=False, capture_output=True, text=True)
        if result.returncode == 0:
            yield result.stdout.strip()
    # What pyenv puts on the PATH runs a version only where it is the chosen one.
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv", "versions")
    for folder in sorted(versions.glob(f"{python_version}.*"), reverse=True):
        yield str(folder / "bin" / f"python{python_version}")


def _ask(path: str) -> Compiler | None:
    """What an interpreter is; ``None`` where it does not answer (a shim, say)."""
    ask = [path, "-I", "-S", "-c", ASK]
    try:
        result = subprocess.run(ask, check=False, capture_output=True, text=True, timeout=ANSWER_S)
    except (OSError, subprocess.TimeoutExpired):
        return None
    cache_tag, _, version = result.stdout.strip().partition(" ")
    return Compiler(path, cache_tag, version) if result.returncode == 0 else None


def _compile(sources: Mapping[str, Path], compiler: Compiler, made: Path) -> None:
    jobs = [
        [str(path), f"{SHOWN_ROOT}/{name}", str(made / _compiled_name(name, compiler.cache_tag))]
        for name, path in sources.items()
    ]
    result = subprocess.run(
        [compiler.path, "-s", "-S", "-P", "-W", "ignore", str(JOB)],
        input=json.dumps(jobs),
        env={"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"},
        check=False,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise ArtifactError(
            f"{compiler.path} breaks off compiling {len(jobs)} modules: {result.stderr.strip()}"
        )


def _compiled_name(name: str, cache_tag: str) -> str:
    path = PurePosixPath(name)
    return str(path.parent / BYTE_CODE / f"{path.stem}.{cache_tag}.pyc")


def _counts(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix == ".py" and TESTS not in path.parts


def _package(name: str) -> str:
    """The first part of a name; modules at the top are one package."""
    first = name.partition("/")[0]
    return "single modules" if first == BYTE_CODE else first


def _digest(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()[:32]


def _move(made: Path, place: Path) -> None:
    try:
        made.rename(place)
    except OSError:
        if not place.is_dir():  # another session was quicker; else it is an error
            raise
