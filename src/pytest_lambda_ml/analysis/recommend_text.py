"""A recommendation in sentences, for the terminal, the report and pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.analysis.recommend_more import MOST_INVOCATIONS
from pytest_lambda_ml.analysis.wording import (
    cell_names,
    milliseconds,
    money,
    number,
    percent,
    probability,
)

if TYPE_CHECKING:
    from pytest_lambda_ml.analysis.recommendation import (
        MoreInvocations,
        Question,
        Recommendation,
    )
    from pytest_lambda_ml.model import Configuration

__all__ = [
    "LEGEND",
    "assumptions",
    "choice_name",
    "more_lines",
    "one_line",
    "question_text",
    "regret_text",
    "rule_text",
    "sentences",
]

MOST_NAMED = 3

LEGEND = (
    "answer: time to an answer, mean of warm and cold as the traffic mixes them; warm: duration of "
    "a warm invocation; cold: init and loading of a cold start; Pareto: no other cell is better in "
    "both $ a month and warm p95."
)
"""What the figures of the candidates are."""


def question_text(question: Question) -> str:
    """What was asked, such as ``lowest cost, p95 at most 100 ms``."""
    wanted = {
        "cost": "lowest cost",
        "speed": "shortest time to an answer",
        "balanced": f"balanced, weight of cost {question.weight:g}",
    }[question.objective]
    return ", ".join([wanted, *_limits(question)])


def _limits(question: Question) -> list[str]:
    return [
        f"{name} at most {limit:g} ms"
        for name, limit in (("p95", question.max_p95_ms), ("cold start", question.max_cold_ms))
        if limit is not None
    ]


def assumptions(question: Question) -> str:
    """At which traffic, and what is assumed of cold starts."""
    traffic = question.traffic
    return (
        "P(best) is the probability to be the very best cell; a choice is decided when no other is "
        "likely to be more than 1 % better. "
        f"At {number(traffic.requests_per_day, 0)} requests a day, spread over it at random; a "
        "batch of n serves n of them with one invocation, and the time to fill it is not counted. "
        f"An idle environment is kept for {traffic.idle_minutes:g} minutes (AWS does not document "
        "how long; a request that finds none is a cold start). List prices of Lambda itself: "
        "GB-seconds, requests and ephemeral storage, no free tier, no SNS and logs."
    )


def choice_name(told: Recommendation) -> str:
    """The chosen cell by what tells it from the others, or that there is none."""
    if told.choice is None:
        return "none"
    return _names(told)[told.choice.configuration]


def sentences(told: Recommendation) -> list[str]:
    """All there is to say of one algorithm's choice, the answer first."""
    choice = told.choice
    if choice is None:
        return [_no_choice(told)]
    lines = [
        (
            f"the very best with a probability of {probability(choice.p_best)}, within 1 % of the "
            f"best with {probability(choice.p_equal)}, within 5 % with "
            f"{probability(told.p_near)}; {choice.configuration.memory_mb} MB is the memory "
            f"size of the best with {probability(told.p_memory)}"
        ),
        (
            f"{money(choice.usd_per_month)} a month ({money(choice.usd_per_1k_items)} per 1,000 "
            f"items, {percent(choice.cold_share, 2)} cold starts); {regret_text(told)}"
        ),
        (
            f"an answer takes {milliseconds(choice.answer_ms_mean)} on average, cold starts "
            f"included; warm p95 {milliseconds(choice.duration_ms_p95)}, cold p95 "
            f"{milliseconds(choice.cold_ms_p95)} ({choice.warm_count} warm and {choice.cold_count} "
            "cold invocations measured)"
        ),
        rule_text(told),
    ]
    lines += more_lines(told)
    return [*lines, *told.notes]


def regret_text(told: Recommendation) -> str:
    """What the choice loses on average against the unknown best."""
    amount = {
        "cost": lambda: f"{money(told.regret)} a month",
        "speed": lambda: milliseconds(told.regret),
        "balanced": lambda: f"a score of {told.regret:.3f}",
    }[told.question.objective]()
    return f"expected regret {amount}"


def rule_text(told: Recommendation) -> str:
    """What the thesis' rule of thumb says, and what following it would cost."""
    rule, choice = told.rule, told.choice
    said = "rule of thumb (1024 MB, more if above 100 ms)"
    if rule is None or choice is None or rule.candidate is None:
        return f"{said}: {rule.why if rule else 'no cell to apply it to'}"
    other = rule.candidate
    engine = other.configuration.engine
    of_which = "" if engine == choice.configuration.engine else f" with engine {engine}"
    verdict = f"{said}: {other.configuration.memory_mb} MB{of_which} ({rule.why})"
    if other.configuration == choice.configuration:
        return f"{verdict}, the same"
    more = other.usd_per_month - choice.usd_per_month
    sign = "+" if more >= 0 else "−"
    slower = other.answer_ms_mean - choice.answer_ms_mean
    return (
        f"{verdict}: {money(other.usd_per_month)} a month ({sign}{money(abs(more))}), "
        f"{milliseconds(abs(slower))} {'slower' if slower >= 0 else 'faster'}"
    )


def more_lines(told: Recommendation) -> list[str]:
    """Where to measure more when the samples do not decide, and what is too close in any case."""
    names = _names(told)
    wanted = percent(told.question.confidence)
    asked = [] if told.decided else [each for each in told.more if each.invocations]
    close = [each for each in told.more if each.close]
    too_many = [each for each in told.more if each.invocations is None and not each.close]
    lines = []
    if asked:
        lines.append(f"measure more here to be {wanted} sure: {_listed(asked, names)}")
    if close:
        lines.append(
            "too close to tell apart, either will do: "
            + "; ".join(
                f"{names[each.configuration]} ({each.difference or 0:+.1%})" for each in close
            )
        )
    if too_many:
        lines.append(
            f"not to be told apart with {MOST_INVOCATIONS:,} more invocations: "
            + "; ".join(names[each.configuration] for each in too_many)
        )
    return lines


def one_line(told: Recommendation) -> str:
    """The recommendation of one algorithm for the summary of a test session."""
    choice = told.choice
    if choice is None:
        return _no_choice(told)
    line = (
        f"{choice_name(told)}: best with {probability(choice.p_best)}, within 1 % of the best with "
        f"{probability(choice.p_equal)}, "
        f"{money(choice.usd_per_month)} a month at "
        f"{number(told.question.traffic.requests_per_day, 0)} requests a day, cold "
        "starts included"
    )
    asked = [each for each in told.more if each.invocations]
    if told.decided:
        return line
    if asked:
        return f"{line}; measure more: {_listed(asked, _names(told))}"
    return f"{line}; within 5 % of the best with {probability(told.p_near)}"


def _listed(asked: list[MoreInvocations], names: dict[Configuration, str]) -> str:
    shown = "; ".join(
        f"{names[each.configuration]} (+{each.invocations:,} {'cold ' if each.cold else ''}"
        f"invocation{'' if each.invocations == 1 else 's'})"
        for each in asked[:MOST_NAMED]
    )
    rest = len(asked) - MOST_NAMED
    said = shown + (f"; and {rest} more cell{'' if rest == 1 else 's'}" if rest > 0 else "")
    cold = any(each.cold for each in asked)
    return said + ("; cold invocations: raise --lambda-concurrency" if cold else "")


def _names(told: Recommendation) -> dict[Configuration, str]:
    return cell_names(each.configuration for each in told.candidates)


def _no_choice(told: Recommendation) -> str:
    if not told.candidates:
        reasons = sorted({why for _, why in told.excluded})
        return f"no recommendation: {'; '.join(reasons) or 'nothing was measured'}"
    names, first = _names(told), told.candidates[0]
    kind = {"cost": "cheapest", "speed": "fastest"}.get(told.question.objective, "best")
    said = (
        f"no cell keeps the limits ({', '.join(_limits(told.question))}); the {kind} cell, "
        f"{names[first.configuration]}: {first.missed}"
    )
    limit = told.question.max_p95_ms
    warm = limit is not None and first.duration_ms_p95 > limit
    figures = {
        each.configuration: each.duration_ms_p95 if warm else each.cold_ms_p95
        for each in told.candidates
    }
    known = {cell: value for cell, value in figures.items() if value is not None}
    if not known:
        return said
    least = min(known, key=known.__getitem__)
    figure = f"lowest {'p95' if warm else 'cold start'}"
    if least == first.configuration:
        return f"{said}, the {figure} of all"
    return f"{said}; {names[least]} has the {figure}, {milliseconds(known[least])}"
