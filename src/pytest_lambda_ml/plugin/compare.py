"""Cost in pytest-benchmark's tables: each row's name ends with its cost per million requests.

The one line that a project's root conftest needs, because ``pytest-benchmark compare`` loads no
plugins and asks only the conftest of the current directory::

    from pytest_lambda_ml.plugin.compare import pytest_benchmark_group_stats
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import pytest

__all__ = ["pytest_benchmark_group_stats", "show_cost"]

Row = dict[str, Any]
Groups = list[tuple[str | None, list[Row]]]


def pytest_benchmark_group_stats(
    config: pytest.Config | None, benchmarks: Iterable[Row], group_by: str
) -> Groups | None:
    """Group as pytest-benchmark does, then show cost; ``None`` inside pytest, where we hook in.

    Grouping comes first: names are what it pairs runs by.
    """
    if config is not None:
        return None
    from pytest_benchmark.plugin import pytest_benchmark_group_stats as upstream

    group: Callable[..., Groups] = upstream
    groups = group(config=config, benchmarks=list(benchmarks), group_by=group_by)
    side_by_side = any(argument.startswith("--between") for argument in sys.argv[1:])
    for _, rows in groups:
        show_cost(rows, one_row_per_test=side_by_side)
    return groups


def show_cost(
    rows: Iterable[Row],
    saved: Mapping[tuple[str, str], Mapping[str, Any]] | None = None,
    *,
    one_row_per_test: bool = False,
) -> None:
    """End each row's name with its cost; rows without one stay as they are.

    ``saved`` is the extra_info of baseline rows by (path, fullname): within a run pytest-benchmark
    gives them that of today. With ``one_row_per_test`` a test's rows will be shown as one, so its
    name gets the cost of each.
    """
    costs: dict[str, list[str]] = {}
    rows = list(rows)
    for row in rows:
        if saved is not None and (row.get("path"), row["fullname"]) in saved:
            row["extra_info"] = saved[row["path"], row["fullname"]]
        cost = _cost(row.get("extra_info") or {})
        if one_row_per_test:
            costs.setdefault(row["fullname"], []).append(cost or "–")
        elif cost:
            row["name"] += f" {cost}/M"
    for row in rows:
        if any(cost != "–" for cost in costs.get(row["fullname"], ())):
            row["name"] += f" {' → '.join(costs[row['fullname']])}/M"


def _cost(extra_info: Mapping[str, Any]) -> str | None:
    """Dollars per million requests, from the warm invocations."""
    cost = extra_info.get("cost_usd_per_million")
    if not isinstance(cost, int | float):
        return None
    return f"${cost:,.2f}"
