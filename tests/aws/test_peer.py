"""The same campaign on an endpoint of another make: ministack, in an environment of its own.

What two implementations of AWS's API agree on is more than what one of them thinks. ministack runs
every function in processes of its own, reads no reserved concurrency in its queue (so no more is
published than may run at once), and tells no Init Duration.

``MINISTACK`` names an installed binary; else it is installed once, into the user's cache.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest
from platformdirs import user_cache_path
from whole_campaign import campaign, cell, lengths_package, questions

from pytest_lambda_ml.aws.names import KEPT
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.purge import find_leftovers, purge
from pytest_lambda_ml.model import StartType

VERSION = "1.5.33"
REGION = "us-east-1"
STARTS_WITHIN_S = 60


def installed() -> Path:
    """The binary, after an installation if need be; the tests are skipped where it fails."""
    if given := os.environ.get("MINISTACK"):
        return Path(given)
    folder = user_cache_path("pytest-lambda-ml", appauthor=False) / "peers" / f"ministack-{VERSION}"
    binary = folder / "bin" / "ministack"
    if not binary.is_file():
        try:
            subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True, timeout=120)
            pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
            subprocess.run(
                [*pip, f"ministack=={VERSION}"], check=True, timeout=120, capture_output=True
            )
        except (subprocess.SubprocessError, OSError) as error:
            shutil.rmtree(folder, ignore_errors=True)
            said = getattr(error, "stderr", None) or str(error).encode()
            pytest.skip(f"ministack cannot be installed: {said.decode().strip()[-300:]}")
    return binary


@pytest.fixture(scope="module")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsClients]:
    """Clients of a ministack of our own, on loopback."""
    binary = installed()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("ministack")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "S3_DATA_DIR": str(folder / "s3"),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "SERVICES": "lambda,sns,sqs,logs,s3,iam,sts,tagging",
    }
    log = (folder / "log").open("w+b")
    process = subprocess.Popen([binary], env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{port}/_ministack/health", process, folder / "log")
        yield AwsClients(REGION, f"http://127.0.0.1:{port}", dummy_credentials=True)
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            urlopen(url, timeout=5).close()
        except (URLError, OSError):
            time.sleep(0.2)
        else:
            return
    pytest.fail(f"ministack does not answer:\n{log.read_text(encoding='utf-8')[-2000:]}")


def test_a_campaign_on_another_make_of_endpoint_is_the_same(
    peer: AwsClients, tmp_path: Path
) -> None:
    with campaign(peer, tmp_path) as session:
        function = session.deploy(lengths_package(tmp_path), cell(), messages=2)
        first = session.measure(function, questions(tmp_path, "a", "bb"), invocations=2)
        second = session.measure(function, questions(tmp_path, "a", "bb"), invocations=2)
        deployed = peer.lambda_.get_function(FunctionName=function.name)["Configuration"]
    assert first.outcomes.succeeded == second.outcomes.succeeded == 2
    assert {each.start for each in first.invocations} == {StartType.PRE_INITIALISED}
    assert {each.start for each in second.invocations} == {StartType.WARM}
    assert first.figures.cold_starts == 0, "without an Init Duration nothing is called cold"
    assert second.figures.warm_count == 2
    assert second.figures.cost_usd_per_million is not None
    assert deployed["LoggingConfig"]["LogGroup"] == function.log_group
    assert deployed["CodeSha256"] == lengths_package(tmp_path).code_sha256
    assert left(peer, session.run_id) == []


def test_a_kept_function_is_found_again_there_too(peer: AwsClients, tmp_path: Path) -> None:
    arns = []
    for _ in range(2):
        with campaign(peer, tmp_path, keep=True) as session:
            function = session.deploy(lengths_package(tmp_path), cell(), messages=2)
            result = session.measure(function, questions(tmp_path, "a", "b"), invocations=2)
            arns.append(function.arn)
        assert result.outcomes.succeeded == 2
        assert left(peer, session.run_id) == []
    assert arns[0] == arns[1]
    for each in find_leftovers(peer, [], KEPT):
        purge(peer, each)
    assert left(peer, KEPT) == []


def test_a_failing_handler_fails_there_too(peer: AwsClients, tmp_path: Path) -> None:
    with campaign(peer, tmp_path) as session:
        function = session.deploy(lengths_package(tmp_path), cell(), messages=2)
        result = session.measure(function, questions(tmp_path, "fail", "b"), invocations=2)
    assert (result.outcomes.failed, result.outcomes.succeeded) == (1, 1)
    [failed] = [each for each in result.invocations if each.record and each.record.error_type]
    assert failed.record.error_message == "as it was told"
    assert left(peer, session.run_id) == []


def left(clients: AwsClients, run_id: str) -> list[str]:
    """What is found of a run, by whatever name or tag."""
    return [
        resource.id
        for leftovers in find_leftovers(clients, [], run_id)
        for resource in leftovers.resources
    ]
