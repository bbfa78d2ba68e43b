"""However the endpoint or its parent ends: no process, no control group, no folder is left."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import boto3
import pytest
from lambda_account import Account, wait_for

from pytest_lambda_ml.local import start_endpoint

PARENT = """
import json, sys, time
from dataclasses import asdict
from pytest_lambda_ml.local import start_endpoint
with start_endpoint(limiter=sys.argv[1]) as endpoint:
    print(json.dumps(asdict(endpoint.info)), flush=True)
    sys.stdin.read()
"""

BUSY = """
import time
def lambda_handler(event, context):
    time.sleep(60)
"""


def traces(pid: int) -> list[str]:
    """What exists of an endpoint with this process id and its environments."""
    found = [f"process {pid}"] if _alive(pid) else []
    found += [str(path) for path in Path(tempfile.gettempdir()).glob(f"pytest-lambda-ml-{pid}-*")]
    for folder, groups, _ in os.walk("/sys/fs/cgroup"):  # groups vanish while it walks
        found += [f"{folder}/{name}" for name in groups if name == f"pytest-lambda-ml-{pid}"]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environ = (process / "environ").read_bytes()
        except OSError:
            continue
        if f"pytest-lambda-ml-{pid}-".encode() in environ:
            found.append(f"environment {process.name}")
    return found


def _alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def run_busy_endpoint(limiter: str) -> tuple[subprocess.Popen[bytes], dict[str, object]]:
    """A process with an endpoint in which a function is idle and another one at work."""
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, limiter], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    info = json.loads(parent.stdout.readline())
    account = Account(info["url"])
    account.function("def lambda_handler(event, context): return 1").call()
    account.function(BUSY).send()
    # Two functions, and the loops that keep the cores awake.
    wait_for(lambda: sum("environment" in trace for trace in traces(info["pid"])) >= 2 + 1)
    return parent, info


@pytest.mark.parametrize("limiter", ["auto", "duty-cycle"])
@pytest.mark.parametrize("end", ["end", "SIGINT", "SIGTERM", "SIGKILL"])
def test_nothing_is_left_however_the_parent_ends(end: str, limiter: str) -> None:
    parent, info = run_busy_endpoint(limiter)
    assert traces(info["pid"])

    if end == "end":
        parent.communicate()
    else:
        parent.send_signal(getattr(signal, end))
    parent.wait(timeout=30)

    wait_for(lambda: not traces(info["pid"]))


def test_functions_die_with_a_killed_endpoint_and_the_next_one_sweeps_the_rest() -> None:
    parent, info = run_busy_endpoint("auto")
    os.kill(info["pid"], signal.SIGKILL)
    wait_for(lambda: not [trace for trace in traces(info["pid"]) if "environment" in trace])
    parent.communicate()

    with start_endpoint():
        assert traces(info["pid"]) == []


def test_it_listens_on_the_loopback_interface_only() -> None:
    with start_endpoint() as endpoint:
        listening = []
        for table in ("tcp", "tcp6"):
            for line in Path(f"/proc/{endpoint.info.pid}/net/{table}").read_text().splitlines()[1:]:
                address, state = line.split()[1], line.split()[3]
                port = int(address.rpartition(":")[2], 16)
                if state == "0A" and endpoint.url.endswith(f":{port}"):
                    listening.append(address.partition(":")[0])
        assert listening == ["0100007F"]


def test_it_says_what_went_wrong_when_it_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    from pytest_lambda_ml.errors import EndpointError

    monkeypatch.setenv("PYTHONHOME", "/does-not-exist")
    with pytest.raises(EndpointError, match="did not start"), start_endpoint():
        pass


def test_any_aws_client_can_use_it() -> None:
    with start_endpoint() as endpoint:
        session = boto3.Session("a", "b", region_name="us-west-2")
        identity = session.client("sts", endpoint_url=endpoint.url).get_caller_identity()
        assert identity["Account"]
