"""What a recommendation is asked for: options of every command that recommends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lambda_ml.analysis.recommendation import Question

__all__ = ["ask", "question_options"]

WEIGHT = 0.5


def question_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that make a `Question`, for every command that recommends."""
    options = (
        click.option(
            "--objective",
            type=click.Choice(["cost", "speed", "balanced"]),
            default="cost",
            show_default=True,
            help="What to minimise, as AWS Lambda Power Tuning's strategies do.",
        ),
        click.option(
            "--weight",
            type=click.FloatRange(0, 1),
            help=f"Weight of cost in `balanced`: 1 is cost, 0 is speed.  [default: {WEIGHT}]",
        ),
        click.option(
            "--max-p95-ms",
            type=click.FloatRange(0, min_open=True),
            help="Only cells whose warm duration has its 95th percentile at most here.",
        ),
        click.option(
            "--max-cold-ms",
            type=click.FloatRange(0, min_open=True),
            help="Only cells whose cold start has its 95th percentile at most here.",
        ),
        click.option(
            "--requests-per-day",
            type=click.FloatRange(0, min_open=True),
            default=100_000,
            show_default=True,
            help="Items to predict in a day; money and cold starts follow from it.",
        ),
        click.option(
            "--idle-minutes",
            type=click.FloatRange(0),
            default=10,
            show_default=True,
            help="How long Lambda keeps an idle environment: an assumption, AWS does not say.",
        ),
        click.option(
            "--confidence",
            type=click.FloatRange(0.5, 0.999),
            default=0.9,
            show_default=True,
            help="Decided is a choice that no other beats by more than 1 %, with this probability.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def ask(
    *,
    objective: Any,
    weight: float | None,
    max_p95_ms: float | None,
    max_cold_ms: float | None,
    requests_per_day: float,
    idle_minutes: float,
    confidence: float,
) -> Question:
    """The question that the options put. Raises UsageError for a weight that weighs nothing."""
    from pytest_lambda_ml.analysis.recommendation import Question
    from pytest_lambda_ml.analysis.traffic import Traffic

    if weight is not None and objective != "balanced":
        raise click.UsageError(
            f"--weight is of --objective balanced; {objective} has no weight: leave it out, or ask "
            f"for --objective balanced --weight {weight:g}"
        )
    return Question(
        objective=objective,
        weight=WEIGHT if weight is None else weight,
        max_p95_ms=max_p95_ms,
        max_cold_ms=max_cold_ms,
        traffic=Traffic(requests_per_day, idle_minutes),
        confidence=confidence,
    )
