"""The local Lambda data plane: carries out what the scheduler decides.

One lock guards the scheduler and the tables beside it; whatever may block (starting processes,
waiting for a synchronous answer) happens outside of it.
"""

from __future__ import annotations

import json
import logging
import shutil
import threading
import time
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from pytest_lambda_ml.local.environment import Environment
from pytest_lambda_ml.local.environment_events import Completion
from pytest_lambda_ml.local.runtime_api import RuntimeRequest
from pytest_lambda_ml.local.scheduler import Scheduler
from pytest_lambda_ml.local.scheduler_actions import (
    AgedOut,
    Dispatch,
    Ended,
    Evict,
    FunctionLimits,
    HostCapacity,
    Start,
)
from pytest_lambda_ml.local.timetable import Appointment, Timetable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from pytest_lambda_ml.local.awake import Awake
    from pytest_lambda_ml.local.function_spec import FunctionSpec
    from pytest_lambda_ml.local.limits import Mechanism

__all__ = ["DataPlane", "Surroundings"]

_log = logging.getLogger(__name__)

_ABANDONED = Completion("", b'{"errorMessage":"The function was deleted"}', "Deleted", "")


class Surroundings(Protocol):
    """The services around Lambda that the data plane writes to."""

    def write_log(self, spec: FunctionSpec, stream: str, events: list[tuple[int, str]]) -> None:
        """Append events (epoch ms, message) to a stream of the function's log group."""

    def send_to_destination(self, spec: FunctionSpec, arn: str, record: str) -> None:
        """Send a record to an asynchronous invocation's destination."""


@dataclass(frozen=True, slots=True)
class _Function:
    spec: FunctionSpec
    on_failure_arn: str | None
    on_success_arn: str | None = None


@dataclass(slots=True)
class _Invocation:
    request_id: str
    function: _Function
    payload: bytes
    invoked_arn: str
    asynchronous: bool
    done: threading.Event = field(default_factory=threading.Event)
    completion: Completion = _ABANDONED


class DataPlane:
    """All functions of one endpoint and their execution environments."""

    def __init__(
        self,
        capacity: HostCapacity,
        mechanism: Mechanism,
        surroundings: Surroundings,
        folder: Path,
        *,
        awake: Awake | None = None,
        time_scale: float = 1.0,
    ) -> None:
        self._scheduler = Scheduler(capacity, time_scale=time_scale)
        self._mechanism = mechanism
        self._surroundings = surroundings
        self._folder = folder
        self._awake = awake
        self._lock = threading.RLock()
        self._functions: dict[str, _Function] = {}
        self._invocations: dict[str, _Invocation] = {}
        self._environments: dict[int, Environment] = {}
        self._timetable = Timetable()
        self._wake: Appointment | None = None

    # -- for the control plane -----------------------------------------------------------------

    def put_function(
        self,
        spec: FunctionSpec,
        limits: FunctionLimits,
        on_failure_arn: str | None = None,
        on_success_arn: str | None = None,
    ) -> None:
        """Create or change a function. A changed spec retires the environments made for it."""
        with self._lock:
            before = self._functions.get(spec.arn)
            self._functions[spec.arn] = _Function(spec, on_failure_arn, on_success_arn)
            self._scheduler.configure(spec.arn, limits)
            if before is not None and before.spec != spec:
                self._stop(self._scheduler.retire(spec.arn))
            self._advance()

    def remove_function(self, arn: str) -> None:
        """Delete a function: its queue is abandoned, its environments are killed."""
        with self._lock:
            self._functions.pop(arn, None)
            environments, requests = self._scheduler.remove(arn)
            stopped = self._stop(environments)
            for request_id in requests:
                if invocation := self._invocations.pop(request_id, None):
                    invocation.done.set()
            self._advance()
        for environment in stopped:
            environment.wait_ended()

    def enqueue(self, arn: str, payload: bytes, *, invoked_arn: str) -> str:
        """Queue an asynchronous event; returns its request id at once.

        ``arn`` is the version's that runs, ``invoked_arn`` what the caller named (an alias, say).
        """
        return self._submit(arn, payload, invoked_arn, asynchronous=True).request_id

    def invoke(self, arn: str, payload: bytes, *, invoked_arn: str) -> tuple[str, Completion]:
        """Invoke and wait for the answer; the ARNs are those of `enqueue`.

        Raises:
            ThrottledError: the function has no concurrency left.
        """
        invocation = self._submit(arn, payload, invoked_arn, asynchronous=False)
        invocation.done.wait()
        return invocation.request_id, invocation.completion

    def close(self) -> None:
        """Kill all environments and wait until nothing is left of them."""
        self._timetable.close()
        with self._lock:
            environments = list(self._environments.values())
            for arn in tuple(self._functions):
                self._scheduler.remove(arn)
            for invocation in self._invocations.values():
                invocation.done.set()
        for environment in environments:
            environment.stop()
        for environment in environments:
            environment.wait_ended()

    # -- for the environments ------------------------------------------------------------------

    def initialized(self, environment: Environment) -> None:
        """An environment waits for its first request."""
        with self._lock:
            self._scheduler.ready(environment.number, environment.resident_mb)
            self._retire_if_outdated(environment)
            self._advance()

    def completed(self, environment: Environment, completion: Completion, *, alive: bool) -> None:
        """An environment ended its invocation; a dead one must not get the next request."""
        with self._lock:
            if invocation := self._invocations.get(completion.request_id):
                invocation.completion = completion
            self._scheduler.finished(
                environment.number,
                time.perf_counter(),
                failed=completion.error_type is not None,
                resident_mb=environment.resident_mb,
            )
            if not alive:
                self._scheduler.gone(environment.number)
            self._retire_if_outdated(environment)
            self._advance()

    def ended(self, environment: Environment) -> None:
        """An environment's process is gone; a request that it had not begun goes to another."""
        shutil.rmtree(self._temporary_folder(environment.number), ignore_errors=True)
        with self._lock:
            self._scheduler.gone(environment.number)
            self._environments.pop(environment.number, None)
            self._advance()

    def write_log(self, spec: FunctionSpec, stream: str, events: list[tuple[int, str]]) -> None:
        """Append events to the environment's log stream."""
        self._surroundings.write_log(spec, stream, events)

    def call_at(self, at: float, action: Callable[[], None]) -> Appointment:
        """Call this at a time of `time.perf_counter`."""
        return self._timetable.call_at(at, action)

    # -- how -----------------------------------------------------------------------------------

    def _submit(
        self, arn: str, payload: bytes, invoked_arn: str, *, asynchronous: bool
    ) -> _Invocation:
        with self._lock:
            invocation = _Invocation(
                str(uuid.uuid4()), self._functions[arn], payload, invoked_arn, asynchronous
            )
            self._scheduler.submit(
                arn, invocation.request_id, time.perf_counter(), asynchronous=asynchronous
            )
            self._invocations[invocation.request_id] = invocation
            self._advance()
        return invocation

    def _advance(self) -> None:
        for action in self._scheduler.advance(time.perf_counter()):
            match action:
                case Start(number, arn):
                    self._start(number, self._functions[arn].spec)
                case Dispatch(number, request_id):
                    self._environments[number].invoke(self._request(request_id))
                case Evict(number):
                    self._stop((number,))
                case AgedOut(request_id, attempts):
                    self._give_up(request_id, attempts, "EventAgeExceeded")
                case Ended(request_id, attempts, failed):
                    if self._invocations[request_id].asynchronous:
                        condition = "RetriesExhausted" if failed else "Success"
                        self._give_up(request_id, attempts, condition)
                    else:
                        self._invocations.pop(request_id).done.set()
        if self._awake is not None:
            self._awake.keep(awake=self._scheduler.throttled)
        self._set_alarm()

    def _set_alarm(self) -> None:
        """Advance again in time. An alarm that rings too early does no harm, so it may stay."""
        wake_at = self._scheduler.next_wake()
        if wake_at is None or (self._wake is not None and self._wake.at <= wake_at):
            return
        if self._wake is not None:
            self._wake.cancel()
        self._wake = self._timetable.call_at(wake_at, self._ring)

    def _ring(self) -> None:
        with self._lock:
            self._wake = None
            self._advance()

    def _start(self, number: int, spec: FunctionSpec) -> None:
        folder = self._temporary_folder(number)
        folder.mkdir(parents=True)
        limiter = self._mechanism.create(f"environment-{number}", spec.memory_mb)
        environment = Environment(number, spec, limiter, folder, self)
        self._environments[number] = environment
        environment.start()

    def _retire_if_outdated(self, environment: Environment) -> None:
        function = self._functions.get(environment.spec.arn)
        if function is not None and function.spec != environment.spec:
            self._scheduler.gone(environment.number)
            environment.stop()

    def _temporary_folder(self, number: int) -> Path:
        return self._folder / "tmp" / str(number)

    def _stop(self, numbers: Iterable[int]) -> list[Environment]:
        environments = [self._environments[item] for item in numbers if item in self._environments]
        for environment in environments:
            environment.stop()
        return environments

    def _request(self, request_id: str) -> RuntimeRequest:
        invocation = self._invocations[request_id]
        spec = invocation.function.spec
        now_s = time.time()
        return RuntimeRequest(
            request_id=request_id,
            payload=invocation.payload,
            function_arn=invocation.invoked_arn,
            deadline_ms=int((now_s + spec.timeout_s) * 1000),
            trace_id=f"Root=1-{int(now_s):08x}-{uuid.uuid4().hex[:24]};Sampled=0",
        )

    def _give_up(self, request_id: str, attempts: int, condition: str) -> None:
        """The event will not be tried again: its record goes to the destination, if it has one."""
        invocation = self._invocations.pop(request_id)
        invocation.done.set()
        function = self._functions.get(invocation.function.spec.arn)
        if function is None:
            return
        succeeded = condition == "Success"
        destination = function.on_success_arn if succeeded else function.on_failure_arn
        if destination is None:
            return
        record = _destination_record(invocation, attempts, condition)
        try:
            self._surroundings.send_to_destination(function.spec, destination, json.dumps(record))
        except Exception:  # noqa: BLE001  # whatever a service raises
            # As on AWS, a destination that cannot be reached loses the record, not the function.
            _log.exception("no record could be sent to %s", destination)


def _destination_record(invocation: _Invocation, attempts: int, condition: str) -> dict[str, Any]:
    """The record as Lambda's asynchronous destinations receive it.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    spec = invocation.function.spec
    record: dict[str, Any] = {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": invocation.request_id,
            # A published version's ARN has its number already, that of $LATEST has none.
            "functionArn": f"{spec.arn.removesuffix(f':{spec.version}')}:{spec.version}",
            "condition": condition,
            "approximateInvokeCount": attempts,
        },
        "requestPayload": json.loads(invocation.payload),
    }
    if condition != "EventAgeExceeded":
        error = {} if condition == "Success" else {"functionError": "Unhandled"}
        record["responseContext"] = {"statusCode": 200, "executedVersion": spec.version, **error}
        record["responsePayload"] = json.loads(invocation.completion.body or b"null")
    return record
