"""What a cell publishes, and how long its events may wait. Pure."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

from pytest_lambda_ml.aws.message import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lambda_ml.model import Configuration

__all__ = ["batch", "event_age_s", "parallel_invocations", "plan_messages"]

EVENT_AGE_S = (60, 21_600)
"""What MaximumEventAgeInSeconds may be (AWS Lambda API)."""


def plan_messages(
    items: Sequence[str], *, run_id: str, batch_size: int, invocations: int, first_sample: int = 0
) -> tuple[Message, ...]:
    """One message per invocation. Each carries the next ``batch_size`` items, around and around.

    Every cell begins with the first item, so that equal batch sizes mean equal work. Sample ids
    count from ``first_sample``: the caller gives each cell numbers of its own, as one log group
    serves all cells of a run. Raises ValueError when there are no items.
    """
    if not items:
        raise ValueError("a data set without items makes no messages")
    return tuple(
        Message(
            sample_id := f"{first_sample + index:05d}",
            _text(run_id, sample_id, batch(items, index, batch_size)),
        )
        for index in range(invocations)
    )


def batch(items: Sequence[str], index: int, size: int) -> list[str]:
    """The ``index``-th batch of ``size`` items, wrapping around at the end of the data set."""
    start = index * size
    return [items[position % len(items)] for position in range(start, start + size)]


def event_age_s(messages: int, *, parallel: int, timeout_s: int) -> int:
    """How long an event may wait in Lambda's queue: until all before it have used their timeout.

    Between 60 s and six hours, which is what Lambda takes. An event that waits longer is dropped
    without a log line.
    """
    shortest, longest = EVENT_AGE_S
    return min(max(math.ceil(messages / parallel) * timeout_s, shortest), longest)


def parallel_invocations(configuration: Configuration, capacity_vcpu: float | None) -> int:
    """How many invocations run at one time.

    It is the reserved concurrency, unless the vCPU of a machine (``capacity_vcpu``; ``None`` on
    AWS) hold fewer. One always runs.
    """
    if capacity_vcpu is None:
        return configuration.concurrency
    return min(configuration.concurrency, max(1, int(capacity_vcpu / configuration.vcpu)))


def _text(run_id: str, sample_id: str, items: list[str]) -> str:
    return json.dumps(
        {"run_id": run_id, "sample_id": sample_id, "batch": items},
        ensure_ascii=False,
        separators=(",", ":"),
    )
