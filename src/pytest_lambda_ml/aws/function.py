"""A function with its own topic: what one cell deploys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_lambda_ml.aws import names
from pytest_lambda_ml.aws.ledger import Kind, Resource
from pytest_lambda_ml.aws.resources import SharedResources, create_shared_resources
from pytest_lambda_ml.aws.translation import backend_errors
from pytest_lambda_ml.errors import DeploymentError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lambda_ml.artifact import Package
    from pytest_lambda_ml.aws.ledger import Ledger
    from pytest_lambda_ml.aws.session import AwsClients
    from pytest_lambda_ml.model import Configuration

__all__ = ["DeployedFunction", "Deployer"]

RUNTIME = "python3.13"
HANDLER = "wrapper.lambda_handler"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedFunction:
    """A function that is active, subscribed to its topic, and bound to the session's log group.

    ``messages`` is the number of messages that its event age was derived for.
    """

    configuration: Configuration
    name: str
    arn: str
    topic_arn: str
    subscription_arn: str
    log_group: str
    package_sha256: str
    weights: str | None
    messages: int


class Deployer:
    """Creates the functions of one session, and before the first one what they share."""

    def __init__(
        self,
        clients: AwsClients,
        ledger: Ledger,
        *,
        run_id: str,
        created_at_s: float,
        sleep: Callable[[float], None],
    ) -> None:
        self._clients = clients
        self._ledger = ledger
        self._run_id = run_id
        self._tags = names.tags(run_id, created_at_s)
        self._sleep = sleep
        self._shared: SharedResources | None = None
        self._uploaded: set[str] = set()
        self._count = 0

    @property
    def shared(self) -> SharedResources:
        """What the session's functions share, created when it is first asked for.

        Raises `DeploymentError`.
        """
        if self._shared is None:
            with backend_errors("creating what the session's functions share", DeploymentError):
                self._shared = create_shared_resources(
                    self._clients, self._ledger, self._run_id, self._tags
                )
        return self._shared

    def next_name(self, configuration: Configuration) -> str:
        """A name for another function of this configuration, not used in this session yet."""
        self._count += 1
        return names.function_name(self._run_id, self._count, configuration.cell_id)

    def deploy(
        self,
        name: str,
        package: Package,
        configuration: Configuration,
        *,
        messages: int,
        event_age_s: int,
    ) -> DeployedFunction:
        """Create function, topic, permission and subscription; return when the function is active.

        Raises `DeploymentError`; whatever was created until then is in the ledger under ``name``.
        """
        shared = self.shared
        with backend_errors(f"deploying {configuration.cell_id} as {name}", DeploymentError):
            key = self._upload(package, shared.bucket)
            arn = self._create_function(name, key, configuration, shared)
            self._limit(name, configuration, shared, event_age_s=event_age_s)
            topic_arn, subscription_arn = self._subscribe(name, arn)
        return DeployedFunction(
            configuration=configuration,
            name=name,
            arn=arn,
            topic_arn=topic_arn,
            subscription_arn=subscription_arn,
            log_group=shared.log_group,
            package_sha256=package.sha256,
            weights=package.weights,
            messages=messages,
        )

    def _upload(self, package: Package, bucket: str) -> str:
        """The package's key in the bucket; the same content is uploaded once."""
        key = f"packages/{package.sha256}.zip"
        if package.sha256 not in self._uploaded:
            self._clients.s3.upload_file(str(package.zip_path), bucket, key)
            self._uploaded.add(package.sha256)
        return key

    def _create_function(
        self, name: str, key: str, configuration: Configuration, shared: SharedResources
    ) -> str:
        self._ledger.announce(Resource(Kind.FUNCTION, name, owner=name))
        request: dict[str, Any] = {
            "FunctionName": name,
            "Runtime": RUNTIME,
            "Handler": HANDLER,
            "Role": shared.role_arn,
            "Code": {"S3Bucket": shared.bucket, "S3Key": key},
            "Architectures": [configuration.architecture],
            "MemorySize": configuration.memory_mb,
            "Timeout": configuration.timeout_s,
            "EphemeralStorage": {"Size": configuration.ephemeral_mb},
            "Environment": {"Variables": {"RUN_ID": self._run_id}},
            "LoggingConfig": {"LogFormat": "Text", "LogGroup": shared.log_group},
            "Tags": self._tags,
        }
        lambda_ = self._clients.lambda_
        answer = lambda_.create_function(**request)
        lambda_.get_waiter("function_active_v2").wait(FunctionName=name)
        arn: str = answer["FunctionArn"]
        return arn

    def _limit(
        self,
        name: str,
        configuration: Configuration,
        shared: SharedResources,
        *,
        event_age_s: int,
    ) -> None:
        """Reserved concurrency; no retries; and a destination for events that never log a line."""
        lambda_ = self._clients.lambda_
        lambda_.put_function_concurrency(
            FunctionName=name, ReservedConcurrentExecutions=configuration.concurrency
        )
        lambda_.put_function_event_invoke_config(
            FunctionName=name,
            MaximumRetryAttempts=0,
            MaximumEventAgeInSeconds=event_age_s,
            DestinationConfig={"OnFailure": {"Destination": shared.queue_arn}},
        )

    def _subscribe(self, name: str, function_arn: str) -> tuple[str, str]:
        """A topic of the function's own name that invokes it: (topic ARN, subscription ARN)."""
        topic_arn = self._clients.arn("sns", name)
        self._ledger.announce(Resource(Kind.TOPIC, topic_arn, owner=name))
        pairs = [{"Key": key, "Value": value} for key, value in self._tags.items()]
        self._clients.sns.create_topic(Name=name, Tags=pairs)
        lambda_ = self._clients.lambda_
        lambda_.add_permission(
            FunctionName=name,
            StatementId="topic",
            Action="lambda:InvokeFunction",
            Principal="sns.amazonaws.com",
            SourceArn=topic_arn,
        )
        self._ledger.announce(Resource(Kind.SUBSCRIPTION, topic_arn, owner=name))
        subscription_arn: str = self._clients.sns.subscribe(
            TopicArn=topic_arn, Protocol="lambda", Endpoint=function_arn, ReturnSubscriptionArn=True
        )["SubscriptionArn"]
        return topic_arn, subscription_arn
