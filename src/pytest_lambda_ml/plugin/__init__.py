"""The pytest plugin: hooks and fixtures by the names under which pytest looks for them.

Importing it costs next to nothing: boto3, moto, pandas, scikit-learn and rich are imported when a
test uses a fixture.
"""

from __future__ import annotations

from pytest_lambda_ml.plugin.benchmark_hooks import (
    pytest_benchmark_compare_machine_info,
    pytest_benchmark_generate_machine_info,
    pytest_benchmark_group_stats,
    pytest_benchmark_update_json,
)
from pytest_lambda_ml.plugin.collection import (
    pytest_collection_modifyitems,
    pytest_generate_tests,
    pytest_report_collectionfinish,
    pytest_runtestloop,
)
from pytest_lambda_ml.plugin.fixtures import (
    deploy_function,
    lambda_backend,
    lambda_benchmark,
    lambda_region,
    lambda_training,
)
from pytest_lambda_ml.plugin.interrupt import pytest_sessionfinish
from pytest_lambda_ml.plugin.options import pytest_addoption, pytest_configure
from pytest_lambda_ml.plugin.terminal import pytest_terminal_summary

__all__ = [
    "deploy_function",
    "lambda_backend",
    "lambda_benchmark",
    "lambda_region",
    "lambda_training",
    "pytest_addoption",
    "pytest_benchmark_compare_machine_info",
    "pytest_benchmark_generate_machine_info",
    "pytest_benchmark_group_stats",
    "pytest_benchmark_update_json",
    "pytest_collection_modifyitems",
    "pytest_configure",
    "pytest_generate_tests",
    "pytest_report_collectionfinish",
    "pytest_runtestloop",
    "pytest_sessionfinish",
    "pytest_terminal_summary",
]
