"""How much may be published under a budget: tables, properties, and a simulated cell."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.campaign.budget import (
    Allowance,
    MessageCost,
    affordable,
    worst_billed_ms,
)
from pytest_lambda_ml.measure.pricing import load_prices, total_cost
from pytest_lambda_ml.model import Configuration, Report

PRICES = load_prices().prices("us-east-1", "x86_64")
CELL = Configuration(algorithm="svm", memory_mb=1024, concurrency=4, batch_size=1, timeout_s=10)
COST = MessageCost(published_usd=Decimal(1), billed_ms_usd=Decimal("0.01"))

amounts = st.decimals(0, 1000, allow_nan=False, places=3)


def report(billed_ms: float) -> Report:
    return Report(request_id="", billed_duration_ms=billed_ms, memory_mb=1024)


def test_a_message_costs_what_the_bill_says() -> None:
    cost = MessageCost.of(CELL, PRICES, 100_000)
    bill = total_cost([report(250.0)], 512, 1, 100_000, 1_600, PRICES).total_usd
    assert cost.published_usd + cost.billed(250.0) == pytest.approx(bill)
    assert cost.billed(10_000.0) == pytest.approx(Decimal("0.000166667"), abs=Decimal("1e-9"))


def test_snap_start_is_part_of_what_is_spent_and_of_the_worst() -> None:
    """1 GB kept for three hours is $0.01625, and each restore $0.00014 (us-east-1)."""
    cell = replace(CELL, snap_start=True)
    cost, plain = MessageCost.of(cell, PRICES, 1000), MessageCost.of(CELL, PRICES, 1000)
    assert (cost.published_usd, cost.billed_ms_usd) == (plain.published_usd, plain.billed_ms_usd)
    assert cost.snapshot_usd == Decimal("0.0000015046") * 3 * 3600
    assert cost.restored_usd == Decimal("0.0001397998")
    assert (plain.restored_usd, plain.snapshot_usd) == (0, 0)

    allowance = Allowance(Decimal(1), cost, CELL.timeout_s)
    before = allowance.spent_usd(published=0, in_flight=0)
    assert before == cost.snapshot_usd
    allowance.heard(replace(report(100.0), restore_duration_ms=300.0))
    allowance.heard(report(10.0))
    bill = total_cost(
        [replace(report(100.0), restore_duration_ms=300.0), report(10.0)],
        *(512, 2, 2000, 2 * 1_600, PRICES),
        snapshot_mb=1024,
    ).total_usd
    assert allowance.spent_usd(published=2, in_flight=0) == pytest.approx(bill)
    owed = allowance.spent_usd(published=3, in_flight=1) - bill - cost.published_usd
    assert owed == pytest.approx(cost.billed(10_000.0) + cost.restored_usd)

    one = cost.snapshot_usd + cost.published_usd + cost.worst(10_000.0)
    for left, allowed in ((one, 1), (one - Decimal("1e-9"), 0)):
        got = Allowance(left, cost, CELL.timeout_s).affordable(9, published=0, in_flight=0)
        assert got == allowed


@pytest.mark.parametrize(
    ("left", "in_flight", "worst_ms", "allowed"),
    [
        (100, 0, 100.0, 50),  # each 1 + 1
        (100, 10, 100.0, 45),  # ten of those published owe 1 each
        (100, 100, 100.0, 0),
        (1.99, 0, 100.0, 0),
        (2, 0, 100.0, 1),
        (-5, 0, 100.0, 0),
        (1000, 0, 0.0, 60),  # no more than wanted
    ],
)
def test_what_is_left_is_shared_out_at_the_worst(
    left: float, in_flight: int, worst_ms: float, allowed: int
) -> None:
    got = affordable(
        60, left_usd=Decimal(str(left)), in_flight=in_flight, cost=COST, worst_ms=worst_ms
    )
    assert got == allowed


def test_the_worst_is_the_timeout_until_ten_reports_exist() -> None:
    assert worst_billed_ms([], 10) == 10_000
    assert worst_billed_ms([5.0] * 9, 10) == 10_000
    assert worst_billed_ms([5.0] * 10, 10) == 5
    assert worst_billed_ms([1.0] * 99 + [101.0], 10) == pytest.approx(2.0)  # between the last two


@given(
    wanted=st.integers(0, 500),
    left=amounts,
    in_flight=st.integers(0, 500),
    published=amounts,
    worst_ms=st.floats(0, 900_000),
)
def test_what_is_allowed_never_passes_what_is_left(
    wanted: int, left: Decimal, in_flight: int, published: Decimal, worst_ms: float
) -> None:
    cost = MessageCost(published_usd=published, billed_ms_usd=Decimal("0.0001"))
    count = affordable(wanted, left_usd=left, in_flight=in_flight, cost=cost, worst_ms=worst_ms)
    owed = (in_flight + count) * cost.billed(worst_ms) + count * published
    assert 0 <= count <= wanted
    assert count == 0 or owed <= left
    if count < wanted and in_flight == 0:  # and it is not timid
        assert owed + cost.billed(worst_ms) + published > left


@dataclass
class Cell:
    """Publishes what it may and lets invocations end in random order, until it is stopped."""

    budget: Decimal
    messages: int
    durations_ms: list[float]
    dice: random.Random
    spent: Decimal = Decimal(0)
    billed: list[float] = field(default_factory=list)

    def run(self) -> int:
        cost = MessageCost.of(CELL, PRICES, 1000)
        allowance = Allowance(self.budget, cost, CELL.timeout_s)
        published, running = 0, []
        while published < self.messages or running:
            count = allowance.affordable(
                self.messages - published, published=published, in_flight=len(running)
            )
            running += [self.dice.choice(self.durations_ms) for _ in range(count)]
            published += count
            self.spent += count * cost.published_usd
            if not running:
                break
            ended = running.pop(self.dice.randrange(len(running)))
            self.spent += cost.billed(ended)
            allowance.heard(report(ended))
        assert allowance.spent_usd(published=published, in_flight=0) == pytest.approx(self.spent)
        return published


@given(
    st.integers(0, 2**32),
    st.decimals("0.00001", "0.01", places=5),
    st.integers(1, 9),
    st.lists(st.floats(1, 10_000), min_size=1, max_size=5),
)
def test_with_few_messages_the_budget_holds_whatever_they_take(
    seed: int, budget: Decimal, messages: int, durations_ms: list[float]
) -> None:
    """Up to the timeout, that is: fewer than ten reports are judged by it."""
    cell = Cell(budget, messages, durations_ms, random.Random(seed))
    cell.run()
    assert cell.spent <= budget


@given(st.integers(0, 2**32), st.decimals("0.001", "0.1", places=4), st.floats(1, 10_000))
def test_the_budget_holds_where_invocations_are_alike(
    seed: int, budget: Decimal, duration_ms: float
) -> None:
    cell = Cell(budget, 300, [duration_ms], random.Random(seed))
    published = cell.run()
    assert cell.spent <= budget
    if published < 300:  # stopped, though not with room for another one at the timeout
        worst = MessageCost.of(CELL, PRICES, 1000)
        assert cell.spent + worst.published_usd + worst.billed(10_000.0) > budget


def test_reports_make_room_for_what_the_timeout_forbade() -> None:
    """A budget for two at the timeout is enough for a hundred quick ones."""
    cost = MessageCost.of(CELL, PRICES, 1000)
    budget = 2 * (cost.published_usd + cost.billed(10_000.0)) + 100 * cost.published_usd
    cell = Cell(budget, 100, [5.0], random.Random(1))
    assert cell.run() == 100
