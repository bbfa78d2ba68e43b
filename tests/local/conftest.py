"""A real endpoint, and an AWS account in it that tests deploy functions into."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from campaign_site import Site
from lambda_account import Account

from pytest_lambda_ml.local import Endpoint, start_endpoint


@pytest.fixture(scope="session")
def endpoint() -> Iterator[Endpoint]:
    """One endpoint for all tests, whose minutes last 20 ms."""
    with start_endpoint(time_scale=1 / 3000) as endpoint:
        yield endpoint


@pytest.fixture(scope="session")
def account(endpoint: Endpoint) -> Account:
    return Account(endpoint.url)


@pytest.fixture(scope="module")
def patient_endpoint() -> Iterator[Endpoint]:
    """An endpoint whose minutes last a minute: no event ages out."""
    with start_endpoint() as endpoint:
        yield endpoint


@pytest.fixture
def site(patient_endpoint: Endpoint, tmp_path: Path) -> Iterator[Site]:
    site = Site(patient_endpoint, tmp_path)
    yield site
    assert site.left() == [], "whatever happened, nothing is left"
