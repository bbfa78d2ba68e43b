"""What makes a child process as slow and as small as a Lambda function of its memory size.

Three mechanisms, best first: a cgroup (version 2, else 1) in which the kernel holds CPU quota and
memory limit; a duty cycle (SIGSTOP and SIGCONT against the child's CPU clock, and its resident
memory watched), which needs no privilege; none. Which one was used is part of every result.

CPU quotas have a period of 20 ms, as Lambda's hosts have: with the kernel's default of 100 ms,
work shorter than the quota would never be throttled.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["PERIOD_US", "Limiter", "LimiterKind", "Mechanism", "NoLimiter", "find_mechanism"]

PERIOD_US = 20_000
"""Period of the CPU quota in microseconds."""

LimiterKind = Literal["auto", "cgroup-v2", "cgroup-v1", "duty-cycle", "none"]


class Limiter(Protocol):
    """The limits of one execution environment. Not started twice at once, closed once."""

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The command line that enters the limits before it runs ``arguments``."""

    def started(self, pid: int) -> None:
        """Tell which process the limits hold now."""

    def limit_cpu(self, vcpu: float | None) -> None:
        """Set the CPU share; ``None`` lifts it (initialisation is not throttled)."""

    def killed_for_memory(self) -> bool:
        """Whether a process was killed here for its memory."""

    def close(self) -> None:
        """Remove what the limits need; called when the process has ended."""


@dataclass(frozen=True, slots=True)
class Mechanism:
    """How limits are enforced on this machine, and how to make them for an environment.

    ``cpu`` and ``memory`` are the names that results carry; ``None`` means not enforced.
    ``create(name, memory_mb)`` returns a `Limiter`; ``close()`` removes what all share.
    """

    cpu: str | None
    memory: str | None
    create: Callable[[str, int], Limiter]
    close: Callable[[], None]


class NoLimiter:
    """Limits nothing."""

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The arguments as they are."""
        return list(arguments)

    def started(self, pid: int) -> None:
        """Nothing to hold."""

    def limit_cpu(self, vcpu: float | None) -> None:
        """Nothing to set."""

    def killed_for_memory(self) -> bool:
        """Never."""
        return False

    def close(self) -> None:
        """Nothing to remove."""


def _nothing() -> None:
    return None


def find_mechanism(kind: LimiterKind = "auto") -> Mechanism:
    """The named mechanism, or with ``"auto"`` the best that this machine allows.

    Raises:
        EndpointError: the named mechanism is not to be had here.
    """
    from pytest_lambda_ml.errors import EndpointError
    from pytest_lambda_ml.local import cgroup, duty_cycle

    reasons: list[str] = []
    for version in (cgroup.Version2, cgroup.Version1):
        if kind in ("auto", version.name):
            try:
                parent = version.claim()
            except OSError as error:
                reasons.append(f"{version.name}: {error}")
            else:
                return Mechanism(version.name, version.name, parent.create, parent.close)
    if kind in ("auto", "duty-cycle"):
        if duty_cycle.available():
            return Mechanism("duty-cycle", "rss-poll", duty_cycle.DutyCycle, _nothing)
        reasons.append("duty-cycle: needs /proc and per-process CPU clocks (Linux)")
    if kind in ("auto", "none"):
        return Mechanism(None, None, lambda _name, _memory_mb: NoLimiter(), _nothing)
    raise EndpointError(f"limits by {kind} are not to be had here ({'; '.join(reasons)})")
