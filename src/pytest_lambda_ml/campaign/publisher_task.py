"""The publisher as a program of its own: what the Fargate task runs, next to the topic.

``PUBLISH_JOB`` names the job, ``s3://bucket/key``, and ``AWS_REGION`` where it is; credentials are
boto3's to find. The messages are planned again from the data set in the bucket by the same
functions that plan them everywhere; the exit code is 0 when all of them were published. Needs boto3
and no other distribution.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_lambda_ml.aws.claim import check_in
from pytest_lambda_ml.aws.publish import publish
from pytest_lambda_ml.aws.publish_job import PublishJob, messages_sha256, published_json
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.plan import plan_messages
from pytest_lambda_ml.datasets import load_dataset
from pytest_lambda_ml.errors import LambdaMLError, PublishError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_lambda_ml.aws.message import Message
    from pytest_lambda_ml.model import PublishedMessage

__all__ = ["JOB_VARIABLE", "main"]

JOB_VARIABLE = "PUBLISH_JOB"


def main() -> int:
    """Carry out the job that the environment names; 0, or 1 when not all was published."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # what ECS sends to end a task
    clients = AwsClients(os.environ["AWS_REGION"], os.environ.get("AWS_ENDPOINT_URL"))
    bucket, _, key = os.environ[JOB_VARIABLE].removeprefix("s3://").partition("/")
    body = clients.s3.get_object(Bucket=bucket, Key=key)["Body"]
    job = PublishJob.from_json(body.read().decode())
    published: list[PublishedMessage] = []
    problem: str | None = "it was stopped"
    try:
        messages = _messages(clients, job)
        sns = clients.sns
        for accepted in publish(sns, job.topic_arn, messages, now=time.time, sleep=time.sleep):
            published.extend(accepted)
        problem = None
    except LambdaMLError as error:
        problem = str(error)
        sys.stderr.write(f"{problem}\n")
    finally:  # also when it is stopped half-way: what was published has to be known
        answer = published_json(published, problem)
        clients.s3.put_object(Bucket=job.bucket, Key=job.published_key, Body=answer.encode())
    sys.stdout.write(f"published {len(published)} of {job.invocations} to {job.topic_arn}\n")
    return 1 if problem else 0


def _messages(clients: AwsClients, job: PublishJob) -> Sequence[Message]:
    """The cell's messages. Raises `PublishError` when they are not those that were meant."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "dataset.csv")
        clients.s3.download_file(job.bucket, job.dataset_key, str(path))
        items = load_dataset(job.dataset_kind, str(path), Path(folder)).items
    planned = plan_messages(
        items,
        run_id=job.run_id,
        batch_size=job.batch_size,
        invocations=job.invocations,
        first_sample=job.first_sample,
    )
    messages = check_in(clients, job.bucket, job.run_id, planned)
    if messages_sha256(messages) != job.messages_sha256:
        raise PublishError(
            "the publisher's image plans other messages than pytest: it is of another version of "
            "pytest-lambda-ml"
        )
    return messages


if __name__ == "__main__":
    sys.exit(main())
