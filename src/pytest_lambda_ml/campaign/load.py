"""What a cell sends: batches of a data set, or payloads of the user's own. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_lambda_ml.aws.message import Message
    from pytest_lambda_ml.campaign.payloads import Payloads
    from pytest_lambda_ml.campaign.quality import ExpectedOutputs
    from pytest_lambda_ml.datasets import Dataset

__all__ = ["Load"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The messages of one cell. ``description`` is what results say of them.

    ``kind`` and ``about`` are the entry of the run file that describes the data. ``dataset`` is
    what the messages were made of, for a publisher that makes them itself; ``expected`` are the
    outputs to compare with, message by message.
    """

    messages: Sequence[Message]
    description: str
    kind: str
    about: Mapping[str, object] = field(default_factory=dict)
    dataset: Dataset | None = None
    expected: Sequence[ExpectedOutputs] = ()

    @property
    def sha256(self) -> str | None:
        """The digest of the data, if it is known before it is sent."""
        sha256 = self.about.get("sha256")
        return None if sha256 is None else str(sha256)

    @classmethod
    def of_batches(
        cls, dataset: Dataset, messages: Sequence[Message], expected: Sequence[ExpectedOutputs]
    ) -> Load:
        """Messages that were made of a data set."""
        about = {
            "description": dataset.description,
            "sha256": dataset.sha256,
            "items": len(dataset.items),
        }
        return cls(
            messages=messages,
            description=dataset.description,
            kind=dataset.kind,
            about=about,
            dataset=dataset,
            expected=expected,
        )

    @classmethod
    def of_payloads(cls, payloads: Payloads, messages: Sequence[Message], algorithm: str) -> Load:
        """Messages that are the user's own payloads."""
        return cls(
            messages=messages,
            description=payloads.description,
            kind=f"payload of {algorithm}",
            about=payloads.about,
        )
