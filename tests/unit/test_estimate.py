"""What a cell is expected to cost and to take: from the last run, else from what is possible."""

from __future__ import annotations

import random
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.campaign.estimate import (
    Interval,
    PastCell,
    PlannedCell,
    estimate_cell,
    quotas,
    same_work,
)
from pytest_lambda_ml.measure.pricing import load_prices, total_cost
from pytest_lambda_ml.model import EXISTING, Configuration, Report

PRICES = load_prices().prices("us-east-1", "x86_64")
CELL = Configuration(algorithm="svm", memory_mb=1024, concurrency=4, batch_size=100, timeout_s=30)


def planned(invocations: int = 20, **changes: Any) -> PlannedCell:
    return PlannedCell(
        configuration=replace(CELL, **changes),
        region="us-east-1",
        invocations=invocations,
        message_bytes=9_000,
    )


def past(cold: list[float], other: list[float]) -> PastCell:
    return PastCell(
        configuration=CELL, run="local run x", cold_ms=tuple(cold), other_ms=tuple(other)
    )


def cost_of(billed_ms: list[float]) -> float:
    reports = [Report(request_id="", billed_duration_ms=ms, memory_mb=1024) for ms in billed_ms]
    count = len(reports)
    return float(total_cost(reports, 512, count, 9_000 * count, 1_600 * count, PRICES).total_usd)


def test_of_an_unknown_cell_the_limits_are_one_millisecond_and_the_timeout() -> None:
    got = estimate_cell(planned(), None, PRICES)
    assert got.measured_in is None
    assert got.cost_usd.low == pytest.approx(cost_of([1.0] * 20))
    assert got.cost_usd.high == pytest.approx(cost_of([30_000.0] * 20))
    assert got.makespan_s == Interval(5 / 1000, 5 * 30 + 10)


def test_a_measured_cell_is_expected_to_come_out_as_it_did() -> None:
    cold, other = [900.0, 1000.0, 1100.0, 1000.0], [10.0, 12.0] * 8
    got = estimate_cell(planned(), past(cold, other), PRICES)
    assert got.measured_in == "local run x"
    truth = cost_of([*cold, *other])
    assert got.cost_usd.low < truth < got.cost_usd.high
    assert got.cost_usd.high < 1.6 * got.cost_usd.low, "narrow enough to decide by"


def test_what_is_expected_is_what_was_measured_or_else_the_least() -> None:
    cold, other = [900.0, 1000.0, 1100.0, 1000.0], [10.0, 12.0] * 8
    known = estimate_cell(planned(), past(cold, other), PRICES)
    assert known.expected_usd == pytest.approx(cost_of([*cold, *other]))
    unknown = estimate_cell(planned(), None, PRICES)
    assert unknown.expected_usd == unknown.cost_usd.low


def test_snap_start_adds_three_hours_of_the_snapshot_and_the_restores() -> None:
    """1 GB: $0.0000015046 a second, $0.0001397998 for each restore (us-east-1)."""
    kept, restore = 0.0000015046 * 3 * 3600, 0.0001397998

    def more(seen: PastCell | None) -> Interval:
        plain, with_it = (
            estimate_cell(planned(snap_start=snap), seen, PRICES).cost_usd for snap in (False, True)
        )
        return Interval(with_it.low - plain.low, with_it.high - plain.high)

    unknown = more(None)
    assert unknown.low == pytest.approx(kept + restore)
    assert unknown.high == pytest.approx(kept + 20 * restore)
    known = more(past([1000.0] * 4, [10.0] * 16))
    assert known.low == pytest.approx(kept + 4 * restore)
    assert known.high == pytest.approx(kept + 4 * restore)


def test_what_has_no_price_is_said() -> None:
    """Some regions' prices of SnapStart are not in the table."""
    unpriced = replace(PRICES, snapstart_cache_gb_second_usd=None)
    got = estimate_cell(planned(snap_start=True), None, unpriced)
    assert got.notes == ("the total leaves out SnapStart: no price is known for us-east-1",)
    assert estimate_cell(planned(snap_start=True), None, PRICES).notes == ()


def test_other_numbers_of_invocations_keep_the_number_of_cold_starts() -> None:
    """Cold starts come once per environment, so five times the messages cost far less than that."""
    cold, other = [1000.0] * 4, [10.0] * 16
    few = estimate_cell(planned(20), past(cold, other), PRICES).cost_usd
    many = estimate_cell(planned(100), past(cold, other), PRICES).cost_usd
    assert cost_of([1000.0] * 4 + [10.0] * 96) == pytest.approx(sum_half(many), rel=1e-6)
    assert sum_half(many) < 3 * sum_half(few)


def sum_half(interval: Interval) -> float:
    return (interval.low + interval.high) / 2


@pytest.mark.parametrize("seed", range(3))
def test_the_interval_holds_what_the_next_run_costs_nine_times_in_ten(seed: int) -> None:
    """By simulation: both runs draw from one skewed distribution, as stalls make it."""
    dice = random.Random(seed)

    def run(count: int) -> list[float]:
        return [dice.choice((2.0, 3.0, 3.0, 4.0, 22.0)) for _ in range(count)]

    held = 0
    for _ in range(300):
        cell = past([], run(30))
        got = estimate_cell(planned(50), cell, PRICES).cost_usd
        held += got.low <= cost_of(run(50)) <= got.high
    assert held >= 270


def test_makespan_follows_what_runs_at_one_time() -> None:
    cell = past([], [1000.0] * 20)
    on_aws = estimate_cell(planned(), cell, PRICES).makespan_s
    here = estimate_cell(planned(), cell, PRICES, capacity_vcpu=0.6).makespan_s
    assert on_aws.low < 20 / 4 < on_aws.high
    assert here.low < 20 < here.high


durations = st.lists(st.floats(1, 60_000), max_size=30)


@given(durations, durations, st.integers(1, 500))
def test_low_is_never_above_high_and_never_below_what_must_be_paid(
    cold: list[float], other: list[float], invocations: int
) -> None:
    cell = past(cold, other) if cold or other else None
    got = estimate_cell(planned(invocations), cell, PRICES)
    assert cost_of([1.0] * invocations) * 0.999 <= got.cost_usd.low <= got.cost_usd.high
    assert 0 <= got.makespan_s.low <= got.makespan_s.high


@given(st.integers(1, 300), st.integers(1, 300))
def test_more_invocations_never_cost_less(first: int, second: int) -> None:
    few, many = sorted((first, second))
    cheap, dear = (estimate_cell(planned(n), None, PRICES).cost_usd for n in (few, many))
    assert cheap.low <= dear.low
    assert cheap.high <= dear.high


def test_the_price_is_that_of_the_region_and_architecture() -> None:
    dear = load_prices().prices("eu-south-1")
    here, there = (estimate_cell(planned(), None, p).cost_usd.high for p in (PRICES, dear))
    compute = 20 * 30 * float(dear.gb_second_usd - PRICES.gb_second_usd)
    assert there - here == pytest.approx(compute, rel=1e-6)
    assert dear.gb_second_usd == Decimal("0.0000195172")


def test_ephemeral_storage_is_part_of_it() -> None:
    plain, large = (
        estimate_cell(planned(ephemeral_mb=size), None, PRICES).cost_usd.high
        for size in (512, 10240)
    )
    assert large > plain


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({}, True),
        ({"timeout_s": 900}, True),
        ({"region": "eu-north-1"}, True),
        ({"log_format": "json"}, True),
        ({"memory_mb": 512}, False),
        ({"engine": "onnx"}, False),
        ({"architecture": "arm64"}, False),
        ({"snap_start": True}, False),
    ],
)
def test_which_stored_cells_tell_of_this_one(changes: dict[str, Any], same: bool) -> None:
    assert same_work(replace(CELL, **changes), CELL) is same


def test_quotas_are_counted_over_all_cells() -> None:
    got = quotas([planned(memory_mb=512, concurrency=50), planned(memory_mb=4096)])
    assert (got.functions, got.concurrency_max, got.concurrency_sum) == (2, 50, 54)
    assert got.memory_mb_max == 4096
    assert quotas([]).memory_mb_max == 0


def test_what_a_trigger_does_not_use_is_not_expected_on_the_bill() -> None:
    """A thousand messages of SNS are $0.0005; the rest of the bill is the same."""
    by_topic, directly = (
        estimate_cell(planned(1000, trigger=trigger), None, PRICES) for trigger in ("sns", "sync")
    )
    assert by_topic.cost_usd.low - directly.cost_usd.low == pytest.approx(0.0005)
    assert not same_work(by_topic.cell.configuration, directly.cell.configuration)


def test_a_function_that_exists_logs_less_and_has_nothing_reserved() -> None:
    own, borrowed = planned(), planned(engine=EXISTING, concurrency=9, memory_mb=2048)
    asked = quotas([own, borrowed])
    assert (asked.functions, asked.concurrency_max, asked.concurrency_sum) == (1, 4, 4)
    assert (asked.borrowed, asked.borrowed_concurrency_max, asked.memory_mb_max) == (1, 9, 2048)
    bare = estimate_cell(planned(engine=EXISTING), None, PRICES)
    assert bare.cost_usd.low < estimate_cell(own, None, PRICES).cost_usd.low


def test_what_is_assumed_is_said_with_the_estimate() -> None:
    cell = replace(planned(), notes=("its timeout counts as 900 s",))
    assert estimate_cell(cell, None, PRICES).notes[0] == "its timeout counts as 900 s"
