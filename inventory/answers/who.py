"""``who`` and ``mounts``: the relation between clients and file systems, from either end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from inventory.answers import pods, shapes
from inventory.answers.asking import Desk
from inventory.answers.contacts import Contact
from inventory.answers.finding import keys_of, known_owner, one_file_system
from inventory.answers.shapes import Json
from inventory.errors import NotFoundError, UsageError
from inventory.model import Attribution, Confidence, FileSystem, Owner, Span, Version, iso
from inventory.store import attributions, views
from inventory.store import mounts as stored
from inventory.store.mounts import MountRow
from inventory.store.views import Evidence
from inventory.timeline import (
    Coverage,
    GapReason,
    Hole,
    Watched,
    blind_coverage,
    coverage,
    subtract,
)


def who(desk: Desk, text: str, since: int | None, until: int | None, by: str) -> Json:
    """The answer of ``who``; ``by`` groups the mounts of clients, workloads or contacts."""
    return of_version(desk, one_file_system(desk.knowledge.topology, text), (since, until), by)


def of_version(
    desk: Desk, version: Version[FileSystem], asked: tuple[int | None, int | None], by: str
) -> Json:
    """The answer of ``who`` about a file system that is known already; ``asked`` is since and until."""
    window = desk.window(desk.observer.as_of(version), *asked)
    seeing = desk.observer.seeing(version, window)
    about = _About(version.value.file_system_id, window)
    entries = _entries(desk, desk.contacts(version, window, seeing), about)
    possible = _possible(desk, desk.possible(version, window, seeing), about)
    return {
        "file_system": shapes.file_system(version),
        "window": shapes.window(window),
        "as_of": iso(seeing.as_of),
        "coverage": shapes.coverage(seeing.coverage),
        "mounts": entries if by == "client" else grouped(entries, by),
        "possible": possible,
    }


class _About(NamedTuple):
    """What mounts are asked of, and when."""

    file_system_id: str
    window: Span


def _entries(desk: Desk, found: Sequence[Contact], about: _About) -> list[Json]:
    evidence = views.evidence(desk.conn, {contact.evidence for contact in found})
    entries = []
    for contact in found:
        one = entry(desk, contact, evidence.get(contact.evidence))
        one["used_by"] = pods.used_by(desk, contact, *about)
        entries.append(one)
    return entries


def _possible(desk: Desk, found: Sequence[Contact], about: _About) -> list[Json]:
    """Clients of which nobody knows which of some file systems they mounted, with those."""
    entries = _entries(desk, found, about)
    return [
        {**one, "state": "unknown", "file_systems": list(contact.file_systems)}
        for one, contact in zip(entries, found, strict=True)
    ]


def entry(desk: Desk, contact: Contact, evidence: Evidence | None) -> Json:
    """One mount (or what is said to be none) as JSON, without its file system and the pods behind it."""
    owners = [desk.client(owner) for owner in contact.owners]
    several = contact.confidence is Confidence.CANDIDATES
    return {
        "client": None if several else owners[0],
        "candidates": sorted(
            owners, key=lambda owner: (owner["id"], owner["kind"], owner["account"] or "")
        )
        if several
        else [],
        "confidence": contact.confidence.value,
        "method": contact.method.value,
        "interfaces": list(contact.interfaces),
        "addresses": list(contact.addresses),
        "mount_targets": list(contact.mount_targets),
        "access_points": list(contact.access_points),
        "principals": list(contact.principals),
        "plain_nfs": contact.plain_nfs,
        "first_seen": iso(contact.first_seen),
        "last_seen": iso(contact.last_seen),
        "state": contact.state.value,
        "intervals": [shapes.interval(interval, target) for interval, target in contact.intervals],
        "flows": contact.flows,
        "packets": contact.packets,
        "bytes": contact.bytes,
        "rejected_flows": contact.rejected_flows,
        "evidence": None
        if evidence is None
        else {"source": evidence.source, "type": evidence.kind, "batch": evidence.key},
    }


# -- grouping ----------------------------------------------------------------------------------------------------------------------------

_LIVELINESS = ("rejected", "attempted", "probe", "ended", "unknown", "idle", "active")
_MOUNTS = _LIVELINESS[3:]
_CONFIDENCE = ("unknown", "candidates", "inferred", "exact")


def grouped(entries: Iterable[Json], by: str) -> list[Json]:
    """Mounts of the same workload or contact as one, newest first; what is no mount is kept apart from what is.

    Candidates stay by themselves: nobody knows where they belong.
    """
    groups: dict[tuple[Any, ...], list[Json]] = defaultdict(list)
    for number, one in enumerate(entries):
        groups[_group_key(one, by, number)].append(one)
    merged = [_merged(members, by) for members in groups.values()]
    return sorted(merged, key=lambda one: (one["last_seen"], one["first_seen"]), reverse=True)


def _group_key(one: Json, by: str, number: int) -> tuple[Any, ...]:
    client = one["client"]
    if client is None or (by == "contact" and client["contact"] is None):
        return ("alone", number)
    if by == "contact":
        return ("contact", one["state"] in _MOUNTS, client["contact"])
    return (
        "workload",
        one["state"] in _MOUNTS,
        client["account"],
        client["region"],
        client["workload"]["kind"],
        client["workload"]["arn"] or client["workload"]["id"],
    )


def _merged(members: Sequence[Json], by: str) -> Json:
    if len(members) == 1 and members[0]["client"] is None:
        return {**members[0], "clients": 1}
    state = max((one["state"] for one in members), key=_LIVELINESS.index)
    weakest = min(members, key=lambda one: _CONFIDENCE.index(one["confidence"]))
    return {
        **weakest,
        "client": _group_client(members, by),
        "state": state,
        "first_seen": min(one["first_seen"] for one in members),
        "last_seen": max(one["last_seen"] for one in members),
        "intervals": sorted(
            (i for one in members for i in one["intervals"]), key=lambda i: (i["start"], i["end"])
        ),
        **{name: sorted({text for one in members for text in one[name]}) for name in _LISTS},
        **{
            name: sum(one[name] for one in members)
            for name in ("flows", "packets", "bytes", "rejected_flows")
        },
        "used_by": pods.together(one["used_by"] for one in members),
        "plain_nfs": _all_plain([one["plain_nfs"] for one in members]),
        "clients": len(members),
    }


_LISTS = ("interfaces", "addresses", "mount_targets", "access_points", "principals")


def _all_plain(answers: Sequence[bool | None]) -> bool | None:
    """``True`` when each is, ``False`` when one is known not to be."""
    if False in answers:
        return False
    return None if None in answers else True


def _group_client(members: Sequence[Json], by: str) -> Json:
    first: Json = members[0]["client"]
    if by == "contact" and first["contact"] is not None:
        name = first["contact"]
        blank = dict.fromkeys(("arn", "account", "region"))
        return {
            "kind": "contact",
            "id": name,
            "name": name,
            **blank,
            "tags": {},
            "workload": None,
            "contact": name,
        }
    workload = first["workload"]
    if len(members) == 1 and workload["id"] == first["id"]:
        return first
    contacts = {one["client"]["contact"] for one in members}
    return {
        "kind": workload["kind"],
        "id": workload["id"],
        "arn": workload["arn"],
        "name": None,
        "account": first["account"],
        "region": first["region"],
        "tags": {},
        "workload": workload,
        "contact": contacts.pop() if len(contacts) == 1 else None,
    }


# -- mounts ------------------------------------------------------------------------------------------------------------------------------


def mounts(desk: Desk, text: str, since: int | None, until: int | None) -> Json:
    """The answer of ``mounts``: every file system that the client, or a set of candidates with it, had to do with.

    An interface or address that several shared or had in turn, and a workload, mean all of them: ``client`` is then null and
    ``candidates`` lists them.
    """
    as_of = desk.as_of()
    if as_of is None and text.strip() and known_owner(desk.knowledge.topology, text) is None:
        raise _unknown(text)
    window = desk.window(as_of, since, until)
    gaps = () if desk.mount_gap is None else (desk.mount_gap,)
    newest = desk.observer.newest
    around = desk.around(window, window[1] if newest is None else newest, *gaps)
    meant = _meant(desk, text, window, around)
    found: list[Json] = []
    possible: list[Json] = []
    coverages: list[Coverage] = []
    for version in desk.file_systems:
        seeing = desk.observer.seeing(version, window)
        coverages.append(seeing.coverage)
        if not keys_of(version, desk.knowledge.topology) & meant.keys:
            continue
        described = shapes.file_system(version)
        certain = [c for c in desk.contacts(version, window, seeing) if meant.concerns(c)]
        doubtful = [c for c in desk.possible(version, window, seeing) if meant.concerns(c)]
        about = _About(version.value.file_system_id, window)
        found += [{"file_system": described, **one} for one in _entries(desk, certain, about)]
        possible += [{"file_system": described, **one} for one in _possible(desk, doubtful, about)]
    clients = [desk.client(owner) for owner in meant.owners]
    return {
        "client": clients[0] if len(clients) == 1 else None,
        "candidates": clients if len(clients) > 1 else [],
        "window": shapes.window(window),
        "as_of": iso(as_of),
        "coverage": shapes.coverage(_of_all(desk, window, as_of, coverages)),
        "mounts": sorted(found, key=lambda one: one["last_seen"], reverse=True),
        "possible": sorted(possible, key=lambda one: one["last_seen"], reverse=True),
    }


@dataclass(frozen=True, slots=True)
class _Meant:
    """Whom a text means: its owners, sorted, and their file systems."""

    text: str
    owners: tuple[Owner, ...]
    keys: frozenset[stored.FileSystemKey]
    """Those that they had to do with about the window."""

    def concerns(self, contact: Contact) -> bool:
        """Whether a contact is one of theirs, or may be."""
        theirs = {owner.identity for owner in self.owners}
        return (
            any(owner.identity in theirs for owner in contact.owners)
            or self.text in contact.interfaces
            or self.text in contact.addresses
        )


def _meant(desk: Desk, text: str, window: Span, around: Span) -> _Meant:
    """Whom ``text`` means: those seen in the window before those ever seen, before those that only sweeps know.

    A mount of the window may show ``around`` it only.

    Raises ``UsageError`` for a name that several unrelated clients bear, ``NotFoundError`` for a text that nothing knows.
    """
    if not text.strip():
        msg = "the name of a client is empty"
        raise UsageError(msg, hint=_CLIENT_HINT)
    likely = attributions.like(desk.conn, [text])
    for span in (window, _EVER):
        owners, keys = _seen_as(desk, text, likely, span)
        if owners:
            _, more = _seen_as(desk, text, likely, around)
            return _Meant(text, _one_or_related(text, owners), keys | more)
    owner = known_owner(desk.knowledge.topology, text)
    if owner is None:
        raise _unknown(text)
    return _Meant(text, (owner,), frozenset())


def _unknown(text: str) -> NotFoundError:
    return NotFoundError(f"no sweep and no flow log knows a client {text!r}", hint=_CLIENT_HINT)


_CLIENT_HINT = "a client is named by its id, ARN, network interface, name, address or workload"
_EVER = (0, 1 << 40)


def _seen_as(
    desk: Desk, text: str, likely: Mapping[int, Attribution], span: Span
) -> tuple[list[Owner], frozenset[stored.FileSystemKey]]:
    """The owners in mounts of ``span`` that ``text`` names by the most exact of its readings, and their file systems."""
    rows = stored.of_clients(desk.conn, list(likely), text, span)
    for reading in _READINGS:
        owners: dict[tuple[str, ...], Owner] = {}
        keys = set()
        for key, row in rows:
            named = reading(row, text)
            owners |= {owner.identity: owner for owner in named}
            keys |= {key} if named else set()
        if owners:
            return [owners[identity] for identity in sorted(owners)], frozenset(keys)
    return [], frozenset()


def _by_id(row: MountRow, text: str) -> list[Owner]:
    return [owner for owner in row.mount.attribution.owners if text in (owner.id, owner.arn)]


def _by_place(row: MountRow, text: str) -> list[Owner]:
    attribution = row.mount.attribution
    return list(attribution.owners) if text in (attribution.interface_id, row.mount.client) else []


def _by_workload(row: MountRow, text: str) -> list[Owner]:
    owners = row.mount.attribution.owners
    return [o for o in owners if o.workload and text in (o.workload.id, o.workload.arn)]


def _by_name(row: MountRow, text: str) -> list[Owner]:
    return [owner for owner in row.mount.attribution.owners if text == owner.name]


_READINGS = (_by_id, _by_place, _by_workload, _by_name)


def _one_or_related(text: str, owners: Sequence[Owner]) -> tuple[Owner, ...]:
    """Several are meant together unless it is only a name that they share."""
    unrelated = {owner.workload.id if owner.workload else owner.id for owner in owners}
    if len(unrelated) > 1 and all(owner.name == text and text != owner.id for owner in owners):
        listed = ", ".join(f"{o.kind} {o.id} ({o.account or 'no account'})" for o in owners)
        msg = f"{text!r} names {len(owners)} clients: {listed}"
        raise UsageError(msg, hint="use the id or the ARN")
    return tuple(owners)


def _of_all(desk: Desk, window: Span, as_of: int | None, found: Sequence[Coverage]) -> Coverage:
    """Coverage of everything: a client may mount any file system, so each one's blind moments count, and one that no sweep listed."""
    if as_of is None:
        return blind_coverage(window, GapReason.NO_RECORDS)
    watched = [
        Watched(
            span,
            subtract([span], [(gap.start, gap.end) for gap in one.gaps]),
            [Hole(g.start, g.end, g.reason) for g in one.gaps],
        )
        for one in found
        for span in one.asked
    ]
    return coverage(window, watched + desk.observer.file_systems_unknown(desk.places(), as_of))
