"""Keeps the cores awake while throttled invocations run.

A throttled function pauses up to 19 of every 20 ms. On a machine that is otherwise idle its core
then falls asleep, and each return costs it CPU time (caches, clock rate, the hypervisor): 10 to
25 % more for a fifteenth of a vCPU, measured with tests/performance/test_cpu_share.py. Lambda's
hosts are busy and do not sleep. So a loop of the kernel's idle class, which yields to whatever
else wants to run, occupies each core in the meantime.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

from pytest_lambda_ml.local.runtime_process import die_with_parent

__all__ = ["Awake"]

# It stops itself: a signal from here could come before its death signal is set.
_LOOP = ["/bin/sh", "-c", "kill -STOP $$; while :; do :; done"]


class Awake:
    """One loop per core, stopped until it is needed. Create on a thread that outlives it."""

    def __init__(self, cores: int) -> None:
        self._running = False
        self._loops = [self._start() for _ in range(cores)]

    def keep(self, *, awake: bool) -> None:
        """Run the loops, or stop them."""
        if awake != self._running:
            self._running = awake
            self._send(signal.SIGCONT if awake else signal.SIGSTOP)

    def close(self) -> None:
        """End the loops."""
        self._send(signal.SIGKILL)
        for loop in self._loops:
            loop.wait()

    @staticmethod
    def _start() -> subprocess.Popen[bytes]:
        loop = subprocess.Popen(
            [*die_with_parent(), *_LOOP],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"ENDPOINT": f"pytest-lambda-ml-{os.getpid()}-"},  # tells whose it is
        )
        os.sched_setscheduler(loop.pid, os.SCHED_IDLE, os.sched_param(0))
        return loop

    def _send(self, number: signal.Signals) -> None:
        for loop in self._loops:
            with contextlib.suppress(ProcessLookupError):
                loop.send_signal(number)
