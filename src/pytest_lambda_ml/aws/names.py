"""Names and tags of everything that a run creates: one prefix finds all of it again."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

__all__ = [
    "LIFETIME",
    "PREFIX",
    "TAG",
    "bucket_name",
    "function_name",
    "log_group_name",
    "publisher_prefix",
    "queue_name",
    "role_name",
    "run_prefix",
    "tags",
]

PREFIX = "plml"
"""Every name begins with it, so that a leftover is recognised whatever its run was."""

MAX_NAME = 64
"""Characters of a Lambda function's and of an IAM role's name (AWS Lambda and IAM API)."""

LIFETIME = timedelta(days=1)
"""After this long nothing of a run is in use any more."""

TAG = "pytest-lambda-ml"
"""How the keys of all tags begin."""


def run_prefix(run_id: str) -> str:
    """How every name of this run begins."""
    return f"{PREFIX}-{run_id}"


def function_name(run_id: str, number: int, cell_id: str) -> str:
    """The function (and topic) of the ``number``-th cell of a run: at most 64 legal characters.

    What is not legal becomes a hyphen. A cell id too long is cut and ends in a digest of itself,
    so that two long ones stay apart.
    """
    slug = re.sub(r"[^A-Za-z0-9_-]+", "-", cell_id).strip("-")
    start = f"{run_prefix(run_id)}-{number:03d}-"
    room = MAX_NAME - len(start)
    if len(slug) > room:
        digest = hashlib.sha256(cell_id.encode()).hexdigest()[:8]
        slug = f"{slug[: room - len(digest) - 1]}-{digest}"
    return start + slug


def role_name(run_id: str, region: str) -> str:
    """The execution role of a run's functions in a region; roles themselves have no region."""
    return f"{run_prefix(run_id)}-{region}-function"


def bucket_name(run_id: str, region: str, account: str) -> str:
    """The bucket for packages; bucket names are unique in the world, hence the account."""
    return f"{run_prefix(run_id)}-{region}-{account}".lower()


def queue_name(run_id: str) -> str:
    """The on-failure destination of all functions of a run."""
    return f"{run_prefix(run_id)}-failures"


def log_group_name(run_id: str) -> str:
    """The log group of all functions of a run.

    It lies where Lambda would create a function's own group, so that one prefix finds both.
    """
    return f"/aws/lambda/{run_prefix(run_id)}"


def publisher_prefix(run_id: str) -> str:
    """How the keys begin of what a run tells the publisher, and of what it answers."""
    return f"publisher/{run_id}/"


def tags(run_id: str, created_at_s: float) -> dict[str, str]:
    """The tags of every resource: run, creation and expiry (UTC, ISO 8601)."""
    created = datetime.fromtimestamp(created_at_s, UTC).replace(microsecond=0)
    return {
        f"{TAG}:run": run_id,
        f"{TAG}:created": created.isoformat(),
        f"{TAG}:expires": (created + LIFETIME).isoformat(),
    }
