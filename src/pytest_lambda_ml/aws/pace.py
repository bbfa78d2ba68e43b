"""A pace for control-plane calls: AWS throttles an account at about 15 a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CALLS_PER_SECOND", "Pace", "TokenBucket", "is_control_plane"]

CALLS_PER_SECOND = 12.0
"""Lambda's control plane takes 15 a second from a whole account (Lambda quotas); others share it
with us."""

# What runs at the speed of the data: quotas of their own, far above ours.
_DATA_PLANE = frozenset(
    {
        ("sns", "Publish"),
        ("sns", "PublishBatch"),
        ("sqs", "ReceiveMessage"),
        ("sqs", "DeleteMessageBatch"),
        ("logs", "FilterLogEvents"),
        ("lambda", "Invoke"),
        ("ecr", "UploadLayerPart"),
    }
)
_DATA_PLANE_SERVICES = frozenset({"s3", "sts"})


def is_control_plane(service: str, operation: str) -> bool:
    """Whether a call changes or describes resources; ``service`` as boto3 calls it."""
    return service not in _DATA_PLANE_SERVICES and (service, operation) not in _DATA_PLANE


class TokenBucket:
    """Gives out ``per_second`` tokens a second, and at most one second's worth at once.

    Both the clock and the waiting are the caller's; ``now`` gives seconds.
    """

    def __init__(
        self, per_second: float, *, now: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._per_second = per_second
        self._now = now
        self._sleep = sleep
        self._tokens = per_second
        self._at_s = now()

    def take(self) -> None:
        """Return when a token is there, and take it."""
        now_s = self._now()
        gained = (now_s - self._at_s) * self._per_second
        self._tokens = min(self._per_second, self._tokens + gained) - 1
        self._at_s = now_s
        if self._tokens < 0:
            self._sleep(-self._tokens / self._per_second)


class Pace:
    """A handler of botocore's ``before-send`` event: every attempt counts, a repeated one too."""

    def __init__(self, bucket: TokenBucket) -> None:
        self._bucket = bucket

    def of(self, service: str) -> Callable[..., None]:
        """The handler for the client of one service; all draw on the same bucket."""

        def before_send(event_name: str, **_: object) -> None:
            if is_control_plane(service, event_name.rpartition(".")[2]):
                self._bucket.take()

        return before_send
