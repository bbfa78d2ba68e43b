"""A function that is ready for one cell: deployed with its topic, or borrowed. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_lambda_ml.model import Configuration

__all__ = ["DeployedFunction"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedFunction:
    """A function that is active, subscribed to its topic, and bound to the session's log group.

    ``arn`` is what is invoked: with SnapStart that of an alias. ``configuration`` has the ephemeral
    storage that the package needs. ``messages`` is the number of messages that its event age was
    derived for. ``reserved`` is ``False`` where the account's whole quota is what limits it.
    Without a topic it is invoked directly.

    A ``bare`` function was there before and has no wrapper: ``name`` is then what its version,
    alias and topic are called, if there are any, and ``version`` that version. ``answered`` says
    that its successes leave records or answers, ``since_ms`` from when on its log is read (AWS's
    clock), ``pause_s`` what lies between two messages; ``notes`` tell what is to be known of its
    results, ``promised`` which figures its handler promises something of.
    """

    configuration: Configuration
    name: str
    arn: str
    topic_arn: str | None
    subscription_arn: str | None
    log_group: str
    package_sha256: str
    weights: str | None
    messages: int
    reserved: bool = True
    bare: bool = False
    version: str | None = None
    answered: bool = True
    since_ms: int | None = None
    pause_s: float = 0.0
    notes: tuple[str, ...] = ()
    promised: tuple[str, ...] = ()
