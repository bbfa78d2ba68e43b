"""What cells are expected to cost, from stored runs and the prices of the region."""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING

from pytest_lambda_ml.campaign.estimate import PastCell, estimate_cell, same_work
from pytest_lambda_ml.measure.pricing import load_prices
from pytest_lambda_ml.model import EXISTING
from pytest_lambda_ml.store.past_cells import stored_cells

if TYPE_CHECKING:
    from pytest_lambda_ml.campaign.estimate import CellEstimate, PlannedCell
    from pytest_lambda_ml.model import Configuration
    from pytest_lambda_ml.settings import Settings
    from pytest_lambda_ml.store.past_cells import StoredCell

__all__ = ["Forecast"]


class Forecast:
    """Estimates cells by the latest stored run that measured the same; it opens no connection."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._on_aws = bool(settings.aws_regions) and settings.aws_endpoint_url is None
        # What an endpoint on this machine sets aside for functions: all cores but one.
        cores = len(os.sched_getaffinity(0))
        self._capacity_vcpu = None if self._on_aws else float(max(1, cores - 1))

    def estimate(self, cell: PlannedCell) -> CellEstimate:
        """Raises `PriceError` where no prices of the cell's region and architecture are known."""
        prices = load_prices().prices(cell.region, cell.configuration.architecture)
        past = self._past(cell.configuration)
        return estimate_cell(cell, past, prices, capacity_vcpu=self._capacity_vcpu)

    def last(self, function: str) -> Configuration | None:
        """The latest cell of a function that exists already, of any size."""
        cells = (cell.configuration for cell in self._stored)
        return next((c for c in cells if (c.algorithm, c.engine) == (function, EXISTING)), None)

    def _past(self, planned: Configuration) -> PastCell | None:
        """The last time; runs on the same kind of backend come before all others."""
        known = [cell for cell in self._stored if same_work(cell.configuration, planned)]
        backend = "aws" if self._on_aws else "local"
        found = next((cell for cell in known if cell.backend == backend), None)
        found = found or next(iter(known), None)
        if found is None:
            return None
        return PastCell(
            configuration=found.configuration,
            run=f"{found.backend} run {found.run_id} of {found.day}",
            cold_ms=found.cold_ms,
            other_ms=found.other_ms,
        )

    @cached_property
    def _stored(self) -> list[StoredCell]:
        return list(stored_cells(self._settings.run_root))
