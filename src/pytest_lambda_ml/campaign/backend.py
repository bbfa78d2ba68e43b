"""What a campaign runs against, as plain data: AWS, or the Lambda endpoint on this machine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_lambda_ml.aws.resources import Durable

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_lambda_ml.aws.session import AwsClients

__all__ = ["Backend", "Fargate"]


@dataclass(frozen=True, slots=True)
class Fargate:
    """Publishing next to the topics: the base's ECS cluster, and where its image is made."""

    cluster: str
    cache_dir: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """One backend and what is known about its honesty.

    ``region`` is where functions run and, locally, the region whose prices are applied.
    ``cpu_enforced`` and ``memory_enforced`` name the mechanism (``"aws"`` on AWS) or are ``None``.
    ``host_cores`` and ``capacity_vcpu`` (the vCPU that admission hands out at one time) are
    ``None`` on AWS, where a function never shares its vCPU with another. ``durable`` is what the
    user has prepared there: it is used and never deleted. With ``keep`` functions, and what they
    need, stay there for the next run. With ``fargate`` a task there publishes
    (it needs a durable bucket and repository), else this machine does.
    """

    kind: Literal["aws", "local"]
    clients: AwsClients
    region: str
    cpu_enforced: str | None
    memory_enforced: str | None
    host_cores: int | None = None
    capacity_vcpu: float | None = None
    cpu_model: str | None = None
    dependencies: Literal["host", "package"] = "package"
    durable: Durable = field(default_factory=Durable)
    fargate: Fargate | None = None
    keep: bool = False
