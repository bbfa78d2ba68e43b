"""Two runs compared, cell by cell: ratios with intervals, and verdicts that hold all together.

The verdict on a metric of a cell, ``limit`` being the share by which it may grow:

============ ====================================================================================
regressed    grown by more than the limit, and by more than chance explains
improved     shrunk by more than the limit, and by more than chance explains
unchanged    the 95 % interval lies within the limit
inconclusive all else: the samples are too few, or the machine's speed has moved by more than the
             limit, or nothing is there to compare
============ ====================================================================================

Chance is corrected for everything that is compared at once (`analysis.resample`). A cell in which
nothing succeeds any more has regressed in every metric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from statistics import NormalDist, median
from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.compare_samples import QUANTILES, figure, inflation, pooled
from pytest_lambda_ml.analysis.gate import DEFAULT_LIMITS
from pytest_lambda_ml.errors import RunStoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lambda_ml.analysis.gate import Limit
    from pytest_lambda_ml.analysis.load import Run, RunCell
    from pytest_lambda_ml.analysis.resample import Interval, Pair
    from pytest_lambda_ml.model import Configuration

__all__ = ["CHANCE", "Comparison", "Row", "Verdict", "compare_runs", "further_invocations"]

CHANCE = 0.05
"""The share of comparisons of the same with the same in which anything is said to have grown."""

FEWEST = 5
"""Invocations of either run below which nothing is said."""

MOST_FURTHER = 100_000
"""More invocations than this are no advice."""

TIMELESS = frozenset({"memory"})
"""Metrics that the machine's speed does not touch."""

CRITICAL = 1.96


class Verdict(StrEnum):
    """What is said of one metric of one cell."""

    REGRESSED = "regressed"
    IMPROVED = "improved"
    UNCHANGED = "unchanged"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One metric of one cell in two runs. ``cost`` is in USD per million, durations in ms.

    ``low`` and ``high`` bound the ratio new/base with 95 % confidence; ``p_value`` is corrected.
    ``further`` is how many more invocations in each run would probably decide.
    """

    cell_id: str
    limit: Limit
    verdict: Verdict
    reason: str = ""
    base_value: float | None = None
    new_value: float | None = None
    base_count: int = 0
    new_count: int = 0
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    further: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """All of two runs. ``cpu_loop_ratio`` is how the machine's own time moved, None on AWS."""

    base_id: str
    new_id: str
    rows: tuple[Row, ...]
    new_cells: tuple[str, ...]
    vanished_cells: tuple[str, ...]
    cpu_loop_ratio: float | None
    notes: tuple[str, ...]

    @property
    def regressions(self) -> tuple[Row, ...]:
        """The rows that fail a gate."""
        return tuple(row for row in self.rows if row.verdict is Verdict.REGRESSED)


def compare_runs(base: Run, new: Run, limits: Sequence[Limit] = DEFAULT_LIMITS) -> Comparison:
    """Compare each metric of ``limits`` in each cell that both runs have.

    The same two runs always give the same verdicts. Raises RunStoreError where ``base`` is no
    baseline: partial, without cells, or of another backend.
    """
    _check_baseline(base, new)
    olds, news = _cells(base), _cells(new)
    loop = _cpu_loop_ratio(base, new)
    common = [key for key in news if key in olds]
    drafts = [
        _draft(_name(news[key]), limit, olds[key], news[key]) for key in common for limit in limits
    ]
    seed = int.from_bytes(sha256(f"{base.run_id} {new.run_id}".encode()).digest()[:8], "big")
    return Comparison(
        base_id=base.run_id,
        new_id=new.run_id,
        rows=tuple(_judged(drafts, loop, seed)),
        new_cells=tuple(_name(cells) for key, cells in news.items() if key not in olds),
        vanished_cells=tuple(_name(cells) for key, cells in olds.items() if key not in news),
        cpu_loop_ratio=loop,
        notes=tuple(_notes(base, new, loop)),
    )


def further_invocations(
    ratio: float, error: float, share: float, count: int, *, critical: float
) -> int | None:
    """How many more than ``count`` invocations in each run would probably decide; None: too many.

    ``error`` is the standard error of the ratio's logarithm, which shrinks with the square root of
    the invocations. A ratio beyond the limit has to leave chance behind (``critical`` errors); one
    within it has to stay within, interval and all.
    """
    bound, deviation = math.log1p(share), abs(math.log(ratio))
    room = deviation / critical if deviation > bound else (bound - deviation) / CRITICAL
    if room <= 0.0:
        return None
    needed = count * (error / room) ** 2
    return max(math.ceil(needed - count), 1) if needed - count <= MOST_FURTHER else None


@dataclass(frozen=True, slots=True)
class _Draft:
    """A row in the making: with a pair there is something to compute."""

    row: Row
    pair: Pair | None = None


def _check_baseline(base: Run, new: Run) -> None:
    if base.partial:
        raise RunStoreError(
            f"run {base.run_id} is no baseline: it is partial "
            f"({base.partial_reason or 'it did not come to its end'}); compare with a whole run"
        )
    if not base.cells:
        raise RunStoreError(f"run {base.run_id} is no baseline: it has no cells")
    if base.backend != new.backend:
        raise RunStoreError(
            f"run {base.run_id} is no baseline: it ran on {base.backend}, run {new.run_id} on "
            f"{new.backend}, and their durations have nothing in common"
        )


def _cells(run: Run) -> dict[Configuration, list[RunCell]]:
    """The cells by what they are; one that was measured more than once is one cell."""
    cells: dict[Configuration, list[RunCell]] = {}
    for cell in run.cells:
        cells.setdefault(replace(cell.configuration, timeout_s=0), []).append(cell)
    return cells


def _name(cells: Sequence[RunCell]) -> str:
    configuration = cells[0].configuration
    arm = configuration.architecture != "x86_64"
    return configuration.cell_id + (f" ({configuration.architecture})" if arm else "")


def _draft(name: str, limit: Limit, olds: Sequence[RunCell], news: Sequence[RunCell]) -> _Draft:
    from pytest_lambda_ml.analysis.resample import Pair

    row = Row(cell_id=name, limit=limit, verdict=Verdict.INCONCLUSIVE)
    if _succeeded(olds) and _published(news) and not _succeeded(news):
        reason = f"none of {_published(news)} invocations succeeded ({_endings(news)})"
        return _Draft(replace(row, verdict=Verdict.REGRESSED, reason=reason))
    base, base_runs = pooled(limit.metric, olds)
    new, new_runs = pooled(limit.metric, news)
    row = replace(
        row,
        base_count=base.size,
        new_count=new.size,
        base_value=figure(limit.metric, base),
        new_value=figure(limit.metric, new),
    )
    fewest = min(base.size, new.size)
    if fewest < FEWEST:
        kind = {"init": "cold", "memory": "successful"}.get(limit.metric, "warm")
        where = (
            "both runs"
            if base.size < FEWEST and new.size < FEWEST
            else ("the baseline" if base.size < FEWEST else "the new run")
        )
        reason = f"{fewest or 'no'} {kind} invocation{'' if fewest == 1 else 's'} in {where}"
        return _Draft(replace(row, reason=reason, further=FEWEST - fewest))
    return _Draft(
        row,
        Pair(base, new, QUANTILES.get(limit.metric), inflation(limit.metric, base_runs + new_runs)),
    )


def _succeeded(cells: Iterable[RunCell]) -> int:
    return sum(cell.outcomes.succeeded for cell in cells)


def _published(cells: Iterable[RunCell]) -> int:
    return sum(cell.outcomes.published for cell in cells)


def _endings(cells: Sequence[RunCell]) -> str:
    from pytest_lambda_ml.model import Outcome

    counts = {
        outcome.value.replace("_", " "): sum(cell.outcomes.count(outcome) for cell in cells)
        for outcome in Outcome
    }
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)


def _judged(drafts: Sequence[_Draft], loop: float | None, seed: int) -> list[Row]:
    """The rows with their verdicts: all pairs are tested together, then each is judged."""
    from pytest_lambda_ml.analysis.resample import adjusted_p_values, bootstrap_interval

    pairs = [draft.pair for draft in drafts if draft.pair]
    p_values = iter(adjusted_p_values(pairs, seed=seed))
    critical = _critical(len(pairs))
    rows = []
    for number, draft in enumerate(drafts):
        if draft.pair is None:
            rows.append(draft.row)
            continue
        interval = bootstrap_interval(draft.pair, seed=seed + number)
        rows.append(_decide(draft.row, draft.pair, interval, float(next(p_values)), loop, critical))
    return rows


def _critical(pairs: int) -> float:
    """The number of standard errors beyond which the largest of so many is not chance."""
    return NormalDist().inv_cdf(1.0 - CHANCE / max(pairs, 1))


def _decide(
    row: Row, pair: Pair, interval: Interval, p_value: float, loop: float | None, critical: float
) -> Row:
    ratio, bound = pair.ratio, 1.0 + row.limit.share
    row = replace(row, ratio=ratio, low=interval.low, high=interval.high, p_value=p_value)
    if loop is not None and row.limit.metric not in TIMELESS and not 1 / bound <= loop <= bound:
        return replace(row, reason=f"this machine's own speed moved: {loop - 1:+.1%} CPU time")
    if ratio > bound and p_value <= CHANCE:
        return replace(row, verdict=Verdict.REGRESSED)
    if ratio < 1 / bound and p_value <= CHANCE:
        return replace(row, verdict=Verdict.IMPROVED)
    if 1 / bound <= interval.low and interval.high <= bound:
        return replace(row, verdict=Verdict.UNCHANGED)
    count = min(row.base_count, row.new_count)
    further = further_invocations(ratio, interval.error, row.limit.share, count, critical=critical)
    return replace(row, further=further)


def _cpu_loop_ratio(base: Run, new: Run) -> float | None:
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


def _notes(base: Run, new: Run, loop: float | None) -> list[str]:
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
    ):
        if one != other and one and other:
            notes.append(f"the runs differ in {what}: {one} and {other}")
    if new.backend == "local" and loop is None:
        notes.append("the runs do not say how fast this machine was: its speed may have moved")
    return notes


def _datasets(run: Run) -> str:
    return ", ".join(sorted({cell.provenance.dataset for cell in run.cells}))
