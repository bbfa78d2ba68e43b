"""The one clock that a campaign reads and waits on, injected so that tests own the time."""

from __future__ import annotations

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Seconds since the epoch, and a way to let some of them pass."""

    def now(self) -> float:
        """Seconds since the epoch; never goes backward."""

    def sleep(self, seconds: float) -> None:
        """Return after this many seconds."""


class SystemClock:
    """The machine's clock: set to the epoch once, then monotonic, so that no deadline jumps."""

    def __init__(self) -> None:
        self._epoch_offset_s = time.time() - time.monotonic()

    def now(self) -> float:
        """Seconds since the epoch, as the machine's wall clock stood when this was created."""
        return time.monotonic() + self._epoch_offset_s

    def sleep(self, seconds: float) -> None:
        """Block for this many seconds; a signal handler that raises ends the wait."""
        time.sleep(max(0.0, seconds))
