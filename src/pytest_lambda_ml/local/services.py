"""The services of moto that the data plane writes to: CloudWatch Logs and SQS."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

from moto.logs.exceptions import ResourceAlreadyExistsException, ResourceNotFoundException
from moto.logs.models import logs_backends
from moto.sqs.models import sqs_backends

if TYPE_CHECKING:
    from pytest_lambda_ml.local.function_spec import FunctionSpec

__all__ = ["MotoServices"]


class MotoServices:
    """Writes into moto's backends of this process."""

    def __init__(self) -> None:
        self._logs_lock = threading.Lock()  # moto appends without one

    def write_log(self, spec: FunctionSpec, stream: str, events: list[tuple[int, str]]) -> None:
        """Append events (epoch ms, message); group and stream are made where they are missing."""
        backend = logs_backends[spec.account_id][spec.region]
        entries = [{"timestamp": at_ms, "message": message} for at_ms, message in events]
        with self._logs_lock:
            try:
                backend.put_log_events(spec.log_group, stream, entries)
            except ResourceNotFoundException:
                with contextlib.suppress(ResourceAlreadyExistsException):
                    backend.create_log_group(spec.log_group, {})
                with contextlib.suppress(ResourceAlreadyExistsException):
                    backend.create_log_stream(spec.log_group, stream)
                backend.put_log_events(spec.log_group, stream, entries)

    def send_to_destination(self, spec: FunctionSpec, arn: str, record: str) -> None:
        """Send a record to an SQS queue, the only kind of destination there is here."""
        _, _, service, region, account_id, name = arn.split(":", 5)
        if service != "sqs":
            raise ValueError(f"{spec.name}: only SQS queues are served as destinations, not {arn}")
        sqs_backends[account_id][region].send_message(name, record)
