"""A topic that invokes a function: created, permitted and subscribed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pytest_lambda_ml.aws.ledger import Kind, Resource
from pytest_lambda_ml.aws.translation import CONFLICT, code_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_lambda_ml.aws.ledger import Ledger
    from pytest_lambda_ml.aws.session import AwsClients

__all__ = ["connect_topic", "qualified"]


def connect_topic(
    clients: AwsClients,
    ledger: Ledger,
    name: str,
    *,
    function: str,
    arn: str,
    qualifier: str | None,
    statement: str,
    create: Callable[[str], object],
) -> tuple[str, str]:
    """A topic called ``name`` that invokes ``arn``: (topic ARN, subscription ARN).

    ``create`` makes the topic, given its ARN. ``statement`` is the id of the permission that the
    policy of ``function``, or of its ``qualifier``, gets. A permission that is there already is
    ours: its answer was lost. Raises what boto3 raises.
    """
    topic_arn = clients.arn("sns", name)
    ledger.announce(Resource(Kind.TOPIC, topic_arn, owner=name))
    create(topic_arn)
    try:
        clients.lambda_.add_permission(
            FunctionName=function,
            StatementId=statement,
            Action="lambda:InvokeFunction",
            Principal="sns.amazonaws.com",
            SourceArn=topic_arn,
            **qualified(qualifier),
        )
    except ClientError as error:
        if code_of(error) != CONFLICT:
            raise
    clients.lambda_.get_waiter("function_updated_v2").wait(FunctionName=function)
    ledger.announce(Resource(Kind.SUBSCRIPTION, topic_arn, owner=name))
    subscription_arn: str = clients.sns.subscribe(
        TopicArn=topic_arn, Protocol="lambda", Endpoint=arn, ReturnSubscriptionArn=True
    )["SubscriptionArn"]
    return topic_arn, subscription_arn


def qualified(qualifier: str | None) -> dict[str, str]:
    """The argument of an operation that may be about a version or an alias."""
    return {"Qualifier": qualifier} if qualifier else {}
