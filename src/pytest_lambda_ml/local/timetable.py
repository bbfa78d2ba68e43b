"""One thread that makes calls at their time: deadlines of invocations, retries, ages of events."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Appointment", "Timetable"]

_log = logging.getLogger(__name__)

_TIDY_AT = 1000


def _nothing() -> None:
    """What a cancelled appointment would do."""


@dataclass(order=True, slots=True)
class Appointment:
    """A call to be made at a time of `time.perf_counter`, unless it is cancelled."""

    at: float
    number: int
    action: Callable[[], None] = field(compare=False)
    cancelled: bool = field(default=False, compare=False)

    def cancel(self) -> None:
        """Do not make the call, and hold on to nothing that it needs until it would be due."""
        self.cancelled = True
        self.action = _nothing


class Timetable:
    """Appointments in order of time. Actions run on the timetable's thread and must be short."""

    def __init__(self) -> None:
        self._heap: list[Appointment] = []
        self._tidy_at = _TIDY_AT
        self._numbers = count()
        self._changed = threading.Condition()
        self._closed = False
        threading.Thread(target=self._run, name="timetable", daemon=True).start()

    def call_at(self, at: float, action: Callable[[], None]) -> Appointment:
        """Make this call at that time."""
        appointment = Appointment(at, next(self._numbers), action)
        with self._changed:
            earliest = not self._heap or at < self._heap[0].at
            heapq.heappush(self._heap, appointment)
            if len(self._heap) >= self._tidy_at:
                self._tidy()
            if earliest:
                self._changed.notify()
        return appointment

    def close(self) -> None:
        """Make no calls any more."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _tidy(self) -> None:
        """Let go of what was cancelled; most deadlines are, long before they would be due."""
        self._heap = [item for item in self._heap if not item.cancelled]
        heapq.heapify(self._heap)
        self._tidy_at = max(_TIDY_AT, 2 * len(self._heap))

    def _run(self) -> None:
        while (appointment := self._next()) is not None:
            try:
                appointment.action()
            except Exception:  # noqa: BLE001  # every deadline depends on this thread
                _log.exception("a call that was due has failed; the others go on")

    def _next(self) -> Appointment | None:
        with self._changed:
            while not self._closed:
                while self._heap and self._heap[0].cancelled:
                    heapq.heappop(self._heap)
                now = time.perf_counter()
                if self._heap and self._heap[0].at <= now:
                    return heapq.heappop(self._heap)
                self._changed.wait(self._heap[0].at - now if self._heap else None)
        return None
