"""Prices in Decimal: the published table, the regions, and what a cell puts on the bill."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from decimal import Decimal
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_lambda_ml.errors import PriceError
from pytest_lambda_ml.measure.pricing import (
    Cost,
    gb_seconds,
    invocation_cost,
    load_prices,
    price_per_ms,
    publish_units,
    request_units,
    total_cost,
)
from pytest_lambda_ml.model import Report

KB = 1024
TEN_DECIMALS = Decimal("0.0000000001")

TABLE_5_1 = {
    128: "0.0000000021",
    512: "0.0000000083",
    1024: "0.0000000167",
    1536: "0.0000000250",
    2048: "0.0000000333",
    3072: "0.0000000500",
    4096: "0.0000000667",
    5120: "0.0000000833",
    6144: "0.0000001000",
    7168: "0.0000001167",
    8192: "0.0000001333",
    9216: "0.0000001500",
    10240: "0.0000001667",
}
ESTIMATE_256_MB = "0.0000000042"

SAME_FIRST_TIER = [
    "us-east-1",
    "eu-west-1",
    "eu-west-2",
    "eu-central-1",
    "eu-north-1",
    "ap-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-southeast-1",
]
DEARER = {
    "af-south-1": "0.0000221",
    "ap-east-1": "0.00002292",
    "eu-south-1": "0.0000195172",
    "me-south-1": "0.0000206667",
}


@pytest.fixture
def us_east_1():
    return load_prices().prices("us-east-1", "x86_64")


def report(billed_ms=1000.0, memory_mb=1024):
    return Report(request_id="r", billed_duration_ms=billed_ms, memory_mb=memory_mb)


@pytest.mark.parametrize(("memory_mb", "published"), [*TABLE_5_1.items(), (256, ESTIMATE_256_MB)])
def test_price_per_ms_rounds_to_the_published_value(us_east_1, memory_mb, published):
    assert price_per_ms(memory_mb, us_east_1).quantize(TEN_DECIMALS) == Decimal(published)


def test_price_per_ms_itself_is_not_rounded(us_east_1):
    assert price_per_ms(128, us_east_1) == Decimal("0.0000000020833375")


@pytest.mark.parametrize("region", SAME_FIRST_TIER)
def test_regions_with_the_common_price(region):
    table = load_prices()
    assert table.prices(region, "x86_64").gb_second_usd == Decimal("0.0000166667")
    assert table.prices(region, "arm64").gb_second_usd == Decimal("0.0000133334")
    assert table.prices(region, "arm64").request_usd == Decimal("0.20") / 1_000_000


@pytest.mark.parametrize(("region", "usd"), DEARER.items())
def test_dearer_regions_have_their_own_price_and_no_invented_arm_price(region, usd):
    table = load_prices()
    assert table.prices(region, "x86_64").gb_second_usd == Decimal(usd)
    with pytest.raises(PriceError, match="x86_64"):
        table.prices(region, "arm64")


def test_tiers_are_kept_where_they_are_known(us_east_1):
    tiers = [(tier.up_to_gb_seconds, str(tier.usd)) for tier in us_east_1.gb_second_tiers]
    assert tiers == [
        (6 * 10**9, "0.0000166667"),
        (15 * 10**9, "0.0000150000"),
        (None, "0.0000133334"),
    ]


def test_unknown_region_names_the_known_ones():
    with pytest.raises(PriceError) as error:
        load_prices().prices("mars-north-1", "x86_64")
    assert "mars-north-1" in str(error.value)
    assert all(region in str(error.value) for region in (*SAME_FIRST_TIER, *DEARER))


def test_unknown_architecture_names_the_known_ones():
    with pytest.raises(PriceError, match=r"'riscv' in us-east-1.*arm64, x86_64"):
        load_prices().prices("us-east-1", "riscv")


def test_table_says_its_date_and_checksum():
    table = load_prices()
    data = (files("pytest_lambda_ml.measure") / "prices.json").read_bytes()
    assert table.sha256 == hashlib.sha256(data).hexdigest()
    assert table.date == json.loads(data)["date"]
    assert table.regions == tuple(sorted((*SAME_FIRST_TIER, *DEARER)))
    assert load_prices() is table


def test_prices_of_another_region_are_named_as_assumed():
    table = load_prices()
    assert table.prices("us-east-1", "x86_64").assumed == ()
    ireland = table.prices("eu-west-1", "x86_64")
    assert ireland.assumed == ("sns_publish_usd", "logs_gb_usd", "s3_write_usd", "s3_read_usd")
    assert ireland.logs_gb_usd == Decimal("0.50")
    frankfurt = table.prices("eu-central-1", "x86_64")
    assert frankfurt.assumed == ("sns_publish_usd", "s3_write_usd", "s3_read_usd")
    assert frankfurt.logs_gb_usd == Decimal("0.63")
    assert "request_usd" in table.prices("af-south-1", "x86_64").assumed


def test_ephemeral_storage_is_priced_only_where_known():
    table = load_prices()
    london = table.prices("eu-west-2", "arm64")
    assert london.ephemeral_gb_second_usd == Decimal("0.0000000358")
    assert table.prices("eu-west-1", "arm64").ephemeral_gb_second_usd is None


def test_a_table_of_ones_own(tmp_path):
    data = json.loads((files("pytest_lambda_ml.measure") / "prices.json").read_bytes())
    data["regions"]["us-east-1"]["request_usd"] = "0.5"
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(data))
    assert load_prices(path).prices("us-east-1", "arm64").request_usd == Decimal("0.5")


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"regions": 3}', '{"reference_region": "x", "regions": {"x": {}}}'],
)
def test_a_file_that_is_no_price_table(tmp_path, content):
    path = tmp_path / "broken.json"
    path.write_text(content)
    with pytest.raises(PriceError, match=r"broken\.json is no price table"):
        load_prices(path)


@pytest.mark.parametrize("price", [0.2, "cheap"])
def test_a_price_that_is_no_decimal_string(tmp_path, price):
    data = json.loads((files("pytest_lambda_ml.measure") / "prices.json").read_bytes())
    data["regions"]["us-east-1"]["request_usd"] = price
    path = tmp_path / "prices.json"
    path.write_text(json.dumps(data))
    with pytest.raises(PriceError, match=str(price)):
        load_prices(path)


def test_a_missing_file(tmp_path):
    with pytest.raises(PriceError, match=r"nowhere\.json cannot be read"):
        load_prices(tmp_path / "nowhere.json")


def test_gb_seconds_count_1024_mb_as_a_gb():
    assert gb_seconds(1000, 1024) == 1
    assert gb_seconds(250.0, 512) == Decimal("0.125")


def test_headline_is_gb_seconds_and_one_request(us_east_1):
    cost = invocation_cost(100, 512, us_east_1)
    assert cost.gb_seconds_usd == Decimal("0.05") * Decimal("0.0000166667")
    assert cost.requests_usd == Decimal("0.0000002")
    assert cost.total_usd == Decimal("0.000001033335")
    assert (cost.ephemeral_usd, cost.sns_usd, cost.logs_usd, cost.notes) == (0, 0, 0, ())


@pytest.mark.parametrize(
    ("payload", "requests"),
    [(0, 1), (1, 1), (256 * KB, 1), (256 * KB + 1, 2), (320 * KB, 2), (320 * KB + 1, 3)],
)
def test_asynchronous_events_above_256_kb_count_for_more(payload, requests):
    assert request_units(payload) == requests


@pytest.mark.parametrize(
    ("message", "publishes"), [(0, 1), (64 * KB, 1), (64 * KB + 1, 2), (256 * KB, 4)]
)
def test_sns_counts_a_publish_per_64_kb(message, publishes):
    assert publish_units(message) == publishes


def test_snap_start_pays_three_hours_of_its_snapshot_and_each_restore(us_east_1):
    restored = replace(report(100, 2048), restore_duration_ms=390.0)
    reports = [restored, restored, report(100, 2048)]
    cost = total_cost(reports, 512, 3, 300, 0, us_east_1, snapshot_mb=2048)
    kept, restores = 2 * 3 * 3600 * Decimal("0.0000015046"), 2 * 2 * Decimal("0.0001397998")
    assert cost.snap_start_usd == kept + restores
    assert cost.total_usd > total_cost(reports, 512, 3, 300, 0, us_east_1).total_usd
    assert total_cost(reports, 512, 3, 300, 0, us_east_1).snap_start_usd == 0


def test_snap_start_without_a_price_is_left_out_and_said_so():
    prices = load_prices().prices("eu-west-1")
    cost = total_cost([report(100, 2048)], 512, 1, 100, 0, prices, snapshot_mb=2048)
    assert cost.snap_start_usd is None
    assert "the total leaves out SnapStart: no price is known for eu-west-1" in cost.notes


def test_requests_that_handlers_made_are_priced_by_their_region(us_east_1):
    london = load_prices().prices("eu-west-2")
    for prices, usd in ((us_east_1, "0.0000516"), (london, "0.00005468")):
        cost = total_cost([report(100, 2048)], 512, 1, 100, 0, prices, s3_writes=10, s3_reads=4)
        assert cost.s3_usd == Decimal(usd)
        assert cost.total_usd - total_cost(
            [report(100, 2048)], 512, 1, 100, 0, prices
        ).total_usd == (Decimal(usd))
    elsewhere = load_prices().prices("eu-west-1")
    notes = total_cost([], 512, 1, 100, 0, elsewhere, s3_writes=1, s3_reads=1).notes
    assert any("S3 requests at the prices of us-east-1" in note for note in notes)


def test_a_mean_size_just_above_a_step_is_of_the_next_one(us_east_1):
    """Messages of a cell differ by some bytes: their mean is no whole number."""
    reports, step = [report(100, 512)] * 2, 64 * KB
    within = total_cost(reports, 512, 2, 2 * step, 0, us_east_1)
    above = total_cost(reports, 512, 2, 2 * step + 1, 0, us_east_1)
    assert above.sns_usd == 2 * within.sns_usd


def test_total_is_itemised(us_east_1):
    cost = total_cost(
        reports=[report(1000, 1024), report(500, 2048)],
        ephemeral_mb=512 + 1024,
        published_messages=2,
        published_bytes=2 * 100 * KB,
        log_bytes=1024**3 // 2,
        prices=us_east_1,
    )
    assert cost.gb_seconds_usd == 2 * Decimal("0.0000166667")
    assert cost.requests_usd == 2 * Decimal("0.0000002")
    assert cost.ephemeral_usd == Decimal("1.5") * Decimal("0.0000000309")
    assert cost.sns_usd == 4 * Decimal("0.0000005")
    assert cost.logs_usd == Decimal("0.25")
    assert cost.notes == ()
    assert cost.total_usd == (
        cost.gb_seconds_usd + cost.requests_usd + cost.ephemeral_usd + cost.sns_usd + cost.logs_usd
    )


def test_an_item_without_a_price_is_none_and_noted_not_zero():
    prices = load_prices().prices("eu-north-1", "x86_64")
    cost = total_cost([report()], 1024, 1, 100, 100, prices)
    assert cost.ephemeral_usd is None
    assert cost.total_usd == cost.gb_seconds_usd + cost.requests_usd + cost.sns_usd + cost.logs_usd
    assert any("ephemeral storage" in note and "eu-north-1" in note for note in cost.notes)


def test_what_is_not_used_needs_no_price():
    prices = load_prices().prices("eu-north-1", "x86_64")
    cost = total_cost([report()], 512, 0, 0, 0, prices)
    assert cost.ephemeral_usd == cost.sns_usd == cost.logs_usd == 0
    assert cost.notes == ()


def test_assumed_prices_are_noted_where_they_are_used():
    prices = load_prices().prices("eu-central-1", "x86_64")
    (note,) = total_cost([report()], 512, 1, 100, 100, prices).notes
    assert note.startswith("SNS at the prices of us-east-1")


def test_reports_that_carry_no_bill_are_noted(us_east_1):
    cost = total_cost([report(), report(None), report(5, None)], 512, 3, 300, 0, us_east_1)
    assert cost.gb_seconds_usd == Decimal("0.0000166667")
    assert cost.requests_usd == 3 * Decimal("0.0000002")
    assert any("2 reports" in note for note in cost.notes)


def test_of_nothing_the_cost_is_zero(us_east_1):
    assert total_cost([], 512, 0, 0, 0, us_east_1) == Cost()


def test_costs_add_up_item_by_item():
    one = Cost(gb_seconds_usd=Decimal(1), sns_usd=None, notes=("a", "b"))
    two = Cost(gb_seconds_usd=Decimal(2), logs_usd=Decimal(3), notes=("b", "c"))
    both = one + two
    assert both == Cost(
        gb_seconds_usd=Decimal(3), sns_usd=None, logs_usd=Decimal(3), notes=("a", "b", "c")
    )
    assert sum([one, two], Cost()) == both
    assert both.total_usd == 6


@given(st.lists(st.integers(0, 900_000)), st.integers(128, 10_240))
def test_total_is_the_sum_of_its_invocations(billed, memory_mb):
    prices = load_prices().prices("us-east-1", "arm64")
    cost = total_cost([report(float(ms), memory_mb) for ms in billed], 512, 0, 0, 0, prices)
    each = sum((invocation_cost(ms, memory_mb, prices) for ms in billed), Cost())
    assert cost.gb_seconds_usd == each.gb_seconds_usd
    assert cost.requests_usd == each.requests_usd
