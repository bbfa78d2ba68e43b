"""How much may still be published under a budget. Pure: costs in, a number of messages out.

What is in flight counts at its worst, which is the timeout until ten reports of the cell exist, and
then the 99th percentile of what they were billed. So the budget is a cap on what is known, and can
be passed only by what came out worse than that while it was in flight.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_lambda_ml.campaign.estimate import log_bytes
from pytest_lambda_ml.measure.pricing import total_cost
from pytest_lambda_ml.measure.statistics import percentile
from pytest_lambda_ml.model import Report

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lambda_ml.measure.pricing import Prices
    from pytest_lambda_ml.model import Configuration

__all__ = ["Allowance", "Budget", "MessageCost", "affordable", "worst_billed_ms"]

ENOUGH_REPORTS = 10
WORST = 99
MS_PER_S = 1000.0


@dataclass(frozen=True, slots=True)
class MessageCost:
    """What one message costs: as soon as it is published, and for each millisecond billed.

    With SnapStart also ``restored_usd`` for each environment that is restored, and
    ``snapshot_usd`` once for the cell.
    """

    published_usd: Decimal
    billed_ms_usd: Decimal
    restored_usd: Decimal = Decimal(0)
    snapshot_usd: Decimal = Decimal(0)

    @classmethod
    def of(cls, cell: Configuration, prices: Prices, message_bytes: int) -> MessageCost:
        """Of a cell whose messages have this size at most; what has no price costs nothing."""

        def cost(billed_ms: float, *, restore_ms: float | None = None) -> Decimal:
            report = Report(
                request_id="",
                billed_duration_ms=billed_ms,
                memory_mb=cell.memory_mb,
                restore_duration_ms=restore_ms,
            )
            return total_cost(
                [report],
                cell.ephemeral_mb,
                1,
                message_bytes,
                log_bytes(cell),
                prices,
                snapshot_mb=cell.snapshot_mb,
                through_sns=cell.trigger == "sns",
            ).total_usd

        snapshot = total_cost([], cell.ephemeral_mb, 0, 0, 0, prices, snapshot_mb=cell.snapshot_mb)
        return cls(
            published_usd=cost(0.0) - snapshot.total_usd,
            billed_ms_usd=cost(1.0) - cost(0.0),
            restored_usd=cost(0.0, restore_ms=0.0) - cost(0.0),
            snapshot_usd=snapshot.total_usd,
        )

    def worst(self, billed_ms: float) -> Decimal:
        """For a message in flight that may be billed so long, in an environment yet to restore."""
        return self.billed(billed_ms) + self.restored_usd

    def billed(self, billed_ms: float) -> Decimal:
        """For so many milliseconds, in US dollars."""
        return Decimal(str(billed_ms)) * self.billed_ms_usd


def worst_billed_ms(billed_ms: Sequence[float], timeout_s: float) -> float:
    """What one more invocation may be billed, given what those so far were."""
    worst = percentile(billed_ms, WORST) if len(billed_ms) >= ENOUGH_REPORTS else None
    return timeout_s * MS_PER_S if worst is None else worst


def affordable(
    wanted: int,
    *,
    left_usd: Decimal,
    in_flight: int,
    cost: MessageCost,
    worst_ms: float,
) -> int:
    """How many of ``wanted`` messages may be published now.

    ``left_usd`` is the budget less everything already spent; ``in_flight`` messages are published,
    and will be billed ``worst_ms`` each, as the new ones will.
    """
    worst = cost.worst(worst_ms)
    room = left_usd - in_flight * worst
    each = cost.published_usd + worst
    if room < each:
        return 0
    return wanted if wanted * each <= room else int(room // each)


class Allowance:
    """What one cell may still spend: of what the session's budget has left when it begins."""

    def __init__(self, left_usd: Decimal, cost: MessageCost, timeout_s: float) -> None:
        self._left_usd = left_usd
        self._cost = cost
        self._timeout_s = timeout_s
        self._billed_ms: list[float] = []
        self._restores = 0

    def heard(self, report: Report) -> None:
        """A REPORT has come; those of retries and duplicates are on the bill too."""
        if report.billed_duration_ms is not None:
            self._billed_ms.append(report.billed_duration_ms)
        self._restores += report.restore_duration_ms is not None

    def affordable(self, wanted: int, *, published: int, in_flight: int) -> int:
        """How many more may be published, of ``published`` ones so far ``in_flight`` unsettled."""
        return affordable(
            wanted,
            left_usd=self._left_usd - self._known_usd(published),
            in_flight=in_flight,
            cost=self._cost,
            worst_ms=worst_billed_ms(self._billed_ms, self._timeout_s),
        )

    def spent_usd(self, *, published: int, in_flight: int) -> Decimal:
        """What the cell has cost, messages whose outcome never came at their worst."""
        worst_ms = worst_billed_ms(self._billed_ms, self._timeout_s)
        return self._known_usd(published) + in_flight * self._cost.worst(worst_ms)

    def _known_usd(self, published: int) -> Decimal:
        snapshots = self._cost.snapshot_usd + self._restores * self._cost.restored_usd
        messages = published * self._cost.published_usd
        return snapshots + messages + self._cost.billed(sum(self._billed_ms))


class Budget:
    """What a session may still spend, in US dollars; ``None`` is as much as it takes."""

    def __init__(self, left_usd: Decimal | None) -> None:
        self.left_usd = left_usd

    def allow(self, cell: Configuration, prices: Prices, message_bytes: int) -> Allowance | None:
        """For a cell whose messages have this size at most; ``None`` without a budget."""
        if self.left_usd is None:
            return None
        cost = MessageCost.of(cell, prices, message_bytes)
        return Allowance(self.left_usd, cost, cell.timeout_s)

    def charge(self, allowance: Allowance | None, *, published: int, in_flight: int) -> None:
        """The cell of this allowance is over."""
        if allowance is not None and self.left_usd is not None:
            self.left_usd -= allowance.spent_usd(published=published, in_flight=in_flight)
