"""The files of a package but for its dependencies: wrapper, handler and artifacts side by side."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_lambda_ml.artifact.archive import Entry
from pytest_lambda_ml.artifact.carried import wrapper_path
from pytest_lambda_ml.artifact.folder import file_sha256
from pytest_lambda_ml.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_lambda_ml.artifact.folder import HandlerFolder
    from pytest_lambda_ml.artifact.target import Target
    from pytest_lambda_ml.model import Architecture

__all__ = ["WRAPPER", "Contents", "check_architecture", "content_key", "gather"]

NOT_PACKAGED = frozenset({"train.py", "export.py", "requirements.txt", "handler.toml", "README.md"})
SOURCES = (".c", ".h")
WRAPPER = "wrapper.py"
WEIGHTS = "weights.txt"
ELF_MAGIC = b"\x7fELF"
ELF_MACHINES: dict[int, Architecture] = {0x3E: "x86_64", 0xB7: "arm64"}
"""e_machine of an ELF header (System V ABI), bytes 18 and 19, little-endian."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Names in the package → files: the handler's with wrapper.py, and what was trained."""

    code: Mapping[str, Entry]
    artifacts: Mapping[str, Entry]
    weights: str | None

    @property
    def entries(self) -> dict[str, Entry]:
        """All of them."""
        return {**self.code, **self.artifacts}


def gather(folder: HandlerFolder, artifacts: Path | None, temporary: Path) -> Contents:
    """What goes into the package; a file that is made for it is written to ``temporary``.

    What only training, pip or the plugin read is left out. Raises `ArtifactError` when two of the
    files have the same name.
    """
    own: dict[str, Path] = {}
    for name, path in folder.files():
        if name in NOT_PACKAGED or name.endswith(SOURCES):
            continue
        if name in own:
            raise ArtifactError(
                f"{folder.path}: {name} is also in {path.parent}, which it includes"
            )
        own[name] = path
    trained: dict[str, Path] = {}
    if artifacts is not None:
        files = [path for path in artifacts.rglob("*") if path.is_file()]
        trained = {path.relative_to(artifacts).as_posix(): path for path in files}
    entry_point = {WRAPPER: wrapper_path()}
    clashes = sorted((own.keys() & trained.keys()) | ((own | trained).keys() & entry_point.keys()))
    if clashes:
        raise ArtifactError(
            f"{folder.path}: {', '.join(clashes)} would be in the package twice "
            "(the folder's own files, what train.py wrote, and wrapper.py share one folder); rename"
        )
    code = own | entry_point
    if folder.weights is not None:
        trained.pop(WEIGHTS, None)
        code[WEIGHTS] = temporary / WEIGHTS
        code[WEIGHTS].write_text(folder.weights + "\n", encoding="utf-8")
    said = code.get(WEIGHTS) or trained.get(WEIGHTS)
    return Contents(
        code={name: Entry(path) for name, path in code.items()},
        artifacts={name: Entry(path) for name, path in trained.items()},
        weights=said.read_text(encoding="utf-8").strip() if said else None,
    )


def check_architecture(subject: str, artifacts: Mapping[str, Entry], target: Target) -> None:
    """Raise `ArtifactError` when a compiled artifact is for another architecture.

    What train.py compiles, it compiles for the machine that it runs on. (A handler's own folder may
    hold a library for each architecture.)
    """
    for name, entry in sorted(artifacts.items()):
        with entry.path.open("rb") as file:
            header = file.read(20)
        machine = int.from_bytes(header[18:20], "little")
        architecture = ELF_MACHINES.get(machine) if header.startswith(ELF_MAGIC) else None
        if architecture not in (None, target.architecture):
            raise ArtifactError(
                f"{subject}: {name} is compiled for {architecture}, the function is "
                f"{target.architecture}; deploy to {architecture}, or train on a machine like the "
                "function"
            )


def content_key(entries: Mapping[str, Entry], *more: str) -> str:
    """A short digest of names and contents, and of whatever else decides."""
    digest = hashlib.sha256()
    for name in sorted(entries):
        digest.update(f"{name}\0{file_sha256(entries[name].path)}\n".encode())
    for text in more:
        digest.update(f"{text}\n".encode())
    return digest.hexdigest()[:16]
