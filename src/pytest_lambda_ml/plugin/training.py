"""The fixture `lambda_training`: train one model over several functions, and record it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.campaign.figures import extra_info
from pytest_lambda_ml.campaign.training import staged
from pytest_lambda_ml.campaign.training_result import alone_of, speed_up, training_figures
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

OF_ITEMS = (
    "gb_seconds_per_1k_items",
    "cost_usd_per_million",
    "cost_usd_per_1k_items",
    "items_per_s",
)
"""Figures that a training has not: its messages are tokens of work."""


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
            timeout_s=timeout_s,
        )

    def _messages(self, invocations: int, concurrency: int) -> int:
        """Rounds and functions say how many: neither preset nor command line does."""
        del invocations
        return (self._rounds + 1) * concurrency

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
        with self._removing(deployer.remove_all):
            self._backend.progress.say(configuration.cell_id, "deploying")
            function = deployer.deploy_folder(folder, configuration, kind, messages)
            work = staged(campaign, function, data, rounds=self._rounds)
            result = campaign.measure(function, work, invocations=messages)
        self.training = self._figures(result)
        return result

    def _figures(self, result: CellResult) -> dict[str, float | None]:
        """Those of the records, and the speed-up over one function of the same session."""
        if (training := result.training) is None:
            return {}
        alone = alone_of(result, self._backend.campaign.results)
        return {
            **training_figures(training, result.figures.cost_total),
            "speed_up": speed_up(alone, training, "makespan_ms"),
            "speed_up_at_once": speed_up(alone, training, "critical_path_ms"),
        }

    def _information(self, result: CellResult) -> dict[str, str | int | float | None]:
        return {**extra_info(result), **dict.fromkeys(OF_ITEMS), **self.training}
