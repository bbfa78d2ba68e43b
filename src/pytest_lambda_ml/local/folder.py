"""The endpoint's temporary folder, named after its process: a killed endpoint's is swept later."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

__all__ = ["EndpointFolder"]

_PREFIX = "pytest-lambda-ml-"


class EndpointFolder:
    """A context manager: the folder as it is entered, gone as it is left."""

    def __init__(self) -> None:
        self._path: Path | None = None

    def __enter__(self) -> Path:
        base = Path(tempfile.gettempdir())
        for path in base.glob(f"{_PREFIX}*"):
            owner = re.match(rf"{_PREFIX}(\d+)-", path.name)
            if owner and not Path("/proc", owner[1]).exists():
                shutil.rmtree(path, ignore_errors=True)
        self._path = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        return self._path

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._path is not None:
            with contextlib.suppress(OSError):
                shutil.rmtree(self._path)
