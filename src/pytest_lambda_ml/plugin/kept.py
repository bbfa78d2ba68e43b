"""``--lambda-keep``: what stays for the next run is named at the end of each."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from pytest_lambda_ml.aws.ledger import Kind
from pytest_lambda_ml.aws.names import KEPT_LIFETIME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_lambda_ml.aws.ledger import Resource

__all__ = ["kept_lines"]


def kept_lines(kept: Mapping[str, Sequence[Resource]], created_s: float) -> Iterator[str]:
    """A line for each region: what stays there on purpose, until when, and how to delete it."""
    until = datetime.fromtimestamp(created_s, UTC) + KEPT_LIFETIME
    for region, resources in kept.items():
        named = [
            f"{each.kind.value} {each.id}{' and its topic' if each.kind is Kind.FUNCTION else ''}"
            for each in resources
            if each.kind not in {Kind.TOPIC, Kind.SUBSCRIPTION}
        ]
        yield (
            f"Kept in {region} for runs with --lambda-keep until {until:%Y-%m-%d}: "
            f"{', '.join(named)}. To delete it now: pytest-lambda-ml purge --kept --yes"
        )
