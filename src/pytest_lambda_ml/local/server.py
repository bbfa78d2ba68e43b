"""The endpoint's process: moto's server on the loopback interface over our data plane.

It prints one JSON line (`EndpointInfo`) when it can be used, and ends with SIGTERM, SIGINT, or,
when asked to, with the end of its standard input: that is how it notices that its parent died,
however it died. Whatever the way, its processes, control groups and files are removed.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from pytest_lambda_ml.local.awake import Awake
from pytest_lambda_ml.local.info import INFO_PATH, EndpointInfo, cpu_model, memory_mb_for_functions
from pytest_lambda_ml.local.limits import LimiterKind, find_mechanism

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from werkzeug.serving import BaseWSGIServer

    from pytest_lambda_ml.local.data_plane import DataPlane
    from pytest_lambda_ml.local.limits import Mechanism

__all__ = ["main", "serve"]

HOST = "127.0.0.1"


def _with_info(application: Any, answer: Callable[[], bytes]) -> Any:
    """The application, which also tells what the endpoint is."""

    def respond(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["PATH_INFO"] != INFO_PATH:
            return application(environ, start_response)
        start_response("200 OK", [("Content-Type", "application/json")])
        return [answer()]

    return respond


def _make_server(port: int, answer: Callable[[], bytes]) -> BaseWSGIServer:
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        MotoRequestHandler,
        create_backend_app,
    )
    from werkzeug.serving import make_server

    class Handler(MotoRequestHandler):
        protocol_version = "HTTP/1.1"  # a new connection for every call doubles its time

        def log(self, *_arguments: Any, **_keywords: Any) -> None:
            """Requests are not logged."""

        def log_request(self, *_arguments: Any, **_keywords: Any) -> None:
            """Requests are not logged."""

    application = _with_info(DomainDispatcherApplication(create_backend_app), answer)
    server = make_server(HOST, port, application, threaded=True, request_handler=Handler)
    server.daemon_threads = True  # type: ignore[attr-defined]  # it is a ThreadingMixIn
    return server


def _make_plane(
    mechanism: Mechanism, info: EndpointInfo, folder: Path, awake: Awake | None, time_scale: float
) -> DataPlane:
    from pytest_lambda_ml.local import moto_lambda
    from pytest_lambda_ml.local.code_store import CodeStore
    from pytest_lambda_ml.local.data_plane import DataPlane
    from pytest_lambda_ml.local.scheduler_actions import HostCapacity
    from pytest_lambda_ml.local.services import MotoServices

    capacity = HostCapacity(info.capacity_vcpu, memory_mb_for_functions())
    services = MotoServices()
    plane = DataPlane(capacity, mechanism, services, folder, awake=awake, time_scale=time_scale)
    moto_lambda.install(plane, CodeStore(folder / "code"), info.url)
    return plane


def serve(
    *,
    port: int = 0,
    limiter: LimiterKind = "auto",
    time_scale: float = 1.0,
    until_stdin_ends: bool = False,
) -> None:
    """Run the endpoint in this process until it is told to end.

    Args:
        port: the port to listen on; 0 takes a free one.
        limiter: the mechanism that enforces CPU share and memory.
        time_scale: multiplies retry delays and maximum event ages.
        until_stdin_ends: also end when the standard input does.

    Raises:
        EndpointError: the named mechanism is not to be had here.
    """
    from pytest_lambda_ml.local.folder import EndpointFolder

    end = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: end.set())
    cores = len(os.sched_getaffinity(0))
    capacity_vcpu = float(max(1, cores - 1))
    mechanism = find_mechanism(limiter)
    server = _make_server(port, lambda: json.dumps(asdict(info)).encode())
    info = EndpointInfo(
        url=f"http://{HOST}:{server.server_port}",
        pid=os.getpid(),
        cores=cores,
        capacity_vcpu=capacity_vcpu,
        cpu_enforced=mechanism.cpu,
        memory_enforced=mechanism.memory,
        cpu_model=cpu_model(),
    )
    with EndpointFolder() as folder:
        awake = Awake(cores) if mechanism.cpu else None
        plane = _make_plane(mechanism, info, folder, awake, time_scale)
        try:
            threading.Thread(target=server.serve_forever, name="moto", daemon=True).start()
            print(json.dumps(asdict(info)), flush=True)  # noqa: T201  # the parent reads this line
            if until_stdin_ends:
                threading.Thread(target=_set_at_end_of_stdin, args=(end,), daemon=True).start()
            end.wait()
        finally:
            plane.close()
            if awake is not None:
                awake.close()
            mechanism.close()
    # Threads of connections may still wait for their clients: nothing of value is left in them.
    sys.stdout.flush()
    os._exit(0)


def _set_at_end_of_stdin(end: threading.Event) -> None:
    while sys.stdin.buffer.read(4096):
        pass
    end.set()


@click.command()
@click.option("--port", default=0, help="Port to listen on; a free one by default.")
@click.option(
    "--limiter",
    type=click.Choice(["auto", "cgroup-v2", "cgroup-v1", "duty-cycle", "none"]),
    default="auto",
    help="What enforces CPU share and memory limit.",
)
@click.option("--time-scale", default=1.0, help="Multiplies retry delays and event ages.")
@click.option("--until-stdin-ends", is_flag=True, help="End when the standard input does.")
def main(port: int, limiter: LimiterKind, time_scale: float, *, until_stdin_ends: bool) -> None:
    """Run the local Lambda endpoint."""
    logging.basicConfig(level=logging.WARNING)
    serve(port=port, limiter=limiter, time_scale=time_scale, until_stdin_ends=until_stdin_ends)


if __name__ == "__main__":
    main()
