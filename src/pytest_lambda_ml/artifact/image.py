"""A container image for Lambda: layers appended to a base image, with no Docker anywhere."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.artifact.archive import write_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_lambda_ml.artifact.archive import Entry

__all__ = [
    "MANIFEST_TYPES",
    "BaseImage",
    "Image",
    "Layer",
    "NewLayer",
    "append",
    "image_of",
    "make_layer",
]

MANIFEST_TYPES: dict[str, tuple[str, str]] = {
    "application/vnd.docker.distribution.manifest.v2+json": (
        "application/vnd.docker.container.image.v1+json",
        "application/vnd.docker.image.rootfs.diff.tar.gzip",
    ),
    "application/vnd.oci.image.manifest.v1+json": (
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.oci.image.layer.v1.tar+gzip",
    ),
}
"""The two kinds of manifests that Lambda takes, each with its types of configuration and layer."""

TASK_ROOT_VARIABLE = "LAMBDA_TASK_ROOT"
TASK_ROOT = "/var/task"
CREATED = "1980-01-01T00:00:00Z"


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
class BaseImage:
    """What layers are appended to. ``config`` is the parsed image configuration."""

    manifest_media_type: str
    config: Mapping[str, Any]
    layers: tuple[Layer, ...]

    @property
    def task_root(self) -> str:
        """Where Lambda's runtime in this image looks for the function's code."""
        variables = (self.config.get("config") or {}).get("Env") or ()
        pairs: dict[str, str] = dict(
            variable.split("=", 1) for variable in variables if "=" in variable
        )
        return pairs.get(TASK_ROOT_VARIABLE, TASK_ROOT)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewLayer:
    """A layer that was made here: its file, and both of its digests."""

    path: Path
    digest: str
    diff_id: str


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
        return _sha256(self.manifest)

    @property
    def config_digest(self) -> str:
        """``"sha256:<hex>"`` of the configuration, which registries keep as one more blob."""
        return _sha256(self.config)

    @property
    def size_bytes(self) -> int:
        """The compressed size of all layers: what the registry keeps."""
        return sum(layer.size_bytes for layer in self.layers)


def make_layer(entries: Mapping[str, Entry], root: str, key: str, cache_dir: Path) -> NewLayer:
    """The layer with these files under the folder ``root``.

    ``key`` stands for names and contents: a layer of the same key is made once.
    """
    name = hashlib.sha256(f"{root}\0{key}".encode()).hexdigest()[:32]
    path = cache_dir / "layers" / f"{name}.tar.gz"
    said = path.with_suffix(".json")
    if not (path.is_file() and said.is_file()):
        digests = write_layer(path, entries, root.strip("/"))
        said.write_text(json.dumps([digests.digest, digests.diff_id]), encoding="utf-8")
    digest, diff_id = json.loads(said.read_text(encoding="utf-8"))
    return NewLayer(path=path, digest=digest, diff_id=diff_id)


def append(
    base: BaseImage,
    layers: Sequence[NewLayer],
    *,
    command: Sequence[str],
    entrypoint: Sequence[str] | None = None,
    working_dir: str | None = None,
) -> Image:
    """The base image with these layers on top, that runs ``command``.

    ``entrypoint`` and ``working_dir`` stay the base's unless they are given. The result depends on
    the arguments alone: it bears no time of its own.
    """
    _, layer_type = MANIFEST_TYPES[base.manifest_media_type]
    config = deepcopy(dict(base.config))
    config["created"] = CREATED
    config["rootfs"]["diff_ids"] = [
        *config["rootfs"]["diff_ids"],
        *(layer.diff_id for layer in layers),
    ]
    note = {"created": CREATED, "created_by": "pytest-lambda-ml"}
    config["history"] = [*config.get("history", ()), *(note for _ in layers)]
    run = config.setdefault("config", {})
    run["Cmd"] = list(command)
    if entrypoint is not None:
        run["Entrypoint"] = list(entrypoint)
    if working_dir is not None:
        run["WorkingDir"] = working_dir
    every = (*base.layers, *(_appended(layer, layer_type) for layer in layers))
    return image_of(_json(config), base.manifest_media_type, every)


def image_of(config: bytes, manifest_media_type: str, layers: Sequence[Layer]) -> Image:
    """The image of this configuration and these layers: its manifest is made here."""
    config_type, _ = MANIFEST_TYPES[manifest_media_type]
    manifest = {
        "schemaVersion": 2,
        "mediaType": manifest_media_type,
        "config": {
            "mediaType": config_type,
            "size": len(config),
            "digest": _sha256(config),
        },
        "layers": [
            {"mediaType": layer.media_type, "size": layer.size_bytes, "digest": layer.digest}
            for layer in layers
        ],
    }
    return Image(
        manifest=_json(manifest),
        manifest_media_type=manifest_media_type,
        config=config,
        config_media_type=config_type,
        layers=tuple(layers),
    )


def _appended(layer: NewLayer, media_type: str) -> Layer:
    path = layer.path
    return Layer(
        digest=layer.digest,
        size_bytes=path.stat().st_size,
        media_type=media_type,
        fetch=lambda: path,
    )


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _sha256(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
