"""What boto3 raises, said in this project's errors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from boto3.exceptions import Boto3Error
from botocore.exceptions import BotoCoreError, ClientError

from pytest_lambda_ml.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["backend_errors", "code_of", "said"]


@contextmanager
def backend_errors(what: str, error_class: type[BackendError] = BackendError) -> Iterator[None]:
    """Raise ``error_class``, beginning with ``what``, in place of any error of boto3's."""
    try:
        yield
    except (ClientError, BotoCoreError, Boto3Error) as error:
        raise error_class(f"{what}: {said(error)}") from error


def said(error: Exception) -> str:
    """AWS's error code and message, or the client's own words when no answer came."""
    if isinstance(error, ClientError):
        detail = error.response.get("Error", {})
        return f"{detail.get('Code', 'unknown error')}: {detail.get('Message', '')}".rstrip(": ")
    return str(error)


def code_of(error: ClientError) -> str:
    """AWS's error code, ``"ResourceNotFoundException"`` for example."""
    code: str = error.response.get("Error", {}).get("Code", "")
    return code
