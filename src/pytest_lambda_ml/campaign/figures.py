"""From invocations to the figures of a cell, and to what pytest-benchmark is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pytest_lambda_ml.campaign.result import CellResult

__all__ = ["Metric", "extra_info", "warm_samples_s"]

Metric = Literal["billed", "duration", "init"]


def warm_samples_s(result: CellResult, metric: Metric) -> list[float]:
    """Samples for pytest-benchmark in seconds: those of the warm invocations that succeeded.

    ``"billed"`` gives billed durations, ``"duration"`` durations; ``"init"`` gives the init (or
    restore) durations of the cold invocations instead. Empty when there is none.
    """


def extra_info(result: CellResult) -> dict[str, str | int | float | None]:
    """A flat mapping for pytest-benchmark's ``extra_info``: numbers are JSON numbers."""
