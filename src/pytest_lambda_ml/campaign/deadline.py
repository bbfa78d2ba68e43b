"""How long to wait for what is outstanding. Pure: the time is an argument."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

__all__ = ["BACK_OFF_S", "INIT_LIMIT_S", "Deadline"]

INIT_LIMIT_S = 10.0
"""Lambda cuts an initialisation off after ten seconds (AWS Lambda, runtime environment)."""

BACK_OFF_S = 300.0
"""The longest pause between two tries of a throttled event (AWS Lambda, asynchronous errors)."""

MARGIN = 2
"""An invocation may take this many times as long as the longest one so far."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """The end of the wait, as a value: every piece of evidence makes a new one.

    ``parallel`` is how many invocations run at one time, ``concurrency`` how many environments a
    burst creates. ``longest_s`` is the longest invocation seen so far, initialisation included;
    ``None`` before the first report. ``running`` says that an invocation is known to have started
    and not to have ended. ``end_of_work_s`` is when even the last event must have run or aged out.
    """

    concurrency: int
    parallel: int
    timeout_s: float
    grace_s: float
    restarted_at_s: float
    outstanding: int
    longest_s: float | None = None
    running: bool = False
    throttling: bool = False
    end_of_work_s: float = math.inf

    def restart(
        self,
        now_s: float,
        *,
        outstanding: int,
        longest_s: float | None,
        running: bool,
        throttling: bool,
    ) -> Deadline:
        """The deadline after something has been heard."""
        return replace(
            self,
            restarted_at_s=now_s,
            outstanding=outstanding,
            longest_s=longest_s,
            running=running,
            throttling=throttling,
        )

    @property
    def at_s(self) -> float:
        """When to give up."""
        back_off = BACK_OFF_S if self.throttling else 0.0
        expected = self.restarted_at_s + self._work_s() + back_off
        return min(expected, self.end_of_work_s) + self.grace_s

    def passed(self, now_s: float) -> bool:
        """Whether to give up now."""
        return now_s >= self.at_s

    def _work_s(self) -> float:
        """How long the outstanding work takes at most, judged by what is known of it."""
        if self.longest_s is None:
            burst = min(self.outstanding, self.concurrency)
            starts = math.ceil(burst / self.parallel) * INIT_LIMIT_S
            return starts + math.ceil(self.outstanding / self.concurrency) * self.timeout_s
        work = math.ceil(self.outstanding / self.parallel) * self.longest_s * MARGIN
        # What runs may use its whole timeout, however quick the others were.
        return max(work, self.timeout_s) if self.running else work
