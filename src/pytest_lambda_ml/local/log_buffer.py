"""The events of one log stream between two writes: the platform's lines and the function's output.

Every line of output becomes an event. Timestamps never go back, as CloudWatch Logs demands
within one write.
"""

from __future__ import annotations

import os
import threading
import time
import uuid
from datetime import UTC, datetime

__all__ = ["LogBuffer"]

_READ_BYTES = 64 * 1024
_PIPE_BYTES = 1 << 20
"""The largest pipe that Linux gives without privileges (pipe(7), /proc/sys/fs/pipe-max-size)."""


class LogBuffer:
    """Collects events in order; used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[tuple[int, str]] = []
        self._partial = b""
        self._output: int | None = None
        self._last_ms = 0

    @staticmethod
    def new_stream_name(version: str) -> str:
        """A stream name as Lambda makes them: date, version, and an id of the environment."""
        return f"{datetime.now(UTC):%Y/%m/%d}/[{version}]{uuid.uuid4().hex}"

    def attach(self, output: int) -> None:
        """Read the function's output from this non-blocking descriptor from now on."""
        with self._lock:
            self._output, self._partial = output, b""
            os.set_blocking(output, False)

    def detach(self) -> None:
        """Take the rest; the descriptor is about to be closed."""
        self.drain()
        with self._lock:
            self._output = None
            self._end_partial()

    def drain(self) -> bool:
        """Take what the function has printed so far; whether there was anything.

        A pipe holds so much and no more: what a function prints meanwhile is for the next time,
        else one that prints without pause would keep its own deadline from being looked at.
        """
        with self._lock:
            found, left = False, _PIPE_BYTES
            while left > 0 and (data := self._read()):
                found, left = True, left - len(data)
                *lines, self._partial = (self._partial + data).split(b"\n")
                for line in lines:
                    self._add(line.decode("utf-8", "replace") + "\n")
            return found

    def append(self, message: str) -> None:
        """Add a line of the platform, after what the function has printed."""
        self.drain()
        with self._lock:
            self._end_partial()
            self._add(message)

    def take(self) -> list[tuple[int, str]]:
        """Hand over all events (epoch ms, message) and forget them."""
        with self._lock:
            events, self._events = self._events, []
            return events

    def _read(self) -> bytes:
        if self._output is None:
            return b""
        try:
            return os.read(self._output, _READ_BYTES)
        except (BlockingIOError, OSError):
            return b""

    def _end_partial(self) -> None:
        if self._partial:
            partial, self._partial = self._partial, b""
            self._add(partial.decode("utf-8", "replace"))

    def _add(self, message: str) -> None:
        self._last_ms = max(self._last_ms, time.time_ns() // 1_000_000)
        self._events.append((self._last_ms, message))
