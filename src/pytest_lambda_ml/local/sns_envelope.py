"""The envelope in which SNS delivers a message to a function.

moto hands its Lambda only the text of a message. The id, the topic and the attributes, which a
handler reads and which tie a request to a published message, are put back: a delivery is made
within one call on one thread, so they are held in a context variable meanwhile.
"""

from __future__ import annotations

import uuid
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import moto.sns.models as moto_sns

__all__ = ["install", "lambda_event"]


@dataclass(frozen=True, slots=True)
class _Delivery:
    subscription_arn: str
    topic_arn: str
    message_id: str
    attributes: dict[str, Any]


_delivery: ContextVar[_Delivery | None] = ContextVar("delivery", default=None)


def lambda_event(message: str, subject: str | None) -> dict[str, Any]:
    """The event that a function subscribed to a topic receives.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sns.html
    """
    delivery = _delivery.get() or _Delivery("arn:aws:sns:-", "arn:aws:sns:-", str(uuid.uuid4()), {})
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    notification = {
        "Type": "Notification",
        "MessageId": delivery.message_id,
        "TopicArn": delivery.topic_arn,
        "Subject": subject,
        "Message": message,
        "Timestamp": now,
        "SignatureVersion": "1",
        "Signature": "",
        "SigningCertUrl": "",
        "UnsubscribeUrl": "",
        "MessageAttributes": delivery.attributes,
    }
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": delivery.subscription_arn,
                "Sns": notification,
            }
        ]
    }


def install() -> None:
    """Have every delivery of moto's SNS remember its envelope. Filter policies stay moto's."""
    publish = moto_sns.Subscription.publish

    def publish_in_envelope(
        subscription: Any, message: str, message_id: str, *arguments: Any, **keywords: Any
    ) -> Any:
        delivery = _Delivery(
            subscription.arn,
            subscription.topic.arn,
            message_id,
            keywords.get("message_attributes") or {},
        )
        token = _delivery.set(delivery)
        try:
            return publish(subscription, message, message_id, *arguments, **keywords)
        finally:
            _delivery.reset(token)

    moto_sns.Subscription.publish = publish_in_envelope
