"""Collection: tests get their cells, and what is not wanted is deselected.

What is decided is decided in `plugin.grid`; here it is asked and told to pytest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from pytest_lambda_ml.errors import SettingError
from pytest_lambda_ml.plugin import grid
from pytest_lambda_ml.plugin.options import SETTINGS, check_access, check_outside
from pytest_lambda_ml.plugin.recorder import attach_clock, default_columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_lambda_ml.plugin.grid import Matrix
    from pytest_lambda_ml.settings import Settings

__all__ = [
    "Collected",
    "matrix_of",
    "pytest_collection_modifyitems",
    "pytest_generate_tests",
    "pytest_report_collectionfinish",
    "pytest_runtestloop",
    "uses_lambda",
]


@dataclass(slots=True)
class Collected:
    """What collection found: per test the cells that are ours, what is wrong, what is selected."""

    ours: dict[tuple[str, str], tuple[str, ...]]
    errors: list[str]
    selected: int = 0


REGION = "lambda_region"
"""The fixture that says where a test measures."""

COLLECTED = pytest.StashKey[Collected]()


def collected(config: pytest.Config) -> Collected:
    """The record of this session's collection."""
    return config.stash.setdefault(COLLECTED, Collected({}, []))


def uses_lambda(item: pytest.Item) -> bool:
    """Whether a test requests one of our fixtures, itself or through another."""
    return "lambda_backend" in getattr(item, "fixturenames", ())


def is_worker(config: pytest.Config) -> bool:
    """Whether this process is one of pytest-xdist's workers."""
    return hasattr(config, "workerinput")


def matrix_of(node: pytest.Item) -> Matrix:
    """What the markers of a test say; the closest wins. Raises SettingError."""
    markers = node.iter_markers("lambda_matrix")
    return grid.parse_matrix(
        [(marker.args, marker.kwargs) for marker in markers], test=node.nodeid.partition("[")[0]
    )


@pytest.hookimpl(trylast=True)
def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrise what the test requests and nobody else provides.

    Last, so that the test's own parametrisation comes first in the id.
    """
    if "lambda_backend" not in metafunc.fixturenames:
        return
    found = collected(metafunc.config)
    settings = metafunc.config.stash[SETTINGS]
    names = tuple(_ours(metafunc))
    found.ours[_key(metafunc.definition)] = names
    try:
        matrix = matrix_of(metafunc.definition)
        if names and not grid.sits_out(matrix, settings):
            test = metafunc.definition.nodeid
            cells = grid.cells(matrix, settings, names, test=test)
            metafunc.parametrize(names, cells, ids=["-".join(map(str, cell)) for cell in cells])
    except SettingError as error:
        found.errors.append(str(error))
    # After all else, so that the region ends the id; one region needs no name in it.
    if len(settings.aws_regions) > 1 and REGION in metafunc.fixturenames:
        metafunc.parametrize(REGION, settings.aws_regions, indirect=True)


def _ours(metafunc: pytest.Metafunc) -> Iterator[str]:
    # No public attribute says what is parametrised already, by a mark or another plugin, or comes
    # from a fixture of that name; pytest keeps both in one place.
    taken = set(getattr(metafunc, "_arg2fixturedefs", ()))
    for name in grid.ARGUMENTS:
        if name in metafunc.fixturenames and name not in taken:
            yield name


def _key(node: pytest.Item) -> tuple[str, str]:
    parent = node.parent.nodeid if node.parent else ""
    return parent, getattr(node, "originalname", None) or node.name


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what presets and names rule out; last, so that -k and -m have had their say."""
    ours = [item for item in items if uses_lambda(item)]
    if not ours or is_worker(config):
        return
    _refuse(config)
    found = collected(config)
    if found.errors:
        raise pytest.UsageError("\n".join(dict.fromkeys(found.errors)))
    kept = {item.nodeid for item in _narrowed(ours, found, config.stash[SETTINGS])}
    deselected = [item for item in ours if item.nodeid not in kept]
    if deselected:
        items[:] = [item for item in items if not uses_lambda(item) or item.nodeid in kept]
        config.hook.pytest_deselected(items=deselected)
    found.selected = len(kept)
    if found.selected:
        check_outside(config.stash[SETTINGS], listing=config.getoption("collectonly"))
        default_columns(config)
        measuring = [item for item in ours if item.nodeid in kept]
        _check_publisher(config, measuring)
        _check_budget(config, measuring)
    for item in items:
        if uses_lambda(item):
            _prepare(config, item)


def _refuse(config: pytest.Config) -> None:
    if config.getoption("codspeed", default=False):
        raise pytest.UsageError(
            "--codspeed replaces pytest-benchmark's fixture by one that measures this machine's "
            "CPU; Lambda benchmarks need pytest-benchmark: run them without --codspeed"
        )


def _check_publisher(config: pytest.Config, items: list[pytest.Item]) -> None:
    settings = config.stash[SETTINGS]
    if settings.publisher == "local":
        return
    from pytest_lambda_ml.plugin.existing import fargate_refusal

    for item in items:
        told = _parameters(item)
        function = None if "algorithm" in told else told.get("function")
        refusal = fargate_refusal(settings, function, told.get("trigger", "sns"))
        if refusal:
            raise pytest.UsageError(f"{item.nodeid}: {refusal}")


def _check_budget(config: pytest.Config, items: list[pytest.Item]) -> None:
    settings = config.stash[SETTINGS]
    if settings.budget_usd is None or settings.dry_run or config.getoption("collectonly"):
        return
    from pytest_lambda_ml.plugin.budget import check_affordable

    measuring = [i for i in items if "lambda_benchmark" in getattr(i, "fixturenames", ())]
    check_affordable(config, [(item, matrix_of(item), _parameters(item)) for item in measuring])


def _prepare(config: pytest.Config, item: pytest.Item) -> None:
    if "benchmark" not in item.fixturenames:  # type: ignore[attr-defined] # of pytest.Function
        return
    if config.pluginmanager.hasplugin("benchmark"):
        attach_clock(item, config.stash[SETTINGS].metric)
    else:
        reason = "needs pytest-benchmark, which is switched off (-p no:benchmark)"
        item.add_marker(pytest.mark.skip(reason=reason))


def _narrowed(
    items: list[pytest.Item], found: Collected, settings: Settings
) -> Iterator[pytest.Item]:
    """The tests that presets and --lambda-algorithm and --lambda-engine leave."""
    offered = [item for item in items if _in_its_experiments(item, found, settings)]
    names = {"algorithm": settings.algorithms, "engine": settings.engines}
    for what, wanted in names.items():
        flag = f"--lambda-{what}"
        here = [name for item in offered if (name := _value(item, what)) is not None]
        if offered and (wrong := grid.not_offered(wanted, here, flag=flag, what=what)):
            raise pytest.UsageError(wrong)
    for item in offered:
        if all(wanted is None or _value(item, what) in wanted for what, wanted in names.items()):
            yield item


def _in_its_experiments(item: pytest.Item, found: Collected, settings: Settings) -> bool:
    matrix = matrix_of(item)
    if grid.sits_out(matrix, settings):
        return False
    ours = found.ours.get(_key(item), ())
    values = {name: value for name, value in _parameters(item).items() if name in ours}
    return grid.admits(matrix, settings, algorithm=_value(item, "algorithm"), values=values)


def _parameters(item: pytest.Item) -> Mapping[str, object]:
    callspec = getattr(item, "callspec", None)
    return callspec.params if callspec else {}


def _value(item: pytest.Item, what: str) -> str | None:
    default = "reference" if what == "engine" else None
    value = _parameters(item).get(what, default)
    return value if isinstance(value, str) else None


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Before the first test: what would fail all of ours is said once."""
    config = session.config
    if collected(config).selected and not config.option.collectonly and not session.testsfailed:
        check_access(config.stash[SETTINGS])


def pytest_report_collectionfinish(config: pytest.Config) -> list[str] | None:
    """What is about to happen, and within which budget; nothing where no test is ours."""
    if not collected(config).selected or config.get_verbosity() < 0:
        return None
    settings = config.stash[SETTINGS]
    where = (
        f"{'the AWS path' if settings.aws_endpoint_url else 'AWS'} {settings.aws_region}"
        if settings.aws_region
        else settings.aws_endpoint_url or "the local Lambda endpoint (no AWS, no cost)"
    )
    if settings.aws_region and settings.aws_endpoint_url:
        where += f" at {settings.aws_endpoint_url}"
    if settings.dry_run:
        where = f"dry run, nothing is deployed; {where}"
    data = ", ".join(f"{kind} {path}" for kind, path in settings.datasets.items()) or "bundled"
    lines = [f"lambda-ml: {where}; preset {settings.preset}; data {data}; metric {settings.metric}"]
    if settings.budget_usd is not None:
        from pytest_lambda_ml.plugin.budget import BUDGET_SAID

        lines += [f"lambda-ml: {said}" for said in [config.stash.get(BUDGET_SAID, "")] if said]
    return lines
