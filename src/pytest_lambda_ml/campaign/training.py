"""Training over functions: shards in the bucket, tokens of work as messages, figures of records.

The handler's side is handlers/logistic-regression-training: which shard and round a message does is
claimed there, so that all messages are published at once, and accounted for as any others.
"""

from __future__ import annotations

import json
import zlib
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from pytest_lambda_ml.aws.names import bucket_name
from pytest_lambda_ml.aws.removal import Action, perform
from pytest_lambda_ml.aws.translation import backend_errors
from pytest_lambda_ml.errors import DatasetError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_lambda_ml.campaign.session import CampaignSession, DeployedFunction
    from pytest_lambda_ml.datasets import Dataset
    from pytest_lambda_ml.model import Invocation

__all__ = ["S3_READ_USD", "S3_WRITE_USD", "shards", "staged", "training_figures"]

S3_WRITE_USD = Decimal("0.000005")
"""A PUT or LIST request in us-east-1 (https://aws.amazon.com/s3/pricing/)."""
S3_READ_USD = Decimal("0.0000004")
"""A GET request in us-east-1."""

MS_PER_S = 1000


def shards(dataset: Dataset, count: int) -> list[list[tuple[str, str]]]:
    """The rows (text, label) in ``count`` shards that differ by one row at most.

    Rows are dealt out in the order of their texts' checksums, so that whatever order the file has
    is mixed. Raises `DatasetError` for data without labels.
    """
    if dataset.labels is None:
        raise DatasetError(f"training needs labels, and {dataset.description} has none")
    rows = zip(dataset.items, dataset.labels, strict=True)
    mixed = sorted(rows, key=lambda row: (zlib.crc32(row[0].encode()), row))
    return [mixed[start::count] for start in range(count)]


@contextmanager
def staged(
    campaign: CampaignSession, function: DeployedFunction, dataset: Dataset, *, rounds: int
) -> Iterator[Dataset]:
    """Put the shards into the function's bucket; gives a data set of its tokens of work.

    There are as many shards as functions may run at one time. All objects are deleted at the end.
    Raises `BackendError`.
    """
    clients = campaign.backend.clients
    own = bucket_name(campaign.run_id, clients.region, clients.identity[1])
    bucket = campaign.backend.durable.bucket or own
    prefix = f"training/{campaign.run_id}/{function.name}/"
    count = function.configuration.concurrency
    try:
        with backend_errors(f"putting shards into s3://{bucket}/{prefix}"):
            for number, rows in enumerate(shards(dataset, count)):
                body = json.dumps(rows, ensure_ascii=False).encode()
                clients.s3.put_object(Bucket=bucket, Key=f"{prefix}shards/{number:03d}", Body=body)
        job = {"bucket": bucket, "prefix": prefix, "shards": count, "rounds": rounds}
        yield replace(dataset, items=(json.dumps(job),), labels=None)
    finally:
        perform(clients, Action.DELETE_OBJECTS, f"{bucket}/{prefix}")


def training_figures(invocations: Sequence[Invocation], functions: int) -> dict[str, float | None]:
    """What the records say of a training; ``None`` for what no record says.

    ``rounds`` are those with a consensus, ``accuracy_one_shot`` is that of the first one.
    ``critical_path_s`` is the sum over rounds, that for the vocabulary included, of the longest
    invocation, without waiting: the makespan of functions that all start at once.
    """
    told = [item for item in invocations if item.record and "s3_writes" in item.record.figures]
    accuracies = dict(_accuracies(told))
    single = next((value for item in told if (value := _number(item, SINGLE)) is not None), None)
    last = accuracies[max(accuracies)] if accuracies else None
    requests = Decimal(0)
    longest: dict[float, float] = {}
    for item in told:
        requests += Decimal(str(_number(item, "s3_writes") or 0)) * S3_WRITE_USD
        requests += Decimal(str(_number(item, "s3_reads") or 0)) * S3_READ_USD
        number, busy = _number(item, "round"), _busy_ms(item)
        if number is not None:
            longest[number] = max(longest.get(number, 0.0), busy)
    return {
        "functions": functions,
        "rounds": len(accuracies),
        "accuracy": last,
        "accuracy_one_shot": accuracies.get(1.0),
        "accuracy_single_machine": single,
        "accuracy_difference": None if last is None or single is None else last - single,
        "critical_path_s": sum(longest.values()) / MS_PER_S if longest else None,
        "s3_usd": float(requests),
    }


SINGLE = "quality_single_machine_accuracy"


def _accuracies(invocations: Iterable[Invocation]) -> Iterator[tuple[float, float]]:
    for item in invocations:
        number, accuracy = _number(item, "round"), _number(item, "accuracy")
        if number is not None and accuracy is not None:
            yield number, accuracy


def _busy_ms(item: Invocation) -> float:
    report = item.report
    parts = (report.duration_ms, report.init_duration_ms) if report else ()
    return sum(part for part in parts if part) - (_number(item, "waited_ms") or 0.0)


def _number(item: Invocation, name: str) -> float | None:
    value = item.record.figures.get(name) if item.record else None
    return float(value) if isinstance(value, int | float) else None
