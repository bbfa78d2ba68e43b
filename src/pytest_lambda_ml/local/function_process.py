"""The runtime process of an environment: started under its limits, watched, and killed as a group.

Whatever the function itself has started ends with it.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from typing import TYPE_CHECKING

from pytest_lambda_ml.local.runtime_process import (
    peak_resident_mb,
    runtime_command,
    runtime_environment,
)

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_lambda_ml.local.function_spec import FunctionSpec
    from pytest_lambda_ml.local.limits import Limiter
    from pytest_lambda_ml.local.log_buffer import LogBuffer

__all__ = ["FunctionProcess"]


class FunctionProcess:
    """One run of the runtime client. Its parent thread must live as long as it does."""

    def __init__(
        self,
        spec: FunctionSpec,
        limiter: Limiter,
        *,
        runtime_api: str,
        stream: str,
        temporary_folder: Path,
    ) -> None:
        self.started_at = time.perf_counter()
        self._process = subprocess.Popen(
            limiter.command(runtime_command(spec.handler)),
            cwd=spec.task_root,
            env=runtime_environment(spec, runtime_api, stream, temporary_folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        limiter.started(self._process.pid)

    @property
    def age_ms(self) -> float:
        """How long ago it was started."""
        return (time.perf_counter() - self.started_at) * 1000

    def peak_mb(self) -> int | None:
        """Its peak resident memory so far; ``None`` once it is gone."""
        return peak_resident_mb(self._process.pid)

    def kill(self) -> None:
        """End it and all that it started."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def run(self, log: LogBuffer) -> int:
        """Collect its output until it ends; the return code, as in `subprocess`."""
        assert self._process.stdout is not None, "the process was started with a pipe"
        with self._process.stdout as output:
            log.attach(output.fileno())
            self._watch(log, output.fileno())
            log.detach()
        # Not waited for yet, so its number is nobody else's.
        self.kill()
        return self._process.wait()

    def _watch(self, log: LogBuffer, output: int) -> None:
        """Its children may hold the pipe longer than it lives."""
        handle = os.pidfd_open(self._process.pid)
        try:
            poller = select.poll()
            poller.register(output, select.POLLIN)
            poller.register(handle, select.POLLIN)
            while handle not in (ready := dict(poller.poll())):
                if not log.drain() and ready[output] & select.POLLHUP:
                    poller.unregister(output)
        finally:
            os.close(handle)
