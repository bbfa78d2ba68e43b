"""What a function that exists already is sent: one payload, several with weights, or made ones.

A list of ``{"payload": …, "weight": …}`` is several payloads, as in AWS Lambda Power Tuning. Pure.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_lambda_ml.aws.message import Message
from pytest_lambda_ml.errors import SettingError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Payloads", "payload_text", "schedule", "weighted"]

WEIGHTED = frozenset({"payload", "weight"})


@dataclass(frozen=True, slots=True)
class Payloads:
    """Texts and their weights, or ``made``, which makes the payload of each message anew.

    ``description`` says in results what was sent, by digest: payloads themselves are not stored.
    """

    texts: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    made: Callable[[int], str] | None = None
    source: str = ""
    about: Mapping[str, object] = field(init=False)

    def __post_init__(self) -> None:
        digest = hashlib.sha256("\0".join(self.texts).encode()).hexdigest()
        known = {"sha256": digest, "weights": self.weights} if self.made is None else {}
        about = {"description": self.description_of(digest), "items": len(self.texts), **known}
        object.__setattr__(self, "about", about)

    @property
    def description(self) -> str:
        """What results say of the data."""
        return str(self.about["description"])

    def description_of(self, digest: str) -> str:
        """The same, given the digest of the texts."""
        if self.made is not None:
            return "payloads made by the test"
        count = "payload" if len(self.texts) == 1 else f"{len(self.texts)} weighted payloads"
        origin = f" from {self.source}" if self.source else ""
        return f"{count}{origin} sha256:{digest[:12]}"

    def mean_bytes(self, invocations: int) -> int:
        """The mean size of a message; 1 where the test makes them, so that none is known."""
        if self.made is not None:
            return 1
        return sum(each.size_bytes for each in self.messages(invocations)) // invocations

    def messages(self, invocations: int, *, first_sample: int = 0) -> tuple[Message, ...]:
        """One message per invocation. Raises `SettingError` when not every payload gets one."""
        names = [f"{first_sample + index:05d}" for index in range(invocations)]
        if self.made is not None:
            return tuple(Message(name, self.made(index)) for index, name in enumerate(names))
        order = schedule(self.weights, invocations)
        return tuple(Message(name, self.texts[i]) for name, i in zip(names, order, strict=True))


def schedule(weights: Sequence[float], invocations: int) -> list[int]:
    """Which payload each invocation gets: as often as its weight says, spread over all of them.

    Every payload is sent at least once. Raises `SettingError` when there are more payloads than
    invocations.
    """
    if len(weights) > invocations:
        raise SettingError(
            f"{len(weights)} weighted payloads and {invocations} invocations: each payload is sent "
            "at least once; raise --lambda-invocations or give fewer payloads"
        )
    counts = _shares(weights, invocations)
    places = [
        ((turn + 0.5) / count, index) for index, count in enumerate(counts) for turn in range(count)
    ]
    return [index for _, index in sorted(places)]


def _shares(weights: Sequence[float], invocations: int) -> list[int]:
    """Whole numbers in proportion to the weights, by largest remainders, none of them zero."""
    total = math.fsum(weights)
    exact = [weight / total * invocations for weight in weights]
    counts = [max(1, math.floor(share)) for share in exact]
    by_need = sorted(range(len(weights)), key=lambda i: counts[i] - exact[i])
    while (left := invocations - sum(counts)) > 0:
        for index in by_need[:left]:
            counts[index] += 1
    while sum(counts) > invocations:
        richest = max(range(len(counts)), key=lambda i: (counts[i] > 1, counts[i] - exact[i]))
        counts[richest] -= 1
    return counts


def weighted(payload: object) -> list[tuple[object, float]] | None:
    """(payload, weight) pairs; ``None`` where this is one payload.

    Raises `SettingError` for a weight that is no positive number.
    """
    if not isinstance(payload, list | tuple) or not payload:
        return None
    if not all(isinstance(each, Mapping) and each.keys() == WEIGHTED for each in payload):
        return None
    for each in payload:
        weight = each["weight"]
        number = isinstance(weight, int | float) and not isinstance(weight, bool)
        if not number or not math.isfinite(weight) or weight <= 0:
            raise SettingError(
                f"lambda_benchmark(payload=…): {weight!r} is no weight; legal is a number above 0"
            )
    return [(each["payload"], float(each["weight"])) for each in payload]


def payload_text(payload: object) -> str:
    """A payload as JSON: text that is JSON already stays as it is. Raises `SettingError`."""
    if isinstance(payload, bytes | bytearray):
        try:
            payload = bytes(payload).decode()
        except UnicodeDecodeError:
            raise SettingError(
                "lambda_benchmark(payload=…): these bytes are no UTF-8, and Lambda takes JSON"
            ) from None
    if isinstance(payload, str):
        try:
            json.loads(payload)
        except ValueError:
            return json.dumps(payload, ensure_ascii=False)
        return payload
    try:
        return json.dumps(payload, ensure_ascii=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise SettingError(
            f"lambda_benchmark(payload=…): JSON cannot hold this: {error}"
        ) from error
