"""What log events say about one request: attempts, and the outcome each of them shows. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from pytest_lambda_ml.measure.record import parse_record
from pytest_lambda_ml.measure.report_line import parse_init_report, parse_report
from pytest_lambda_ml.model import (
    FailureRecord,
    InitReport,
    InvocationRecord,
    Outcome,
    Report,
    StartRecord,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lambda_ml.model import LogEvent

__all__ = ["Attempt", "EndLine", "Fact", "attempts", "failure_outcome", "read_event"]

NEVER_RAN = frozenset({"EventAgeExceeded", "ZeroReservedConcurrency", "TooManyRequests"})
"""Conditions of an on-failure record that say: the event was throttled until it was dropped.

The last is the answer to a synchronous request that was not let in."""

FULL_MEMORY = 0.95
"""A process killed with this share of its memory in use was killed for it. The share alone proves
nothing (it occurs below the ceiling of healthy functions), and neither does the signal alone."""

# The lines with which Lambda announced timeouts and crashes until late 2024; REPORT lines of that
# time have no Status.
_TIMED_OUT = re.compile(r"^\s*\S+ (?P<id>[0-9a-f-]{36}) Task timed out after [\d.]+ seconds")
_EXITED = re.compile(
    r"^\s*(?:\S+ )?RequestId: (?P<id>[0-9a-f-]{36}) Error: Runtime exited (?P<how>[^\n]*)"
)
KILLED = "signal: killed"


@dataclass(frozen=True, slots=True)
class EndLine:
    """An old-style line on an invocation that did not end well."""

    request_id: str
    how: Literal["timed out", "killed", "exited"]


@dataclass(frozen=True, slots=True)
class Fact:
    """One log event that means something, with its place in its stream."""

    log_stream: str
    event_id: str
    timestamp_ms: int
    value: StartRecord | InvocationRecord | Report | InitReport | EndLine

    @property
    def request_id(self) -> str | None:
        """The request that this is about; None for a line about the environment."""
        return None if isinstance(self.value, InitReport) else self.value.request_id

    @property
    def order(self) -> tuple[int, int, str]:
        """Sorts the events of one stream; within a millisecond by what must come first."""
        return self.timestamp_ms, _RANK[type(self.value)], self.event_id


_RANK: dict[type, int] = {InitReport: 0, StartRecord: 1, InvocationRecord: 2, Report: 3, EndLine: 4}


def read_event(event: LogEvent) -> Fact | None:
    """What this event says; None when it says nothing about an invocation's end or identity."""
    value = (
        parse_report(event.message)
        or parse_record(event.message)
        or parse_init_report(event.message)
        or _parse_end_line(event.message)
    )
    if value is None:
        return None
    return Fact(event.log_stream, event.event_id, event.timestamp_ms, value)


def _parse_end_line(message: str) -> EndLine | None:
    if timed_out := _TIMED_OUT.match(message):
        return EndLine(timed_out["id"], "timed out")
    if exited := _EXITED.match(message):
        return EndLine(exited["id"], "killed" if KILLED in exited["how"] else "exited")
    return None


@dataclass(slots=True)
class Attempt:
    """One run of a request in one environment: as much of it as was logged."""

    request_id: str
    log_stream: str
    start: StartRecord | None = None
    record: InvocationRecord | None = None
    report: Report | None = None
    report_fact: Fact | None = None
    end_line: EndLine | None = None

    @property
    def running(self) -> bool:
        """Whether it began and nothing says that it ended."""
        return self.start is not None and not (self.record or self.report or self.end_line)

    def outcome(
        self, failure: FailureRecord | None = None, *, succeeded: bool = False
    ) -> Outcome | None:
        """What the evidence shows; None as long as it does not suffice.

        ``succeeded`` says that an answer or a record of its success is there, or that a REPORT
        with nothing wrong is all that can be had.

        ========================= ================== ==============================================
        REPORT                    wrapper's record   outcome
        ========================= ================== ==============================================
        status timeout            any                timed out
        Runtime.OutOfMemory       any                out of memory
        killed, memory full       any                out of memory
        status error or failure   any                failed
        nothing wrong             with an error      failed
        nothing wrong             without error      succeeded
        nothing wrong             none               by the old-style line or the on-failure record,
                                                     or succeeded; else not known: its end record
                                                     was lost
        none                      any                not known: nobody knows what it cost
        ========================= ================== ==============================================
        """
        report = self.report
        if report is None:
            return None
        how = self.end_line.how if self.end_line else None
        if report.status == "timeout" or how == "timed out":
            return Outcome.TIMED_OUT
        if report.error_type == "Runtime.OutOfMemory" or self._killed_for_memory(report, failure):
            return Outcome.OUT_OF_MEMORY
        wrong = report.status not in {None, "success"} or report.error_type is not None
        if wrong or how is not None:
            return Outcome.FAILED
        if self.record is not None:
            return Outcome.FAILED if self.record.error_type else Outcome.SUCCEEDED
        if failure is not None:
            return failure_outcome(failure)
        return Outcome.SUCCEEDED if succeeded else None

    def _killed_for_memory(self, report: Report, failure: FailureRecord | None) -> bool:
        said = failure.error_message if failure else None
        killed = (self.end_line is not None and self.end_line.how == "killed") or (
            said is not None and KILLED in said
        )
        if not killed or report.memory_mb is None or report.max_memory_mb is None:
            return False
        return report.max_memory_mb >= FULL_MEMORY * report.memory_mb


def failure_outcome(failure: FailureRecord) -> Outcome:
    """What an on-failure record shows by itself, for an event that logged no REPORT."""
    if failure.condition in NEVER_RAN:
        return Outcome.THROTTLED
    if "Task timed out" in (failure.error_message or ""):
        return Outcome.TIMED_OUT
    if failure.error_type == "Runtime.OutOfMemory":
        return Outcome.OUT_OF_MEMORY
    return Outcome.FAILED


def attempts(facts: Iterable[Fact]) -> list[Attempt]:
    """The facts on some requests, cut into attempts; in order of their end.

    A retry has the request id of the first try. It usually runs in another environment, hence
    another stream; within one stream a new attempt begins with a start record, or with a second
    record or report. Only there does the order of events matter.
    """
    groups: dict[tuple[str, str], list[Fact]] = {}
    for fact in facts:
        if fact.request_id is not None:
            groups.setdefault((fact.request_id, fact.log_stream), []).append(fact)
    found = [item for key, group in groups.items() for item in _in_stream(*key, group)]
    return sorted(found, key=_end)


def _end(attempt: Attempt) -> tuple[bool, tuple[int, int, str], str, str]:
    fact = attempt.report_fact
    order = fact.order if fact else (0, 0, "")
    return fact is None, order, attempt.log_stream, attempt.request_id


def _in_stream(request_id: str, log_stream: str, facts: list[Fact]) -> list[Attempt]:
    once = _count(facts, Report) <= 1 and _count(facts, InvocationRecord) <= 1
    found = [Attempt(request_id, log_stream)]
    for fact in sorted(facts, key=lambda fact: fact.order):
        if not once and _begins_another(found[-1], fact):
            found.append(Attempt(request_id, log_stream))
        _attach(found[-1], fact)
    return found


def _count(facts: list[Fact], kind: type) -> int:
    return sum(isinstance(fact.value, kind) for fact in facts)


def _begins_another(attempt: Attempt, fact: Fact) -> bool:
    match fact.value:
        case StartRecord():
            return bool(attempt.start or attempt.record or attempt.report)
        case InvocationRecord():
            return bool(attempt.record or attempt.report)
        case Report():
            return attempt.report is not None
        case _:
            return False


def _attach(attempt: Attempt, fact: Fact) -> None:
    match fact.value:
        case StartRecord():
            attempt.start = fact.value
        case InvocationRecord():
            attempt.record = fact.value
        case Report():
            attempt.report, attempt.report_fact = fact.value, fact
        case EndLine():
            attempt.end_line = fact.value
        case InitReport():
            pass  # belongs to a stream, not to a request
