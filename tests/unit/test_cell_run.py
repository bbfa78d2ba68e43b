"""When a cell's run polls, waits and gives up: on a clock that the test owns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest
from cell_log import RUN, failure, published, report, request_id, start, success

from pytest_lambda_ml.aws.message import Message
from pytest_lambda_ml.campaign.correlate import Correlator
from pytest_lambda_ml.campaign.deadline import Deadline
from pytest_lambda_ml.campaign.run import Allowance, CellRun, Progress
from pytest_lambda_ml.errors import BackendError
from pytest_lambda_ml.model import FailureRecord, LogEvent, Outcome, PublishedMessage, Report

EPOCH_S = 1_000_000.0


class FakeClock:
    def __init__(self) -> None:
        self.now_s = EPOCH_S

    def now(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds > 0, "a wait that does not wait would spin"
        self.now_s += seconds


@dataclass
class FakeSource:
    """Evidence that becomes visible at given times (seconds after the start)."""

    clock: FakeClock
    events: list[tuple[float, list[LogEvent]]] = field(default_factory=list)
    failures: list[tuple[float, list[FailureRecord]]] = field(default_factory=list)
    poll_takes_s: float = 0.0
    polls: int = 0
    on_poll: Callable[[], None] = lambda: None

    def publish(self, messages: Sequence[Message]) -> Iterator[tuple[PublishedMessage, ...]]:
        for message in messages:
            yield tuple(published(message.sample_id))

    def poll_events(self) -> list[LogEvent]:
        self.polls += 1
        self.on_poll()
        self.clock.now_s += self.poll_takes_s
        return [item for batch in self._due(self.events) for item in batch]

    def poll_answers(self) -> list[FailureRecord]:
        return [item for batch in self._due(self.failures) for item in batch]

    def _due(self, timed: list) -> list:
        due = [batch for at, batch in timed if EPOCH_S + at <= self.clock.now_s]
        timed[:] = [(at, batch) for at, batch in timed if EPOCH_S + at > self.clock.now_s]
        return due


@dataclass
class Cell:
    """A run of some messages, and what it told."""

    clock: FakeClock
    source: FakeSource
    correlator: Correlator
    progress: list[Progress]
    settled: list[str]
    run: CellRun

    @property
    def took_s(self) -> float:
        return self.clock.now_s - EPOCH_S

    def outcomes(self) -> list[Outcome]:
        return [item.outcome for item in self.correlator.finish()]


def cell(
    messages: int,
    *,
    timeout_s: float = 60.0,
    event_age_s: float = 600.0,
    allowance: Allowance | None = None,
) -> Cell:
    clock, correlator = FakeClock(), Correlator(RUN)
    source = FakeSource(clock)
    progress: list[Progress] = []
    settled: list[str] = []

    def deadline(now_s: float) -> Deadline:
        return Deadline(
            concurrency=4,
            parallel=4,
            timeout_s=timeout_s,
            grace_s=2.0,
            restarted_at_s=now_s,
            outstanding=messages,
            end_of_work_s=now_s + event_age_s,
        )

    run = CellRun(
        cell_id="cell",
        messages=[Message(f"{index:05d}", "{}") for index in range(messages)],
        source=source,
        correlator=correlator,
        deadline=deadline,
        clock=clock,
        pause_s=lambda: 0.5,
        on_progress=progress.append,
        on_published=lambda _: None,
        on_settled=lambda invocation: settled.append(invocation.sample_id),
        allowance=allowance,
    )
    return Cell(clock, source, correlator, progress, settled, run)


def lines(number: int, **fields: object) -> list[LogEvent]:
    return success(f"{number:05d}", request_id(number), stream=f"stream-{number}", **fields)  # type: ignore[arg-type]


def test_it_ends_as_soon_as_everything_is_settled() -> None:
    subject = cell(2)
    subject.source.events = [(1.2, lines(0)), (3.1, lines(1))]
    subject.run.execute()
    assert subject.outcomes() == [Outcome.SUCCEEDED] * 2
    assert subject.took_s == pytest.approx(3.1, abs=0.5)
    assert subject.settled == ["00000", "00001"]


def test_one_lost_line_of_quick_work_costs_seconds() -> None:
    subject = cell(4)
    lost = lines(3)[:-1]  # no REPORT
    subject.source.events = [(1.0, [*lines(0), *lines(1), *lines(2), *lost])]
    subject.run.execute()
    assert subject.outcomes() == [Outcome.SUCCEEDED] * 3 + [Outcome.MISSING]
    assert subject.took_s < 5


def test_what_has_started_may_use_its_timeout_however_quick_the_others_were() -> None:
    subject = cell(2)
    hanging = start("00001", request_id(1), stream="stream-1")
    timed_out = report(request_id(1), stream="stream-1", status="timeout", duration_ms=60_000.0)
    subject.source.events = [(1.0, [*lines(0), hanging]), (61.0, [timed_out])]
    subject.run.execute()
    assert subject.outcomes() == [Outcome.SUCCEEDED, Outcome.TIMED_OUT]


def test_nothing_heard_at_all_ends_at_the_derived_end_of_the_work() -> None:
    subject = cell(8)
    subject.run.execute()
    assert subject.outcomes() == [Outcome.MISSING] * 8
    assert subject.took_s == pytest.approx(10 + 2 * 60 + 2, abs=1)


def test_reports_that_keep_coming_keep_the_wait_alive() -> None:
    """Serial work takes many times a single wait; none of it is given up."""
    subject = cell(40)
    subject.source.events = [(1.0 + index * 3.0, lines(index)) for index in range(40)]
    # each takes 1.4 s, so that every wait is about 2 × 1.4 + 2 s at the end
    subject.source.events = [
        (at, [*batch[:-1], report(request_id(i), stream=f"stream-{i}", duration_ms=1_400.0)])
        for i, (at, batch) in enumerate(subject.source.events)
    ]
    subject.run.execute()
    assert set(subject.outcomes()) == {Outcome.SUCCEEDED}


def test_throttling_seen_adds_back_off_but_not_beyond_the_events_age() -> None:
    subject = cell(3, event_age_s=100.0)
    subject.source.events = [(1.0, lines(0))]
    subject.source.failures = [(2.0, [failure("00001", request_id(1), "EventAgeExceeded")])]
    subject.source.events.append((90.0, lines(2)))
    subject.run.execute()
    assert subject.outcomes() == [Outcome.SUCCEEDED, Outcome.THROTTLED, Outcome.SUCCEEDED]
    late = cell(3, event_age_s=100.0)
    late.source.events = [(1.0, lines(0))]
    late.source.failures = [(2.0, [failure("00001", request_id(1), "EventAgeExceeded")])]
    late.run.execute()
    assert late.outcomes()[2] is Outcome.MISSING
    assert late.took_s == pytest.approx(102, abs=1)


def test_slow_polls_are_followed_by_longer_pauses() -> None:
    subject = cell(1)
    subject.source.poll_takes_s = 1.0
    subject.source.events = [(30.0, lines(0))]
    subject.run.execute()
    assert subject.source.polls <= 7, "reading takes at most a sixth of the time"


def test_progress_counts_and_estimates() -> None:
    subject = cell(4)
    subject.source.events = [(2.0, [*lines(0), *lines(1)]), (4.0, [*lines(2), *lines(3)])]
    subject.run.execute()
    assert [item.published for item in subject.progress[:4]] == [1, 2, 3, 4]
    assert subject.progress[0].seconds_left is None
    half = next(item for item in subject.progress if item.received == 2)
    assert half.expected == 4
    assert half.seconds_left == pytest.approx(2.0, abs=0.6)
    assert subject.progress[-1] == Progress("cell", 4, 4, 4, 0.0)


def test_an_interrupt_keeps_what_has_come() -> None:
    subject = cell(2)
    subject.source.events = [(1.0, lines(0))]

    def interrupt() -> None:
        if subject.source.polls == 6:
            raise KeyboardInterrupt

    subject.source.on_poll = interrupt
    with pytest.raises(KeyboardInterrupt):
        subject.run.execute()
    assert subject.outcomes() == [Outcome.SUCCEEDED, Outcome.MISSING]
    assert subject.correlator.published == 2


def test_a_backend_that_is_gone_ends_the_run_at_once() -> None:
    subject = cell(2)

    def gone() -> None:
        raise BackendError("the endpoint does not answer")

    subject.source.on_poll = gone
    with pytest.raises(BackendError, match="does not answer"):
        subject.run.execute()
    assert subject.took_s < 1


class FixedAllowance:
    """Allows so many, and so many more with each report."""

    def __init__(self, first: int, more: int) -> None:
        self.total, self.more = first, more

    def heard(self, report: Report) -> None:
        self.total += self.more

    def affordable(self, wanted: int, *, published: int, in_flight: int) -> int:
        return max(0, min(wanted, self.total - published))


def test_what_an_allowance_holds_back_is_published_when_reports_make_room() -> None:
    subject = cell(4, allowance=FixedAllowance(2, 1))
    subject.source.events = [(float(i + 1), lines(i)) for i in range(4)]
    subject.run.execute()
    assert subject.outcomes() == [Outcome.SUCCEEDED] * 4
    assert not subject.run.stopped
    published = [item.published for item in subject.progress]
    assert max(item for item in published[:3]) == 2, "no more than allowed before a report came"


def test_an_allowance_that_is_spent_stops_publishing_and_keeps_what_came() -> None:
    subject = cell(4, allowance=FixedAllowance(2, 0))
    subject.source.events = [(1.0, lines(0)), (2.0, lines(1))]
    subject.run.execute()
    assert subject.run.stopped
    assert subject.outcomes() == [Outcome.SUCCEEDED] * 2
    assert subject.took_s < 4


def test_nothing_allowed_publishes_nothing_and_waits_for_nothing() -> None:
    subject = cell(4, allowance=FixedAllowance(0, 0))
    subject.run.execute()
    assert subject.run.stopped
    assert subject.outcomes() == []
    assert subject.took_s < 1


def test_a_lost_report_under_an_allowance_ends_the_wait_too() -> None:
    subject = cell(3, timeout_s=5.0, event_age_s=60.0, allowance=FixedAllowance(2, 0))
    subject.source.events = [(1.0, lines(0))]
    subject.run.execute()
    assert subject.run.stopped
    assert subject.outcomes() == [Outcome.SUCCEEDED, Outcome.MISSING]
