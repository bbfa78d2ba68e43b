"""`pytest-lambda-ml prices`: which price table is used, and how to have today's."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from pytest_lambda_ml.cli.target import account_options, clients_for
from pytest_lambda_ml.errors import PriceError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["prices"]


@click.group()
def prices() -> None:
    """Show or update the price table that results are priced with."""


@prices.command()
def show() -> None:
    """Say which table is used: the shipped one, or one fetched since."""
    from pytest_lambda_ml.measure.price_table import load_prices, user_price_file

    table = load_prices()
    own = user_price_file()
    fetched = own.is_file() and load_prices(own).sha256 == table.sha256
    click.echo(f"list prices of {table.date}, sha256 {table.sha256}")
    click.echo(f"{own}" if fetched else "shipped with pytest-lambda-ml")
    click.echo(f"regions: {', '.join(table.regions)}")


@prices.command()
@account_options
def update(aws_endpoint_url: str | None, aws_profile: str | None) -> None:
    """Fetch AWS's price list into your data folder, for all regions.

    Needs credentials that may pricing:GetProducts. Prices of Lambda and S3 are fetched; those
    of SNS, logs and SnapStart are carried over from the shipped table.
    """
    from pytest_lambda_ml.aws.price_list import PRICING_REGION, fetch_products
    from pytest_lambda_ml.measure.price_list import GROUPS, table_of_price_list
    from pytest_lambda_ml.measure.price_table import (
        load_prices,
        shipped_price_file,
        user_price_file,
    )

    base = json.loads(shipped_price_file().read_text(encoding="utf-8"))
    clients = clients_for(PRICING_REGION, aws_endpoint_url, aws_profile)
    table = table_of_price_list(fetch_products(clients, GROUPS), base, datetime.now(UTC).date())
    path = user_price_file()
    _write(path, json.dumps(table, indent=2) + "\n")
    written = load_prices(path)
    click.echo(
        f"list prices of {written.date}, sha256 {written.sha256}, {len(written.regions)} regions"
    )
    click.echo(f"{path}")


def _write(path: Path, text: str) -> None:
    """Whole or not at all, and only what can be read again."""
    from pytest_lambda_ml.measure.price_table import load_prices

    temporary = path.with_suffix(".new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        load_prices(temporary)
        temporary.replace(path)
    except OSError as error:
        raise PriceError(f"{path} cannot be written: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
