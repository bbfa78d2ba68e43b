"""A pace for control-plane calls: AWS throttles an account at about 15 a second."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["CALLS_PER_SECOND", "CallWindow", "Pace", "is_control_plane"]

CALLS_PER_SECOND = 12
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


class CallWindow:
    """Lets at most ``per_second`` calls begin within any one second.

    Both the clock and the waiting are the caller's; ``now`` gives seconds.
    """

    def __init__(
        self, per_second: int, *, now: Callable[[], float], sleep: Callable[[float], None]
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._begun_s: deque[float] = deque(maxlen=per_second)

    def take(self) -> None:
        """Return when another call may begin."""
        now_s = self._now()
        if len(self._begun_s) == self._begun_s.maxlen:
            free_s = self._begun_s[0] + 1.0
            if now_s < free_s:
                self._sleep(free_s - now_s)
                now_s = max(free_s, self._now())
        self._begun_s.append(now_s)


class Pace:
    """A handler of botocore's ``before-send`` event: every attempt counts, a repeated one too."""

    def __init__(self, window: CallWindow) -> None:
        self._window = window

    def of(self, service: str) -> Callable[..., None]:
        """The handler for the client of one service; all share the same window."""

        def before_send(event_name: str, **_: object) -> None:
            if is_control_plane(service, event_name.rpartition(".")[2]):
                self._window.take()

        return before_send
