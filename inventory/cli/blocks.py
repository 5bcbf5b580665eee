"""What a text answer is made of: lines and tables, whoever shows them.

Views build blocks out of answers; :func:`show` writes them to a terminal (with rich: colour, widths) or, piped, as plain aligned text.
Whatever is shown passes :func:`~inventory.telemetry.printable` here and nowhere else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TextIO

from inventory.telemetry import printable


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of a table; ``style`` counts on terminals only."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A heading; ``right`` aligns numbers; on a terminal narrower than ``wide`` the column is left out."""

    title: str
    right: bool = False
    wide: int = 0
    whole: bool = False
    """Never cut or wrapped."""
    least: int = 0
    """On a terminal never narrower than this."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under columns; every row has a cell for each column."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of prose; ``""`` is a blank one."""

    text: str
    style: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A command for a person to run: never wrapped, so that it can be copied as it is."""

    text: str


Block = Line | Table | Command


def counted(number: int, one: str, many: str = "") -> str:
    """``1 client``, ``2,345 clients``; ``many`` where an ``s`` does not do."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def show(blocks: Iterable[Block], stream: TextIO | None = None) -> None:
    """Write blocks to standard output: with rich on a terminal, plain otherwise."""
    out = stream or sys.stdout
    if out.isatty():
        _show_rich(blocks, out)
    else:
        for line in plain(blocks):
            out.write(line + "\n")


def plain(blocks: Iterable[Block]) -> Iterator[str]:
    """Blocks as lines of aligned text, without colour, every column whole."""
    for block in blocks:
        if isinstance(block, Table):
            yield from _plain_table(block)
        else:
            yield printable(block.text)


def _plain_table(table: Table) -> Iterator[str]:
    from rich.cells import cell_len

    lines = [[column.title.upper() for column in table.columns]]
    lines += [[printable(cell.text) for cell in row] for row in table.rows]
    widths = [max(cell_len(line[number]) for line in lines) for number in range(len(table.columns))]
    for line in lines:
        padded = [
            " " * (width - cell_len(text)) + text
            if column.right
            else text + " " * (width - cell_len(text))
            for text, width, column in zip(line, widths, table.columns, strict=True)
        ]
        yield "  ".join(padded).rstrip()


def _show_rich(blocks: Iterable[Block], out: TextIO) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console(file=out, highlight=False, markup=False, emoji=False)
    for block in blocks:
        if isinstance(block, Line):
            console.print(Text(printable(block.text), style=block.style))
            continue
        if isinstance(block, Command):
            console.print(Text(printable(block.text)), soft_wrap=True)
            continue
        chosen = [
            number for number, column in enumerate(block.columns) if column.wide <= console.width
        ]
        table = RichTable(
            box=box.SIMPLE_HEAD,
            header_style="bold",
            pad_edge=False,
            padding=(0, 1, 0, 0),
            show_edge=False,
        )
        widths = _fitted(block, chosen, console.width - _BETWEEN * (len(chosen) - 1))
        for number in chosen:
            column = block.columns[number]
            table.add_column(
                column.title,
                justify="right" if column.right else "left",
                no_wrap=column.whole,
                overflow="fold",
                width=widths.get(number),
            )
        for row in block.rows:
            table.add_row(
                *(Text(printable(row[number].text), style=row[number].style) for number in chosen)
            )
        console.print(table)


_BETWEEN = 2
"""Blanks between two columns."""


def _fitted(table: Table, chosen: Sequence[int], room: int) -> dict[int, int]:
    """The width of each chosen column: what it holds; else the widest gives way first, down to its least. Empty: it cannot fit."""
    from rich.cells import cell_len

    widths: dict[int, int] = {}
    floors: dict[int, int] = {}
    for number in chosen:
        column = table.columns[number]
        texts = [column.title, *(printable(row[number].text) for row in table.rows)]
        widths[number] = max(map(cell_len, texts))
        least = max(column.least, *map(cell_len, column.title.split()))
        floors[number] = widths[number] if column.whole else min(widths[number], least)
    while sum(widths.values()) > room:
        giving = [number for number in chosen if widths[number] > floors[number]]
        if not giving:
            return {}
        widths[max(giving, key=lambda number: widths[number])] -= 1
    return widths
