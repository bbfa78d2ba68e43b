"""The ledger: what a run creates, written down before it is created.

One JSON object a line. ``{"event": "run", …}`` says where the run took place;
``{"event": "create", "kind", "id", "owner"}`` announces a resource, ``{"event": "deleted", "kind",
"id"}`` takes it off again, and so does ``{"event": "kept", …}`` where it stays for other runs.
Whoever reads the file after a crash knows what may still be there: an announced resource may not
exist, but no resource exists unannounced.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

from pytest_lambda_ml.errors import RunStoreError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Kind", "Ledger", "Resource", "read_ledger"]


class Kind(StrEnum):
    """The kinds of resources that a run creates."""

    ROLE = "role"
    BUCKET = "bucket"
    QUEUE = "queue"
    LOG_GROUP = "log_group"
    FUNCTION = "function"
    TOPIC = "topic"
    SUBSCRIPTION = "subscription"
    REPOSITORY = "repository"
    OBJECTS = "objects"
    TASK = "task"
    SETTINGS = "settings"
    VERSION = "version"
    ALIAS = "alias"
    STATEMENT = "statement"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource: a name, or an ARN for topics. A subscription goes by its topic's ARN.

    Objects are those of a run in a bucket that is not its own, as ``bucket/prefix``. A task of ECS
    goes by its ARN, which is known only once it has been started: it alone is written down after
    that, and ends by itself.

    The last four kinds are what is done to a function that was there before, see `aws.borrow`:
    settings are what to put back, ``function?MemorySize=512&Description=…``; a version goes by its
    function and description, ``function?Description=…``; an alias is ``function:alias``; a
    statement of a policy ``function:alias/statement``.

    ``owner`` is the function that it belongs to, ``None`` for what the session shares.
    """

    kind: Kind
    id: str
    owner: str | None = None


class Ledger:
    """The ledger of one run, appended to line by line."""

    def __init__(self, path: Path, *, run_id: str, region: str, endpoint_url: str | None) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._run = {"run_id": run_id, "region": region, "endpoint_url": endpoint_url}
        self._open: dict[tuple[Kind, str], Resource] = {}
        self._kept: list[Resource] = []

    @classmethod
    def resume(cls, path: Path) -> Ledger:
        """The ledger of a run that has ended, to strike out what is deleted now.

        Raises `RunStoreError` when the file is no ledger.
        """
        try:
            with path.open(encoding="utf-8") as file:
                head = json.loads(file.readline())
            ledger = cls(
                path,
                run_id=head["run_id"],
                region=head["region"],
                endpoint_url=head["endpoint_url"],
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RunStoreError(f"{path} is no ledger: {error!r}") from error
        ledger._open = {(each.kind, each.id): each for each in read_ledger(path)}
        return ledger

    @property
    def run_id(self) -> str:
        """The run that this is the ledger of."""
        return str(self._run["run_id"])

    @property
    def region(self) -> str:
        """The region that the resources are in."""
        return str(self._run["region"])

    @property
    def endpoint_url(self) -> str | None:
        """The endpoint that they were created at; ``None`` is AWS itself."""
        return self._run["endpoint_url"]

    def announce(self, resource: Resource) -> None:
        """Write down a resource that is about to be created."""
        self._open[resource.kind, resource.id] = resource
        self._write(
            {
                "event": "create",
                "kind": resource.kind,
                "id": resource.id,
                "owner": resource.owner,
            }
        )

    def deleted(self, resource: Resource) -> None:
        """Write down that a resource is gone."""
        if self._open.pop((resource.kind, resource.id), None) is not None:
            self._write({"event": "deleted", "kind": resource.kind, "id": resource.id})

    def kept(self, resource: Resource) -> None:
        """Write down that a resource stays on purpose: it is not, or no longer, this run's."""
        self._open.pop((resource.kind, resource.id), None)
        self._kept.append(resource)
        self._write({"event": "kept", "kind": resource.kind, "id": resource.id})

    def open_resources(self) -> tuple[Resource, ...]:
        """What was announced and not deleted, in the order of its creation."""
        return tuple(self._open.values())

    def kept_resources(self) -> tuple[Resource, ...]:
        """What stays on purpose, in the order in which that was written down."""
        return tuple(self._kept)

    def close(self) -> None:
        """Close the file; another entry opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, entry: dict[str, str | None]) -> None:
        if self._file is None:
            first = not self._path.exists()
            self._file = self._path.open("a", encoding="utf-8", buffering=1)
            if first:
                self._file.write(json.dumps({"event": "run", **self._run}) + "\n")
        self._file.write(json.dumps(entry) + "\n")


def read_ledger(path: Path) -> tuple[Resource, ...]:
    """What may still be there according to a ledger file; a torn last line is passed over."""
    left: dict[tuple[Kind, str], Resource] = {}
    for line in path.read_text(encoding="utf-8").split("\n"):
        try:
            entry = json.loads(line)
            event = entry["event"]
            if event == "run":
                continue
            kind = Kind(entry["kind"])
            key = (kind, entry["id"])
        except (ValueError, KeyError, TypeError):
            continue
        if event == "create":
            left[key] = Resource(kind, entry["id"], entry.get("owner"))
        else:
            left.pop(key, None)
    return tuple(left.values())
