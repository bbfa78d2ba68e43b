"""The units in which models are compared: items, tokens, and what handlers say of them. Pure.

A handler's ``figures()`` reports them by these names: ``prompt_tokens`` and ``new_tokens`` of the
batch, and ``time_to_first_token_ms`` from the batch's start. What its training measured of the
model's quality (quality.json) comes with them, each name with `QUALITY_PREFIX` before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.measure.statistics import mean, percentile

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from decimal import Decimal

    from pytest_lambda_ml.model import Invocation

__all__ = ["QUALITY_PREFIX", "ml_units", "reported_quality"]

QUALITY_PREFIX = "quality_"
MEDIAN = 50
MS_PER_S = 1000
MILLION = 1_000_000


def ml_units(warm: Sequence[Invocation], batch_size: int, cost_usd: Decimal) -> dict[str, Any]:
    """The fields of `CellFigures` in items and tokens; ``cost_usd`` is that of these invocations.

    Rates are those of one environment: what all invocations did over the time that all took,
    because a mean of rates would count the fast ones twice. Tokens are ``None`` where some
    invocation does not report them; they are means for each item.
    """
    timed = [item for item in warm if item.report and item.report.duration_ms]
    seconds = sum(item.report.duration_ms or 0.0 for item in timed if item.report) / MS_PER_S
    items = len(timed) * batch_size
    prompt, new = _reported(timed, "prompt_tokens"), _reported(timed, "new_tokens")
    written = sum(new) if new else 0
    return {
        "items_per_s": items / seconds if seconds else None,
        "tokens_per_s": written / seconds if written and seconds else None,
        "time_to_first_token_ms": percentile(
            _reported(timed, "time_to_first_token_ms") or [], MEDIAN
        ),
        "cost_usd_per_million_tokens": (
            float(cost_usd) / written * MILLION if written and len(timed) == len(warm) else None
        ),
        "prompt_tokens": _per_item(prompt, batch_size),
        "new_tokens": _per_item(new, batch_size),
    }


def reported_quality(invocations: Iterable[Invocation]) -> dict[str, float]:
    """What the records say of the model's quality, by name; all environments run the same model."""
    for item in invocations:
        figures = item.record.figures if item.record else {}
        found = {
            name.removeprefix(QUALITY_PREFIX): float(value)
            for name, value in figures.items()
            if name.startswith(QUALITY_PREFIX) and isinstance(value, int | float)
        }
        if found:
            return found
    return {}


def _reported(invocations: Iterable[Invocation], name: str) -> list[float] | None:
    """This figure of each invocation; ``None`` when one of them lacks it."""
    values = []
    for item in invocations:
        value = item.record.figures.get(name) if item.record else None
        if not isinstance(value, int | float):
            return None
        values.append(float(value))
    return values


def _per_item(values: list[float] | None, batch_size: int) -> float | None:
    average = mean(values or [])
    return None if average is None else average / batch_size
