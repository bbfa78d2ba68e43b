"""Which cells a test measures: what wins where marker, preset and settings disagree.

Everything here is pure: `plugin.collection` asks, and tells pytest.

For each list the first of these that says anything wins: the command line, the preset if it was
given on the command line (for tests that name one of its experiments), the test's marker, the
environment, the ini file, the preset otherwise, the default.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from itertools import product
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.errors import SettingError
from pytest_lambda_ml.plugin.presets import DEFAULT_GRID, EXPERIMENTS, PRESETS, Grid
from pytest_lambda_ml.settings import legal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_lambda_ml.settings import Settings
    from pytest_lambda_ml.settings.legal import Limits

__all__ = [
    "ARGUMENTS",
    "Matrix",
    "RunLimits",
    "admits",
    "cells",
    "check_call",
    "grids",
    "limits_of",
    "not_offered",
    "overruled",
    "parse_matrix",
    "sits_out",
]

ARGUMENTS = ("algorithm", "engine", "memory_mb", "concurrency", "batch_size")
"""What a test may request, in the order of its id."""

_LISTS: Mapping[str, Limits] = {
    "memory_mb": legal.MEMORY_MB,
    "concurrency": legal.CONCURRENCY,
    "batch_size": legal.BATCH_SIZE,
}
_NUMBERS: Mapping[str, Limits] = {
    "invocations": legal.INVOCATIONS,
    "timeout_s": legal.TIMEOUT_S,
    "ephemeral_mb": legal.EPHEMERAL_MB,
}
_NAMES = ("experiment", "algorithm", "engine")

DEFAULT_TIMEOUT_S = 60
"""The function timeout where neither the options, the test nor the handler says one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Matrix:
    """What the `lambda_matrix` markers of one test say; ``None`` is nothing."""

    experiment: tuple[str, ...] | None = None
    algorithm: tuple[str, ...] | None = None
    engine: tuple[str, ...] | None = None
    memory_mb: tuple[int, ...] | None = None
    concurrency: tuple[int, ...] | None = None
    batch_size: tuple[int, ...] | None = None
    invocations: int | None = None
    timeout_s: int | None = None
    ephemeral_mb: int | None = None

    @property
    def has_lists(self) -> bool:
        """Whether the test brings a grid of its own, wholly or in part."""
        return any(getattr(self, name) is not None for name in _LISTS)


def parse_matrix(
    arguments: Iterable[tuple[Sequence[object], Mapping[str, object]]], *, test: str
) -> Matrix:
    """The markers' (args, kwargs), closest first, as one checked Matrix; the closest wins.

    Raises SettingError naming the test, the value and what is legal.
    """
    said: dict[str, object] = {}
    for args, kwargs in arguments:
        if args:
            raise SettingError(
                f"{test}: lambda_matrix takes keyword arguments only, not {args[0]!r}; "
                f"they are {', '.join(field.name for field in fields(Matrix))}"
            )
        said = {**kwargs, **said}
    return Matrix(**{name: _checked(name, value, test) for name, value in said.items()})


def check_call(numbers: Mapping[str, object], *, test: str) -> None:
    """Check the numbers of a call of `lambda_benchmark`; ``None`` stands for not given.

    Raises SettingError naming the test, the value and what is legal.
    """
    for name, value in numbers.items():
        if value is not None:
            legal = _NUMBERS.get(name) or _LISTS[name]
            _number(value, legal, f"{test}: lambda_benchmark({name}={value!r})")


def _checked(name: str, value: object, test: str) -> Any:
    place = f"{test}: lambda_matrix({name}={value!r})"
    if name in _NUMBERS:
        return _number(value, _NUMBERS[name], place)
    if name in _LISTS:
        values = tuple(value) if isinstance(value, list | tuple | range) else (value,)
        if not values:
            raise SettingError(f"{place} is empty; legal is {_LISTS[name]}, one or more")
        return tuple(dict.fromkeys(_number(each, _LISTS[name], place) for each in values))
    if name not in _NAMES:
        known = ", ".join(field.name for field in fields(Matrix))
        raise SettingError(f"{place}: there is no such argument; they are {known}")
    names = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not names or not all(isinstance(each, str) and each.strip() for each in names):
        raise SettingError(f"{place} is not legal; legal is a name, or a list of names")
    unknown = [each for each in names if name == "experiment" and each not in EXPERIMENTS]
    if unknown:
        raise SettingError(
            f"{place}: there is no experiment {unknown[0]!r}; legal are {', '.join(EXPERIMENTS)}"
        )
    return tuple(dict.fromkeys(names))


def _number(value: object, limits: Limits, place: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not limits.allow(value):
        raise SettingError(f"{place} is not legal; legal is {limits}")
    return value


def sits_out(matrix: Matrix, settings: Settings) -> bool:
    """Whether the preset in force has none of the test's experiments, and the test no lists."""
    named = matrix.experiment or ()
    return (
        bool(named)
        and not matrix.has_lists
        and not any(name in PRESETS[settings.preset] for name in named)
    )


def grids(matrix: Matrix, settings: Settings) -> tuple[Grid, ...]:
    """The grids of a test: one for each of its experiments that the preset has, else one."""
    preset = PRESETS[settings.preset]
    found = [preset[name] for name in matrix.experiment or () if name in preset]
    if not found:
        return (_resolve(None, matrix, settings),)
    return tuple(_resolve(grid, matrix, settings) for grid in found)


def _resolve(experiment: Grid | None, matrix: Matrix, settings: Settings) -> Grid:
    def pick(name: str) -> Any:
        own, marked = getattr(settings, name, None), getattr(matrix, name)
        preset = getattr(experiment, name) if experiment else None
        forced = preset if settings.given("preset") else None
        ranked = [own, forced, marked] if settings.given(name) else [forced, marked, own]
        ranked += [preset, getattr(DEFAULT_GRID, name)]
        return next(value for value in ranked if value is not None)

    offered = matrix.algorithm
    if experiment and experiment.algorithms is not None:
        wanted = experiment.algorithms
        offered = wanted if offered is None else tuple(a for a in offered if a in wanted)
    lists = {name: pick(name) for name in (*_LISTS, "invocations", "ephemeral_mb")}
    engines = matrix.engine or ("reference",)
    if experiment and experiment.engines is not None and settings.engines is None:
        engines = tuple(engine for engine in engines if engine in experiment.engines) or engines
    return replace(DEFAULT_GRID, algorithms=offered, engines=engines, **lists)


def cells(
    matrix: Matrix, settings: Settings, arguments: Sequence[str], *, test: str
) -> list[tuple[object, ...]]:
    """The values of ``arguments`` (some of `ARGUMENTS`) for each cell, without duplicates.

    Algorithm by algorithm, in the order in which the test and the lists name them. Raises
    SettingError when nothing says which algorithms there are, or none is left.
    """
    found: dict[tuple[object, ...], None] = {}
    by_algorithm: dict[str | None, list[Grid]] = {}
    for grid in grids(matrix, settings):
        for algorithm in (None,) if grid.algorithms is None else grid.algorithms:
            by_algorithm.setdefault(algorithm, []).append(grid)
    if "algorithm" in arguments:
        _check_algorithms(by_algorithm, matrix, test)
    for algorithm in sorted(by_algorithm, key=_order_in(matrix.algorithm)):
        for grid in by_algorithm[algorithm]:
            engines = grid.engines or ()
            for values in product(engines, grid.memory_mb, grid.concurrency, grid.batch_size):
                cell = dict(zip(ARGUMENTS, (algorithm, *values), strict=True))
                found[tuple(cell[name] for name in arguments)] = None
    return list(found)


def _order_in(names: tuple[str, ...] | None) -> Any:
    return lambda name: names.index(name) if names and name in names else -1


def _check_algorithms(by_algorithm: Mapping[str | None, object], matrix: Matrix, test: str) -> None:
    if None in by_algorithm:
        raise SettingError(
            f"{test} requests 'algorithm', and nothing says which; "
            "add lambda_matrix(algorithm=[…]) or parametrize it"
        )
    if not by_algorithm:
        raise SettingError(
            f"{test}: none of its algorithms ({', '.join(matrix.algorithm or ())}) belongs to "
            f"its experiments ({', '.join(matrix.experiment or ())}); "
            "leave the experiment out and give lists"
        )


def admits(
    matrix: Matrix, settings: Settings, *, algorithm: object, values: Mapping[str, object]
) -> bool:
    """Whether some grid of the test has these values for this algorithm.

    For tests whose algorithm is parametrised elsewhere: each experiment is narrowed to its own.
    """
    return any(_has(grid, algorithm, values) for grid in grids(matrix, settings))


def _has(grid: Grid, algorithm: object, values: Mapping[str, object]) -> bool:
    if algorithm is not None and grid.algorithms is not None and algorithm not in grid.algorithms:
        return False
    return all(values[name] in getattr(grid, name) for name in _LISTS if name in values)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """What belongs to a cell and is not part of its id."""

    invocations: int
    timeout_s: int
    ephemeral_mb: int


def limits_of(
    matrix: Matrix,
    settings: Settings,
    *,
    algorithm: object,
    values: Mapping[str, object],
    handler_timeout_s: int | None = None,
) -> RunLimits:
    """The limits of one cell: those of the first grid that has it."""
    found = grids(matrix, settings)
    grid = next((grid for grid in found if _has(grid, algorithm, values)), found[0])
    timeouts = [matrix.timeout_s, settings.timeout_s, handler_timeout_s, DEFAULT_TIMEOUT_S]
    if settings.given("timeout_s"):
        timeouts.insert(0, settings.timeout_s)
    return RunLimits(
        invocations=grid.invocations,
        timeout_s=next(value for value in timeouts if value is not None),
        ephemeral_mb=grid.ephemeral_mb,
    )


def not_offered(
    wanted: Sequence[str] | None, offered: Iterable[str], *, flag: str, what: str
) -> str | None:
    """A sentence naming what is offered, when some of ``wanted`` is not; else ``None``."""
    names = list(dict.fromkeys(offered))
    unknown = [name for name in wanted or () if name not in names]
    if not unknown:
        return None
    return (
        f"{flag}: no selected test offers {what} {', '.join(map(repr, unknown))}; "
        f"offered: {', '.join(names) or 'none'}"
    )


def overruled(settings: Settings, values: Mapping[str, int | None], test: str) -> dict[str, str]:
    """By option what the command line asks of a test that has its own value, in a sentence."""
    said = {}
    for name in ("memory_mb", "concurrency", "batch_size"):
        wanted, value = getattr(settings, name), values[name]
        if settings.given(name) and value is not None and value not in wanted:
            asked = ",".join(map(str, wanted))
            said[name] = f"{settings.place(name)} {asked} has no say in {test}: {name} is {value}"
    return said
