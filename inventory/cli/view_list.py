"""``list`` for people: every file system, and whether what is not seen was looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from inventory.cli.blocks import Block, Cell, Column, Line, Table
from inventory.cli.times import Times
from inventory.cli.view_mounts import percent

_COLUMNS = (
    Column("File system", whole=True),
    Column("Name", least=12, wide=70),
    Column("Clients now", right=True, least=7),
    Column("Last seen", least=10),
    Column("Idle since", least=10, wide=78),
    Column("Coverage", right=True, whole=True),
)
_PLACE = (Column("Account", wide=130), Column("Region", wide=130))


def _clients(count: int | None) -> Cell:
    if count is None:
        return Cell("?", "yellow")
    return Cell(str(count), "bold green" if count else "dim")


def _row(entry: Mapping[str, Any], times: Times) -> list[Cell]:
    name = entry["name"] or ""
    if entry.get("deleted_at"):
        name = f"{name} (deleted {times.minute(entry['deleted_at'])})".lstrip()
    ratio = entry["coverage_ratio"]
    return [
        Cell(entry["id"], "dim" if entry.get("deleted_at") else "bold"),
        Cell(name),
        _clients(entry["clients_now"]),
        Cell(times.both(entry["last_seen"])),
        Cell(times.minute(entry["idle_since"])),
        Cell(percent(ratio), "green" if ratio is not None and ratio >= 1 else "yellow"),
        Cell(entry["account"] or ""),
        Cell(entry["region"] or ""),
    ]


def list_blocks(answer: Mapping[str, Any], times: Times) -> Iterator[Block]:
    """The answer of ``list``; ``?`` where too little was seen to say how many."""
    entries = answer["file_systems"]
    if answer["as_of"]:
        yield Line(f"as of {times.minute(answer['as_of'])}", "dim")
    else:
        yield Line("no flow logs have been read yet: run `efs-inventory collect`", "yellow")
    if not entries:
        yield Line("no file systems are known: run `efs-inventory discover`", "yellow")
        return
    yield Table((*_COLUMNS, *_PLACE), [_row(entry, times) for entry in entries])
    if any(entry["clients_now"] is None for entry in entries):
        yield Line(
            "? : not enough was seen to say; `efs-inventory who FS` shows when it was blind", "dim"
        )
