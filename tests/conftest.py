"""An option of the tests themselves."""

from __future__ import annotations

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--aws-live",
        action="store_true",
        help="also run tests/aws/live: on AWS, with the credentials and region that are given, "
        "for less than a dollar (or at --aws-endpoint-url)",
    )
