"""An error in the middle of a cell: what has come by then is kept, and nothing is left."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from campaign_site import Site, configuration

from pytest_lambda_ml.campaign.session import Progress
from pytest_lambda_ml.errors import BackendError
from pytest_lambda_ml.store.run_file import read_run_file


@pytest.mark.parametrize("error", [BackendError("the log cannot be read"), OSError("disk full")])
def test_an_error_while_measuring_keeps_what_has_come(site: Site, error: Exception) -> None:
    """What was published is paid for: it is in run.json, not in the journal alone."""

    def fail(progress: Progress) -> None:
        if progress.received:
            raise error

    with site.campaign(fail) as campaign:
        function = campaign.deploy(site.package(), configuration(), messages=30)
        with pytest.raises(type(error), match=str(error)):
            campaign.measure(function, site.dataset("a"), invocations=30)
    run = read_run_file(campaign.run_dir)
    (cell,) = run["cells"]
    assert run["partial"] is True
    assert run["partial_reason"] == f"{cell['cell_id']} failed to be measured"
    assert cell["partial"] is True
    assert cell["outcomes"]["succeeded"] > 0
    assert campaign.results[0].partial_reason == f"it failed to be measured: {error}"


def test_an_error_before_anything_was_published_leaves_no_cell(site: Site) -> None:
    def refuse(**_: Any) -> None:
        error = {"Code": "AuthorizationError", "Message": "not yours"}
        raise ClientError({"Error": error}, "PublishBatch")

    events = site.clients.sns.meta.events
    with site.campaign() as campaign:
        function = campaign.deploy(site.package(), configuration(), messages=3)
        events.register("before-call.sns.PublishBatch", refuse, unique_id="refuse")
        with pytest.raises(BackendError, match="not yours"):
            campaign.measure(function, site.dataset("a"), invocations=3)
    events.unregister("before-call.sns.PublishBatch", unique_id="refuse")
    assert campaign.partial
    assert read_run_file(campaign.run_dir)["cells"] == []
