"""The IAM policies of infra/policies, which Terraform reads as well: one text for both.

Each is a JSON document in which ``${partition}``, ``${region}``, ``${account}`` and others stand
for what differs between accounts; ``${run}`` is a run id, or ``*`` for any run.
"""

from __future__ import annotations

import json
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "existing_function_values",
    "policies_folder",
    "policy_actions",
    "policy_document",
    "policy_placeholders",
]

PACKAGE = Path(__file__).resolve().parents[1]


def policies_folder() -> Path:
    """The folder of the policies: the source tree's own, else the copy that a wheel carries.

    Raises `DeploymentError` when neither is there.
    """
    root = PACKAGE.parents[1]
    in_tree = PACKAGE.parent.name == "src" and (root / "pyproject.toml").is_file()
    folder = root / "infra" / "policies" if in_tree else PACKAGE / "_policies"
    if not (folder / "function.json").is_file():
        raise DeploymentError(f"{folder}/function.json is missing: install pytest-lambda-ml again")
    return folder


def policy_document(name: str, **values: str) -> str:
    """The policy called ``name`` as JSON text, as IAM takes it, with its placeholders filled in.

    Raises `KeyError` for a placeholder without a value.
    """
    return json.dumps(json.loads(_template(name).substitute(values)), separators=(",", ":"))


def existing_function_values(arns: Sequence[str]) -> dict[str, str]:
    """What the placeholders of ``existing-function`` stand for, given ARNs of functions.

    Each stands between the quotation marks of a list. Log groups have both forms of their ARN:
    AWS's reference of actions gives the first, and CloudWatch Logs refuses FilterLogEvents on
    ``NAME:log-stream:``. Functions with a log group of their own need more (infra/variables.tf).
    """
    parts = (arn.replace(":lambda:", ":logs:", 1).split(":") for arn in arns)
    groups = [":".join((*p[:5], "log-group", f"/aws/lambda/{p[6]}")) for p in parts]
    values = {
        "functions": arns,
        "versions": [f"{arn}:*" for arn in arns],
        "log_groups": [form for group in groups for form in (group, f"{group}:*")],
    }
    return {name: '", "'.join(each) for name, each in values.items()}


def policy_placeholders(name: str) -> frozenset[str]:
    """The placeholders of a policy: what `policy_document` wants values for."""
    return frozenset(_template(name).get_identifiers())


def policy_actions(name: str) -> frozenset[str]:
    """The IAM actions that a policy allows, ``"sns:Publish"`` for example."""
    document = json.loads(_template(name).template)
    return frozenset(
        action for statement in document["Statement"] for action in _listed(statement["Action"])
    )


def _template(name: str) -> Template:
    return Template((policies_folder() / f"{name}.json").read_text(encoding="utf-8"))


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
