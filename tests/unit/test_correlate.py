"""Every published message ends in one outcome, and each outcome rests on evidence."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Any

import pytest
from cell_log import (
    RUN,
    event,
    failure,
    init_report,
    published,
    record,
    report,
    request_id,
    start,
    success,
)
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.campaign.accounting import Accounting
from pytest_lambda_ml.campaign.correlate import Correlator, correlate
from pytest_lambda_ml.campaign.evidence import EndLine, read_event
from pytest_lambda_ml.model import (
    FailureRecord,
    Invocation,
    LogEvent,
    Outcome,
    PublishedMessage,
    StartType,
    SuccessRecord,
)

R1, R2, R3 = request_id(1), request_id(2), request_id(3)
TIMED_OUT_LINE = f"2024-05-01T10:00:00.000Z {R1} Task timed out after 3.00 seconds\n\n"
KILLED_LINE = f"RequestId: {R1} Error: Runtime exited with error: signal: killed\nRuntime.ExitError"
EXITED_LINE = f"RequestId: {R1} Error: Runtime exited with error: exit status 3\nRuntime.ExitError"


def outcome_of(events: list[LogEvent], *failures: FailureRecord) -> Invocation:
    (invocation,) = correlate(RUN, published("00001"), events, failures)
    return invocation


@dataclass(frozen=True)
class Case:
    name: str
    outcome: Outcome
    events: list[LogEvent] = field(default_factory=list)
    failures: list[FailureRecord] = field(default_factory=list)
    settled: bool = True


def died(**report_fields: Any) -> list[LogEvent]:
    """It began, and only the REPORT line says how it ended."""
    return [start("00001", R1), report(R1, at=1_010, **report_fields)]


CASES = [
    Case("all lines, nothing wrong", Outcome.SUCCEEDED, success("00001", R1)),
    Case(
        "explicit success",
        Outcome.SUCCEEDED,
        [record("00001", R1), report(R1, status="success")],
    ),
    Case(
        "the handler raised",
        Outcome.FAILED,
        [record("00001", R1, error_type="ValueError", error_message="no"), report(R1)],
    ),
    Case("REPORT says error", Outcome.FAILED, died(status="error", error_type="Runtime.ExitError")),
    Case("REPORT says failure", Outcome.FAILED, died(status="failure")),
    Case("REPORT says timeout", Outcome.TIMED_OUT, died(status="timeout")),
    Case(
        "timeout after the handler logged its end",
        Outcome.TIMED_OUT,
        [record("00001", R1), report(R1, status="timeout")],
    ),
    Case("old-style timeout", Outcome.TIMED_OUT, [*died(), event(TIMED_OUT_LINE)]),
    Case(
        "REPORT says out of memory",
        Outcome.OUT_OF_MEMORY,
        died(status="error", error_type="Runtime.OutOfMemory"),
    ),
    Case(
        "killed with its memory full",
        Outcome.OUT_OF_MEMORY,
        [*died(max_memory_mb=512), event(KILLED_LINE)],
    ),
    Case(
        "killed with memory to spare",
        Outcome.FAILED,
        [*died(max_memory_mb=200), event(KILLED_LINE)],
    ),
    Case(
        "killed as the destination tells",
        Outcome.OUT_OF_MEMORY,
        died(max_memory_mb=505, status="error", error_type="Runtime.ExitError"),
        [failure("00001", R1, error_message=f"RequestId: {R1} Error: … signal: killed")],
    ),
    Case(
        "full memory alone proves nothing",
        Outcome.SUCCEEDED,
        [record("00001", R1), report(R1, max_memory_mb=512)],
    ),
    Case("old-style exit", Outcome.FAILED, [*died(), event(EXITED_LINE)]),
    Case(
        "import failed: no start record, the destination names the sample",
        Outcome.FAILED,
        [report(R1, status="error", error_type="Runtime.ImportModuleError")],
        [failure("00001", R1, error_type="Runtime.ImportModuleError")],
    ),
    Case(
        "REPORT without status or end record, but the destination says it failed",
        Outcome.FAILED,
        died(),
        [failure("00001", R1, error_type="Runtime.ExitError")],
    ),
    Case("aged out", Outcome.THROTTLED, [], [failure("00001", R1, "EventAgeExceeded")]),
    Case("never let in", Outcome.THROTTLED, [], [failure("00001", R1, "ZeroReservedConcurrency")]),
    Case("nothing at all", Outcome.MISSING, settled=False),
    Case("only a start record", Outcome.MISSING, [start("00001", R1)], settled=False),
    Case(
        "no REPORT: nobody knows what it cost",
        Outcome.MISSING,
        [start("00001", R1), record("00001", R1)],
        settled=False,
    ),
    Case("a REPORT without wrong, and no end record", Outcome.MISSING, died(), settled=False),
    Case(
        "the REPORT was lost, the destination says it failed",
        Outcome.FAILED,
        [start("00001", R1)],
        [failure("00001", R1, error_type="ValueError")],
        settled=False,
    ),
    Case(
        "the REPORT was lost, the destination says it timed out",
        Outcome.TIMED_OUT,
        [],
        [failure("00001", R1, error_message="2024-… Task timed out after 3.00 seconds")],
        settled=False,
    ),
    Case(
        "the REPORT was lost, the destination says out of memory",
        Outcome.OUT_OF_MEMORY,
        [],
        [failure("00001", R1, error_type="Runtime.OutOfMemory")],
        settled=False,
    ),
    Case(
        "lines of a run before this one",
        Outcome.MISSING,
        [start("00001", R1, run_id="old"), record("00001", R1, run_id="old"), report(R1)],
        [failure("00001", R1, run_id="old")],
        settled=False,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_outcome_rests_on_this_evidence(case: Case) -> None:
    correlator = Correlator(RUN)
    correlator.add_published(published("00001"))
    correlator.add_events(case.events)
    correlator.add_answers(case.failures)
    assert correlator.settled == int(case.settled)
    (invocation,) = correlator.finish()
    assert invocation.outcome is case.outcome


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_order_of_evidence_does_not_matter(case: Case) -> None:
    backward = Correlator(RUN)
    backward.add_answers(reversed(case.failures))
    for item in reversed(case.events):
        backward.add_events([item])
    backward.add_published(published("00001"))
    assert backward.finish() == correlate(RUN, published("00001"), case.events, case.failures)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (success("00001", R1, cold=True), StartType.COLD),
        (
            [record("00001", R1, cold=True), report(R1, restore_duration_ms=300.0)],
            StartType.COLD,
        ),
        (success("00001", R1), StartType.WARM),
        ([record("00001", R1, cold=True), report(R1)], StartType.PRE_INITIALISED),
        (
            [init_report("timeout", "init"), record("00001", R1, cold=True), report(R1)],
            StartType.SUPPRESSED_INIT,
        ),
        (
            [init_report("error", "init"), record("00001", R1, cold=True), report(R1)],
            StartType.SUPPRESSED_INIT,
        ),
        # That of another environment says nothing about this one.
        (
            [
                init_report("timeout", "init", stream="stream-b"),
                record("00001", R1, cold=True),
                report(R1),
            ],
            StartType.PRE_INITIALISED,
        ),
        # The process died in an earlier invocation, so this one had to initialise again.
        (
            [
                report(R2, status="timeout", at=900),
                record("00001", R1, cold=True),
                report(R1, at=1_010),
            ],
            StartType.SUPPRESSED_INIT,
        ),
        # Old-style lines say the same without a REPORT of that invocation.
        (
            [
                event(f"2026-01-01T00:00:00.000Z {R2} Task timed out after 3.00 seconds", at=900),
                record("00001", R1, cold=True),
                report(R1, at=1_010),
            ],
            StartType.SUPPRESSED_INIT,
        ),
        # Its own failure comes after its initialisation.
        (
            [
                record("00001", R1, cold=True, error_type="ValueError"),
                report(R1, status="error", error_type="ValueError"),
            ],
            StartType.PRE_INITIALISED,
        ),
        # The wrapper never began, because importing the handler failed twice.
        (
            [
                init_report("error", "init"),
                report(R1, status="error", error_type="Runtime.ImportModuleError"),
            ],
            StartType.SUPPRESSED_INIT,
        ),
        # Timed out before the wrapper could tell: the platform's word alone.
        ([start("00001", R1), report(R1, status="timeout", init_duration_ms=99.0)], StartType.COLD),
        ([start("00001", R1), report(R1, status="timeout")], None),
        # Contradictory evidence is neither cold nor warm.
        ([record("00001", R1, cold=False), report(R1, init_duration_ms=99.0)], None),
    ],
)
def test_a_start_is_cold_warm_pre_initialised_or_suppressed(
    events: list[LogEvent], expected: StartType | None
) -> None:
    assert outcome_of(events, failure("00001", R1)).start is expected


def test_the_longest_invocation_includes_an_initialisation_that_has_a_line_of_its_own() -> None:
    """The deadline of those that are still out follows it."""
    cell = Correlator(RUN)
    cell.add_published(published("00001"))
    cell.add_events([init_report("timeout", "init"), *success("00001", R1, duration_ms=500.0)])
    assert cell.longest_s == pytest.approx(10.5)


def test_the_first_success_counts_and_a_duplicate_is_only_billed() -> None:
    invocation = outcome_of(
        [
            *success("00001", R2, stream="stream-b", at=2_000, billed_duration_ms=22.0),
            *success("00001", R1, at=1_000, billed_duration_ms=11.0),
        ]
    )
    assert invocation.outcome is Outcome.SUCCEEDED
    assert invocation.report is not None
    assert invocation.report.billed_duration_ms == 11.0
    assert [item.billed_duration_ms for item in invocation.other_reports] == [22.0]
    assert len(invocation.reports) == 2


@pytest.mark.parametrize("stream", ["stream-a", "stream-b"], ids=["same stream", "another stream"])
def test_a_retry_bears_the_same_request_id_and_its_success_counts(stream: str) -> None:
    tries = [
        start("00001", R1, at=1_000),
        record("00001", R1, at=1_005, error_type="ValueError"),
        report(R1, at=1_010, billed_duration_ms=7.0),
        *success("00001", R1, at=61_000, stream=stream, billed_duration_ms=12.0),
    ]
    for events in (tries, tries[::-1]):
        invocation = outcome_of(events)
        assert invocation.outcome is Outcome.SUCCEEDED
        assert invocation.report is not None
        assert invocation.report.billed_duration_ms == 12.0
        assert invocation.record is not None
        assert invocation.record.error_type is None
        assert [item.billed_duration_ms for item in invocation.other_reports] == [7.0]


def test_two_messages_and_lines_of_others_are_kept_apart() -> None:
    events = [
        *success("00001", R1),
        *success("00009", R3, stream="stream-c"),  # of another cell
        start("00002", R2, stream="stream-b"),
        report(R2, stream="stream-b", status="timeout"),
    ]
    first, second = correlate(RUN, published("00001", "00002"), events)
    assert (first.outcome, second.outcome) == (Outcome.SUCCEEDED, Outcome.TIMED_OUT)
    assert (first.log_stream, second.log_stream) == ("stream-a", "stream-b")


def test_makespan_and_log_bytes_are_those_of_the_environments_at_work() -> None:
    correlator = Correlator(RUN)
    correlator.add_published(published("00001"))
    assert correlator.makespan_s is None
    mine = success("00001", R1, at=5_000, cold=True)
    correlator.add_events([*mine, event("x" * 1000, "stream-z", at=1)])
    # The REPORT came at 5,010 after 9.5 ms of work and 120 ms of initialisation.
    assert correlator.makespan_s == pytest.approx(0.1295)
    assert correlator.log_bytes == sum(len(item.message) + 26 for item in mine)


def test_a_started_invocation_is_known_to_run_until_something_says_otherwise() -> None:
    correlator = Correlator(RUN)
    correlator.add_published(published("00001"))
    assert not correlator.running
    correlator.add_events([start("00001", R1)])
    assert correlator.running
    correlator.add_events([record("00001", R1)])
    assert not correlator.running, "its end was logged: only the REPORT is late"
    correlator.add_events([report(R1, init_duration_ms=1000.0)])
    assert correlator.settled == 1
    assert correlator.longest_s == pytest.approx(1.0095), "a start takes its initialisation too"


def test_each_settled_message_is_handed_over_once() -> None:
    correlator = Correlator(RUN)
    correlator.add_published(published("00001", "00002"))
    correlator.add_events(success("00001", R1))
    assert [item.sample_id for item in correlator.take_settled()] == ["00001"]
    correlator.add_events(success("00002", R2))
    assert [item.sample_id for item in correlator.take_settled()] == ["00002"]
    assert correlator.take_settled() == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (TIMED_OUT_LINE, EndLine(R1, "timed out")),
        (KILLED_LINE, EndLine(R1, "killed")),
        (EXITED_LINE, EndLine(R1, "exited")),
        (
            f"2024-05-01T10:00:00.000Z {KILLED_LINE}",
            EndLine(R1, "killed"),
        ),
        (
            f"RequestId: {R1} Error: Runtime exited without providing a reason\n",
            EndLine(R1, "exited"),
        ),
        (f"my worker {R1} Task timed out after 3.00 seconds", None),
        ("Task timed out after 3.00 seconds", None),
    ],
)
def test_old_style_lines_are_the_platforms_not_the_applications(
    line: str, expected: EndLine | None
) -> None:
    fact = read_event(event(line))
    assert (fact.value if fact else None) == expected


# What can happen to one message: all of its lines, in shape.
SHAPES = {
    "success": lambda s, r, e: success(s, r, stream=e),
    "cold": lambda s, r, e: success(s, r, stream=e, cold=True),
    "timeout": lambda s, r, e: [
        start(s, r, stream=e),
        report(r, stream=e, status="timeout"),
    ],
    "raised": lambda s, r, e: [
        record(s, r, stream=e, error_type="ValueError"),
        report(r, stream=e),
    ],
    "duplicate": lambda s, r, e: [
        *success(s, r, stream=e),
        *success(s, f"{r[:-1]}f", stream=f"{e}-2", at=3_000),
    ],
    "silent": lambda s, r, e: [],
}


@given(data=st.data())
def test_published_is_the_sum_of_outcomes_whatever_is_lost_doubled_or_shuffled(
    data: st.DataObject,
) -> None:
    shapes = data.draw(st.lists(st.sampled_from(sorted(SHAPES)), min_size=1, max_size=8))
    samples = [f"{index:05d}" for index in range(len(shapes))]
    events, failures = [], []
    for index, (sample, shape) in enumerate(zip(samples, shapes, strict=True)):
        request = request_id(index * 16)
        events += SHAPES[shape](sample, request, f"stream-{index % 3}")
        if shape == "silent" and data.draw(st.booleans()):
            failures.append(failure(sample, request, "EventAgeExceeded"))
    kept = data.draw(st.lists(st.sampled_from(events), max_size=40)) if events else []
    if data.draw(st.booleans()):
        kept = [*events, *kept]
    arrived = data.draw(st.permutations(kept))
    correlator = Correlator(RUN)
    correlator.add_published(published(*samples))
    cut = data.draw(st.integers(0, len(arrived)))
    correlator.add_events(arrived[:cut])
    correlator.add_answers(failures)
    correlator.add_events(arrived[cut:])
    invocations = correlator.finish()
    assert [item.sample_id for item in invocations] == samples, "one outcome each, none twice"
    assert correlator.settled + correlator.outstanding == len(samples)
    assert invocations == correlate(RUN, published(*samples), kept, failures)
    if set(map(id, events)) <= set(map(id, kept)):
        expected = {
            "success": Outcome.SUCCEEDED,
            "cold": Outcome.SUCCEEDED,
            "timeout": Outcome.TIMED_OUT,
            "raised": Outcome.FAILED,
            "duplicate": Outcome.SUCCEEDED,
        }
        for shape, invocation in zip(shapes, invocations, strict=True):
            if shape in expected:
                assert invocation.outcome is expected[shape]
    reports = {item.event_id for item in kept if item.message.startswith("REPORT RequestId:")}
    assert sum(len(item.reports) for item in invocations) <= len(reports), "none is billed twice"


@pytest.mark.parametrize("order", [*itertools.permutations(("published", "report", "answer"))])
def test_evidence_counts_whenever_it_comes(order: tuple[str, ...]) -> None:
    """A quick function has answered before its acceptance has come from the thread that sent it."""
    correlator = Correlator(RUN, Accounting(tie="message ids", bare=True))
    request = request_id(1)
    say = {
        "published": lambda: correlator.add_published([PublishedMessage("00001", request, 1_000)]),
        "report": lambda: correlator.add_events([report(request)]),
        "answer": lambda: correlator.add_answers([SuccessRecord(request_id=request)]),
    }
    for what in order:
        say[what]()
    assert [item.outcome for item in correlator.finish()] == [Outcome.SUCCEEDED]
