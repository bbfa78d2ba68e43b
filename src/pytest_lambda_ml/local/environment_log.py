"""What stands in the log stream of one environment, and when it gets there."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Literal

from pytest_lambda_ml.local.log_buffer import LogBuffer
from pytest_lambda_ml.local.platform_format import platform_format

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lambda_ml.local.function_spec import FunctionSpec

__all__ = ["EnvironmentLog"]


class EnvironmentLog:
    """The function's output among the platform's lines, in the function's log format.

    ``write`` appends events (epoch ms, message) to a stream of the function's log group.
    """

    def __init__(
        self, spec: FunctionSpec, write: Callable[[FunctionSpec, str, list[tuple[int, str]]], None]
    ) -> None:
        self.output = LogBuffer()
        self.stream = self.output.new_stream_name(spec.version)
        self._spec = spec
        self._write = write
        self._format = platform_format(spec.log_format)
        self._flushing = threading.Lock()

    def start(self, request_id: str) -> None:
        """An invocation begins."""
        self.output.append(self._format.start(request_id, self._spec.version))

    def end(
        self,
        request_id: str,
        *,
        duration_ms: float,
        init_duration_ms: float | None,
        max_memory_mb: int,
        status: str | None,
        error_type: str | None,
    ) -> None:
        """An invocation is over: its END and its REPORT."""
        self._append(self._format.end, request_id)
        self.output.append(
            self._format.report(
                request_id,
                duration_ms=duration_ms,
                init_duration_ms=init_duration_ms,
                memory_mb=self._spec.memory_mb,
                max_memory_mb=max(1, max_memory_mb),
                status=status,
                error_type=error_type,
            )
        )

    def exited(self, message: str) -> None:
        """The process ended before it answered."""
        self._append(self._format.exited, message)

    def failed_initialization(
        self, duration_ms: float, phase: Literal["init", "invoke"], error_type: str | None
    ) -> None:
        """An initialisation ended with an error, or without one because it took too long."""
        status = "error" if error_type else "timeout"
        self.output.append(self._format.init_report(duration_ms, phase, status, error_type))

    def flush(self, tail: list[str]) -> None:
        """Write what has come since, and add its messages to ``tail``."""
        with self._flushing:
            if events := self.output.take():
                tail += (message for _, message in events)
                self._write(self._spec, self.stream, events)

    def _append(self, line: Callable[[str], str] | None, about: str) -> None:
        """Add a line that not every format has."""
        if line is not None:
            self.output.append(line(about))
