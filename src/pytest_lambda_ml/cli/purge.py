"""`pytest-lambda-ml purge`: list and delete what runs have left on AWS."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pytest_lambda_ml.cli.target import LOCAL_REGION, aws_options, clients_for
from pytest_lambda_ml.errors import BackendError

if TYPE_CHECKING:
    from pytest_lambda_ml.aws.ledger import Ledger
    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.campaign.purge import Leftovers

__all__ = ["purge"]


@click.command()
@click.option("--run", "run_id", metavar="ID", help="Only what this run has left.")
@click.option("--expired", is_flag=True, help="Only what is past the expiry in its tag.")
@click.option(
    "--kept", is_flag=True, help="Only what runs with --lambda-keep have left on purpose."
)
@click.option("--yes", is_flag=True, help="Delete; without it, only list.")
@aws_options
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(".lambda-ml"),
    show_default=True,
    help="The folder given to pytest as --lambda-dir; the ledgers of its runs are read too.",
)
def purge(
    run_id: str | None,
    *,
    expired: bool,
    kept: bool,
    yes: bool,
    aws_region: str | None,
    aws_endpoint_url: str | None,
    aws_profile: str | None,
    folder: Path,
) -> None:
    """List what runs have left on AWS, and with --yes delete it.

    Found by tag, and by the ledger of a run that was made here. Without --run, --expired and --kept
    this is everything of every run in the account, of runs still under way too: list first. A run
    whose ledger is here needs no region.
    """
    from pytest_lambda_ml.aws.names import KEPT
    from pytest_lambda_ml.campaign.purge import find_ledgers, find_leftovers

    if (run_id is not None) + expired + kept > 1:
        raise click.UsageError(
            "--run, --expired and --kept exclude each other: each says what is meant by itself"
        )
    run_id = KEPT if kept else run_id
    ledgers = find_ledgers(folder, run_id)
    now = datetime.now(UTC)
    found: list[tuple[AwsClients, Leftovers]] = []
    for region, url in _places(aws_region, aws_endpoint_url, ledgers if run_id else []):
        clients = clients_for(region, url, aws_profile)
        here = find_leftovers(clients, ledgers, run_id)
        found += [(clients, each) for each in here if each.expired(now) or not expired]
    for _, leftovers in found:
        _list(leftovers, now)
    if not found:
        click.echo("nothing is left")
    elif yes:
        _delete(found)
    else:
        total = sum(len(leftovers.resources) for _, leftovers in found)
        click.echo(f"{_count(total)}; nothing was deleted: --yes deletes")


def _places(
    regions: str | None, url: str | None, ledgers: list[Ledger]
) -> list[tuple[str, str | None]]:
    """Where to look: as said, else where the run's ledgers say that it took place."""
    if regions:
        return [(region.strip(), url) for region in regions.split(",")]
    if url:
        return [(LOCAL_REGION, url)]
    if ledgers:
        return [(ledger.region, ledger.endpoint_url) for ledger in ledgers]
    raise click.UsageError(
        "say where to look: --aws-region REGION (several are separated by commas), or "
        "--aws-endpoint-url URL; only a --run whose ledger is in --dir needs neither"
    )


def _list(leftovers: Leftovers, now: datetime) -> None:
    from pytest_lambda_ml.aws.names import KEPT

    kept = leftovers.run_id == KEPT
    whose = "kept for later runs" if kept else f"run {leftovers.run_id}"
    if leftovers.expires is None:
        when = "expiry unknown"
    else:
        still = "expires" if kept else "may still be under way, expires"
        verb = "expired" if leftovers.expired(now) else still
        when = f"{verb} {leftovers.expires:%Y-%m-%d %H:%M} UTC"
    click.echo(f"{whose} in {leftovers.region}, {when}")
    for resource in leftovers.resources:
        click.echo(f"  {resource.kind.value.replace('_', ' '):12} {resource.id}")


def _delete(found: list[tuple[AwsClients, Leftovers]]) -> None:
    """Delete run by run; one that cannot be deleted stops no other."""
    from pytest_lambda_ml.campaign.purge import purge as purge_run

    deleted, problems = 0, []
    for clients, leftovers in found:
        try:
            purge_run(clients, leftovers)
            deleted += len(leftovers.resources)
        except BackendError as error:
            problems.append(str(error))
    click.echo(f"{_count(deleted)} deleted")
    for problem in problems:
        click.echo(f"Error: {problem}", err=True)
    if problems:
        sys.exit(1)


def _count(number: int) -> str:
    return f"{number} resource{'' if number == 1 else 's'}"
