"""``--lambda-budget``: nothing is started that is expected to cost more, and what stops is said."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from pytest_lambda_ml.artifact import find_handler
from pytest_lambda_ml.campaign.estimate import Interval, PlannedCell
from pytest_lambda_ml.errors import BudgetError, HandlerError
from pytest_lambda_ml.model import Configuration
from pytest_lambda_ml.plugin import grid
from pytest_lambda_ml.plugin.backend import LOCAL_REGION, DryRunBackend
from pytest_lambda_ml.plugin.forecast import Forecast
from pytest_lambda_ml.plugin.presets import DEFAULT_GRID
from pytest_lambda_ml.plugin.progress import ProgressLine
from pytest_lambda_ml.plugin.summary import money

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from decimal import Decimal

    from pytest_lambda_ml.artifact import HandlerFolder
    from pytest_lambda_ml.campaign.result import CellResult
    from pytest_lambda_ml.plugin.grid import Matrix
    from pytest_lambda_ml.settings import Settings

__all__ = ["BUDGET_SAID", "check_affordable", "check_stopped", "skip_when_spent"]


BUDGET_SAID = pytest.StashKey[str]()
"""What was expected of a session that has a budget and may start."""


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
    architecture = DryRunBackend(settings, ProgressLine(config)).architecture
    forecast = Forecast(settings)
    only_one = bool(config.getoption("benchmark_disable", default=False))
    planned = [
        _planned(item, matrix, values, settings, architecture, only_one=only_one)
        for item, matrix, values in cells
    ]
    estimates = [forecast.estimate(cell) for cell in planned if cell is not None]
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


def _planned(
    item: pytest.Item,
    matrix: Matrix,
    values: Mapping[str, Any],
    settings: Settings,
    architecture: Any,
    *,
    only_one: bool,
) -> PlannedCell | None:
    """The cell of a test; ``None`` where its call decides what it is."""
    algorithm, memory_mb = values.get("algorithm"), values.get("memory_mb")
    if not isinstance(algorithm, str) or not isinstance(memory_mb, int):
        return None
    engine = str(values.get("engine", "reference"))
    folder = _folder(item, algorithm, engine)
    lists = {
        name: values.get(name, getattr(DEFAULT_GRID, name)[0])
        for name in ("memory_mb", "concurrency", "batch_size")
    }
    limits = grid.limits_of(
        matrix,
        settings,
        algorithm=algorithm,
        values=lists,
        handler_timeout_s=folder.timeout_s if folder else None,
    )
    region = values.get("lambda_region")
    return PlannedCell(
        configuration=Configuration(
            algorithm=folder.name if folder else algorithm,
            engine=engine,
            timeout_s=limits.timeout_s,
            ephemeral_mb=limits.ephemeral_mb,
            architecture=architecture,
            snap_start=settings.snap_start,
            region=region,
            **lists,
        ),
        region=region or settings.aws_region or LOCAL_REGION,
        invocations=1 if only_one else limits.invocations,
        message_bytes=1,
    )


def _folder(item: pytest.Item, algorithm: str, engine: str) -> HandlerFolder | None:
    with suppress(HandlerError):
        return find_handler(
            algorithm, engine=engine, search=[item.path.parent, item.config.rootpath]
        )
    return None


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
