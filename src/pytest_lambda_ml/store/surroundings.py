"""Where pytest ran and on which state of the project: what a stored run says of its making."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["describe_environment", "describe_git"]

DISTRIBUTIONS = (
    "pytest-lambda-ml",
    "pytest",
    "pytest-benchmark",
    "boto3",
    "moto",
    "numpy",
    "pandas",
    "pyarrow",
    "scikit-learn",
    "torch",
    "transformers",
)
"""Those that decide what is measured, or how."""

GIT_PATIENCE_S = 5


def describe_environment() -> dict[str, object]:
    """Python, operating system, cores, and the versions of the packages that matter."""
    versions = {name: _version(name) for name in DISTRIBUTIONS}
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "packages": {name: found for name, found in versions.items() if found},
    }


def describe_git(folder: Path) -> dict[str, object] | None:
    """``commit``, ``branch`` and whether files differ from it; None where git knows nothing."""
    commit = _git(folder, "rev-parse", "HEAD")
    if not commit:
        return None
    branch = _git(folder, "rev-parse", "--abbrev-ref", "HEAD")
    status = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return {
        "commit": commit,
        "branch": None if branch in {None, "HEAD"} else branch,
        "dirty": None if status is None else bool(status),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _git(folder: Path, *arguments: str) -> str | None:
    """What git answers; None without git, outside a repository, or when it takes too long."""
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), "--no-optional-locks", *arguments],  # noqa: S607  # git from PATH is meant
            check=True,
            capture_output=True,
            text=True,
            timeout=GIT_PATIENCE_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
