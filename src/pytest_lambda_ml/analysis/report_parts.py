"""What a report says besides figures: tables, the bill, what was not measured honestly. Pure."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.analysis.recommend_text import (
    choice_name,
    more_lines,
    regret_text,
    rule_text,
    sentences,
)
from pytest_lambda_ml.analysis.wording import (
    ABSENT,
    alike,
    cell_names,
    milliseconds,
    money,
    number,
    probability,
)
from pytest_lambda_ml.measure.pricing import Cost
from pytest_lambda_ml.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lambda_ml.analysis.comparison import Comparison, Row
    from pytest_lambda_ml.analysis.load import Run, RunCell
    from pytest_lambda_ml.analysis.recommendation import Recommendation

__all__ = [
    "Answer",
    "Sheet",
    "answer_of",
    "bill_of",
    "cell_sheet",
    "comparison_sheets",
    "facts_of",
    "honesty_of",
    "reproduction_of",
    "trouble_of",
]

LONGEST_REASON = 300
THOUSAND = 1000
HEADINGS = (
    "cell",
    "vCPU",
    "succeeded",
    "cold",
    "init p50 ms",
    "initialisation p50 ms",
    "warm",
    "p50 ms",
    "p95 ms",
    "mean billed ms",
    "max memory MB",
    "$ per million",
    "$ per 1k items",
    "P(best)",
    "agreement",
)
"""Of the cells' table; the last stands there where outputs were compared with the reference's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The recommendation of one algorithm as a card: figures with their labels, then sentences."""

    algorithm: str
    choice: str
    decided: bool
    figures: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table: headings and rows of text; ``marked`` is the row to stand out.

    ``text_columns`` (counted from 0) are words instead of numbers, ``words`` is one of sentences.
    """

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    marked: int | None = None
    text_columns: tuple[int, ...] = (0,)
    words: int | None = None


def answer_of(told: Recommendation) -> Answer:
    """The card of one algorithm."""
    choice = told.choice
    if choice is None:
        return Answer(
            algorithm=told.algorithm,
            choice="no recommendation",
            decided=False,
            figures=(),
            sentences=tuple(sentences(told)),
        )
    figures = (
        ("probability to be the very best", probability(choice.p_best)),
        ("within 1 % of the best", probability(choice.p_equal)),
        ("within 5 % of the best", probability(told.p_near)),
        ("a month", money(choice.usd_per_month)),
        ("per million items", money(choice.usd_per_1k_items * THOUSAND)),
        ("p95, warm", milliseconds(choice.duration_ms_p95)),
        ("cold start, p95", milliseconds(choice.cold_ms_p95)),
    )
    said = [
        (
            f"{choice.configuration.memory_mb} MB is the memory size of the best with a "
            f"probability of {probability(told.p_memory)}; {regret_text(told)}."
        ),
        *(f"{line[0].upper()}{line[1:]}." for line in (*more_lines(told), *told.notes)),
        f"{(rule := rule_text(told))[0].upper()}{rule[1:]}.",
    ]
    return Answer(
        algorithm=told.algorithm,
        choice=choice_name(told),
        decided=told.decided,
        figures=figures,
        sentences=tuple(said),
    )


def cell_sheet(algorithm: str, cells: Sequence[RunCell], told: Recommendation | None) -> Sheet:
    """All cells of an algorithm with their figures."""
    names = cell_names(cell.configuration for cell in cells)
    chances = {each.configuration: each for each in told.candidates} if told else {}
    chosen = told.choice.configuration if told and told.choice else None
    rows = []
    for cell in cells:
        figures, outcomes = cell.figures, cell.outcomes
        chance = chances.get(cell.configuration)
        rows.append(
            (
                names[cell.configuration],
                f"{cell.configuration.vcpu:.2f}",
                f"{outcomes.succeeded:,} of {outcomes.published:,}",
                f"{figures.cold_starts:,}",
                number(figures.init_ms_p50, 0),
                number(figures.initialization_ms_p50, 0),
                f"{figures.warm_count:,}",
                number(figures.duration_ms_p50),
                number(figures.duration_ms_p95),
                number(figures.billed_ms_mean),
                ABSENT if figures.max_memory_mb is None else f"{figures.max_memory_mb:,}",
                money(figures.cost_usd_per_million),
                money(figures.cost_usd_per_1k_items),
                probability(chance.p_best) if chance else ABSENT,
                ABSENT if figures.agreement is None else f"{figures.agreement:.1%}",
            )
        )
    compared = any(cell.figures.agreement is not None for cell in cells)
    return Sheet(
        caption=f"All cells of {algorithm}",
        headings=HEADINGS if compared else HEADINGS[:-1],
        rows=tuple(row if compared else row[:-1] for row in rows),
        marked=next((i for i, c in enumerate(cells) if c.configuration == chosen), None),
    )


def comparison_sheets(comparison: Comparison) -> tuple[Sheet, Sheet]:
    """What regressed or improved since the baseline, and all else: a row per cell and metric."""
    moved = [row for row in comparison.rows if row.verdict.value in {"regressed", "improved"}]
    others = [row for row in comparison.rows if row not in moved]
    moved.sort(key=lambda row: row.verdict.value != "regressed")
    return (
        _comparison_sheet(f"Changed since run {comparison.base_id}", moved),
        _comparison_sheet("Unchanged, or not to be told from these samples", others),
    )


def _comparison_sheet(caption: str, rows: Sequence[Row]) -> Sheet:
    def share(value: float | None) -> str:
        return ABSENT if value is None else f"{value - 1:+.1%}"

    return Sheet(
        caption=caption,
        headings=("cell", "metric", "before", "now", "change", "95 % interval", "verdict"),
        rows=tuple(
            (
                row.cell_id,
                str(row.limit),
                number(row.base_value, 2),
                number(row.new_value, 2),
                share(row.ratio),
                ABSENT if row.low is None else f"{share(row.low)} … {share(row.high)}",
                row.verdict.value
                + (f": {row.reason}" if row.reason else "")
                + (f" (+{row.further:,} invocations in each run)" if row.further else ""),
            )
            for row in rows
        ),
        text_columns=(0, 1),
        words=6,
    )


def facts_of(run: Run) -> list[tuple[str, str]]:
    """Where the run comes from: label and value."""
    cells = run.cells
    invocations = sum(len(cell.invocations) for cell in cells)
    said = [
        ("measured", "on AWS" if run.backend == "aws" else "on a local endpoint: no AWS bill"),
        ("when", f"{run.created_at:%Y-%m-%d %H:%M} UTC"),
        ("size", f"{len(cells):,} cells, {invocations:,} invocations"),
        ("region of the prices", ", ".join(_unique(c.provenance.region for c in cells))),
        ("CPU", ", ".join(_unique(c.provenance.cpu_model or "unknown" for c in cells))),
        ("limits", "; ".join(_unique(_limits(cell) for cell in cells))),
        ("data", ", ".join(_unique(cell.provenance.dataset for cell in cells))),
        ("dependencies", ", ".join(_unique(cell.provenance.dependencies for cell in cells))),
        ("weights", ", ".join(_unique(w for c in cells if (w := c.provenance.weights)))),
    ]
    if run.imported_from:
        said.append(("imported from", ", ".join(run.imported_from)))
    return [(label, value) for label, value in said if value]


def _limits(cell: RunCell) -> str:
    cpu, memory = cell.provenance.cpu_enforced, cell.provenance.memory_enforced
    return (
        f"CPU share {f'by {cpu}' if cpu else 'NOT enforced'}, "
        f"memory {f'by {memory}' if memory else 'NOT enforced'}"
    )


def honesty_of(run: Run, recommendations: Sequence[Recommendation]) -> list[str]:
    """What could not be measured honestly, each kind of thing once."""
    said = []
    if run.partial:
        said.append(f"The run is partial ({run.partial_reason}): cells are missing or cut short.")
    if run.backend == "local":
        said.append(
            "Durations are those of this machine. They compare configurations with each other; "
            "the money is what AWS would ask for such durations, not a bill."
        )
    notes = [note for cell in run.cells for note in cell.provenance.notes]
    notes += [note for cell in run.cells for note in cell.figures.cost_total.notes]
    said += [f"{note[0].upper()}{note[1:]}." for note in alike(notes)]
    for told in recommendations:
        said += [f"{cell_id} is not considered: {why}." for cell_id, why in told.excluded]
    return said


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
    items = (
        ("GB-seconds", total.gb_seconds_usd),
        ("requests", total.requests_usd),
        ("ephemeral storage", total.ephemeral_usd),
        ("SNS", total.sns_usd),
        ("log ingestion", total.logs_usd),
        *([("SnapStart", total.snap_start_usd)] if total.snap_start_usd != 0 else []),
        ("in all", total.total_usd),
    )
    date = run.cells[0].provenance.price_date if run.cells else ABSENT
    verb = "would have cost on AWS" if run.backend == "local" else "cost"
    return Sheet(
        caption=f"What this campaign {verb} (list prices of {date}, no free tier)",
        headings=("item", "USD"),
        rows=tuple((name, money(usd)) for name, usd in items),
        marked=len(items) - 1,
    )


def reproduction_of(run: Run) -> tuple[str, list[tuple[str, str]]]:
    """The command that measures this again, and what else it depends on."""
    options = run.stored.get("options") or {}
    command = ["pytest", *map(str, run.stored.get("tests") or ["benchmarks/"])]
    for name, told in options.items():
        if isinstance(told, dict) and told.get("source") in {
            "command line",
            "environment variable",
        }:
            command += _option(name, told.get("value"))
    git = run.git
    said = [
        ("commit", str(git.get("commit") or "") + (" with changes" if git.get("dirty") else "")),
        ("price table", " sha256:".join(_prices(run))),
        ("environment", _environment(run)),
        ("run", run.folder.name),
    ]
    return shlex.join(command), [(label, value) for label, value in said if value]


def _option(name: str, value: Any) -> list[str]:
    """The option as it is written on the command line."""
    from pytest_lambda_ml.settings import OPTIONS

    flag = next((option.flag for option in OPTIONS if option.name == name), None)
    if flag is None or value is None or value is False:
        return []
    if value is True:
        return [flag]
    if isinstance(value, dict):
        return [part for key, path in value.items() for part in (flag, f"{key}={path}")]
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return [flag, str(value)]


def _prices(run: Run) -> list[str]:
    table = run.price_table
    return [str(table[key])[:12] for key in ("date", "sha256") if table.get(key)]


def _environment(run: Run) -> str:
    said = []
    for key, value in run.environment.items():
        if isinstance(value, dict):
            said += [f"{name} {version}" for name, version in value.items()]
        elif value:
            said.append(f"{key} {value}")
    return ", ".join(said)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
