"""What may keep a campaign from running in an account: asked, not tried."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws.policies import policy_document, policy_placeholders
from pytest_lambda_ml.aws.preflight import (
    ALWAYS_UNRESERVED,
    QUOTA_CODE,
    check_access,
    read_account_limits,
)
from pytest_lambda_ml.aws.translation import code_of
from pytest_lambda_ml.errors import BackendError
from pytest_lambda_ml.model import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_lambda_ml.aws.session import AwsClients

__all__ = ["check_account", "clock_finding", "limits_finding", "principal_of"]

SKEW_WARNING_S, SKEW_REFUSED_S = 5.0, 300.0
"""AWS refuses requests whose signature is more than five minutes off (Signature Version 4)."""

SAMPLE_NAME = "doctor"
UNNAMED = "unnamed "
"""Begins what stands for a name that is not known; no name of AWS's has a blank."""


def check_account(
    clients: AwsClients,
    profile: str | None,
    policies: Sequence[str],
    names: Mapping[str, str] | None = None,
) -> list[Finding]:
    """Credentials, clock, quotas and permissions in the clients' region.

    ``policies`` are those of infra/policies that the credentials need, ``names`` what stands for
    their placeholders. Without valid credentials
    nothing else can be asked.
    """
    try:
        check_access(clients, profile)
        answer = clients.sts.get_caller_identity()
    except BackendError as error:
        return [Finding("credentials", "missing", str(error))]
    found = [Finding("credentials", "ok", answer["Arn"])]
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    found.append(clock_finding(headers.get("date"), datetime.now(UTC)))
    try:
        limits = read_account_limits(clients)
        found.append(limits_finding(limits.concurrent_executions, limits.unreserved))
    except BackendError as error:
        found.append(Finding("concurrency", "warning", str(error)))
    if clients.endpoint_url is None:
        found.append(check_permissions(clients, answer["Arn"], policies, names or {}))
    return found


def clock_finding(date_header: str | None, now: datetime) -> Finding:
    """How far this machine's clock is from the one in an answer, whose resolution is a second."""
    if not date_header:
        return Finding("clock", "warning", "the answer says no time, so it was not compared")
    skew_s = (now - parsedate_to_datetime(date_header)).total_seconds()
    text = f"{skew_s:+.0f} s from AWS's"
    if abs(skew_s) > SKEW_REFUSED_S:
        return Finding("clock", "missing", text, "set this machine's clock: AWS refuses its calls")
    if abs(skew_s) > SKEW_WARNING_S:
        return Finding("clock", "warning", text, "set this machine's clock (NTP)")
    return Finding("clock", "ok", text)


def limits_finding(concurrent: int | None, unreserved: int | None) -> Finding:
    """Whether there is concurrency to reserve."""
    if concurrent is None or unreserved is None:
        return Finding("concurrency", "warning", "the account's quota could not be read")
    text = f"{concurrent:,} concurrent executions, {unreserved:,} of them not reserved"
    room = unreserved - ALWAYS_UNRESERVED
    if room > 0:
        return Finding("concurrency", "ok", f"{text}: {room:,} can be reserved")
    return Finding(
        "concurrency",
        "warning",
        text,
        f"ask for more (Service Quotas, {QUOTA_CODE}); until then use --lambda-concurrency "
        f"{unreserved}, which needs no reservation",
    )


def principal_of(arn: str) -> str:
    """The role behind an assumed-role session, as IAM simulates it; any other ARN as it is."""
    if ":assumed-role/" not in arn:
        return arn
    partition, account = arn.split(":")[1], arn.split(":")[4]
    return f"arn:{partition}:iam::{account}:role/{arn.split('/')[1]}"


def check_permissions(
    clients: AwsClients, arn: str, policies: Sequence[str], names: Mapping[str, str]
) -> Finding:
    """What IAM's simulator says to the actions of these policies, on what ``names`` names.

    A statement about something that has not been named is not simulated: the answer would be about
    a thing that nobody has.
    """
    wording = " and ".join(f"infra/policies/{name}.json" for name in policies)
    statements = [each for name in policies for each in _statements(clients, name, names)]
    unnamed = sorted({name for each in statements for name in _unnamed(each)})
    asked = [each for each in statements if not _unnamed(each)]
    try:
        denied = sorted(set(_denied(clients, principal_of(arn), asked)))
    except ClientError as error:
        return Finding(
            "permissions",
            "warning",
            f"not simulated ({code_of(error)})",
            f"allow iam:SimulatePrincipalPolicy, or compare with {wording}",
        )
    if denied:
        return Finding("permissions", "missing", f"denied: {', '.join(denied)}", f"see {wording}")
    if unnamed:
        options = ", ".join(f"--lambda-{name}" for name in unnamed)
        return Finding(
            "permissions",
            "warning",
            f"all that {wording} lists, but for what concerns the base's {' and '.join(unnamed)}",
            f"name what you give to pytest: {options}",
        )
    return Finding("permissions", "ok", f"all that {wording} lists")


def _denied(
    clients: AwsClients, principal: str, statements: Iterable[dict[str, Any]]
) -> Iterator[str]:
    for statement in statements:
        actions, resources = (_listed(statement[key]) for key in ("Action", "Resource"))
        answer = clients.iam.simulate_principal_policy(
            PolicySourceArn=principal,
            ActionNames=actions,
            ResourceArns=[_sample(resource) for resource in resources],
            ContextEntries=_context(statement),
        )
        for result in answer["EvaluationResults"]:
            if result["EvalDecision"] != "allowed":
                yield result["EvalActionName"]


def _statements(clients: AwsClients, name: str, names: Mapping[str, str]) -> list[dict[str, Any]]:
    partition, account = clients.identity
    known = {**names, "partition": partition, "region": clients.region, "account": account}
    values = {each: known.get(each, f"{UNNAMED}{each}") for each in policy_placeholders(name)}
    statements: list[dict[str, Any]] = json.loads(policy_document(name, **values))["Statement"]
    return statements


def _unnamed(statement: dict[str, Any]) -> set[str]:
    """The placeholders of a statement that nothing was filled in for."""
    parts = (part for each in _listed(statement["Resource"]) for part in re.split("[:/]", each))
    return {part.removeprefix(UNNAMED) for part in parts if part.startswith(UNNAMED)}


def _context(statement: dict[str, Any]) -> list[dict[str, Any]]:
    """The conditions of a statement, as met."""
    return [
        {
            "ContextKeyName": key,
            "ContextKeyType": "string",
            "ContextKeyValues": _listed(value),
        }
        for conditions in statement.get("Condition", {}).values()
        for key, value in conditions.items()
    ]


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _sample(resource: str) -> str:
    """A resource that the pattern means; all of them stay all of them."""
    return resource if resource == "*" else resource.replace("*", SAMPLE_NAME)
