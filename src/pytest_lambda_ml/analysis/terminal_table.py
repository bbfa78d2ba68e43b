"""A table that fits its terminal: columns go in a fixed order, nothing that is shown is cut off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich import box
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console

__all__ = ["Column", "print_table"]

GAP = 2
"""Characters between two columns: the box's divider and the padding."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column. ``drop``: left out in this order where it is too narrow; 0 never is."""

    heading: str
    left: bool = False
    wraps: bool = False  # between words, where it is too narrow
    drop: int = 0

    def width(self, values: Sequence[Text | str]) -> int:
        """The fewest characters in which nothing of it is cut off."""
        texts = [self.heading, *(str(value) for value in values)]
        parts = [part for text in texts for part in (text.split() if self.wraps else [text])]
        return max((len(line) for part in parts for line in part.split("\n")), default=0) + GAP


def print_table(
    console: Console,
    columns: Mapping[Column, Sequence[Text | str]],
    styles: Sequence[str] | None = None,
) -> list[Column]:
    """Print as many of the columns, with their values, as fit; returns those that do not.

    ``styles`` are those of the rows. A console too narrow for what is never left out gets lines
    that are too long, not figures that are cut off.
    """
    needed = {column: column.width(values) for column, values in columns.items()}
    left_out: list[Column] = []
    for column in sorted((c for c in columns if c.drop), key=lambda c: c.drop):
        if sum(needed.values()) <= console.width:
            break
        del needed[column]
        left_out.append(column)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False, pad_edge=False)
    for column, width in needed.items():
        table.add_column(
            column.heading,
            justify="left" if column.left else "right",
            no_wrap=not column.wraps,
            min_width=width - GAP,
        )
    rows = list(zip(*(columns[column] for column in needed), strict=True))
    for row, style in zip(rows, styles or [""] * len(rows), strict=True):
        table.add_row(
            *(Text(value) if isinstance(value, str) else value for value in row), style=style
        )
    console.print(table, width=max(console.width, sum(needed.values())), soft_wrap=False)
    return left_out
