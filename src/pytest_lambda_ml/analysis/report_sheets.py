"""The tables of a report: cells, changes since a baseline, what did not succeed, the bill. Pure.

What decides stands in a table that fits a page; the rest of each cell is in a second one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.compare_text import quantity, verdict_text
from pytest_lambda_ml.analysis.comparison import Verdict, name_of
from pytest_lambda_ml.analysis.wording import ABSENT, cell_names, money, number, probability
from pytest_lambda_ml.campaign.training_result import alone_of, speed_up
from pytest_lambda_ml.measure.pricing import Cost
from pytest_lambda_ml.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lambda_ml.analysis.comparison import Comparison, Row
    from pytest_lambda_ml.analysis.load import Run, RunCell
    from pytest_lambda_ml.analysis.recommendation import Recommendation
    from pytest_lambda_ml.campaign.result import CellFigures
    from pytest_lambda_ml.model import Configuration

__all__ = [
    "Sheet",
    "bill_of",
    "by_algorithm",
    "cell_sheet",
    "comparison_sheets",
    "details_sheet",
    "training_sheet",
    "trouble_of",
]

LONGEST_REASON = 300
NARROW = 3
"""Columns for which there is room on a phone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table: headings and rows of text; ``marked`` is the row to stand out, ``mark`` says why.

    ``text_columns`` (counted from 0) are words instead of numbers, ``words`` is one of sentences.
    """

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: int | None = None
    mark: str = ""
    text_columns: tuple[int, ...] = (0,)
    words: int | None = None

    @property
    def stacks(self) -> bool:
        """Whether a row becomes a block of labelled values where there is no room for columns."""
        return len(self.headings) > NARROW


def cell_sheet(algorithm: str, cells: Sequence[RunCell], told: Recommendation | None) -> Sheet:
    """What decides between the cells of an algorithm; a column that says nothing is left out."""
    chances = {each.configuration: each for each in told.candidates} if told else {}
    chosen = told.choice.configuration if told and told.choice else None
    names = cell_names(cell.configuration for cell in cells)
    columns: dict[str, list[str]] = {
        "cell": [names[cell.configuration] for cell in cells],
        "$ per million requests": [money(c.figures.cost_usd_per_million) for c in cells],
        "$ per 1,000 items": [money(c.figures.cost_usd_per_1k_items) for c in cells],
        "P(best)": [
            probability(chances[c.configuration].p_best) if c.configuration in chances else ABSENT
            for c in cells
        ],
        "warm p50 ms": [number(c.figures.duration_ms_p50) for c in cells],
        "warm p95 ms": [number(c.figures.duration_ms_p95) for c in cells],
        "cold start p50 ms": [number(c.figures.cold_start_ms_p50, 0) for c in cells],
    }
    if any(not _whole(cell) for cell in cells):
        columns["succeeded"] = [_succeeded(cell) for cell in cells]
    quality = [_quality(cell.figures) for cell in cells]
    if any(quality):
        columns["quality"] = [each or ABSENT for each in quality]
    return Sheet(
        caption=f"All cells of {algorithm}",
        headings=tuple(columns),
        rows=tuple(zip(*columns.values(), strict=True)),
        marked=next((i for i, c in enumerate(cells) if c.configuration == chosen), None),
        mark="recommended",
        words=len(columns) - 1 if any(quality) else None,
    )


def details_sheet(algorithm: str, cells: Sequence[RunCell]) -> Sheet:
    """What else was measured of them."""
    names = cell_names(cell.configuration for cell in cells)
    return Sheet(
        caption=f"More of each cell of {algorithm}",
        headings=(
            "cell",
            "vCPU",
            "succeeded",
            "cold",
            "environments",
            "init p50 ms",
            "initialisation p50 ms",
            "warm",
            "mean billed ms",
            "max memory MB",
        ),
        rows=tuple(
            (
                names[cell.configuration],
                f"{cell.configuration.vcpu:.2f}",
                _succeeded(cell),
                f"{cell.figures.cold_starts:,}",
                f"{cell.figures.environments:,}",
                number(cell.figures.init_ms_p50, 0),
                number(cell.figures.initialization_ms_p50, 0),
                f"{cell.figures.warm_count:,}",
                number(cell.figures.billed_ms_mean),
                number(cell.figures.max_memory_mb, 0),
            )
            for cell in cells
        ),
    )


def training_sheet(algorithm: str, cells: Sequence[RunCell]) -> Sheet:
    """What trainings over functions came to."""
    names = cell_names(cell.configuration for cell in cells)
    told = [(cell, cell.training) for cell in cells if cell.training]

    def share(value: float | None, form: str = ".4f") -> str:
        return ABSENT if value is None else format(value, form)

    return Sheet(
        caption=f"Trainings of {algorithm} over functions",
        headings=(
            "training",
            "functions",
            "rounds",
            "accuracy, one average",
            "accuracy",
            "off the single machine",
            "rows of a shard",
            "makespan ms",
            "critical path ms",
            "speed-up at once",
            "$ in all",
        ),
        rows=tuple(
            (
                names[cell.configuration] or algorithm,
                f"{training.functions:,}",
                f"{training.rounds:,}",
                share(training.accuracy_one_shot),
                share(training.accuracy),
                share(training.accuracy_difference, "+.4f"),
                number(max((rows for rows in training.shard_rows if rows), default=None), 0),
                number(training.makespan_ms, 0),
                number(training.critical_path_ms, 0),
                number(speed_up(alone_of(cell, cells), training), 2),
                money(cell.figures.cost_total.total_usd),
            )
            for cell, training in told
        ),
    )


def _whole(cell: RunCell) -> bool:
    return cell.outcomes.succeeded == cell.outcomes.published


def _succeeded(cell: RunCell) -> str:
    return f"{cell.outcomes.succeeded:,} of {cell.outcomes.published:,}"


def _quality(figures: CellFigures) -> str:
    """How near its outputs are to the reference's, and what training measured of the model."""
    said = [f"{name.replace('_', ' ')} {value:.4g}" for name, value in figures.quality.items()]
    if figures.max_difference is not None:
        said.insert(0, f"at most {figures.max_difference:.2g} off the reference")
    if figures.agreement is not None:
        said.insert(0, f"{100 * figures.agreement:.6g} % as the reference")
    return ", ".join(said)


def comparison_sheets(comparison: Comparison) -> tuple[Sheet, Sheet]:
    """What regressed or improved since the baseline, and all else: a row per cell and metric."""
    moved = [row for row in comparison.rows if row.verdict in {Verdict.REGRESSED, Verdict.IMPROVED}]
    others = [row for row in comparison.rows if row not in moved]
    moved.sort(key=lambda row: row.verdict is not Verdict.REGRESSED)
    return (
        _comparison_sheet(f"Changed since run {comparison.base_id}", moved),
        _comparison_sheet("Unchanged, or not to be told from these runs", others),
    )


def _comparison_sheet(caption: str, rows: Sequence[Row]) -> Sheet:
    def share(value: float | None) -> str:
        return ABSENT if value is None else f"{value - 1:+.1%}"

    return Sheet(
        caption=caption,
        headings=("cell", "metric", "change", "95 % interval", "before", "now", "verdict"),
        rows=tuple(
            (
                row.cell_id,
                str(row.limit),
                share(row.ratio),
                ABSENT if row.low is None else f"{share(row.low)} … {share(row.high)}",
                quantity(row, row.base_value),
                quantity(row, row.new_value),
                verdict_text(row),
            )
            for row in rows
        ),
        text_columns=(0, 1),
        words=6,
    )


def by_algorithm(cells: Iterable[Configuration]) -> dict[str, list[str]]:
    """The names of cells by their algorithm."""
    groups: dict[str, list[str]] = {}
    for cell in cells:
        groups.setdefault(cell.algorithm, []).append(name_of(cell))
    return groups


def trouble_of(run: Run) -> Sheet | None:
    """Messages that did not succeed, with what handlers and Lambda said; None when all did."""
    rows = []
    for cell in run.cells:
        for outcome in Outcome:
            count = cell.outcomes.count(outcome)
            if count and outcome is not Outcome.SUCCEEDED:
                words = outcome.value.replace("_", " ")
                rows.append((cell.cell_id, words, f"{count:,}", _reason(cell, outcome)))
    if not rows:
        return None
    return Sheet(
        caption="Messages that did not succeed",
        headings=("cell", "outcome", "how many", "what was said most often"),
        rows=tuple(rows),
        text_columns=(0, 1),
        words=3,
    )


def _reason(cell: RunCell, outcome: Outcome) -> str:
    rows = cell.invocations[cell.invocations["outcome"] == outcome.value]
    for column in ("handler_error_message", "handler_error_type", "error_type", "status"):
        if column in rows and (said := rows[column].dropna()).size:
            return str(said.astype(str).value_counts().index[0])[:LONGEST_REASON]
    return ABSENT


def bill_of(run: Run) -> Sheet:
    """The whole campaign, itemised."""
    total = sum((cell.figures.cost_total for cell in run.cells), Cost())
    items = (*total.itemised.items(), ("in all", total.total_usd))
    date = run.cells[0].provenance.price_date if run.cells else ABSENT
    verb = "would have cost on AWS" if run.backend == "local" else "cost"
    return Sheet(
        caption=f"What this campaign {verb} (list prices of {date}, no free tier)",
        headings=("item", "USD"),
        rows=tuple((name, money(usd)) for name, usd in items),
        marked=len(items) - 1,
    )
