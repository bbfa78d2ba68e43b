"""The fixture `lambda_training`: train one model over several functions, and record it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_lambda_ml.campaign.figures import extra_info
from pytest_lambda_ml.campaign.training import staged, training_figures
from pytest_lambda_ml.plugin.benchmark import LambdaBenchmark

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_lambda_ml.artifact import HandlerFolder
    from pytest_lambda_ml.campaign.session import CellResult
    from pytest_lambda_ml.model import Configuration
    from pytest_lambda_ml.plugin.benchmark import Deployer

__all__ = ["LambdaTraining"]

ROUNDS = 8
"""Rounds at most: ADMM is within half a percent of the single machine's accuracy by then."""

SPEED_UPS = pytest.StashKey[dict[tuple[str, str, int, str | None], dict[str, float | None]]]()


class LambdaTraining(LambdaBenchmark):
    """Trains one model per test; `training` has the figures afterwards."""

    training: dict[str, float | None]
    _rounds = ROUNDS

    def train(
        self,
        handler: str | Path,
        *,
        functions: int,
        memory_mb: int,
        engine: str = "reference",
        rounds: int = ROUNDS,
        timeout_s: int | None = None,
    ) -> CellResult:
        """Train over ``functions`` functions in ``rounds`` rounds at most, and one for the words.

        Fails when a message did not succeed. The figures are in ``training``.
        """
        self._rounds = rounds if functions > 1 else 1  # one has nobody to agree with
        return self(
            handler,
            memory_mb=memory_mb,
            engine=engine,
            concurrency=functions,
            batch_size=1,
            invocations=(self._rounds + 1) * functions,
            timeout_s=timeout_s,
        )

    def _measure(
        self,
        deployer: Deployer,
        folder: HandlerFolder,
        configuration: Configuration,
        kind: str,
        messages: int,
    ) -> CellResult:
        """As many tokens of work as rounds could take; those left at the end do nothing."""
        campaign, data = self._backend.campaign, self._backend.dataset(kind)
        del messages  # how many are needed is known: the presets do not say
        tokens = (self._rounds + 1) * configuration.concurrency
        with self._removing(deployer.remove_all):
            self._backend.progress.say(configuration.cell_id, "deploying")
            function = deployer.deploy_folder(folder, configuration, kind, tokens)
            with staged(campaign, function, data, rounds=self._rounds) as work:
                result = campaign.measure(function, work, invocations=tokens)
        self.training = self._figures(result)
        return result

    def _figures(self, result: CellResult) -> dict[str, float | None]:
        """Those of the records, and the speed-up over one function of the same session."""
        cell = result.configuration
        found = training_figures(result.invocations, cell.concurrency)
        found["makespan_s"] = result.figures.makespan_s
        total = float(result.figures.cost_total.total_usd)
        found["cost_usd_total"] = total + (found["s3_usd"] or 0.0)
        alone = self._node.config.stash.setdefault(SPEED_UPS, {})
        key = (cell.algorithm, cell.engine, cell.memory_mb, cell.region)
        if cell.concurrency == 1:
            alone[key] = found
        for name, figure in (("speed_up", "makespan_s"), ("speed_up_at_once", "critical_path_s")):
            one, many = alone.get(key, {}).get(figure), found[figure]
            found[name] = one / many if one and many else None
        return found

    def _information(self, result: CellResult) -> dict[str, str | int | float | None]:
        return {**extra_info(result), **self.training}
