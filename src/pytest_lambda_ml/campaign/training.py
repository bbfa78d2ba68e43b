"""Training over functions: shards in the bucket, tokens of work as messages.

The handler's side is handlers/logistic-regression-training: which shard and round a message does is
claimed there, so that all messages are published at once, and accounted for as any others.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_lambda_ml.aws.names import training_prefix
from pytest_lambda_ml.aws.translation import backend_errors
from pytest_lambda_ml.errors import DatasetError

if TYPE_CHECKING:
    from pytest_lambda_ml.campaign.session import CampaignSession, DeployedFunction
    from pytest_lambda_ml.datasets import Dataset

__all__ = ["shards", "staged"]


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


def staged(
    campaign: CampaignSession, function: DeployedFunction, dataset: Dataset, *, rounds: int
) -> Dataset:
    """Put the shards into the function's bucket; gives a data set of its tokens of work.

    There are as many shards as functions may run at one time. All objects, those that functions
    write too, go with the function when it is removed, and are in the ledger before they are
    written. Raises `BackendError`.
    """
    site = campaign.sites.at(function.configuration.region)
    prefix = f"{training_prefix(campaign.run_id)}{function.name}/"
    bucket = site.bucket_for(prefix, function.name)
    count, s3 = function.configuration.concurrency, site.backend.clients.s3
    with backend_errors(f"putting shards into s3://{bucket}/{prefix}"):
        for number, rows in enumerate(shards(dataset, count)):
            body = json.dumps(rows, ensure_ascii=False).encode()
            s3.put_object(Bucket=bucket, Key=f"{prefix}shards/{number:03d}", Body=body)
    job = {"bucket": bucket, "prefix": prefix, "shards": count, "rounds": rounds}
    return replace(dataset, items=(json.dumps(job),), labels=None)
