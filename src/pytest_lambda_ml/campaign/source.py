"""The source of a cell on a real backend: its topic, the session's log group and failure queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.aws.publish import publish

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_lambda_ml.aws.failures import FailureReceiver
    from pytest_lambda_ml.aws.logs import LogPoller
    from pytest_lambda_ml.aws.message import Message
    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.campaign.clock import Clock
    from pytest_lambda_ml.model import FailureRecord, LogEvent, PublishedMessage

__all__ = ["AwsSource"]


class AwsSource:
    """Publishes to one function's topic and reads what the session's functions leave behind."""

    def __init__(
        self,
        clients: AwsClients,
        topic_arn: str,
        logs: LogPoller,
        failures: FailureReceiver,
        clock: Clock,
    ) -> None:
        self._sns = clients.sns
        self._topic_arn = topic_arn
        self._logs = logs
        self._failures = failures
        self._clock = clock
        self._logs.begin()

    def publish(self, messages: Sequence[Message]) -> Iterator[tuple[PublishedMessage, ...]]:
        """See `aws.publish.publish`."""
        return publish(
            self._sns, self._topic_arn, messages, now=self._clock.now, sleep=self._clock.sleep
        )

    def poll_events(self) -> list[LogEvent]:
        """See `LogPoller.poll`."""
        return self._logs.poll()

    def poll_failures(self) -> list[FailureRecord]:
        """See `FailureReceiver.poll`."""
        return self._failures.poll()
