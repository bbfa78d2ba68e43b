"""A table that fits its terminal: columns go in a fixed order, nothing that is shown is cut off."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.console import Console
    from rich.text import Text

__all__ = ["Column", "plain_console", "print_table", "wrapped"]

GAP = 2
"""Characters between two columns: the box's divider and the padding."""


_UNBROKEN = "\N{NO-BREAK SPACE}"


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


def plain_console(output: TextIO, *, width: int, color: bool) -> Console:
    """A console that writes texts as they are: names of tests and handlers may look like markup."""
    from rich.console import Console

    return Console(
        file=output,
        width=width,
        force_terminal=color,
        no_color=not color,
        highlight=False,
        markup=False,
    )


def print_table(
    console: Console,
    columns: Mapping[Column, Sequence[Text | str]],
    styles: Sequence[str] | None = None,
) -> list[Column]:
    """Print as many of the columns, with their values, as fit; returns those that do not.

    ``styles`` are those of the rows. A console too narrow for what is never left out gets lines
    that are too long, not figures that are cut off.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

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
    width = console.width
    # print(width=…) never goes beyond the console's own width: rich would crop what does not fit.
    console.width = max(width, sum(needed.values()))
    try:
        console.print(table)
    finally:
        console.width = width
    return left_out


def wrapped(text: str, width: int, indent: str = "") -> str:
    """Text in lines that fit; what belongs to a number stays with it, and what is copied whole."""
    filled = textwrap.fill(
        text.replace(" %", f"{_UNBROKEN}%").replace("> ", f">{_UNBROKEN}"),
        width,
        initial_indent=indent,
        subsequent_indent=indent + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace(_UNBROKEN, " ")
