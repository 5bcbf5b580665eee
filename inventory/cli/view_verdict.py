"""``check-delete`` for people: the verdict and its reasons first, then who and what, then how to go on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from inventory.cli.blocks import Block, Cell, Column, Line, Table, plain
from inventory.cli.times import Times, words
from inventory.cli.view_mounts import (
    STATE_STYLES,
    client_label,
    coverage_lines,
    file_system_line,
    how_label,
    kind_label,
    percent,
)

Row = Mapping[str, Any]

VERDICT_STYLES = {
    "IN_USE": "bold red",
    "REFERENCED": "bold magenta",
    "UNKNOWN": "bold yellow",
    "QUIET": "bold green",
}
_MEANING = {
    "IN_USE": "somebody mounts it",
    "REFERENCED": "something still points at it",
    "UNKNOWN": "not enough was looked at to say",
    "QUIET": "no evidence of use; not a guarantee",
}
_SEVERITY_STYLES = {"blocking": "bold", "warning": "yellow", "info": "dim"}
_SHOWN = 20
"""Rows of one table; JSON has them all."""


def verdict_blocks(answer: Row, times: Times) -> Iterator[Block]:
    """The answer of ``check-delete``."""
    yield from _head(answer, times)
    yield Line("")
    yield from _cut(_reasons_table(answer["reasons"]), len(answer["reasons"]))
    for title, table, number in _tables(answer, times):
        yield Line("")
        yield Line(title, "bold")
        yield from _cut(table, number)
    yield from _consequences(answer["clients"])
    yield from _how_to_go_on(answer)


def _head(answer: Row, times: Times) -> Iterator[Line]:
    verdict = str(answer["verdict"])
    yield Line(f"{verdict}: {_MEANING[verdict]}", VERDICT_STYLES[verdict])
    yield file_system_line(answer["file_system"], times)
    window = answer["window"]
    as_of = times.minute(answer["as_of"]) if answer["as_of"] else "never: nothing has been read yet"
    yield Line(f"window    {times.span(window['since'], window['until'])}, as of {as_of}")
    if answer["asked_until"] != window["until"]:
        yield Line(f"          asked until {times.minute(answer['asked_until'])}")
    yield Line(f"last seen {times.both(answer['last_seen'])}")
    yield from coverage_lines(answer["coverage"], times)
    if answer["activity"]:
        yield Line(f"activity  {_activity(answer['activity'], times)}")
    if answer["accepted_blind_seconds"]:
        accepted = words(answer["accepted_blind_seconds"])
        yield Line(f"          holes of at most {accepted} accepted by --accept-blind", "yellow")
    if answer["longest_silence_days"] is not None:
        yield Line(
            f"rhythm    silent for up to {answer['longest_silence_days']} days, as far as is known"
        )
    if answer["quiet_from"]:
        yield Line(
            f"          QUIET can be had from {times.minute(answer['quiet_from'])} at the earliest"
        )
    if answer["certificate"]["sha256"]:
        marks = answer["certificate"]
        yield Line(f"certified {marks['sha256']}, valid until {times.minute(marks['valid_until'])}")
    for key, entries in answer["labels"].items():
        if entries:
            yield Line(f"labels    {key}: {', '.join(entries)}")


def _activity(activity: Row, times: Times) -> str:
    """``last read …, no write since …``: each kind of I/O of which anything is known."""
    told = []
    for kind in ("read", "write", "metadata"):
        known = activity[kind]
        if known is None:
            continue
        if known["last"] is not None:
            told.append(f"last {kind} before {times.minute(known['last'])}")
        elif known["none_since"] is not None:
            told.append(f"no {kind} since {times.minute(known['none_since'])}")
    return ", ".join(told) + " (CloudWatch)" if told else "not known"


def _cut(table: Table, number: int) -> Iterator[Block]:
    yield Table(table.columns, table.rows[:_SHOWN])
    if number > _SHOWN:
        yield Line(f"and {number - _SHOWN} more; --format json shows them all", "dim")


def _reasons_table(reasons: Sequence[Row]) -> Table:
    columns = (
        Column("Class", whole=True),
        Column("Reason", whole=True, wide=100),
        Column("What", least=30),
    )
    return Table(
        columns,
        [
            [
                Cell(
                    one["class"],
                    VERDICT_STYLES[one["class"]] if one["severity"] == "blocking" else "dim",
                ),
                Cell(one["code"], _SEVERITY_STYLES[one["severity"]]),
                Cell(one["message"]),
            ]
            for one in reasons
        ],
    )


def _tables(answer: Row, times: Times) -> Iterator[tuple[str, Table, int]]:
    clients, references, targets = (
        answer["clients"],
        answer["references"],
        answer["mount_targets"],
    )
    if clients:
        yield "Clients in the window or after it:", _clients_table(clients, times), len(clients)
    if references:
        yield "What names it:", _references_table(references, times), len(references)
    if targets:
        yield "Mount targets:", _targets_table(targets), len(targets)


def _clients_table(clients: Sequence[Row], times: Times) -> Table:
    columns = (
        Column("Client", least=14),
        Column("Kind", wide=100),
        Column("State", whole=True),
        Column("Last seen", least=10),
        Column("Referenced", least=10),
        Column("How we know", wide=90, least=9),
    )
    return Table(
        columns,
        [
            [
                Cell(client_label(one), "bold"),
                Cell(kind_label(one)),
                Cell(one["state"], STATE_STYLES.get(one["state"], "")),
                Cell(times.both(one["last_seen"])),
                Cell("yes" if one["referenced"] else "no: by hand?"),
                Cell(how_label([one])),
            ]
            for one in clients
        ],
    )


def _references_table(references: Sequence[Row], times: Times) -> Table:
    columns = (
        Column("Reference", least=14),
        Column("Kind", whole=True),
        Column("Standing", whole=True),
        Column("Seen", whole=True),
        Column("Why", least=12),
        Column("Last shown", wide=110, least=10),
    )
    return Table(
        columns,
        [
            [
                Cell(one["id"], "bold"),
                Cell(str(one["kind"]).replace("_", " ")),
                Cell(one["standing"], "bold magenta" if one["standing"] == "live" else "dim"),
                Cell("" if one["standing"] == "context" else "seen" if one["seen"] else "never"),
                Cell(one["why"]),
                Cell(times.minute(one["last_shown"])),
            ]
            for one in references
        ],
    )


def _targets_table(targets: Sequence[Row]) -> Table:
    columns = (
        Column("Mount target", whole=True),
        Column("State", whole=True),
        Column("Addresses", least=10),
        Column("Subnet", wide=90),
        Column("Coverage", right=True, whole=True),
    )
    return Table(
        columns,
        [
            [
                Cell(one["id"], "bold"),
                Cell(one["state"] or "?"),
                Cell(" ".join(one["addresses"])),
                Cell(one["subnet"] or ""),
                Cell(
                    percent(one["coverage_ratio"]),
                    "green" if not one["blind_seconds"] else "yellow",
                ),
            ]
            for one in targets
        ],
    )


def _consequences(clients: Sequence[Row]) -> Iterator[Line]:
    told = list(
        dict.fromkeys(
            str(one["consequence"])
            for one in clients
            if one["state"] in ("active", "idle", "unknown", "ended")
        )
    )
    if told:
        yield Line("")
        yield Line("If it is deleted:", "bold")
        yield from (Line(f"  {each}") for each in told[:_SHOWN])


def _how_to_go_on(answer: Row) -> Iterator[Line]:
    yield Line("")
    yield Line("In which order to take it away:", "bold")
    for step in answer["order"]:
        which = f": {', '.join(step['which'])}" if step["which"] else ""
        yield Line(f"  {step['step']}. {step['what']}{which}")
    yield Line("")
    yield Line("What this check does not see:", "bold")
    yield from (Line(f"  - {each}", "dim") for each in answer["not_seen"])


# -- all of them, and certificates -------------------------------------------------------------------------------------------------------


def all_blocks(answer: Row, times: Times) -> Iterator[Block]:
    """The answer of ``check-delete --all``: QUIET first."""
    entries = answer["file_systems"]
    if not entries:
        yield Line("no file systems are known: run `efs-inventory discover`", "yellow")
        return
    columns = (
        Column("File system", whole=True),
        Column("Name", least=12, wide=70),
        Column("Verdict", whole=True),
        Column("Size", right=True, whole=True),
        Column("About $/month", right=True, whole=True, wide=100),
        Column("Last seen", least=10),
        Column("Why", least=20),
        Column("QUIET from", wide=130, least=10),
        Column("Account", wide=150),
        Column("Region", wide=150),
    )
    rows = [
        [
            Cell(one["id"], "bold"),
            Cell(one["name"] or ""),
            Cell(one["verdict"], VERDICT_STYLES[one["verdict"]]),
            Cell(_size(one["size"])),
            Cell(_dollars(one["monthly_cost_usd_about"])),
            Cell(times.both(one["last_seen"])),
            Cell(" ".join(one["reasons"])),
            Cell(times.minute(one["quiet_from"])),
            Cell(one["account"] or ""),
            Cell(one["region"] or ""),
        ]
        for one in entries
    ]
    yield Table(columns, rows)


def _size(size: Row | None) -> str:
    """To three digits, in the unit in which it is below 1,000; ``?`` when AWS did not tell."""
    if size is None:
        return "?"
    value, unit = float(size["bytes"]), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB", "PiB"):
        if value < _THOUSAND:
            break
        value, unit = value / 1024, larger
    return f"{value:.3g} {unit}"


_THOUSAND = 1_000


def _dollars(amount: float | None) -> str:
    return "?" if amount is None else f"{amount:,.2f}"


def verified_blocks(answer: Row) -> Iterator[Block]:
    """The answer of ``check-delete --verify``."""
    system = answer["file_system"] or {}
    if answer["valid"]:
        yield Line(f"valid: {system.get('id')} is QUIET still, as it was certified", "bold green")
    else:
        yield Line("not valid: do not act on this certificate", "bold red")
    for problem in answer["problems"]:
        yield Line(f"  - {problem}")
    marks = answer["certificate"]
    yield Line(f"SHA-256 {marks['sha256']}, valid until {marks['valid_until']}", "dim")


# -- markdown ----------------------------------------------------------------------------------------------------------------------------


def verdict_markdown(answer: Row, times: Times) -> Iterator[str]:
    """The same as Markdown, for a ticket. What others wrote (names, tags) is shown as text, never as markup."""
    name = f" ({answer['file_system']['name']})" if answer["file_system"]["name"] else ""
    yield f"## {escaped(answer['verdict'])}: {escaped(answer['file_system']['id'] + name)}"
    yield ""
    for line in plain(_head(answer, times)):
        yield f"- {escaped(line.strip())}"
    yield ""
    yield "### Reasons"
    yield ""
    yield from markdown_table(_reasons_table(answer["reasons"]))
    for title, table, _ in _tables(answer, times):
        yield ""
        yield f"### {title.rstrip(':')}"
        yield ""
        yield from markdown_table(table)
    for block in (_consequences(answer["clients"]), _how_to_go_on(answer)):
        for line in plain(block):
            text = line.strip()
            if not text:
                yield ""
            elif line.startswith("  "):
                yield f"- {escaped(text.removeprefix('- '))}"
            else:
                yield f"### {escaped(text.rstrip(':'))}"
                yield ""


def markdown_table(table: Table) -> Iterator[str]:
    """A table as Markdown."""
    yield "| " + " | ".join(column.title for column in table.columns) + " |"
    yield "|" + "---|" * len(table.columns)
    for row in table.rows:
        yield "| " + " | ".join(escaped(cell.text) for cell in row) + " |"


def escaped(text: object) -> str:
    """Text as Markdown shows it, whatever characters are in it."""
    from inventory.telemetry import printable

    found = printable(str(text))
    for character in "\\`*_{}[]<>|#~":
        found = found.replace(character, f"\\{character}")
    return found
