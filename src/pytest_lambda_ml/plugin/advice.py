"""The recommendation of each algorithm in one line, from the cells just measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.recommend import recommend
from pytest_lambda_ml.analysis.recommend_samples import samples_of_results
from pytest_lambda_ml.analysis.recommend_text import one_line
from pytest_lambda_ml.analysis.recommendation import Question
from pytest_lambda_ml.measure.pricing import load_prices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lambda_ml.campaign.result import CellResult

__all__ = ["advice"]

DRAWS = 1000
"""A percentage needs no more, and the end of a session is no time to wait."""


def advice(results: Sequence[CellResult]) -> dict[str, str]:
    """What to choose for the lowest cost, by algorithm; nothing where there is no choice to make.

    `pytest-lambda-ml recommend` asks of the stored run what else one may want to know.
    """
    found = recommend(samples_of_results(results), Question(), load_prices().prices, draws=DRAWS)
    return {told.algorithm: one_line(told) for told in found if len(told.candidates) > 1}
