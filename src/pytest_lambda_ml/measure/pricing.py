"""What invocations cost on AWS, in Decimal and itemised, from a dated table of list prices.

``prices.json`` beside this file holds a price only where it is known: ``null`` elsewhere. The
prices of a request, of an SNS publish, of log ingestion and of S3's requests, where a region's own
is unknown, are those of the table's reference region, and `Prices.assumed` names them. No other
price is assumed: an item that has none is ``None`` in a `Cost`, is left out of the total, and a
note says so.

List prices of the first tier: the free tier, savings plans and volume tiers depend on the account,
so nothing is deducted for them. Sources: https://aws.amazon.com/lambda/pricing/,
https://aws.amazon.com/sns/pricing/, https://aws.amazon.com/cloudwatch/pricing/,
https://aws.amazon.com/s3/pricing/.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_lambda_ml.measure.price_table import Prices, PriceTable, Tier, load_prices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lambda_ml.model import Report

__all__ = [
    "Cost",
    "PriceTable",
    "Prices",
    "Tier",
    "gb_seconds",
    "invocation_cost",
    "load_prices",
    "price_per_ms",
    "publish_units",
    "request_units",
    "total_cost",
]

_ZERO = Decimal(0)
_KB = 1024
_MB_PER_GB = 1024
_BYTES_PER_GB = 1024**3
_MS_PER_S = 1000
_EPHEMERAL_MB_INCLUDED = 512
_SNAPSHOT_MS = 3 * 3600 * _MS_PER_S
"""What keeping a published version's snapshot is billed for at least; a cell lives no longer."""

_ITEM_NAMES = {
    "gb_seconds_usd": "GB-seconds",
    "requests_usd": "requests",
    "ephemeral_usd": "ephemeral storage",
    "sns_usd": "SNS",
    "logs_usd": "log ingestion",
    "snap_start_usd": "SnapStart",
    "s3_usd": "S3 requests",
}
_SELDOM = ("SnapStart", "S3 requests")
_ITEM_OF_PRICE = {
    "request_usd": "requests_usd",
    "sns_publish_usd": "sns_usd",
    "logs_gb_usd": "logs_usd",
    "s3_write_usd": "s3_usd",
    "s3_read_usd": "s3_usd",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """An itemised cost in US dollars. 0 is nothing used; ``None`` is used, but without a price.

    ``notes`` are sentences on what the total leaves out and on prices of another region.
    Costs add up item by item: ``sum(costs, Cost())``.
    """

    gb_seconds_usd: Decimal | None = _ZERO
    requests_usd: Decimal | None = _ZERO
    ephemeral_usd: Decimal | None = _ZERO
    sns_usd: Decimal | None = _ZERO
    logs_usd: Decimal | None = _ZERO
    snap_start_usd: Decimal | None = _ZERO
    s3_usd: Decimal | None = _ZERO
    notes: tuple[str, ...] = ()

    @property
    def total_usd(self) -> Decimal:
        """The sum of all items that have a price; what has none is named in ``notes``."""
        return sum((usd for usd in self._items() if usd is not None), _ZERO)

    @property
    def itemised(self) -> dict[str, Decimal | None]:
        """Each item by its name; SnapStart and S3 requests only where they were used."""
        named = dict(zip(_ITEM_NAMES.values(), self._items(), strict=True))
        return {name: usd for name, usd in named.items() if usd != 0 or name not in _SELDOM}

    def __add__(self, other: Cost) -> Cost:
        """Item by item; an item without a price on either side has none in the sum."""
        if not isinstance(other, Cost):
            return NotImplemented
        sums = (
            _sum(mine, theirs) for mine, theirs in zip(self._items(), other._items(), strict=True)
        )
        notes = tuple(dict.fromkeys(self.notes + other.notes))
        return Cost(**dict(zip(_ITEM_NAMES, sums, strict=True)), notes=notes)

    def _items(self) -> tuple[Decimal | None, ...]:
        return (
            self.gb_seconds_usd,
            self.requests_usd,
            self.ephemeral_usd,
            self.sns_usd,
            self.logs_usd,
            self.snap_start_usd,
            self.s3_usd,
        )


def gb_seconds(billed_ms: float, memory_mb: int) -> Decimal:
    """Billed duration × memory, a GB being 1,024 MB as Lambda bills it."""
    return Decimal(str(billed_ms)) * memory_mb / _MB_PER_GB / _MS_PER_S


def price_per_ms(memory_mb: int, prices: Prices) -> Decimal:
    """US dollars for one billed millisecond of a function of that memory, unrounded."""
    return gb_seconds(1, memory_mb) * prices.gb_second_usd


def request_units(payload_bytes: int) -> int:
    """Requests that one asynchronous event counts for: one, and one per 64 KB above 256 KB."""
    return 1 + math.ceil(max(payload_bytes - 256 * _KB, 0) / (64 * _KB))


def publish_units(message_bytes: int) -> int:
    """Publishes that one SNS message counts for: one per 64 KB begun."""
    return max(math.ceil(message_bytes / (64 * _KB)), 1)


def invocation_cost(billed_ms: float, memory_mb: int, prices: Prices) -> Cost:
    """The headline cost of one invocation: its GB-seconds and one request, and nothing else."""
    items = {
        "gb_seconds_usd": gb_seconds(billed_ms, memory_mb) * prices.gb_second_usd,
        "requests_usd": prices.request_usd,
    }
    return Cost(**items, notes=_notes(items, 0, prices))


def total_cost(
    reports: Sequence[Report],
    ephemeral_mb: int,
    published_messages: int,
    published_bytes: int,
    log_bytes: int,
    prices: Prices,
    *,
    snapshot_mb: int | None = None,
    through_sns: bool = True,
    s3_writes: int = 0,
    s3_reads: int = 0,
) -> Cost:
    """Everything that a cell put on the bill.

    ``reports`` are all of them: cold, retried and duplicate ones too; each is one attempt, and
    pays for its requests, GB-seconds and ephemeral storage above 512 MB. ``published_bytes`` is
    the sum over the messages, which are taken to be of one size; ``log_bytes`` is what CloudWatch
    Logs ingested. ``snapshot_mb`` is the memory of a function with SnapStart: keeping its snapshot
    is billed for three hours at least, and each restore by the memory (AWS Lambda pricing).
    ``s3_writes`` and ``s3_reads`` are the requests that handlers say they made, by S3's classes.
    Reports without a billed duration or a memory size are counted in a note.
    """
    billed_ms: defaultdict[int, float] = defaultdict(float)
    unbilled = 0
    for report in reports:
        if report.billed_duration_ms is None or report.memory_mb is None:
            unbilled += 1
        else:
            billed_ms[report.memory_mb] += report.billed_duration_ms
    used_gb_seconds = sum((gb_seconds(ms, memory) for memory, ms in billed_ms.items()), _ZERO)
    extra_mb = max(ephemeral_mb - _EPHEMERAL_MB_INCLUDED, 0)
    bytes_each = math.ceil(published_bytes / published_messages) if published_messages else 0
    items = {
        "gb_seconds_usd": _usd(used_gb_seconds, prices.gb_second_usd),
        "requests_usd": _usd(len(reports) * request_units(bytes_each), prices.request_usd),
        "ephemeral_usd": _usd(
            gb_seconds(sum(billed_ms.values()), extra_mb), prices.ephemeral_gb_second_usd
        ),
        "sns_usd": _usd(
            published_messages * publish_units(bytes_each) if through_sns else 0,
            prices.sns_publish_usd,
        ),
        "logs_usd": _usd(Decimal(log_bytes) / _BYTES_PER_GB, prices.logs_gb_usd),
        "snap_start_usd": _snap_start_usd(reports, snapshot_mb, prices),
        "s3_usd": _sum(_usd(s3_writes, prices.s3_write_usd), _usd(s3_reads, prices.s3_read_usd)),
    }
    return Cost(**items, notes=_notes(items, unbilled, prices))


def _snap_start_usd(
    reports: Sequence[Report], snapshot_mb: int | None, prices: Prices
) -> Decimal | None:
    if snapshot_mb is None:
        return _ZERO
    restores = sum(report.restore_duration_ms is not None for report in reports)
    kept = _usd(gb_seconds(_SNAPSHOT_MS, snapshot_mb), prices.snapstart_cache_gb_second_usd)
    restored = _usd(Decimal(restores * snapshot_mb) / _MB_PER_GB, prices.snapstart_restore_gb_usd)
    return _sum(kept, restored)


def _sum(one: Decimal | None, other: Decimal | None) -> Decimal | None:
    return None if one is None or other is None else one + other


def _usd(quantity: Decimal | int, price: Decimal | None) -> Decimal | None:
    if not quantity:
        return _ZERO
    return None if price is None else quantity * price


def _notes(
    items: dict[str, Decimal | None], unbilled_reports: int, prices: Prices
) -> tuple[str, ...]:
    notes = [_unpriced_note(item, prices) for item, usd in items.items() if usd is None]
    assumed = dict.fromkeys(
        _ITEM_NAMES[item]
        for price, item in _ITEM_OF_PRICE.items()
        if price in prices.assumed and items.get(item)
    )
    if assumed:
        names = ", ".join(assumed)
        notes.append(
            f"{names} at the prices of {prices.assumed_from}: those of {prices.region} are unknown"
        )
    if unbilled_reports:
        notes.append(
            f"the GB-seconds leave out {unbilled_reports} reports without billed duration or memory"
        )
    return tuple(notes)


def _unpriced_note(item: str, prices: Prices) -> str:
    return f"the total leaves out {_ITEM_NAMES[item]}: no price is known for {prices.region}"
