"""The Lambda Runtime API (version 2018-06-01) of one execution environment.

Each environment has a listening socket of its own on the loopback interface, because a runtime
client is told a bare ``host:port`` and nothing by which it could name itself. A thread serves each
connection: the client keeps one for its loop and opens another to report a failed
initialisation. HTTP itself is h11's business.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from dataclasses import dataclass
from typing import Protocol

import h11

__all__ = ["RuntimeApi", "RuntimeEvents", "RuntimeRequest"]

_RECEIVE_BYTES = 256 * 1024
_ROUTE = "/2018-06-01/runtime/"
_ACCEPTED = b'{"status":"OK"}\n'
_JSON = ("Content-Type", "application/json")


@dataclass(frozen=True, slots=True)
class RuntimeRequest:
    """An invocation as the runtime client sees it."""

    request_id: str
    payload: bytes
    function_arn: str
    deadline_ms: int
    trace_id: str


class RuntimeEvents(Protocol):
    """What the runtime client of one environment tells. Times are `time.perf_counter` seconds."""

    def next_invocation(self, received_at: float) -> RuntimeRequest | None:
        """The client is ready; blocks until there is a request, ``None`` to end the client."""

    def dispatched(self, request: RuntimeRequest) -> None:
        """The request is about to be sent: the invocation starts."""

    def completed(
        self, request_id: str, body: bytes, error_type: str | None, received_at: float
    ) -> None:
        """The client sent the result, or with an error type the error, of an invocation."""

    def initialization_failed(self, body: bytes, error_type: str | None) -> None:
        """The client could not initialise the function."""


@dataclass(frozen=True, slots=True)
class _Incoming:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    received_at: float


class RuntimeApi:
    """Serves one environment until it is closed."""

    def __init__(self, events: RuntimeEvents, host: str = "127.0.0.1") -> None:
        self._events = events
        self._listener = socket.create_server((host, 0))
        self._connections: list[socket.socket] = []
        address, port = self._listener.getsockname()[:2]
        self.address: str = f"{address}:{port}"
        threading.Thread(
            target=self._accept, name=f"runtime-api-{self.address}", daemon=True
        ).start()

    def close(self) -> None:
        """Stop listening and drop the connections."""
        for item in (self._listener, *self._connections):
            # A blocked accept or recv ends on shutdown, not on close.
            with contextlib.suppress(OSError):
                item.shutdown(socket.SHUT_RDWR)
            item.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._connections.append(connection)
            threading.Thread(
                target=self._serve, args=(connection,), name="runtime-api", daemon=True
            ).start()

    def _serve(self, connection: socket.socket) -> None:
        http = h11.Connection(h11.SERVER)
        # The client may be killed at any moment: that ends the connection, not the endpoint.
        with contextlib.suppress(OSError, h11.RemoteProtocolError), connection:
            while (incoming := self._receive(connection, http)) is not None:
                if not self._answer(connection, http, incoming):
                    return
                http.start_next_cycle()

    @staticmethod
    def _receive(connection: socket.socket, http: h11.Connection) -> _Incoming | None:
        request: h11.Request | None = None
        body: list[bytes] = []
        received_at: float | None = None
        while True:
            event = http.next_event()
            if event is h11.NEED_DATA:
                if http.they_are_waiting_for_100_continue:
                    go_on = h11.InformationalResponse(status_code=100, headers=[])
                    connection.sendall(http.send(go_on) or b"")
                data = connection.recv(_RECEIVE_BYTES)
                received_at = received_at or time.perf_counter()
                http.receive_data(data)
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body.append(bytes(event.data))
            elif isinstance(event, h11.EndOfMessage) and request is not None:
                headers = {key.decode(): value.decode("latin-1") for key, value in request.headers}
                return _Incoming(
                    request.method.decode(),
                    request.target.decode(),
                    headers,
                    b"".join(body),
                    received_at or time.perf_counter(),
                )
            else:
                return None

    def _answer(self, connection: socket.socket, http: h11.Connection, incoming: _Incoming) -> bool:
        route = incoming.path.partition(_ROUTE)[2].strip("/").split("/")
        error_type = incoming.headers.get("lambda-runtime-function-error-type")
        match (incoming.method, route):
            case ("GET", ["invocation", "next"]):
                request = self._events.next_invocation(incoming.received_at)
                if request is None:
                    return False
                answer = _response(http, 200, _request_headers(request), request.payload)
                self._events.dispatched(request)
                connection.sendall(answer)
                return True
            case ("POST", ["invocation", request_id, "response"]):
                self._events.completed(request_id, incoming.body, None, incoming.received_at)
            case ("POST", ["invocation", request_id, "error"]):
                self._events.completed(
                    request_id, incoming.body, error_type or "Unhandled", incoming.received_at
                )
            case ("POST", ["init", "error"]):
                self._events.initialization_failed(incoming.body, error_type)
            case _:
                connection.sendall(_response(http, 404, [_JSON], b"{}"))
                return True
        connection.sendall(_response(http, 202, [_JSON], _ACCEPTED))
        return True


def _request_headers(request: RuntimeRequest) -> list[tuple[str, str]]:
    return [
        _JSON,
        ("Lambda-Runtime-Aws-Request-Id", request.request_id),
        ("Lambda-Runtime-Deadline-Ms", str(request.deadline_ms)),
        ("Lambda-Runtime-Invoked-Function-Arn", request.function_arn),
        ("Lambda-Runtime-Trace-Id", request.trace_id),
    ]


def _response(
    http: h11.Connection, status: int, headers: list[tuple[str, str]], body: bytes
) -> bytes:
    head = h11.Response(status_code=status, headers=[*headers, ("Content-Length", str(len(body)))])
    parts = (http.send(head), http.send(h11.Data(data=body)), http.send(h11.EndOfMessage()))
    return b"".join(part or b"" for part in parts)
