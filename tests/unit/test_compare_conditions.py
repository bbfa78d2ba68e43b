"""What keeps two runs from being compared: other data, regions or prices; and a gate's part."""

from __future__ import annotations

import pytest
from run_cells import cell, run

from pytest_lambda_ml.analysis.compare import compare_runs
from pytest_lambda_ml.analysis.compare_text import as_markdown, as_table, nothing_gated
from pytest_lambda_ml.analysis.comparison import Verdict
from pytest_lambda_ml.analysis.gate import Limit

COST = (Limit("cost", 0.05),)


def steady(typical_ms: float) -> list[float]:
    return [typical_ms, typical_ms + 1.0] * 45


def only_row(base, new):
    (row,) = compare_runs(base, new, COST).rows
    return row


BUNDLED = {"dataset_sha256": "0123456789abcdef"}
OTHER_DATA = {"dataset": "file a.csv sha256:fedcba987654", "dataset_sha256": "fedcba9876543210"}


@pytest.mark.parametrize(
    ("provenance", "backend", "words"),
    [
        (OTHER_DATA, "local", "other data: file a.csv sha256:fedcba987654 and bundled"),
        ({"dataset_sha256": "f" * 64}, "local", "other data: bundled, which has changed"),
        ({"region": "eu-west-1"}, "aws", "other regions: eu-west-1 and us-east-1"),
    ],
)
def test_other_data_and_other_regions_are_not_compared(provenance, backend, words) -> None:
    base = run("old", cell(steady(50.0), provenance=provenance), backend=backend)
    new = run("new", cell(steady(90.0), provenance=BUNDLED), backend=backend)
    comparison = compare_runs(base, new, COST)
    assert [(row.verdict, row.reason) for row in comparison.rows] == [(Verdict.INCOMPARABLE, words)]
    assert comparison.compared == comparison.regressions == ()
    assert comparison.lacking(COST) == COST
    assert words in nothing_gated(comparison, COST)
    for text in (as_table(comparison, width=140), as_markdown(comparison)):
        assert f"incomparable: {words}" in text


@pytest.mark.parametrize(
    "provenance",
    [
        pytest.param(OTHER_DATA, id="the same file"),
        pytest.param({**OTHER_DATA, "dataset": "file b.csv sha256:fedcba987654"}, id="renamed"),
        pytest.param({"dataset": "not known: imported"}, id="not known"),
        pytest.param({"dataset": "bundled"}, id="not recorded"),
    ],
)
def test_data_are_known_by_what_is_in_them_and_what_is_not_known_is_no_other(provenance) -> None:
    base = run("old", cell(steady(50.0), provenance=OTHER_DATA))
    assert only_row(base, run("new", cell(steady(50.0), provenance=provenance))).ratio


def test_where_prices_differ_cost_is_not_compared_and_durations_are() -> None:
    base, dear = (cell(steady(50.0)) for _ in range(2))
    dear.invocations["gb_seconds_usd"] *= 1.2
    cost, billed = compare_runs(
        run("old", base), run("new", dear), (*COST, Limit("billed", 0.05))
    ).rows
    assert cost.reason == "other prices: $0.0000166667 and $0.00002 per GB-second"
    assert cost.verdict is Verdict.INCOMPARABLE
    assert billed.verdict is Verdict.UNCHANGED


def test_a_limit_that_was_held_against_nothing_is_named_though_another_was() -> None:
    base, dear = (cell(steady(50.0)) for _ in range(2))
    dear.invocations["gb_seconds_usd"] *= 1.2
    limits = (*COST, Limit("billed", 0.05))
    comparison = compare_runs(run("old", base), run("new", dear), limits)
    assert comparison.lacking(limits) == COST
    assert comparison.lacking(limits[1:]) == ()
    said = nothing_gated(comparison, COST)
    assert said.startswith("cost:5% was not gated, no cell can be compared with the baseline old: ")
    assert "other prices: $0.0000166667 and $0.00002 per GB-second; choose a baseline" in said


def test_what_else_differs_is_noted() -> None:
    base = run("old", cell(steady(50.0), provenance={"dataset": "file a.csv"}))
    new = run("new", cell(steady(50.0)), cpu_loop_ms=None)
    notes = " ".join(compare_runs(base, new, COST).notes)
    assert "data sets: file a.csv and bundled" in notes
    assert "how fast this machine was" in notes
