"""What Lambda is asked for: a cell's configuration and package in its API's words. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_lambda_ml.artifact import Package
    from pytest_lambda_ml.model import Configuration

__all__ = ["DEFAULT_RUNTIME", "HANDLER", "changes", "check_snap_start", "function_request"]

DEFAULT_RUNTIME = "python3.13"
"""For a package that has no dependencies of its own: where they are is where it runs."""

HANDLER = "wrapper.lambda_handler"
SNAP_START_SINCE = (3, 12)
SNAP_START_EPHEMERAL_MB = 512

_CODE = frozenset({"Code", "PackageType", "Architectures"})
"""What UpdateFunctionConfiguration does not take: it belongs to the code."""
_NOT_COMPARED = frozenset({"FunctionName", "Tags", *_CODE})


def function_request(
    name: str,
    package: Package,
    configuration: Configuration,
    *,
    code: Mapping[str, str],
    role_arn: str,
    log_group: str,
    variables: Mapping[str, str],
    tags: Mapping[str, str],
) -> dict[str, Any]:
    """The arguments of CreateFunction. ``code`` says where the code is, as its ``Code`` does."""
    if package.kind == "zip":
        runtime = package.target.runtime if package.target else DEFAULT_RUNTIME
        kind: dict[str, Any] = {"Runtime": runtime, "Handler": HANDLER}
    else:
        kind = {"PackageType": "Image"}
    snap_start = {"SnapStart": {"ApplyOn": "PublishedVersions"}} if configuration.snap_start else {}
    return {
        "FunctionName": name,
        "Role": role_arn,
        "Code": dict(code),
        "Architectures": [configuration.architecture],
        "MemorySize": configuration.memory_mb,
        "Timeout": configuration.timeout_s,
        "EphemeralStorage": {"Size": configuration.ephemeral_mb},
        "Environment": {"Variables": dict(variables)},
        "LoggingConfig": _logging(configuration, log_group),
        "Tags": dict(tags),
        **kind,
        **snap_start,
    }


def changes(current: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    """What UpdateFunctionConfiguration has to change, where a function has ``current``.

    ``current`` is a FunctionConfiguration as Lambda returns it. Empty when all is as asked for.
    """
    return {
        key: value
        for key, value in request.items()
        if key not in _NOT_COMPARED and not _within(value, current.get(key))
    }


def check_snap_start(package: Package, configuration: Configuration) -> None:
    """Raise `DeploymentError` where SnapStart is asked for and Lambda does not offer it.

    Python 3.12 or later, no more than 512 MB of ephemeral storage (Lambda developer guide).
    """
    if not configuration.snap_start:
        return
    if configuration.ephemeral_mb > SNAP_START_EPHEMERAL_MB:
        raise DeploymentError(
            f"{configuration.cell_id}: SnapStart allows {SNAP_START_EPHEMERAL_MB} MB of ephemeral "
            f"storage, and {configuration.ephemeral_mb} are needed; leave --lambda-snap-start out"
        )
    version = package.target.python_version if package.target else None
    if version and tuple(map(int, version.split("."))) < SNAP_START_SINCE:
        raise DeploymentError(
            f"{configuration.cell_id}: SnapStart needs Python 3.12 or later, and the package is "
            f"for {version}; leave --lambda-snap-start out"
        )


def _logging(configuration: Configuration, log_group: str) -> dict[str, str]:
    """WARN, the default of some accounts' tools, would drop the reports of what went well."""
    if configuration.log_format == "json":
        return {"LogFormat": "JSON", "SystemLogLevel": "INFO", "LogGroup": log_group}
    return {"LogFormat": "Text", "LogGroup": log_group}


def _within(asked: Any, found: Any) -> bool:
    """Whether what is asked for is there; Lambda adds keys of its own to what it was given."""
    if isinstance(asked, dict) and isinstance(found, dict):
        return all(_within(value, found.get(key)) for key, value in asked.items())
    return bool(asked == found)
