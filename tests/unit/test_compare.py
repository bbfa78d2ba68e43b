"""Verdicts on two runs: what regressed, what did not, what cannot be told, what is not there."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from run_cells import cell, durations, grid, run

from pytest_lambda_ml.analysis.compare import compare_runs, further_invocations
from pytest_lambda_ml.analysis.compare_text import (
    as_markdown,
    as_table,
    verdict_line,
    verdict_text,
)
from pytest_lambda_ml.analysis.comparison import Verdict
from pytest_lambda_ml.analysis.gate import GATED_METRICS, Limit, parse_limits
from pytest_lambda_ml.errors import RunStoreError
from pytest_lambda_ml.model import Outcomes

COST = (Limit("cost", 0.05),)


def steady(typical_ms: float, count: int = 90, seed: int = 0) -> np.ndarray:
    return np.round(np.random.default_rng(seed).normal(typical_ms, typical_ms / 50.0, count))


def only_row(base, new, limits=COST):
    comparison = compare_runs(base, new, limits)
    assert len(comparison.rows) == 1
    return comparison.rows[0]


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [
        (1.12, Verdict.REGRESSED),
        (0.88, Verdict.IMPROVED),
        (1.0, Verdict.UNCHANGED),
        (1.02, Verdict.UNCHANGED),
    ],
)
def test_each_verdict(factor, verdict) -> None:
    row = only_row(
        run("old", cell(steady(200.0))), run("new", cell(steady(200.0 * factor, seed=1)))
    )
    assert row.verdict is verdict
    assert row.ratio == pytest.approx(factor, abs=0.02)
    assert row.low < row.ratio < row.high


def test_a_change_within_the_limit_is_no_regression_however_sure() -> None:
    base, new = run("old", cell(steady(500.0))), run("new", cell(steady(540.0, seed=1)))
    assert only_row(base, new, (Limit("billed", 0.10),)).verdict is Verdict.UNCHANGED
    assert only_row(base, new, (Limit("billed", 0.05),)).verdict is Verdict.REGRESSED


def test_noise_is_inconclusive_and_the_advice_suffices() -> None:
    """Measuring as many more as it says settles the verdict."""
    rng = np.random.default_rng(3)
    base = run("old", cell(durations(rng, 40, 30.0)))
    row = only_row(base, run("new", cell(durations(rng, 40, 30.0))))
    assert row.verdict is Verdict.INCONCLUSIVE
    assert row.further
    more = 40 + 2 * row.further
    again = only_row(
        run("old", cell(durations(rng, more, 30.0))), run("new", cell(durations(rng, more, 30.0)))
    )
    assert again.verdict is Verdict.UNCHANGED


@given(
    ratio=st.floats(0.5, 2.0),
    error=st.floats(0.001, 0.5),
    share=st.floats(0.01, 0.5),
    count=st.integers(5, 1000),
    critical=st.floats(1.9, 4.0),
)
def test_the_advice_is_what_the_errors_say(ratio, error, share, count, critical) -> None:
    further = further_invocations(ratio, error, share, count, critical=critical)
    if further is None:
        return
    assert further >= 1
    shrunk = error * math.sqrt(count / (count + further)) * (1 - 1e-9)
    deviation, bound = abs(math.log(ratio)), math.log1p(share)
    within = deviation + 1.96 * shrunk <= bound * (1 + 1e-9)
    beyond = deviation - 1.96 * shrunk >= bound * (1 - 1e-9)
    assert within or (beyond and deviation >= critical * shrunk)


@pytest.mark.parametrize("metric", list(GATED_METRICS))
def test_every_metric_sees_what_it_is_of(metric) -> None:
    base = run("old", cell(steady(200.0), cold_ms=steady(900.0, 30), max_memory_mb=100))
    new = cell(steady(260.0, seed=1), cold_ms=steady(1200.0, 30, seed=1), max_memory_mb=130)
    assert only_row(base, run("new", new), (Limit(metric, 0.1),)).verdict is Verdict.REGRESSED
    unlike = {"memory": {"max_memory_mb": 130}, "init": {"cold_ms": steady(1200.0, 30, seed=1)}}
    same = {"cold_ms": steady(900.0, 30), "max_memory_mb": 100}
    for other, fields in unlike.items():
        got = only_row(
            base, run("new", cell(steady(200.0), **{**same, **fields})), (Limit(metric, 0.1),)
        )
        assert (got.verdict is Verdict.REGRESSED) == (metric == other)


def test_two_runs_of_63_cells_of_the_same_thing_pass_the_gate() -> None:
    rng = np.random.default_rng(6)
    typical = np.geomspace(4.0, 400.0, 63)
    base, new = (
        run(name, *grid(lambda number: durations(rng, 90, typical[number])))
        for name in ("old", "new")
    )
    comparison = compare_runs(base, new, parse_limits(["cost:5%", "p95:10%"], place="here"))
    assert len(comparison.rows) == 126
    assert not comparison.regressions
    assert comparison == compare_runs(base, new, parse_limits(["cost:5%,p95:10%"], place="here"))


def test_where_the_machine_changed_nothing_is_concluded_but_memory() -> None:
    base = run("old", cell(steady(200.0), max_memory_mb=100), cpu_loop_ms=20.0)
    new = run("new", cell(steady(300.0), max_memory_mb=200), cpu_loop_ms=23.0)
    cost, memory = compare_runs(base, new, (*COST, Limit("memory", 0.05))).rows
    assert cost.verdict is Verdict.INCONCLUSIVE
    assert "+15.0% CPU time" in cost.reason
    assert memory.verdict is Verdict.REGRESSED


def test_a_machine_that_changed_during_a_run_decides_nothing_either() -> None:
    base, new = run("old", cell(steady(200.0))), run("new", cell(steady(300.0)))
    new = dataclasses.replace(
        new, stored={"cpu_loop_ms": {"start": [20.0] * 10, "end": [30.0] * 10}}
    )
    row = only_row(base, new)
    assert row.verdict is Verdict.INCONCLUSIVE
    assert "+50.0% CPU time" in row.reason


def test_on_aws_this_machine_does_not_matter() -> None:
    base = run("old", cell(steady(200.0)), cpu_loop_ms=20.0, backend="aws")
    new = run("new", cell(steady(300.0)), cpu_loop_ms=40.0, backend="aws")
    assert only_row(base, new).verdict is Verdict.REGRESSED


def test_a_cell_that_no_longer_fits_has_regressed() -> None:
    gone = Outcomes(published=100, out_of_memory=100)
    new = run("new", cell([], outcomes=gone))
    row = only_row(run("old", cell(steady(50.0))), new)
    assert row.verdict is Verdict.REGRESSED
    assert "100 out of memory" in row.reason


def test_too_few_invocations_say_so() -> None:
    row = only_row(run("old", cell(steady(50.0))), run("new", cell([50.0, 51.0])))
    assert row.verdict is Verdict.INCONCLUSIVE
    assert row.reason == "2 warm invocations in the new run, 5 are needed"
    assert row.further == 3


def test_new_and_vanished_cells_are_named() -> None:
    base = run("old", cell(steady(50.0)), cell(steady(50.0), memory_mb=256))
    new = run("new", cell(steady(50.0)), cell(steady(50.0), memory_mb=1024))
    comparison = compare_runs(base, new, COST)
    assert comparison.new_cells == ("svm-reference-1024-10-100",)
    assert comparison.vanished_cells == ("svm-reference-256-10-100",)
    for text in (as_table(comparison, width=120), as_markdown(comparison)):
        assert "without a baseline: svm-reference-1024-10-100" in text
        assert "baseline only: svm-reference-256-10-100" in text


def test_the_timeout_is_not_what_a_cell_is() -> None:
    comparison = compare_runs(
        run("old", cell(steady(50.0), timeout_s=60)),
        run("new", cell(steady(50.0), timeout_s=90)),
        COST,
    )
    assert not comparison.new_cells
    assert len(comparison.rows) == 1


def test_a_cell_measured_twice_counts_once_with_all_its_invocations() -> None:
    twice = run("old", cell(steady(50.0)), cell(steady(50.0, seed=1)))
    assert only_row(twice, run("new", cell(steady(50.0)))).base_count == 180


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"partial": True, "partial_reason": "interrupted"}, "no baseline: it is partial"),
        ({"cells": ()}, "no cells"),
        ({"backend": "aws"}, "it ran on aws"),
    ],
)
def test_what_is_no_baseline_is_refused(fields, words) -> None:
    base = dataclasses.replace(run("old", cell(steady(50.0))), **fields)
    with pytest.raises(RunStoreError, match=words):
        compare_runs(base, run("new", cell(steady(50.0))), COST)


def test_markdown_tells_what_changed_first_and_folds_the_rest() -> None:
    cells = [cell(steady(200.0), memory_mb=memory) for memory in (512, 1024)]
    slower = [cells[0], cell(steady(400.0, seed=1), memory_mb=1024)]
    comparison = compare_runs(run("old", *cells), run("new", *slower), COST)
    text = as_markdown(comparison)
    assert text.startswith("### Lambda benchmarks: new against old: 1 regressed, 1 unchanged\n")
    before, _, folded = text.partition("<details>")
    assert "| svm-reference-1024-10-100 | cost:5% |" in before
    assert "❌ regressed" in before
    assert "svm-reference-512-10-100" in folded
    assert verdict_line(comparison) in as_table(comparison, width=100)


@pytest.mark.parametrize("width", [80, 100, 140])
def test_a_narrow_terminal_leaves_columns_out_and_cuts_none_off(width: int) -> None:
    cells = [
        cell(steady(50.0, seed=n), algorithm="logistic-regression", memory_mb=mb)
        for n, mb in enumerate((512, 1024, 10240))
    ]
    slower = [
        cell(steady(118.0, seed=9 + n), algorithm="logistic-regression", memory_mb=mb)
        for n, mb in enumerate((512, 1024, 10240))
    ]
    comparison = compare_runs(run("old", *cells), run("new", *slower), COST)
    lines = as_table(comparison, width=width).splitlines()
    for row in comparison.rows:
        (line,) = [line for line in lines if line.startswith(f"{row.cell_id} ")]
        assert "regressed" in line
        assert f"{row.ratio - 1:+.1%}" in line
    assert ("95 % interval" in lines[0]) == (width > 80)
    assert ("base" in lines[0]) == (width == 140)
    left_out = {80: "base, new, 95 % interval.", 100: "base, new.", 140: None}[width]
    assert left_out is None or f"A wider terminal also shows {left_out}" in lines
    assert left_out or not any("wider" in line for line in lines)
    assert all(len(line) <= width for line in lines)


def test_a_cell_with_a_long_name_gets_longer_lines_and_keeps_its_verdict() -> None:
    base, new = (run(n, cell(steady(m), algorithm="a" * 49)) for n, m in (("old", 50), ("new", 99)))
    comparison = compare_runs(base, new, COST)
    (row,) = comparison.rows
    assert len(row.cell_id) == 70
    heading, _, line, *_ = as_table(comparison, width=80).splitlines()
    assert heading.split() == ["cell", "metric", "change", "verdict"]
    assert line.split() == [row.cell_id, "cost:5%", f"{row.ratio - 1:+.1%}", "regressed"]


def test_text_from_outside_cannot_break_a_markdown_table() -> None:
    base = run("old", cell(steady(50.0), algorithm="a|b<script>"))
    text = as_markdown(compare_runs(base, run("new", *base.cells), COST))
    assert "<script>" not in text
    assert "a\\|b&lt;script>" in text


FEW = np.array([900.0, 905.0, 910.0])


def test_more_cold_starts_are_asked_for_where_they_are_what_lacks() -> None:
    base, new = (run(name, cell(steady(50.0), cold_ms=FEW)) for name in ("old", "new"))
    comparison = compare_runs(base, new, (Limit("init", 0.05),))
    (row,) = comparison.rows
    assert row.reason == "3 cold invocations in both runs, 5 are needed"
    assert "cold invocations: raise --lambda-concurrency" in as_table(comparison, width=200)
    rng = np.random.default_rng(1)
    base, new = (
        run(name, cell(steady(50.0), cold_ms=rng.normal(900.0, 90.0, 8))) for name in ("old", "new")
    )
    (row,) = compare_runs(base, new, (Limit("init", 0.05),)).rows
    assert row.further
    assert row.further >= 2
    assert f"about {row.further} more cold invocations in each run" in verdict_text(row)
    comparison = compare_runs(base, new, (Limit("init", 0.05),))
    assert f"inconclusive: +{row.further} cold" in as_table(comparison, width=120)
    assert "+ is about how many more invocations" in as_table(comparison, width=120)


def test_markdown_explains_no_sign_that_it_does_not_have() -> None:
    """A line that began with one would be a list within a list."""
    base, new = (run(name, cell(steady(50.0), cold_ms=FEW)) for name in ("old", "new"))
    lines = as_markdown(compare_runs(base, new, (Limit("init", 0.05),))).splitlines()
    assert not [line for line in lines if line.startswith(("- +", "- -"))]
    (said,) = [line for line in lines if "--lambda-concurrency" in line]
    assert said.startswith("- Warm ones come of more --lambda-invocations; cold invocations: raise")


def test_cold_starts_whose_init_is_not_known_are_not_called_absent() -> None:
    """As in the files of the thesis' tool."""
    one = cell(steady(50.0), cold_ms=FEW)
    one.invocations["init_duration_ms"] = np.nan
    row = only_row(run("old", one), run("new", one), (Limit("init", 0.05),))
    assert row.reason == "no init durations in both runs, 5 are needed"


@pytest.mark.parametrize(("factor", "most"), [(1.049, 0.1), (0.956, 0.1), (1.1, 1.0)])
def test_what_is_just_within_the_limit_is_seldom_called_otherwise(factor, most) -> None:
    """However many samples show that it has grown."""
    called = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        base, new = (np.ceil(rng.gamma(80.0, 12.0 * f, 200)) for f in (1.0, factor))
        verdict = only_row(run("old", cell(base)), run("new", cell(new))).verdict
        called += verdict in {Verdict.REGRESSED, Verdict.IMPROVED}
    assert called <= most * 20
    assert called >= 18 or most < 1.0


def test_growth_that_is_sure_but_perhaps_within_the_limit_is_told() -> None:
    row = only_row(run("old", cell(steady(200.0))), run("new", cell(steady(211.0, seed=1))))
    assert row.verdict is Verdict.INCONCLUSIVE
    assert "inconclusive: grown, but perhaps within the limit; about " in verdict_text(row)


def test_what_scatters_too_much_is_not_called_close_to_the_limit() -> None:
    rng = np.random.default_rng(5)
    wide = [np.concatenate([rng.normal(10.0, 0.1, 18), [700.0, 680.0 + n]]) for n in range(2)]
    row = only_row(run("old", cell(wide[0])), run("new", cell(wide[1])), (Limit("mean", 0.0001),))
    assert verdict_text(row) == "inconclusive: the samples scatter too much"
    few = rng.normal(100.0, 10.0, 8)
    row = only_row(run("old", cell(few)), run("new", cell(few * 1.0501)), (Limit("mean", 0.05),))
    assert verdict_text(row) == "inconclusive: too close to the limit"


def test_what_lies_beyond_the_limit_by_chance_says_so_and_promises_nothing() -> None:
    """Of 41 rows one is that far off now and then; how many more would tell is not known."""
    rng = np.random.default_rng(2)
    small = {"old": rng.normal(100.0, 8.0, 6), "new": rng.normal(118.0, 8.0, 6)}
    base, new = (
        run(
            name,
            cell(few, memory_mb=128),
            *(cell(durations(rng, 30, 40.0), memory_mb=256 + n) for n in range(40)),
        )
        for name, few in small.items()
    )
    comparison = compare_runs(base, new, COST)
    row = comparison.rows[0]
    assert row.low > 1.05
    assert row.p_value > 0.05
    words = "inconclusive: beyond the limit, but chance makes as much of 41 rows"
    assert verdict_text(row) == words
    assert words in as_table(comparison, width=200)
