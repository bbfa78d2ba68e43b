"""A function that exists already: what is to be known of it before it is invoked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws.removal import is_gone
from pytest_lambda_ml.aws.topic import qualified
from pytest_lambda_ml.aws.translation import backend_errors
from pytest_lambda_ml.errors import DeploymentError, SettingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.model import Architecture

__all__ = ["ExistingFunction", "FunctionName", "look_up", "parse_function"]

LATEST = "$LATEST"

_NAME = re.compile(
    r"(?:(?:arn:(?P<partition>aws[\w-]*):lambda:(?P<region>[a-z0-9-]+):)?"
    r"(?P<account>\d{12}):(?:function:)?)?"
    r"(?P<name>[A-Za-z0-9_-]{1,140})(?::(?P<qualifier>\$LATEST|[A-Za-z0-9_-]{1,128}))?"
)
"""What FunctionName may be (Lambda API): a name, a partial ARN or an ARN, perhaps qualified."""


@dataclass(frozen=True, slots=True)
class FunctionName:
    """A function as it was named; ``region`` and ``account`` where an ARN says them."""

    name: str
    qualifier: str | None
    region: str | None
    account: str | None

    @property
    def label(self) -> str:
        """What cells of this function are called."""
        if self.qualifier in {None, LATEST}:
            return self.name
        return f"{self.name}:{self.qualifier}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExistingFunction:
    """What Lambda says of a function, of the version that ``qualifier`` names.

    ``arn`` is without qualifier. ``description`` and ``memory_mb`` are what is changed for a moment
    when a version of another size is published; ``revision`` is that of the state that was seen,
    at ``seen_at_ms`` by AWS's clock (0 where it does not say).
    """

    named: FunctionName
    arn: str
    version: str
    memory_mb: int
    timeout_s: int
    architecture: Architecture
    ephemeral_mb: int
    log_group: str
    log_format: Literal["text", "json"]
    snap_start: bool
    description: str
    code_sha256: str
    revision: str | None
    seen_at_ms: int

    @property
    def invoked_arn(self) -> str:
        """The ARN that is invoked when the function is measured as it is."""
        qualifier = self.named.qualifier
        return f"{self.arn}:{qualifier}" if qualifier else self.arn


def parse_function(function: str) -> FunctionName:
    """A name, a partial ARN or an ARN. Raises `SettingError` for what is none of them."""
    match = _NAME.fullmatch(function.strip())
    if match is None:
        raise SettingError(
            f"{function!r} names no Lambda function; legal are a name, name:alias, name:version, "
            "and an ARN"
        )
    return FunctionName(match["name"], match["qualifier"], match["region"], match["account"])


def look_up(clients: AwsClients, function: str) -> ExistingFunction:
    """Ask Lambda for the function. Raises `DeploymentError`, one sentence, where it cannot be used.

    It may not exist, not be ready, be in another region, or have log lines that nobody can measure
    by.
    """
    named = parse_function(function)
    if named.region not in {None, clients.region}:
        raise DeploymentError(
            f"{function} is in {named.region}, and this cell is measured in {clients.region}: "
            f"use --aws-region {named.region}"
        )
    return _read(named, _configuration(clients, named, function), clients.region)


def _configuration(clients: AwsClients, named: FunctionName, function: str) -> Mapping[str, Any]:
    if named.account not in {None, clients.identity[1]}:
        raise DeploymentError(
            f"{function} is of account {named.account}, and these credentials are of "
            f"{clients.identity[1]}"
        )
    with backend_errors(f"looking for function {function}", DeploymentError):
        try:
            found: Mapping[str, Any] = clients.lambda_.get_function_configuration(
                FunctionName=named.name, **qualified(named.qualifier)
            )
        except ClientError as error:
            if not is_gone(error):
                raise
            where = clients.region + (f" at {clients.endpoint_url}" if clients.endpoint_url else "")
            raise DeploymentError(
                f"there is no function {function} in {where}: check its name, its qualifier and "
                "--aws-region"
            ) from error
    return found


def _read(named: FunctionName, found: Mapping[str, Any], region: str) -> ExistingFunction:
    state = found.get("State", "Active")
    if state in {"Pending", "Failed"}:
        reason = found.get("StateReason") or "no reason given"
        raise DeploymentError(f"{named.label} in {region} is {state.lower()} ({reason})")
    logging = found.get("LoggingConfig") or {}
    as_json = logging.get("LogFormat", "Text") == "JSON"
    if as_json and logging.get("SystemLogLevel", "INFO") == "WARN":
        raise DeploymentError(
            f"{named.label} logs no reports: its LoggingConfig has SystemLogLevel WARN, and what "
            "an invocation cost stands in lines of level INFO"
        )
    arn = ":".join(found["FunctionArn"].split(":")[:7])
    return ExistingFunction(
        named=named,
        arn=arn,
        version=found["Version"],
        memory_mb=int(found["MemorySize"]),
        timeout_s=int(found["Timeout"]),
        architecture=found.get("Architectures", ["x86_64"])[0],
        ephemeral_mb=int(found.get("EphemeralStorage", {}).get("Size", 512)),
        log_group=logging.get("LogGroup") or f"/aws/lambda/{named.name}",
        log_format="json" if as_json else "text",
        snap_start=found.get("SnapStart", {}).get("ApplyOn") == "PublishedVersions",
        description=found.get("Description", ""),
        code_sha256=found.get("CodeSha256", ""),
        revision=found.get("RevisionId"),
        seen_at_ms=_told_at_ms(found),
    )


def _told_at_ms(answer: Mapping[str, Any]) -> int:
    """When AWS gave an answer, by its own clock."""
    headers = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return round(parsedate_to_datetime(headers["date"]).timestamp() * 1000)
    except (KeyError, ValueError):
        return 0
