"""What `lambda_backend` is in a dry run: it deploys nothing, and keeps what would be measured."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

import pytest

from pytest_lambda_ml.aws.existing import (
    LATEST,
    ExistingFunction,
    FunctionName,
    look_up,
    parse_function,
)
from pytest_lambda_ml.aws.translation import unanswered
from pytest_lambda_ml.campaign.payloads import Payloads
from pytest_lambda_ml.errors import BackendError
from pytest_lambda_ml.plugin.backend import lambda_target, open_clients
from pytest_lambda_ml.plugin.existing import read_payloads
from pytest_lambda_ml.plugin.preparation import Preparation

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.campaign.estimate import PlannedCell
    from pytest_lambda_ml.campaign.session import CampaignSession
    from pytest_lambda_ml.model import Configuration
    from pytest_lambda_ml.plugin.progress import ProgressLine
    from pytest_lambda_ml.settings import Settings

__all__ = ["DryRunBackend", "assumed_function"]

LONGEST_TIMEOUT_S = 900
"""The longest timeout that a function may have (Lambda quotas)."""


class _NowhereError(BackendError):
    """Neither a region nor a URL says whom to ask."""


class DryRunBackend(Preparation):
    """Keeps the cells in ``planned``.

    Functions that exist already are asked for their configuration, which changes nothing; where
    that is not possible, they are taken to be as they were when they were measured last.
    """

    def __init__(self, settings: Settings, progress: ProgressLine) -> None:
        remote = settings.aws_regions and settings.aws_endpoint_url is None
        super().__init__(settings, progress, lambda_target(settings) if remote else None)
        self.planned: list[PlannedCell] = []
        self._seen: dict[tuple[str, str | None], ExistingFunction | str] = {}

    def plan(self, cell: PlannedCell) -> NoReturn:
        """Note down a cell, and skip its test."""
        self.planned.append(cell)
        raise pytest.skip.Exception("dry run: not measured")

    @property
    def campaign(self) -> CampaignSession:
        """Skips the test: what it does with a campaign is not known before it does it."""
        raise pytest.skip.Exception("dry run: nothing is deployed")

    def look_up(
        self, function: str, region: str | None, memory_mb: int | None
    ) -> tuple[ExistingFunction, tuple[str, ...]]:
        """The function, and notes on what had to be assumed of it.

        Raises `BackendError` where the function cannot be measured; skips the test where nothing
        is known of it.
        """
        key = (function, region)
        if key not in self._seen:
            self._seen[key] = self._ask(function, region)
        found = self._seen[key]
        if isinstance(found, ExistingFunction):
            return found, ()
        named = parse_function(function)
        last = self.forecast.last(named.label)
        why = f"{named.label} could not be asked ({found})"
        if last is not None:
            note = f"{why}: it is taken to be as when it was measured last"
            return assumed_function(named, last, memory_mb or last.memory_mb), (note,)
        if memory_mb is None:
            raise pytest.skip.Exception(
                f"dry run: {why}, and no stored run measured it, so its memory is not known"
            )
        note = (
            f"{why}: its timeout counts as {LONGEST_TIMEOUT_S} s, the longest that there is, its "
            "architecture as x86_64"
        )
        return assumed_function(named, None, memory_mb), (note,)

    def payloads(self, payload: object, search: Sequence[Path]) -> tuple[Payloads, tuple[str, ...]]:
        """What would be sent; of what cannot be read the size is not known."""
        try:
            return read_payloads(payload, search, lambda: self._clients_in(None)), ()
        except BackendError as error:
            if not (isinstance(error, _NowhereError) or unanswered(error)):
                raise
            return Payloads(made=str), ("payloads in S3 could not be read: their size is left out",)

    def _ask(self, function: str, region: str | None) -> ExistingFunction | str:
        """The function, or why it could not be asked."""
        try:
            return look_up(self._clients_in(region), function)
        except _NowhereError as error:
            return str(error)
        except BackendError as error:
            if not unanswered(error):
                raise
            return str(error.__cause__)

    def _clients_in(self, region: str | None) -> AwsClients:
        """Raises `_NowhereError` rather than show AWS itself keys that are dummies."""
        if not (self.settings.aws_regions or self.settings.aws_endpoint_url):
            raise _NowhereError("no --aws-region says where it is")
        return self._clients[region]

    @cached_property
    def _clients(self) -> dict[str | None, AwsClients]:
        """Those of each region; without one, those of the first."""
        found = open_clients(self.settings)
        return {None: found[0], **{each.region: each for each in found}}


def assumed_function(
    named: FunctionName, last: Configuration | None, memory_mb: int
) -> ExistingFunction:
    """A function of which only its last cell is known, or nothing."""
    return ExistingFunction(
        named=named,
        arn="",
        version=LATEST,
        memory_mb=memory_mb,
        timeout_s=last.timeout_s if last else LONGEST_TIMEOUT_S,
        architecture=last.architecture if last else "x86_64",
        ephemeral_mb=last.ephemeral_mb if last else 512,
        log_group="",
        log_format=last.log_format if last else "text",
        snap_start=last.snap_start if last else False,
        description="",
        code_sha256="",
        revision=None,
        seen_at_ms=0,
    )
