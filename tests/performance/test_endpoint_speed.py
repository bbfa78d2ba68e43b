"""What the endpoint itself costs: around an invocation, and between runtime client and endpoint."""

from __future__ import annotations

import json
import os
import re
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from lambda_account import Account, wait_for

from pytest_lambda_ml.local import start_endpoint
from pytest_lambda_ml.measure.report_line import parse_report

INVOCATIONS = 300
NO_OP = "def lambda_handler(event, context): return None"
WORK = """
import time
def lambda_handler(event, context):
    end = time.perf_counter() + 0.005
    while time.perf_counter() < end:
        pass
"""


@pytest.fixture(scope="module")
def account():
    with start_endpoint() as endpoint:
        yield Account(endpoint.url)


def test_an_invocation_costs_at_most_two_milliseconds_beyond_its_duration(account, record_property):
    """300 events wait in the queue; then one environment works them off."""
    function = account.function(WORK, memory_mb=1769, concurrency=0)
    topic = account.client("sns").create_topic(Name="speed")["TopicArn"]
    account.client("sns").subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function.arn)
    for start in range(0, INVOCATIONS, 10):
        account.client("sns").publish_batch(
            TopicArn=topic,
            PublishBatchRequestEntries=[
                {"Id": str(number), "Message": "{}"} for number in range(start, start + 10)
            ],
        )
    account.client("lambda").put_function_concurrency(
        FunctionName=function.name, ReservedConcurrentExecutions=1
    )
    time.sleep(INVOCATIONS * 0.01)  # polling the log would take CPU from the endpoint
    wait_for(lambda: len(function.reports()) == INVOCATIONS)

    events = account.client("logs").filter_log_events(logGroupName=f"/aws/lambda/{function.name}")
    events = sorted(events["events"], key=lambda event: event["timestamp"])
    ends = [event["timestamp"] for event in events if event["message"].startswith("REPORT")]
    durations_ms = [
        report.duration_ms for event in events if (report := parse_report(event["message"]))
    ]
    overhead_ms = (ends[-1] - ends[0] - sum(durations_ms[1:])) / (INVOCATIONS - 1)
    record_property("overhead_ms_per_warm_invocation", round(overhead_ms, 3))
    print(f"\nbeyond Duration: {overhead_ms:.3f} ms per warm invocation")
    assert overhead_ms <= 2.0


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    """AWS's runtime interface emulator with the same function; yields its URL and log."""
    binary = os.environ.get("AWS_LAMBDA_RIE", "")
    if not Path(binary).is_file():
        pytest.skip("AWS_LAMBDA_RIE names no emulator; `make perf` takes it from aws-sam-cli")
    folder = tmp_path_factory.mktemp("emulator")
    (folder / "index.py").write_text(NO_OP)
    ports = [_free_port() for _ in range(2)]
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                binary,
                "--runtime-interface-emulator-address",
                f"127.0.0.1:{ports[0]}",
                "--runtime-api-address",
                f"127.0.0.1:{ports[1]}",
                sys.executable,
                "-m",
                "awslambdaric",
                "index.lambda_handler",
            ],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdout=output,
            stderr=output,
        )
        try:
            wait_for(lambda: _listens(ports[0]))
            yield f"http://127.0.0.1:{ports[0]}/2015-03-31/functions/function/invocations", log
        finally:
            process.kill()
            process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_the_runtime_api_round_trip_beats_the_emulator_of_aws(account, emulator, record_property):
    """The Duration of a function that does nothing is the round trip; both are asked in turn."""
    url, log = emulator
    function = account.function(NO_OP, memory_mb=1769)
    for _ in range(INVOCATIONS):
        function.call()
        urllib.request.urlopen(url, data=b"{}").read()
    ours = [report.duration_ms for report in function.reports()[1:]]
    lines = re.findall(r"REPORT RequestId.*", log.read_text())
    theirs = [report.duration_ms for line in lines[1:] if (report := parse_report(line))]
    ours_ms, theirs_ms = statistics.median(ours), statistics.median(theirs)
    record_property("round_trip_ms", json.dumps({"endpoint": ours_ms, "emulator": theirs_ms}))
    print(f"\nround trip p50: endpoint {ours_ms:.2f} ms, emulator {theirs_ms:.2f} ms")
    assert len(theirs) >= INVOCATIONS - 1
    assert ours_ms < theirs_ms
