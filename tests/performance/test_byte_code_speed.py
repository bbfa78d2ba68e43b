"""What byte code in a package saves at a cold start: the same function with it and without.

Each start is a fresh process that has nothing but the unpacked package (no site-packages), writes
no byte code, as in Lambda, and ends after its first invocation. The two take turns.

    pytest tests/performance/test_byte_code_speed.py -s
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
import zipfile

import pytest

from pytest_lambda_ml.artifact import (
    build_package,
    byte_code,
    find_handler,
    host_target,
    train,
)
from pytest_lambda_ml.datasets import load_dataset
from pytest_lambda_ml.errors import ArtifactError

STARTS = 7
START = """
import json, sys, time
sys.path.insert(0, sys.argv[1])
message = {"run_id": "r", "sample_id": "0", "batch": ["i feel fine today"]}
event = {"Records": [{"Sns": {"MessageId": "m", "Message": json.dumps(message)}}]}
import wrapper
class Context:
    aws_request_id, function_name, memory_limit_in_mb = "1", "f", 1769
    log_stream_name, function_version = "s", "1"
wrapper.lambda_handler(event, Context())
print(time.process_time())
"""


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """The folders of a handler's package with byte code and without, unpacked."""

    def packages(folder, artifacts=None):
        unpacked = []
        for name in ("with", "without"):
            if name == "without":
                monkeypatch.setattr(byte_code, "find_compiler", lambda _: None)
            package = build_package(folder, artifacts, tmp_path / "cache", target=host_target())
            place = tmp_path / f"{folder.name}-{name}"
            with zipfile.ZipFile(package.zip_path) as archive:
                archive.extractall(place)
            unpacked.append(place)
        return unpacked

    return packages


def start(place) -> tuple[float, float]:
    """CPU and elapsed seconds of one cold start with its first invocation."""
    command = [sys.executable, "-I", "-S", "-B", "-c", START, str(place)]
    began = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=place)
    elapsed = time.perf_counter() - began
    return float(done.stdout.splitlines()[-1]), elapsed


def medians(places) -> list[tuple[float, float]]:
    for place in places:
        start(place)  # the disk's cache
    taken = [[start(place) for place in places] for _ in range(STARTS)]
    return [
        tuple(statistics.median(values) for values in zip(*starts, strict=True))
        for starts in zip(*taken, strict=True)
    ]


def test_k_means_starts_in_half_the_time(packages, tmp_path):
    folder = find_handler("k-means", engine="reference", search=[])
    dataset = load_dataset("emotion", None, tmp_path)
    try:
        places = packages(folder, train(folder, dataset, tmp_path))
    except ArtifactError as error:
        pytest.skip(f"no package index: {error}")
    (cpu, elapsed), (cpu_without, elapsed_without) = medians(places)
    print(
        f"\ncold start of k-means with byte code {cpu:.2f} s of CPU ({elapsed:.2f} s), without "
        f"{cpu_without:.2f} s ({elapsed_without:.2f} s): {cpu_without / cpu:.1f} times as much"
    )
    assert cpu_without > 1.5 * cpu


def test_the_wrapper_alone_starts_no_slower(packages, tmp_path):
    path = tmp_path / "nothing"
    path.mkdir()
    (path / "requirements.txt").touch()
    (path / "handler.py").write_text(
        "def initialize():\n    pass\n\n\ndef process(batch):\n    return batch\n"
    )
    places = packages(find_handler(path, engine="reference", search=[]))
    (cpu, _), (cpu_without, _) = medians(places)
    print(
        f"\ncold start of the wrapper alone {cpu * 1000:.0f} ms of CPU, without byte code "
        f"{cpu_without * 1000:.0f} ms"
    )
    assert cpu < 1.1 * cpu_without
