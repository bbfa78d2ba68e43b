"""A message that is to be published."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Message"]


@dataclass(frozen=True, slots=True)
class Message:
    """The text of one SNS message and the sample that it carries."""

    sample_id: str
    text: str

    @property
    def size_bytes(self) -> int:
        """What SNS counts: the bytes of the text in UTF-8."""
        return len(self.text.encode())
