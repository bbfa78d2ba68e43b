"""Cost in pytest-benchmark's tables: shown in each row, in nobody's way."""

from __future__ import annotations

from pytest_lambda_ml.plugin.compare import pytest_benchmark_group_stats, show_cost


def row(name: str = "test_x[svm]", cost: object = 3.267, **more: object) -> dict:
    extra = {} if cost is None else {"cost_usd_per_million": cost}
    return {
        "name": name,
        "fullname": f"t.py::{name}",
        "group": "svm",
        "param": "svm",
        "params": {"memory_mb": 512},
        "extra_info": extra,
        **more,
    }


def test_a_rows_name_ends_with_its_cost() -> None:
    rows = [row(), row("test_y", cost=None), row("test_z", cost="dear"), row("w", cost=1234.5)]
    show_cost(rows)
    assert [each["name"] for each in rows] == [
        "test_x[svm] $3.27/M",
        "test_y",
        "test_z",
        "w $1,234.50/M",
    ]


def test_runs_are_grouped_before_their_names_change() -> None:
    """Else each row would be a group of its own, because costs differ from run to run."""
    for group_by in ("name", "fullname", "func,param:memory_mb", "group"):
        rows = (row(cost=cost, source=str(cost)) for cost in (1.0, 2.0))
        [(_, grouped)] = pytest_benchmark_group_stats(None, rows, group_by)
        assert [each["name"] for each in grouped] == ["test_x[svm] $1.00/M", "test_x[svm] $2.00/M"]


def test_full_names_stay_as_they_are() -> None:
    rows = [row()]
    show_cost(rows)
    assert rows[0]["fullname"] == "t.py::test_x[svm]"


def test_baseline_rows_show_the_cost_that_was_saved() -> None:
    rows = [row(cost=9.0, path="/b/0001.json"), row(cost=9.0, path=None)]
    show_cost(rows, {("/b/0001.json", "t.py::test_x[svm]"): {"cost_usd_per_million": 4.0}})
    assert [each["name"] for each in rows] == ["test_x[svm] $4.00/M", "test_x[svm] $9.00/M"]


def test_a_table_between_runs_shows_the_cost_in_each() -> None:
    rows = [row(cost=1.0), row(cost=2.0), row("test_y", cost=None)]
    show_cost(rows, one_row_per_test=True)
    assert rows[0]["name"] == rows[1]["name"] == "test_x[svm] $1.00 → $2.00/M"
    assert rows[2]["name"] == "test_y"


def test_inside_pytest_the_conftest_line_leaves_grouping_to_others(pytestconfig) -> None:
    assert pytest_benchmark_group_stats(pytestconfig, [row()], "group") is None
