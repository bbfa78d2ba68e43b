"""What the records of a training over functions come to: accuracy, time, shards. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_lambda_ml.measure.pricing import Cost
    from pytest_lambda_ml.model import Configuration, Invocation

__all__ = ["Trained", "Training", "alone_of", "speed_up", "training_figures", "training_of"]

MS_PER_S = 1000
SINGLE = "quality_single_machine_accuracy"


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """What a training over functions came to, as its records say; ``None`` where none says it.

    ``accuracy_by_round`` is that of each consensus on the held-out rows, from the first round on;
    ``shard_rows`` has the rows of each shard. ``critical_path_ms`` is the sum over rounds, that for
    the vocabulary included, of the longest invocation, without waiting: the makespan of functions
    that all start at once. What it cost is in the cell's figures, itemised.
    """

    functions: int
    accuracy_by_round: tuple[float | None, ...]
    accuracy_single_machine: float | None
    makespan_ms: float | None
    critical_path_ms: float | None
    shard_rows: tuple[int | None, ...]

    @property
    def rounds(self) -> int:
        """How many came to a consensus."""
        return len(self.accuracy_by_round)

    @property
    def accuracy(self) -> float | None:
        """That of the last consensus."""
        return self.accuracy_by_round[-1] if self.accuracy_by_round else None

    @property
    def accuracy_one_shot(self) -> float | None:
        """That of averaging once, which the first round is."""
        return self.accuracy_by_round[0] if self.accuracy_by_round else None

    @property
    def accuracy_difference(self) -> float | None:
        """How much better the functions' model is than the single machine's."""
        if self.accuracy is None or self.accuracy_single_machine is None:
            return None
        return self.accuracy - self.accuracy_single_machine


class Trained(Protocol):
    """A cell, measured or stored, that may be a training."""

    @property
    def configuration(self) -> Configuration:
        """What was deployed."""

    @property
    def training(self) -> Training | None:
        """What it came to, where it is one."""


def training_of(
    invocations: Sequence[Invocation], functions: int, makespan_s: float | None
) -> Training | None:
    """What the records say of a training; ``None`` when they are of none."""
    told = [
        (number, item)
        for item in invocations
        if (number := _number(item, "round")) is not None
        and _number(item, "waited_ms") is not None  # "round" alone may be any handler's
    ]
    if not told:
        return None
    accuracies: dict[float, float] = {}
    longest: dict[float, float] = {}
    rows: dict[float, int] = {}
    for number, item in told:
        longest[number] = max(longest.get(number, 0.0), _busy_ms(item))
        if (accuracy := _number(item, "accuracy")) is not None:
            accuracies[number] = accuracy
        shard, count = _number(item, "shard"), _number(item, "rows")
        if shard is not None and count is not None:
            rows[shard] = int(count)
    singles = (_number(item, SINGLE) for _, item in told)
    return Training(
        functions=functions,
        accuracy_by_round=tuple(
            accuracies.get(number) for number in range(1, int(max(accuracies, default=0)) + 1)
        ),
        accuracy_single_machine=next((value for value in singles if value is not None), None),
        makespan_ms=None if makespan_s is None else makespan_s * MS_PER_S,
        critical_path_ms=sum(longest.values()),
        shard_rows=tuple(rows.get(shard) for shard in range(functions)),
    )


def training_figures(training: Training, cost: Cost) -> dict[str, float | None]:
    """The figures of a training by the names that they have in ``extra_info``."""
    return {
        "functions": training.functions,
        "rounds": training.rounds,
        "accuracy": training.accuracy,
        "accuracy_one_shot": training.accuracy_one_shot,
        "accuracy_single_machine": training.accuracy_single_machine,
        "accuracy_difference": training.accuracy_difference,
        "makespan_s": _seconds(training.makespan_ms),
        "critical_path_s": _seconds(training.critical_path_ms),
        "s3_usd": None if cost.s3_usd is None else float(cost.s3_usd),
        "cost_usd_total": float(cost.total_usd),
    }


def alone_of(cell: Trained, others: Iterable[Trained]) -> Training | None:
    """The training by one function that the cell's is to be compared with."""
    found = (
        other.training
        for other in others
        if other.training
        and other.training.functions == 1
        and other.training.accuracy is not None
        and all(
            getattr(other.configuration, name) == getattr(cell.configuration, name)
            for name in ("algorithm", "engine", "memory_mb", "architecture", "region")
        )
    )
    return next(found, None)


def speed_up(
    alone: Training | None,
    training: Training,
    name: Literal["makespan_ms", "critical_path_ms"] = "critical_path_ms",
) -> float | None:
    """How many times as fast as one function; by the critical path, if all start at once."""
    one, many = getattr(alone, name, None), getattr(training, name)
    return one / many if one and many else None


def _seconds(duration_ms: float | None) -> float | None:
    return None if duration_ms is None else duration_ms / MS_PER_S


def _busy_ms(item: Invocation) -> float:
    report = item.report
    parts = (report.duration_ms, report.init_duration_ms) if report else ()
    return sum(part for part in parts if part) - (_number(item, "waited_ms") or 0.0)


def _number(item: Invocation, name: str) -> float | None:
    value = item.record.figures.get(name) if item.record else None
    return float(value) if isinstance(value, int | float) else None
