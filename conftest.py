"""One line that `pytest-benchmark compare` needs to show cost; every project's conftest does."""

from pytest_lambda_ml.plugin.compare import pytest_benchmark_group_stats

__all__ = ["pytest_benchmark_group_stats"]
