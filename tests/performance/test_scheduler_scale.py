"""What an event costs the scheduler must not grow with the number of events that wait."""

from __future__ import annotations

import time
from collections import deque

import pytest

from pytest_lambda_ml.local.scheduler import Scheduler
from pytest_lambda_ml.local.scheduler_actions import (
    Dispatch,
    Ended,
    FunctionLimits,
    HostCapacity,
    Start,
)

FEW, MANY = 2_000, 20_000
ROUNDS = 3


def us_per_event(events: int, concurrency: int, capacity: HostCapacity) -> float:
    """A burst from its submission to its last answer, on a clock of its own."""
    now, ended = 0.0, 0
    made = Scheduler(capacity)
    made.configure("f", FunctionLimits(256, concurrency, maximum_retry_attempts=1))
    todo: deque[tuple[str, int]] = deque()

    def advance() -> int:
        over = 0
        for action in made.advance(now):
            match action:
                case Start(number, _):
                    todo.append(("ready", number))
                case Dispatch(number, _):
                    todo.append(("finished", number))
                case Ended():
                    over += 1
        made.next_wake()
        return over

    before = time.process_time()
    for number in range(events):
        made.submit("f", str(number), now, asynchronous=True)
        ended += advance()
    done = 0
    while ended < events:
        if not todo:
            now = made.next_wake() or now
        else:
            now += 0.001
            what, number = todo.popleft()
            if what == "ready":
                made.ready(number, 40)
            else:
                done += 1
                # One in ten fails once and comes again a minute later.
                made.finished(number, now, failed=done % 11 == 0, resident_mb=40)
        ended += advance()
    return (time.process_time() - before) / events * 1e6


@pytest.mark.parametrize("concurrency", [10, 1000])
@pytest.mark.parametrize(
    "capacity",
    [HostCapacity(1.0, 1_000_000), HostCapacity(1.0, 8_000), HostCapacity(64.0, 1_000_000)],
    ids=["one core", "one core, little memory", "64 cores"],
)
def test_an_event_among_many_costs_what_it_costs_among_few(
    concurrency: int, capacity: HostCapacity
) -> None:
    # The best of some rounds, in the processor time of this process: neighbours do not count.
    few = min(us_per_event(FEW, concurrency, capacity) for _ in range(ROUNDS))
    many = min(us_per_event(MANY, concurrency, capacity) for _ in range(ROUNDS))
    print(f"{few:.1f} us among {FEW:,}, {many:.1f} us among {MANY:,}: {many / few:.2f} times")
    assert many / few < 1.5
