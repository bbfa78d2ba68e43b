"""The `pytest-lambda-ml` command."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner

from pytest_lambda_ml.cli import cli


def test_runs_lists_what_is_stored_and_how_it_ended(tmp_path) -> None:
    cell = {"outcomes": {"published": 700}, "cost_usd_total": "0.0125"}
    told = {
        "schema_version": 1,
        "created_at": 1767268800,
        "region": "eu-west-1",
        "cells": [cell] * 2,
    }
    stored = {
        "20260101T120000Z-aaaaaaaa": {
            "backend": "aws",
            "git": {"commit": "abcdef0123", "dirty": 1},
        },
        "20260102T120000Z-bbbbbbbb": {"backend": "local", "partial": True},
        "20260103T120000Z-cccccccc": None,
    }
    for name, run in stored.items():
        folder = tmp_path / "runs" / name
        folder.mkdir(parents=True)
        (folder / "journal.jsonl").touch()
        if run is not None:
            (folder / "run.json").write_text(json.dumps({**told, **run}))
    got = CliRunner().invoke(cli, ["runs", "--dir", str(tmp_path)])
    heading, *lines = (" ".join(line.split()) for line in got.output.splitlines())
    assert heading.startswith("run time")
    assert lines == [
        "aaaaaaaa 2026-01-01 12:00:00 eu-west-1 2 1,400 $0.025 abcdef01+ whole",
        "bbbbbbbb 2026-01-01 12:00:00 local 2 1,400 $0.025 partial (interrupted)",
        "cccccccc 2026-01-03 12:00:00 unfinished (journal only)",
    ]


@pytest.mark.parametrize("content", ["{", "[]"])
def test_a_run_that_cannot_be_read_does_not_hide_the_others(tmp_path, content) -> None:
    folder = tmp_path / "runs" / "20260101T120000Z-aaaaaaaa"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(content)
    got = CliRunner().invoke(cli, ["runs", "--dir", str(tmp_path)])
    assert got.exit_code == 0
    assert "unreadable" in got.output


def test_no_runs_says_how_to_get_one(tmp_path) -> None:
    got = CliRunner().invoke(cli, ["runs", "--dir", str(tmp_path)])
    assert got.exit_code == 1
    assert "pytest benchmarks/" in got.output


def test_local_prints_where_it_is_and_ends_with_ctrl_c() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from pytest_lambda_ml.cli import main; main()", "local"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        info = json.loads(process.stdout.readline())
        assert info["url"].startswith("http://127.0.0.1:")
        assert info["pid"] == process.pid
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
