"""What pytest-benchmark asks of plugins; every answer is "as you are" where no test is ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from pytest_lambda_ml.plugin.collection import collected
from pytest_lambda_ml.plugin.compare import show_cost
from pytest_lambda_ml.plugin.interrupt import cut_short
from pytest_lambda_ml.plugin.machine import PROVIDER, where_functions_run
from pytest_lambda_ml.plugin.options import SETTINGS

if TYPE_CHECKING:
    from collections.abc import Generator

__all__ = [
    "pytest_benchmark_compare_machine_info",
    "pytest_benchmark_generate_machine_info",
    "pytest_benchmark_group_stats",
    "pytest_benchmark_update_json",
]

Groups = list[tuple[str | None, list[dict[str, Any]]]]


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_benchmark_generate_machine_info(config: pytest.Config) -> dict[str, Any] | None:
    """Where the functions ran, in place of this machine's changing clock frequencies."""
    return where_functions_run(config.stash[SETTINGS]) if collected(config).selected else None


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_benchmark_compare_machine_info(
    config: pytest.Config, machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
) -> None:
    """Describe this session in the saved run's own terms, so that equals compare equal.

    pytest-benchmark loads the run to compare with before it knows which tests there are.
    """
    if PROVIDER in compared_benchmark.get("machine_info", {}):
        machine_info.clear()
        machine_info.update(where_functions_run(config.stash[SETTINGS]))


@pytest.hookimpl(optionalhook=True, wrapper=True)
def pytest_benchmark_group_stats(config: pytest.Config) -> Generator[None, Groups, Groups]:
    """Show cost in the table of this run, after whoever groups has grouped."""
    groups = yield
    if collected(config).selected and groups:
        session = config.pluginmanager.getplugin("pytest-benchmark")
        mappings = getattr(session, "compared_mapping", None) or {}
        saved = {
            (str(path), fullname): row.get("extra_info") or {}
            for path, rows in mappings.items()
            for fullname, row in rows.items()
        }
        for _, rows in groups:
            show_cost(rows, saved)
    return groups


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """A file asked for with --benchmark-json says when the session was cut short."""
    if cut_short(config):
        output_json["partial"] = True
