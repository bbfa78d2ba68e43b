"""What a report says in sentences: the answers, and what was not measured honestly. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.recommend_text import (
    choice_name,
    more_lines,
    regret_text,
    rule_text,
    sentences,
)
from pytest_lambda_ml.analysis.wording import alike, milliseconds, money, probability

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lambda_ml.analysis.load import Run
    from pytest_lambda_ml.analysis.recommendation import Recommendation

__all__ = ["Answer", "answer_of", "honesty_of"]

THOUSAND = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The recommendation of one algorithm as a card: figures with their labels, then sentences."""

    algorithm: str
    choice: str
    decided: bool
    figures: tuple[tuple[str, str], ...]
    sentences: tuple[str, ...]


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
        sentences=tuple(map(_unbroken, said)),
    )


def _unbroken(sentence: str) -> str:
    """With no line break between a number and its unit."""
    return re.sub(r"(?<=[0-9]) (?=%|MB|ms)", "\N{NO-BREAK SPACE}", sentence)


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
