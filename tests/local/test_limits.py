"""CPU share and memory limit, by every mechanism that this machine has."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from lambda_account import Account

from pytest_lambda_ml.errors import EndpointError
from pytest_lambda_ml.local import duty_cycle, start_endpoint
from pytest_lambda_ml.local.cgroup import Version2, sweep
from pytest_lambda_ml.local.limits import PERIOD_US, find_mechanism
from pytest_lambda_ml.model import vcpu

SPIN = """
import time
def spin(cpu_s):
    wall, cpu = time.perf_counter(), time.process_time()
    while time.process_time() - cpu < cpu_s:
        pass
    return (time.perf_counter() - wall) / (time.process_time() - cpu)
at_import = spin(0.2)
def lambda_handler(event, context):
    return {"init": at_import, "run": spin(0.2)}
"""


@pytest.fixture(params=["cgroup-v2", "cgroup-v1", "duty-cycle"])
def limited(request: pytest.FixtureRequest) -> Iterator[Account]:
    """An account on an endpoint with one certain mechanism."""
    try:
        find_mechanism(request.param).close()
    except EndpointError as error:
        pytest.skip(str(error))
    with start_endpoint(limiter=request.param) as endpoint:
        assert endpoint.info.cpu_enforced == request.param
        yield Account(endpoint.url)


@pytest.mark.parametrize("memory_mb", [256, 512])
def test_an_invocation_is_slowed_to_its_share_and_an_initialisation_is_not(
    limited: Account, memory_mb: int
) -> None:
    """Wall time per CPU time is at least 1 / vCPU; a busy machine can only raise it."""
    ratios = limited.function(SPIN, memory_mb=memory_mb).call()["result"]
    expected = 1 / vcpu(memory_mb)
    assert ratios["run"] > 0.9 * expected
    assert ratios["init"] < 0.7 * ratios["run"]


def test_memory_is_limited(limited: Account) -> None:
    function = limited.function(
        "def lambda_handler(event, context): return len(b'x' * (event << 20))", memory_mb=256
    )
    assert function.call(64)["error"] is None
    assert function.call(512)["error"] == "Unhandled"
    fits, does_not = function.reports()
    assert 64 < fits.max_memory_mb < 128
    assert (does_not.error_type, does_not.max_memory_mb) == ("Runtime.OutOfMemory", 256)


def test_without_a_mechanism_nothing_is_enforced_and_it_says_so() -> None:
    with start_endpoint(limiter="none") as endpoint:
        assert (endpoint.info.cpu_enforced, endpoint.info.memory_enforced) == (None, None)
        function = Account(endpoint.url).function(SPIN, memory_mb=128)
        assert function.call()["result"]["run"] < 0.5 / vcpu(128)


def test_a_unified_hierarchy_gets_quota_and_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a folder that looks like a delegated version 2 group, since few machines have one."""
    own = Path("/proc/self/cgroup").read_text()
    relative = next(line[3:].lstrip("/") for line in own.splitlines() if line.startswith("0::"))
    base = tmp_path / relative
    base.mkdir(parents=True, exist_ok=True)
    (base / "cgroup.controllers").write_text("cpu io memory\n")
    (base / "cgroup.procs").write_text("")

    parent = Version2.claim(tmp_path)
    group = parent.create("one", 512)
    (directory,) = base.glob("pytest-lambda-ml-*/one")

    assert (base / "cgroup.subtree_control").read_text() == "+cpu +memory"
    assert (directory / "memory.max").read_text() == str(512 * 1024 * 1024)
    group.limit_cpu(0.5)
    assert (directory / "cpu.max").read_text() == f"{PERIOD_US // 2} {PERIOD_US}"
    group.limit_cpu(None)
    assert (directory / "cpu.max").read_text() == f"max {PERIOD_US}"
    assert str(directory / "cgroup.procs") in group.command(["true"])[2]
    (directory / "memory.events").write_text("oom 1\noom_kill 1\n")
    assert group.killed_for_memory()
    group.started(1)
    assert not group.killed_for_memory()


def test_groups_of_dead_endpoints_are_swept(tmp_path: Path) -> None:
    dead, alive = tmp_path / "pytest-lambda-ml-4194399", tmp_path / "pytest-lambda-ml-1"
    (dead / "environment-1").mkdir(parents=True)
    alive.mkdir()
    sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [alive]


def test_a_mechanism_that_is_not_there_is_an_error_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duty_cycle, "available", lambda: False)
    with pytest.raises(EndpointError, match=r"duty-cycle .* needs /proc"):
        find_mechanism("duty-cycle")
