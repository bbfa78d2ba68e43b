"""Which environments there are, and what CPU and memory the machine has promised them.

The sums are kept as environments change, so that no question looks at all of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import chain, count
from typing import TYPE_CHECKING

from pytest_lambda_ml.model import vcpu

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lambda_ml.local.event_queue import Request
    from pytest_lambda_ml.local.scheduler_actions import HostCapacity

__all__ = ["Crew", "EnvironmentPool", "PooledEnvironment", "State"]

INIT_VCPU = 2.0
"""Lambda does not throttle initialisation; functions up to 3,008 MB see two cores."""

_PARTS = 1_000_000_000
"""CPU shares are added as whole billionths: sums of fractions would drift."""


class State(Enum):
    """What an environment is doing."""

    STARTING = auto()
    FRESH = auto()
    RUNNING = auto()
    IDLE = auto()


@dataclass(slots=True, eq=False)
class PooledEnvironment:
    """An environment as the scheduler knows it."""

    number: int
    crew: Crew
    memory_mb: int
    state: State = State.STARTING
    resident_mb: int = 0
    request: Request | None = None

    @property
    def committed_mb(self) -> int:
        """An active environment may grow to its limit; an idle one stays as large as it is."""
        active = self.state in (State.STARTING, State.RUNNING)
        return self.memory_mb if active else self.resident_mb


@dataclass(slots=True, eq=False)
class Crew:
    """The environments of one function by state; the idle ones in the order of their last work."""

    members: dict[State, dict[int, PooledEnvironment]] = field(
        default_factory=lambda: {state: {} for state in State}
    )

    def __len__(self) -> int:
        return sum(map(len, self.members.values()))

    def number(self, *states: State) -> int:
        """How many are in one of these states."""
        return sum(len(self.members[state]) for state in states)

    def having(self, *states: State) -> list[PooledEnvironment]:
        """Those in one of these states."""
        return [item for state in states for item in self.members[state].values()]

    def pick(self, *, reuse: bool) -> PooledEnvironment | None:
        """A fresh environment, else, when reuse is due, the one that was idle last."""
        if fresh := self.members[State.FRESH]:
            return next(iter(fresh.values()))
        idle = self.members[State.IDLE]
        return idle[next(reversed(idle))] if idle and reuse else None


class EnvironmentPool:
    """The environments of all functions on one machine."""

    def __init__(self, capacity: HostCapacity) -> None:
        self._vcpu = capacity.vcpu
        self._memory_mb = capacity.memory_mb
        self._by_number: dict[int, PooledEnvironment] = {}
        self._idle: dict[int, PooledEnvironment] = {}
        self._numbers = count(1)
        self._promised = 0
        self.committed_mb = 0
        self.throttled = 0

    @property
    def promised_vcpu(self) -> float:
        """The CPU share promised at this moment."""
        return self._promised / _PARTS

    def get(self, number: int) -> PooledEnvironment | None:
        """The environment of this number, unless it was forgotten."""
        return self._by_number.get(number)

    def start(self, crew: Crew, memory_mb: int) -> PooledEnvironment:
        """A new environment, which initialises."""
        environment = PooledEnvironment(next(self._numbers), crew, memory_mb)
        self._by_number[environment.number] = environment
        self._count(environment, 1)
        return environment

    def change(
        self, environment: PooledEnvironment, state: State, resident_mb: int | None = None
    ) -> None:
        """It does something else now (and has grown to this size)."""
        self._count(environment, -1)
        environment.state = state
        if resident_mb is not None:
            environment.resident_mb = resident_mb
        self._count(environment, 1)

    def forget(self, environment: PooledEnvironment) -> None:
        """It is no longer there."""
        del self._by_number[environment.number]
        self._count(environment, -1)

    def cpu_fits_start(self) -> bool:
        """Whether the machine has the CPU for another initialisation."""
        return self._fits(INIT_VCPU)

    def cpu_fits_run(self, environment: PooledEnvironment) -> bool:
        """Whether the machine has the CPU for an invocation in this environment."""
        return self._fits(vcpu(environment.memory_mb))

    def make_room(
        self,
        memory_mb: int,
        unwanted: Callable[[], list[PooledEnvironment]],
        keep: PooledEnvironment | None = None,
    ) -> list[PooledEnvironment] | None:
        """Forget the environments that must go for so much more memory.

        Returns them, or ``None`` when there is not enough to be had. ``unwanted`` are those that
        go before idle ones, ``keep`` stays. Who is alone may have more than there is.
        """
        going: list[PooledEnvironment] = []
        missing = self.committed_mb + memory_mb - self._memory_mb
        if missing > 0:
            for environment in chain(unwanted(), self._idle.values()):
                if environment is not keep:
                    going.append(environment)
                    missing -= environment.resident_mb
                    if missing <= 0:
                        break
            others = len(self._by_number) - len(going) - (keep is not None)
            if missing > 0 and others > 0:
                return None
        for environment in going:
            self.forget(environment)
        return going

    def _fits(self, share: float) -> bool:
        return self._promised + self._parts(share) <= self._parts(self._vcpu)

    def _parts(self, share: float) -> int:
        """Who asks for more than the machine has gets all of it."""
        return int(min(share, self._vcpu) * _PARTS)

    def _count(self, environment: PooledEnvironment, sign: int) -> None:
        """Add it to the sums and tables, or with -1 take it out of them."""
        number, state = environment.number, environment.state
        tables = [environment.crew.members[state]]
        self.committed_mb += sign * environment.committed_mb
        if state is State.STARTING:
            self._promised += sign * self._parts(INIT_VCPU)
        elif state is State.RUNNING:
            self._promised += sign * self._parts(vcpu(environment.memory_mb))
            self.throttled += sign * (vcpu(environment.memory_mb) < 1)
        elif state is State.IDLE:
            tables.append(self._idle)
        for table in tables:
            if sign > 0:
                table[number] = environment
            else:
                del table[number]
