"""A run from its journal alone: what is left of one that was killed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.model import (
    Configuration,
    FailureRecord,
    Invocation,
    InvocationRecord,
    Outcome,
    Report,
    StartType,
)
from pytest_lambda_ml.store.plain import from_plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["JournalCell", "cells_of_journal", "invocation_of", "session_of_journal"]


class JournalCell:
    """One cell as the journal tells it; ``stored`` is its final entry, if it came to that."""

    def __init__(self, configuration: Configuration) -> None:
        self.configuration = configuration
        self.published: dict[str, Mapping[str, Any]] = {}
        self.settled: dict[str, Invocation] = {}
        self.stored: Mapping[str, Any] | None = None

    @property
    def invocations(self) -> tuple[Invocation, ...]:
        """Every published message; one whose outcome was not known is missing."""
        return tuple(
            self.settled.get(sample_id) or Invocation(sample_id=sample_id, outcome=Outcome.MISSING)
            for sample_id in self.published
        )


def session_of_journal(entries: Iterable[Mapping[str, Any]]) -> Mapping[str, Any]:
    """What the session said of itself at its start; empty when the journal has not even that."""
    return next((entry for entry in entries if entry["kind"] == "session"), {})


def cells_of_journal(entries: Iterable[Mapping[str, Any]]) -> list[JournalCell]:
    """The cells that were deployed, in order. Entries that cannot be read count for nothing."""
    cells: list[JournalCell] = []
    current: dict[str, JournalCell] = {}
    for entry in entries:
        if entry["kind"] == "deployed":
            configuration = from_plain(Configuration, entry["function"]["configuration"])
            current[entry["cell_id"]] = JournalCell(configuration)
            cells.append(current[entry["cell_id"]])
        elif cell := current.get(entry.get("cell_id", "")):
            _take(cell, entry)
    return [cell for cell in cells if cell.published]


def _take(cell: JournalCell, entry: Mapping[str, Any]) -> None:
    match entry["kind"]:
        case "published":
            cell.published |= {message["sample_id"]: message for message in entry["messages"]}
        case "invocation":
            invocation = invocation_of(entry["invocation"])
            cell.settled[invocation.sample_id] = invocation
        case "cell":
            cell.stored = entry
            for told in entry.get("not_succeeded", ()):
                invocation = invocation_of(told)
                cell.settled[invocation.sample_id] = invocation


def invocation_of(told: Mapping[str, Any]) -> Invocation:
    """An invocation as `store.plain` wrote it."""
    report, record, failure = told.get("report"), told.get("record"), told.get("failure")
    return from_plain(
        Invocation,
        told,
        outcome=Outcome(told["outcome"]),
        start=StartType(told["start"]) if told.get("start") else None,
        report=from_plain(Report, report) if report else None,
        record=from_plain(InvocationRecord, record) if record else None,
        failure=from_plain(FailureRecord, failure) if failure else None,
        other_reports=tuple(from_plain(Report, r) for r in told.get("other_reports", ())),
    )
