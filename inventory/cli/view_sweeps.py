"""The sweeps in ``status``, for people: how old the newest word is, which calls are broken, and what was never asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inventory.answers.swept import NOTHING, where
from inventory.cli.blocks import Block, Cell, Column, Line, Table
from inventory.cli.times import Times

Row = Mapping[str, Any]

_CALL_WORDS = {"whole": "whole", "broken": "broken", "missing": "not recorded"}

_NEEDED = {
    "efs.describe-file-systems": "file systems",
    "efs.describe-mount-targets": "mount targets",
    "ec2.describe-network-interfaces": "network interfaces",
}
"""Calls without which nothing can be said of an account: what they tell."""


def sweep_blocks(answer: Row, times: Times, now: int | None) -> Iterator[Block]:
    """A table by account and region, and what is wrong with it. ``now``, the clock, says how old the oldest word is."""
    sweeps: Sequence[Row] = answer["sweeps"]
    if not sweeps:
        return
    yield Line("Sweeps", "bold")
    columns = (
        Column("Account"),
        Column("Region"),
        Column("Sweeps", right=True),
        Column("Newest", least=10),
        Column("Calls"),
        Column("Oldest answer", least=10),
    )
    yield Table(columns, [_cells(sweep, times, now) for sweep in sweeps])
    for sweep in sweeps:
        yield from _troubles(sweep, answer["problems"], times)


def _cells(sweep: Row, times: Times, now: int | None) -> list[Cell]:
    states = [call["state"] for call in sweep["calls"]]
    said = ", ".join(
        f"{states.count(state)} {word}" for state, word in _CALL_WORDS.items() if state in states
    )
    troubled = "broken" in states or _blinding(sweep)
    return [
        Cell(sweep["account"], "bold"),
        Cell(sweep["region"]),
        Cell(f"{sweep['sweeps']:,}"),
        Cell(times.minute(sweep["last"])),
        Cell(said, "yellow" if troubled else "green"),
        Cell(_oldest(sweep, times, now)),
    ]


def _oldest(sweep: Row, times: Times, now: int | None) -> str:
    """The call that was longest not whole, and how long; ``""`` when all answers are of the newest sweep."""
    known = [(call["whole_at"], call["call"]) for call in sweep["calls"] if call["whole_at"]]
    if not known or min(known)[0] == sweep["last"]:
        return ""
    stamp, call = min(known)
    return f"{times.ago(stamp, now) or times.minute(stamp)}, {call}"


def _blinding(sweep: Row) -> list[str]:
    """What is not known for want of a call, of what every answer needs."""
    missing = {call["call"] for call in sweep["calls"] if call["state"] == "missing"}
    return [what for call, what in _NEEDED.items() if call in missing]


def _troubles(sweep: Row, problems: Sequence[str], times: Times) -> Iterator[Line]:
    """Broken calls, unless the problems at the top have named them; calls that were not recorded."""
    place = where(sweep["account"], sweep["region"])
    silent = (f"{where(sweep['account'])}: {NOTHING}", f"{place}: {NOTHING}")
    for call in sweep["calls"]:
        named = (*silent, f"{place}: {call['call']} is ")
        if call["state"] == "broken" and not any(each.startswith(named) for each in problems):
            told = f": {call['problem']}" if call["problem"] else ""
            last = f", whole last at {times.minute(call['whole_at'])}" if call["whole_at"] else ""
            yield Line(f"  {place}: {call['call']} is broken{told}{last}", "yellow")
    blinding = _blinding(sweep)
    if blinding:
        yield Line(
            f"  {place}: {', '.join(blinding)} were not recorded: what is there cannot be known",
            "yellow",
        )
    absent = [call["call"] for call in sweep["calls"] if call["state"] == "missing"]
    if absent:
        yield Line(f"  {place}: not recorded, so not known: {', '.join(absent)}", "dim")
