"""What pytest-benchmark stores as ``machine_info``: the same on every run of the same machine."""

from __future__ import annotations

import os
import platform
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pytest_lambda_ml.settings import Settings

__all__ = ["PROVIDER", "where_functions_run"]

PROVIDER = "lambda_backend"
"""The key by which a run saved by this plugin is known."""


def where_functions_run(settings: Settings) -> dict[str, Any]:
    """Where functions run: an AWS region, or this machine's CPU. Asks nobody, AWS least of all."""
    python = platform.python_version()
    if settings.aws_region:
        return {PROVIDER: "aws", "region": settings.aws_region, "python_version": python}
    from pytest_lambda_ml.local.info import cpu_model

    return {
        PROVIDER: "local",
        "machine": platform.machine(),
        "system": platform.system(),
        "python_version": python,
        "cpu": {"brand_raw": cpu_model(), "count": os.cpu_count()},
    }
