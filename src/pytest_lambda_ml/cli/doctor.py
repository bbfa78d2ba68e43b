"""`pytest-lambda-ml doctor`: what this machine and an account have, and what to do next."""

from __future__ import annotations

import re
import shutil
import sys
from datetime import UTC, date, datetime
from importlib import metadata
from typing import TYPE_CHECKING

import click

from pytest_lambda_ml.cli.target import LOCAL_REGION, aws_options, base_options
from pytest_lambda_ml.errors import BackendError, LambdaMLError, PriceError, SettingError
from pytest_lambda_ml.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["doctor"]

OLD_PRICES_DAYS = 90
PLAIN_WIDTH = 120

TOOLS = {
    "uv": "packages are built with pip instead, slower",
    "terraform": "needed only for the durable base in infra/",
    "docker": "needed only where an image is asked to be built with it",
    "buildah": "needed only where an image is asked to be built with it",
}
_EXTRA = re.compile(r"""extra == ['"](?P<extra>[\w-]+)['"]""")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


@click.command()
@aws_options
@base_options
@click.option(
    "--function",
    "functions",
    multiple=True,
    metavar="NAME",
    help="A function that exists already and is to be benchmarked: its name or ARN; repeatable.",
)
def doctor(
    aws_region: str | None,
    aws_endpoint_url: str | None,
    aws_profile: str | None,
    functions: tuple[str, ...],
    **base: str | None,
) -> None:
    """Check this machine, and with --aws-region an account, for what benchmarks need.

    Give it what you give to pytest. With --lambda-role permissions are those of infra/policies/
    runner.json, on the role, bucket, repository and cluster that are named; with --function those
    of existing-function.json besides.

    Exits with 1 only when something is missing without which nothing runs.
    """
    from pytest_lambda_ml.aws.existing import parse_function
    from pytest_lambda_ml.local.checkup import check_machine

    try:
        named = [parse_function(function).name for function in functions]
    except SettingError as error:
        raise click.UsageError(str(error)) from None
    found = [("this machine", each) for each in (*check_machine(), *_tools(), *_extras())]
    regions = [region.strip() for region in (aws_region or "").split(",") if region.strip()]
    found += [("prices", each) for each in _prices(regions, datetime.now(UTC).date())]
    if aws_endpoint_url and not regions:
        regions = [LOCAL_REGION]
    for region in regions:
        checked = _account(region, aws_endpoint_url, aws_profile, base=base, functions=named)
        found += [(aws_endpoint_url or f"AWS {region}", each) for each in checked]
    _print(found)
    if any(each.state == "missing" for _, each in found):
        sys.exit(1)


def _account(
    region: str,
    url: str | None,
    profile: str | None,
    *,
    base: dict[str, str | None],
    functions: Sequence[str],
) -> list[Finding]:
    from pytest_lambda_ml.aws.checkup import check_account
    from pytest_lambda_ml.aws.policies import existing_function_values
    from pytest_lambda_ml.aws.session import AwsClients, is_loopback

    policies = ["runner" if base["role"] else "runner-without-base"]
    dummy = profile is None and url is not None and is_loopback(url)
    try:
        clients = AwsClients(region, url, profile, dummy_credentials=dummy)
        names = _names(base, region)
        if functions:
            policies.append("existing-function")
            arns = [clients.arn("lambda", f"function:{name}") for name in functions]
            names |= existing_function_values(arns)
        return check_account(clients, profile, policies, names)
    except BackendError as error:
        return [Finding("credentials", "missing", str(error))]


def _names(base: dict[str, str | None], region: str) -> dict[str, str]:
    """What infra/ calls the things of a base (infra/main.tf), from what pytest is told of it."""
    names = {name: value for name, value in base.items() if value is not None}
    if role := names.pop("role", None):
        names["function_role"] = role.rpartition(":role/")[2]
    for name in ("publisher", "publisher-start"):
        names[f"{name.replace('-', '_')}_role"] = f"{names['cluster']}-{region}-{name}"
    return names


def _tools() -> Iterator[Finding]:
    from pytest_lambda_ml.artifact.dependencies import find_uv

    for tool, without in TOOLS.items():
        path = find_uv() if tool == "uv" else shutil.which(tool)
        yield Finding(tool, "ok", path) if path else Finding(tool, "warning", "not found", without)
    yield _byte_code()


def _byte_code() -> Finding:
    """Whether packages for Lambda's default Python get byte code."""
    from pytest_lambda_ml.artifact.byte_code import find_compiler
    from pytest_lambda_ml.artifact.target import DEFAULT_PYTHON

    subject = f"python{DEFAULT_PYTHON}"
    if compiler := find_compiler(DEFAULT_PYTHON):
        return Finding(subject, "ok", compiler.path)
    advice = (
        f"packages have no byte code, so cold starts are slower: uv python install {DEFAULT_PYTHON}"
    )
    return Finding(subject, "warning", "not found", advice)


def _extras() -> Iterator[Finding]:
    """The optional distributions, extra by extra."""
    wanted: dict[str, list[str]] = {}
    for requirement in metadata.requires("pytest-lambda-ml") or ():
        marker, name = _EXTRA.search(requirement), _NAME.match(requirement)
        if marker and name and marker["extra"] != "dev":
            wanted.setdefault(marker["extra"], []).append(name[0])
    for extra, names in wanted.items():
        absent = [name for name in names if not _installed(name)]
        install = f"pip install 'pytest-lambda-ml[{extra}]'"
        yield (
            Finding(f"extra {extra}", "warning", f"not installed: {', '.join(absent)}", install)
            if absent
            else Finding(f"extra {extra}", "ok", ", ".join(names))
        )


def _installed(name: str) -> bool:
    try:
        metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def _prices(regions: list[str], today: date) -> Iterator[Finding]:
    from pytest_lambda_ml.measure.price_table import load_prices

    update = "pytest-lambda-ml prices update"
    try:
        table = load_prices()
    except LambdaMLError as error:
        yield Finding("price table", "missing", str(error), update)
        return
    days = (today - date.fromisoformat(table.date)).days
    text = f"of {table.date}, {max(days, 0)} days old"
    yield Finding(
        "price table", *(("ok", text) if days <= OLD_PRICES_DAYS else ("warning", text, update))
    )
    for region in regions:
        try:
            table.prices(region)
        except PriceError as error:
            yield Finding(f"prices of {region}", "missing", str(error), update)


def _print(found: list[tuple[str, Finding]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("where")
    table.add_column("what", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("found, and what to do")
    colors = {"ok": "green", "warning": "yellow", "missing": "bold red"}
    before = ""
    for where, each in found:
        state = Text(each.state, style=colors[each.state])
        told = each.detail + (f"\n→ {each.advice}" if each.advice else "")
        table.add_row("" if where == before else where, each.subject, state, told)
        before = where
    console = Console(highlight=False, markup=False)
    if not console.is_terminal:
        console.width = PLAIN_WIDTH
    console.print(table)
    counts = {state: sum(each.state == state for _, each in found) for state in colors}
    console.print(", ".join(f"{count} {state}" for state, count in counts.items()))
