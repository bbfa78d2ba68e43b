"""What the scheduler is told of functions and the machine, and what it says is to be done."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = [
    "Action",
    "AgedOut",
    "Dispatch",
    "Ended",
    "Evict",
    "FunctionLimits",
    "HostCapacity",
    "Start",
]

ACCOUNT_CONCURRENCY = 1000
"""Concurrency of a function without reserved concurrency: AWS's default quota for an account."""


@dataclass(frozen=True, slots=True)
class HostCapacity:
    """What this machine sets aside for functions."""

    vcpu: float
    memory_mb: int


@dataclass(frozen=True, slots=True)
class FunctionLimits:
    """The settings of a function that decide when its events run."""

    memory_mb: int
    reserved_concurrency: int | None = None
    maximum_retry_attempts: int = 2
    maximum_event_age_s: float = 21_600.0

    @property
    def concurrency(self) -> int:
        """How many invocations may run at once."""
        reserved = self.reserved_concurrency
        return ACCOUNT_CONCURRENCY if reserved is None else reserved


@dataclass(frozen=True, slots=True)
class Start:
    """Start a new execution environment for this function."""

    environment: int
    function: str


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Hand this request to this environment."""

    environment: int
    request_id: str


@dataclass(frozen=True, slots=True)
class Evict:
    """End this environment. It is forgotten already."""

    environment: int


@dataclass(frozen=True, slots=True)
class AgedOut:
    """The event waited longer than its maximum age and will not run."""

    request_id: str
    attempts: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The last attempt of this request is over."""

    request_id: str
    attempts: int
    failed: bool


Action = Start | Dispatch | Evict | AgedOut | Ended
