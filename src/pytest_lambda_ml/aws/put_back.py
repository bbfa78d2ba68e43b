"""Undo what was done to a function that was there before. Every step may be repeated.

A version's settings are changed on ``$LATEST`` for a moment, while its description bears our mark.
So what is put back is only what is still ours: a function that somebody has changed since keeps its
new settings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws.names import PREFIX
from pytest_lambda_ml.aws.translation import code_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lambda_ml.aws.session import AwsClients

__all__ = [
    "OUTDATED_REVISION",
    "delete_alias",
    "delete_versions",
    "find_versions",
    "has_alias",
    "has_statement",
    "is_changed",
    "mark_of",
    "put_settings_back",
    "remove_statement",
    "settings_id",
    "version_id",
]

OUTDATED_REVISION = "PreconditionFailedException"
ATTEMPTS = 3


def settings_id(function: str, memory_mb: int, description: str) -> str:
    """A ledger's entry of the settings to put back."""
    asked = {"MemorySize": memory_mb, "Description": description}
    return f"{function}?{urlencode(asked)}"


def version_id(function: str, description: str) -> str:
    """A ledger's entry of a version, whose number is not known before it is published."""
    return f"{function}?{urlencode({'Description': description})}"


def mark_of(description: str) -> str | None:
    """Our mark, if a description is one: a name that some run gave."""
    return description if description.startswith(f"{PREFIX}-") else None


def is_changed(clients: AwsClients, entry: str) -> bool:
    """Whether a function bears a run's mark: its settings have not been put back."""
    function, _ = _parse(entry)
    return mark_of(_latest(clients, function).get("Description", "")) is not None


def put_settings_back(clients: AwsClients, entry: str) -> None:
    """Give a function its memory and description back, unless somebody has changed it since."""
    function, settings = _parse(entry)
    lambda_ = clients.lambda_
    for attempt in range(ATTEMPTS):
        lambda_.get_waiter("function_updated").wait(FunctionName=function)
        found = _latest(clients, function)
        if mark_of(found.get("Description", "")) is None:
            return
        try:
            lambda_.update_function_configuration(
                FunctionName=function,
                MemorySize=int(settings["MemorySize"]),
                Description=settings["Description"],
                **revision(found),
            )
        except ClientError as error:
            if code_of(error) != OUTDATED_REVISION or attempt == ATTEMPTS - 1:
                raise
        else:
            break
    lambda_.get_waiter("function_updated").wait(FunctionName=function)


def revision(found: dict[str, Any]) -> dict[str, str]:
    """The argument that refuses a change of what was changed since; not all endpoints tell it."""
    return {"RevisionId": found["RevisionId"]} if found.get("RevisionId") else {}


def find_versions(clients: AwsClients, entry: str) -> Iterator[str]:
    """The numbers of the versions that bear this description."""
    function, asked = _parse(entry)
    pages = clients.lambda_.get_paginator("list_versions_by_function").paginate(
        FunctionName=function
    )
    for page in pages:
        for found in page["Versions"]:
            if found["Version"] != "$LATEST" and found.get("Description") == asked["Description"]:
                yield found["Version"]


def delete_versions(clients: AwsClients, entry: str) -> None:
    """Delete them; the function and all others stay."""
    function, _ = _parse(entry)
    for version in list(find_versions(clients, entry)):
        clients.lambda_.delete_function(FunctionName=function, Qualifier=version)


def has_alias(clients: AwsClients, entry: str) -> bool:
    """Whether an alias is there; raises where it is not."""
    function, _, alias = entry.partition(":")
    clients.lambda_.get_alias(FunctionName=function, Name=alias)
    return True


def delete_alias(clients: AwsClients, entry: str) -> None:
    """Delete an alias, and how its events are retried: on some endpoints that would stay."""
    function, _, alias = entry.partition(":")
    try:
        clients.lambda_.delete_function_event_invoke_config(FunctionName=function, Qualifier=alias)
    except ClientError as error:
        if code_of(error) != "ResourceNotFoundException":
            raise
    clients.lambda_.delete_alias(FunctionName=function, Name=alias)


def has_statement(clients: AwsClients, entry: str) -> bool:
    """Whether a policy has a statement; raises where there is no policy."""
    target, _, statement = entry.partition("/")
    function, _, alias = target.partition(":")
    policy = clients.lambda_.get_policy(FunctionName=function, Qualifier=alias)["Policy"]
    return f'"{statement}"' in policy


def remove_statement(clients: AwsClients, entry: str) -> None:
    """Take a statement out of an alias's policy."""
    target, _, statement = entry.partition("/")
    function, _, alias = target.partition(":")
    clients.lambda_.remove_permission(FunctionName=function, Qualifier=alias, StatementId=statement)


def _latest(clients: AwsClients, function: str) -> dict[str, Any]:
    found: dict[str, Any] = clients.lambda_.get_function_configuration(FunctionName=function)
    return found


def _parse(entry: str) -> tuple[str, dict[str, str]]:
    function, _, query = entry.partition("?")
    values = parse_qs(query, keep_blank_values=True, strict_parsing=True)
    return function, {key: each[0] for key, each in values.items()}
