"""Two runs compared, cell by cell: ratios with intervals, and verdicts that hold all together.

The verdict on a metric of a cell, ``limit`` being the share by which it may grow:

============ ====================================================================================
regressed    its 95 % interval lies above the limit, and it has grown by more than chance explains
improved     the same downwards
unchanged    the 95 % interval lies within the limit
inconclusive the interval holds the limit: the samples are too few; or it lies beyond the limit, but
             chance makes as much of so many rows; or the machine's speed has moved by more than the
             limit; or nothing is there to compare
incomparable the runs' data, regions or prices differ (`analysis.compare_conditions`)
============ ====================================================================================

Chance is corrected for everything that is compared at once (`analysis.resample`), the interval is
that of the row: growth by less than the limit is seldom called a regression however many samples
show it, and that something has grown at all is not said for nothing. A cell in which nothing
succeeds any more has regressed in every metric.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from hashlib import sha256
from statistics import NormalDist
from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.compare_conditions import cpu_loop_ratio, differences, incomparable
from pytest_lambda_ml.analysis.compare_samples import QUANTILES, figure, inflation, pooled
from pytest_lambda_ml.analysis.comparison import Comparison, Row, Verdict, name_of
from pytest_lambda_ml.analysis.gate import DEFAULT_LIMITS
from pytest_lambda_ml.errors import RunStoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lambda_ml.analysis.gate import Limit
    from pytest_lambda_ml.analysis.load import Run, RunCell
    from pytest_lambda_ml.analysis.resample import Interval, Pair
    from pytest_lambda_ml.model import Configuration

__all__ = ["CHANCE", "compare_runs", "further_invocations", "judge"]

CHANCE = 0.05
"""The share of comparisons of the same with the same in which anything is said to have grown."""

FEWEST = 5
"""Invocations of either run below which nothing is said."""

MOST_FURTHER = 100_000
"""More invocations than this are no advice."""

LEAST_FURTHER = 0.25
"""Nor is it advice to measure fewer than this share of what did not decide."""

NEAR = 0.1
"""A change whose distance from the limit is a smaller share of the limit is close to it."""

TIMELESS = frozenset({"memory"})
"""Metrics that the machine's speed does not touch."""

CRITICAL = 1.96


def compare_runs(base: Run, new: Run, limits: Sequence[Limit] = DEFAULT_LIMITS) -> Comparison:
    """Compare each metric of ``limits`` in each cell that both runs have.

    The same two runs always give the same verdicts. Raises RunStoreError where ``base`` is no
    baseline: partial, without cells, or of another backend.
    """
    _check_baseline(base, new)
    olds, news = _cells(base), _cells(new)
    loop = cpu_loop_ratio(base, new)
    drafts = [
        _Draft(_incomparable(name_of(key), limit, why))
        if (why := incomparable(limit.metric, new, olds[key], cells))
        else _draft(name_of(key), limit, olds[key], cells)
        for key, cells in news.items()
        if key in olds
        for limit in limits
    ]
    seed = int.from_bytes(sha256(f"{base.run_id} {new.run_id}".encode()).digest()[:8], "big")
    return Comparison(
        base_id=base.run_id,
        new_id=new.run_id,
        rows=tuple(_judged(drafts, loop, seed)),
        new=tuple(key for key in news if key not in olds),
        vanished=tuple(key for key in olds if key not in news),
        cpu_loop_ratio=loop,
        notes=(*differences(base, new, loop), *_left_out(new)),
    )


def judge(interval: Interval, p_value: float, share: float) -> Verdict:
    """What the interval of a ratio, and the corrected chance of it, say of a limit."""
    bound = 1.0 + share
    if interval.low > bound and p_value <= CHANCE:
        return Verdict.REGRESSED
    if interval.high < 1.0 / bound and p_value <= CHANCE:
        return Verdict.IMPROVED
    if 1.0 / bound <= interval.low and interval.high <= bound:
        return Verdict.UNCHANGED
    return Verdict.INCONCLUSIVE


def further_invocations(
    ratio: float, error: float, share: float, count: int, *, critical: float
) -> int | None:
    """How many more than ``count`` invocations in each run would probably decide; None: too many.

    ``error`` is the standard error of the ratio's logarithm, which shrinks with the square root of
    the invocations. The interval has to lie on one side of the limit; and a ratio beyond it has to
    leave chance behind (``critical`` errors).
    """
    bound, deviation = math.log1p(share), abs(math.log(ratio))
    room = abs(deviation - bound) / CRITICAL
    if deviation > bound:
        room = min(room, deviation / critical)
    if room <= 0.0:
        return None
    needed = count * (error / room) ** 2
    least = math.ceil(count * LEAST_FURTHER)
    return max(math.ceil(needed - count), least) if needed - count <= MOST_FURTHER else None


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
    """The cells by what they are; one that was measured more than once is one cell.

    Trainings are left out: their messages are no items, and each is one sample of the whole.
    """
    cells: dict[Configuration, list[RunCell]] = {}
    for cell in (cell for cell in run.cells if cell.training is None):
        cells.setdefault(replace(cell.configuration, timeout_s=0), []).append(cell)
    return cells


def _left_out(run: Run) -> list[str]:
    names = [cell.cell_id for cell in run.cells if cell.training is not None]
    return [f"trainings are not compared: {', '.join(names)}"] if names else []


def _incomparable(name: str, limit: Limit, why: str) -> Row:
    return Row(cell_id=name, limit=limit, verdict=Verdict.INCOMPARABLE, reason=why)


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
        where = (
            "both runs"
            if base.size < FEWEST and new.size < FEWEST
            else ("the baseline" if base.size < FEWEST else "the new run")
        )
        what = f"{row.kind} invocation"
        if limit.metric == "init" and not fewest and all(len(c.cold) for c in (*olds, *news)):
            what = "init duration"
        reason = f"{fewest or 'no'} {what}{'' if fewest == 1 else 's'} in {where}"
        return _Draft(
            replace(row, reason=f"{reason}, {FEWEST} are needed", further=FEWEST - fewest)
        )
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
    rows = []
    for number, draft in enumerate(drafts):
        if draft.pair is None:
            rows.append(draft.row)
            continue
        interval = bootstrap_interval(draft.pair, seed=seed + number)
        rows.append(
            _decide(draft.row, draft.pair, interval, float(next(p_values)), loop, len(pairs))
        )
    return rows


def _critical(pairs: int) -> float:
    """The number of standard errors beyond which the largest of so many is not chance."""
    return NormalDist().inv_cdf(1.0 - CHANCE / max(pairs, 1))


def _decide(
    row: Row, pair: Pair, interval: Interval, p_value: float, loop: float | None, pairs: int
) -> Row:
    ratio, bound = pair.ratio, 1.0 + row.limit.share
    row = replace(row, ratio=ratio, low=interval.low, high=interval.high, p_value=p_value)
    if loop is not None and row.limit.metric not in TIMELESS and not 1 / bound <= loop <= bound:
        return replace(row, reason=f"this machine's own speed moved: {loop - 1:+.1%} CPU time")
    verdict = judge(interval, p_value, row.limit.share)
    if verdict is not Verdict.INCONCLUSIVE:
        return replace(row, verdict=verdict)
    if interval.low > bound or interval.high < 1.0 / bound:
        # How many more would tell depends on how far chance moves the other rows: no number.
        rows = f"{pairs} row{'' if pairs == 1 else 's'}"
        return replace(row, reason=f"beyond the limit, but chance makes as much of {rows}")
    count, critical = min(row.base_count, row.new_count), _critical(pairs)
    further = further_invocations(ratio, interval.error, row.limit.share, count, critical=critical)
    return replace(row, further=further, reason=_why(row, further))


def _why(row: Row, further: int | None) -> str:
    """Why an interval that holds the limit tells nothing, where their number does not say it."""
    deviation, bound = abs(math.log(row.ratio or 1.0)), math.log1p(row.limit.share)
    if row.p_value is not None and row.p_value <= CHANCE:
        return f"{'grown' if (row.ratio or 1.0) > 1.0 else 'shrunk'}, but perhaps within the limit"
    if further is not None:
        return ""
    near = abs(deviation - bound) <= NEAR * bound
    return "too close to the limit" if near else "the samples scatter too much"
