"""What a campaign is expected to cost and to take, before it starts. Pure.

A cell that was measured before is expected to come out as it did then, within an interval; of any
other only the limits are known: a millisecond and the timeout.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_lambda_ml.campaign.deadline import INIT_LIMIT_S
from pytest_lambda_ml.campaign.plan import parallel_invocations
from pytest_lambda_ml.measure.pricing import total_cost
from pytest_lambda_ml.model import EXISTING, Report

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lambda_ml.measure.pricing import Cost, Prices
    from pytest_lambda_ml.model import Configuration

__all__ = [
    "CellEstimate",
    "Interval",
    "PastCell",
    "PlannedCell",
    "Quotas",
    "estimate_cell",
    "log_bytes",
    "quotas",
    "same_work",
]

LOG_BYTES = 1600
"""What an invocation logs, CloudWatch's overhead included: START, END, REPORT and the wrapper's two
records (1,500 to 1,522 bytes in stored runs). A handler that prints adds to it."""

BARE_LOG_BYTES = 500
"""The same of a function without the wrapper, whose START, END and REPORT are all that is sure."""

HOST_DIFFERENCE = 0.07
"""Functions of one region run on several kinds of hosts, which differ by 2 to 7 percent."""

STANDARD_ERRORS = 2.0
"""The half-width of an interval; two of them hold 95 percent where errors are normal."""

MS_PER_S = 1000.0


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``low`` to ``high``, both included."""

    low: float
    high: float

    def __add__(self, other: Interval) -> Interval:
        """The interval of a sum, at its widest."""
        return Interval(self.low + other.low, self.high + other.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCell:
    """A cell to be measured: ``message_bytes`` is the mean size of a message.

    ``notes`` say what of the configuration is not known, but assumed.
    """

    configuration: Configuration
    region: str
    invocations: int
    message_bytes: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCell:
    """A cell as it was measured: billed milliseconds of cold and of all other REPORTs.

    ``run`` names the run for people: its id, date and backend.
    """

    configuration: Configuration
    run: str
    cold_ms: tuple[float, ...]
    other_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CellEstimate:
    """What a cell will cost and take; ``measured_in`` is the run that says so, if one does.

    ``expected_usd`` is what that run says without the width of the interval; the low end, where
    nothing is known but that it will not be less. ``notes`` say what the cost leaves out.
    """

    cell: PlannedCell
    cost_usd: Interval
    expected_usd: float
    makespan_s: Interval
    measured_in: str | None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What a campaign asks of the account. Functions live one at a time, a cell each.

    ``borrowed`` cells are of functions that exist already, whose concurrency is not reserved.
    """

    functions: int
    concurrency_max: int
    concurrency_sum: int
    memory_mb_max: int
    borrowed: int = 0
    borrowed_concurrency_max: int = 0


def same_work(past: Configuration, planned: Configuration) -> bool:
    """Whether a cell measured before does what the planned one will do, wherever it ran."""
    return _work(past) == _work(planned)


def _work(cell: Configuration) -> tuple[object, ...]:
    grid = (cell.algorithm, cell.engine, cell.memory_mb, cell.concurrency, cell.batch_size)
    return (*grid, cell.architecture, cell.ephemeral_mb, cell.snap_start, cell.trigger)


def log_bytes(cell: Configuration) -> int:
    """What an invocation logs at least, CloudWatch's overhead included."""
    return BARE_LOG_BYTES if cell.engine == EXISTING else LOG_BYTES


def estimate_cell(
    cell: PlannedCell,
    past: PastCell | None,
    prices: Prices,
    *,
    capacity_vcpu: float | None = None,
) -> CellEstimate:
    """The cell's whole cost as `total_cost` itemises it, and its makespan without deployment.

    ``capacity_vcpu`` is that of the machine which runs the functions, ``None`` on AWS.
    """
    parallel = parallel_invocations(cell.configuration, capacity_vcpu)
    if past is None:
        billed_ms = _limits_ms(cell)
        expected_ms, starts = billed_ms.low, Interval(1, cell.invocations)
        makespan_s = _widest_makespan_s(cell, parallel)
    else:
        expected_ms, billed_ms = _expected_ms(cell, past)
        cold = _cold_starts(cell, past)
        starts = Interval(cold, cold)
        longest_ms = max((*past.cold_ms, *past.other_ms))
        # Work that is handed out as soon as there is room (Graham's bound for list scheduling).
        makespan_s = Interval(
            billed_ms.low / parallel / MS_PER_S,
            (billed_ms.high / parallel + longest_ms) / MS_PER_S,
        )
    least = _cost(cell, billed_ms.low, starts.low, prices)
    most = _cost(cell, billed_ms.high, starts.high, prices)
    expected = _cost(cell, expected_ms, starts.low, prices)
    return CellEstimate(
        cell=cell,
        cost_usd=Interval(float(least.total_usd), float(most.total_usd)),
        expected_usd=float(expected.total_usd),
        makespan_s=makespan_s,
        measured_in=past.run if past else None,
        notes=(*cell.notes, *most.notes),
    )


def quotas(cells: Iterable[PlannedCell]) -> Quotas:
    """What all these cells ask for; zeros for none."""
    found = [cell.configuration for cell in cells]
    borrowed = [cell for cell in found if cell.engine == EXISTING]
    own = [cell for cell in found if cell.engine != EXISTING]
    return Quotas(
        functions=len(own),
        concurrency_max=max((cell.concurrency for cell in own), default=0),
        concurrency_sum=sum(cell.concurrency for cell in own),
        memory_mb_max=max((cell.memory_mb for cell in found), default=0),
        borrowed=len(borrowed),
        borrowed_concurrency_max=max((cell.concurrency for cell in borrowed), default=0),
    )


def _limits_ms(cell: PlannedCell) -> Interval:
    """Billed milliseconds of all invocations when nothing is known: a millisecond, the timeout."""
    timeout_ms = cell.configuration.timeout_s * MS_PER_S
    return Interval(cell.invocations * 1.0, cell.invocations * timeout_ms)


def _cold_starts(cell: PlannedCell, past: PastCell) -> int:
    """As many as such a burst had; all, where it had no others."""
    return min(len(past.cold_ms), cell.invocations) if past.other_ms else cell.invocations


def _expected_ms(cell: PlannedCell, past: PastCell) -> tuple[float, Interval]:
    """Billed milliseconds of all invocations, cold and other ones as many as such a burst has."""
    cold = _cold_starts(cell, past)
    parts = [(past.cold_ms, cold), (past.other_ms, cell.invocations - cold)]
    expected = sum(statistics.fmean(sample) * count for sample, count in parts if count)
    spread = math.sqrt(sum(_variance(sample, count) for sample, count in parts if count))
    half = STANDARD_ERRORS * spread + HOST_DIFFERENCE * expected
    return expected, Interval(max(expected - half, cell.invocations * 1.0), expected + half)


def _variance(sample: Sequence[float], count: int) -> float:
    """Of ``count`` times the sample's mean as a forecast for the sum of ``count`` new values."""
    own = statistics.variance(sample) if len(sample) > 1 else sample[0] ** 2
    return own * (count + count * count / len(sample))


def _widest_makespan_s(cell: PlannedCell, parallel: int) -> Interval:
    rounds = math.ceil(cell.invocations / parallel)
    environments = min(cell.invocations, cell.configuration.concurrency)
    starts_s = math.ceil(environments / parallel) * INIT_LIMIT_S
    return Interval(rounds / MS_PER_S, rounds * cell.configuration.timeout_s + starts_s)


def _cost(cell: PlannedCell, billed_ms: float, cold_starts: float, prices: Prices) -> Cost:
    """The bill; with SnapStart each cold start restores the snapshot, and it is kept."""
    count, configuration = cell.invocations, cell.configuration
    report = Report(
        request_id="", billed_duration_ms=billed_ms / count, memory_mb=configuration.memory_mb
    )
    restored = replace(report, restore_duration_ms=0.0) if configuration.snap_start else report
    cold = int(cold_starts)
    return total_cost(
        [restored] * cold + [report] * (count - cold),
        configuration.ephemeral_mb,
        count,
        count * cell.message_bytes,
        count * log_bytes(configuration),
        prices,
        snapshot_mb=configuration.snapshot_mb,
        through_sns=configuration.trigger == "sns",
    )
