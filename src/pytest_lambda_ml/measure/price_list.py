"""From AWS's price list to a price table, as plain data. Pure.

The price list names products by service and group, Lambda's with ``-ARM`` behind it for arm64.
What is not read from it (publishing, logs, SnapStart) is carried over from another table.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.errors import PriceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

__all__ = ["GROUPS", "table_of_price_list"]

_TIERS = "AWS-Lambda-Duration"
_REGIONAL = {
    "AWS-Lambda-Requests": "request_usd",
    "AWS-Lambda-Storage-Duration": "ephemeral_gb_second_usd",
}
_OF_S3 = {"S3-API-Tier1": "s3_write_usd", "S3-API-Tier2": "s3_read_usd"}
_ARCHITECTURAL = {
    "AWS-Lambda-Provisioned-Concurrency": "provisioned_gb_second_usd",
    "AWS-Lambda-Duration-Provisioned": "provisioned_duration_gb_second_usd",
}
_SUFFIXES = {"x86_64": "", "arm64": "-ARM"}

GROUPS = (
    *(
        ("AWSLambda", name + suffix)
        for name in (_TIERS, *_REGIONAL, *_ARCHITECTURAL)
        for suffix in _SUFFIXES.values()
    ),
    *(("AmazonS3", name) for name in _OF_S3),
)
"""The services and their groups that the table is made of."""

SOURCE = "AWS Price List API, AWSLambda and AmazonS3"

Products = dict[tuple[str, str], list[dict[str, Any]]]


def table_of_price_list(
    items: Iterable[Mapping[str, Any]], base: Mapping[str, Any], today: date
) -> dict[str, Any]:
    """A price table of ``today`` from products as the Price List API gives them, parsed.

    ``base`` is a table in the same form, for what the price list leaves open. Raises `PriceError`
    when the list lacks the table's reference region.
    """
    products, published = _by_region_and_group(items)
    regions = sorted({region for region, group in products if group == _TIERS})
    reference = base["reference_region"]
    if reference not in regions:
        raise PriceError(
            f"AWS's price list has no Lambda prices for {reference} (it has "
            f"{', '.join(regions) or 'none at all'}); the price table stays as it is"
        )
    return {
        **base,
        "date": today.isoformat(),
        "published": published,
        "source": [f"{SOURCE}, published {published}", *_carried_over(base)],
        "regions": {
            region: _region(region, products, base["regions"].get(region, {})) for region in regions
        },
    }


def _carried_over(base: Mapping[str, Any]) -> list[str]:
    return [f"{url} (as of {base['date']})" for url in base["source"] if "://" in url]


def _by_region_and_group(items: Iterable[Mapping[str, Any]]) -> tuple[Products, str]:
    """Price dimensions by region and group, cheapest range first, and the latest publication."""
    products: Products = {}
    published = ""
    for item in items:
        attributes = item["product"]["attributes"]
        region, group = attributes.get("regionCode", ""), attributes.get("group", "")
        if not region or attributes.get("location") == "Any":  # the free tier
            continue
        published = max(published, str(item.get("publicationDate", "")))
        for term in item["terms"].get("OnDemand", {}).values():
            ranges = sorted(
                (each for each in term["priceDimensions"].values() if _usd(each)),
                key=lambda each: Decimal(each["beginRange"]),
            )
            # Of several products that a group has in a region the one with most tiers is the rule.
            if len(ranges) > len(products.get((region, group), ())):
                products[region, group] = ranges
    return products, published


def _region(region: str, products: Products, base: Mapping[str, Any]) -> dict[str, Any]:
    first = {group: ranges[0] for (where, group), ranges in products.items() if where == region}
    kept = {name: value for name, value in base.items() if name != "architectures"}
    names = (*_REGIONAL.items(), *_OF_S3.items())
    own = {name: _usd(first[group]) for group, name in names if group in first}
    architectures = {}
    for architecture, suffix in _SUFFIXES.items():
        if tiers := products.get((region, _TIERS + suffix)):
            architectures[architecture] = {
                "gb_second_tiers": [
                    {"up_to_gb_seconds": _end(tier), "usd": _usd(tier)} for tier in tiers
                ],
                **{name: _usd(first.get(group + suffix)) for group, name in _ARCHITECTURAL.items()},
            }
    return {**kept, **own, "architectures": architectures}


def _usd(dimension: Mapping[str, Any] | None) -> str | None:
    """The price as digits without trailing zeros; ``None`` for none in dollars, and for nothing."""
    price = Decimal((dimension or {}).get("pricePerUnit", {}).get("USD", "0"))
    return f"{price.normalize():f}" if price else None


def _end(dimension: Mapping[str, Any]) -> int | None:
    end = str(dimension.get("endRange", "Inf"))
    return None if end == "Inf" else int(Decimal(end))
