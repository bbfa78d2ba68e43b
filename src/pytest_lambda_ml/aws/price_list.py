"""Fetch products from the AWS Price List API."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.aws.translation import backend_errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_lambda_ml.aws.session import AwsClients

__all__ = ["PRICING_REGION", "fetch_products"]

PRICING_REGION = "us-east-1"
"""One of the few regions where the Price List API is served; it knows the prices of all."""


def fetch_products(
    clients: AwsClients, groups: Iterable[tuple[str, str]]
) -> Iterator[dict[str, Any]]:
    """The products of each service and group in all regions, parsed.

    ``clients`` are of `PRICING_REGION`.

    Raises `BackendError`.
    """
    pages = clients.client("pricing").get_paginator("get_products")
    for service, group in groups:
        with backend_errors(f"fetching the prices of {group} (pricing:GetProducts)"):
            for page in pages.paginate(
                ServiceCode=service,
                FormatVersion="aws_v1",
                Filters=[{"Type": "TERM_MATCH", "Field": "group", "Value": group}],
            ):
                yield from map(json.loads, page["PriceList"])
