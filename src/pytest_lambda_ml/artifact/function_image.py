"""A function's image: its dependencies and its code, a layer each, on a base image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.artifact.container_tool import Order, build_by_tool
from pytest_lambda_ml.artifact.contents import content_key
from pytest_lambda_ml.artifact.image import append, make_layer
from pytest_lambda_ml.artifact.registry import read_base_image

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from pytest_lambda_ml.artifact.archive import Entry
    from pytest_lambda_ml.artifact.image import Image
    from pytest_lambda_ml.artifact.target import Target

__all__ = ["BASE_IMAGE", "LAYERS", "build_image"]

COMMAND = "wrapper.lambda_handler"
BASE_IMAGE = "public.ecr.aws/lambda/python:{python_version}"
LAYERS = "layers"
"""The builder that needs no tool."""


def build_image(
    code: Mapping[str, Entry],
    brought: Mapping[str, Entry],
    brought_key: str,
    *,
    target: Target,
    base_image: str | None,
    builder: str,
    cache_dir: Path,
) -> Image:
    """The image; a change of the code sends the code's layer alone.

    ``brought`` are the files of the dependencies, for which ``brought_key`` stands; ``builder`` is
    ``"layers"``, ``"docker"`` or ``"buildah"``. Raises `ArtifactError` when the base image cannot
    be read, or the tool is missing or fails.
    """
    base_name = base_image or BASE_IMAGE.format(python_version=target.python_version)
    code_key = content_key(code)
    if builder != LAYERS:
        parts = {"dependencies": brought, "code": code} if brought else {"code": code}
        key = content_key({}, base_name, target.architecture, brought_key, code_key, COMMAND)
        order = Order(base_image=base_name, target=target, parts=parts, command=[COMMAND], key=key)
        return build_by_tool(builder, order, cache_dir)
    base = read_base_image(base_name, target, cache_dir)
    layers = [make_layer(code, base.task_root, code_key, cache_dir)]
    if brought:
        layers.insert(0, make_layer(brought, base.task_root, brought_key, cache_dir))
    return append(base, layers, command=[COMMAND])
