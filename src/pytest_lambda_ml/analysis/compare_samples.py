"""What of a cell is compared: a metric's values, one per invocation, and their environments."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from pytest_lambda_ml.analysis.load import RunCell

    Floats = NDArray[np.float64]
    Groups = list[tuple[Floats, NDArray[np.int64]]]

__all__ = ["QUANTILES", "figure", "inflation", "pooled"]

QUANTILES = {"p50": 0.5, "p95": 0.95}
"""Metrics that are quantiles; all others are means."""

MILLION = 1e6


def pooled(metric: str, cells: Sequence[RunCell]) -> tuple[Floats, Groups]:
    """The values of all of a cell's measurements, and each measurement's with its environments."""
    import numpy as np
    import pandas as pd

    groups = []
    for cell in cells:
        values = _values(metric, cell)
        rows = cell.invocations.loc[values.index]
        environment = rows["environment_id"].fillna(rows["log_stream"])
        groups.append((values.to_numpy(dtype=np.float64), pd.factorize(environment)[0]))
    return np.concatenate([values for values, _ in groups]), groups


def figure(metric: str, values: Floats) -> float | None:
    """The metric as it is shown: ``cost`` in USD per million, None of no values."""
    import numpy as np

    if not values.size:
        return None
    if metric in QUANTILES:
        return float(np.quantile(values, QUANTILES[metric]))
    return float(values.mean()) * (MILLION if metric == "cost" else 1.0)


def inflation(metric: str, groups: Sequence[tuple[Floats, NDArray[np.int64]]]) -> float:
    """See `analysis.resample.design_effect`; none for inits and memory.

    An init is one to an environment. Memory used only ever grows in one, and what is asked of it is
    what the handler needs, not how it varies.
    """
    from pytest_lambda_ml.analysis.resample import design_effect

    return 1.0 if metric in {"init", "memory"} else design_effect(groups)


def _values(metric: str, cell: RunCell) -> pd.Series:
    """The metric's values, one per invocation, absent ones left out."""
    match metric:
        case "cost":
            values = cell.warm["gb_seconds_usd"] + cell.warm["requests_usd"]
        case "billed":
            values = cell.warm["billed_duration_ms"]
        case "init":
            cold = cell.cold
            values = cold["init_duration_ms"].fillna(cold["restore_duration_ms"])
        case "memory":
            values = cell.succeeded["max_memory_mb"]
        case _:
            values = cell.warm["duration_ms"]
    present: pd.Series = values[values > 0]
    return present
