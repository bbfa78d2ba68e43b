"""What a cell's outcomes mean for its test: pure decisions and the sentences that say them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.errors import CellFailedError, SettingError
from pytest_lambda_ml.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lambda_ml.artifact import HandlerFolder
    from pytest_lambda_ml.campaign.result import CellResult
    from pytest_lambda_ml.model import Invocation

__all__ = ["check_outcomes", "check_quality", "parse_allow", "reason_of"]

NO_MODULE = "No module named"
SHOWN = 5
"""How many invocations of each outcome a failure names."""


def parse_allow(allow: Iterable[str]) -> frozenset[Outcome]:
    """The outcomes that do not fail the test. Raises SettingError naming what is legal."""
    names = (allow,) if isinstance(allow, str) else tuple(allow)
    legal = [outcome.value for outcome in Outcome if outcome is not Outcome.SUCCEEDED]
    wrong = [name for name in names if name not in legal]
    if wrong:
        raise SettingError(
            f"lambda_benchmark(allow=…): {wrong[0]!r} is no outcome that could be allowed; "
            f"legal are {', '.join(legal)}"
        )
    return frozenset(Outcome(name) for name in names)


def check_outcomes(result: CellResult, allow: frozenset[Outcome], stored_in: str) -> None:
    """Raise CellFailedError when messages ended in outcomes that are not allowed."""
    wrong = [
        outcome
        for outcome in Outcome
        if outcome is not Outcome.SUCCEEDED
        and outcome not in allow
        and result.outcomes.count(outcome)
    ]
    lines = [f"  {_sentence(result, outcome)}" for outcome in wrong]
    if not result.outcomes.accounted_for:
        lines.append("  the outcomes do not add up to what was published: please report this")
    if not lines:
        return
    published = result.outcomes.published
    raise CellFailedError(
        f"{result.configuration.cell_id}: {published} published, "
        f"{result.outcomes.succeeded} succeeded, but\n"
        + "\n".join(lines)
        + f"\nall log records are stored in {stored_in}"
        + (
            f"\nto let a cell end so, add allow=({', '.join(f'{o.value!r}' for o in wrong)},)"
            if wrong
            else ""
        )
    )


def check_quality(result: CellResult, folder: HandlerFolder) -> None:
    """Raise CellFailedError when outputs are further from the reference's than the engine says.

    What training measured of the model counts in the same way, where invocations report it.
    """
    figures = result.figures
    wrong = [
        f"its {name.replace('_', ' ')} is {value:.4g}, not {least:.4g}"
        for name, least in folder.quality_floors.items()
        if (value := figures.quality.get(name)) is not None and not value >= least
    ]
    floor, ceiling = folder.agreement_floor, folder.difference_ceiling
    if floor is not None and figures.agreement is not None and figures.agreement < floor:
        percent = f"{100 * figures.agreement:.6g} %"
        wrong.append(f"{percent} of its outputs are the reference's, not {100 * floor:.6g} %")
    largest = figures.max_difference
    if ceiling is not None and largest is not None and not largest <= ceiling:
        wrong.append(f"its outputs are up to {largest:.3g} off the reference's, not {ceiling:.3g}")
    if figures.unverified and (wrong or figures.agreement is None):
        wrong.append(
            f"{figures.unverified} invocations gave other outputs than the handler gives here"
        )
    if wrong:
        raise CellFailedError(
            f"{result.configuration.cell_id}: {'; '.join(wrong)} (what the engine promises stands "
            f"in {folder.path / 'handler.toml'})"
        )


def _sentence(result: CellResult, outcome: Outcome) -> str:
    """How many, the first few by name, and what went wrong, each reason once."""
    those = [each for each in result.invocations if each.outcome is outcome]
    shown = ", ".join(_name(each) for each in those[:SHOWN])
    more = f", and {len(those) - SHOWN} more" if len(those) > SHOWN else ""
    reasons = dict.fromkeys(reason for each in those if (reason := reason_of(each)))
    told = "".join(f"\n    {reason}" for reason in list(reasons)[:SHOWN])
    if result.provenance.dependencies == "host" and NO_MODULE in told:
        told += "\n    (a function has what its requirements.txt asks for, here as on AWS)"
    return f"{result.outcomes.count(outcome)} {outcome.value}: {shown}{more}{told}"


def _name(invocation: Invocation) -> str:
    evidence = invocation.report or invocation.record or invocation.failure
    request = f" (request {evidence.request_id})" if evidence else ""
    return f"sample {invocation.sample_id}{request}"


def reason_of(invocation: Invocation) -> str | None:
    """What the handler, or Lambda, said went wrong: its first line."""
    said = (
        getattr(source, name, None)
        for name in ("error_message", "error_type")
        for source in (invocation.record, invocation.failure, invocation.report)
    )
    text = next((each for each in said if each), None)
    return str(text).strip().splitlines()[0] if text and str(text).strip() else None
