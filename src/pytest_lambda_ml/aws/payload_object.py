"""A payload that lies in S3."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.aws.translation import backend_errors
from pytest_lambda_ml.errors import SettingError

if TYPE_CHECKING:
    from pytest_lambda_ml.aws.session import AwsClients

__all__ = ["is_s3", "read_object"]

S3 = "s3://"


def is_s3(address: str) -> bool:
    """Whether it is the address of an object."""
    return address.startswith(S3)


def read_object(clients: AwsClients, address: str) -> bytes:
    """The content of ``s3://bucket/key``. Raises `SettingError` and `BackendError`."""
    bucket, _, key = address.removeprefix(S3).partition("/")
    if not bucket or not key:
        raise SettingError(f"{address!r} names no object; legal is s3://bucket/key")
    with backend_errors(f"reading the payload {address}"):
        content: bytes = clients.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    return content
