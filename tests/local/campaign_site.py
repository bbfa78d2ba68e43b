"""A campaign on a real endpoint, with a handler folder of the test's own: no machine learning."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.artifact import Package, build_package, find_handler
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.session import Backend, CampaignSession, CellResult, Progress
from pytest_lambda_ml.datasets import Dataset
from pytest_lambda_ml.model import Configuration, Invocation
from pytest_lambda_ml.store.run_folder import create_run_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_lambda_ml.local import Endpoint

LENGTHS = """
def initialize():
    return None

def process(batch):
    return [len(item) for item in batch]
"""


@dataclass
class Site:
    """A folder for one test, and the endpoint that its campaigns run on."""

    endpoint: Endpoint
    folder: Path
    region: str = "us-east-1"
    clients: AwsClients = field(init=False)

    def __post_init__(self) -> None:
        self.clients = AwsClients(self.region, self.endpoint.url, dummy_credentials=True)

    def package(self, handler: str = LENGTHS) -> Package:
        """The handler's source, zipped with the wrapper."""
        folder = self.folder / "handlers" / f"tiny-{len(list(self.folder.rglob('handler.py')))}"
        folder.mkdir(parents=True)
        (folder / "handler.py").write_text(handler, encoding="utf-8")
        (folder / "requirements.txt").write_text("", encoding="utf-8")
        found = find_handler(folder, engine="reference", search=[])
        return build_package(found, None, self.folder / "cache")

    def dataset(self, *items: str) -> Dataset:
        return Dataset(
            kind="emotion",
            items=items,
            labels=None,
            path=self.folder / "none.csv",
            sha256="0" * 64,
            description="made for a test",
        )

    @contextmanager
    def campaign(
        self, on_progress: Callable[[Progress], None] | None = None, **more: Any
    ) -> Iterator[CampaignSession]:
        """A campaign here; ``more`` are fields of its `Backend`."""
        info = self.endpoint.info
        backend = Backend(
            kind="local",
            clients=self.clients,
            region=self.region,
            cpu_enforced=info.cpu_enforced,
            memory_enforced=info.memory_enforced,
            host_cores=info.cores,
            capacity_vcpu=info.capacity_vcpu,
            cpu_model=info.cpu_model,
            dependencies="host",
            **more,
        )
        run = create_run_folder(self.folder / "lambda-ml", datetime.now(UTC))
        with CampaignSession(
            backend=backend,
            run_dir=run.path,
            run_id=run.run_id,
            options={"lambda_memory": 512},
            on_progress=on_progress,
        ) as session:
            yield session

    def left(self) -> list[str]:
        """Everything on the endpoint that a campaign could have left."""
        clients = self.clients
        found = [
            *(item["FunctionName"] for item in clients.lambda_.list_functions()["Functions"]),
            *(item["TopicArn"] for item in clients.sns.list_topics()["Topics"]),
            *(item["TopicArn"] for item in clients.sns.list_subscriptions()["Subscriptions"]),
            *clients.sqs.list_queues().get("QueueUrls", []),
            *(item["logGroupName"] for item in clients.logs.describe_log_groups()["logGroups"]),
            *(item["Name"] for item in clients.s3.list_buckets()["Buckets"]),
            *(item["RoleName"] for item in clients.iam.list_roles()["Roles"]),
        ]
        return [name for name in found if "plml-" in name]


def configuration(**values: Any) -> Configuration:
    """A cell of few, quick invocations; ``values`` replace its settings."""
    defaults: dict[str, Any] = {
        "algorithm": "tiny",
        "memory_mb": 512,
        "concurrency": 2,
        "batch_size": 1,
        "timeout_s": 30,
    }
    return Configuration(**{**defaults, **values})


def by_sample(result: CellResult) -> dict[str, Invocation]:
    return {invocation.sample_id: invocation for invocation in result.invocations}
