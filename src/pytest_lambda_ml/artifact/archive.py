"""Archives that depend on names and contents alone: the same files give the same bytes.

Entries are sorted, carry one time and one of two modes, and no user. (The compressed bytes also
depend on the zlib that Python was built with: two machines may differ, two builds do not.)
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import tarfile
import tempfile
import zipfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Buffer

__all__ = [
    "CREATED_S",
    "Entry",
    "LayerDigests",
    "compress_layer",
    "created_atomically",
    "write_layer",
    "write_zip",
]

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can say
CREATED_S = 315_532_800  # the same for a tar
REGULAR_FILE = 0o100000
STORED_ABOVE_BYTES = 1_000_000
"""Larger files are models, which hardly shrink: deflating them costs a minute for a few percent."""
CHUNK_BYTES = 1 << 20
COMPRESSION = 6
GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Entry:
    """A file to be archived. ``code`` is whether it is code, which shrinks whatever its size."""

    path: Path
    code: bool = False

    @property
    def size_bytes(self) -> int:
        """The size of its content."""
        return self.path.stat().st_size

    @property
    def mode(self) -> int:
        """Everybody may read; programs that a distribution brings may be executed."""
        return 0o755 if self.code and self.path.stat().st_mode & 0o100 else 0o644


@dataclass(frozen=True, slots=True)
class LayerDigests:
    """A layer's two digests, ``"sha256:<hex>"``: of its compressed and of its plain bytes."""

    digest: str
    diff_id: str


def write_zip(path: Path, entries: Mapping[str, Entry]) -> None:
    """Write the zip of these entries, complete or not at all."""
    with created_atomically(path) as file, zipfile.ZipFile(file, "w") as archive:
        for name in sorted(entries):
            _add_to_zip(archive, name, entries[name])


def write_layer(path: Path, entries: Mapping[str, Entry], root: str) -> LayerDigests:
    """Write the tar.gz of these entries under the folder ``root``, complete or not at all."""
    with created_atomically(path) as file:
        compressed = _HashingWriter(file)
        with gzip.GzipFile("", "wb", COMPRESSION, compressed, mtime=0) as zipped:
            plain = _HashingWriter(zipped)
            with tarfile.open(fileobj=plain, mode="w|", format=tarfile.PAX_FORMAT) as archive:
                for folder in _folders(entries):
                    archive.addfile(_tar_info(f"{root}/{folder}", 0o755, tarfile.DIRTYPE))
                for name in sorted(entries):
                    _add_to_tar(archive, f"{root}/{name}", entries[name])
    return LayerDigests(digest=compressed.digest, diff_id=plain.digest)


def compress_layer(path: Path, layer: IO[bytes]) -> LayerDigests:
    """Write the tar.gz of a layer's tar, which may be compressed already; complete or not at all.

    Raises OSError when it is neither.
    """
    with ExitStack() as stack:
        tar: IO[bytes] | gzip.GzipFile = layer
        is_compressed = layer.read(len(GZIP_MAGIC)) == GZIP_MAGIC
        layer.seek(0)
        if is_compressed:
            tar = stack.enter_context(gzip.open(layer))
        compressed = _HashingWriter(stack.enter_context(created_atomically(path)))
        with gzip.GzipFile("", "wb", COMPRESSION, compressed, mtime=0) as zipped:
            plain = _HashingWriter(zipped)
            shutil.copyfileobj(tar, plain, CHUNK_BYTES)
    return LayerDigests(digest=compressed.digest, diff_id=plain.digest)


@contextmanager
def created_atomically(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name when the block ends well, else not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".packaging-", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _add_to_zip(archive: zipfile.ZipFile, name: str, entry: Entry) -> None:
    """Copy one file in pieces: the largest model is more than this machine may have to spare."""
    info = zipfile.ZipInfo(name, EPOCH)
    info.create_system = 3  # Unix, also where the zip is made elsewhere
    info.external_attr = (REGULAR_FILE | entry.mode) << 16
    info.file_size = entry.size_bytes
    stored = info.file_size > STORED_ABOVE_BYTES and not entry.code
    info.compress_type = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with entry.path.open("rb") as source, archive.open(info, "w") as target:
        shutil.copyfileobj(source, target, CHUNK_BYTES)


def _add_to_tar(archive: tarfile.TarFile, name: str, entry: Entry) -> None:
    info = _tar_info(name, entry.mode, tarfile.REGTYPE)
    info.size = entry.size_bytes
    with entry.path.open("rb") as source:
        archive.addfile(info, source)


def _tar_info(name: str, mode: int, kind: bytes) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.mtime, info.type = mode, CREATED_S, kind
    return info


def _folders(entries: Mapping[str, Entry]) -> list[str]:
    """The folders that the entries lie in, parents first, without the root."""
    return sorted(
        {str(parent) for name in entries for parent in PurePosixPath(name).parents} - {"."}
    )


class _HashingWriter(io.RawIOBase):
    """A file that passes on what is written and keeps its digest."""

    def __init__(self, file: BinaryIO | gzip.GzipFile) -> None:
        super().__init__()
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, content: Buffer) -> int:
        """Write and count."""
        self._hash.update(content)
        return self._file.write(content)

    @property
    def digest(self) -> str:
        """``"sha256:<hex>"`` of what was written so far."""
        return f"sha256:{self._hash.hexdigest()}"
