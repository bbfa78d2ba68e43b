"""What an execution environment needs to know of its function; a change retires environments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["FunctionSpec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """A function version as deployed. ``task_root`` is its unpacked code.

    ``log_format`` is Lambda's ``LogFormat``. ``endpoint_url`` is where AWS clients of the function
    are to go.
    """

    name: str
    arn: str
    version: str
    account_id: str
    region: str
    handler: str
    memory_mb: int
    timeout_s: float
    log_group: str
    log_format: str = "Text"
    task_root: Path
    endpoint_url: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
