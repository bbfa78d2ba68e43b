"""What runs have left behind, by tag and by ledger, and its removal in the order of a teardown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_lambda_ml.aws import names
from pytest_lambda_ml.aws.inventory import (
    exists,
    find_by_tag,
    find_log_groups,
    find_roles,
    still_there,
)
from pytest_lambda_ml.aws.ledger import Kind, Ledger, Resource
from pytest_lambda_ml.campaign.teardown import tear_down
from pytest_lambda_ml.errors import RunStoreError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime
    from pathlib import Path

    from pytest_lambda_ml.aws.inventory import Found
    from pytest_lambda_ml.aws.session import AwsClients

__all__ = ["Leftovers", "find_ledgers", "find_leftovers", "purge"]

_BIRTH = tuple(Kind)
"""An order of creation, for what is known by its tags alone; a teardown turns it around."""


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What one run has left in one region, in an order of creation.

    What runs have kept on purpose has `names.KEPT` in the place of a run: each function with its
    topic by itself, and by itself what they all need. ``expires`` is ``None`` where no tag says so;
    ``ledger`` where the run was not made here.
    """

    run_id: str
    region: str
    resources: tuple[Resource, ...]
    expires: datetime | None
    ledger: Ledger | None

    def expired(self, now: datetime) -> bool:
        """Whether nobody uses this any more."""
        return self.expires is not None and self.expires <= now


def find_ledgers(run_root: Path, run_id: str | None = None) -> list[Ledger]:
    """The ledgers stored under a run root (of one run, if it is given) that have open entries."""
    pattern = f"runs/*-{run_id}/ledger*.jsonl" if run_id else "runs/*/ledger*.jsonl"
    found = []
    for path in sorted(run_root.glob(pattern)):
        try:
            ledger = Ledger.resume(path)
        except RunStoreError:  # of a run that was killed in the middle of its first line
            continue
        found.append(ledger)
    return [ledger for ledger in found if ledger.open_resources()]


def find_leftovers(
    clients: AwsClients, ledgers: Iterable[Ledger], run_id: str | None = None
) -> list[Leftovers]:
    """What is there of all runs, or of one: tagged, or announced in a ledger of this region.

    Everything listed has been seen to exist. Raises `BackendError`.
    """
    runs: dict[str, list[Found]] = {}
    tagged: list[Found] = [
        *still_there(clients, find_by_tag(clients, run_id)),
        *find_roles(clients, run_id),
    ]
    known = {each.resource for each in tagged}
    groups = [each for each in find_log_groups(clients, run_id) if each.resource not in known]
    for each in (*tagged, *groups):
        runs.setdefault(each.run_id, []).append(each)
    kept = runs.pop(names.KEPT, [])
    here = {
        ledger.run_id: ledger
        for ledger in ledgers
        if ledger.region == clients.region and ledger.endpoint_url == clients.endpoint_url
    }
    leftovers = [
        _leftovers(clients, run, runs.get(run, []), here.get(run)) for run in {**runs, **here}
    ]
    leftovers += _kept(clients, kept)
    return [each for each in leftovers if each.resources]


def _kept(clients: AwsClients, found: list[Found]) -> list[Leftovers]:
    """Functions expire one by one; what they need is needed as long as the last of them."""
    parts: dict[str, list[Found]] = {}
    for each in found:
        resource = each.resource
        own = resource.kind in {Kind.FUNCTION, Kind.TOPIC}
        parts.setdefault(resource.id.rpartition(":")[2] if own else "", []).append(each)
    shared = parts.pop("", [])
    last = max((each.expires for each in found if each.expires), default=None)
    parts |= {"": [replace(each, expires=last) for each in shared]}
    return [_leftovers(clients, names.KEPT, part, None) for part in parts.values()]


def _leftovers(
    clients: AwsClients, run_id: str, found: list[Found], ledger: Ledger | None
) -> Leftovers:
    known = {each.resource for each in found}
    announced = {
        Resource(each.kind, each.id) for each in (ledger.open_resources() if ledger else ())
    }
    known |= {each for each in announced - known if exists(clients, each)}
    topics = {each.id for each in known if each.kind is Kind.TOPIC}
    known |= {Resource(Kind.SUBSCRIPTION, arn) for arn in topics}
    return Leftovers(
        run_id=run_id,
        region=clients.region,
        resources=tuple(sorted(known, key=lambda each: (_BIRTH.index(each.kind), each.id))),
        expires=max((each.expires for each in found if each.expires), default=None),
        ledger=ledger,
    )


def purge(clients: AwsClients, leftovers: Leftovers) -> None:
    """Delete it all; what is gone already counts as deleted.

    Raises `BackendError` naming what is left. Entries of the ledger that turn out to be of nothing
    are struck out too.
    """
    ledger = leftovers.ledger
    open_ones = ledger.open_resources() if ledger else ()
    keys = {(each.kind, each.id) for each in leftovers.resources}
    vanished = [each for each in open_ones if (each.kind, each.id) not in keys]
    try:
        tear_down(clients, ledger, (*leftovers.resources, *vanished), run_id=leftovers.run_id)
    finally:
        if ledger is not None:
            ledger.close()
