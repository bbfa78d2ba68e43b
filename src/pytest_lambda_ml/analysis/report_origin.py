"""Where a reported run comes from, and how to measure it again. Pure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_lambda_ml.analysis.load import Run, RunCell

__all__ = ["facts_of", "reproduction_of"]


def facts_of(run: Run) -> list[tuple[str, str]]:
    """Where the run comes from: label and value."""
    cells = run.cells
    invocations = sum(len(cell.invocations) for cell in cells)
    said = [
        ("measured", "on AWS" if run.backend == "aws" else "on a local endpoint: no AWS bill"),
        ("when", f"{run.created_at:%Y-%m-%d %H:%M} UTC"),
        ("size", f"{len(cells):,} cells, {invocations:,} invocations"),
        ("region of the prices", ", ".join(_unique(c.provenance.region for c in cells))),
        ("CPU", ", ".join(_unique(c.provenance.cpu_model or "unknown" for c in cells))),
        ("limits", "; ".join(_unique(_limits(cell) for cell in cells))),
        ("data", ", ".join(_unique(cell.provenance.dataset for cell in cells))),
        ("dependencies", ", ".join(_unique(cell.provenance.dependencies for cell in cells))),
        ("weights", ", ".join(_unique(w for c in cells if (w := c.provenance.weights)))),
    ]
    if run.imported_from:
        said.append(("imported from", ", ".join(run.imported_from)))
    return [(label, value) for label, value in said if value]


def _limits(cell: RunCell) -> str:
    cpu, memory = cell.provenance.cpu_enforced, cell.provenance.memory_enforced
    return (
        f"CPU share {f'by {cpu}' if cpu else 'NOT enforced'}, "
        f"memory {f'by {memory}' if memory else 'NOT enforced'}"
    )


def reproduction_of(run: Run) -> tuple[str, list[tuple[str, str]]]:
    """The command that measures this again, and what else it depends on."""
    options = run.stored.get("options") or {}
    command = ["pytest", *map(str, run.stored.get("tests") or ["benchmarks/"])]
    for name, told in options.items():
        if isinstance(told, dict) and told.get("source") in {
            "command line",
            "environment variable",
        }:
            command += _option(name, told.get("value"))
    git = run.git
    said = [
        ("commit", str(git.get("commit") or "") + (" with changes" if git.get("dirty") else "")),
        ("price table", " sha256:".join(_prices(run))),
        ("environment", _environment(run)),
        ("run", run.folder.name),
    ]
    return shlex.join(command), [(label, value) for label, value in said if value]


def _option(name: str, value: Any) -> list[str]:
    """The option as it is written on the command line."""
    from pytest_lambda_ml.settings import OPTIONS

    flag = next((option.flag for option in OPTIONS if option.name == name), None)
    if flag is None or value is None or value is False:
        return []
    if value is True:
        return [flag]
    if isinstance(value, dict):
        return [part for key, path in value.items() for part in (flag, f"{key}={path}")]
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return [flag, str(value)]


def _prices(run: Run) -> list[str]:
    table = run.price_table
    return [str(table[key])[:12] for key in ("date", "sha256") if table.get(key)]


def _environment(run: Run) -> str:
    said = []
    for key, value in run.environment.items():
        if isinstance(value, dict):
            said += [f"{name} {version}" for name, version in value.items()]
        elif value:
            said.append(f"{key} {value}")
    return ", ".join(said)


def _unique(values: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(values))
