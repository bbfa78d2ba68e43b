"""A burst of 1,000 messages at a reserved concurrency of 1,000, on this machine's endpoint.

.venv/bin/pytest tests/performance/test_concurrency_1000.py -s
"""

from __future__ import annotations

import time
from pathlib import Path

from campaign_site import Site, configuration

from pytest_lambda_ml.local import start_endpoint
from pytest_lambda_ml.model import StartType

BURST = 1000


def test_a_burst_of_a_thousand_is_accounted_for(tmp_path: Path) -> None:
    """Each message gets an environment of its own, as on AWS, though here one after the other."""
    with start_endpoint() as endpoint:
        site = Site(endpoint, tmp_path)
        cell = configuration(memory_mb=128, concurrency=BURST, timeout_s=60)
        began = time.monotonic()
        with site.campaign() as campaign:
            function = campaign.deploy(site.package(), cell, messages=BURST)
            result = campaign.measure(function, site.dataset("a", "bb"), invocations=BURST)
        took_s = time.monotonic() - began
        assert site.left() == []
    starts = [item.start for item in result.invocations]
    print(
        f"\n{BURST} messages: {took_s:.0f} s, {result.figures.environments} environments, "
        f"{starts.count(StartType.COLD)} cold"
    )
    assert result.outcomes.succeeded == BURST
    assert result.outcomes.accounted_for
    assert result.figures.cold_starts > BURST / 2
