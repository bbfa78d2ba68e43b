"""Items and tokens a second, and what they cost, from what invocations took and reported."""

from __future__ import annotations

from decimal import Decimal

import pytest
from cell_log import record

from pytest_lambda_ml.campaign.ml_units import ml_units, reported_quality
from pytest_lambda_ml.measure.record import parse_record
from pytest_lambda_ml.model import Invocation, InvocationRecord, Outcome, Report


def invocation(duration_ms: float | None = 500.0, **figures: object) -> Invocation:
    found = parse_record(record("00001", "request", figures=figures).message)
    assert isinstance(found, InvocationRecord)
    report = Report(request_id="request", duration_ms=duration_ms)
    return Invocation(sample_id="00001", outcome=Outcome.SUCCEEDED, report=report, record=found)


GENERATION = {"prompt_tokens": 140, "new_tokens": 512, "time_to_first_token_ms": 30.0}


def test_rates_are_totals_over_totals_so_that_slow_invocations_count_for_what_they_took():
    units = ml_units([invocation(100), invocation(1900)], 10, Decimal("0.5"))
    assert units["items_per_s"] == pytest.approx(10)
    assert units["tokens_per_s"] is None
    assert units["cost_usd_per_million_tokens"] is None
    assert units["new_tokens"] is None


def test_generation_is_told_in_tokens():
    warm = [
        invocation(1000, **GENERATION),
        invocation(3000, **{**GENERATION, "prompt_tokens": 120, "time_to_first_token_ms": 50.0}),
        invocation(4000, **{**GENERATION, "time_to_first_token_ms": 40.0}),
    ]
    assert ml_units(warm, 2, Decimal("0.003072")) == {
        "items_per_s": 6 / 8,
        "tokens_per_s": 3 * 512 / 8,
        "time_to_first_token_ms": 40.0,
        "cost_usd_per_million_tokens": pytest.approx(2.0),
        "prompt_tokens": pytest.approx(400 / 6),
        "new_tokens": 256,
    }


def test_tokens_that_some_invocation_does_not_tell_are_not_told_for_the_cell():
    units = ml_units([invocation(**GENERATION), invocation()], 1, Decimal(1))
    assert units["tokens_per_s"] is units["new_tokens"] is units["prompt_tokens"] is None
    assert units["items_per_s"] == pytest.approx(2)


def test_an_encoder_reads_tokens_and_writes_none():
    units = ml_units([invocation(prompt_tokens=280)], 4, Decimal(1))
    assert units["prompt_tokens"] == 70
    assert units["tokens_per_s"] is units["cost_usd_per_million_tokens"] is None


@pytest.mark.parametrize("warm", [[], [invocation(None, **GENERATION)]])
def test_without_a_duration_there_is_no_rate(warm):
    assert set(ml_units(warm, 1, Decimal(0)).values()) == {None}


def test_quality_is_what_records_say_under_the_prefix():
    told = invocation(quality_cosine=0.99, quality_arc_accuracy=1, threads=1)
    assert reported_quality([invocation(), told]) == {"cosine": 0.99, "arc_accuracy": 1.0}
    assert reported_quality([invocation(threads=1)]) == {}
