"""The requests of one function that wait, oldest first: every step costs the same however many."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["EventQueue", "Request"]


@dataclass(slots=True, eq=False)
class Request:
    """An invocation that was asked for. ``order`` is unique and grows with time."""

    request_id: str
    asynchronous: bool
    enqueued_at: float
    order: int
    not_before: float
    attempts: int = 0


class EventQueue:
    """Synchronous calls, events that are due, and events that wait for their next attempt."""

    def __init__(self) -> None:
        self._calls: list[tuple[int, Request]] = []
        self._due: list[tuple[int, Request]] = []
        self._later: list[tuple[float, int, Request]] = []

    def __len__(self) -> int:
        return self.due + len(self._later)

    def __iter__(self) -> Iterator[Request]:
        yield from (request for _, request in (*self._calls, *self._due))
        yield from (request for _, _, request in self._later)

    @property
    def due(self) -> int:
        """How many could run now, as of the last `pass_time`."""
        return len(self._calls) + len(self._due)

    @property
    def calls(self) -> int:
        """How many are synchronous."""
        return len(self._calls)

    @property
    def first_order(self) -> int:
        """The ``order`` of who is next; one must be due."""
        return self._next()[0][0]

    def add(self, request: Request) -> None:
        """Queue a request in its order, be it a new one or one that was taken and did not run."""
        heap = self._due if request.asynchronous else self._calls
        heapq.heappush(heap, (request.order, request))

    def add_later(self, request: Request, maximum_age_s: float) -> None:
        """Queue an event for its next attempt, or for the end of its age if that comes first."""
        at = min(request.not_before, request.enqueued_at + maximum_age_s)
        heapq.heappush(self._later, (at, request.order, request))

    def take(self) -> Request:
        """The next request; one must be due."""
        return heapq.heappop(self._next())[1]

    def pass_time(self, now: float, maximum_age_s: float) -> Iterator[Request]:
        """Make due what has waited long enough; yields, and forgets, what is too old."""
        while self._later and self._later[0][0] <= now:
            _, _, request = heapq.heappop(self._later)
            if now >= min(request.not_before, request.enqueued_at + maximum_age_s):
                self.add(request)
            else:  # the age has been raised meanwhile
                self.add_later(request, maximum_age_s)
        # Who came first ages first, so the others need no look.
        while self._due and now >= self._due[0][1].enqueued_at + maximum_age_s:
            yield heapq.heappop(self._due)[1]

    def next_change(self, maximum_age_s: float) -> float | None:
        """When `pass_time` has something to do."""
        times = [self._later[0][0]] if self._later else []
        if self._due:
            times.append(self._due[0][1].enqueued_at + maximum_age_s)
        return min(times, default=None)

    def _next(self) -> list[tuple[int, Request]]:
        """The heap that the next request is in."""
        if not self._due or (self._calls and self._calls[0][0] < self._due[0][0]):
            return self._calls
        return self._due
