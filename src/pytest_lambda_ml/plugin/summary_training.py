"""The table of trainings over functions: what they came to, how long they took, what they cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.terminal_table import Column
from pytest_lambda_ml.analysis.wording import ABSENT, money, number
from pytest_lambda_ml.campaign.training_result import alone_of, speed_up
from pytest_lambda_ml.plugin.summary_table import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_lambda_ml.campaign.result import CellResult
    from pytest_lambda_ml.campaign.training_result import Training

__all__ = ["training_columns"]


def training_columns(rows: Sequence[CellResult]) -> tuple[Figure, ...]:
    """The columns of a table of these cells, all of them trainings."""

    def at_once(row: CellResult, training: Training) -> str:
        return number(speed_up(alone_of(row, rows), training), 2)

    return (
        Figure(Column("functions\n"), lambda r: str(r.configuration.concurrency)),
        Figure(Column("memory\nMB"), lambda r: str(r.configuration.memory_mb), constant="{} MB"),
        Figure(
            Column("engine\n", left=True), lambda r: r.configuration.engine, constant="engine {}"
        ),
        Figure(
            Column("region\n", left=True),
            lambda r: r.configuration.region or "",
            constant="region {}",
        ),
        _of(Column("rounds\n", drop=1), lambda _, t: str(t.rounds)),
        _of(Column("accuracy,\none average", drop=3), lambda _, t: _share(t.accuracy_one_shot)),
        _of(Column("accuracy\n"), lambda _, t: _share(t.accuracy)),
        _of(Column("off the single\nmachine", drop=2), lambda _, t: _off(t.accuracy_difference)),
        _of(Column("makespan\ns"), lambda _, t: _seconds(t.makespan_ms)),
        _of(Column("critical\npath s"), lambda _, t: _seconds(t.critical_path_ms)),
        _of(Column("speed-up\nat once", drop=4), at_once),
        Figure(Column("$ in\nall"), lambda r: money(r.figures.cost_total.total_usd)),
    )


def _of(column: Column, write: Callable[[CellResult, Training], str]) -> Figure:
    return Figure(column, lambda row: write(row, row.training) if row.training else ABSENT)


def _share(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4f}"


def _off(value: float | None) -> str:
    return ABSENT if value is None else f"{value:+.4f}"


def _seconds(duration_ms: float | None) -> str:
    return ABSENT if duration_ms is None else number(duration_ms / 1000, 1)
