"""Carry one cell out: publish, poll, and stop when every message is settled or the wait is over."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Progress"]


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a cell is, for the live line. Reported after every publish call and every poll.

    ``received`` counts messages whose outcome is known, ``published`` those that SNS accepted,
    ``expected`` those that the cell asks for. ``seconds_left`` is an estimate from the rate so
    far, ``None`` before the first outcome.
    """

    cell_id: str
    received: int
    published: int
    expected: int
    seconds_left: float | None
