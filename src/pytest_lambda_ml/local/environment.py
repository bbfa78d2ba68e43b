"""One execution environment: a runtime process under limits, its Runtime API and its log stream.

An environment initialises (unthrottled, ten seconds at most), then serves one request after the
other. If initialisation fails or takes too long, Lambda runs it again inside the first
invocation, under the function's own CPU share and timeout; so does this.

`time.perf_counter` measures durations; log events bear the wall clock.
"""

from __future__ import annotations

import json
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from pytest_lambda_ml.local.environment_events import Completion
from pytest_lambda_ml.local.environment_log import EnvironmentLog
from pytest_lambda_ml.local.function_process import FunctionProcess
from pytest_lambda_ml.local.platform_log import describe_exit
from pytest_lambda_ml.local.runtime_api import RuntimeApi, RuntimeRequest
from pytest_lambda_ml.model import vcpu

if TYPE_CHECKING:
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
        self._log = EnvironmentLog(spec, events.write_log)
        self._inbox: queue.SimpleQueue[RuntimeRequest | None] = queue.SimpleQueue()
        self._process: FunctionProcess | None = None
        self._lock = threading.RLock()
        self._phase: Literal["init", "invoke", "ready", "over"] = "init"
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
            process = self._process = FunctionProcess(
                self.spec,
                self._limiter,
                runtime_api=self._api.address,
                stream=self._log.stream,
                temporary_folder=self._temporary_folder,
            )
        if self._phase == "init":
            self._init_deadline = self._events.call_at(
                process.started_at + INIT_TIMEOUT_S, self._cut_initialization_off
            )
        self._process_ended(process.run(self._log.output))

    def _process_ended(self, return_code: int) -> None:
        with self._lock:
            if self._init_deadline:
                self._init_deadline.cancel()
            if self._phase == "ready":
                self._phase = "over"
            running, self._running = self._running, None
            if running is None or self._stopping:
                return
            if running.ended_at is None:
                self._explain_end(running, return_code)
            else:
                # It had answered before it died: that invocation is over as any other.
                self._write_end(running, None, None)
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
            self._log.exited(message)
        running.error_type = error_type or "Sandbox.Timedout"
        running.body = (self._init_error or (None,))[0] or json.dumps(
            {"errorType": running.error_type, "errorMessage": message}
        ).encode()
        self._write_end(running, reason.status, error_type)

    # -- what the runtime client tells ---------------------------------------------------------

    def next_invocation(self, received_at: float) -> RuntimeRequest | None:
        """The client is ready for a request; see `RuntimeEvents`."""
        with self._lock:
            if self._phase == "over" or self._process is None:
                return None
            phase, self._phase = self._phase, "ready"
            running, self._running = (
                (self._running, None) if phase == "ready" else (None, self._running)
            )
            if self._init_deadline:
                self._init_deadline.cancel()
        if phase == "init":
            self._init_duration_ms = (received_at - self._process.started_at) * 1000
            self.resident_mb = self._peak_mb()
            self._limiter.limit_cpu(vcpu(self.spec.memory_mb))
            self._events.initialized(self)
        elif running is not None:
            self.resident_mb = self._peak_mb()
            self._write_end(running, None, None)
            self._finish(running, alive=True)
        return self._inbox.get()

    def dispatched(self, request: RuntimeRequest) -> None:
        """The invocation starts, unless it started when its initialisation did.

        A process that has ended meanwhile begins nothing: the request waits for another one.
        """
        with self._lock:
            if self._running is None and self._phase != "over":
                self._begin(request)

    def completed(
        self, request_id: str, body: bytes, error_type: str | None, received_at: float
    ) -> None:
        """The function's answer is here; what it printed before is in the pipe."""
        self._log.output.drain()
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
        self._log.start(request.request_id)
        running = self._running = _Running(request, time.perf_counter())
        call_at, started_at = self._events.call_at, running.started_at
        running.appointments = [
            call_at(started_at + self.spec.timeout_s, lambda: self._time_out(running)),
            call_at(started_at + _FLUSH_S, lambda: self._keep_flushing(running)),
        ]

    def _keep_flushing(self, running: _Running) -> None:
        """Who waits for an invocation that hangs must see that it began."""
        self._log.flush(running.log)
        if running.ended_at is None and not self._stopping:
            running.appointments[1] = self._events.call_at(
                time.perf_counter() + _FLUSH_S, lambda: self._keep_flushing(running)
            )

    def _finish(self, running: _Running, *, alive: bool) -> None:
        running.cancel_appointments()
        self._log.flush(running.log)
        completion = Completion(
            running.request.request_id, running.body, running.error_type, "".join(running.log)
        )
        self._events.completed(self, completion, alive=alive)

    def _write_end(self, running: _Running, status: str | None, error_type: str | None) -> None:
        assert running.ended_at is not None, "an invocation that is written has ended"
        duration_ms = (running.ended_at - running.started_at) * 1000
        init_duration_ms, self._init_duration_ms = self._init_duration_ms, None
        self._log.end(
            running.request.request_id,
            duration_ms=self.spec.timeout_s * 1000 if running.timed_out else duration_ms,
            init_duration_ms=init_duration_ms,
            max_memory_mb=self.resident_mb,
            status=status,
            error_type=error_type,
        )

    def _log_failed_initialization(self, phase: Literal["init", "invoke"]) -> None:
        assert self._process is not None, "what failed was started"
        error_type = None
        if phase == "invoke" or not self._init_timed_out:
            memory = self._limiter.killed_for_memory()
            exited = "Runtime.OutOfMemory" if memory else "Runtime.ExitError"
            error_type = (self._init_error or (b"", None))[1] or exited
        self._log.failed_initialization(self._process.age_ms, phase, error_type)

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
        if self._process is not None:
            self._process.kill()

    def _peak_mb(self) -> int:
        peak_mb = self._process.peak_mb() if self._process else None
        return self.resident_mb if peak_mb is None else peak_mb
