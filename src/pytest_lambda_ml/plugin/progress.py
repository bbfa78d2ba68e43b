"""The live line while a cell is measured: which cell, invocations in of how many, time left.

On a terminal it stands below the line that pytest is writing, and vanishes; the cursor goes back to
where pytest left it. Elsewhere (CI, a file) a plain line comes at most every 15 seconds.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import nullcontext
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    import pytest

    from pytest_lambda_ml.campaign.session import Progress

__all__ = ["ProgressLine", "progress_text"]

PLAIN_EVERY_S = 15.0
REDRAW_EVERY_S = 0.1
CLEAR_LINE = "\r\x1b[2K"
UP_ONE = "\x1b[1A"


def progress_text(progress: Progress) -> str:
    """One line: ``svm-reference-512-4-100: 12 of 20 in, 8 s left``."""
    text = f"{progress.cell_id}: {progress.received} of {progress.expected} in"
    if progress.published < progress.expected:
        text += f", {progress.published} published"
    if progress.seconds_left is not None and progress.received < progress.expected:
        text += f", {_duration(progress.seconds_left)} left"
    return text


def _duration(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole} s" if whole < 100 else f"{whole // 60} min {whole % 60:02} s"


class ProgressLine:
    """Shows progress, and anything else that takes a while, without disturbing pytest's output."""

    def __init__(self, config: pytest.Config, clock: Callable[[], float] = time.monotonic) -> None:
        self._reporter = config.pluginmanager.getplugin("terminalreporter")
        self._capture = config.pluginmanager.getplugin("capturemanager")
        self._clock = clock
        self._writer = config.get_terminal_writer() if self._reporter else None
        live = self._reporter is not None and self._reporter.isatty
        self._live = live and os.environ.get("TERM", "dumb") != "dumb"
        self._shown = False
        self._last_s = clock()
        self._subject = ""

    def __call__(self, progress: Progress) -> None:
        """Show how far a cell is."""
        self._show(progress.cell_id, progress_text(progress))

    def say(self, subject: str, text: str) -> None:
        """Show a step that takes a while: ``svm: training``."""
        self._show(subject, f"{subject}: {text}")

    def clear(self) -> None:
        """Take the line away, before pytest writes again."""
        if self._shown:
            self._shown = False
            column = self._writer.width_of_current_line + 1 if self._writer else 1
            self._write(f"{CLEAR_LINE}{UP_ONE}\x1b[{column}G")

    def _show(self, subject: str, text: str) -> None:
        if self._reporter is None or self._reporter.verbosity < -1:
            return
        now_s, new = self._clock(), subject != self._subject
        if new:
            self._subject = subject
        if self._live:
            if new or not self._shown or now_s - self._last_s >= REDRAW_EVERY_S:
                self._last_s = now_s
                self._draw(text)
        elif new:
            self._last_s = now_s
        elif now_s - self._last_s >= PLAIN_EVERY_S:
            self._last_s = now_s
            self._write_plain(f"  {text}")

    def _write_plain(self, line: str) -> None:
        """A line of its own, after which the test's file is named again, as pytest does it."""
        test = os.environ.get("PYTEST_CURRENT_TEST", "").rpartition(" ")[0]
        with self._uncaptured():
            self._reporter.write_line(line)
            if test and self._reporter.verbosity == 0:
                self._reporter.write_fspath_result(test, "")
            sys.stdout.flush()

    def _draw(self, text: str) -> None:
        width = self._writer.fullwidth if self._writer else 80
        start = CLEAR_LINE if self._shown else "\n" + CLEAR_LINE
        self._shown = True
        self._write(start + f"  {text}"[: width - 1])

    def _write(self, text: str) -> None:
        with self._uncaptured():
            sys.stdout.write(text)
            sys.stdout.flush()

    def _uncaptured(self) -> AbstractContextManager[None]:
        if self._capture is None:
            return nullcontext()
        context: AbstractContextManager[None] = self._capture.global_and_fixture_disabled()
        return context
