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

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import count
from typing import TYPE_CHECKING

from pytest_lambda_ml.local.scheduler_actions import AgedOut, Dispatch, Ended, Evict, Start
from pytest_lambda_ml.model import vcpu

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lambda_ml.local.scheduler_actions import Action, FunctionLimits, HostCapacity

__all__ = ["Scheduler", "ThrottledError"]

RETRY_DELAYS_S = (60.0, 120.0)
"""Lambda waits one minute before the first retry of an asynchronous event, two before the next."""

INIT_VCPU = 2.0
"""Lambda does not throttle initialisation; functions up to 3,008 MB see two cores."""

_EPSILON = 1e-9


class ThrottledError(Exception):
    """A synchronous request found no free concurrency (HTTP 429 on Lambda)."""


class _State(Enum):
    STARTING = auto()
    FRESH = auto()
    RUNNING = auto()
    IDLE = auto()


@dataclass(slots=True, eq=False)
class _Request:
    request_id: str
    asynchronous: bool
    enqueued_at: float
    order: int
    not_before: float
    attempts: int = 0


@dataclass(slots=True, eq=False)
class _Environment:
    number: int
    function: str
    memory_mb: int
    state: _State = _State.STARTING
    resident_mb: int = 0
    idle_since: int = 0
    request: _Request | None = None

    @property
    def committed_mb(self) -> int:
        """An active environment may grow to its limit; an idle one stays as large as it is."""
        active = self.state in (_State.STARTING, _State.RUNNING)
        return self.memory_mb if active else self.resident_mb


@dataclass(slots=True, eq=False)
class _Function:
    name: str
    limits: FunctionLimits
    queue: deque[_Request] = field(default_factory=deque)
    environments: dict[int, _Environment] = field(default_factory=dict)

    def having(self, state: _State) -> list[_Environment]:
        return [item for item in self.environments.values() if item.state is state]


def _idle_since(environment: _Environment) -> int:
    return environment.idle_since


class Scheduler:
    """The state of all functions' queues and environments on one machine."""

    def __init__(self, capacity: HostCapacity, *, time_scale: float = 1.0) -> None:
        """``time_scale`` multiplies retry delays and maximum event ages (for tests)."""
        self._capacity = capacity
        self._time_scale = time_scale
        self._functions: dict[str, _Function] = {}
        self._environments: dict[int, _Environment] = {}
        self._numbers = count(1)
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
        idle = [*known.having(_State.IDLE), *known.having(_State.FRESH)] if known else []
        for environment in idle:
            self._forget(environment)
        return tuple(environment.number for environment in idle)

    def remove(self, function: str) -> tuple[tuple[int, ...], tuple[str, ...]]:
        """Forget a function. Returns its environments and the requests it abandons."""
        known = self._functions.pop(function, None)
        if known is None:
            return (), ()
        environments = tuple(known.environments)
        running = [item.request for item in known.environments.values() if item.request]
        for number in environments:
            del self._environments[number]
        return environments, tuple(item.request_id for item in (*known.queue, *running))

    def submit(self, function: str, request_id: str, now: float, *, asynchronous: bool) -> None:
        """Queue a request. Raises `ThrottledError` when a synchronous one finds no concurrency."""
        known = self._functions[function]
        if not asynchronous:
            waiting = sum(1 for item in known.queue if not item.asynchronous)
            if len(known.having(_State.RUNNING)) + waiting >= known.limits.concurrency:
                raise ThrottledError(function)
        known.queue.append(_Request(request_id, asynchronous, now, next(self._order), now))

    def ready(self, environment: int, resident_mb: int) -> None:
        """An environment ended its initialisation and waits for its first request."""
        if known := self._environments.get(environment):
            known.state, known.resident_mb = _State.FRESH, resident_mb

    def finished(self, environment: int, now: float, *, failed: bool, resident_mb: int) -> None:
        """An environment ended its invocation and is idle (or will soon be `gone`)."""
        known = self._environments.get(environment)
        if known is None or known.request is None:
            return
        request, known.request = known.request, None
        known.state, known.resident_mb = _State.IDLE, resident_mb
        known.idle_since = next(self._order)
        retries = self._functions[known.function].limits.maximum_retry_attempts
        if failed and request.asynchronous and request.attempts <= retries:
            delay = RETRY_DELAYS_S[min(request.attempts, len(RETRY_DELAYS_S)) - 1]
            request.not_before = now + delay * self._time_scale
            self._functions[known.function].queue.append(request)
        else:
            self._pending.append(Ended(request.request_id, request.attempts, failed))

    def gone(self, environment: int) -> None:
        """An environment's process ended."""
        if known := self._environments.get(environment):
            self._forget(known)

    # -- what to do ----------------------------------------------------------------------------

    def advance(self, now: float) -> list[Action]:
        """Everything that can be done at this time, in order."""
        actions, self._pending = self._pending, []
        for function in self._functions.values():
            actions.extend(self._age_out(function, now))
        waiting = [item for item in self._functions.values() if self._due(item, now)]
        for function in sorted(waiting, key=lambda item: self._due(item, now)[0].order):
            blocked = False
            for action in self._serve(function, now):
                if action is None:
                    blocked = True
                else:
                    actions.append(action)
            if blocked:
                # Whoever waits for CPU waits for the machine to drain: nobody overtakes.
                break
        return actions

    def next_wake(self, now: float) -> float | None:
        """The earliest time at which `advance` has something to do of itself."""
        times: list[float] = []
        for function in self._functions.values():
            for request in function.queue:
                if request.not_before > now:
                    times.append(request.not_before)
                if request.asynchronous:
                    times.append(self._oldest(function, request))
        return min(times, default=None)

    @property
    def promised_vcpu(self) -> float:
        """The CPU share promised at this moment."""
        return sum(map(self._share, self._environments.values()))

    @property
    def throttled(self) -> bool:
        """Whether an invocation runs with less than a whole vCPU."""
        return any(
            item.state is _State.RUNNING and vcpu(item.memory_mb) < 1
            for item in self._environments.values()
        )

    @property
    def committed_mb(self) -> int:
        """The memory that environments have or may grow to."""
        return sum(item.committed_mb for item in self._environments.values())

    @property
    def outstanding(self) -> int:
        """The number of requests that have not ended."""
        queued = sum(len(item.queue) for item in self._functions.values())
        return queued + sum(1 for item in self._environments.values() if item.request)

    # -- how -----------------------------------------------------------------------------------

    def _oldest(self, function: _Function, request: _Request) -> float:
        return request.enqueued_at + function.limits.maximum_event_age_s * self._time_scale

    def _age_out(self, function: _Function, now: float) -> Iterator[AgedOut]:
        for request in tuple(function.queue):
            if request.asynchronous and now >= self._oldest(function, request):
                function.queue.remove(request)
                yield AgedOut(request.request_id, request.attempts)

    @staticmethod
    def _due(function: _Function, now: float) -> list[_Request]:
        return [item for item in function.queue if item.not_before <= now]

    def _serve(self, function: _Function, now: float) -> Iterator[Action | None]:
        """Actions for one function; ``None`` when it waits for CPU and so must all others."""
        due = self._due(function, now)
        running = len(function.having(_State.RUNNING))
        target = min(function.limits.concurrency, running + len(due))
        idle = len(function.having(_State.STARTING)) + len(function.having(_State.FRESH))
        starts = min(target - len(function.environments), len(due) - idle)
        short_of_memory = False
        for _ in range(starts):
            share = min(INIT_VCPU, self._capacity.vcpu)
            if not self._cpu_fits(share):
                yield None
                return
            room = self._make_room(function.limits.memory_mb)
            if room is None:
                short_of_memory = True
                break
            yield from room
            yield self._start(function)
        reuse = short_of_memory or len(function.environments) >= target
        for request in due[: function.limits.concurrency - running]:
            environment = self._pick(function, reuse=reuse)
            if environment is None:
                return
            if not self._cpu_fits(self._run_share(environment)):
                yield None
                return
            room = self._make_room(environment.memory_mb - environment.resident_mb, environment)
            if room is None:
                return
            yield from room
            yield self._dispatch(function, environment, request)

    def _start(self, function: _Function) -> Start:
        environment = _Environment(next(self._numbers), function.name, function.limits.memory_mb)
        function.environments[environment.number] = environment
        self._environments[environment.number] = environment
        return Start(environment.number, function.name)

    @staticmethod
    def _dispatch(function: _Function, environment: _Environment, request: _Request) -> Dispatch:
        function.queue.remove(request)
        request.attempts += 1
        environment.state, environment.request = _State.RUNNING, request
        return Dispatch(environment.number, request.request_id)

    @staticmethod
    def _pick(function: _Function, *, reuse: bool) -> _Environment | None:
        """A fresh environment, else, when reuse is due, the one that was idle last."""
        if fresh := function.having(_State.FRESH):
            return fresh[0]
        idle = function.having(_State.IDLE) if reuse else []
        return max(idle, key=_idle_since, default=None)

    def _run_share(self, environment: _Environment) -> float:
        return min(vcpu(environment.memory_mb), self._capacity.vcpu)

    def _share(self, environment: _Environment) -> float:
        if environment.state is _State.STARTING:
            return min(INIT_VCPU, self._capacity.vcpu)
        return self._run_share(environment) if environment.state is _State.RUNNING else 0.0

    def _cpu_fits(self, share: float) -> bool:
        return self.promised_vcpu + share <= self._capacity.vcpu + _EPSILON

    def _make_room(
        self, memory_mb: int, keep: _Environment | None = None
    ) -> tuple[Evict, ...] | None:
        """Evictions that make room for so much more memory, or ``None`` if it must wait."""
        evictions: list[_Environment] = []
        missing = self.committed_mb + memory_mb - self._capacity.memory_mb
        for environment in sorted(
            filter(self._evictable, self._environments.values()), key=_idle_since
        ):
            if missing <= 0:
                break
            if environment is not keep:
                evictions.append(environment)
                missing -= environment.resident_mb
        others = len(self._environments) - len(evictions) - (keep is not None)
        if missing > 0 and others > 0:
            return None
        for environment in evictions:
            self._forget(environment)
        return tuple(Evict(environment.number) for environment in evictions)

    def _evictable(self, environment: _Environment) -> bool:
        unwanted = not self._functions[environment.function].queue
        return environment.state is _State.IDLE or (environment.state is _State.FRESH and unwanted)

    def _forget(self, environment: _Environment) -> None:
        del self._environments[environment.number]
        function = self._functions[environment.function]
        function.environments.pop(environment.number, None)
