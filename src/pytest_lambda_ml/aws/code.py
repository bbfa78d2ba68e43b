"""Code and large artifacts in S3, under the digest of their content: nothing is uploaded twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws.translation import backend_errors, code_of
from pytest_lambda_ml.errors import DeploymentError

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_lambda_ml.artifact import Package
    from pytest_lambda_ml.aws.session import AwsClients

__all__ = [
    "ARTIFACT_PREFIX",
    "artifact_variables",
    "upload_artifacts",
    "upload_code",
    "upload_once",
]

CODE_PREFIX = "packages/"
ARTIFACT_PREFIX = "artifacts/"
"""Keys under it are read by functions at initialisation: their role needs ``s3:GetObject`` on
them (wrapper.py knows the prefix too)."""

NOT_FOUND = frozenset({"404", "NoSuchKey", "NotFound"})


def upload_code(clients: AwsClients, bucket: str, package: Package) -> str:
    """The key of a zip package in the bucket, uploaded if it is not there yet.

    Raises `DeploymentError`.
    """
    if package.zip_path is None:
        raise DeploymentError(
            f"package sha256:{package.sha256[:12]} is an image: it is pushed to ECR, not to S3"
        )
    key = f"{CODE_PREFIX}{package.sha256}.zip"
    upload_once(clients, bucket, key, package.zip_path, package.size_bytes)
    return key


def upload_artifacts(clients: AwsClients, bucket: str, package: Package) -> None:
    """Upload the artifacts that did not fit into the package, each under its sha256.

    The function finds them by the variables that `artifact_variables` gives. Raises
    `DeploymentError`.
    """
    for artifact in package.external_artifacts:
        key = f"{ARTIFACT_PREFIX}{artifact.sha256}"
        upload_once(clients, bucket, key, artifact.path, artifact.size_bytes)


def artifact_variables(bucket: str, package: Package) -> dict[str, str]:
    """What the function's environment must hold for its artifacts in S3; empty without such."""
    return {"ARTIFACT_BUCKET": bucket} if package.external_artifacts else {}


def upload_once(clients: AwsClients, bucket: str, key: str, path: Path, size_bytes: int) -> None:
    """Upload a file unless an object of its size is there. Raises `DeploymentError`."""
    with backend_errors(f"uploading {path.name} to s3://{bucket}/{key}", DeploymentError):
        if _size_of(clients, bucket, key) != size_bytes:
            clients.s3.upload_file(str(path), bucket, key)


def _size_of(clients: AwsClients, bucket: str, key: str) -> int | None:
    """The size of an object; None where there is none.

    S3 answers 403 in place of 404 to those who may read but not list; uploading is right then too.
    """
    try:
        size: int = clients.s3.head_object(Bucket=bucket, Key=key)["ContentLength"]
    except ClientError as error:
        if code_of(error) not in NOT_FOUND | {"403", "AccessDenied"}:
            raise
        return None
    return size
