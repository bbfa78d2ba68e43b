"""``--lambda-budget``: nothing is started that is expected to cost more, and what stops is said."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_lambda_ml.analysis.wording import money
from pytest_lambda_ml.campaign.estimate import Interval
from pytest_lambda_ml.errors import BudgetError
from pytest_lambda_ml.plugin.dry_run_backend import DryRunBackend
from pytest_lambda_ml.plugin.planned_cell import planned_cell
from pytest_lambda_ml.plugin.progress import ProgressLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from pytest_lambda_ml.campaign.estimate import PlannedCell
    from pytest_lambda_ml.campaign.result import CellResult
    from pytest_lambda_ml.plugin.forecast import Forecast
    from pytest_lambda_ml.plugin.grid import Matrix
    from pytest_lambda_ml.settings import Settings

__all__ = [
    "BUDGET_SAID",
    "check_affordable",
    "check_cell_affordable",
    "check_stopped",
    "skip_when_spent",
]


BUDGET_SAID = pytest.StashKey[str]()
"""What was expected of a session that has a budget and may start."""

COUNTED = pytest.StashKey[dict[str, "PlannedCell"]]()
"""The cells that this counted, by test."""


def check_affordable(
    config: pytest.Config, cells: Iterable[tuple[pytest.Item, Matrix, Mapping[str, Any]]]
) -> None:
    """Raise UsageError when the cells, given as (test, markers, parameters), cost too much.

    Only cells that their parameters tell can be counted before they run; what the others cost is
    held to the budget while they run. Decided by what is expected: what a stored run says of a
    cell, and the least that is possible where none does. A timeout says nothing of a cost: by it
    hardly anything would start. How much was known is kept in ``BUDGET_SAID``.
    """
    from pytest_lambda_ml.plugin.options import SETTINGS

    settings = config.stash[SETTINGS]
    budget = settings.budget_usd
    if budget is None:
        return
    backend = DryRunBackend(settings, ProgressLine(config))
    only_one = bool(config.getoption("benchmark_disable", default=False))
    planned = [
        (item, planned_cell(item, matrix, values, backend, only_one=only_one))
        for item, matrix, values in cells
    ]
    counted = {item.nodeid: cell for item, cell in planned if cell is not None}
    config.stash[COUNTED] = counted
    estimates = [backend.forecast.estimate(cell) for cell in counted.values()]
    unknown = len(planned) - sum(each.measured_in is not None for each in estimates)
    cost = sum((each.cost_usd for each in estimates), Interval(0.0, 0.0))
    expected = sum(each.expected_usd for each in estimates)
    if expected > budget:
        raise pytest.UsageError(
            f"{settings.place('budget_usd')}: the {len(estimates)} selected cells are expected to "
            f"cost {money(expected)} ({money(cost.low)} to {money(cost.high)}), and the budget is "
            f"{money(budget)}; nothing was started. {_known(unknown, len(planned))}Select less "
            "(-k, --lambda-memory, --lambda-invocations) or raise the budget; --lambda-dry-run "
            "shows every cell"
        )
    notes = " ".join(
        f"Note: {each}." for each in dict.fromkeys(n for e in estimates for n in e.notes)
    )
    config.stash[BUDGET_SAID] = (
        f"budget {money(budget)}, expected {money(expected)}. "
        f"{_known(unknown, len(planned))}{notes}"
    ).rstrip()


def _known(unknown: int, cells: int) -> str:
    """How much of an expectation rests on nothing."""
    if not unknown:
        return ""
    return (
        f"Of {unknown} of the {cells} cells no stored run says what they cost, so the least that "
        "is possible is expected: only the cap while publishing holds them to the budget. "
    )


def check_cell_affordable(
    node: pytest.Item, cell: PlannedCell, forecast: Forecast, left_usd: Decimal
) -> None:
    """Raise BudgetError for a cell that only its test's call tells, if it costs too much.

    What has been counted before the session is only held to the budget while it runs.
    """
    counted = node.config.stash.get(COUNTED, {}).get(node.nodeid)
    cell_id = cell.configuration.cell_id
    same = counted is not None and counted.configuration.cell_id == cell_id
    if counted and same and counted.invocations >= cell.invocations:
        return
    estimate = forecast.estimate(cell)
    if estimate.expected_usd > left_usd:
        said = estimate.measured_in or "the least that is possible"
        raise BudgetError(
            f"{cell_id}: {cell.invocations} invocations are expected to cost "
            f"{money(estimate.expected_usd)} ({said}), and {money(left_usd)} of the budget are "
            "left; nothing of it was started. Lower --lambda-invocations or raise --lambda-budget"
        )


def skip_when_spent(*, spent: bool, budget_usd: Decimal | None) -> None:
    """Skip a test whose cell the budget has no room for."""
    if spent:
        raise pytest.skip.Exception(f"the budget of {money(budget_usd)} is spent")


def check_stopped(result: CellResult, wanted: int, settings: Settings, stored_in: str) -> None:
    """Raise BudgetError for a cell that was cut short."""
    if not result.partial:
        return
    published = result.outcomes.published
    raise BudgetError(
        f"{result.configuration.cell_id}: stopped by the budget of {money(settings.budget_usd)} "
        f"({settings.place('budget_usd')}): {published} of {wanted} messages were published, "
        f"{result.outcomes.succeeded} succeeded; they are stored in {stored_in}, marked partial. "
        "Until ten reports exist, each message in flight counts as billed for the whole timeout "
        f"({result.configuration.timeout_s} s): a shorter --lambda-timeout lets more start"
    )
