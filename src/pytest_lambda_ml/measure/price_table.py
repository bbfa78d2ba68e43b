"""A dated table of AWS list prices, region × architecture: the shipped one, or a newer one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from platformdirs import user_data_path

from pytest_lambda_ml.errors import PriceError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable
    from pathlib import Path

__all__ = [
    "PriceTable",
    "Prices",
    "Tier",
    "load_prices",
    "shipped_price_file",
    "user_price_file",
]

_ASSUMABLE = ("request_usd", "sns_publish_usd", "logs_gb_usd", "s3_write_usd", "s3_read_usd")
"""Prices that the reference region lends to regions whose own is unknown."""

_REGIONAL = (
    *_ASSUMABLE,
    "ephemeral_gb_second_usd",
    "logs_stored_gb_month_usd",
    "logs_scanned_gb_usd",
    "snapstart_cache_gb_second_usd",
    "snapstart_restore_gb_usd",
)
_ARCHITECTURAL = ("provisioned_gb_second_usd", "provisioned_duration_gb_second_usd")


@dataclass(frozen=True, slots=True)
class Tier:
    """A volume tier of the GB-second price: up to so many GB-seconds a month, or without end."""

    up_to_gb_seconds: int | None
    usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Prices:
    """List prices of one region and architecture in US dollars; ``None`` where none is known.

    ``gb_second_usd`` is the first of ``gb_second_tiers`` (those that are known).
    ``assumed`` names the prices that are really those of the region ``assumed_from``.
    A provisioned GB-second costs the first price whether used or not, the second while running.
    SnapStart's prices are for runtimes other than Java. S3's are for a request to Standard storage:
    a write is a PUT, COPY, POST or LIST, a read is a GET or any other.
    """

    region: str
    architecture: str
    gb_second_tiers: tuple[Tier, ...]
    request_usd: Decimal | None
    ephemeral_gb_second_usd: Decimal | None
    sns_publish_usd: Decimal | None
    logs_gb_usd: Decimal | None
    logs_stored_gb_month_usd: Decimal | None
    logs_scanned_gb_usd: Decimal | None
    snapstart_cache_gb_second_usd: Decimal | None
    snapstart_restore_gb_usd: Decimal | None
    s3_write_usd: Decimal | None
    s3_read_usd: Decimal | None
    provisioned_gb_second_usd: Decimal | None
    provisioned_duration_gb_second_usd: Decimal | None
    assumed: tuple[str, ...]
    assumed_from: str

    @property
    def gb_second_usd(self) -> Decimal:
        """The price of a GB-second in the first tier."""
        return self.gb_second_tiers[0].usd


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceTable:
    """A dated price table. ``date`` is the ISO day of the snapshot, ``sha256`` that of its file."""

    date: str
    sha256: str
    entries: Mapping[str, Mapping[str, Prices]]

    @property
    def regions(self) -> tuple[str, ...]:
        """The regions that the table knows, in alphabetical order."""
        return tuple(sorted(self.entries))

    def prices(self, region: str, architecture: str = "x86_64") -> Prices:
        """The prices of a region and architecture. Raises PriceError, naming what is known."""
        by_architecture = self.entries.get(region)
        if by_architecture is None:
            known = ", ".join(self.regions)
            raise PriceError(
                f"no prices for region {region!r} in the table of {self.date}; it has {known}"
            )
        found = by_architecture.get(architecture)
        if found is None:
            known = ", ".join(sorted(by_architecture))
            raise PriceError(
                f"no prices for architecture {architecture!r} in {region} in the table of "
                f"{self.date}; it has {known}"
            )
        return found


def user_price_file() -> Path:
    """Where `pytest-lambda-ml prices update` keeps what it fetched."""
    return user_data_path("pytest-lambda-ml", appauthor=False) / "prices.json"


def shipped_price_file() -> Traversable:
    """The table that ships with the package."""
    return files("pytest_lambda_ml.measure") / "prices.json"


@cache
def load_prices(path: Path | None = None) -> PriceTable:
    """The newer of the shipped table and the user's, or the one in the file ``path``; read once.

    Raises PriceError when the file cannot be read or is no such table.
    """
    if path is not None:
        return _read(path)
    shipped, own = _read(shipped_price_file()), user_price_file()
    if not own.is_file():
        return shipped
    fetched = _read(own)
    return fetched if fetched.date >= shipped.date else shipped


def _read(source: Path | Traversable) -> PriceTable:
    try:
        data = source.read_bytes()
        table = json.loads(data)
        reference: str = table["reference_region"]
        entries = {
            region: {
                architecture: _prices(region, architecture, table["regions"], reference)
                for architecture in entry["architectures"]
            }
            for region, entry in table["regions"].items()
        }
        return PriceTable(date=str(table["date"]), sha256=sha256(data).hexdigest(), entries=entries)
    except OSError as error:
        raise PriceError(
            f"the price table {source} cannot be read: {error.strerror or error}"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise PriceError(
            f"{source} is no price table: {error!r}; take the prices.json of pytest-lambda-ml as "
            "the pattern"
        ) from error


def _prices(
    region: str, architecture: str, regions: Mapping[str, Mapping[str, Any]], reference: str
) -> Prices:
    entry, lender = regions[region], regions[reference]
    by_architecture = entry["architectures"][architecture]
    tiers = tuple(
        Tier(tier["up_to_gb_seconds"], _decimal(tier["usd"]))
        for tier in by_architecture["gb_second_tiers"]
    )
    assumed = tuple(
        name for name in _ASSUMABLE if entry.get(name) is None and lender.get(name) is not None
    )
    regional = {name: (lender if name in assumed else entry).get(name) for name in _REGIONAL}
    architectural = {name: by_architecture.get(name) for name in _ARCHITECTURAL}
    known = {
        name: None if value is None else _decimal(value)
        for name, value in {**regional, **architectural}.items()
    }
    return Prices(
        region=region,
        architecture=architecture,
        gb_second_tiers=(tiers[0], *tiers[1:]),
        assumed=assumed,
        assumed_from=reference,
        **known,
    )


def _decimal(value: object) -> Decimal:
    """A price as it is written: a string, since a JSON number would pass through a float."""
    if not isinstance(value, str):
        raise TypeError(f"the price {value!r} is not a string")
    try:
        return Decimal(value)
    except InvalidOperation as error:
        raise ValueError(f"the price {value!r} is no number") from error
