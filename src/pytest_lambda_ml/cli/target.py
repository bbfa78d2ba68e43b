"""The options of commands that talk to AWS, or to an endpoint: those that pytest takes too."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from pytest_lambda_ml.settings import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lambda_ml.aws.session import AwsClients

__all__ = ["LOCAL_REGION", "account_options", "aws_options", "base_options", "clients_for"]

LOCAL_REGION = "us-east-1"
"""Where sessions at an endpoint without a region are at home."""

F = TypeVar("F", bound="Callable[..., Any]")

_ENVIRONMENT = {option.name: option.env for option in OPTIONS}


def aws_options(function: F) -> F:
    """``--aws-region``, ``--aws-endpoint-url`` and ``--aws-profile``, as for pytest."""
    text = "AWS region; several are separated by commas."
    return _option("--aws-region", text)(account_options(function))


def account_options(function: F) -> F:
    """The same without a region, for what has none."""
    profile = _option("--aws-profile", "AWS profile with the credentials.")
    return _option("--aws-endpoint-url", "Talk to this endpoint.")(profile(function))


def base_options(function: F) -> F:
    """What pytest is told of a durable base, as for pytest: names are those of `Settings`."""
    for flag, text in _BASE.items():
        name = flag.removeprefix("--lambda-")
        default = next(option.default for option in OPTIONS if option.name == name)
        function = click.option(
            flag, name, envvar=_ENVIRONMENT[name], default=default, show_default=True, help=text
        )(function)
    return function


_BASE = {
    "--lambda-cluster": "ECS cluster of the base.",
    "--lambda-repository": "ECR repository of the base.",
    "--lambda-bucket": "S3 bucket of the base.",
    "--lambda-role": "Role of the functions, its name or ARN: nothing has to create one.",
}


def _option(flag: str, text: str) -> Callable[[F], F]:
    name = flag.removeprefix("--").replace("-", "_")
    return click.option(flag, name, envvar=_ENVIRONMENT[name], help=text)


def clients_for(region: str, endpoint_url: str | None, profile: str | None) -> AwsClients:
    """Clients whose credentials are known to be accepted. Raises `BackendError`, one sentence."""
    from pytest_lambda_ml.aws.preflight import check_access
    from pytest_lambda_ml.aws.session import AwsClients, is_loopback

    dummy = profile is None and endpoint_url is not None and is_loopback(endpoint_url)
    clients = AwsClients(region, endpoint_url, profile, dummy_credentials=dummy)
    check_access(clients, profile)
    return clients
