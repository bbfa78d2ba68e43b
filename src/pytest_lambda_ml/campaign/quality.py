"""How near the outputs of a cell are to the reference's. Pure.

A function logs digests, not outputs: logging those would be billed. What they stand for is known
from running the same handler here, and the reference beside it, on the same batches. So the digest
says that the function gave what the handler gives here, and the outputs here are compared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_lambda_ml.model import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_lambda_ml.model import BatchOutputs, Invocation

__all__ = ["ExpectedOutputs", "Quality", "compare_outputs"]


@dataclass(frozen=True, slots=True)
class ExpectedOutputs:
    """What a cell's engine and the reference give here for one batch."""

    engine: BatchOutputs
    reference: BatchOutputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """``agreement`` is the share of outputs equal to the reference's, for outputs that are labels;
    ``max_difference`` the largest absolute difference, for those that are numbers. The other one
    is ``None``. ``unverified`` invocations gave other outputs than the handler gives here: their
    labels count as unequal, and with numbers there is no ``max_difference``.
    """

    agreement: float | None = None
    max_difference: float | None = None
    unverified: int | None = None


def compare_outputs(
    invocations: Iterable[Invocation], expected: Mapping[str, ExpectedOutputs]
) -> Quality:
    """Compare all invocations that succeeded; ``expected`` is by sample id.

    Without one of those all is ``None``.
    """
    items = equal = unverified = 0
    differences: list[float] = []
    for invocation in invocations:
        pair = expected.get(invocation.sample_id)
        if invocation.outcome is not Outcome.SUCCEEDED or pair is None:
            continue
        digest = invocation.record.output_digest if invocation.record else None
        verified = digest == pair.engine.digest
        numbers = [*_differences(pair)] if _are_numbers(pair.reference) else None
        items += len(pair.reference.outputs)
        if numbers is None:
            verified = verified or digest == pair.reference.digest
            equal += _equal(pair, digest)
        else:
            differences += numbers
        unverified += not verified
    if not items:
        return Quality()
    if differences:
        largest = None if unverified else max(differences)
        return Quality(max_difference=largest, unverified=unverified)
    return Quality(agreement=equal / items, unverified=unverified)


def _equal(pair: ExpectedOutputs, digest: str | None) -> int:
    if digest == pair.engine.digest:
        given = pair.engine.outputs
    elif digest == pair.reference.digest:
        given = pair.reference.outputs
    else:
        given = ()
    return sum(a == b for a, b in zip(given, pair.reference.outputs, strict=False))


def _are_numbers(batch: BatchOutputs) -> bool:
    """Whole numbers are labels: of clusters, for example."""
    return any(isinstance(number, float) for output in batch.outputs for number in _flat(output))


def _differences(pair: ExpectedOutputs) -> Iterator[float]:
    """Of each number; infinite where one side has no number, or NaN, to compare with."""
    engine = [number for output in pair.engine.outputs for number in _flat(output)]
    reference = [number for output in pair.reference.outputs for number in _flat(output)]
    if len(engine) != len(reference):
        yield math.inf
        return
    for one, other in zip(engine, reference, strict=True):
        if isinstance(one, int | float) and isinstance(other, int | float):
            difference = 0.0 if one == other else abs(one - other)
            yield math.inf if math.isnan(difference) else difference
        else:
            yield math.inf


def _flat(output: object) -> Iterator[object]:
    if isinstance(output, list | tuple):
        for item in output:
            yield from _flat(item)
    else:
        yield output
