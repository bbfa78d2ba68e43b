"""The platform's lines in the log format that a function asks for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from pytest_lambda_ml.local.platform_json import init_report_event, report_event, start_event
from pytest_lambda_ml.local.platform_log import (
    end_line,
    exit_lines,
    init_report_line,
    report_line,
    start_line,
)

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PlatformFormat", "platform_format"]


class _Report(Protocol):
    def __call__(
        self,
        request_id: str,
        *,
        duration_ms: float,
        init_duration_ms: float | None,
        memory_mb: int,
        max_memory_mb: int,
        status: str | None = None,
        error_type: str | None = None,
    ) -> str: ...


@dataclass(frozen=True, slots=True)
class PlatformFormat:
    """How each line is written; ``None`` where the format has no such line."""

    start: Callable[[str, str], str]
    end: Callable[[str], str] | None
    report: _Report
    init_report: Callable[[float, str, str, str | None], str]
    exited: Callable[[str], str] | None


_TEXT = PlatformFormat(start_line, end_line, report_line, init_report_line, exit_lines)
_JSON = PlatformFormat(start_event, None, report_event, init_report_event, None)


def platform_format(log_format: str) -> PlatformFormat:
    """The lines of Lambda's ``LogFormat``, ``"JSON"`` or ``"Text"``."""
    return _JSON if log_format == "JSON" else _TEXT
