"""Under which conditions two runs were measured: what keeps cells from being compared, or is noted.

Where the data set, the region on AWS, or (for cost) the prices are others, a ratio tells nothing of
the code: such rows get no verdict. All else that differs is noted.
"""

from __future__ import annotations

import math
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lambda_ml.analysis.load import Run, RunCell

__all__ = ["cpu_loop_ratio", "differences", "incomparable"]

SAME_PRICE = 1e-3
"""Prices whose ratio is nearer to 1 than this are the same: sums were rounded."""


def incomparable(
    metric: str, new: Run, olds: Sequence[RunCell], news: Sequence[RunCell]
) -> str | None:
    """Why the metric says nothing about the change from these old cells to those of ``new``."""
    one, other = _data(olds), _data(news)
    if one and other and one.keys() != other.keys():
        was, now = _listed(one.values()), _listed(other.values())
        return "other data: " + (f"{was} and {now}" if was != now else f"{now}, which has changed")
    one_place, other_place = _listed(_regions(olds)), _listed(_regions(news))
    if new.backend == "aws" and one_place != other_place:
        return f"other regions: {one_place} and {other_place}"
    if metric == "cost":
        return _other_prices(olds, news)
    return None


def differences(base: Run, new: Run, loop: float | None) -> list[str]:
    """What else differs between the runs."""
    notes = []
    if new.partial:
        notes.append(f"run {new.run_id} is partial: {new.partial_reason or 'not at its end'}")
    for what, one, other in (
        ("price tables", base.price_table.get("date"), new.price_table.get("date")),
        ("regions", base.stored.get("region"), new.stored.get("region")),
        ("CPUs", base.stored.get("cpu_model"), new.stored.get("cpu_model")),
        ("CPU limits", base.stored.get("cpu_enforced"), new.stored.get("cpu_enforced")),
        ("Python", base.environment.get("python"), new.environment.get("python")),
        ("data sets", _datasets(base), _datasets(new)),
        ("weights", _weights(base), _weights(new)),
    ):
        if one != other and one and other:
            notes.append(f"the runs differ in {what}: {one} and {other}")
    if new.backend == "local" and loop is None:
        notes.append("the runs do not say how fast this machine was: its speed may have moved")
    return notes


def cpu_loop_ratio(base: Run, new: Run) -> float | None:
    """How the fixed CPU loop's time moved: the farthest from either time in ``base`` to one in new.

    None where it says nothing about the functions, on AWS, or was not run.
    """
    if new.backend != "local":
        return None
    olds, news = _loop_medians_ms(base), _loop_medians_ms(new)
    ratios = [new_ms / old_ms for old_ms in olds for new_ms in news]
    return max(ratios, key=lambda ratio: abs(math.log(ratio)), default=None)


def _loop_medians_ms(run: Run) -> list[float]:
    """The loop's median at the session's start and at its end."""
    times = run.stored.get("cpu_loop_ms") or {}
    return [median(times[when]) for when in ("start", "end") if times.get(when)]


def _data(cells: Iterable[RunCell]) -> dict[str, str]:
    """What the cells' data are called, by their digests; without what has none on record."""
    known = (cell.provenance for cell in cells)
    return {told.dataset_sha256: told.dataset for told in known if told.dataset_sha256}


def _regions(cells: Iterable[RunCell]) -> list[str]:
    return sorted({cell.provenance.region for cell in cells})


def _other_prices(olds: Sequence[RunCell], news: Sequence[RunCell]) -> str | None:
    for unit, usd, amount in (
        ("GB-second", "gb_seconds_usd", "gb_seconds"),
        ("request", "requests_usd", None),
    ):
        one, other = _price(olds, usd, amount), _price(news, usd, amount)
        if one and other and abs(math.log(other / one)) > SAME_PRICE:
            return f"other prices: {_usd(one)} and {_usd(other)} per {unit}"
    return None


def _price(cells: Sequence[RunCell], usd: str, amount: str | None) -> float:
    """What a unit cost in these cells; 0 where none was used."""
    paid = sum(float(cell.warm[usd].sum()) for cell in cells)
    units = sum(float(cell.warm[amount].sum() if amount else len(cell.warm)) for cell in cells)
    return paid / units if units else 0.0


def _usd(price: float) -> str:
    """To ten decimals: prices are small, and differ little."""
    return f"${price:.10f}".rstrip("0")


def _datasets(run: Run) -> str:
    return _listed(sorted({cell.provenance.dataset for cell in run.cells}))


def _weights(run: Run) -> str:
    return _listed(sorted({cell.provenance.weights or "" for cell in run.cells} - {""}))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
