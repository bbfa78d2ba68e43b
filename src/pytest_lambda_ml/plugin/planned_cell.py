"""The cell of a test as its parameters tell it, before the test is called."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.artifact import find_handler
from pytest_lambda_ml.aws.existing import parse_function
from pytest_lambda_ml.campaign.estimate import PlannedCell
from pytest_lambda_ml.errors import HandlerError, SettingError
from pytest_lambda_ml.model import EXISTING, Configuration
from pytest_lambda_ml.plugin import grid
from pytest_lambda_ml.plugin.dry_run_backend import assumed_function
from pytest_lambda_ml.plugin.existing import configure
from pytest_lambda_ml.plugin.presets import DEFAULT_GRID

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pytest

    from pytest_lambda_ml.artifact import HandlerFolder
    from pytest_lambda_ml.plugin.dry_run_backend import DryRunBackend
    from pytest_lambda_ml.plugin.grid import Matrix

__all__ = ["planned_cell"]

LISTS = ("memory_mb", "concurrency", "batch_size")


def planned_cell(
    item: pytest.Item,
    matrix: Matrix,
    values: Mapping[str, Any],
    backend: DryRunBackend,
    *,
    only_one: bool,
) -> PlannedCell | None:
    """The cell; ``None`` where the test's call decides what it is. Asks nothing of AWS."""
    region = values.get("lambda_region")
    if isinstance(values.get("function"), str) and "algorithm" not in values:
        found = _of_function(values, backend)
    else:
        found = _of_handler(item, values, backend)
    if found is None:
        return None
    limits = grid.limits_of(
        matrix,
        backend.settings,
        algorithm=found.algorithm,
        values={name: getattr(found, name) for name in LISTS},
        handler_timeout_s=found.timeout_s,
    )
    if found.engine != EXISTING:
        found = replace(found, timeout_s=limits.timeout_s, ephemeral_mb=limits.ephemeral_mb)
    found = replace(found, region=region)
    return PlannedCell(
        configuration=found,
        region=backend.region_of(found),
        invocations=1 if only_one else limits.invocations,
        message_bytes=1,
    )


def _of_handler(
    item: pytest.Item, values: Mapping[str, Any], backend: DryRunBackend
) -> Configuration | None:
    algorithm, memory_mb = values.get("algorithm"), values.get("memory_mb")
    if not isinstance(algorithm, str) or not isinstance(memory_mb, int):
        return None
    engine = str(values.get("engine", "reference"))
    folder = _folder(item, algorithm, engine)
    return Configuration(
        algorithm=folder.name if folder else algorithm,
        engine=engine,
        memory_mb=memory_mb,
        concurrency=values.get("concurrency", DEFAULT_GRID.concurrency[0]),
        batch_size=values.get("batch_size", DEFAULT_GRID.batch_size[0]),
        timeout_s=(folder and folder.timeout_s) or grid.DEFAULT_TIMEOUT_S,
        architecture=backend.architecture,
        snap_start=backend.settings.snap_start,
        trigger=values.get("trigger", "sns"),
    )


def _of_function(values: Mapping[str, Any], backend: DryRunBackend) -> Configuration | None:
    """A function that exists already: as it was when it was measured last."""
    try:
        named = parse_function(values["function"])
    except SettingError:  # some other function of the test's
        return None
    last = backend.forecast.last(named.label)
    memory_mb = values.get("memory_mb") or (last.memory_mb if last else None)
    if memory_mb is None:
        return None
    return configure(
        assumed_function(named, last, memory_mb),
        memory_mb=memory_mb,
        concurrency=values.get("concurrency", DEFAULT_GRID.concurrency[0]),
        batch_size=values.get("batch_size", 1),
        trigger=values.get("trigger", "sns"),
        region=None,
    )


def _folder(item: pytest.Item, algorithm: str, engine: str) -> HandlerFolder | None:
    with suppress(HandlerError):
        return find_handler(
            algorithm, engine=engine, search=[item.path.parent, item.config.rootpath]
        )
    return None
