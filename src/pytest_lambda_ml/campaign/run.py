"""Carry one cell out: publish, poll, and stop when every message is settled or the wait is over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_lambda_ml.model import Report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from pytest_lambda_ml.aws.message import Message
    from pytest_lambda_ml.campaign.clock import Clock
    from pytest_lambda_ml.campaign.correlate import Correlator
    from pytest_lambda_ml.campaign.deadline import Deadline
    from pytest_lambda_ml.campaign.evidence import Fact
    from pytest_lambda_ml.model import (
        FailureRecord,
        Invocation,
        LogEvent,
        PublishedMessage,
        SuccessRecord,
    )

__all__ = ["CellRun", "CellSource", "Progress"]

POLLING_SHARE = 5
"""A poll that took a while is followed by a pause of this many times as long: reading the log must
not compete with what is measured."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a cell is, for the live line. Reported after every publish call and every poll.

    ``received`` counts messages whose outcome is known, ``published`` those that SNS accepted,
    ``expected`` those that the cell asks for. ``seconds_left`` is an estimate from the rate so
    far, ``None`` before the first outcome.
    """

    cell_id: str
    received: int
    published: int
    expected: int
    seconds_left: float | None


class CellSource(Protocol):
    """Where messages go to and evidence comes from. Each method raises `BackendError`."""

    def publish(self, messages: Sequence[Message]) -> Iterator[tuple[PublishedMessage, ...]]:
        """Publish; yield what was accepted, call by call; now and then nothing, while waiting."""

    def poll_events(self) -> list[LogEvent]:
        """Log events not given before."""

    def poll_answers(self) -> list[FailureRecord | SuccessRecord]:
        """Records of the failure queue, and answers of invocations, not given before."""


class Allowance(Protocol):
    """How much may be published; see `campaign.budget.Allowance`."""

    def heard(self, report: Report) -> None:
        """A REPORT has come."""

    def affordable(self, wanted: int, *, published: int, in_flight: int) -> int:
        """How many more may be published."""


class CellRun:
    """One cell on its way. What has come is in ``correlator`` at any time, also after an error.

    ``pause_s`` gives the length of the next pause between two polls. ``deadline`` starts to count
    when the last message is published. ``on_heard`` is called with each report and record,
    ``on_settled`` with each message whose outcome has become known. Without an ``allowance`` and a
    ``window`` all messages are published at once; a window is how many may be under way.
    """

    def __init__(
        self,
        *,
        cell_id: str,
        messages: Sequence[Message],
        source: CellSource,
        correlator: Correlator,
        deadline: Callable[[float], Deadline],
        clock: Clock,
        pause_s: Callable[[], float],
        on_progress: Callable[[Progress], None],
        on_published: Callable[[tuple[PublishedMessage, ...]], None],
        on_settled: Callable[[Invocation], None],
        on_heard: Callable[[Fact], None] = lambda _: None,
        allowance: Allowance | None = None,
        window: int | None = None,
    ) -> None:
        self._cell_id = cell_id
        self._messages = messages
        self._source = source
        self._correlator = correlator
        self._deadline = deadline
        self._clock = clock
        self._pause_s = pause_s
        self._on_progress = on_progress
        self._on_published = on_published
        self._on_settled = on_settled
        self._on_heard = on_heard
        self._allowance = allowance
        self._window = window
        self.stopped = False
        """Whether the allowance was spent before all messages were published."""
        self.silent = False
        """Whether the messages under way came to no end, so that no more were published."""
        self._started_s = clock.now()
        self._next_poll_s = self._started_s

    def execute(self) -> None:
        """Publish all messages, then wait for their outcomes or for the deadline.

        Raises what the source raises, `PublishError` and `BackendError`.
        """
        self._started_s = self._clock.now()
        self._next_poll_s = self._started_s + self._pause_s()
        self._publish()
        self._wait()

    def _publish(self) -> None:
        """All messages, as far as the allowance goes: then those that reports make room for."""
        left = self._messages
        while left:
            count = self._affordable(len(left))
            if count:
                self._publish_now(left[:count])
                left = left[count:]
            elif self._correlator.outstanding:
                self._wait(until=lambda: self._affordable(1) > 0)
            if not count and not self._affordable(1):
                self.silent = not self._room(1)
                self.stopped = not self.silent
                return

    def _room(self, wanted: int) -> int:
        if self._window is None:
            return wanted
        return max(0, min(wanted, self._window - self._correlator.outstanding))

    def _affordable(self, wanted: int) -> int:
        wanted = self._room(wanted)
        if self._allowance is None or not wanted:
            return wanted
        return self._allowance.affordable(
            wanted,
            published=self._correlator.published,
            in_flight=self._correlator.outstanding,
        )

    def _publish_now(self, messages: Sequence[Message]) -> None:
        for accepted in self._source.publish(messages):
            if accepted:
                self._correlator.add_published(accepted)
                self._on_published(accepted)
            if self._clock.now() >= self._next_poll_s:
                self._poll()
            self._report()

    def _wait(self, until: Callable[[], bool] = lambda: False) -> None:
        """Until every message is settled, or the deadline has passed, or ``until`` says so."""
        now = self._clock.now()
        deadline = self._deadline(now)
        if self._window is not None:
            deadline = self._restarted(deadline, now)
        heard = self._correlator.evidence
        while self._correlator.outstanding and not until():
            self._poll()
            self._report()
            now = self._clock.now()
            if self._correlator.evidence != heard:
                heard = self._correlator.evidence
                deadline = self._restarted(deadline, now)
            if not self._correlator.outstanding or deadline.passed(now):
                return
            self._clock.sleep(min(self._next_poll_s, deadline.at_s) - now)

    def _restarted(self, deadline: Deadline, now: float) -> Deadline:
        return deadline.restart(
            now,
            outstanding=self._correlator.outstanding,
            longest_s=self._correlator.longest_s,
            running=self._correlator.running,
            throttling=self._correlator.throttling,
        )

    def _poll(self) -> None:
        began_s = self._clock.now()
        self._correlator.add_answers(self._source.poll_answers())
        self._correlator.add_events(self._source.poll_events())
        for fact in self._correlator.take_heard():
            self._on_heard(fact)
            if self._allowance is not None and isinstance(fact.value, Report):
                self._allowance.heard(fact.value)
        for invocation in self._correlator.take_settled():
            self._on_settled(invocation)
        now = self._clock.now()
        self._next_poll_s = now + max(self._pause_s(), (now - began_s) * POLLING_SHARE)

    def _report(self) -> None:
        self._on_progress(
            Progress(
                cell_id=self._cell_id,
                received=self._correlator.settled,
                published=self._correlator.published,
                expected=len(self._messages),
                seconds_left=self._seconds_left(),
            )
        )

    def _seconds_left(self) -> float | None:
        settled = self._correlator.settled
        if not settled:
            return None
        spent = self._clock.now() - self._started_s
        return spent / settled * (len(self._messages) - settled)
