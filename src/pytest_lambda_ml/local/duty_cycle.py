"""CPU share and memory limit without privileges: the child is stopped when it has had its share.

A token bucket of one period fills at the share and is emptied by the child's CPU clock; when it
is empty the process group gets SIGSTOP until it has filled up again. Resident memory is read
every 10 ms and a child above its limit is killed. The thread costs about 1 % of a core.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lambda_ml.local.limits import PERIOD_US

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["DutyCycle", "available"]

_PERIOD_S = PERIOD_US / 1e6
_MEMORY_POLL_S = 0.01
_SHORTEST_SLEEP_S = 0.001
_LONGEST_SLEEP_S = 0.004
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def _cpu_clock(pid: int) -> int:
    """The clock id of another process' CPU time: CPUCLOCK_SCHED in Linux's posix-timers.h."""
    return (~pid << 3) | 2


def available() -> bool:
    """Whether the clocks and files that this needs exist (Linux)."""
    if sys.platform != "linux":
        return False
    try:
        time.clock_gettime(_cpu_clock(os.getpid()))
    except OSError:
        return False
    return Path("/proc/self/statm").exists()


class DutyCycle:
    """The limits of one environment, held by a thread of this process."""

    def __init__(self, name: str, memory_mb: int) -> None:
        self._name = name
        self._memory_bytes = memory_mb * 1024 * 1024
        self._vcpu: float | None = None
        self._killed = False
        self._closed = threading.Event()

    def command(self, arguments: Sequence[str]) -> list[str]:
        """The arguments as they are: the limits act from outside."""
        return list(arguments)

    def started(self, pid: int) -> None:
        """Hold this process (the leader of a process group) from now on."""
        self._closed.set()
        self._closed = threading.Event()
        threading.Thread(
            target=self._hold, args=(pid, self._closed), name=f"duty-{self._name}", daemon=True
        ).start()

    def limit_cpu(self, vcpu: float | None) -> None:
        self._vcpu = vcpu

    def killed_for_memory(self) -> bool:
        return self._killed

    def close(self) -> None:
        self._closed.set()

    def _hold(self, pid: int, closed: threading.Event) -> None:
        clock = _cpu_clock(pid)
        # The process may end at any moment, and its clock and files with it.
        with contextlib.suppress(OSError, IndexError, ValueError):
            used = time.clock_gettime(clock)
            at = memory_read_at = time.monotonic()
            tokens_s = _PERIOD_S
            while not closed.is_set():
                now, now_used, share = time.monotonic(), time.clock_gettime(clock), self._vcpu
                if now - memory_read_at >= _MEMORY_POLL_S:
                    memory_read_at = now
                    if self._over_memory(pid):
                        self._killed = True
                        os.killpg(pid, signal.SIGKILL)
                        return
                if share is None:
                    tokens_s = _PERIOD_S
                    pause_s = _LONGEST_SLEEP_S
                else:
                    full_s = share * _PERIOD_S
                    tokens_s = min(full_s, tokens_s + share * (now - at)) - (now_used - used)
                    pause_s = self._throttle(pid, tokens_s, share)
                at, used = now, now_used
                time.sleep(pause_s)

    @staticmethod
    def _throttle(pid: int, tokens_s: float, share: float) -> float:
        """Stop the group until its share has filled up; returns how long to sleep after that."""
        if tokens_s >= 0:
            # A multi-threaded child empties the bucket faster than the clock on the wall runs.
            soonest_empty_s = tokens_s / max(1.0, share)
            return max(_SHORTEST_SLEEP_S, min(_LONGEST_SLEEP_S, soonest_empty_s))
        os.killpg(pid, signal.SIGSTOP)
        try:
            time.sleep(-tokens_s / share + 0.2 * _PERIOD_S)
        finally:
            os.killpg(pid, signal.SIGCONT)
        return 0.0

    def _over_memory(self, pid: int) -> bool:
        resident = int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
        return resident > self._memory_bytes
