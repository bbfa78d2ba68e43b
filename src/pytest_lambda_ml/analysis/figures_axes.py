"""Scales and axes of the charts: linear, or logarithmic where values span decades."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import altair as alt

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["axis_of", "scale_of"]

WIDE = 20
"""Values whose largest is so many times the smallest stand on a logarithmic axis."""

DECADES = 2
"""Over no more of them there is room for ticks at 1, 2 and 5."""

ALL_LABELS = 100
"""Where fewer ticks than these are asked for, a logarithmic axis leaves out labels."""

DECIMAL = ",.6~r"
"""Never an exponent: left to itself Vega writes 80 as 8e+1 where ticks are 20 apart."""


def _log(values: pd.Series) -> bool:
    positive = values[values > 0]
    return len(positive) > 1 and float(positive.max()) > WIDE * float(positive.min())


def scale_of(*columns: pd.Series, zero: bool = True, room: float = 0.0) -> alt.Scale:
    """The scale of these values; ``room`` is a share of it that is left free before the first."""
    import pandas as pd

    values = pd.concat(columns)
    if _log(values):
        low, high = float(values[values > 0].min()), float(values.max())
        first = low * 0.8 * (low / high) ** (room / (1 - room))
        return alt.Scale(type="log", domain=[first, high * 1.25], nice=False)
    if room:
        low, high = float(values.min()), float(values.max())
        first = max(low - (high - low) * room / (1 - room), 0.0)
        return alt.Scale(domain=[first, high], padding=12)
    return alt.Scale(zero=zero, padding=0 if zero else 12)


def _few_ticks(scale: alt.Scale, low: float, high: float) -> Any:
    """Ticks at 1, 2 and 5 times powers of ten where the axis is logarithmic."""
    if scale.to_dict().get("type") != "log":
        return alt.Undefined
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if math.log10(high / low) <= DECADES else (1,)
    return [step * 10.0**k for k in range(first, last + 1) for step in steps]


def axis_of(scale: alt.Scale, *columns: pd.Series, **more: Any) -> alt.Axis:
    """The axis of this scale of these values, with ``more`` properties."""
    values = [float(v) for column in columns for v in column if v > 0]
    ticks = _few_ticks(scale, min(values), max(values)) if values else alt.Undefined
    if ticks is not alt.Undefined:
        more["tickCount"] = ALL_LABELS
    return alt.Axis(values=ticks, format=DECIMAL, **more)
