"""``status`` for people: the worst first, then what was read, swept, and could not be told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from inventory.cli.blocks import Block, Cell, Column, Line, Table, counted
from inventory.cli.times import Times, words
from inventory.cli.view_mounts import percent
from inventory.cli.view_sweeps import sweep_blocks
from inventory.discover.calls import spent

Row = Mapping[str, Any]

_FORMAT_SHOWN = 60
"""Characters of a format that tell it from others."""

STATUS_COLUMNS = ("about", "name", "state", "as_of", "detail")


def status_blocks(answer: Row, times: Times, now: int | None = None) -> Iterator[Block]:
    """The answer of ``status``; its first line is the worst problem. ``now``, the clock, says how old it is."""
    problems = answer["problems"]
    if problems:
        yield Line(f"problem: {problems[0]}", "bold red")
        for problem in problems[1:]:
            yield Line(f"         {problem}", "yellow")
    else:
        yield Line(
            "all is well: everything that was there was read, and no file system was out of sight",
            "green",
        )
    age = times.ago(answer["as_of"], now)
    yield Line(
        f"as of {times.minute(answer['as_of'])}{f' ({age})' if age else ''}"
        if answer["as_of"]
        else "nothing has been read yet",
        "dim",
    )
    if kept := {what: since for what, since in answer["kept_since"].items() if since}:
        told = ", ".join(f"{what} since {times.minute(since)}" for what, since in kept.items())
        yield Line(f"kept by [retention]: {told}", "dim")
    sources = list(_sources(answer, times, now))
    if sources:
        yield Line("")
        yield from sources
    sections = (
        _coverage(answer),
        sweep_blocks(answer, times, now),
        _unresolved(answer),
        _others(answer, times),
        _strays(answer, times),
        _calls(answer),
    )
    for section in sections:
        blocks = list(section)
        if blocks:
            yield Line("")
            yield from blocks


def status_rows(answer: Row) -> Iterator[dict[str, object]]:
    """One row for each problem, source, sweep, call of it, unknown place and blind file system."""
    for problem in answer["problems"]:
        yield _row("problem", "", "", None, problem)
    for duty in answer["duties"]:
        yield _row(
            "duty",
            duty["name"],
            "failing" if duty["failures"] else "done",
            duty["done_at"],
            duty["problem"] or duty["worker"],
        )
    for source in answer["sources"]:
        yield _row(
            "source", source["name"], source["type"], source["as_of"], _counts(source["tally"])
        )
    for sweep in answer["sweeps"]:
        unwhole = [
            f"{call['call']} {call['state']}" for call in sweep["calls"] if call["state"] != "whole"
        ]
        yield _row(
            "sweep",
            f"{sweep['account']} {sweep['region']}",
            "partial" if unwhole else "whole",
            sweep["last"],
            ", ".join(unwhole),
        )
        for call in sweep["calls"]:
            yield _call_row(sweep, call)
    for place in answer["unknown_places"]:
        yield _row(
            "unknown",
            " ".join(part for part in (place["account"], place["vpc"]) if part),
            percent(place["share"]),
            answer["as_of"],
            f"{place['unresolved']} of {counted(place['clients'], 'client')} not named for certain",
        )
    for blind in answer["coverage"]["blind"]:
        detail = f"blind for {words(blind['blind_seconds'])}: {', '.join(blind['reasons'])}"
        yield _row(
            "blind", blind["file_system"]["id"], percent(blind["ratio"]), answer["as_of"], detail
        )


def _call_row(sweep: Row, call: Row) -> dict[str, object]:
    whole = f"whole last at {call['whole_at']}" if call["whole_at"] else "never whole"
    detail = f"{whole}: {call['problem']}" if call["problem"] else whole
    name = f"{sweep['account']} {sweep['region']} {call['call']}"
    asked = call["asked_at"]
    return _row("call", name, call["state"], asked, detail if asked else "never asked")


def _row(about: str, name: str, state: str, as_of: str | None, detail: str) -> dict[str, object]:
    return {"about": about, "name": name, "state": state, "as_of": as_of, "detail": detail}


def _counts(counts: Mapping[str, int]) -> str:
    """``12,300 request, 4 malformed``, the most first."""
    listed = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return (
        ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in listed if count)
        or "none"
    )


def _lag(newest: str | None, stamp: str | None, now: int | None) -> str:
    """How far a source is behind the clock; without one, behind the newest source."""
    if newest is None or stamp is None:
        return ""
    until = datetime.fromisoformat(newest).timestamp() if now is None else now
    behind = until - datetime.fromisoformat(stamp).timestamp()
    return words(behind) if behind > 0 else "-"


def _sources(answer: Row, times: Times, now: int | None) -> Iterator[Block]:
    sources: Sequence[Row] = answer["sources"]
    if not sources:
        return
    newest = max((source["as_of"] for source in sources if source["as_of"]), default=None)
    yield Line("Sources", "bold")
    columns = (
        Column("Source"),
        Column("Type"),
        Column("Read up to", least=10),
        Column("Behind", right=True),
        Column("Batches"),
        Column("Records"),
    )
    yield Table(
        columns,
        [
            [
                Cell(source["name"], "bold"),
                Cell(source["type"]),
                Cell(times.minute(source["as_of"])),
                Cell(_lag(newest, source["as_of"], now)),
                Cell(_counts(source["batches"])),
                Cell(_counts(source["tally"])),
            ]
            for source in sources
        ],
    )
    for source in sources:
        yield from _source_troubles(source)


def _source_troubles(source: Row) -> Iterator[Line]:
    for batch in source["unread"]:
        yield Line(
            f"  {source['name']}: {batch['batch']} is {batch['state']}: {batch['problem']}",
            "yellow",
        )
    if source["unread_count"] > len(source["unread"]):
        yield Line(
            f"  {source['name']}: and {source['unread_count'] - len(source['unread'])} more",
            "yellow",
        )
    for batch in source["foreign"]:
        why = str(batch["problem"] or "").removeprefix("no flow log").removeprefix(": ")
        yield Line(
            f"  {source['name']}: {batch['batch']} is no flow log{': ' if why else ''}{why}", "dim"
        )
    for line in source["malformed"]:
        yield Line(f"  {source['name']}: malformed: {line}", "yellow")
    yield from _formats(source)
    for field in source["fields"]:
        every = field["named"] + field["dash"]
        if every:
            share = percent(field["named"] / every)
            yield Line(
                f"  {source['name']}: {field['field']} is told by {field['named']:,} of {counted(every, 'record')} "
                f"on port 2049 ({share}), - in the others",
                "dim",
            )


_TRANSIT_GATEWAY = ("resource-type", "tgw-")
"""What only the format of a transit gateway's flow log has: its fields are others, and none of ours can be added to it."""


def _formats(source: Row) -> Iterator[Line]:
    """What the formats of a VPC's flow logs cannot tell; named when there are several."""
    several = len(source["formats"]) > 1
    for form in source["formats"]:
        lines = str(form["format"]).split("\n")
        if all(any(sign in line for sign in _TRANSIT_GATEWAY) for line in lines):
            continue
        if form["missing"]:
            its = f"the format {_shortened(lines[0])}" if several else "its format"
            yield Line(
                f"  {source['name']}: what {its} cannot tell (add the field to the flow log to mend it):"
            )
            for missing in form["missing"]:
                yield Line(f"    without {missing['field']}: {missing['consequence']}", "yellow")


def _shortened(text: str) -> str:
    return text if len(text) <= _FORMAT_SHOWN else f"{text[:_FORMAT_SHOWN]}…"


def _coverage(answer: Row) -> Iterator[Block]:
    coverage = answer["coverage"]
    if not coverage["file_systems"]:
        return
    yield Line("Coverage", "bold")
    watched = f"{coverage['complete']} of {coverage['file_systems']} file systems were watched"
    whole = f"{watched} all of the last {words(coverage['window_seconds'])}"
    yield Line(
        f"  {whole}", "green" if coverage["complete"] == coverage["file_systems"] else "yellow"
    )
    for blind in coverage["blind"]:
        name = f" ({blind['file_system']['name']})" if blind["file_system"]["name"] else ""
        reasons = ", ".join(reason.replace("_", " ") for reason in blind["reasons"])
        yield Line(
            f"  {blind['file_system']['id']}{name}: blind for {words(blind['blind_seconds'])}: {reasons}",
            "yellow",
        )


_UNSURE = {"candidates": "with candidates"}


def _unresolved(answer: Row) -> Iterator[Block]:
    unresolved = answer["unresolved_clients"]
    if not unresolved["count"]:
        return
    said = _counts(
        {_UNSURE.get(how, how): count for how, count in unresolved["by_confidence"].items()}
    )
    yield Line(f"Clients not named for certain: {said}", "bold")
    for each in unresolved["examples"]:
        where = " at ".join(str(part) for part in (each["address"], each["interface"]) if part)
        yield Line(
            f"  {where or 'unknown'} of {each['file_system']}: {each['confidence']}", "yellow"
        )
    if unresolved["count"] > len(unresolved["examples"]):
        yield Line(f"  and {unresolved['count'] - len(unresolved['examples'])} more", "yellow")


def _others(answer: Row, times: Times) -> Iterator[Block]:
    if answer["other_servers"]:
        yield Line("Other NFS servers (their clients mount no EFS file system)", "bold")
    for server in answer["other_servers"]:
        seen = f", last {times.minute(server['last_seen'])}" if server["last_seen"] else ""
        yield Line(
            f"  {server['type']} {server['id']} ({' '.join(server['addresses'])}): {counted(server['clients'], 'client')}{seen}"
        )


def _strays(answer: Row, times: Times) -> Iterator[Block]:
    own = [stray for stray in answer["strays"] if stray["type"] == "own"]
    chance = len(answer["strays"]) - len(own)
    if own:
        yield Line(
            "Addresses that answer on port 2049 and are no file system that a sweep showed", "bold"
        )
    for stray in own:
        where = f"{stray['address']} in {stray['vpc'] or 'an unknown VPC'}"
        last = times.minute(stray["last_seen"])
        yield Line(f"  {where}: {counted(stray['clients'], 'client')}, last {last}", "yellow")
    if chance:
        touched = counted(chance, "address", "addresses")
        yield Line(f"{touched} touched port 2049 by chance (an ephemeral port)", "dim")


def _calls(answer: Row) -> Iterator[Block]:
    used = answer["calls_used"]
    if used["day"] is None:
        return
    throttled = f", {used['throttled']:,} of them throttled" if used["throttled"] else ""
    yield Line(
        f"Calls to AWS on {used['day']}: {spent(used['by_call']):,} of {used['limit']:,}{throttled}",
        "bold",
    )
    yield Line(f"  {_counts(used['by_call'])}")
