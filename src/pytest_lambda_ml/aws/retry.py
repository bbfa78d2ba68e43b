"""Calls that AWS refuses for a while after a change, though nothing is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws.translation import code_of

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PATIENCE_S", "passes_by_itself", "with_patience"]

PATIENCE_S = 60.0
"""IAM says that changes are seen everywhere within seconds, "but it may take longer"."""

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 5.0

# A new role or policy that Lambda has not heard of yet (messages of CreateFunction and
# PutFunctionEventInvokeConfig).
_PROPAGATING = ("cannot be assumed by Lambda", "does not have permissions to call SendMessage")


def passes_by_itself(error: ClientError) -> bool:
    """Whether the same call will succeed soon: a role or policy on its way, an update under way."""
    if code_of(error) == "ResourceConflictException":
        return "in progress" in str(error)
    return code_of(error) == "InvalidParameterValueException" and any(
        words in str(error) for words in _PROPAGATING
    )


def with_patience(call: Callable[[], Any], sleep: Callable[[float], None]) -> Any:
    """The call's answer; it is repeated for up to a minute while the reason passes by itself."""
    waited, pause = 0.0, FIRST_PAUSE_S
    while True:
        try:
            return call()
        except ClientError as error:
            if waited >= PATIENCE_S or not passes_by_itself(error):
                raise
        sleep(pause)
        waited, pause = waited + pause, min(pause * 2, LONGEST_PAUSE_S)
