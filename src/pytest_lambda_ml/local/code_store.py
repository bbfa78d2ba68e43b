"""Unpacked function code, once per content."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CodeStore"]


class CodeStore:
    """A folder with one sub-folder per code archive."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def unpack(self, sha256: str, archive: bytes) -> Path:
        """The folder with the unpacked archive; the archive is needed only the first time.

        Args:
            sha256: Lambda's CodeSha256, whatever its encoding.
            archive: the zip file's bytes, or empty when it was unpacked before.
        """
        folder = self._folder / hashlib.sha256(sha256.encode()).hexdigest()[:32]
        with self._lock:
            if not folder.exists():
                unpacking = folder.with_suffix(".unpacking")
                unpacking.mkdir(parents=True)
                if archive:
                    with zipfile.ZipFile(io.BytesIO(archive)) as file:
                        file.extractall(unpacking)
                unpacking.rename(folder)
        return folder
