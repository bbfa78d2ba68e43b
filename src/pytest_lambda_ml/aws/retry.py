"""Calls that AWS refuses for a while after a change, though nothing is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["PATIENCE_S", "Patience", "passes_by_itself"]

PATIENCE_S = 60.0
"""IAM says that changes are seen everywhere within seconds, "but it may take longer"."""

FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 5.0

WAITED = "pytest_lambda_ml_waited_s"
"""Where a request's context keeps how long it has waited so far."""

_UNDER_WAY = frozenset(
    {
        "ResourceConflictException",  # Lambda: an update is in progress; ours, as nobody else's
        "OperationAborted",  # S3
        "OperationAbortedException",  # CloudWatch Logs
        "ConcurrentModification",  # IAM
        "ConcurrentAccess",  # SNS
        "ConcurrentAccessException",
    }
)
# Conflicts that stay: the thing is there already.
_THERE_ALREADY = ("already exist", "exists already", "provided already")

# A new role or policy that Lambda has not heard of yet (messages of CreateFunction and
# PutFunctionEventInvokeConfig).
_PROPAGATING = ("cannot be assumed by Lambda", "does not have permissions to call SendMessage")


def passes_by_itself(code: str, message: str) -> bool:
    """Whether the same call will succeed soon: a role or policy on its way, an update under way."""
    if code in _UNDER_WAY:
        return not any(words in message for words in _THERE_ALREADY)
    return code == "InvalidParameterValueException" and any(
        words in message for words in _PROPAGATING
    )


class Patience:
    """Repeats a call for up to a minute while the reason for its refusal passes by itself.

    It is a handler of botocore's ``needs-retry`` event, beside botocore's own, which knows
    throttling, errors of the service and broken connections.
    """

    def __init__(self, sleep: Callable[[float], None]) -> None:
        self._sleep = sleep

    def __call__(
        self,
        response: tuple[Any, Mapping[str, Any]] | None,
        request_dict: dict[str, Any],
        **_: object,
    ) -> float | None:
        """Wait, and ask for another attempt at once (0); ``None`` where that would not help."""
        error = (response[1].get("Error") or {}) if response else {}
        if not passes_by_itself(error.get("Code", ""), error.get("Message", "")):
            return None
        context = request_dict["context"]
        waited = context.get(WAITED, 0.0)
        if waited >= PATIENCE_S:
            return None
        pause = min(FIRST_PAUSE_S + waited, LONGEST_PAUSE_S)
        self._sleep(pause)
        context[WAITED] = waited + pause
        return 0.0
