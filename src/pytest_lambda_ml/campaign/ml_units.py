"""The units in which models are compared: items, tokens, and what handlers say of them. Pure.

A handler's ``figures()`` reports them by these names: ``prompt_tokens`` and ``new_tokens`` of the
batch, and ``time_to_first_token_ms`` from the batch's start. What its training measured of the
model's quality (quality.json) comes with them, each name with `QUALITY_PREFIX` before it. The
requests to S3 that a handler makes, ``s3_writes`` and ``s3_reads``, are on the bill.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.measure.statistics import mean, percentile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from decimal import Decimal

    from pytest_lambda_ml.model import Invocation

    Figures = Mapping[str, Any]

__all__ = [
    "QUALITY_PREFIX",
    "ml_units",
    "quality_of",
    "reported_count",
    "reported_quality",
    "units_of",
]

QUALITY_PREFIX = "quality_"
MEDIAN = 50
MS_PER_S = 1000
MILLION = 1_000_000


def ml_units(warm: Sequence[Invocation], batch_size: int, cost_usd: Decimal) -> dict[str, Any]:
    """See `units_of`; ``cost_usd`` is that of these invocations."""
    return units_of(
        [item.report.duration_ms if item.report else None for item in warm],
        [item.record.figures if item.record else {} for item in warm],
        batch_size,
        cost_usd,
    )


def units_of(
    durations_ms: Sequence[float | None],
    figures: Sequence[Figures],
    batch_size: int,
    cost_usd: Decimal,
) -> dict[str, Any]:
    """The fields of `CellFigures` in items and tokens, of invocations that together cost so much.

    Rates are those of one environment: what all invocations did over the time that all took,
    because a mean of rates would count the fast ones twice. Tokens are ``None`` where some
    invocation does not report them; they are means for each item.
    """
    timed = [
        (duration_ms, told)
        for duration_ms, told in zip(durations_ms, figures, strict=True)
        if duration_ms
    ]
    seconds = sum(duration_ms for duration_ms, _ in timed) / MS_PER_S
    items = len(timed) * batch_size
    said = [told for _, told in timed]
    prompt, new = _reported(said, "prompt_tokens"), _reported(said, "new_tokens")
    written = sum(new) if new else 0
    return {
        "items_per_s": items / seconds if seconds else None,
        "tokens_per_s": written / seconds if written and seconds else None,
        "time_to_first_token_ms": percentile(
            _reported(said, "time_to_first_token_ms") or [], MEDIAN
        ),
        "cost_usd_per_million_tokens": (
            float(cost_usd) / written * MILLION
            if written and len(timed) == len(durations_ms)
            else None
        ),
        "prompt_tokens": _per_item(prompt, batch_size),
        "new_tokens": _per_item(new, batch_size),
    }


def reported_quality(invocations: Iterable[Invocation]) -> dict[str, float]:
    """What the records say of the model's quality, by name; all environments run the same model."""
    return quality_of(item.record.figures for item in invocations if item.record)


def reported_count(invocations: Iterable[Invocation], name: str) -> int:
    """The sum of a figure that handlers count, over those that report it: ``s3_reads``, say."""
    told = (item.record.figures.get(name) for item in invocations if item.record)
    return sum(int(count) for count in told if isinstance(count, int | float))


def quality_of(figures: Iterable[Figures]) -> dict[str, float]:
    """The first quality that handlers report."""
    for told in figures:
        found = {
            name.removeprefix(QUALITY_PREFIX): float(value)
            for name, value in told.items()
            if name.startswith(QUALITY_PREFIX) and isinstance(value, int | float)
        }
        if found:
            return found
    return {}


def _reported(figures: Iterable[Figures], name: str) -> list[float] | None:
    """This figure of each invocation; ``None`` when one of them lacks it."""
    values = []
    for told in figures:
        value = told.get(name)
        if not isinstance(value, int | float):
            return None
        values.append(float(value))
    return values


def _per_item(values: list[float] | None, batch_size: int) -> float | None:
    average = mean(values or [])
    return None if average is None else average / batch_size
