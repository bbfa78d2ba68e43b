"""What the endpoint tells of the machine that it runs on."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["INFO_PATH", "EndpointInfo", "cpu_model", "memory_mb_for_functions"]

INFO_PATH = "/pytest-lambda-ml/info"
"""Where an endpoint answers what it is; no AWS service has such a path."""

_RESERVE_MB = 1024
"""Left to the session, the endpoint and the page cache."""

_UNKNOWN_MACHINE_MB = 4096


@dataclass(frozen=True, slots=True)
class EndpointInfo:
    """Where the endpoint is, and what it enforces.

    ``cores`` are those it may use, ``capacity_vcpu`` those set aside for functions.
    ``cpu_enforced`` and ``memory_enforced`` name the mechanism; ``None`` means not enforced.
    """

    url: str
    pid: int
    cores: int
    capacity_vcpu: float
    cpu_enforced: str | None
    memory_enforced: str | None
    cpu_model: str | None


def cpu_model() -> str | None:
    """The CPU's name as Linux tells it."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return None


def memory_mb_for_functions() -> int:
    """Memory that functions may fill together: what is available now, less a reserve."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return max(_RESERVE_MB, int(line.split()[1]) // 1024 - _RESERVE_MB)
    return _UNKNOWN_MACHINE_MB
