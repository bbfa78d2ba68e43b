"""What several tests of one run measured of the same configuration is one cell. Pure."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from pytest_lambda_ml.model import Outcomes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lambda_ml.analysis.recommend_samples import CellSamples
    from pytest_lambda_ml.model import Configuration

__all__ = ["pooled"]

_SAMPLES = (
    "warm_billed_ms",
    "warm_duration_ms",
    "cold_billed_ms",
    "cold_start_ms",
    "cold_answer_ms",
)


def pooled(cells: Iterable[CellSamples]) -> tuple[CellSamples, ...]:
    """The cells in the order in which they come first, those of one configuration together.

    As when runs are compared, a timeout is no part of what a cell is.
    """
    groups: dict[tuple[Configuration, str], list[CellSamples]] = {}
    for cell in cells:
        key = replace(cell.configuration, timeout_s=0), cell.region
        groups.setdefault(key, []).append(cell)
    return tuple(_together(group) if len(group) > 1 else group[0] for group in groups.values())


def _together(cells: Sequence[CellSamples]) -> CellSamples:
    environments, first = [], 0  # functions of different tests share no environment
    for cell in cells:
        environments.append(cell.environment + first)
        first += int(cell.environment.max(initial=-1)) + 1
    counts = {
        each.name: sum(getattr(cell.outcomes, each.name) for cell in cells)
        for each in fields(Outcomes)
    }
    samples: dict[str, Any] = {
        name: np.concatenate([getattr(cell, name) for cell in cells]) for name in _SAMPLES
    }
    samples["environment"] = np.concatenate(environments)
    return replace(cells[0], outcomes=Outcomes(**counts), **samples)
