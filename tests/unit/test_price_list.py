"""AWS's price list becomes a price table: tiers in order, free tier left out, the rest kept."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pytest_lambda_ml.errors import PriceError
from pytest_lambda_ml.measure import price_table
from pytest_lambda_ml.measure.price_list import GROUPS, table_of_price_list
from pytest_lambda_ml.measure.price_table import load_prices, shipped_price_file

BASE = json.loads(shipped_price_file().read_text(encoding="utf-8"))
TODAY = date(2027, 1, 31)


def product(
    region: str, group: str, *ranges: tuple[str, str, str], currency: str = "USD", **attributes: str
) -> dict[str, Any]:
    """A product as the Price List API gives it; ranges are (begin, end, price)."""
    dimensions = {
        f"SKU.JRTCKXETXF.{index}": {
            "unit": "Lambda-GB-Second",
            "beginRange": begin,
            "endRange": end,
            "pricePerUnit": {currency: price},
        }
        for index, (begin, end, price) in enumerate(ranges)
    }
    return {
        "product": {
            "productFamily": "Serverless",
            "sku": "SKU",
            "attributes": {
                "regionCode": region,
                "location": "somewhere",
                "group": group,
                **attributes,
            },
        },
        "serviceCode": "AWSLambda",
        "terms": {"OnDemand": {"SKU.JRTCKXETXF": {"priceDimensions": dimensions}}},
        "version": "20270120000000",
        "publicationDate": "2027-01-20T00:00:00Z",
    }


TIERS = (
    ("15000000000", "Inf", "0.0000133335000000"),
    ("0", "6000000000", "0.0000166668000000"),
    ("6000000000", "15000000000", "0.0000150001000000"),
)


def items() -> list[dict[str, Any]]:
    """Two regions, in no useful order; the second has no arm64."""
    return [
        product("us-east-1", "AWS-Lambda-Duration", *TIERS),
        product("us-east-1", "AWS-Lambda-Duration-ARM", ("0", "Inf", "0.0000133334000000")),
        product("us-east-1", "AWS-Lambda-Requests", ("0", "Inf", "0.0000002100000000")),
        product("us-east-1", "AWS-Lambda-Storage-Duration", ("0", "Inf", "0.0000000310")),
        product("us-east-1", "AWS-Lambda-Provisioned-Concurrency", ("0", "Inf", "0.0000041668")),
        product("us-east-1", "AWS-Lambda-Duration-Provisioned", ("0", "Inf", "0.0000097223")),
        product("us-east-1", "S3-API-Tier1", ("0", "Inf", "0.0000051000")),
        product("us-east-1", "S3-API-Tier2", ("0", "Inf", "0.0000004100")),
        product("mx-central-1", "AWS-Lambda-Duration", ("0", "Inf", "0.0000175000")),
        product("mx-central-1", "S3-API-Tier1", ("0", "Inf", "0.0000052000")),
    ]


def load(table: dict[str, Any], folder: Path) -> price_table.PriceTable:
    path = folder / "prices.json"
    path.write_text(json.dumps(table), encoding="utf-8")
    return load_prices(path)


def test_the_table_reads_back_with_the_listed_prices(tmp_path: Path) -> None:
    got = load(table_of_price_list(items(), BASE, TODAY), tmp_path)
    assert got.date == "2027-01-31"
    prices = got.prices("us-east-1")
    assert [(tier.up_to_gb_seconds, tier.usd) for tier in prices.gb_second_tiers] == [
        (6_000_000_000, Decimal("0.0000166668")),
        (15_000_000_000, Decimal("0.0000150001")),
        (None, Decimal("0.0000133335")),
    ]
    assert prices.request_usd == Decimal("0.00000021")
    assert prices.ephemeral_gb_second_usd == Decimal("0.000000031")
    assert (prices.s3_write_usd, prices.s3_read_usd) == (
        Decimal("0.0000051"),
        Decimal("0.00000041"),
    )
    assert prices.provisioned_gb_second_usd == Decimal("0.0000041668")
    assert prices.provisioned_duration_gb_second_usd == Decimal("0.0000097223")
    assert got.prices("us-east-1", "arm64").gb_second_usd == Decimal("0.0000133334")


def test_a_region_that_is_new_is_known_now_and_borrows_the_rest(tmp_path: Path) -> None:
    prices = load(table_of_price_list(items(), BASE, TODAY), tmp_path).prices("mx-central-1")
    assert prices.gb_second_usd == Decimal("0.0000175")
    assert prices.s3_write_usd == Decimal("0.0000052")
    assert set(prices.assumed) == {"request_usd", "sns_publish_usd", "logs_gb_usd", "s3_read_usd"}


def test_what_the_list_does_not_say_is_carried_over(tmp_path: Path) -> None:
    table = table_of_price_list(items(), BASE, TODAY)
    prices = load(table, tmp_path).prices("us-east-1")
    shipped = load_prices(Path(str(shipped_price_file()))).prices("us-east-1")
    assert prices.sns_publish_usd == shipped.sns_publish_usd
    assert prices.logs_gb_usd == shipped.logs_gb_usd
    assert prices.snapstart_restore_gb_usd == shipped.snapstart_restore_gb_usd
    assert (
        table["source"][0]
        == "AWS Price List API, AWSLambda and AmazonS3, published 2027-01-20T00:00:00Z"
    )
    assert f"(as of {BASE['date']})" in table["source"][1]


def test_the_free_tier_and_other_currencies_are_left_out(tmp_path: Path) -> None:
    free = product("us-east-1", "AWS-Lambda-Requests", ("0", "1000000", "0.0"), location="Any")
    zero = product("us-east-1", "AWS-Lambda-Requests", ("0", "Inf", "0.0000000000"))
    china = product("cn-north-1", "AWS-Lambda-Duration", ("0", "Inf", "0.00011"), currency="CNY")
    table = table_of_price_list([free, zero, china, *items()], BASE, TODAY)
    assert set(table["regions"]) == {"us-east-1", "mx-central-1"}
    assert table["regions"]["us-east-1"]["request_usd"] == "0.00000021"


def test_an_empty_list_changes_nothing() -> None:
    with pytest.raises(PriceError, match="no Lambda prices for us-east-1"):
        table_of_price_list([], BASE, TODAY)


def test_both_architectures_of_every_price_are_asked_for() -> None:
    assert len(GROUPS) == 12
    of_lambda = {group for service, group in GROUPS if service == "AWSLambda"}
    assert {"AWS-Lambda-Duration", "AWS-Lambda-Duration-ARM"} < of_lambda
    assert ("AmazonS3", "S3-API-Tier1") in GROUPS


@pytest.mark.parametrize(
    ("day", "used"), [("2099-01-01", "own"), (BASE["date"], "own"), ("2020-01-01", "shipped")]
)
def test_the_newer_of_the_shipped_and_the_users_table_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, day: str, used: str
) -> None:
    own = tmp_path / "prices.json"
    monkeypatch.setattr(price_table, "user_price_file", lambda: own)
    table = table_of_price_list(items(), BASE, date.fromisoformat(day))
    own.write_text(json.dumps(table), encoding="utf-8")
    load_prices.cache_clear()
    try:
        got = load_prices()
    finally:
        load_prices.cache_clear()
    assert got.date == (day if used == "own" else BASE["date"])
    assert ("mx-central-1" in got.regions) is (used == "own")
