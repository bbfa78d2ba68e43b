"""What a million invocations in 63 cells cost to report and to recommend from."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from big_run import store_big_run

INVOCATIONS = 1_000_000

MEASURED = """
import json, resource, sys, time
began = time.perf_counter()
from pytest_lambda_ml.cli import cli
try:
    cli(sys.argv[1:], standalone_mode=False)
finally:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"s": time.perf_counter() - began, "peak_mb": peak}), file=sys.stderr)
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("big")
    store_big_run(folder, INVOCATIONS)
    return folder


def measured(*arguments: str) -> dict[str, float]:
    """Seconds and peak memory of the command in a process of its own, its start included."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stderr.strip().splitlines()[-1])
    print(f"\n{arguments[0]}: {found['s']:.1f} s, {found['peak_mb']:.0f} MB")
    return found


def test_report_takes_at_most_30_s_and_2_gb(root: Path) -> None:
    out = root / "report.html"
    found = measured("report", "latest", "--dir", str(root), "--out", str(out))
    print(f"report.html: {out.stat().st_size / 1e6:.1f} MB")
    assert found["s"] <= 30
    assert found["peak_mb"] <= 2048
    assert out.stat().st_size < 5_000_000
    assert out.read_text(encoding="utf-8").count("<figure") >= 9 * 5


def test_a_report_with_a_baseline_takes_at_most_60_s_and_3_gb(root: Path) -> None:
    out = root / "compared.html"
    arguments = ("report", "latest", "--baseline", "latest", "--dir", str(root))
    found = measured(*arguments, "--out", str(out))
    assert found["s"] <= 60
    assert found["peak_mb"] <= 3072


def test_recommend_takes_at_most_5_s(root: Path) -> None:
    assert measured("recommend", "latest", "--dir", str(root))["s"] <= 5
