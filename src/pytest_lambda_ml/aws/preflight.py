"""What can be known before anything is created: credentials, and what the account has room for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from pytest_lambda_ml.aws.translation import (
    backend_errors,
    code_of,
    message_of,
    no_credentials,
    said,
    unreachable,
)
from pytest_lambda_ml.errors import BackendError, DeploymentError

if TYPE_CHECKING:
    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.model import Configuration

__all__ = [
    "ALWAYS_UNRESERVED",
    "AccountLimits",
    "check_access",
    "memory_ceiling",
    "read_account_limits",
    "reservation",
]

ALWAYS_UNRESERVED = 100
"""Concurrency that AWS keeps for functions without a reservation (Lambda developer guide)."""

QUOTA_CODE = "L-B99A9384"
"""Lambda's "Concurrent executions" in Service Quotas."""

# An endpoint without this operation, and a role that may not ask.
_UNKNOWN = frozenset({"404", "UnknownOperationException", "AccessDeniedException", "AccessDenied"})


@dataclass(frozen=True, slots=True)
class AccountLimits:
    """An account's concurrency in one region; ``None`` where it could not be learned."""

    concurrent_executions: int | None = None
    unreserved: int | None = None


def check_access(clients: AwsClients, profile: str | None = None) -> None:
    """Raise `BackendError`, one sentence, when no call would get through with these credentials."""
    try:
        _ = clients.identity
    except BackendError as error:
        cause = error.__cause__
        if unreachable(cause) and clients.endpoint_url:
            raise BackendError(
                f"nothing answers at {clients.endpoint_url} (--aws-endpoint-url); "
                "`pytest-lambda-ml local` starts an endpoint"
            ) from error
        if isinstance(cause, ClientError | BotoCoreError) and no_credentials(cause):
            whose = f"profile {profile!r}" if profile else "your environment"
            raise BackendError(
                f"no valid AWS credentials in {whose} ({said(cause)}); log in (aws sso login, aws "
                "configure), or name another profile with --aws-profile"
            ) from error
        raise


def read_account_limits(clients: AwsClients) -> AccountLimits:
    """Ask Lambda for the account's limits. Raises `BackendError` when it fails to answer."""
    with backend_errors("the account's limits (lambda:GetAccountSettings)", DeploymentError):
        try:
            limit = clients.lambda_.get_account_settings()["AccountLimit"]
        except ClientError as error:
            if code_of(error) in _UNKNOWN:
                return AccountLimits()
            raise
    return AccountLimits(
        limit.get("ConcurrentExecutions"), limit.get("UnreservedConcurrentExecutions")
    )


def reservation(limits: AccountLimits, configuration: Configuration, region: str) -> int | None:
    """The concurrency to reserve; ``None`` where the account's own quota is the very limit.

    AWS keeps `ALWAYS_UNRESERVED` for everybody, so a new account (quota 10) cannot reserve
    anything; there a function of that concurrency runs without a reservation, and is limited all
    the same. Raises `DeploymentError`, one sentence, where neither is possible.
    """
    wanted, unreserved = configuration.concurrency, limits.unreserved
    if unreserved is None or wanted <= unreserved - ALWAYS_UNRESERVED:
        return wanted
    if wanted == unreserved == limits.concurrent_executions:
        return None
    room = max(unreserved - ALWAYS_UNRESERVED, 0)
    choice = f"up to {room}" if room else f"{unreserved}, which needs no reservation"
    raise DeploymentError(
        f"{configuration.cell_id}: concurrency {wanted} cannot be reserved in {region}: of the "
        f"account's {limits.concurrent_executions} concurrent executions {unreserved} are not "
        f"reserved, and AWS keeps {ALWAYS_UNRESERVED} of them; choose --lambda-concurrency "
        f"{choice}, or ask for more (Service Quotas, {QUOTA_CODE})"
    )


def memory_ceiling(error: ClientError) -> int | None:
    """The most memory that the account may give a function, in MB, if that is what was refused.

    New accounts have 3,008 MB; no call tells it but the refusal.
    """
    words = message_of(error)
    if code_of(error) not in {"InvalidParameterValueException", "ValidationException"}:
        return None
    if "memorysize" not in words.lower() or "less than or equal to" not in words:
        return None
    number = words.rpartition("less than or equal to")[2].split()[0].rstrip(".;,")
    return int(number) if number.isdigit() else None
