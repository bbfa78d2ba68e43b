"""Starting the endpoint as a child process that lives no longer than its parent."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from pytest_lambda_ml.errors import EndpointError
from pytest_lambda_ml.local.info import INFO_PATH, EndpointInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_lambda_ml.local.limits import LimiterKind

__all__ = ["Endpoint", "ask_endpoint", "start_endpoint"]

_START_PATIENCE_S = 60.0
_END_PATIENCE_S = 15.0
_STDERR_TAIL_BYTES = 2000
_ANSWER_PATIENCE_S = 5.0


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A running endpoint."""

    info: EndpointInfo

    @property
    def url(self) -> str:
        """The endpoint URL for any AWS client."""
        return self.info.url


@contextmanager
def start_endpoint(*, limiter: LimiterKind = "auto", time_scale: float = 1.0) -> Iterator[Endpoint]:
    """Run a local Lambda endpoint while the context lasts.

    Args:
        limiter: the mechanism that enforces CPU share and memory.
        time_scale: multiplies retry delays and maximum event ages (for tests).

    Raises:
        EndpointError: it did not start; the message has what it said.
    """
    command = [sys.executable, "-m", "pytest_lambda_ml.local.server", "--until-stdin-ends"]
    command += ["--limiter", limiter, "--time-scale", str(time_scale)]
    with tempfile.TemporaryFile() as errors:
        # A session of its own keeps the terminal's Ctrl-C away: the parent ends it in order.
        process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
        try:
            yield Endpoint(_read_info(process, errors))
        finally:
            _end(process)


def ask_endpoint(url: str) -> EndpointInfo | None:
    """What the endpoint at this URL says it is; ``None`` if it is not one of ours."""
    try:
        with urllib.request.urlopen(  # noqa: S310  # an http URL, checked with the settings
            url.rstrip("/") + INFO_PATH, timeout=_ANSWER_PATIENCE_S
        ) as answer:
            return EndpointInfo(**json.loads(answer.read()))
    except (OSError, ValueError, TypeError):
        return None


def _read_info(process: subprocess.Popen[bytes], errors: IO[bytes]) -> EndpointInfo:
    assert process.stdout is not None, "the process was started with a pipe"
    deadline = time.monotonic() + _START_PATIENCE_S
    while (left := deadline - time.monotonic()) > 0:
        if select.select([process.stdout], [], [], left)[0]:
            line = process.stdout.readline()
            if line.startswith(b"{"):
                return EndpointInfo(**json.loads(line))
            if not line:
                break
    errors.seek(0)
    said = errors.read()[-_STDERR_TAIL_BYTES:].decode("utf-8", "replace").strip()
    raise EndpointError(
        f"the local Lambda endpoint did not start ({process.args!r}); it said: {said or 'nothing'}"
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    """Close its standard input, which ends it; kill it if that takes too long."""
    assert process.stdin is not None, "the process was started with pipes"
    with contextlib.suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(_END_PATIENCE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()
