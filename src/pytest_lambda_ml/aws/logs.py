"""Read the session's log group with FilterLogEvents, each event once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws.removal import is_gone
from pytest_lambda_ml.aws.translation import backend_errors
from pytest_lambda_ml.model import LogEvent

if TYPE_CHECKING:
    from pytest_lambda_ml.aws.session import AwsClients

__all__ = ["LogPoller"]

OVERLAP_MS = 10_000
"""How far clocks of Lambda's hosts may be apart, on the safe side."""


class LogPoller:
    """Gives every event of a log group once, across polls that overlap.

    Late events have early timestamps, so the start of a poll stays fixed from one `begin` to the
    next and events are told apart by their id. No clock of this machine is compared with the
    functions': the start follows the timestamps that the group itself has shown.

    A group that is not the session's may be there or not, as it comes with the first line; it is
    read from ``since_ms`` on, which is a time that AWS has told.
    """

    def __init__(self, clients: AwsClients, log_group: str, *, since_ms: int | None = None) -> None:
        self._logs = clients.logs
        self._log_group = log_group
        self._may_be_missing = since_ms is not None
        self._start_ms = max(0, (since_ms or 0) - OVERLAP_MS)
        self._latest_ms = 0
        self._seen: dict[str, int] = {}

    def begin(self) -> None:
        """Leave what earlier cells logged behind, but for an overlap."""
        self._start_ms = max(self._start_ms, self._latest_ms - OVERLAP_MS)
        self._seen = {key: at for key, at in self._seen.items() if at >= self._start_ms}

    def poll(self) -> list[LogEvent]:
        """Events not given before. Raises `BackendError`.

        Pages may be empty though more follow: only a missing token ends the reading.
        """
        fresh: list[LogEvent] = []
        request: dict[str, Any] = {"logGroupName": self._log_group, "startTime": self._start_ms}
        while True:
            page = self._page(request)
            for event in map(_log_event, page.get("events", ())):
                if event.event_id not in self._seen:
                    self._seen[event.event_id] = event.timestamp_ms
                    fresh.append(event)
            token = page.get("nextToken")
            if not token or token == request.get("nextToken"):
                break
            request["nextToken"] = token
        self._latest_ms = max([self._latest_ms, *(event.timestamp_ms for event in fresh)])
        return fresh

    def _page(self, request: dict[str, Any]) -> dict[str, Any]:
        with backend_errors(f"reading log group {self._log_group}"):
            try:
                page: dict[str, Any] = self._logs.filter_log_events(**request)
            except ClientError as error:
                if not (self._may_be_missing and is_gone(error)):
                    raise
                return {}
        return page


def _log_event(event: dict[str, Any]) -> LogEvent:
    """CloudWatch Logs always gives an id; where an endpoint gives none, the content is it."""
    content = f"{event['logStreamName']} {event['timestamp']} {event['message']}"
    return LogEvent(
        log_stream=event["logStreamName"],
        event_id=event.get("eventId") or content,
        timestamp_ms=event["timestamp"],
        message=event["message"],
    )
