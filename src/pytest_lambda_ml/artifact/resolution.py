"""Which distributions requirements lead to in another environment than this interpreter's.

pip evaluates environment markers for the interpreter that runs it, whatever platform it installs
for; what it left out is found here, by the metadata of what it installed.
"""

from __future__ import annotations

from collections import deque
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    Find = Callable[[str], metadata.Distribution | None]

__all__ = ["find_in", "find_installed", "pins", "resolve"]


def resolve(
    roots: Iterable[Requirement], environment: Mapping[str, str], find: Find
) -> tuple[dict[str, metadata.Distribution], list[Requirement]]:
    """What requirements lead to: the distributions by name, and the requirements not met.

    ``environment`` has the values of markers; ``find`` looks a distribution up by its canonical
    name.
    """
    found: dict[str, metadata.Distribution] = {}
    missing: dict[str, Requirement] = {}
    queue = deque((root, "") for root in roots)
    seen: set[tuple[str, str]] = set()
    while queue:
        requirement, extra = queue.popleft()
        if not _applies(requirement, environment, extra) or (str(requirement), extra) in seen:
            continue
        seen.add((str(requirement), extra))
        name = canonicalize_name(requirement.name)
        distribution = found.get(name) or find(name)
        if distribution is None or not requirement.specifier.contains(
            distribution.version, prereleases=True
        ):
            missing.setdefault(name, requirement)
            continue
        found[name] = distribution
        needs = list(_requirements(distribution))
        queue.extend((need, wanted) for wanted in ("", *requirement.extras) for need in needs)
    return found, list(missing.values())


def pins(roots: Iterable[Requirement], environment: Mapping[str, str]) -> list[str]:
    """A line ``name==version`` for each distribution that is installed here, sorted.

    What a model was trained with is what it is served with: the versions are those of training.
    """
    found, _ = resolve(roots, environment, find_installed)
    return sorted(f"{name}=={distribution.version}" for name, distribution in found.items())


def find_installed(name: str) -> metadata.Distribution | None:
    """A distribution that this interpreter can import."""
    try:
        return metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return None


def find_in(folder: Path) -> Find:
    """Look distributions up in a folder that they were installed into."""
    installed: dict[str, metadata.Distribution] = {
        canonicalize_name(distribution.metadata["Name"]): distribution
        for distribution in metadata.distributions(path=[str(folder)])
    }

    def find(name: str) -> metadata.Distribution | None:
        return installed.get(name)

    return find


def _applies(requirement: Requirement, environment: Mapping[str, str], extra: str) -> bool:
    if requirement.marker is None:
        return not extra  # it was queued for "" as well
    return requirement.marker.evaluate({**environment, "extra": extra})


def _requirements(distribution: metadata.Distribution) -> Iterable[Requirement]:
    for text in distribution.requires or ():
        try:
            yield Requirement(text)
        except InvalidRequirement:
            continue  # metadata older than the standard
