"""An option of the tests themselves, and a data folder of their own."""

from __future__ import annotations

import os
from tempfile import TemporaryDirectory

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Whoever runs the tests may have fetched newer prices: theirs are not what tests expect.

    Set before tests are collected, as some read prices when they are imported; what tests start
    inherits it.
    """
    before, folder = os.environ.get("XDG_DATA_HOME"), TemporaryDirectory(prefix="data-home-")
    os.environ["XDG_DATA_HOME"] = folder.name

    def restore() -> None:
        folder.cleanup()
        if before is None:
            del os.environ["XDG_DATA_HOME"]
        else:
            os.environ["XDG_DATA_HOME"] = before

    config.add_cleanup(restore)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--aws-live",
        action="store_true",
        help="also run tests/aws/live: on AWS, with the credentials and region that are given, "
        "for less than a dollar (or at --aws-endpoint-url)",
    )
