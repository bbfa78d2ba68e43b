"""From log events and failure records to one outcome for every published message. Pure.

A message is followed by its sample id, which is unique in a run. The wrapper's records (and, for
what never logged, the on-failure record) say which request carried which sample; REPORT lines know
only the request. Functions without the wrapper are accounted for as `campaign.accounting` says.
Evidence may come in any order, twice, or not at all.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_lambda_ml.campaign.accounting import WRAPPED
from pytest_lambda_ml.campaign.evidence import (
    NEVER_RAN,
    attempts,
    failure_outcome,
    read_event,
)
from pytest_lambda_ml.campaign.stream import Stream
from pytest_lambda_ml.model import (
    FailureRecord,
    Invocation,
    InvocationRecord,
    Outcome,
    PublishedMessage,
    StartRecord,
    SuccessRecord,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lambda_ml.campaign.accounting import Accounting
    from pytest_lambda_ml.campaign.evidence import Attempt, Fact
    from pytest_lambda_ml.model import LogEvent, StartType

__all__ = ["Correlator", "correlate"]

MS_PER_S = 1000


def correlate(
    run_id: str,
    published: Iterable[PublishedMessage],
    events: Iterable[LogEvent],
    answers: Iterable[FailureRecord | SuccessRecord] = (),
) -> tuple[Invocation, ...]:
    """The invocations of all published messages, in their order; see `Correlator`."""
    correlator = Correlator(run_id)
    correlator.add_published(published)
    correlator.add_events(events)
    correlator.add_answers(answers)
    return correlator.finish()


@dataclass(slots=True)
class _Sample:
    requests: set[str] = field(default_factory=set)
    failures: dict[str, FailureRecord] = field(default_factory=dict)
    successes: set[str] = field(default_factory=set)


class Correlator:
    """Takes evidence as it comes; each addition costs in proportion to what is added.

    ``settled`` messages have an outcome that the deadline will not change (though a duplicate that
    succeeds later still counts). `finish` gives every message one outcome: what is unsettled then
    is ``missing``, unless an on-failure record says more.
    """

    def __init__(self, run_id: str, accounting: Accounting = WRAPPED) -> None:
        self._run_id = run_id
        self._accounting = accounting
        self._published: dict[str, PublishedMessage] = {}
        self._sample_of_message: dict[str, str] = {}
        self._early: list[FailureRecord | SuccessRecord] = []
        self._unclaimed: deque[str] = deque()
        self._samples: dict[str, _Sample] = {}
        self._sample_of: dict[str, str] = {}
        self._facts: dict[str, dict[tuple[str, str], Fact]] = {}
        self._streams: dict[str, Stream] = {}
        self._settled: set[str] = set()
        self._running: set[str] = set()
        self._fresh: list[str] = []
        self._heard: list[Fact] = []
        self.evidence = 0
        """Grows with everything heard of this run: a change restarts the deadline."""
        self.longest_s: float | None = None
        """The longest invocation of a settled message, initialisation included."""
        self.throttling = False
        """Whether an event was dropped because it could not run."""

    @property
    def published(self) -> int:
        """Messages that SNS accepted."""
        return len(self._published)

    @property
    def settled(self) -> int:
        """Published messages whose outcome is known."""
        return len(self._settled)

    @property
    def outstanding(self) -> int:
        """Published messages whose outcome is not known."""
        return self.published - self.settled

    @property
    def running(self) -> bool:
        """Whether an outstanding message is known to have started and not to have ended."""
        return bool(self._running)

    def add_published(self, messages: Iterable[PublishedMessage]) -> None:
        """Messages that SNS accepted; a second acceptance of a sample changes nothing."""
        for message in messages:
            if message.sample_id not in self._published:
                self._published[message.sample_id] = message
                self._await(message)
            self._update(message.sample_id)
        early, self._early = self._early, []
        self.add_answers(early)

    def add_events(self, events: Iterable[LogEvent]) -> None:
        """Log events, those of other cells and runs among them."""
        touched: set[str] = set()
        for event in events:
            fact = read_event(event)
            self._streams.setdefault(event.log_stream, Stream()).add(event, fact)
            request_id = self._file(fact) if fact else None
            if request_id is not None and request_id in self._sample_of:
                touched.add(self._sample_of[request_id])
        for sample_id in touched:
            self._update(sample_id)

    def add_answers(self, records: Iterable[FailureRecord | SuccessRecord]) -> None:
        """Records of the failure queue and answers, those of other cells among them."""
        for record in records:
            sample_id = self._sample_answered(record)
            if sample_id is None:
                # Another cell's; or its message is on its way here from the thread that sent it.
                self._early.append(record)
                continue
            self._assign(record.request_id, sample_id)
            if isinstance(record, FailureRecord):
                self._samples[sample_id].failures[record.request_id] = record
            else:
                self._samples[sample_id].successes.add(record.request_id)
            self._update(sample_id)

    def take_settled(self) -> tuple[Invocation, ...]:
        """The invocations settled since the last call."""
        fresh, self._fresh = self._fresh, []
        return tuple(self._invocation(sample_id) for sample_id in fresh)

    def take_heard(self) -> list[Fact]:
        """What the log said of requests since the last call: reports and records, as they came."""
        heard, self._heard = self._heard, []
        return heard

    def finish(self) -> tuple[Invocation, ...]:
        """Every published message with its one outcome, in the order of publishing."""
        return tuple(self._invocation(sample_id) for sample_id in self._published)

    @property
    def makespan_s(self) -> float | None:
        """From the first to the last event of the environments at work, by the functions' clock.

        ``None`` when nothing was logged.
        """
        streams = self._streams_at_work()
        if not streams:
            return None
        first = min(stream.first_ms for stream in streams)
        return (max(stream.last_ms for stream in streams) - first) / MS_PER_S

    @property
    def log_bytes(self) -> int:
        """What CloudWatch Logs ingested from the environments at work."""
        return sum(stream.size_bytes for stream in self._streams_at_work())

    def _streams_at_work(self) -> list[Stream]:
        names = {
            fact.log_stream
            for sample_id in self._published
            for request_id in self._sample(sample_id).requests
            for fact in self._facts.get(request_id, {}).values()
        }
        return [self._streams[name] for name in names]

    def _file(self, fact: Fact) -> str | None:
        """Put a fact with its request; returns the request's id, None for what is not ours."""
        value, request_id = fact.value, fact.request_id
        if request_id is None:
            return None
        if isinstance(value, StartRecord | InvocationRecord):
            if value.run_id != self._run_id:
                return None
            self._assign(request_id, value.sample_id)
        elif request_id not in self._sample_of and self._is_of_the_cell(fact.log_stream):
            self._claim(request_id)
        self._facts.setdefault(request_id, {})[fact.log_stream, fact.event_id] = fact
        if request_id in self._sample_of or not self._accounting.bare:
            self._heard.append(fact)
        return request_id

    def _assign(self, request_id: str, sample_id: str) -> None:
        if self._accounting.bare and request_id not in self._sample_of:
            # Not before it is known to be ours: others may use the function meanwhile.
            self._heard.extend(self._facts.get(request_id, {}).values())
        self._sample_of[request_id] = sample_id
        self._sample(sample_id).requests.add(request_id)

    def _await(self, message: PublishedMessage) -> None:
        """Remember by what the message's request will be known, if it is not known already."""
        if message.message_id is None:
            return
        match self._accounting.tie:
            case "message ids":
                self._assign(message.message_id, message.sample_id)
            case "answers":
                self._sample_of_message[message.message_id] = message.sample_id
            case "streams":
                self._unclaimed.append(message.sample_id)

    def _sample_answered(self, record: FailureRecord | SuccessRecord) -> str | None:
        """The sample that an answer or a record is about; ``None`` for one of another cell."""
        if isinstance(record, SuccessRecord) and record.sample_id is not None:
            return record.sample_id
        if isinstance(record, FailureRecord) and record.run_id == self._run_id and record.sample_id:
            return record.sample_id
        by_message = self._sample_of_message.get(record.sns_message_id or "")
        return by_message or self._sample_of.get(record.request_id)

    def _is_of_the_cell(self, log_stream: str) -> bool:
        """Whether what is logged there belongs to the cell, whichever request it is."""
        return self._accounting.tie == "streams" and f"[{self._accounting.version}]" in log_stream

    def _claim(self, request_id: str) -> None:
        """Take a request for the next message, or, when each has one, for a duplicate."""
        if self._unclaimed:
            self._assign(request_id, self._unclaimed.popleft())
        elif self._published:
            self._assign(request_id, next(iter(self._published)))

    def _sample(self, sample_id: str) -> _Sample:
        return self._samples.setdefault(sample_id, _Sample())

    def _update(self, sample_id: str) -> None:
        """Judge one message again after something new about it."""
        if sample_id not in self._published:
            return
        sample = self._sample(sample_id)
        self.evidence += 1
        found = self._attempts(sample)
        self.throttling |= any(item.condition in NEVER_RAN for item in sample.failures.values())
        _, outcome = self._judge(sample, found)
        if outcome is not None and sample_id not in self._settled:
            self._settled.add(sample_id)
            self._fresh.append(sample_id)
        if outcome is not None:
            self._measure(found)
        begun = self._accounting.bare or any(item.running for item in found)
        running = outcome is None and not sample.failures and begun
        (self._running.add if running else self._running.discard)(sample_id)

    def _measure(self, found: list[Attempt]) -> None:
        for attempt in found:
            report = attempt.report
            if report is None:
                continue
            parts = (report.duration_ms, report.init_duration_ms, report.restore_duration_ms)
            total_ms = sum(part for part in parts if part is not None)
            total_ms += self._streams[attempt.log_stream].reported_init_ms
            self.longest_s = max(self.longest_s or 0.0, total_ms / MS_PER_S)

    def _attempts(self, sample: _Sample) -> list[Attempt]:
        return attempts(
            fact
            for request_id in sample.requests
            for fact in self._facts.get(request_id, {}).values()
        )

    def _judge(
        self, sample: _Sample, found: list[Attempt]
    ) -> tuple[Attempt | None, Outcome | None]:
        """The attempt that counts and what it shows: the first success, else the first failure."""
        judged = [
            (attempt, outcome)
            for attempt in found
            if (outcome := self._outcome(sample, attempt)) is not None
        ]
        for attempt, outcome in judged:
            if outcome is Outcome.SUCCEEDED:
                return attempt, outcome
        if judged:
            return judged[0]
        dropped = any(record.condition in NEVER_RAN for record in sample.failures.values())
        if dropped and not any(attempt.start for attempt in found):
            return None, Outcome.THROTTLED
        return (found[0] if found else None), None

    def _outcome(self, sample: _Sample, attempt: Attempt) -> Outcome | None:
        silent = self._accounting.bare and not self._accounting.answered
        return attempt.outcome(
            sample.failures.get(attempt.request_id),
            succeeded=silent or attempt.request_id in sample.successes,
        )

    def _start(self, attempt: Attempt) -> StartType | None:
        stream = self._streams[attempt.log_stream]
        if self._accounting.bare:
            return stream.bare_start_type(attempt, fresh=self._accounting.fresh)
        return stream.start_type(attempt)

    def _invocation(self, sample_id: str) -> Invocation:
        sample = self._sample(sample_id)
        found = self._attempts(sample)
        attempt, outcome = self._judge(sample, found)
        failure = _failure(sample, attempt)
        if outcome is None:
            outcome = failure_outcome(failure) if failure else Outcome.MISSING
        others = tuple(item.report for item in found if item is not attempt and item.report)
        return Invocation(
            sample_id=sample_id,
            outcome=outcome,
            start=self._start(attempt) if attempt else None,
            report=attempt.report if attempt else None,
            record=attempt.record if attempt else None,
            failure=failure,
            log_stream=attempt.log_stream if attempt else None,
            other_reports=others,
        )


def _failure(sample: _Sample, attempt: Attempt | None) -> FailureRecord | None:
    """The on-failure record of the attempt that counts, else the first by request id."""
    if attempt is not None and attempt.request_id in sample.failures:
        return sample.failures[attempt.request_id]
    return min(sample.failures.values(), key=lambda record: record.request_id, default=None)
