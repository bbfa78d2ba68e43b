"""A function with its own topic: what one cell deploys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_lambda_ml.model import Configuration

__all__ = ["DeployedFunction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedFunction:
    """A function that is active, subscribed to its topic, and bound to the session's log group.

    ``messages`` is the number of messages that its event age was derived for.
    """

    configuration: Configuration
    name: str
    arn: str
    topic_arn: str
    subscription_arn: str
    log_group: str
    package_sha256: str
    weights: str | None
    messages: int
