"""The source of a cell on a real backend: what takes its messages, its log group and answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_lambda_ml.aws.code import upload_once
from pytest_lambda_ml.aws.names import publisher_prefix
from pytest_lambda_ml.aws.publish import publish
from pytest_lambda_ml.aws.publish_job import PublishJob, messages_sha256

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_lambda_ml.aws.failures import FailureReceiver
    from pytest_lambda_ml.aws.fargate import FargatePublisher
    from pytest_lambda_ml.aws.invoke import Invoker
    from pytest_lambda_ml.aws.logs import LogPoller
    from pytest_lambda_ml.aws.message import Message
    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.campaign.clock import Clock
    from pytest_lambda_ml.datasets import Dataset
    from pytest_lambda_ml.model import FailureRecord, LogEvent, PublishedMessage, SuccessRecord

__all__ = ["AwsSource", "FargateSource", "InvokeSource"]

DATASET_PREFIX = "datasets/"
"""infra/bucket.tf keeps data sets under it, so that they need not be uploaded."""


class AwsSource:
    """Publishes to one function's topic and reads what functions leave behind.

    Without ``failures`` nothing sends records to the session's queue.
    """

    def __init__(
        self,
        clients: AwsClients,
        topic_arn: str,
        logs: LogPoller,
        failures: FailureReceiver | None,
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

    def poll_answers(self) -> list[FailureRecord | SuccessRecord]:
        """See `FailureReceiver.poll`."""
        return self._failures.poll() if self._failures else []


class InvokeSource:
    """Invokes a function directly, and reads what it leaves behind."""

    def __init__(self, invoker: Invoker, logs: LogPoller, failures: FailureReceiver | None) -> None:
        self._invoker = invoker
        self._logs = logs
        self._failures = failures
        self._logs.begin()

    def publish(self, messages: Sequence[Message]) -> Iterator[tuple[PublishedMessage, ...]]:
        """See `Invoker.publish`."""
        return self._invoker.publish(messages)

    def poll_events(self) -> list[LogEvent]:
        """See `LogPoller.poll`."""
        return self._logs.poll()

    def poll_answers(self) -> list[FailureRecord | SuccessRecord]:
        """The answers that have come, and the records of the failure queue."""
        recorded = self._failures.poll() if self._failures else []
        return [*self._invoker.answers(), *recorded]


class FargateSource(AwsSource):
    """The same, but that a task next to the topic publishes; the data set is in the bucket."""

    def __init__(
        self,
        clients: AwsClients,
        topic_arn: str,
        logs: LogPoller,
        failures: FailureReceiver | None,
        clock: Clock,
        *,
        publisher: FargatePublisher,
        bucket: str,
        run_id: str,
        batch_size: int,
        dataset: Dataset,
    ) -> None:
        super().__init__(clients, topic_arn, logs, failures, clock)
        self._clients = clients
        self._publisher = publisher
        self._bucket = bucket
        self._run_id = run_id
        self._batch_size = batch_size
        self._dataset = dataset

    def publish(self, messages: Sequence[Message]) -> Iterator[tuple[PublishedMessage, ...]]:
        """Have the task publish; its answer comes in one piece. See `FargatePublisher.publish`."""
        path = self._dataset.path
        key = f"{DATASET_PREFIX}{self._dataset.sha256}.csv"
        upload_once(self._clients, self._bucket, key, path, path.stat().st_size)
        first = messages[0].sample_id
        place = f"{publisher_prefix(self._run_id)}{first}"
        job = PublishJob(
            topic_arn=self._topic_arn,
            run_id=self._run_id,
            batch_size=self._batch_size,
            invocations=len(messages),
            first_sample=int(first),
            bucket=self._bucket,
            dataset_kind=self._dataset.kind,
            dataset_key=key,
            messages_sha256=messages_sha256(messages),
            published_key=f"{place}-published.json",
        )
        return self._publisher.publish(job, f"{place}-job.json")
