"""What this machine has of what the local endpoint needs."""

from __future__ import annotations

import os
import shutil
import sys

from pytest_lambda_ml.local.info import cpu_model, memory_mb_for_functions
from pytest_lambda_ml.local.limits import find_mechanism
from pytest_lambda_ml.model import Finding

__all__ = ["check_machine"]

LARGEST_MB = 10_240


def check_machine() -> list[Finding]:
    """How CPU and memory limits are enforced here, and what there is to share out."""
    return [_limits(), _cores(), _memory(), _cleanup()]


def _limits() -> Finding:
    mechanism = find_mechanism()
    try:
        cpu, memory = mechanism.cpu, mechanism.memory
    finally:
        mechanism.close()
    if cpu is None or memory is None:
        return Finding(
            "limits",
            "warning",
            "CPU share and memory limit cannot be enforced: durations do not follow memory",
            "run on Linux; a delegated control group (systemd-run --user --scope) is best",
        )
    return Finding("limits", "ok", f"CPU share by {cpu}, memory limit by {memory}")


def _cores() -> Finding:
    cores = len(os.sched_getaffinity(0))
    shared = max(1, cores - 1)
    text = f"{cores} ({cpu_model() or 'unknown CPU'}); functions get {shared} at one time"
    if cores > 1:
        return Finding("cores", "ok", text)
    return Finding(
        "cores", "warning", text, "use a machine with more: functions and pytest share this one"
    )


def _memory() -> Finding:
    free_mb = memory_mb_for_functions()
    text = f"{free_mb:,} MB for functions"
    if free_mb >= LARGEST_MB:
        return Finding("memory", "ok", text)
    return Finding("memory", "warning", text, "functions that fill more are stopped: free some")


def _cleanup() -> Finding:
    if sys.platform == "linux" and shutil.which("setpriv"):
        return Finding("setpriv", "ok", "functions die with a killed endpoint")
    return Finding(
        "setpriv",
        "warning",
        "not found: functions may outlive an endpoint that is killed",
        "install util-linux",
    )
