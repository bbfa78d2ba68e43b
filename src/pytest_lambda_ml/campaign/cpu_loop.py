"""A fixed piece of work, timed: it tells a change of what is measured from one of the machine.

A comparison of two local runs is one of the machine as well. The loop runs at the start and at the
end of every session; where its time has moved from one run to the other, so may everything else.
"""

from __future__ import annotations

import time

__all__ = ["ITERATIONS", "ROUNDS", "time_cpu_loop"]

ROUNDS = 10
ITERATIONS = 150_000
"""A round of about 20 ms on a core of 2026: the period in which small CPU shares are handed out."""


def time_cpu_loop(rounds: int = ROUNDS, iterations: int = ITERATIONS) -> list[float]:
    """The time of each round in milliseconds, about 0.2 s in all, as the wall clock sees it."""
    times_ms = []
    for _ in range(rounds):
        value = 1
        started = time.perf_counter()
        for _ in range(iterations):
            value = (value * 1_103_515_245 + 12_345) & 0x7FFF_FFFF
        times_ms.append(round((time.perf_counter() - started) * 1000, 3))
    return times_ms
