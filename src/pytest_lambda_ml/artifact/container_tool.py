"""The same image built by docker or buildah, for those who ask for it.

The tool only builds: what it made is read from its archive, and goes to ECR the way that images
without a tool do, so that no login of the tool's is needed and the digest is known beforehand.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.artifact.archive import CREATED_S, compress_layer
from pytest_lambda_ml.artifact.image import MANIFEST_TYPES, Layer, image_of
from pytest_lambda_ml.errors import ArtifactError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_lambda_ml.artifact.archive import Entry
    from pytest_lambda_ml.artifact.image import Image
    from pytest_lambda_ml.artifact.target import Target

__all__ = ["Order", "build_by_tool", "check_tool", "dockerfile"]

MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
LAYER_TYPE = MANIFEST_TYPES[MANIFEST_TYPE][1]
TASK_ROOT = "${LAMBDA_TASK_ROOT:-/var/task}"
CONFIG, SUMMARY = "config.json", "layers.json"
STDERR_LINES = 15
ENVIRONMENT = {"BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
"""Lambda takes no index with an attestation in it (AWS Lambda, "Deploy Python Lambda functions with
container images"); the flag for it is known to one of docker's two builders only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to build: on which image, for whom, which files in which order, and what it runs.

    ``parts`` are folder names in the build context → files; each is a layer. ``key`` stands for
    everything in them.
    """

    base_image: str
    target: Target
    parts: Mapping[str, Mapping[str, Entry]]
    command: Sequence[str]
    key: str

    @property
    def platform(self) -> str:
        """The target as containers call it."""
        return f"linux/{self.target.oci_architecture}"


def check_tool(name: str) -> str:
    """The path of docker or buildah. Raises `ArtifactError` when it is not on the PATH."""
    if path := shutil.which(name):
        return path
    raise ArtifactError(
        f"{name} is not on the PATH; install it, or build with layers, which needs no tool"
    )


def dockerfile(order: Order) -> str:
    """The instructions that docker and buildah follow alike."""
    copies = [f"COPY {part}/ {TASK_ROOT}/" for part in order.parts]
    lines = [f"FROM {order.base_image}", *copies, f"CMD {json.dumps(list(order.command))}"]
    return "\n".join(lines) + "\n"


def build_by_tool(tool: str, order: Order, cache_dir: Path) -> Image:
    """The image, built by ``"docker"`` or ``"buildah"``; the same order once.

    Raises `ArtifactError` when the tool is missing or fails, with the end of what it said, or when
    it made an image for another architecture.
    """
    place = cache_dir / "images" / f"{tool}-{order.key}"
    if not (place / SUMMARY).is_file():
        path = check_tool(tool)
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".building-", dir=place.parent) as temporary:
            archive = Path(temporary, "image.tar")
            _run_tool(tool, path, order, Path(temporary, "context"), archive)
            made = Path(temporary, "made")
            made.mkdir()
            _take_apart(archive, made, order)
            shutil.rmtree(place, ignore_errors=True)
            made.rename(place)
    digests = json.loads((place / SUMMARY).read_text(encoding="utf-8"))
    layers = [_layer(place / name, digest) for name, digest in digests.items()]
    return image_of((place / CONFIG).read_bytes(), MANIFEST_TYPE, layers)


def _run_tool(tool: str, path: str, order: Order, context: Path, archive: Path) -> None:
    for part, entries in order.parts.items():
        for name, entry in entries.items():
            copy = context / part / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(entry.path, copy)
            copy.chmod(entry.mode)
            os.utime(copy, (CREATED_S, CREATED_S))
    (context / "Dockerfile").write_text(dockerfile(order), encoding="utf-8")
    tag = f"pytest-lambda-ml:{order.key[:16]}"
    build = [path, "build", "--platform", order.platform, "--tag", tag]
    if tool == "buildah":
        build += ["--format", "docker", "--timestamp", str(CREATED_S)]
        save, remove = [path, "push", tag, f"docker-archive:{archive}:{tag}"], [path, "rmi", tag]
    else:
        save = [path, "save", "--output", str(archive), tag]
        remove = [path, "image", "rm", tag]
    _run(tool, [*build, str(context)])
    try:
        _run(tool, save)
    finally:
        subprocess.run(remove, check=False, capture_output=True)


def _run(tool: str, command: Sequence[str]) -> None:
    result = subprocess.run(
        command,
        check=False,
        env={**os.environ, **ENVIRONMENT},
        capture_output=True,
        text=True,
        errors="replace",
    )
    if result.returncode:
        tail = "\n".join(result.stderr.strip().splitlines()[-STDERR_LINES:]) or "(no stderr)"
        raise ArtifactError(
            f"{tool} {command[1]} failed with exit code {result.returncode}\n{tail}"
        )


def _take_apart(archive: Path, made: Path, order: Order) -> None:
    """Configuration and compressed layers out of what `docker save` writes."""
    try:
        with tarfile.open(archive) as files:
            said = json.loads(_read(files, "manifest.json"))[0]
            config = _read(files, said["Config"])
            digests: dict[str, str] = {}
            diff_ids = []
            for number, name in enumerate(said["Layers"]):
                member = files.extractfile(name)
                assert member is not None, "a layer is a file"
                layer = made / f"{number:03d}.tar.gz"
                written = compress_layer(layer, member)
                digests[layer.name] = written.digest
                diff_ids.append(written.diff_id)
    except (OSError, KeyError, IndexError, ValueError, tarfile.TarError) as error:
        raise ArtifactError(f"what the image was saved as cannot be read: {error!r}") from None
    _check(json.loads(config), diff_ids, order)
    (made / CONFIG).write_bytes(config)
    (made / SUMMARY).write_text(json.dumps(digests), encoding="utf-8")


def _check(config: Mapping[str, Any], diff_ids: Sequence[str], order: Order) -> None:
    wanted = order.target.oci_architecture
    if config.get("architecture") != wanted:
        raise ArtifactError(
            f"base image {order.base_image} gave an image for {config.get('architecture')}, and "
            f"the function is for {wanted}"
        )
    if config["rootfs"]["diff_ids"] != list(diff_ids):
        raise ArtifactError("the layers of the saved image are not those that it names: try again")


def _read(files: tarfile.TarFile, name: str) -> bytes:
    member = files.extractfile(name)
    assert member is not None, "it is a file"
    return member.read()


def _layer(path: Path, digest: str) -> Layer:
    return Layer(
        digest=digest,
        size_bytes=path.stat().st_size,
        media_type=LAYER_TYPE,
        fetch=lambda: path,
    )
