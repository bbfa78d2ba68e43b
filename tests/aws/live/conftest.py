"""Tests on AWS itself: ``pytest tests/aws/live --aws-live --aws-region eu-west-1``.

They cost cents. With ``--aws-endpoint-url`` they run at a local endpoint, those that it can run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from live_site import LiveSite

from pytest_lambda_ml.plugin.options import SETTINGS


@pytest.fixture
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[LiveSite]:
    """A folder for one test, and the account that its campaigns run in; nothing may be left."""
    settings = request.config.stash[SETTINGS]
    if not request.config.getoption("--aws-live"):
        pytest.skip("runs on AWS, for money: asked for with --aws-live and --aws-region")
    if not settings.aws_regions:
        pytest.fail("--aws-live needs --aws-region", pytrace=False)
    site = LiveSite(settings, tmp_path)
    yield site
    assert site.left() == [], "whatever happened, nothing is left"


@pytest.fixture
def on_aws(live: LiveSite) -> LiveSite:
    """The same for what no endpoint on this machine has."""
    if live.endpoint_url:
        pytest.skip(f"{live.endpoint_url} is not AWS")
    return live
