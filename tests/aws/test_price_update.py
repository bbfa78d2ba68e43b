"""`pytest-lambda-ml prices`: fetched from an endpoint that serves the Price List API, then used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from click.testing import CliRunner

from pytest_lambda_ml.cli import cli
from pytest_lambda_ml.measure.price_table import load_prices

IDENTITY = """<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
<GetCallerIdentityResult><Arn>arn:aws:iam::1:user/x</Arn><UserId>x</UserId><Account>1</Account>
</GetCallerIdentityResult></GetCallerIdentityResponse>"""

PRICE = {
    "AWS-Lambda-Duration": "0.0000199999",
    "AWS-Lambda-Requests": "0.0000003",
    "S3-API-Tier1": "0.0000061",
}


class PriceListApi(BaseHTTPRequestHandler):
    """GetProducts in pages of one, and GetCallerIdentity; nothing stands in for it in moto."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if "GetProducts" not in self.headers.get("X-Amz-Target", ""):
            self._answer(IDENTITY.encode(), "text/xml")
            return
        request = json.loads(body)
        (group,) = (f["Value"] for f in request["Filters"] if f["Field"] == "group")
        assert request["ServiceCode"] == ("AmazonS3" if group.startswith("S3") else "AWSLambda")
        regions = ["us-east-1", "mx-central-1"] if group in PRICE else []
        page = int(request.get("NextToken", 0))
        answer: dict[str, Any] = {
            "FormatVersion": "aws_v1",
            "PriceList": [json.dumps(_product(r, group)) for r in regions[page : page + 1]],
        }
        if page + 1 < len(regions):
            answer["NextToken"] = str(page + 1)
        self._answer(json.dumps(answer).encode(), "application/x-amz-json-1.1")

    def _answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


def _product(region: str, group: str) -> dict[str, Any]:
    dimension = {"beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": PRICE[group]}}
    attributes = {"regionCode": region, "location": "x", "group": group}
    return {
        "product": {"attributes": attributes},
        "terms": {"OnDemand": {"t": {"priceDimensions": {"d": dimension}}}},
        "publicationDate": "2099-01-01T00:00:00Z",
    }


@pytest.fixture
def url() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), PriceListApi)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture
def data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    load_prices.cache_clear()
    yield tmp_path
    load_prices.cache_clear()


def test_what_was_fetched_is_used_from_then_on(url: str, data_home: Path) -> None:
    before = CliRunner().invoke(cli, ["prices", "show"])
    assert "shipped with pytest-lambda-ml" in before.output
    got = CliRunner().invoke(cli, ["prices", "update", "--aws-endpoint-url", url])
    assert got.exit_code == 0, got.output
    file = data_home / "pytest-lambda-ml" / "prices.json"
    assert str(file) in got.output
    load_prices.cache_clear()
    after = CliRunner().invoke(cli, ["prices", "show"])
    assert str(file) in after.output
    assert "mx-central-1" in after.output
    assert load_prices().sha256 in after.output
    prices = load_prices().prices("mx-central-1")
    assert str(prices.gb_second_usd) == "0.0000199999"
    assert str(prices.s3_write_usd) == "0.0000061"


def test_an_endpoint_that_fails_leaves_the_table_as_it_was(data_home: Path) -> None:
    got = CliRunner().invoke(cli, ["prices", "update", "--aws-endpoint-url", "http://127.0.0.1:9"])
    assert got.exit_code == 1
    assert not list(data_home.rglob("prices*"))
