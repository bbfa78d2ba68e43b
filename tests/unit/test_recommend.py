"""What is recommended, how sure it is said to be, and where to measure more."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from recommend_cells import result, samples, store

from pytest_lambda_ml.analysis.load import load_run
from pytest_lambda_ml.analysis.recommend import recommend
from pytest_lambda_ml.analysis.recommend_pool import pooled
from pytest_lambda_ml.analysis.recommend_samples import (
    COLUMNS,
    CellSamples,
    samples_of_results,
    samples_of_run,
)
from pytest_lambda_ml.analysis.recommend_text import more_lines, one_line, sentences
from pytest_lambda_ml.analysis.recommendation import Question, Recommendation
from pytest_lambda_ml.analysis.traffic import DAYS_PER_MONTH, Traffic
from pytest_lambda_ml.measure.pricing import load_prices
from pytest_lambda_ml.model import Outcomes

PRICES = load_prices().prices
BUSY = Traffic(10_000_000)


def advise(*cells: CellSamples, draws: int = 2000, **asked: object) -> Recommendation:
    (told,) = recommend(cells, Question(**{"traffic": BUSY, **asked}), PRICES, draws=draws)
    return told


def noisy(mean: float, count: int = 50, cv: float = 0.1, seed: int = 1) -> np.ndarray:
    return mean * np.random.default_rng(seed).lognormal(-cv * cv / 2, cv, count)


def memory_of(told: Recommendation) -> int | None:
    return told.choice.configuration.memory_mb if told.choice else None


SLOW_CHEAP = samples(noisy(200), memory_mb=512)
FAST_DEAR = samples(noisy(110, seed=2), memory_mb=1024)
FASTEST = samples(noisy(90, seed=3), memory_mb=4096)


def test_each_objective_has_its_own_choice() -> None:
    cells = (SLOW_CHEAP, FAST_DEAR, FASTEST)
    assert memory_of(advise(*cells, objective="cost")) == 512
    assert memory_of(advise(*cells, objective="speed")) == 4096
    assert memory_of(advise(*cells, objective="balanced")) == 1024


def test_balanced_with_weight_one_is_cost_and_with_zero_is_speed() -> None:
    cells = (SLOW_CHEAP, FAST_DEAR, FASTEST)
    assert memory_of(advise(*cells, objective="balanced", weight=1.0)) == 512
    assert memory_of(advise(*cells, objective="balanced", weight=0.0)) == 4096


def test_balanced_scores_as_power_tuning_reckons() -> None:
    told = advise(
        samples([200.0] * 20, memory_mb=512),
        samples([100.0] * 20, memory_mb=2048),
        objective="balanced",
        weight=0.25,
    )
    by_memory = {each.configuration.memory_mb: each for each in told.candidates}
    cost = by_memory[512].usd_per_month / by_memory[2048].usd_per_month
    time = by_memory[2048].answer_ms_mean / by_memory[512].answer_ms_mean
    assert by_memory[512].score == pytest.approx(0.25 * cost + 0.75)
    assert by_memory[2048].score == pytest.approx(0.25 + 0.75 * time)


def test_the_monthly_cost_is_gb_seconds_and_requests_of_the_traffic_with_its_cold_starts() -> None:
    traffic = Traffic(24.0)  # one an hour: nearly all cold
    cell = samples([100.0] * 20, cold_ms=[1000.0] * 4, memory_mb=1024)
    told = advise(cell, traffic=traffic)
    assert told.choice is not None
    share = told.choice.cold_share
    assert share == pytest.approx(math.exp(-600 / 3600), rel=0.01)
    billed_s = (1 - share) * 0.1 + share * 1.0
    prices = PRICES("us-east-1", "x86_64")
    each = billed_s * float(prices.gb_second_usd) + float(prices.request_usd or 0)
    assert told.choice.usd_per_month == pytest.approx(24 * DAYS_PER_MONTH * each)


def test_a_batch_is_compared_at_the_same_number_of_items() -> None:
    told = advise(
        samples([100.0] * 20, batch_size=1), samples([400.0] * 20, batch_size=100), objective="cost"
    )
    assert told.choice is not None
    assert told.choice.configuration.batch_size == 100
    by_batch = {each.configuration.batch_size: each.usd_per_month for each in told.candidates}
    assert by_batch[1] > 20 * by_batch[100]


def test_limits_leave_out_what_misses_them_and_say_so() -> None:
    told = advise(SLOW_CHEAP, FAST_DEAR, FASTEST, max_p95_ms=150)
    assert memory_of(told) == 1024
    missed = {each.configuration.memory_mb: each.missed for each in told.candidates}
    assert missed[512] is not None
    assert "p95" in missed[512]
    assert missed[1024] is None


def test_no_cell_within_the_limits_is_said_with_the_nearest() -> None:
    told = advise(SLOW_CHEAP, FAST_DEAR, max_cold_ms=10)
    assert told.choice is None
    assert "no cell keeps the limits" in sentences(told)[0]
    assert "cold start" in one_line(told)


def test_the_cheapest_cell_misses_a_limit_by_its_value_and_the_nearest_to_it_is_named() -> None:
    told = advise(SLOW_CHEAP, FAST_DEAR, FASTEST, max_p95_ms=50)
    (said,) = sentences(told)
    assert "(p95 at most 50 ms); the cheapest cell, 512 MB: p95 of 2" in said
    assert "ms is above 50 ms; 4096 MB has the lowest p95, " in said
    assert "lowest cost" not in said
    (fast,) = sentences(advise(SLOW_CHEAP, FASTEST, max_p95_ms=50, objective="speed"))
    assert "the fastest cell, 4096 MB: " in fast
    assert fast.endswith(", the lowest p95 of all")


def test_a_limit_on_cold_starts_needs_a_measured_one() -> None:
    told = advise(samples(noisy(50), cold_ms=()), max_cold_ms=5000)
    assert told.choice is None
    assert told.candidates[0].missed == "no cold start was measured"


def test_cells_that_fail_or_have_too_few_samples_are_excluded_with_why() -> None:
    told = advise(
        SLOW_CHEAP,
        samples([5.0] * 20, memory_mb=128, outcomes=Outcomes(published=20, out_of_memory=20)),
        samples(
            [5.0] * 20, memory_mb=192, outcomes=Outcomes(published=22, succeeded=20, timed_out=2)
        ),
        samples([5.0], memory_mb=256),
    )
    assert memory_of(told) == 512
    assert [why for _, why in told.excluded] == [
        "nothing succeeded (out of memory)",
        "2 of 22 timed out",
        "1 warm invocation: too few to judge",
    ]


def test_nothing_but_failures_is_no_recommendation() -> None:
    told = advise(samples([], cold_ms=(), outcomes=Outcomes(published=5, failed=5)))
    assert told.choice is None
    assert one_line(told) == "no recommendation: nothing succeeded (failed)"


def test_a_clear_best_is_decided_and_equals_share_the_honour() -> None:
    clear = advise(SLOW_CHEAP, FASTEST)
    assert clear.decided
    assert clear.p_best > 0.99
    assert clear.more == ()
    twins = advise(
        samples(noisy(100, cv=0.5, seed=4), concurrency=2),
        samples(noisy(100, cv=0.5, seed=9), concurrency=10),
    )
    assert not twins.decided
    assert twins.p_memory > 0.99


def test_the_fastest_is_not_drawn_towards_cells_of_other_memory_and_engines() -> None:
    """Of 16 short invocations of few milliseconds, most cells twice as slow and alike."""
    noise = np.random.default_rng(3).lognormal(0, 0.8, (5, 16))
    noise /= noise.mean(axis=1, keepdims=True)
    means = {("fast", 512): 2.0, ("reference", 512): 5.8, ("reference", 1024): 4.1}
    means |= {("reference", 1536): 4.0, ("reference", 2048): 4.0}
    cells = [
        samples(ms * noise[i], engine=engine, memory_mb=memory)
        for i, ((engine, memory), ms) in enumerate(means.items())
    ]
    for asked in ({"objective": "speed"}, {"objective": "balanced", "weight": 0.0}):
        told = advise(*cells, **asked)
        assert told.choice is not None
        assert told.choice.configuration.engine == "fast"
        assert told.p_best == max(each.p_best for each in told.candidates) > 0.8


def test_the_regret_is_what_the_choice_loses_on_average() -> None:
    told = advise(
        samples(noisy(100, cv=0.3, seed=6), memory_mb=512),
        samples(noisy(49, cv=0.3, seed=7), memory_mb=1024),
    )
    assert told.choice is not None
    assert 0 < told.regret < 0.1 * told.choice.usd_per_month


def test_as_many_more_invocations_as_are_asked_for_decide_mostly() -> None:
    """Measure again with the number of samples that was asked for, many times over."""
    decided = asked_for = 0
    for seed in range(40):

        def cells(count: int, seed: int = seed) -> tuple[CellSamples, CellSamples]:
            return (
                samples(noisy(100, count, 0.3, seed), memory_mb=512),
                samples(noisy(54, count, 0.3, 1000 + seed), memory_mb=1024),
            )

        told = advise(*cells(12), draws=1000)
        wanted = [each.invocations for each in told.more if each.invocations]
        if wanted:
            asked_for += 1
            decided += advise(*cells(12 + max(wanted)), draws=1000).decided
    assert asked_for >= 10
    assert decided / asked_for > 0.5


def test_a_cell_that_is_dearer_by_less_than_one_percent_is_as_good_as_the_best() -> None:
    steady = [1000.0, 1001.0, 999.0] * 20
    told = advise(samples(steady, concurrency=2), samples([ms + 6 for ms in steady], concurrency=4))
    assert all(each.p_equal > 0.99 for each in told.candidates)
    assert sum(each.p_best for each in told.candidates) == pytest.approx(1)
    apart = advise(samples(steady), samples([ms + 20 for ms in steady], concurrency=4))
    assert [round(each.p_best) for each in apart.candidates] == [1, 0]


def test_cells_too_close_to_tell_apart_are_called_so() -> None:
    told = advise(
        samples([1000.0, 1020.0, 980.0] * 40, concurrency=2),
        samples([1000.0, 1020.0, 981.0] * 40, concurrency=4),
    )
    assert told.p_best < 0.9
    assert any("either will do" in line for line in more_lines(told))
    assert not any(each.invocations for each in told.more)


def test_cells_that_only_look_close_are_to_be_measured_more() -> None:
    """Means 0.2 % apart, of 20 samples that spread by 80 %."""
    told = advise(
        samples([100.0, 1900.0] * 10, concurrency=2), samples([102.0, 1902.0] * 10, concurrency=4)
    )
    assert not any("either will do" in line for line in more_lines(told))
    assert len(told.more) == 2
    assert all((each.invocations or 0) > 1000 for each in told.more)


def test_what_no_affordable_number_of_samples_tells_is_not_called_close() -> None:
    told = advise(
        samples([1.0, 10_000.0] * 4, concurrency=2), samples([2.0, 10_010.0] * 4, concurrency=4)
    )
    more = [replace(each, invocations=None) for each in told.more]
    (line,) = more_lines(replace(told, more=tuple(more)))
    assert "either will do" not in line
    assert "100,000" in line


@pytest.mark.parametrize(
    ("at_1024", "at_2048", "memory"),
    [(80.0, 40.0, 1024), (150.0, 90.0, 2048), (900.0, 500.0, 2048)],
)
def test_the_rule_of_thumb_stands_beside_the_choice(
    at_1024: float, at_2048: float, memory: int
) -> None:
    told = advise(
        samples(noisy(at_1024 * 2), memory_mb=512),
        samples(noisy(at_1024), memory_mb=1024),
        samples(noisy(at_2048), memory_mb=2048),
    )
    assert told.rule is not None
    assert told.rule.candidate is not None
    assert told.rule.candidate.configuration.memory_mb == memory


def test_the_rule_of_thumb_needs_its_memory_size() -> None:
    told = advise(SLOW_CHEAP, FASTEST)
    assert told.rule is not None
    assert told.rule.candidate is None
    assert any("1024 MB was not measured" in line for line in sentences(told))


def test_the_rule_of_thumb_falls_back_to_the_reference_engine() -> None:
    """As beside a fast engine that was measured at small memory sizes alone."""
    fast = samples(noisy(9), memory_mb=512, engine="fast")
    told = advise(fast, *(samples(noisy(90, seed=n), memory_mb=1024 * n) for n in (1, 2)))
    assert told.choice is not None
    assert told.choice.configuration.engine == "fast"
    (line,) = [line for line in sentences(told) if line.startswith("rule of thumb")]
    assert "1024 MB with engine reference (89.6 ms at 1024 MB; engine fast was not" in line
    assert "slower" in line
    told = advise(fast, samples(noisy(90), memory_mb=1024, concurrency=7))
    assert told.rule is not None
    assert told.rule.candidate is None
    assert told.rule.why == "1024 MB was not measured with all else alike"


def test_what_two_tests_measured_of_one_configuration_is_one_cell() -> None:
    one, other = samples(noisy(100, 10)), samples(noisy(101, 12, seed=2), cold_ms=[900.0])
    apart = replace(other, configuration=replace(other.configuration, timeout_s=90))
    told = advise(one, apart, FASTEST)
    assert len(told.candidates) == 2
    both = next(each for each in told.candidates if each.configuration.memory_mb == 512)
    assert both.warm_count == 22
    assert both.cold_count == len(one.cold_billed_ms) + 1
    cell = pooled([one, apart])[0]
    assert cell.outcomes.succeeded == one.outcomes.succeeded + other.outcomes.succeeded
    assert set(cell.environment[:10]).isdisjoint(cell.environment[10:])


def test_where_cold_starts_are_what_is_not_known_more_of_them_are_asked_for() -> None:
    rare = Traffic(24.0)  # one an hour: nearly all cold
    cells = [
        samples([100.0] * 50, cold_ms=noisy(mean, 4, cv=0.3, seed=seed), concurrency=concurrency)
        for mean, seed, concurrency in ((900, 6, 2), (1000, 7, 4))
    ]
    told = advise(*cells, traffic=rare)
    asked = [each for each in told.more if each.invocations]
    assert asked
    assert all(each.cold for each in asked)
    assert any("cold invocations: raise --lambda-concurrency" in line for line in more_lines(told))
    warm = advise(samples(noisy(100, 12, 0.3), memory_mb=512), samples(noisy(54, 12, 0.3, 8)))
    assert not any(each.cold for each in warm.more)


def test_a_cell_that_is_out_does_not_take_one_of_another_architecture_with_it() -> None:
    dead = Outcomes(published=22, out_of_memory=22)
    told = advise(
        samples(noisy(100), memory_mb=512),
        samples([], cold_ms=[], memory_mb=512, architecture="arm64", outcomes=dead),
        samples(noisy(150), memory_mb=1024),
    )
    assert memory_of(told) == 512
    assert len(told.candidates) == 2
    assert [why for _, why in told.excluded] == ["nothing succeeded (out of memory)"]


def test_the_same_samples_give_the_same_answer() -> None:
    assert advise(SLOW_CHEAP, FAST_DEAR) == advise(SLOW_CHEAP, FAST_DEAR)


def test_algorithms_are_answered_apart_and_in_their_order() -> None:
    found = recommend(
        [samples(noisy(9), algorithm="svm"), samples(noisy(9), algorithm="pca")], Question(), PRICES
    )
    assert [told.algorithm for told in found] == ["svm", "pca"]


def test_a_cold_start_without_an_init_duration_is_still_paid_for(tmp_path: Path) -> None:
    """As in the thesis tool's files, which have no Init Duration."""
    told = result(warm_ms=[10.0, 11.0])
    bare = [
        replace(item, report=replace(item.report, init_duration_ms=None))
        for item in told.invocations
        if item.report
    ]
    results = [replace(told, invocations=tuple(bare))]
    store(tmp_path, results)
    stored = samples_of_run(load_run("latest", tmp_path, columns=COLUMNS))
    for cell in (*samples_of_results(results), *stored):
        assert list(cell.cold_billed_ms) == [800.0, 820.0]
        assert list(cell.cold_answer_ms) == [800.0, 820.0]
        assert len(cell.cold_start_ms) == 0
        advised = advise(cell)
        assert advised.notes == ()
        assert advised.candidates[0].cold_ms_p95 is None


@pytest.mark.parametrize("at_import", [False, True])
def test_a_stored_run_gives_the_samples_that_the_session_had(
    tmp_path: Path, *, at_import: bool
) -> None:
    results = [
        result(warm_ms=[10.5, 11.5, 30.0], at_import=at_import),
        result(warm_ms=[5.0, 6.0], memory_mb=1024, failed=["boom"]),
    ]
    store(tmp_path, results)
    before = samples_of_results(results)
    after = samples_of_run(load_run("latest", tmp_path, columns=COLUMNS))
    for one, other in zip(before, after, strict=True):
        assert one.configuration == other.configuration
        for name in ("warm_billed_ms", "warm_duration_ms", "cold_billed_ms", "cold_start_ms"):
            assert getattr(one, name) == pytest.approx(getattr(other, name)), name
        assert one.cold_answer_ms == pytest.approx(other.cold_answer_ms)
        assert len(set(one.environment)) == len(set(other.environment))
    expected = 600.0 if at_import else 700.0
    assert before[0].cold_start_ms == pytest.approx([expected, expected])
