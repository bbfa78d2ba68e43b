"""Images in ECR: pushed by its own API, addressed by digest, each blob once."""

from __future__ import annotations

import io
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws.translation import backend_errors, code_of
from pytest_lambda_ml.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from pytest_lambda_ml.artifact import Image
    from pytest_lambda_ml.aws.session import AwsClients

__all__ = ["image_tag", "push_image"]

TAG_LENGTH = 16
MAX_DIGESTS = 100
"""Layers that BatchCheckLayerAvailability takes at once (Amazon ECR API)."""


def image_tag(image: Image) -> str:
    """A tag made of the digest: fit for repositories whose tags are immutable."""
    return f"sha256-{image.digest.removeprefix('sha256:')[:TAG_LENGTH]}"


def push_image(clients: AwsClients, repository: str, image: Image) -> str:
    """The image's URI by digest, fit for Lambda's ImageUri, once it is in the repository.

    Nothing is sent that is there: not the image, not a layer that another image brought. Raises
    `DeploymentError` when ECR refuses, `ArtifactError` when a layer of the base image cannot be
    downloaded.
    """
    with backend_errors(f"pushing an image to the ECR repository {repository}", DeploymentError):
        found = clients.ecr.describe_repositories(repositoryNames=[repository])["repositories"]
        uri = f"{found[0]['repositoryUri']}@{image.digest}"
        if not _has_image(clients, repository, image):
            _push_blobs(clients, repository, image)
            _put_manifest(clients, repository, image)
    return uri


def _has_image(clients: AwsClients, repository: str, image: Image) -> bool:
    try:
        clients.ecr.describe_images(
            repositoryName=repository, imageIds=[{"imageDigest": image.digest}]
        )
    except ClientError as error:
        if code_of(error) != "ImageNotFoundException":
            raise
        return False
    return True


def _push_blobs(clients: AwsClients, repository: str, image: Image) -> None:
    blobs: dict[str, Callable[[], BinaryIO]] = {
        layer.digest: partial(_open, layer.fetch) for layer in image.layers
    }
    blobs[image.config_digest] = partial(io.BytesIO, image.config)
    available = _available(clients, repository, list(blobs))
    for digest, open_blob in blobs.items():
        if digest not in available:
            with open_blob() as blob:
                _push_blob(clients, repository, digest, blob)


def _open(fetch: Callable[[], Path]) -> BinaryIO:
    return fetch().open("rb")


def _available(clients: AwsClients, repository: str, digests: Sequence[str]) -> set[str]:
    """Which of the blobs the repository has."""
    found: set[str] = set()
    for start in range(0, len(digests), MAX_DIGESTS):
        answer = clients.ecr.batch_check_layer_availability(
            repositoryName=repository, layerDigests=digests[start : start + MAX_DIGESTS]
        )
        found |= {
            layer["layerDigest"]
            for layer in answer["layers"]
            if layer["layerAvailability"] == "AVAILABLE"
        }
    return found


def _push_blob(clients: AwsClients, repository: str, digest: str, blob: BinaryIO) -> None:
    """Send one blob in parts of the size that ECR asks for."""
    upload = clients.ecr.initiate_layer_upload(repositoryName=repository)
    first = 0
    while part := blob.read(upload["partSize"]):
        clients.ecr.upload_layer_part(
            repositoryName=repository,
            uploadId=upload["uploadId"],
            partFirstByte=first,
            partLastByte=first + len(part) - 1,
            layerPartBlob=part,
        )
        first += len(part)
    try:
        clients.ecr.complete_layer_upload(
            repositoryName=repository, uploadId=upload["uploadId"], layerDigests=[digest]
        )
    except ClientError as error:
        if code_of(error) != "LayerAlreadyExistsException":  # another session was quicker
            raise


def _put_manifest(clients: AwsClients, repository: str, image: Image) -> None:
    try:
        clients.ecr.put_image(
            repositoryName=repository,
            imageManifest=image.manifest.decode(),
            imageManifestMediaType=image.manifest_media_type,
            imageTag=image_tag(image),
            imageDigest=image.digest,
        )
    except ClientError as error:
        if code_of(error) != "ImageAlreadyExistsException":
            raise
