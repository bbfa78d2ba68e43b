"""The publisher's image: this package on Lambda's base image, which has Python and boto3."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lambda_ml.artifact.archive import Entry
from pytest_lambda_ml.artifact.contents import content_key
from pytest_lambda_ml.artifact.image import append, make_layer
from pytest_lambda_ml.artifact.registry import read_base_image
from pytest_lambda_ml.artifact.target import Target

if TYPE_CHECKING:
    from pytest_lambda_ml.artifact import Image

__all__ = ["BASE_IMAGE", "MODULE", "publisher_files", "publisher_image"]

BASE_IMAGE = "public.ecr.aws/lambda/python:3.13"
MODULE = "pytest_lambda_ml.campaign.publisher_task"
ROOT = "/opt/publisher"

PACKAGE = Path(__file__).resolve().parents[1]
ROOMS = ("aws", "campaign", "datasets")
"""Where the task's module and all that it imports lie, beside the files at the top."""


def publisher_files() -> dict[str, Path]:
    """Names in the image, relative to its root → the files of this package that the task needs."""
    paths = [*PACKAGE.glob("*.py")]
    for room in ROOMS:
        paths += [path for path in (PACKAGE / room).iterdir() if path.suffix in {".py", ".toml"}]
    return {path.relative_to(PACKAGE.parent).as_posix(): path for path in paths}


def publisher_image(cache_dir: Path, base: str = BASE_IMAGE) -> Image:
    """The image, whose digest depends on this package's code and the base image alone.

    Raises `ArtifactError` when the base image cannot be read.
    """
    entries = {name: Entry(path) for name, path in publisher_files().items()}
    layer = make_layer(entries, ROOT, content_key(entries), cache_dir)
    return append(
        read_base_image(base, Target(architecture="x86_64"), cache_dir),
        [layer],
        entrypoint=["python", "-m", MODULE],
        command=[],
        working_dir=ROOT,
    )
