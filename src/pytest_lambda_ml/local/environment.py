"""One execution environment: a runtime process under limits, its Runtime API and its log stream.

An environment initialises (unthrottled, ten seconds at most), then serves one request after the
other. If initialisation fails or takes too long, Lambda runs it again inside the first
invocation, under the function's own CPU share and timeout; so does this.

`time.perf_counter` measures durations; log events bear the wall clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import select
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_lambda_ml.local.environment_events import Completion
from pytest_lambda_ml.local.log_buffer import LogBuffer
from pytest_lambda_ml.local.platform_format import platform_format
from pytest_lambda_ml.local.platform_log import describe_exit
from pytest_lambda_ml.local.runtime_api import RuntimeApi, RuntimeRequest
from pytest_lambda_ml.local.runtime_process import (
    peak_resident_mb,
    runtime_command,
    runtime_environment,
)
from pytest_lambda_ml.model import vcpu

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_lambda_ml.local.environment_events import Deadline, EnvironmentEvents
    from pytest_lambda_ml.local.function_spec import FunctionSpec
    from pytest_lambda_ml.local.limits import Limiter

__all__ = ["INIT_TIMEOUT_S", "Environment"]

INIT_TIMEOUT_S = 10.0
"""Lambda cuts initialisation off after ten seconds and runs it again in the first invocation."""

_STOP_PATIENCE_S = 5.0

_FLUSH_S = 0.25
"""A running invocation's log lines can be read so long after they were written, at the latest."""


@dataclass(slots=True)
class _Running:
    """The invocation at work."""

    request: RuntimeRequest
    started_at: float
    appointments: list[Deadline] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    timed_out: bool = False
    ended_at: float | None = None
    body: bytes = b""
    error_type: str | None = None

    def cancel_appointments(self) -> None:
        """It is over: nothing is to be done about it any more."""
        for appointment in self.appointments:
            appointment.cancel()


class Environment:
    """A process that serves one function, from its start to its end."""

    def __init__(
        self,
        number: int,
        spec: FunctionSpec,
        limiter: Limiter,
        temporary_folder: Path,
        events: EnvironmentEvents,
    ) -> None:
        self.number = number
        self.spec = spec
        self.resident_mb = 0
        self._limiter = limiter
        self._temporary_folder = temporary_folder
        self._events = events
        self._log = LogBuffer()
        self._format = platform_format(spec.log_format)
        self.stream = self._log.new_stream_name(spec.version)
        self._inbox: queue.SimpleQueue[RuntimeRequest | None] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.RLock()
        self._flushing = threading.Lock()
        self._phase: Literal["init", "invoke", "ready"] = "init"
        self._spawned_at = 0.0
        self._init_deadline: Deadline | None = None
        self._init_timed_out = False
        self._init_error: tuple[bytes, str | None] | None = None
        self._init_duration_ms: float | None = None
        self._running: _Running | None = None
        self._stopping = False
        self._api = RuntimeApi(self)
        self._ended = threading.Event()

    def start(self) -> None:
        """Start the process. Its parent thread lives as long as it (for the death signal)."""
        threading.Thread(target=self._live, name=f"environment-{self.number}", daemon=True).start()

    def invoke(self, request: RuntimeRequest) -> None:
        """Hand over a request; the environment is idle."""
        self._inbox.put(request)

    def stop(self) -> None:
        """Kill the process; what it was doing is abandoned."""
        with self._lock:
            self._stopping = True
            self._inbox.put(None)
            self._kill()

    def wait_ended(self, timeout_s: float = _STOP_PATIENCE_S) -> bool:
        """Wait until nothing of it is left; whether that came true."""
        return self._ended.wait(timeout_s)

    # -- the life of the process ---------------------------------------------------------------

    def _live(self) -> None:
        try:
            self._run_process()
            with self._lock:
                initialization_failed = self._phase == "init" and not self._stopping
            if initialization_failed:
                self._initialize_inside_invocation()
        finally:
            self._inbox.put(None)
            self._api.close()
            self._limiter.close()
            self._ended.set()
            self._events.ended(self)

    def _initialize_inside_invocation(self) -> None:
        self._log_failed_initialization("init")
        self._phase = "invoke"
        self._events.initialized(self)
        request = self._inbox.get()
        if request is None:
            return
        self._begin(request)
        self._limiter.limit_cpu(vcpu(self.spec.memory_mb))
        self._inbox.put(request)
        self._run_process()

    def _run_process(self) -> None:
        """Start the runtime and stay with it until it has ended."""
        with self._lock:
            if self._stopping:
                return
            self._spawned_at = time.perf_counter()
            process = self._process = self._spawn()
        self._limiter.started(process.pid)
        if self._phase == "init":
            self._init_deadline = self._events.call_at(
                self._spawned_at + INIT_TIMEOUT_S, self._cut_initialization_off
            )
        assert process.stdout is not None, "the process was started with a pipe"
        with process.stdout as output:
            self._log.attach(output.fileno())
            self._watch(process, output.fileno())
            self._log.detach()
        self._process_ended(process.wait())

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self._limiter.command(runtime_command(self.spec.handler)),
            cwd=self.spec.task_root,
            env=runtime_environment(
                self.spec, self._api.address, self.stream, self._temporary_folder
            ),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def _watch(self, process: subprocess.Popen[bytes], output: int) -> None:
        """Collect output until the process ends; its children may hold the pipe longer."""
        os.set_blocking(output, False)
        handle = os.pidfd_open(process.pid)
        try:
            poller = select.poll()
            poller.register(output, select.POLLIN)
            poller.register(handle, select.POLLIN)
            while handle not in (ready := dict(poller.poll())):
                if not self._log.drain() and ready[output] & select.POLLHUP:
                    poller.unregister(output)
        finally:
            os.close(handle)

    def _process_ended(self, return_code: int) -> None:
        with self._lock:
            if self._init_deadline:
                self._init_deadline.cancel()
            running, self._running = self._running, None
            if running is None or self._stopping:
                return
            if running.ended_at is None:
                self._explain_end(running, return_code)
        self._finish(running, alive=False)

    def _explain_end(self, running: _Running, return_code: int) -> None:
        running.ended_at = time.perf_counter()
        memory = self._limiter.killed_for_memory()
        if memory:
            self.resident_mb = self.spec.memory_mb
        reason = describe_exit(
            return_code,
            killed_for_memory=memory,
            timed_out=running.timed_out,
            timeout_s=self.spec.timeout_s,
        )
        error_type = reason.error_type
        if self._phase == "invoke" and not running.timed_out:
            self._log_failed_initialization("invoke")
            error_type = (self._init_error or (b"", None))[1] or error_type
        message = f"RequestId: {running.request.request_id} {reason.message}"
        if not running.timed_out and not self._init_error:
            self._log_platform(self._format.exited, message)
        running.error_type = error_type or "Sandbox.Timedout"
        running.body = (self._init_error or (None,))[0] or json.dumps(
            {"errorType": running.error_type, "errorMessage": message}
        ).encode()
        self._write_end(running, reason.status, error_type)

    # -- what the runtime client tells ---------------------------------------------------------

    def next_invocation(self, received_at: float) -> RuntimeRequest | None:
        """The client is ready for a request; see `RuntimeEvents`."""
        with self._lock:
            phase, self._phase = self._phase, "ready"
            running, self._running = (
                (self._running, None) if phase == "ready" else (None, self._running)
            )
            if self._init_deadline:
                self._init_deadline.cancel()
        if phase == "init":
            self._init_duration_ms = (received_at - self._spawned_at) * 1000
            self.resident_mb = self._peak_mb()
            self._limiter.limit_cpu(vcpu(self.spec.memory_mb))
            self._events.initialized(self)
        elif running is not None:
            self.resident_mb = self._peak_mb()
            self._write_end(running, None, None)
            self._finish(running, alive=True)
        return self._inbox.get()

    def dispatched(self, request: RuntimeRequest) -> None:
        """The invocation starts, unless it started when its initialisation did."""
        if self._running is None:
            self._begin(request)

    def completed(
        self, request_id: str, body: bytes, error_type: str | None, received_at: float
    ) -> None:
        """The function's answer is here; what it printed before is in the pipe."""
        self._log.drain()
        with self._lock:
            running = self._running
            if running is None or running.request.request_id != request_id:
                return
            running.ended_at, running.body, running.error_type = received_at, body, error_type
            running.cancel_appointments()

    def initialization_failed(self, body: bytes, error_type: str | None) -> None:
        """The client could not import the handler; it exits next."""
        self._init_error = (body, error_type)

    # -- how -----------------------------------------------------------------------------------

    def _begin(self, request: RuntimeRequest) -> None:
        self._log.append(self._format.start(request.request_id, self.spec.version))
        running = self._running = _Running(request, time.perf_counter())
        call_at, started_at = self._events.call_at, running.started_at
        running.appointments = [
            call_at(started_at + self.spec.timeout_s, lambda: self._time_out(running)),
            call_at(started_at + _FLUSH_S, lambda: self._keep_flushing(running)),
        ]

    def _keep_flushing(self, running: _Running) -> None:
        """Who waits for an invocation that hangs must see that it began."""
        self._flush(running)
        if running.ended_at is None and not self._stopping:
            running.appointments.append(
                self._events.call_at(
                    time.perf_counter() + _FLUSH_S, lambda: self._keep_flushing(running)
                )
            )

    def _flush(self, running: _Running) -> None:
        with self._flushing:
            if events := self._log.take():
                running.log += (message for _, message in events)
                self._events.write_log(self.spec, self.stream, events)

    def _finish(self, running: _Running, *, alive: bool) -> None:
        running.cancel_appointments()
        self._flush(running)
        completion = Completion(
            running.request.request_id, running.body, running.error_type, "".join(running.log)
        )
        self._events.completed(self, completion, alive=alive)

    def _write_end(self, running: _Running, status: str | None, error_type: str | None) -> None:
        assert running.ended_at is not None, "an invocation that is written has ended"
        duration_ms = (running.ended_at - running.started_at) * 1000
        if running.timed_out:
            duration_ms = self.spec.timeout_s * 1000
        init_duration_ms, self._init_duration_ms = self._init_duration_ms, None
        request_id = running.request.request_id
        self._log_platform(self._format.end, request_id)
        self._log.append(
            self._format.report(
                request_id,
                duration_ms=duration_ms,
                init_duration_ms=init_duration_ms,
                memory_mb=self.spec.memory_mb,
                max_memory_mb=max(1, self.resident_mb),
                status=status,
                error_type=error_type,
            )
        )

    def _log_failed_initialization(self, phase: Literal["init", "invoke"]) -> None:
        duration_ms = (time.perf_counter() - self._spawned_at) * 1000
        status = "timeout" if self._init_timed_out and phase == "init" else "error"
        error_type = None
        if status == "error":
            memory = self._limiter.killed_for_memory()
            exited = "Runtime.OutOfMemory" if memory else "Runtime.ExitError"
            error_type = (self._init_error or (b"", None))[1] or exited
        self._log.append(self._format.init_report(duration_ms, phase, status, error_type))

    def _log_platform(self, line: Callable[[str], str] | None, about: str) -> None:
        """Write a line that not every format has."""
        if line is not None:
            self._log.append(line(about))

    def _cut_initialization_off(self) -> None:
        with self._lock:
            if self._phase == "init":
                self._init_timed_out = True
                self._kill()

    def _time_out(self, running: _Running) -> None:
        with self._lock:
            if self._running is running and running.ended_at is None:
                self.resident_mb = self._peak_mb()
                running.timed_out = True
                self._kill()

    def _kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _peak_mb(self) -> int:
        peak_mb = peak_resident_mb(self._process.pid) if self._process else None
        return self.resident_mb if peak_mb is None else peak_mb
