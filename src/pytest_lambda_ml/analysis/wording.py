"""How numbers are written for people."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from decimal import Decimal

    from pytest_lambda_ml.analysis.load import Run
    from pytest_lambda_ml.model import Configuration

__all__ = [
    "ABSENT",
    "alike",
    "cell_names",
    "milliseconds",
    "money",
    "number",
    "percent",
    "probability",
    "run_line",
]

ABSENT = "–"
THOUSAND = 1000
TEN, HUNDRED = 10, 100
ROUNDS_TO_ONE = 0.9995
MOST_DECIMALS = 8


TRIGGERS = {"sns": "through SNS", "async": "asynchronous", "sync": "synchronous"}


def money(usd: float | Decimal | None) -> str:
    """Dollars, to the cent or to three significant digits, whichever is finer; to 8 decimals."""
    if usd is None or math.isnan(usd):
        return ABSENT
    if usd == 0:
        return "$0"
    if usd < 0:
        return f"-{money(-usd)}"
    if usd >= ROUNDS_TO_ONE:
        return f"${usd:,.2f}"
    decimals = min(2 - math.floor(math.log10(usd)), MOST_DECIMALS)
    text = f"{float(usd):.{decimals}f}".rstrip("0").rstrip(".")
    return f"< $0.{1:0{MOST_DECIMALS}}" if text == "0" else f"${text}"


def number(value: float | None, digits: int = 1) -> str:
    """A number; without decimals from 1,000 on."""
    if value is None:
        return ABSENT
    return f"{value:,.0f}" if abs(value) >= THOUSAND else f"{value:,.{digits}f}"


def milliseconds(value: float | None) -> str:
    """A duration to about three digits, in seconds from ten of them on."""
    if value is None:
        return ABSENT
    if value >= TEN * THOUSAND:
        return f"{value / THOUSAND:,.1f} s"
    return f"{value:,.0f} ms" if value >= HUNDRED else f"{value:.1f} ms"


def probability(value: float) -> str:
    """In percent; what was drawn is never called certain or impossible."""
    if value >= 0.995:
        return "> 99 %"
    return "< 1 %" if value < 0.01 else percent(value)


def percent(share: float, digits: int = 0) -> str:
    """A share of one in percent."""
    return f"{share:.{digits}%}".replace("%", " %")


def run_line(run: Run) -> str:
    """Which run: its id, when it was measured, and where."""
    place = f"AWS {run.region}" if run.backend == "aws" else "local endpoint"
    return f"Run {run.run_id}, {run.created_at:%Y-%m-%d %H:%M} UTC, {place}"


def alike(notes: Iterable[str]) -> list[str]:
    """Each note once; of those that differ in their numbers alone, the first and how many more."""
    kinds: dict[str, list[str]] = {}
    for note in dict.fromkeys(notes):
        kinds.setdefault(re.sub(r"[0-9.,]*[0-9]", "#", note), []).append(note)
    return [
        first + (f" (and {len(more)} more with other numbers)" if more else "")
        for first, *more in kinds.values()
    ]


def cell_names(
    cells: Iterable[Configuration], *, but: frozenset[str] = frozenset()
) -> dict[Configuration, str]:
    """A name for each cell that says what tells it from the others; its memory size always.

    ``but`` leaves out fields that an axis or a column shows already; cells that differ in nothing
    else then share a name, which is empty where all cells do.
    """
    cells = list(dict.fromkeys(cells))
    parts = {cell: [p for name, p in _parts(cell).items() if name not in but] for cell in cells}
    columns = list(zip(*parts.values(), strict=True))
    always = 0 if "memory_mb" not in but else -1
    telling = [i == always or len(set(column)) > 1 for i, column in enumerate(columns)]
    return {
        cell: ", ".join(part for part, tells in zip(values, telling, strict=True) if tells)
        for cell, values in parts.items()
    }


def _parts(cell: Configuration) -> dict[str, str]:
    return {
        "memory_mb": f"{cell.memory_mb} MB",
        "engine": f"engine {cell.engine}",
        "batch_size": f"batch {cell.batch_size}",
        "concurrency": f"concurrency {cell.concurrency}",
        "trigger": TRIGGERS[cell.trigger],
        "architecture": cell.architecture,
        "region": cell.region or "",
        "ephemeral_mb": f"{cell.ephemeral_mb} MB of /tmp",
        "snap_start": "SnapStart" if cell.snap_start else "no SnapStart",
        "log_format": f"{cell.log_format} logs",
        "timeout_s": f"timeout {cell.timeout_s} s",
    }
