"""What a package is built for: an architecture, a Python, and the C library beneath it."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_lambda_ml.errors import ArtifactError

if TYPE_CHECKING:
    from pytest_lambda_ml.model import Architecture

__all__ = ["DEFAULT_PYTHON", "Target", "host_target"]

DEFAULT_PYTHON = "3.13"
"""A runtime that AWS supports until 30 June 2029 (AWS Lambda documentation, "Lambda runtimes"), and
for which the libraries have wheels."""
AMAZON_LINUX_2023_SINCE = (3, 12)
"""Runtimes from Python 3.12 on run on Amazon Linux 2023, older ones on Amazon Linux 2
(AWS Lambda documentation, "Lambda runtimes")."""
GLIBC_AMAZON_LINUX_2023 = 34
GLIBC_AMAZON_LINUX_2 = 26
OLDEST_GLIBC = 5  # PEP 513's manylinux1
LEGACY_TAGS = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}  # PEP 600
UV_GLIBC = (40, 39, 38, 37, 36, 35, 34, 33, 32, 31, 28, 17)
"""The manylinux_2_x platforms that ``uv --python-platform`` knows."""

MACHINES: dict[Architecture, str] = {"x86_64": "x86_64", "arm64": "aarch64"}
OCI_ARCHITECTURES: dict[Architecture, str] = {"x86_64": "amd64", "arm64": "arm64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The architecture and runtime that a package's dependencies are built for.

    ``glibc_minor`` is the y of glibc 2.y: wheels for a newer one are not taken. ``None`` is what
    Lambda's runtime of this Python version has.
    """

    architecture: Architecture
    python_version: str = DEFAULT_PYTHON
    glibc_minor: int | None = None

    @property
    def runtime(self) -> str:
        """Lambda's name for the runtime, ``"python3.13"`` for example."""
        return f"python{self.python_version}"

    @property
    def machine(self) -> str:
        """The architecture as Linux and wheels call it."""
        return MACHINES[self.architecture]

    @property
    def oci_architecture(self) -> str:
        """The architecture as container images call it."""
        return OCI_ARCHITECTURES[self.architecture]

    @property
    def platform_tags(self) -> tuple[str, ...]:
        """Every wheel platform tag that fits, best first.

        All of them count: pip takes them literally, so that with one alone it would quietly choose
        an older release that still carried it.
        """
        tags = []
        for minor in range(self._glibc, OLDEST_GLIBC - 1, -1):
            tags.append(f"manylinux_2_{minor}_{self.machine}")
            if minor in LEGACY_TAGS:
                tags.append(f"{LEGACY_TAGS[minor]}_{self.machine}")
        return (*tags, f"linux_{self.machine}")

    @property
    def uv_platform(self) -> str:
        """The same as uv says it: the newest C library that it knows and that is there."""
        minor = next(known for known in UV_GLIBC if known <= self._glibc)
        return f"{self.machine}-manylinux_2_{minor}"

    @property
    def marker_environment(self) -> dict[str, str]:
        """The values of environment markers (PEP 508) in the function."""
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{self.python_version}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{self.python_version}.0",
            "python_version": self.python_version,
            "sys_platform": "linux",
            "extra": "",
        }

    @property
    def _glibc(self) -> int:
        if self.glibc_minor is not None:
            return self.glibc_minor
        version = tuple(map(int, self.python_version.split(".")))
        return (
            GLIBC_AMAZON_LINUX_2023 if version >= AMAZON_LINUX_2023_SINCE else GLIBC_AMAZON_LINUX_2
        )


def host_target() -> Target:
    """The target that this interpreter itself can run: what an endpoint on this machine needs.

    Raises `ArtifactError` where the machine is not like any of Lambda's.
    """
    machine = platform.machine()
    architecture = next((ours for ours, theirs in MACHINES.items() if theirs == machine), None)
    library, version = platform.libc_ver()
    if architecture is None or library != "glibc":
        raise ArtifactError(
            f"packages with dependencies cannot run on this machine ({machine}, "
            f"{library or platform.system()}): Lambda's are x86_64 or aarch64 with glibc"
        )
    return Target(
        architecture=architecture,
        python_version=f"{sys.version_info.major}.{sys.version_info.minor}",
        glibc_minor=int(version.split(".")[1]),
    )
