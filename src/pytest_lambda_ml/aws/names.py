"""Names and tags of everything that a run creates: one prefix finds all of it again."""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta

__all__ = [
    "KEPT",
    "KEPT_LIFETIME",
    "LIFETIME",
    "OBJECTS_OF_RUNS",
    "PREFIX",
    "TAG",
    "bucket_name",
    "function_name",
    "kept_function_name",
    "log_group_name",
    "messages_prefix",
    "publisher_prefix",
    "queue_name",
    "role_name",
    "run_prefix",
    "tags",
    "training_prefix",
]

PREFIX = "plml"
"""Every name begins with it, so that a leftover is recognised whatever its run was."""

MAX_NAME = 64
"""Characters of a Lambda function's and of an IAM role's name (AWS Lambda and IAM API)."""

LIFETIME = timedelta(days=1)
"""After this long nothing of a run is in use any more."""

KEPT = "kept"
"""In names and tags what stands in the place of a run where something stays for the next one."""

KEPT_LIFETIME = timedelta(days=7)
"""After this long nobody waits for what has been kept."""

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
    start = f"{run_prefix(run_id)}-{number:03d}-"
    slug = _slug(cell_id)
    if len(start) + len(slug) > MAX_NAME:
        return _with_digest(start, slug, cell_id)
    return start + slug


def kept_function_name(cell_id: str, *made_of: str) -> str:
    """The function (and topic) that is kept for a cell: the same in every run.

    ``made_of`` is what no update of a function can change: with another one it is another function.
    """
    return _with_digest(f"{run_prefix(KEPT)}-", _slug(cell_id), "\0".join((cell_id, *made_of)))


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]+", "-", text).strip("-")


def _with_digest(start: str, slug: str, content: str) -> str:
    """A name that is cut to the legal length and ends in a digest of ``content``."""
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    room = MAX_NAME - len(start) - len(digest) - 1
    return f"{start}{slug[:room]}-{digest}"


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


OBJECTS_OF_RUNS = ("messages/", "publisher/", "training/")
"""How the keys begin of what belongs to one run: buckets that stay forget it after a day."""


def messages_prefix(run_id: str) -> str:
    """Under which keys the batches of a run lie."""
    return f"messages/{run_id}/"


def publisher_prefix(run_id: str) -> str:
    """How the keys begin of what a run tells the publisher, and of what it answers."""
    return f"publisher/{run_id}/"


def training_prefix(run_id: str) -> str:
    """How the keys begin of what functions that train share."""
    return f"training/{run_id}/"


def tags(run_id: str, created_at_s: float) -> dict[str, str]:
    """The tags of every resource: run, creation and expiry (UTC, ISO 8601)."""
    created = datetime.fromtimestamp(created_at_s, UTC).replace(microsecond=0)
    lifetime = KEPT_LIFETIME if run_id == KEPT else LIFETIME
    return {
        f"{TAG}:run": run_id,
        f"{TAG}:created": created.isoformat(),
        f"{TAG}:expires": (created + lifetime).isoformat(),
    }
