"""A comparison as people read it: a table in the terminal, or Markdown for a pull request."""

from __future__ import annotations

import io
from collections import Counter
from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.comparison import Verdict
from pytest_lambda_ml.analysis.terminal_table import Column, plain_console, print_table, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lambda_ml.analysis.comparison import Comparison, Row
    from pytest_lambda_ml.analysis.gate import Limit

__all__ = [
    "as_markdown",
    "as_table",
    "nothing_gated",
    "quantity",
    "verdict_line",
    "verdict_text",
]

ABSENT = "–"
COLOURS = {
    Verdict.REGRESSED: "bold red",
    Verdict.IMPROVED: "bold green",
    Verdict.UNCHANGED: "dim",
    Verdict.INCONCLUSIVE: "yellow",
    Verdict.INCOMPARABLE: "yellow",
}
SIGNS = {
    Verdict.REGRESSED: "❌",
    Verdict.IMPROVED: "✅",
    Verdict.UNCHANGED: "▫️",
    Verdict.INCONCLUSIVE: "❔",
    Verdict.INCOMPARABLE: "❔",
}
COLUMNS = (
    Column("cell", left=True),
    Column("metric", left=True),
    Column("base", drop=1),
    Column("new", drop=2),
    Column("change"),
    Column("95 % interval", drop=3),  # the last: what is said beneath rests on it
    Column("verdict", left=True, wraps=True),
)

HEADLINE = (
    "A row has regressed where its whole interval lies above the limit and its growth is more than "
    "chance makes of so many rows: of two runs of the same thing, at most 5 % have any such row."
)
MORE = (
    "Warm ones come of more --lambda-invocations; cold invocations: raise --lambda-concurrency "
    "(one to an environment)."
)
SHORT_MORE = f"+ is about how many more invocations in each run would tell. {MORE}"
"""For the terminal, whose verdicts are short."""


def nothing_gated(comparison: Comparison, lacking: Sequence[Limit]) -> str:
    """Why a gate cannot pass: nothing was held against these of its limits."""
    reasons = sorted({row.reason for row in comparison.rows if row.limit in lacking})
    if reasons:
        named = f"{', '.join(map(str, lacking))} {'was' if len(lacking) == 1 else 'were'} not gated"
        return (
            f"{named if comparison.compared else 'nothing was gated'}, no cell can be compared "
            f"with the baseline {comparison.base_id}: {'; '.join(reasons)}; choose a baseline that "
            "measured the same"
        )
    return (
        f"no cell is in both runs, so nothing was gated: {comparison.new_id} has "
        f"{_some(comparison.new_cells)}, the baseline {comparison.base_id} has "
        f"{_some(comparison.vanished_cells)}; choose a baseline that measured the same cells"
    )


def _some(cells: Sequence[str]) -> str:
    more = f" and {len(cells) - 1} more" if len(cells) > 1 else ""
    return f"{cells[0]}{more}" if cells else "none"


def verdict_line(comparison: Comparison) -> str:
    """How many of what: the answer in one line."""
    counts = Counter(row.verdict for row in comparison.rows)
    said = ", ".join(f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict])
    return f"{comparison.new_id} against {comparison.base_id}: {said or 'nothing to compare'}"


def as_table(comparison: Comparison, *, width: int, color: bool = False) -> str:
    """The whole comparison for a terminal of this width."""
    output = io.StringIO()
    console = plain_console(output, width=width, color=color)
    left_out: list[Column] = []
    if comparison.rows:
        fields = [(*_fields(row), _short_verdict(row)) for row in comparison.rows]
        values = zip(*fields, strict=True)
        styles = [COLOURS[row.verdict] if color else "" for row in comparison.rows]
        left_out = print_table(console, dict(zip(COLUMNS, values, strict=True)), styles)
    lines = [*_beneath(comparison, SHORT_MORE), verdict_line(comparison)]
    if left_out:
        lines.insert(0, f"A wider terminal also shows {', '.join(c.heading for c in left_out)}.")
    return output.getvalue() + "\n".join(wrapped(line, width) for line in lines)


def as_markdown(comparison: Comparison) -> str:
    """The comparison for a pull request: what changed first, everything folded beneath."""
    parts = [f"### Lambda benchmarks: {verdict_line(comparison)}", ""]
    changed = [
        row for row in comparison.rows if row.verdict in {Verdict.REGRESSED, Verdict.IMPROVED}
    ]
    if changed:
        parts += [*_markdown_table(changed), ""]
    parts += [f"- {_escaped(line)}" for line in _beneath(comparison, MORE)]
    rest = [row for row in comparison.rows if row not in changed]
    if rest:
        parts += ["", f"<details><summary>The other {len(rest)}</summary>", ""]
        parts += [*_markdown_table(rest), "", "</details>"]
    return "\n".join(parts) + "\n"


def _markdown_table(rows: Iterable[Row]) -> list[str]:
    lines = [
        f"| {' | '.join(column.heading for column in COLUMNS)} |",
        f"|{'|'.join('---' if column.left else '--:' for column in COLUMNS)}|",
    ]
    for row in rows:
        fields, verdict = map(_escaped, _fields(row)), _escaped(verdict_text(row))
        lines.append(f"| {' | '.join(fields)} | {SIGNS[row.verdict]} {verdict} |")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _fields(row: Row) -> tuple[str, ...]:
    """All columns but the verdict."""
    change = ABSENT if row.ratio is None else f"{row.ratio - 1:+.1%}"
    interval = (
        ABSENT
        if row.low is None or row.high is None
        else f"{row.low - 1:+.1%} … {row.high - 1:+.1%}"
    )
    return (
        row.cell_id,
        str(row.limit),
        quantity(row, row.base_value),
        quantity(row, row.new_value),
        change,
        interval,
    )


def quantity(row: Row, value: float | None) -> str:
    """A value of the row's metric, with its unit."""
    if value is None:
        return ABSENT
    match row.limit.metric:
        case "cost":
            return f"${value:,.4g}/M"
        case "memory":
            return f"{value:,.0f} MB"
        case _:
            return f"{value:,.1f} ms"


def verdict_text(row: Row) -> str:
    """The verdict, and why where it is not plain."""
    if row.verdict is not Verdict.INCONCLUSIVE:
        return f"{row.verdict}: {row.reason}" if row.reason else str(row.verdict)
    plural = "" if row.further == 1 else "s"
    more = f"about {row.further or 0:,} more {row.kind} invocation{plural} in each run would tell"
    return f"inconclusive: {_inconclusive(row, more)}"


def _inconclusive(row: Row, more: str) -> str:
    """Why, and what would tell, where that can be said: of what was not measured it cannot."""
    return "; ".join(filter(None, [row.reason, more if row.further and row.ratio else ""]))


def _short_verdict(row: Row) -> str:
    """The same for a terminal, where `SHORT_MORE` explains the number."""
    if row.verdict is not Verdict.INCONCLUSIVE:
        return verdict_text(row)
    return f"inconclusive: {_inconclusive(row, f'+{row.further or 0:,} {row.kind}')}"


def _beneath(comparison: Comparison, more: str) -> list[str]:
    lines = [HEADLINE] if comparison.compared else []
    if any(row.further for row in comparison.rows if row.verdict is Verdict.INCONCLUSIVE):
        lines.append(more)
    for what, cells in (
        ("New, without a baseline", comparison.new_cells),
        ("In the baseline only", comparison.vanished_cells),
    ):
        if cells:
            lines.append(f"{what}: {', '.join(cells)}")
    if comparison.cpu_loop_ratio is not None:
        moved = comparison.cpu_loop_ratio - 1
        lines.append(f"A fixed CPU loop's time on this machine moved by up to {moved:+.1%}.")
    return [*lines, *(f"Note: {note}" for note in comparison.notes)]
