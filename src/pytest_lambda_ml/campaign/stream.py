"""A log stream, which is the life of one execution environment. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_lambda_ml.campaign.evidence import EndLine, Fact
from pytest_lambda_ml.model import InitReport, Report, StartType

if TYPE_CHECKING:
    from pytest_lambda_ml.campaign.evidence import Attempt
    from pytest_lambda_ml.model import LogEvent

__all__ = ["EVENT_OVERHEAD_BYTES", "Stream"]

EVENT_OVERHEAD_BYTES = 26
"""Added to each event's text when ingested bytes are counted (CloudWatch Logs, PutLogEvents)."""


@dataclass(slots=True)
class Stream:
    """What the events of one environment say about itself, whatever their order."""

    last_ms: int = 0
    _events: dict[str, int] = field(default_factory=dict)
    _first_ms: float = float("inf")
    _init_ms: dict[str, float] = field(default_factory=dict)
    _resets: dict[str, int] = field(default_factory=dict)
    _turns: dict[str, Fact] = field(default_factory=dict)

    def add(self, event: LogEvent, fact: Fact | None) -> None:
        """Take an event of this stream, with what it says about invocations, if anything."""
        at = event.timestamp_ms
        self.last_ms = max(self.last_ms, at)
        self._events[event.event_id] = len(event.message.encode())
        value = fact.value if fact else None
        if isinstance(value, Report):
            # The initialisation came before all lines, unless it had a line of its own.
            before = value.init_duration_ms or value.restore_duration_ms or 0.0
            self._first_ms = min(self._first_ms, at - before - (value.duration_ms or 0.0))
        self._first_ms = min(self._first_ms, at)
        if isinstance(value, InitReport):
            self._init_ms[event.event_id] = value.init_duration_ms
        if _resets(value):
            self._resets[event.event_id] = at
        if fact is not None and isinstance(value, InitReport | Report | EndLine):
            self._turns[event.event_id] = fact

    @property
    def first_ms(self) -> float:
        """When the environment began, as far as its lines tell; epoch milliseconds."""
        return self._first_ms

    @property
    def size_bytes(self) -> int:
        """The bytes of all events, each with CloudWatch's overhead."""
        return sum(self._events.values()) + EVENT_OVERHEAD_BYTES * len(self._events)

    @property
    def reported_init_ms(self) -> float:
        """The time of initialisations that have an INIT_REPORT."""
        return sum(self._init_ms.values())

    def start_type(self, attempt: Attempt) -> StartType | None:
        """How the environment came to be ready; None where the evidence does not say.

        Cold needs both the platform's Init Duration and the wrapper's first-call flag. When the
        wrapper could not log its flag, the Init Duration alone shows a cold start; and when it did
        not even begin, a reset of the environment shows that initialisation ran again.
        """
        report, record, fact = attempt.report, attempt.record, attempt.report_fact
        if report is None or fact is None:
            return None
        timed = report.init_duration_ms is not None or report.restore_duration_ms is not None
        if record is not None and not record.cold:
            return None if timed else StartType.WARM
        if timed:
            return StartType.COLD
        reset = self._reset_before(fact)
        if record is None:
            return StartType.SUPPRESSED_INIT if reset and attempt.start is None else None
        return StartType.SUPPRESSED_INIT if reset else StartType.PRE_INITIALISED

    def bare_start_type(self, attempt: Attempt, *, fresh: bool) -> StartType | None:
        """The same for a function without the wrapper, whose lines are the platform's alone.

        An invocation is warm when the environment is seen to have served one before. ``fresh``
        says that every environment began in this cell; of an older one it is not known whether its
        first invocation here was its first one.
        """
        report, fact = attempt.report, attempt.report_fact
        if report is None or fact is None:
            return None
        if report.init_duration_ms is not None or report.restore_duration_ms is not None:
            return StartType.COLD
        served = reset = False
        earlier = (turn for turn in self._turns.values() if turn.order < fact.order)
        for turn in sorted(earlier, key=lambda turn: turn.order):
            ended = isinstance(turn.value, Report)
            served |= ended
            # What an invocation ended with counts for the next one.
            reset = _died(turn.value) or (reset and not ended)
        if reset:
            return StartType.SUPPRESSED_INIT
        if served:
            return StartType.WARM
        return StartType.PRE_INITIALISED if fresh else None

    def _reset_before(self, report: Fact) -> bool:
        """Whether an initialisation was cut off, or a process died, before this report."""
        return any(
            at <= report.timestamp_ms
            for event_id, at in self._resets.items()
            if event_id != report.event_id
        )


def _resets(value: object) -> bool:
    """Whether the next invocation of the environment must initialise again, or this one did."""
    if isinstance(value, InitReport):
        return value.phase == "invoke" or value.status not in {None, "success"}
    if isinstance(value, Report):
        return value.status not in {None, "success"}
    return isinstance(value, EndLine)


def _died(value: object) -> bool:
    """Whether the environment has to initialise again: an error that its code raised is none."""
    if isinstance(value, Report) and value.status == "error":
        return (value.error_type or "").startswith(("Runtime.", "Sandbox."))
    return _resets(value)
