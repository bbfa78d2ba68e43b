"""A campaign from deployment to run file, on the real endpoint with real processes."""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from campaign_site import LENGTHS, Site, by_sample, configuration

from pytest_lambda_ml.campaign.figures import extra_info, warm_samples_s
from pytest_lambda_ml.campaign.session import Progress
from pytest_lambda_ml.errors import DeploymentError
from pytest_lambda_ml.local import Endpoint
from pytest_lambda_ml.model import Outcome, StartType
from pytest_lambda_ml.store.journal import read_journal
from pytest_lambda_ml.store.run_file import read_run_file

# Each item of a batch says what becomes of its invocation.
OBEDIENT = """
import os
import time

def initialize():
    return None

def process(batch):
    for item in batch:
        if item == "raise":
            raise ValueError("told to")
        if item == "exit":
            os._exit(3)
        if item == "sleep":
            time.sleep(60)
        if item == "fill":
            held = []
            while True:
                held.append(bytearray(16_000_000))
    return list(batch)
"""


def test_two_cells_from_deployment_to_run_file(site: Site) -> None:
    progress: list[Progress] = []
    with site.campaign(progress.append) as campaign:
        for memory_mb in (512, 1024):
            cell = configuration(memory_mb=memory_mb, concurrency=3, batch_size=2)
            function = campaign.deploy(site.package(), cell, messages=12)
            result = campaign.measure(function, site.dataset("a", "bb", "ccc"), invocations=12)
            campaign.remove(function)
            assert result.outcomes.succeeded == result.outcomes.published == 12
            assert result.figures.cold_starts == result.figures.environments == 3
            assert result.figures.warm_count == len(warm_samples_s(result, "billed")) == 9
            assert len(warm_samples_s(result, "init")) == 3
            assert {item.start for item in result.invocations} == {StartType.COLD, StartType.WARM}
            info = extra_info(result)
            assert info["memory_mb"] == memory_mb
            assert (info["dependencies"], info["dataset"]) == ("host", "made for a test")
            assert info["cost_usd_per_million"] is not None
            assert result.figures.makespan_s is not None
    assert progress[-1].received == progress[-1].expected == 12
    run = read_run_file(campaign.run_dir)
    assert [cell["cell_id"] for cell in run["cells"]] == [
        "tiny-reference-512-3-2",
        "tiny-reference-1024-3-2",
    ]
    assert run["cells"][0]["outcomes"]["succeeded"] == 12
    assert run["partial"] is False
    assert run["options"] == {"lambda_memory": 512}
    kinds = [entry["kind"] for entry in read_journal(campaign.run_dir / "journal.jsonl")]
    assert (kinds.count("invocation"), kinds.count("cell")) == (24, 2)


def test_samples_have_numbers_of_their_own_in_every_cell(site: Site) -> None:
    with site.campaign() as campaign:
        function = campaign.deploy(site.package(), configuration(), messages=3)
        first = campaign.measure(function, site.dataset("a"), invocations=3)
        second = campaign.measure(function, site.dataset("a"), invocations=3)
    assert not set(by_sample(first)) & set(by_sample(second))
    assert second.outcomes.succeeded == 3
    assert second.figures.cold_starts == 0, "the environments of the first are used again"


def test_a_dropped_report_is_missing_by_name_and_costs_seconds(site: Site) -> None:
    dropped: list[str] = []

    def drop_one_report(parsed: dict[str, Any], **_: Any) -> None:
        """Between the endpoint and us: what one REPORT line says never arrives."""
        for event in list(parsed["events"]):
            if event["message"].startswith("REPORT") and (
                not dropped or event["eventId"] in dropped
            ):
                dropped.append(event["eventId"])
                parsed["events"].remove(event)

    hook = "after-call.cloudwatch-logs.FilterLogEvents"
    site.clients.logs.meta.events.register(hook, drop_one_report)
    with site.campaign() as campaign:
        function = campaign.deploy(site.package(), configuration(), messages=8)
        began = time.monotonic()
        result = campaign.measure(function, site.dataset("a"), invocations=8)
        took_s = time.monotonic() - began
    assert (result.outcomes.succeeded, result.outcomes.missing) == (7, 1)
    assert result.outcomes.accounted_for
    (missing,) = [item for item in result.invocations if item.outcome is Outcome.MISSING]
    assert missing.sample_id in by_sample(result)
    assert missing.record is not None, "its own record came: only the bill is unknown"
    assert missing.report is None
    assert took_s < 20, "one lost line never costs minutes"
    (cell,) = read_run_file(campaign.run_dir)["cells"]
    assert [item["sample_id"] for item in cell["not_succeeded"]] == [missing.sample_id]


@pytest.mark.parametrize(
    ("order", "outcome"),
    [
        ("raise", Outcome.FAILED),
        ("exit", Outcome.FAILED),
        ("sleep", Outcome.TIMED_OUT),
        ("fill", Outcome.OUT_OF_MEMORY),
    ],
)
def test_a_bad_end_among_good_ones_is_told_by_its_evidence(
    site: Site, order: str, outcome: Outcome
) -> None:
    cell = configuration(memory_mb=256, timeout_s=6)
    with site.campaign() as campaign:
        function = campaign.deploy(site.package(OBEDIENT), cell, messages=6)
        items = site.dataset("good", "good", order, "good", "good", "good")
        result = campaign.measure(function, items, invocations=6)
    assert [item.outcome for item in result.invocations] == [
        Outcome.SUCCEEDED,
        Outcome.SUCCEEDED,
        outcome,
        *[Outcome.SUCCEEDED] * 3,
    ]
    bad = result.invocations[2]
    assert bad.report is not None
    assert bad.report.billed_duration_ms is not None
    assert (bad.record is not None) == (order == "raise")
    assert result.figures.billed_ms_total == sum(
        report.billed_duration_ms or 0 for item in result.invocations for report in item.reports
    )


def test_json_logs_tell_the_same_outcomes(site: Site) -> None:
    """The platform's events are JSON, and so is what the runtime says of an exception."""
    cell = configuration(log_format="json", timeout_s=2)
    with site.campaign() as campaign:
        function = campaign.deploy(site.package(OBEDIENT), cell, messages=5)
        items = site.dataset("good", "raise", "exit", "sleep", "good")
        result = campaign.measure(function, items, invocations=5)
        pages = site.clients.logs.get_paginator("filter_log_events")
        events = [
            json.loads(event["message"])
            for page in pages.paginate(logGroupName=function.log_group)
            for event in page["events"]
        ]
    assert [item.outcome for item in result.invocations] == [
        Outcome.SUCCEEDED,
        Outcome.FAILED,
        Outcome.FAILED,
        Outcome.TIMED_OUT,
        Outcome.SUCCEEDED,
    ]
    assert all(item.report and item.report.billed_duration_ms for item in result.invocations)
    assert result.invocations[0].report is not None
    kinds = Counter(event["type"] for event in events if "type" in event)
    assert kinds["platform.start"] == kinds["platform.report"] == 5


def test_a_handler_that_cannot_be_imported_fails_by_name(site: Site) -> None:
    with site.campaign() as campaign:
        function = campaign.deploy(
            site.package("import no_such_module\n" + LENGTHS), configuration(), messages=3
        )
        result = campaign.measure(function, site.dataset("a"), invocations=3)
        assert result.outcomes.failed == 3
        assert all(item.failure is not None for item in result.invocations)
        assert result.figures.cost_usd_per_million is None
        # and the campaign goes on
        function = campaign.deploy(site.package(), configuration(), messages=1)
        assert campaign.measure(function, site.dataset("a"), invocations=1).outcomes.succeeded == 1


def test_an_initialisation_of_eleven_seconds_is_a_class_of_its_own(site: Site) -> None:
    slow = "import time\ntime.sleep(11)\n" + LENGTHS
    with site.campaign() as campaign:
        function = campaign.deploy(site.package(slow), configuration(concurrency=1), messages=2)
        result = campaign.measure(function, site.dataset("a"), invocations=2)
    assert result.outcomes.succeeded == 2
    assert sorted(str(item.start) for item in result.invocations) == ["suppressed_init", "warm"]
    assert result.figures.cold_starts == 0
    assert result.figures.init_ms_p50 is None


def test_events_that_aged_out_are_throttled_not_missing(endpoint: Endpoint, tmp_path: Path) -> None:
    """On an endpoint whose minutes last 20 ms: whoever waits a second was dropped."""
    site = Site(endpoint, tmp_path)
    slow = LENGTHS.replace("    return [", "    import time; time.sleep(1)\n    return [")
    with site.campaign() as campaign:
        function = campaign.deploy(
            site.package(slow), configuration(concurrency=1, timeout_s=10), messages=4
        )
        result = campaign.measure(function, site.dataset("a"), invocations=4)
    assert result.outcomes.throttled >= 2
    assert result.outcomes.throttled + result.outcomes.succeeded == 4
    throttled = [item for item in result.invocations if item.outcome is Outcome.THROTTLED]
    assert {item.failure.condition for item in throttled if item.failure} == {"EventAgeExceeded"}


def test_an_interrupt_stores_what_has_come_and_leaves_nothing(site: Site) -> None:
    slow = LENGTHS.replace("    return [", "    import time; time.sleep(0.7)\n    return [")

    def interrupt(progress: Progress) -> None:
        if progress.received:
            raise KeyboardInterrupt

    def interrupted() -> Any:
        with site.campaign(interrupt) as campaign:
            sessions.append(campaign)
            function = campaign.deploy(site.package(slow), configuration(), messages=30)
            campaign.measure(function, site.dataset("a"), invocations=30)

    sessions: list[Any] = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (campaign,) = sessions
    (result,) = campaign.results
    assert result.partial
    assert 0 < result.outcomes.succeeded < 30
    assert result.outcomes.accounted_for
    run = read_run_file(campaign.run_dir)
    assert run["partial"] is True
    assert run["cells"][0]["partial"] is True


def test_a_second_interrupt_says_how_to_finish_the_work(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(**_: Any) -> None:
        raise KeyboardInterrupt

    def interrupted() -> None:
        with site.campaign() as campaign:
            sessions.append(campaign)
            campaign.deploy(site.package(), configuration(), messages=1)
            events.register("before-call.lambda.DeleteFunction", interrupt, unique_id="interrupt")

    sessions: list[Any] = []
    events = site.clients.lambda_.meta.events
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (campaign,) = sessions
    assert f"pytest-lambda-ml purge --run {campaign.run_id}" in capsys.readouterr().err
    assert (campaign.run_dir / "run.json").is_file()
    events.unregister("before-call.lambda.DeleteFunction", unique_id="interrupt")
    campaign.close()


def test_a_batch_too_large_for_sns_travels_through_the_bucket(site: Site) -> None:
    """Both messages carry the same 300 items, so one object serves both."""
    cell = configuration(batch_size=300)
    with site.campaign() as campaign:
        function = campaign.deploy(site.package(), cell, messages=2)
        result = campaign.measure(function, site.dataset("ü" * 1000), invocations=2)
        (bucket,) = [each["Name"] for each in site.clients.s3.list_buckets()["Buckets"]]
        objects = site.clients.s3.list_objects_v2(Bucket=bucket, Prefix="messages/")["Contents"]
    assert result.outcomes.succeeded == 2
    assert [item["Key"].split("/")[1] for item in objects] == [campaign.run_id]
    assert objects[0]["Size"] > 600_000
    for invocation in result.invocations:
        assert invocation.record is not None
        assert invocation.record.batch_size == 300
        assert invocation.record.fetching_ms is not None
        assert invocation.record.processing_ms is not None
        assert invocation.report is not None
        assert invocation.report.duration_ms is not None
        apart = invocation.record.fetching_ms + invocation.record.processing_ms
        assert apart <= invocation.report.duration_ms + 1


def test_a_cell_that_cannot_be_deployed_stops_no_other(site: Site) -> None:
    def refuse(**_: Any) -> None:
        error = {"Code": "CodeStorageExceededException", "Message": "no room"}
        raise ClientError({"Error": error}, "CreateFunction")

    events = site.clients.lambda_.meta.events
    events.register("before-call.lambda.CreateFunction", refuse, unique_id="refuse")
    with site.campaign() as campaign:
        with pytest.raises(DeploymentError, match="CodeStorageExceededException: no room"):
            campaign.deploy(site.package(), configuration(), messages=1)
        events.unregister("before-call.lambda.CreateFunction", unique_id="refuse")
        function = campaign.deploy(site.package(), configuration(), messages=1)
        assert campaign.measure(function, site.dataset("a"), invocations=1).outcomes.succeeded == 1
