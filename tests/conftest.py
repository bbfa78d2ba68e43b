"""An option of the tests themselves, and what they do not take over from whoever runs them."""

from __future__ import annotations

import os
import signal
from tempfile import TemporaryDirectory

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Have Ctrl-C heeded and the shipped prices read, also by what tests start.

    A shell has its background jobs ignore Ctrl-C, and their children with them. And whoever runs
    the tests may have fetched newer prices; they are set aside before tests are collected, as some
    read prices when they are imported.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
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
