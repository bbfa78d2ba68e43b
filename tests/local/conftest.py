"""A real endpoint, and an AWS account in it that tests deploy functions into."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
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
