"""A run's ledger and deployer in an account."""

from __future__ import annotations

from pathlib import Path
from secrets import token_hex
from typing import Any

from pytest_lambda_ml.artifact import Package
from pytest_lambda_ml.aws.deployed_function import DeployedFunction
from pytest_lambda_ml.aws.function import Deployer
from pytest_lambda_ml.aws.ledger import Ledger
from pytest_lambda_ml.aws.names import run_prefix
from pytest_lambda_ml.aws.resources import Durable
from pytest_lambda_ml.aws.session import AwsClients
from pytest_lambda_ml.campaign.teardown import tear_down
from pytest_lambda_ml.model import Configuration

CELL = Configuration(
    algorithm="svm",
    memory_mb=1024,
    concurrency=4,
    batch_size=100,
    architecture="arm64",
    ephemeral_mb=1024,
    timeout_s=33,
)


class Site:
    """What a session has on one backend, without the campaign around it."""

    def __init__(
        self,
        clients: AwsClients,
        folder: Path,
        durable: Durable | None = None,
        *,
        keep: bool = False,
    ) -> None:
        self.clients = clients
        self.run_id = token_hex(4)
        self.path = folder / f"ledger-{self.run_id}.jsonl"
        self.ledger = Ledger(
            self.path, run_id=self.run_id, region=clients.region, endpoint_url=clients.endpoint_url
        )
        self.deployer = Deployer(
            clients,
            self.ledger,
            run_id=self.run_id,
            created_at_s=1_795_000_000.0,
            durable=durable,
            keep=keep,
        )

    def deploy(
        self, package: Package, cell: Configuration = CELL, name: str | None = None
    ) -> DeployedFunction:
        name = name or self.deployer.next_name(cell, package)
        return self.deployer.deploy(name, package, cell, messages=20, event_age_s=300)

    def tear_down(self) -> None:
        tear_down(self.clients, self.ledger, self.ledger.open_resources(), run_id=self.run_id)

    def left(self) -> list[str]:
        """Everything in the account that bears the run's name."""
        clients, prefix = self.clients, run_prefix(self.run_id)
        repositories = clients.ecr.describe_repositories()["repositories"]
        found = [
            *(item["FunctionName"] for item in clients.lambda_.list_functions()["Functions"]),
            *(item["TopicArn"] for item in clients.sns.list_topics()["Topics"]),
            *(item["TopicArn"] for item in clients.sns.list_subscriptions()["Subscriptions"]),
            *clients.sqs.list_queues().get("QueueUrls", []),
            *(item["logGroupName"] for item in clients.logs.describe_log_groups()["logGroups"]),
            *(item["Name"] for item in clients.s3.list_buckets()["Buckets"]),
            *(item["RoleName"] for item in clients.iam.list_roles()["Roles"]),
            *(item["repositoryName"] for item in repositories),
        ]
        return [name for name in found if prefix in name]


def requests_of(clients: AwsClients, service: str, operation: str) -> list[dict[str, Any]]:
    """A list that the arguments of every call of an operation are added to from now on."""
    sent: list[dict[str, Any]] = []
    client = clients.client(service)
    event = f"provide-client-params.{client.meta.service_model.service_id.hyphenize()}.{operation}"
    client.meta.events.register(event, lambda params, **_: sent.append(dict(params)))
    return sent
