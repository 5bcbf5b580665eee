"""``check-delete --plan`` for people: who hangs first, then what to take away and how to put it back, then how long to listen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inventory.cli.blocks import Block, Cell, Column, Command, Line, Table, counted, plain
from inventory.cli.times import Times
from inventory.cli.view_mounts import client_label, file_system_line, kind_label
from inventory.cli.view_verdict import VERDICT_STYLES, escaped, markdown_table

Row = Mapping[str, Any]

_STAGES = {
    "refused": ("no plan: nobody would hear who is turned away", "bold red"),
    "unknown": ("no plan: it is not known who is let in", "bold yellow"),
    "nothing_to_cut": ("it has no mount target, so nobody can mount it", "bold green"),
    "begin": ("the way in is open: how to close it, and how to open it again", "bold"),
    "listening": ("nobody is let in any more, and nobody was heard yet: wait", "bold"),
    "heard": ("somebody was turned away and wants it: find out who, and open it again", "bold red"),
    "go_on": ("nobody was heard for long enough: go on by the order below", "bold green"),
}
_OPEN = {True: "open", False: "closed", None: "not known"}


def plan_text(answer: Row, times: Times) -> Iterator[Block]:
    """The whole plan. Commands come after everybody who hangs, always."""
    yield from _head(answer, times)
    for title, blocks in _parts(answer, times):
        yield Line("")
        yield Line(title, "bold")
        yield from blocks


def plan_markdown(answer: Row, times: Times) -> Iterator[str]:
    """The same as Markdown, for a ticket; commands in fences, which no text inside can end."""
    name = f" ({answer['file_system']['name']})" if answer["file_system"]["name"] else ""
    yield f"## Scream test of {escaped(answer['file_system']['id'] + name)}"
    yield ""
    for line in plain(_head(answer, times)):
        yield f"- {escaped(line.strip())}"
    for title, blocks in _parts(answer, times):
        yield ""
        yield f"### {title.rstrip(':')}"
        yield ""
        yield from _markdown(list(blocks))


def _markdown(blocks: Sequence[Block]) -> Iterator[str]:
    for number, block in enumerate(blocks):
        if isinstance(block, Table):
            yield from markdown_table(block)
        elif isinstance(block, Command):
            if number == 0 or not isinstance(blocks[number - 1], Command):
                yield "```sh"
            yield from plain([block])
            if number + 1 == len(blocks) or not isinstance(blocks[number + 1], Command):
                yield "```"
        else:
            text = block.text.strip()
            yield f"- {escaped(text.removeprefix('- '))}" if text else ""


def _head(answer: Row, times: Times) -> Iterator[Line]:
    said, style = _STAGES[answer["stage"]]
    yield Line(said, style)
    yield file_system_line(answer["file_system"], times)
    verdict = str(answer["verdict"])
    codes = dict.fromkeys(r["code"] for r in answer["reasons"] if r["severity"] == "blocking")
    why = f" ({', '.join(codes)})" if codes else ""
    yield Line(f"verdict   {verdict}{why}", VERDICT_STYLES[verdict])
    yield Line(f"as of     {times.minute(answer['as_of']) if answer['as_of'] else 'never'}")


def _parts(answer: Row, times: Times) -> Iterator[tuple[str, Iterator[Block]]]:
    if answer["refused"]:
        yield "Nobody would hear a rejection at:", _refused(answer["refused"])
    yield "Who hangs or fails when the way in is closed:", _hangs(answer["hangs"], times)
    if answer["mount_targets"]:
        yield "Mount targets, and who is let in:", _doors(answer["mount_targets"], times)
    shared = [one for door in answer["mount_targets"] for one in door["shared_with"]]
    if shared:
        yield "Who else has these security groups:", _sharing(shared)
    if answer["take_away"]:
        yield f"Take away ({answer['why_this_way']}):", _commands(answer["take_away"])
    if answer["put_back"]:
        yield "Put back:", _commands(answer["put_back"])
    if answer["screams"]:
        yield "Who was turned away since:", _screams(answer["screams"], times)
    if answer["mount_targets"]:
        yield "Listen:", _listen(answer, times)
    yield "Then, in this order:", _order(answer["order"])
    yield "Know:", (Line(f"  - {each}", "dim") for each in answer["notes"])


def _refused(refused: Sequence[Row]) -> Iterator[Block]:
    for one in refused:
        yield Line(f"  - {one['mount_target']}: {one['why']}", "red")
    yield Line(
        "  - mend it with a flow log of type ALL or REJECT for the subnets of its mount targets, and have it read"
    )


def _hangs(clients: Sequence[Row], times: Times) -> Iterator[Block]:
    if not clients:
        yield Line("  nobody was seen mounting it; who was not seen would hang all the same")
        return
    columns = (
        Column("Client", least=14),
        Column("Kind", wide=100),
        Column("State", whole=True),
        Column("Last seen", least=10),
        Column("What happens", least=20),
    )
    rows = [
        [
            Cell(client_label(one), "bold"),
            Cell(kind_label(one)),
            Cell(one["state"]),
            Cell(times.both(one["last_seen"])),
            Cell(one["consequence"]),
        ]
        for one in clients
    ]
    yield Table(columns, rows)


def _doors(doors: Sequence[Row], times: Times) -> Iterator[Block]:
    for door in doors:
        groups = ", ".join(_group(one, times) for one in door["groups"])
        yield Line(
            f"  {door['id']}  {door['network_interface'] or '?'}  {door['subnet'] or '?'}  "
            f"{_OPEN[door['open']]}; groups: {groups or 'not known'}"
        )
        yield from (Line(f"    - {each}", "yellow") for each in door["unknown"])
        for one in door["rules"]:
            told = f", {one['description']!r}" if one["description"] else ""
            yield Line(
                f"    - {one['id']} of {one['group']} lets in {_ports(one)} from {one['source'] or '?'}{told}"
            )
        if door["open"] is False:
            since = times.minute(door["closed_by"]) if door["closed_by"] else "as long as is known"
            yield Line(f"    - closed since {since}")
        if door["heard_by"]:
            yield Line(f"    - rejections are heard by {', '.join(door['heard_by'])}", "dim")


def _group(group: Row, times: Times) -> str:
    told = [group["name"]] if group["name"] else []
    if group["looked_at"]:
        told.append(f"as of {times.minute(group['looked_at'])}")
    return f"{group['id']} ({', '.join(told)})" if told else str(group["id"])


def _ports(rule: Row) -> str:
    if rule["protocol"] != "tcp":
        return "every protocol and port"
    if rule["from_port"] is None:
        return "every TCP port"
    if rule["from_port"] == rule["to_port"]:
        return f"TCP port {rule['from_port']}"
    return f"TCP ports {rule['from_port']} to {rule['to_port']}"


def _sharing(shared: Sequence[Row]) -> Iterator[Block]:
    by_owner: dict[str, dict[str, None]] = {}
    for one in shared:
        names = " or ".join(
            f"{owner['kind'].replace('_', ' ')} {owner['id']}"
            + (f" ({owner['name']})" if owner["name"] and owner["name"] != owner["id"] else "")
            for owner in one["owners"]
        )
        system = f"mount target of {one['file_system']}" if one["file_system"] else ""
        by_owner.setdefault(system or names or "nobody knows whose", {})[
            f"{one['network_interface']} ({', '.join(one['groups'])})"
        ] = None
    for owner in sorted(by_owner):
        yield Line(f"  - {owner}: {', '.join(by_owner[owner])}")


def _commands(commands: Sequence[str]) -> Iterator[Block]:
    yield from (Command(each) for each in commands)


def _screams(screams: Sequence[Row], times: Times) -> Iterator[Block]:
    columns = (
        Column("Client", least=14),
        Column("State", whole=True),
        Column("Rejected", right=True, whole=True),
        Column("First", least=10),
        Column("Last", least=10),
    )
    rows = [
        [
            Cell(client_label(one), "bold"),
            Cell(one["state"]),
            Cell(f"{one['rejected_flows']:,}"),
            Cell(times.minute(one["first_seen"])),
            Cell(times.both(one["last_seen"])),
        ]
        for one in screams
    ]
    yield Table(columns, rows)


def _listen(answer: Row, times: Times) -> Iterator[Block]:
    listen, system = answer["listen"], answer["file_system"]["id"]
    yield Line(
        f"  - who tries is shown by `efs-inventory who {system}` with state rejected; check-delete says CLIENT_REJECTED"
    )
    silence = listen["longest_silence_days"]
    why = (
        f"twice the longest silence, {silence} days, and at least a week"
        if silence is not None
        else "a week: nobody was ever seen, so nothing is known of its rhythm, and what comes once a quarter needs half a year"
    )
    yield Line(f"  - wait for {counted(listen['days'], 'quiet day')} ({why})")
    if listen["go_on_from"]:
        begun = (
            "if the way in is closed now" if answer["take_away"] else "if nobody tries until then"
        )
        yield Line(f"  - go on from {times.minute(listen['go_on_from'])} at the earliest, {begun}")
    for one in listen["deaf"]:
        yield Line(f"  - nobody listened in {times.span(one['start'], one['end'])}", "yellow")


def _order(order: Sequence[Row]) -> Iterator[Block]:
    for step in order:
        which = f": {', '.join(step['which'])}" if step["which"] else ""
        yield Line(f"  {step['step']}. {step['what']}{which}")
