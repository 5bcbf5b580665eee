"""``explore``: the ad hoc question, straight from a source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from inventory.cli.blocks import Block, Cell, Column, Line, Table, counted
from inventory.cli.face import Face
from inventory.cli.output import Answer, emit, format_option
from inventory.cli.progress import progress_for
from inventory.cli.times import Times
from inventory.errors import UsageError
from inventory.telemetry import printable

if TYPE_CHECKING:
    from inventory.config import Settings

COLUMNS = (
    "address",
    "requests",
    "rejected",
    "packets",
    "bytes",
    "first_seen",
    "last_seen",
    "servers",
    "owners",
)
_TABLE = (
    Column("Address", whole=True),
    Column("Requests", right=True, whole=True),
    Column("Rejected", right=True, wide=100),
    Column("Servers", least=10, wide=90),
    Column("Last seen", whole=True),
    Column("Owner", least=16),
)


@click.command(short_help="Requests to port 2049 by source address, straight from a source.")
@click.option("--source", metavar="NAME", help="The source to read; needed when there are several.")
@click.option("--since", metavar="TIME", help="From here: a date, a time, 7d, 36h, last-week.")
@click.option("--until", metavar="TIME", help="Up to here, exclusive.")
@click.option("--query", is_flag=True, help="Print what the source would ask, and ask nothing.")
@format_option
@click.pass_context
def explore(
    ctx: click.Context,
    *,
    source: str | None,
    since: str | None,
    until: str | None,
    query: bool,
    form: str,
) -> None:
    """Who sent requests to port 2049: flow log records counted by source address, without the database.

    For a first look and for doubts. It knows nothing of coverage, and counts what every interface recorded: `collect` and `who`
    know better.
    """
    face = ctx.find_object(Face) or Face()
    settings, span = face.settings, face.span(since, until)
    name = source or _only(settings)
    from inventory import explore as asking

    if query:
        click.echo(printable_lines(asking.query(settings, name, span, clock=face.clock)))
        return
    with progress_for(face.verbosity) as progress:
        found = asking.explore(settings, name, span, clock=face.clock, progress=progress)
    emit(
        found.json(), form, view=lambda one: blocks(one, face.times()), rows=_rows, columns=COLUMNS
    )
    for problem in found.problems:
        click.echo(f"problem: {printable(problem)}", err=True)
    if found.problems:
        ctx.exit(1)


def _only(settings: Settings) -> str:
    names = [section.name for section in settings.sources]
    if len(names) == 1:
        return names[0]
    listed = ", ".join(names) or "none"
    raise UsageError("--source is needed", hint=f"configured sources: {listed}")


def printable_lines(text: str) -> str:
    """Safe to show; lines stay lines."""
    return "\n".join(printable(line) for line in text.split("\n"))


def _rows(answer: Answer) -> Iterator[Mapping[str, Any]]:
    for row in answer["requests"]:
        yield {**row, "owners": [owner["name"] for owner in row["owners"]]}


def blocks(answer: Mapping[str, Any], times: Times) -> Iterator[Block]:
    """The answer for people; what was read comes first, since nothing in what was not read means nothing."""
    first, last = answer["records"]["first"], answer["records"]["last"]
    read = counted(answer["batches"], "batch", "batches")
    if first is None:
        yield Line(f"{read} read; no record was in them", "yellow")
        return
    yield Line(f"{read} read, records from {times.minute(first)} to {times.minute(last)}", "dim")
    if not answer["requests"]:
        yield Line("no requests to port 2049 in these records")
        return
    yield Table(_TABLE, [_row(one, times) for one in answer["requests"]])
    if not answer["swept"]:
        yield Line(
            "no sweep is at hand to name owners by: `efs-inventory discover` makes one", "dim"
        )


def _row(one: Mapping[str, Any], times: Times) -> list[Cell]:
    owners = "; ".join(
        owner["name"] + ("" if owner["confidence"] == "exact" else f" [{owner['confidence']}]")
        for owner in one["owners"]
    )
    return [
        Cell(one["address"] or "-", "bold"),
        Cell(f"{one['requests']:,}"),
        Cell(f"{one['rejected']:,}" if one["rejected"] else "", "yellow"),
        Cell(" ".join(one["servers"])),
        Cell(times.minute(one["last_seen"])),
        Cell(owners or "-"),
    ]
