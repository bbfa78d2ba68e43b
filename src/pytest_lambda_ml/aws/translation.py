"""What boto3 raises, said in this project's errors."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from boto3.exceptions import Boto3Error
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ProxyConnectionError,
    SSOError,
    TokenRetrievalError,
    WaiterError,
)

from pytest_lambda_ml.errors import BackendError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "CONFLICT",
    "NOT_ALLOWED",
    "backend_errors",
    "code_of",
    "message_of",
    "no_credentials",
    "said",
    "unanswered",
    "unreachable",
]

CONFLICT = "ResourceConflictException"
"""Lambda: the thing is there already, or another change is under way."""

NOT_ALLOWED = frozenset({"403", "AccessDenied", "AccessDeniedException", "AuthorizationError"})
"""The codes by which services say that a policy does not allow a call."""

_NO_CREDENTIALS = (
    NoCredentialsError,
    PartialCredentialsError,
    CredentialRetrievalError,
    TokenRetrievalError,
    SSOError,
)
_REFUSED_CREDENTIALS = frozenset(
    {
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "UnrecognizedClientException",
        "SignatureDoesNotMatch",
        "AuthFailure",
    }
)
_NO_CONNECTION = (
    EndpointConnectionError,
    ConnectTimeoutError,
    ProxyConnectionError,
    HTTPClientError,
)


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
    if isinstance(error, WaiterError):
        answer: Any = error.last_response or {}
        state = answer.get("Configuration", answer)
        reason = state.get("StateReason") or state.get("LastUpdateStatusReason")
        return f"{error}: {reason}" if reason else str(error)
    return str(error)


def code_of(error: ClientError) -> str:
    """AWS's error code, ``"ResourceNotFoundException"`` for example."""
    code: str = error.response.get("Error", {}).get("Code", "")
    return code


def message_of(error: ClientError) -> str:
    """AWS's message without the code and the operation that boto3 puts before it."""
    message: str = error.response.get("Error", {}).get("Message", "")
    return message


def unreachable(error: BaseException | None) -> bool:
    """Whether this error of ours, or of boto3's, says that no connection could be made."""
    while error is not None:
        if isinstance(error, _NO_CONNECTION):
            return True
        error = error.__cause__
    return False


def unanswered(error: BaseException | None) -> bool:
    """Whether this error says that nobody answered, or not to these credentials.

    That tells nothing of what is there.
    """
    cause = error.__cause__ if isinstance(error, BackendError) else error
    if isinstance(cause, ClientError) and code_of(cause) in NOT_ALLOWED:
        return True
    if isinstance(cause, ClientError | BotoCoreError) and no_credentials(cause):
        return True
    return unreachable(cause)


def no_credentials(error: Exception) -> bool:
    """Whether there are no credentials, or AWS does not accept those that there are."""
    if isinstance(error, ClientError):
        return code_of(error) in _REFUSED_CREDENTIALS
    return isinstance(error, _NO_CREDENTIALS)
