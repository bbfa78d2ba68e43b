"""Which of the modules that are installed here a function would have on AWS, too."""

from __future__ import annotations

import json
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pytest_lambda_ml.artifact.archive import Entry
from pytest_lambda_ml.artifact.carried import only_required_path
from pytest_lambda_ml.artifact.requirements import read_requirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_lambda_ml.artifact.folder import HandlerFolder

__all__ = ["HIDING", "hide_the_rest", "importable_modules"]

RUNTIME = ("awslambdaric", "boto3")
"""What Lambda's own Python brings: its runtime client and the SDK."""
HIDING = ("sitecustomize.py", "sitecustomize.txt")
"""The files that hide the rest: what Python imports first of all, and its list of modules."""


def hide_the_rest(folder: HandlerFolder, temporary: Path) -> dict[str, Entry]:
    """Files that keep a function from importing what it would not have on AWS.

    See handlers/only_required.py. Nothing, where nobody knows what that is.
    """
    modules = importable_modules(read_requirements(folder.path / "requirements.txt"))
    if modules is None:
        return {}
    program, listed = HIDING
    path = temporary / listed
    path.write_text("\n".join(sorted(modules)) + "\n", encoding="utf-8")
    return {program: Entry(only_required_path()), listed: Entry(path)}


def importable_modules(requirements: Iterable[Requirement]) -> frozenset[str] | None:
    """The top-level modules of the requirements and of all that those require, as installed here.

    ``None`` where nobody knows: a distribution that is installed to be edited does not list them,
    nor does one that no wheel was installed of. Distributions that are missing are passed over.
    Not by ``Distribution.files``, which takes a second for torch's.
    """
    modules: set[str] = set()
    for distribution in _closure([*map(Requirement, RUNTIME), *requirements]):
        record = distribution.read_text("RECORD")
        if record is None or _is_edited(distribution):
            return None
        tops = {line.partition(",")[0].partition("/")[0] for line in record.splitlines()}
        modules |= {top.partition(".")[0] for top in tops}
    return frozenset(filter(str.isidentifier, modules))


def _is_edited(distribution: metadata.Distribution) -> bool:
    """https://packaging.python.org/en/latest/specifications/direct-url-data-structure/"""
    told = json.loads(distribution.read_text("direct_url.json") or "{}")
    return bool(told.get("dir_info", {}).get("editable"))


def _closure(requirements: list[Requirement]) -> Iterator[metadata.Distribution]:
    """The installed distributions that are required, each once."""
    seen: set[tuple[str, frozenset[str]]] = set()
    while requirements:
        wanted = requirements.pop()
        key = canonicalize_name(wanted.name), frozenset(wanted.extras)
        try:
            distribution = metadata.distribution(wanted.name)
        except metadata.PackageNotFoundError:
            continue
        if key in seen:
            continue
        seen.add(key)
        yield distribution
        requirements += [
            needed
            for needed in map(Requirement, distribution.requires or ())
            if needed.marker is None
            or any(needed.marker.evaluate({"extra": extra}) for extra in ("", *wanted.extras))
        ]
