"""Every option in one table: flag, ini key, environment variable, parser, default, help.

The table resolves to a frozen `Settings` that knows where each value came from. A value comes from
the command line, else the environment, else the ini file, else the default. Only variables named
``PYTEST_LAMBDA_ML_…`` are read: ``AWS_REGION`` in a shell must not make a test run cost money.
"""

from __future__ import annotations

from pytest_lambda_ml.settings.legal import (
    ARCHITECTURES,
    BATCH_SIZE,
    CONCURRENCY,
    DATASET_KINDS,
    EPHEMERAL_MB,
    IMAGE_BUILDERS,
    INVOCATIONS,
    LOG_FORMATS,
    MEMORY_MB,
    METRICS,
    PRESET_NAMES,
    PUBLISHERS,
    RUNTIMES,
    SUMMARIES,
    TIMEOUT_S,
    Limits,
)
from pytest_lambda_ml.settings.options import OPTIONS, Option, Source
from pytest_lambda_ml.settings.resolution import Settings, resolve

__all__ = [
    "ARCHITECTURES",
    "BATCH_SIZE",
    "CONCURRENCY",
    "DATASET_KINDS",
    "EPHEMERAL_MB",
    "IMAGE_BUILDERS",
    "INVOCATIONS",
    "LOG_FORMATS",
    "MEMORY_MB",
    "METRICS",
    "OPTIONS",
    "PRESET_NAMES",
    "PUBLISHERS",
    "RUNTIMES",
    "SUMMARIES",
    "TIMEOUT_S",
    "Limits",
    "Option",
    "Settings",
    "Source",
    "resolve",
]
