"""The deployment package: wrapper, handler and artifacts side by side in a deterministic zip."""

from __future__ import annotations

import base64
import hashlib
import os
import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pytest_lambda_ml.artifact.carried import wrapper_path
from pytest_lambda_ml.artifact.folder import file_sha256
from pytest_lambda_ml.errors import ArtifactError

if TYPE_CHECKING:
    from pytest_lambda_ml.artifact.folder import HandlerFolder
    from pytest_lambda_ml.artifact.image import Image
    from pytest_lambda_ml.artifact.target import Target

__all__ = ["ExternalArtifact", "Package", "build_package"]

NOT_PACKAGED = frozenset({"train.py", "export.py", "requirements.txt", "handler.toml", "README.md"})
SOURCES = (".c", ".h")
WEIGHTS = "weights.txt"
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can say
MODE = 0o100644 << 16  # a regular file that everybody may read
STORED_ABOVE_BYTES = 1_000_000
"""Larger files are models, which hardly shrink: deflating them costs a minute for a few percent."""
CHUNK_BYTES = 1 << 20
DEFAULT_EPHEMERAL_MB = 512
EPHEMERAL_RESERVE_MB = 64
"""Left free beside the artifacts: for the file system itself and what the handler writes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalArtifact:
    """A file of the model that does not fit into the package; ``name`` is its place in it."""

    name: str
    path: Path
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What Lambda is to run: a zip at ``zip_path``, or an image (then that is ``None``).

    ``code_sha256`` is Lambda's CodeSha256: base64 of a zip's digest, hex of an image manifest's;
    ``sha256`` is the same digest in hex. ``size_bytes`` is compressed, ``unzipped_bytes`` is what
    counts against Lambda's limits. ``weights`` says where the model's weights come from
    (``"random-init"``, for example). ``target`` is ``None`` when the dependencies are left to the
    interpreter that runs it. ``external_artifacts`` are fetched from S3 at initialisation.
    """

    zip_path: Path | None
    sha256: str
    code_sha256: str
    size_bytes: int
    weights: str | None
    kind: Literal["zip", "image"] = "zip"
    target: Target | None = None
    unzipped_bytes: int | None = None
    external_artifacts: tuple[ExternalArtifact, ...] = ()
    image: Image | None = None

    @property
    def dependencies(self) -> Literal["host", "package"]:
        """Whose distributions the handler imports."""
        return "host" if self.target is None else "package"

    @property
    def ephemeral_mb(self) -> int:
        """The least ephemeral storage that a function of this package needs, in MB."""
        external = sum(artifact.size_bytes for artifact in self.external_artifacts)
        if not external:
            return DEFAULT_EPHEMERAL_MB
        return max(DEFAULT_EPHEMERAL_MB, -(-external // 2**20) + EPHEMERAL_RESERVE_MB)


def build_package(folder: HandlerFolder, artifacts: Path | None, cache_dir: Path) -> Package:
    """Zip the handler's files, the artifacts and wrapper.py; the same content is zipped once.

    The same content gives the same bytes, so that an unchanged function is not uploaded again.
    What only training, pip or the plugin read is left out. Raises `ArtifactError` when the folder
    and the artifacts have a file of the same name.
    """
    with tempfile.TemporaryDirectory(prefix="lambda-ml-") as temporary:
        entries = _entries(folder, artifacts)
        if folder.weights is not None:
            entries[WEIGHTS] = Path(temporary) / WEIGHTS
            entries[WEIGHTS].write_text(folder.weights + "\n", encoding="utf-8")
        zip_path = cache_dir / "packages" / f"{folder.name}-{folder.engine}-{_key(entries)}.zip"
        if not zip_path.is_file():
            zip_path.parent.mkdir(parents=True, exist_ok=True)
            _write_atomically(zip_path, entries)
        weights = (
            entries[WEIGHTS].read_text(encoding="utf-8").strip() if WEIGHTS in entries else None
        )
    digest = file_sha256(zip_path)
    return Package(
        zip_path=zip_path,
        sha256=digest,
        code_sha256=base64.b64encode(bytes.fromhex(digest)).decode(),
        size_bytes=zip_path.stat().st_size,
        weights=weights,
    )


def _entries(folder: HandlerFolder, artifacts: Path | None) -> dict[str, Path]:
    """Name in the zip → file."""
    own: dict[str, Path] = {}
    for name, path in folder.files():
        if name in NOT_PACKAGED or name.endswith(SOURCES):
            continue
        if name in own:
            raise ArtifactError(
                f"{folder.path}: {name} is also in {path.parent}, which it includes"
            )
        own[name] = path
    trained = {}
    if artifacts is not None:
        files = [path for path in artifacts.rglob("*") if path.is_file()]
        trained = {path.relative_to(artifacts).as_posix(): path for path in files}
    entry_point = {"wrapper.py": wrapper_path()}
    clashes = sorted((own.keys() & trained.keys()) | ((own | trained).keys() & entry_point.keys()))
    if clashes:
        raise ArtifactError(
            f"{folder.path}: {', '.join(clashes)} would be in the package twice "
            "(the folder's own files, what train.py wrote, and wrapper.py share one folder); rename"
        )
    return own | trained | entry_point


def _key(entries: dict[str, Path]) -> str:
    digest = hashlib.sha256()
    for name in sorted(entries):
        digest.update(f"{name}\0{file_sha256(entries[name])}\n".encode())
    return digest.hexdigest()[:16]


def _write_atomically(zip_path: Path, entries: dict[str, Path]) -> None:
    handle, name = tempfile.mkstemp(prefix=".packaging-", dir=zip_path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for entry in sorted(entries):
                _add(archive, entry, entries[entry])
        temporary.replace(zip_path)
    finally:
        temporary.unlink(missing_ok=True)


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    """Copy one file in pieces: the largest model is more than this machine may have to spare."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.create_system = 3  # Unix, also where the zip is made elsewhere
    info.external_attr = MODE
    info.file_size = path.stat().st_size
    stored = info.file_size > STORED_ABOVE_BYTES
    info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with path.open("rb") as source, archive.open(info, "w") as target:
        shutil.copyfileobj(source, target, CHUNK_BYTES)
