"""A container image for Lambda: layers appended to a base image, with no Docker anywhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["Image", "Layer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One compressed layer. ``digest`` is ``"sha256:<hex>"`` of the compressed bytes.

    ``fetch`` gives the file with these bytes: a base image's layer is downloaded only then, and
    raises `ArtifactError` when it cannot be.
    """

    digest: str
    size_bytes: int
    media_type: str
    fetch: Callable[[], Path] = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """Manifest, configuration and layers of one image; the same content has the same digest."""

    manifest: bytes
    manifest_media_type: str
    config: bytes
    config_media_type: str
    layers: tuple[Layer, ...]

    @property
    def digest(self) -> str:
        """``"sha256:<hex>"`` of the manifest: the image's address."""
        return f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"

    @property
    def config_digest(self) -> str:
        """``"sha256:<hex>"`` of the configuration, which registries keep as one more blob."""
        return f"sha256:{hashlib.sha256(self.config).hexdigest()}"
