"""What an execution environment tells, and whom."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pytest_lambda_ml.local.environment import Environment
    from pytest_lambda_ml.local.function_spec import FunctionSpec

__all__ = ["Callback", "Completion", "Deadline", "EnvironmentEvents"]


@dataclass(frozen=True, slots=True)
class Completion:
    """How an invocation ended: the function's answer, or the error in its place."""

    request_id: str
    body: bytes
    error_type: str | None
    log_tail: str


class Deadline(Protocol):
    """A call that was asked for and can be cancelled."""

    def cancel(self) -> None:
        """Do not call any more."""


class EnvironmentEvents(Protocol):
    """Whom an environment tells what happens in it, from its own threads."""

    def initialized(self, environment: Environment) -> None:
        """It waits for its first request."""

    def completed(self, environment: Environment, completion: Completion, *, alive: bool) -> None:
        """Its invocation is over and its log is written; whether it can take another one."""

    def ended(self, environment: Environment) -> None:
        """Its process is gone."""

    def write_log(self, spec: FunctionSpec, stream: str, events: list[tuple[int, str]]) -> None:
        """Append events (epoch ms, message) to its stream."""

    def call_at(self, at: float, action: Callback) -> Deadline:
        """Call this at a time of `time.perf_counter`."""


class Callback(Protocol):
    """A call without arguments."""

    def __call__(self) -> None: ...
