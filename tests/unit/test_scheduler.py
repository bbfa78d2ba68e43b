"""The scheduler's rules, as stories and as properties over arbitrary histories."""

from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from pytest_lambda_ml.local.scheduler import Scheduler, ThrottledError
from pytest_lambda_ml.local.scheduler_actions import (
    AgedOut,
    Dispatch,
    Ended,
    Evict,
    FunctionLimits,
    HostCapacity,
    Start,
)

LARGE = HostCapacity(vcpu=100.0, memory_mb=1_000_000)
ONE_CORE = HostCapacity(vcpu=1.0, memory_mb=1_000_000)


def scheduler(capacity: HostCapacity = LARGE, events: int = 0, **limits: object) -> Scheduler:
    """A scheduler with one function ``f`` and so many events ``e1``, ``e2``… in its queue."""
    made = Scheduler(capacity)
    made.configure("f", FunctionLimits(**{"memory_mb": 512, **limits}))
    for number in range(1, events + 1):
        made.submit("f", f"e{number}", 0.0, asynchronous=True)
    return made


def test_a_burst_gets_environments_up_to_the_concurrency_before_one_is_reused() -> None:
    made = scheduler(events=5, reserved_concurrency=3)
    assert made.advance(0) == [Start(1, "f"), Start(2, "f"), Start(3, "f")]

    made.ready(1, 50)
    assert made.advance(1) == [Dispatch(1, "e1")]
    made.finished(1, 2, failed=False, resident_mb=50)
    assert made.advance(2) == [Ended("e1", 1, failed=False), Dispatch(1, "e2")]
    made.ready(2, 50)
    made.ready(3, 50)
    assert made.advance(3) == [Dispatch(2, "e3"), Dispatch(3, "e4")]


def test_one_event_at_a_time_reuses_one_environment() -> None:
    made = scheduler(events=1, reserved_concurrency=3)
    assert made.advance(0) == [Start(1, "f")]
    made.ready(1, 50)
    made.advance(1)
    made.finished(1, 2, failed=False, resident_mb=50)
    made.advance(2)
    made.submit("f", "e2", 3, asynchronous=True)
    assert made.advance(3) == [Dispatch(1, "e2")]


def test_initialisations_and_invocations_share_the_cores_set_aside() -> None:
    made = scheduler(ONE_CORE, events=4, reserved_concurrency=4, memory_mb=884)
    assert made.advance(0) == [Start(1, "f")]
    for number in (1, 2, 3):
        made.ready(number, 50)
        assert made.advance(number) == [Start(number + 1, "f")]
    made.ready(4, 50)
    # Half a vCPU each: two at a time.
    assert made.advance(5) == [Dispatch(1, "e1"), Dispatch(2, "e2")]
    made.finished(1, 6, failed=False, resident_mb=50)
    assert made.advance(6) == [Ended("e1", 1, failed=False), Dispatch(3, "e3")]


def test_a_function_that_asks_for_more_than_all_cores_runs_alone() -> None:
    made = scheduler(ONE_CORE, events=2, reserved_concurrency=2, memory_mb=10_240)
    made.advance(0)
    made.ready(1, 50)
    made.advance(1)
    made.ready(2, 50)
    assert made.advance(2) == [Dispatch(1, "e1")]
    assert made.promised_vcpu == 1.0


def test_idle_environments_are_evicted_when_memory_is_short() -> None:
    made = scheduler(HostCapacity(100.0, 1000), events=1, memory_mb=600)
    made.advance(0)
    made.ready(1, 500)
    made.advance(1)
    made.finished(1, 2, failed=False, resident_mb=500)
    made.advance(2)
    made.configure("g", FunctionLimits(memory_mb=600))
    made.submit("g", "other", 3, asynchronous=True)
    assert made.advance(3) == [Evict(1), Start(2, "g")]


def test_a_failed_event_waits_one_and_then_two_minutes() -> None:
    made = scheduler(events=1)
    made.advance(0)
    made.ready(1, 50)
    made.advance(0)
    made.finished(1, 10, failed=True, resident_mb=50)
    assert made.advance(10) == []
    assert made.next_wake() == 70
    assert made.advance(70) == [Dispatch(1, "e1")]
    made.finished(1, 80, failed=True, resident_mb=50)
    assert made.advance(199) == []
    assert made.advance(200) == [Dispatch(1, "e1")]
    made.finished(1, 210, failed=True, resident_mb=50)
    assert made.advance(210) == [Ended("e1", 3, failed=True)]


def test_an_event_ages_out_in_the_queue_but_not_at_work() -> None:
    made = scheduler(events=2, reserved_concurrency=1, maximum_event_age_s=60)
    made.advance(0)
    made.ready(1, 50)
    made.advance(1)
    assert made.advance(60) == [AgedOut("e2", 0)]
    made.finished(1, 61, failed=False, resident_mb=50)
    assert made.advance(61) == [Ended("e1", 1, failed=False)]


def test_a_synchronous_request_beyond_the_concurrency_is_throttled() -> None:
    made = scheduler(reserved_concurrency=1)
    made.submit("f", "one", 0, asynchronous=False)
    with pytest.raises(ThrottledError):
        made.submit("f", "two", 0, asynchronous=False)


def test_no_reservation_means_the_accounts_thousand() -> None:
    made = scheduler(events=1500, memory_mb=128)
    assert made.advance(0) == [Start(number, "f") for number in range(1, 51)]  # 2 vCPU each


def test_a_failed_request_of_a_synchronous_caller_is_not_tried_again() -> None:
    made = scheduler()
    made.submit("f", "one", 0, asynchronous=False)
    made.advance(0)
    made.ready(1, 50)
    made.advance(0)
    made.finished(1, 1, failed=True, resident_mb=50)
    assert made.advance(1) == [Ended("one", 1, failed=True)]


def test_a_removed_function_gives_back_what_it_had() -> None:
    made = scheduler(events=3, reserved_concurrency=1)
    made.advance(0)
    made.ready(1, 50)
    made.advance(0)
    environments, requests = made.remove("f")
    assert environments == (1,)
    assert sorted(requests) == ["e1", "e2", "e3"]
    assert (made.outstanding, made.committed_mb, made.promised_vcpu) == (0, 0, 0)


def test_an_event_whose_environment_dies_before_it_begins_waits_for_another() -> None:
    made = scheduler(events=2, reserved_concurrency=1)
    made.advance(0)
    made.ready(1, 50)
    assert made.advance(1) == [Dispatch(1, "e1")]
    made.gone(1)
    assert made.advance(2) == [Start(2, "f")]
    made.ready(2, 50)
    assert made.advance(3) == [Dispatch(2, "e1")]
    made.finished(2, 4, failed=False, resident_mb=50)
    assert made.advance(4) == [Ended("e1", 1, failed=False), Dispatch(2, "e2")]


def test_the_environment_that_was_idle_last_is_used_first() -> None:
    made = scheduler(events=2)
    made.advance(0)
    made.ready(1, 50)
    made.ready(2, 50)
    made.advance(1)
    for number in (2, 1):
        made.finished(number, 2, failed=False, resident_mb=50)
    made.advance(2)
    made.submit("f", "e3", 3, asynchronous=True)
    assert made.advance(3) == [Dispatch(1, "e3")]


def test_a_raised_age_lets_an_event_wait_for_its_next_attempt() -> None:
    made = scheduler(events=1, maximum_event_age_s=60)
    made.advance(0)
    made.ready(1, 50)
    made.advance(1)
    made.finished(1, 20, failed=True, resident_mb=50)
    assert made.next_wake() == 60
    made.configure("f", FunctionLimits(512, maximum_event_age_s=600))
    assert made.advance(60) == []
    assert made.next_wake() == 80
    assert made.advance(80) == [Dispatch(1, "e1")]


class Histories(RuleBasedStateMachine):
    """Arbitrary interleavings of what can happen, checked against the rules all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.capacity = HostCapacity(vcpu=2.0, memory_mb=4000)
        self.made = Scheduler(self.capacity)
        self.now = 0.0
        self.limits: dict[str, FunctionLimits] = {}
        self.starting: set[int] = set()
        self.running: dict[int, str] = {}
        self.idle: set[int] = set()
        self.function_of: dict[int, str] = {}
        self.submitted: dict[str, str] = {}
        self.ended: set[str] = set()

    @rule(
        name=st.sampled_from("abc"),
        memory=st.sampled_from([128, 1769, 3008, 10_240]),
        concurrency=st.sampled_from([None, 0, 1, 2, 5]),
        retries=st.integers(0, 2),
        age=st.sampled_from([60, 21_600]),
    )
    def configure(
        self, name: str, memory: int, concurrency: int | None, retries: int, age: float
    ) -> None:
        if name in self.limits and self.limits[name].memory_mb != memory:
            return
        self.limits[name] = FunctionLimits(memory, concurrency, retries, age)
        self.made.configure(name, self.limits[name])
        self.advance()

    @precondition(lambda self: self.limits)
    @rule(data=st.data(), number=st.integers(1, 12))
    def submit(self, data: st.DataObject, number: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.limits)))
        for _ in range(number):
            request = f"r{len(self.submitted)}"
            self.submitted[request] = name
            self.made.submit(name, request, self.now, asynchronous=True)
        self.advance()

    @precondition(lambda self: self.starting)
    @rule(data=st.data(), resident=st.integers(10, 400))
    def become_ready(self, data: st.DataObject, resident: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.starting)))
        self.starting.remove(number)
        self.idle.add(number)
        self.made.ready(number, resident)
        self.advance()

    @precondition(lambda self: self.running)
    @rule(data=st.data(), failed=st.booleans(), died=st.booleans(), resident=st.integers(10, 400))
    def finish(self, data: st.DataObject, failed: bool, died: bool, resident: int) -> None:
        number = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[number]
        self.made.finished(number, self.now, failed=failed or died, resident_mb=resident)
        if died:
            self.made.gone(number)
        else:
            self.idle.add(number)
        self.advance()

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def die_before_it_begins(self, data: st.DataObject) -> None:
        number = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[number]
        self.made.gone(number)
        self.advance()

    @rule(seconds=st.sampled_from([0.0, 1.0, 60.0, 121.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.advance()

    def advance(self) -> None:
        for action in self.made.advance(self.now):
            match action:
                case Start(number, function):
                    self.starting.add(number)
                    self.function_of[number] = function
                case Dispatch(number, request):
                    assert number in self.idle, "only an idle environment gets a request"
                    assert self.submitted[request] == self.function_of[number]
                    self.idle.remove(number)
                    self.running[number] = request
                case Evict(number):
                    self.idle.remove(number)
                case AgedOut(request, _) | Ended(request, _, _):
                    assert request not in self.ended, "every event ends once"
                    self.ended.add(request)
        assert len(set(self.running.values())) == len(self.running)

    @invariant()
    def every_event_is_somewhere(self) -> None:
        assert len(self.submitted) == self.made.outstanding + len(self.ended)

    @invariant()
    def the_cores_set_aside_are_never_exceeded(self) -> None:
        assert self.made.promised_vcpu <= self.capacity.vcpu + 1e-6

    @invariant()
    def the_memory_is_never_exceeded_but_by_who_is_alone(self) -> None:
        environments = len(self.starting) + len(self.running) + len(self.idle)
        assert self.made.committed_mb <= self.capacity.memory_mb or environments == 1

    @invariant()
    def nobody_starves_on_an_idle_machine(self) -> None:
        if self.starting or self.running:
            return
        queued = {
            self.submitted[request] for request in self.submitted if request not in self.ended
        }
        runnable = [name for name in queued if self.limits[name].concurrency > 0]
        wake = self.made.next_wake()
        assert not runnable or (wake is not None and wake > self.now)


Histories.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)
TestHistories = Histories.TestCase
