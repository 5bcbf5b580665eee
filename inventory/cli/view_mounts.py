"""``who`` and ``mounts`` for people: the window and what was seen of it first, then who, then what is no mount and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from inventory.cli.blocks import Block, Cell, Column, Line, Table
from inventory.cli.times import Times, words
from inventory.cli.view_pods import pod_lines

Row = Mapping[str, Any]

MOUNTED = ("active", "idle", "unknown", "ended")
"""The states that are mounts, the strongest first."""

STATE_STYLES = {
    "active": "bold green",
    "idle": "green",
    "unknown": "yellow",
    "ended": "dim",
    "probe": "magenta",
    "attempted": "magenta",
    "rejected": "red",
}
_CONFIDENCES = ("exact", "inferred", "candidates", "unknown")
_GAPS_SHOWN = 5

_NO_MOUNTS = {
    "rejected": "rejected: turned away by a security group or network ACL; its flows are those turned away",
    "attempted": "attempted: asked, but no accepted answer was seen",
    "probe": "probe: too small a contact to be a mount, such as a scanner's",
}


def human_bytes(count: int | None) -> str:
    """``0 B``, ``12.3 MB``: decimal units; ``-`` for unknown."""
    if count is None:
        return "-"
    size = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.95:  # noqa: PLR2004 - so that 999.96 does not become 1000.0
            return f"{count} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} PB"


def percent(ratio: float | None) -> str:
    """``100 %`` only when it is all; never rounded up. ``?`` for unknown."""
    if ratio is None:
        return "?"
    return "100 %" if ratio >= 1 else f"{int(ratio * 1000) / 10:.1f} %"


# -- coverage ----------------------------------------------------------------------------------------------------------------------------


def _blind(coverage: Row, times: Times) -> str:
    """How long and when nothing was seen: ``blind for 14 min: 2026-11-03 14:20Z to 14:34Z (skipdata)``."""
    gaps = [gap for gap in coverage.get("gaps") or () if not gap.get("bridged_by")]
    shown = [
        times.span(gap["start"], gap["end"])
        + (f" ({gap['reason'].replace('_', ' ')})" if gap["reason"] else "")
        for gap in gaps[:_GAPS_SHOWN]
    ]
    if len(gaps) > _GAPS_SHOWN:
        shown.append(f"and {len(gaps) - _GAPS_SHOWN} more")
    text = f"blind for {words(coverage['blind_seconds'])}"
    return f"{text}: {', '.join(shown)}" if shown else text


def coverage_lines(coverage: Row, times: Times) -> Iterator[Line]:
    """Coverage in words: ``complete``, or how long it was blind and when."""
    bridged = coverage.get("bridged_ratio") or 0
    if coverage["complete"]:
        text = "complete" + (
            f" ({percent(bridged)} of it by CloudWatch metrics)" if bridged else ""
        )
        yield Line(f"coverage  {text}", "green")
        return
    yield Line(f"coverage  {percent(coverage['ratio'])}, {_blind(coverage, times)}", "yellow")
    if coverage.get("visible_since"):
        yield Line(f"          visible since {times.minute(coverage['visible_since'])}", "yellow")


def _window_line(answer: Row, times: Times) -> Line:
    window = answer["window"]
    as_of = (
        f"as of {times.minute(answer['as_of'])}" if answer["as_of"] else "nothing has been read yet"
    )
    return Line(f"window    {times.span(window['since'], window['until'])}, {as_of}")


# -- one mount ---------------------------------------------------------------------------------------------------------------------------


def client_label(mount: Row) -> str:
    """The client in few words; candidates as ``one of: a, b``."""
    client = mount.get("client")
    if client is not None:
        return (
            f"{client['id']} ({client['name']})"
            if client.get("name") and client["name"] != client["id"]
            else str(client["id"])
        )
    candidates = mount.get("candidates") or ()
    if candidates:
        return "one of: " + ", ".join(str(each["id"]) for each in candidates)
    return " ".join(mount.get("addresses") or mount.get("interfaces") or ("unknown",))


def kind_label(mount: Row) -> str:
    """The kind in words; candidates of different kinds as ``kinds``."""
    owners = [mount["client"]] if mount.get("client") else list(mount.get("candidates") or ())
    kinds = sorted({str(each["kind"]).replace("_", " ") for each in owners})
    return " or ".join(kinds) or "unknown"


def how_label(mounts: Sequence[Row]) -> str:
    """How we know, of the least sure of several: ``address lease, inferred``."""
    weakest = max(
        mounts,
        key=lambda each: (
            _CONFIDENCES.index(each["confidence"])
            if each["confidence"] in _CONFIDENCES
            else len(_CONFIDENCES)
        ),
    )
    method = str(weakest["method"]).replace("_", " ")
    return f"{method}, {weakest['confidence']}"


Key = tuple[object, ...]


class Group(NamedTuple):
    """What a row of a table is about: mounts of one key."""

    key: Key
    label: str
    kind: str


def _place(client: Row) -> Key:
    return client.get("account"), client.get("region")


def _by_client(mount: Row) -> Group:
    owners = [mount["client"]] if mount.get("client") else list(mount.get("candidates") or ())
    key = tuple((*_place(each), each["kind"], each.get("arn") or each["id"]) for each in owners)
    return Group(key, client_label(mount), kind_label(mount))


def _by_workload(mount: Row) -> Group:
    client = mount.get("client")
    outlives = (client or {}).get("workload")
    if client is None or not outlives:
        return _by_client(mount)
    kind, name = outlives["kind"], outlives["id"]
    key = ((*_place(client), kind, outlives.get("arn") or name),)
    if kind == client["kind"] and name == client["id"]:
        return Group(key, client_label(mount), kind_label(mount))
    return Group(key, str(name), str(kind).replace("_", " "))


def _by_contact(mount: Row) -> Group:
    contact = str((mount.get("client") or {}).get("contact") or "no contact known")
    return Group((contact,), contact, "")


_GROUPINGS: Mapping[str, Callable[[Row], Group]] = {
    "workload": _by_workload,
    "contact": _by_contact,
}


def _grouped(mounts: Iterable[Row], by: str) -> list[tuple[str, str, list[Row]]]:
    """Label, kind and members of each group; what two groups share as label gets its account and region added."""
    grouping = _GROUPINGS.get(by, _by_client)
    groups: dict[tuple[Key, str], tuple[Group, list[Row]]] = {}
    for mount in mounts:
        group = grouping(mount)
        # without an owner the label, its address, is all there is
        identity = group.key, "" if group.key else group.label
        groups.setdefault(identity, (group, []))[1].append(mount)
    shared = Counter((group.label, group.kind) for group, _ in groups.values())
    return [
        (
            _told_apart(group.label, members)
            if shared[group.label, group.kind] > 1
            else group.label,
            group.kind,
            members,
        )
        for group, members in groups.values()
    ]


def _told_apart(label: str, members: Sequence[Row]) -> str:
    """A label that several groups have, with what tells them apart: account and region."""
    owner: Row = members[0].get("client") or next(iter(members[0].get("candidates") or ()), {})
    place = ", ".join(str(each) for each in _place(owner) if each)
    return f"{label} ({place})" if place else label


def _state(members: Sequence[Row]) -> str:
    order = (*MOUNTED, *_NO_MOUNTS)
    return min(
        (str(each["state"]) for each in members),
        key=lambda state: order.index(state) if state in order else len(order),
    )


def _flows(mount: Row) -> int:
    """Flows that were let through; of who was turned away, those that were not."""
    counted_as = "rejected_flows" if mount["state"] == "rejected" else "flows"
    return int(mount[counted_as] or 0)


def _mount_cells(members: Sequence[Row], times: Times) -> list[Cell]:
    """State, last seen, first seen, flows, bytes, how we know."""
    state = _state(members)
    return [
        Cell(state, STATE_STYLES.get(state, "")),
        Cell(times.both(max(each["last_seen"] for each in members))),
        Cell(times.minute(min(each["first_seen"] for each in members))),
        Cell(f"{sum(map(_flows, members)):,}"),
        Cell(
            "-" if state == "rejected" else human_bytes(sum(each["bytes"] or 0 for each in members))
        ),
        Cell(how_label(members)),
    ]


_MOUNT_COLUMNS = (
    Column("State", whole=True),
    Column("Last seen", least=10),
    Column("First seen", wide=145, whole=True),
    Column("Flows", right=True, wide=110, whole=True),
    Column("Bytes", right=True, wide=90, whole=True),
    Column("How we know", least=9),
)


def _who_table(mounts: Iterable[Row], by: str, times: Times) -> Table:
    title = {"workload": "Workload", "contact": "Contact"}.get(by, "Client")
    columns = [Column(title, least=14), *([] if by == "contact" else [Column("Kind", wide=100)])]
    if by != "client":
        columns.append(Column("Clients", right=True, whole=True))
    rows = []
    for label, kind, members in _grouped(mounts, by):
        cells = [Cell(label, "bold"), *([] if by == "contact" else [Cell(kind)])]
        if by != "client":
            cells.append(Cell(str(len(members))))
        rows.append([*cells, *_mount_cells(members, times)])
    return Table((*columns, *_MOUNT_COLUMNS), rows)


# -- the answers -------------------------------------------------------------------------------------------------------------------------


def file_system_line(file_system: Row, times: Times) -> Line:
    """``fs-0a… (name), account 1234…, eu-central-1``, and when it was deleted."""
    name = f" ({file_system['name']})" if file_system.get("name") else ""
    place = ", ".join(
        str(each) for each in (file_system.get("account"), file_system.get("region")) if each
    )
    gone = (
        f", deleted {times.minute(file_system['deleted_at'])}"
        if file_system.get("deleted_at")
        else ""
    )
    return Line(f"{file_system['id']}{name}{', ' if place else ''}{place}{gone}", "bold")


def _nobody(answer: Row, times: Times) -> Line:
    coverage = answer["coverage"]
    if not coverage["complete"]:
        return Line(
            f"Nobody seen, but {_blind(coverage, times)}. A mount in that time would not show.",
            "yellow",
        )
    if answer.get("possible"):
        return Line("Nobody seen for certain; see the possible clients below.", "yellow")
    return Line("Nobody mounted it in this window.", "green")


def _certain(mounts: Iterable[Row]) -> tuple[list[Row], list[Row]]:
    """Mounts, and the contacts that are none."""
    listed = list(mounts)
    return [each for each in listed if each["state"] in MOUNTED], [
        each for each in listed if each["state"] not in MOUNTED
    ]


def who_blocks(answer: Row, by: str, times: Times) -> Iterator[Block]:
    """The answer of ``who``, whose mounts are by client; ``by`` groups them here."""
    yield file_system_line(answer["file_system"], times)
    yield _window_line(answer, times)
    yield from coverage_lines(answer["coverage"], times)
    yield Line("")
    mounted, others = _certain(answer["mounts"])
    yield _who_table(mounted, by, times) if mounted else _nobody(answer, times)
    yield from pod_lines((label, members) for label, _kind, members in _grouped(mounted, by))
    yield from _candidates(mounted)
    yield from _below(others, answer.get("possible") or (), times)


def _candidates(mounts: Iterable[Row]) -> Iterator[Block]:
    for mount in mounts:
        if mount.get("candidates"):
            yield Line("")
            yield Line(
                f"One of these {len(mount['candidates'])} shared {' '.join(mount['addresses']) or 'one interface'}; which, is not known:"
            )
            for each in mount["candidates"]:
                outlives = (each.get("workload") or {}).get("id")
                of = f" of {outlives}" if outlives and outlives != each["id"] else ""
                yield Line(f"  {each['id']}{of} ({str(each['kind']).replace('_', ' ')})")


def _below(others: Sequence[Row], possible: Sequence[Row], times: Times) -> Iterator[Block]:
    if others:
        yield Line("")
        yield Line("No mounts, but seen on port 2049:", "bold")
        yield _who_table(others, "client", times)
        yield from _why_none(others)
    if possible:
        yield Line("")
        yield Line(
            "Possible clients: on port 2049, but the flow log's format does not tell of which file system:",
            "bold yellow",
        )
        yield _who_table(possible, "client", times)


def _why_none(others: Sequence[Row]) -> Iterator[Line]:
    """Why what was seen are no mounts."""
    for state, explanation in _NO_MOUNTS.items():
        if any(each["state"] == state for each in others):
            yield Line(explanation, "dim")


def mounts_blocks(answer: Row, times: Times) -> Iterator[Block]:
    """The answer of ``mounts``: the file systems of one client, or of all that an address, interface or workload means."""
    several = answer["client"] is None
    if several:
        yield Line(f"{len(answer['candidates'])} clients:", "bold")
    for client in answer["candidates"] if several else [answer["client"]]:
        yield Line(("  " if several else "") + _who(client), "" if several else "bold")
    yield _window_line(answer, times)
    yield from coverage_lines(answer["coverage"], times)
    yield Line("")
    mounted, others = _certain(answer["mounts"])
    yield (
        _file_systems_table(mounted, times, several=several)
        if mounted
        else _nothing(answer["coverage"], others, times)
    )
    yield from pod_lines((_by_whom(mount, several=several), [mount]) for mount in mounted)
    yield from _candidates(mounted)
    if others:
        yield Line("")
        yield Line("No mounts, but seen on port 2049:", "bold")
        yield _file_systems_table(others, times, several=several)
        yield from _why_none(others)
        yield from _candidates(others)


def _nothing(coverage: Row, others: Sequence[Row], times: Times) -> Line:
    """Of a client without mounts: whether that is all there is to say."""
    if coverage["complete"]:
        return Line("It mounted nothing in this window.", "green")
    seen = "No mount seen" if others else "Nothing seen"
    return Line(f"{seen}, but {_blind(coverage, times)}.", "yellow")


def _who(client: Row) -> str:
    """A client by id, name and kind."""
    name = f" ({client['name']})" if client.get("name") and client["name"] != client["id"] else ""
    return f"{client['id']}{name}, {str(client['kind']).replace('_', ' ')}"


def _mounted(mount: Row) -> str:
    """The file system by id and name."""
    found = mount.get("file_system") or {}
    name = f" ({found['name']})" if found.get("name") else ""
    return f"{found.get('id') or 'not known'}{name}"


def _by_whom(mount: Row, *, several: bool) -> str:
    """The file system, and of several clients the one that mounts it."""
    whose = f" on {mount['client']['id']}" if several and mount["client"] else ""
    return f"{_mounted(mount)}{whose}"


def _file_systems_table(mounts: Iterable[Row], times: Times, *, several: bool) -> Table:
    """Mounts by file system; of several clients each says whose it is."""
    rows = []
    for mount in mounts:
        whose = mount["client"]["id"] if mount["client"] else "one of several"
        cells = [Cell(_mounted(mount), "bold"), *([Cell(whose)] if several else [])]
        rows.append([*cells, *_mount_cells([mount], times)])
    client = (Column("Client", least=10),) if several else ()
    return Table((Column("File system", least=14), *client, *_MOUNT_COLUMNS), rows)
