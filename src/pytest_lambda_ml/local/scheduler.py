"""Who runs where and when: the decisions of the local Lambda, without clock, process or thread.

Rules held here:

- Every event ends once: its last attempt is reported `Ended`, or it ages out in the queue.
- A function never has more environments at work than its reserved concurrency.
- A burst gets an environment for every queued event, up to the reserved concurrency, before any
  environment is used again. That is how Lambda scales, and it fixes the number of cold starts.
- The CPU promised to running invocations and initialisations never exceeds the cores set aside
  for them, so that a duration is that of an uncontended function. Whoever asks for more than
  that runs alone.
- The memory of all environments never exceeds the machine's: idle ones are evicted, longest idle
  first; whoever asks for more than there is runs alone.
- A failed asynchronous event is tried again after one and then two minutes, as often as the
  function's configuration says. Times may be scaled.

Inputs are method calls with the time at which they happened; `advance` returns what to do next.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from pytest_lambda_ml.local.environment_pool import Crew, EnvironmentPool, State
from pytest_lambda_ml.local.event_queue import EventQueue, Request
from pytest_lambda_ml.local.scheduler_actions import AgedOut, Dispatch, Ended, Evict, Start

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lambda_ml.local.environment_pool import PooledEnvironment
    from pytest_lambda_ml.local.scheduler_actions import Action, FunctionLimits, HostCapacity

__all__ = ["Scheduler", "ThrottledError"]

RETRY_DELAYS_S = (60.0, 120.0)
"""Lambda waits one minute before the first retry of an asynchronous event, two before the next."""


class ThrottledError(Exception):
    """A synchronous request found no free concurrency (HTTP 429 on Lambda)."""


@dataclass(slots=True, eq=False)
class _Function:
    name: str
    limits: FunctionLimits
    queue: EventQueue = field(default_factory=EventQueue)
    crew: Crew = field(default_factory=Crew)

    @property
    def running(self) -> int:
        return self.crew.number(State.RUNNING)


def _first_order(function: _Function) -> int:
    return function.queue.first_order


class Scheduler:
    """The state of all functions' queues and environments on one machine."""

    def __init__(self, capacity: HostCapacity, *, time_scale: float = 1.0) -> None:
        """``time_scale`` multiplies retry delays and maximum event ages (for tests)."""
        self._time_scale = time_scale
        self._functions: dict[str, _Function] = {}
        self._pool = EnvironmentPool(capacity)
        self._at_work: dict[int, _Function] = {}
        self._order = count(1)
        self._pending: list[Action] = []

    # -- what happens --------------------------------------------------------------------------

    def configure(self, function: str, limits: FunctionLimits) -> None:
        """Create a function, or change its limits; environments and queue stay."""
        if function in self._functions:
            self._functions[function].limits = limits
        else:
            self._functions[function] = _Function(function, limits)

    def retire(self, function: str) -> tuple[int, ...]:
        """Forget the environments that do nothing now (code or configuration changed).

        Returns their numbers. Those at work are forgotten when they are `gone`.
        """
        known = self._functions.get(function)
        idle = known.crew.having(State.IDLE, State.FRESH) if known else []
        for environment in idle:
            self._pool.forget(environment)
        return tuple(environment.number for environment in idle)

    def remove(self, function: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Forget a function. Returns its environments and the requests it abandons."""
        known = self._functions.pop(function, None)
        if known is None:
            return (), ()
        environments = known.crew.having(*State)
        for environment in environments:
            self._pool.forget(environment)
            self._at_work.pop(environment.number, None)
        running = [item.request for item in environments if item.request]
        return (
            tuple(item.number for item in environments),
            tuple(item.request_id for item in (*known.queue, *running)),
        )

    def submit(self, function: str, request_id: str, now: float, *, asynchronous: bool) -> None:
        """Queue a request. Raises `ThrottledError` when a synchronous one finds no concurrency."""
        known = self._functions[function]
        if not asynchronous and known.running + known.queue.calls >= known.limits.concurrency:
            raise ThrottledError(function)
        known.queue.add(Request(request_id, asynchronous, now, next(self._order), now))

    def ready(self, environment: int, resident_mb: int) -> None:
        """An environment ended its initialisation and waits for its first request."""
        if known := self._pool.get(environment):
            self._pool.change(known, State.FRESH, resident_mb)

    def finished(self, environment: int, now: float, *, failed: bool, resident_mb: int) -> None:
        """An environment ended its invocation and is idle (or will soon be `gone`)."""
        known = self._pool.get(environment)
        if known is None or known.request is None:
            return
        request, known.request = known.request, None
        self._pool.change(known, State.IDLE, resident_mb)
        function = self._at_work.pop(environment)
        if (
            failed
            and request.asynchronous
            and request.attempts <= function.limits.maximum_retry_attempts
        ):
            delay_s = RETRY_DELAYS_S[min(request.attempts, len(RETRY_DELAYS_S)) - 1]
            request.not_before = now + delay_s * self._time_scale
            function.queue.add_later(request, self._maximum_age_s(function))
        else:
            self._pending.append(Ended(request.request_id, request.attempts, failed))

    def gone(self, environment: int) -> None:
        """An environment's process ended. A request that it had not begun waits for another."""
        if known := self._pool.get(environment):
            self._pool.forget(known)
            if known.request:
                known.request.attempts -= 1
                self._at_work.pop(environment).queue.add(known.request)

    # -- what to do ----------------------------------------------------------------------------

    def advance(self, now: float) -> list[Action]:
        """Everything that can be done at this time, in order."""
        actions, self._pending = self._pending, []
        for function in self._functions.values():
            for request in function.queue.pass_time(now, self._maximum_age_s(function)):
                actions.append(AgedOut(request.request_id, request.attempts))
        waiting = [item for item in self._functions.values() if item.queue.due]
        for function in sorted(waiting, key=_first_order):
            blocked = False
            for action in self._serve(function):
                if action is None:
                    blocked = True
                else:
                    actions.append(action)
            if blocked:
                # Whoever waits for CPU waits for the machine to drain: nobody overtakes.
                break
        return actions

    def next_wake(self) -> float | None:
        """The earliest time at which `advance` has something to do of itself."""
        changes = (
            item.queue.next_change(self._maximum_age_s(item)) for item in self._functions.values()
        )
        return min((at for at in changes if at is not None), default=None)

    @property
    def promised_vcpu(self) -> float:
        """The CPU share promised at this moment."""
        return self._pool.promised_vcpu

    @property
    def throttled(self) -> bool:
        """Whether an invocation runs with less than a whole vCPU."""
        return self._pool.throttled > 0

    @property
    def committed_mb(self) -> int:
        """The memory that environments have or may grow to."""
        return self._pool.committed_mb

    @property
    def outstanding(self) -> int:
        """The number of requests that have not ended."""
        return len(self._at_work) + sum(len(item.queue) for item in self._functions.values())

    # -- how -----------------------------------------------------------------------------------

    def _maximum_age_s(self, function: _Function) -> float:
        return function.limits.maximum_event_age_s * self._time_scale

    def _serve(self, function: _Function) -> Iterator[Action | None]:
        """Actions for one function; ``None`` when it waits for CPU and so must all others."""
        queue, crew, pool = function.queue, function.crew, self._pool
        target = min(function.limits.concurrency, function.running + queue.due)
        coming = crew.number(State.STARTING, State.FRESH)
        short_of_memory = False
        for _ in range(min(target - len(crew), queue.due - coming)):
            if not pool.cpu_fits_start():
                yield None
                return
            evicted = pool.make_room(function.limits.memory_mb, self._unwanted)
            if evicted is None:
                short_of_memory = True
                break
            yield from (Evict(item.number) for item in evicted)
            yield Start(pool.start(crew, function.limits.memory_mb).number, function.name)
        reuse = short_of_memory or len(crew) >= target
        while queue.due and function.running < function.limits.concurrency:
            environment = crew.pick(reuse=reuse)
            if environment is None:
                return
            if not pool.cpu_fits_run(environment):
                yield None
                return
            growth_mb = environment.memory_mb - environment.resident_mb
            evicted = pool.make_room(growth_mb, self._unwanted, environment)
            if evicted is None:
                return
            yield from (Evict(item.number) for item in evicted)
            yield self._dispatch(function, environment)

    def _dispatch(self, function: _Function, environment: PooledEnvironment) -> Dispatch:
        request = environment.request = function.queue.take()
        request.attempts += 1
        self._at_work[environment.number] = function
        self._pool.change(environment, State.RUNNING)
        return Dispatch(environment.number, request.request_id)

    def _unwanted(self) -> list[PooledEnvironment]:
        """Environments that were started for events which others have taken."""
        return [
            environment
            for function in self._functions.values()
            if not function.queue
            for environment in function.crew.having(State.FRESH)
        ]
