"""From answers to records: keys that stay, marks on what is no relation, and what is gone.

Every record begins with ``schema_version, record_type, key, exported_at``. Keys are stable: they hold account and region and change neither
with names nor with time. File systems come by account, region and id, each followed by the clients that no earlier one had and by its
mounts, ordered by key: the same inventory gives the same export but for ``exported_at``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from inventory.export.silence import Silence, seconds
from inventory.model import Confidence, MountState, OwnerKind

SCHEMA_VERSION = 1
"""Grows when a field is renamed, taken away or means something else; never when one is added."""

Record = dict[str, Any]

_MOUNTS = {MountState.ACTIVE, MountState.IDLE, MountState.ENDED, MountState.UNKNOWN}
_THERE = {MountState.ACTIVE, MountState.IDLE}
_SURE = {Confidence.EXACT, Confidence.INFERRED}


class Asked(Protocol):
    """What exporting asks of :class:`inventory.answers.Answers`."""

    @property
    def gone_after(self) -> int:
        """Seconds of seen silence after which a mount is gone."""

    def everything(self) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """For each file system its line of ``list``, and its answer of ``who`` over all time that is kept."""


class _Terms(NamedTuple):
    """How records are made."""

    exported_at: str
    gone_after: int
    gone: bool
    """Whether what is gone comes too."""


@dataclass(slots=True)
class Group:
    """One file system with what belongs to it."""

    key: str
    """Of the file system."""
    file_system: Record | None = None
    """``None`` when it is gone."""
    clients: dict[str, Record] = field(default_factory=dict)
    """By key: everybody that a mount of it names, those of other file systems too."""
    mounts: dict[str, Record] = field(default_factory=dict)
    """By key."""
    gone: set[str] = field(default_factory=set)
    """Keys of mounts that are gone."""
    as_of: str | None = None


@dataclass(slots=True)
class _Clients:
    """Records of clients, each made once while the same dictionary tells of it."""

    terms: _Terms
    made: dict[int, tuple[Mapping[str, Any], str, Record]] = field(default_factory=dict)

    def of(self, owner: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[str, Record]:
        """Key and record of a client at a file system."""
        known = self.made.get(id(owner))
        if known is not None:
            return known[1:]
        key = client_key(owner, entry)
        record = _record("client", key, self.terms.exported_at) | dict(owner)
        if owner["account"]:  # else the key depends on the file system
            if len(self.made) >= _MOST_MADE:
                self.made.clear()
            # Kept with the owner: its number is not given to another one meanwhile.
            self.made[id(owner)] = (owner, key, record)
        return key, record


_MOST_MADE = 16_384
"""Records that are kept; about 2 KB each."""


def records(answers: Asked, *, exported_at: str, gone: bool = False) -> Iterator[Record]:
    """Every file system, client and mount that is not gone, with ``gone`` all that are kept; one file system at a time is in memory.

    ``coverage`` of a file system is that of its whole life, as far back as it can have had mount targets. A mount whose ``is_mount`` is
    false is a contact and no mount: rejected, attempted, a probe, or ``possible`` (the format does not tell the server). Only one whose
    ``relation`` is true may be told as "this client uses this file system".
    """
    return flattened(groups(answers, exported_at=exported_at, gone=gone))


def flattened(found: Iterable[Group]) -> Iterator[Record]:
    """The records of groups, each client once: with the first file system that it is at."""
    told: set[str] = set()
    for group in found:
        if group.file_system is not None:
            yield group.file_system
        for key in sorted(group.clients.keys() - told):
            yield group.clients[key]
        told.update(group.clients)
        for key in sorted(group.mounts):
            yield group.mounts[key]


def groups(answers: Asked, *, exported_at: str, gone: bool = False) -> Iterator[Group]:
    """Every file system, also those of which everything is gone."""
    terms = _Terms(exported_at, answers.gone_after, gone)
    clients = _Clients(terms)
    for entry, answer in answers.everything():
        yield _group(entry, answer, clients)


def _group(entry: Mapping[str, Any], answer: Mapping[str, Any], clients: _Clients) -> Group:
    terms = clients.terms
    found = Group(file_system_key(entry), as_of=answer["as_of"])
    silence = Silence.of(answer)
    for possible in (False, True):
        for mount in answer["possible" if possible else "mounts"]:
            owners = [mount["client"]] if mount["client"] else mount["candidates"]
            named = [clients.of(owner, entry) for owner in owners]
            keys = _Keys(found.key, [key for key, _ in named])
            record = _mount(mount, entry, keys, possible=possible, exported_at=terms.exported_at)
            if mount["state"] not in _THERE:
                quiet = silence.since(mount["last_seen"])
                if quiet.seen >= terms.gone_after:
                    found.gone.add(record["key"])
                    if not terms.gone:
                        continue
                elif record["state"] == MountState.ENDED and quiet.all >= terms.gone_after:
                    # Silence that nobody watched proves nothing: it may have come back.
                    record["state"] = MountState.UNKNOWN.value
            found.clients.update(named)
            found.mounts[record["key"]] = record
    if terms.gone or found.mounts or not _is_gone(entry, answer, terms):
        found.file_system = (
            _record("file_system", found.key, terms.exported_at)
            | dict(entry)
            | {"as_of": answer["as_of"], "coverage": answer["coverage"]}
        )
    return found


def _is_gone(entry: Mapping[str, Any], answer: Mapping[str, Any], terms: _Terms) -> bool:
    """Deleted for so long, by what was read: nobody can mount it any more."""
    if entry["deleted_at"] is None or answer["as_of"] is None:
        return False
    return seconds(answer["as_of"]) - seconds(entry["deleted_at"]) >= terms.gone_after


def file_system_key(file_system: Mapping[str, Any]) -> str:
    """``file_system/<account>/<region>/<id>``; ``-`` for what is not known."""
    return "/".join(
        (
            "file_system",
            file_system["account"] or "-",
            file_system["region"] or "-",
            file_system["id"],
        )
    )


def client_key(client: Mapping[str, Any], file_system: Mapping[str, Any]) -> str:
    """``client/<kind>/<account>/<region>/<id>``.

    One without an account (an address that is nobody's of ours) is told apart by where it was seen, the account and region of the file
    system: the same address elsewhere may be another machine.
    """
    place = client if client["account"] else file_system
    return "/".join(
        ("client", client["kind"], place["account"] or "-", place["region"] or "-", client["id"])
    )


def _record(kind: str, key: str, exported_at: str) -> Record:
    return {
        "schema_version": SCHEMA_VERSION,
        "record_type": kind,
        "key": key,
        "exported_at": exported_at,
        "op": "upsert",
    }


class _Keys(NamedTuple):
    """Of what a mount names."""

    file_system: str
    clients: list[str]


def _mount(
    mount: Mapping[str, Any],
    entry: Mapping[str, Any],
    keys: _Keys,
    *,
    possible: bool,
    exported_at: str,
) -> Record:
    """The record of a mount, made in one go: there are very many."""
    owner, file_system = mount["client"], keys.file_system
    client = keys.clients[0] if owner else None
    candidates = [] if owner else sorted(keys.clients)
    is_mount = mount["state"] in _MOUNTS and not possible
    gateway = owner is not None and owner["kind"] == OwnerKind.GATEWAY
    record: Record = {
        "schema_version": SCHEMA_VERSION,
        "record_type": "mount",
        "key": f"{'possible' if possible else 'mount'} {file_system} {client or '+'.join(candidates)}",
        "exported_at": exported_at,
        "op": "upsert",
        "account": entry["account"],
        "region": entry["region"],
        "file_system": file_system,
        "client": client,
        "workload": owner["workload"] if owner else None,
        "candidates": candidates,
        "is_mount": is_mount,
        "relation": is_mount and owner is not None and not gateway and mount["confidence"] in _SURE,
        "gateway": gateway,
        "possible": possible,
        "file_systems": [],
    }
    for name, value in mount.items():
        if name not in _NAMED:
            record[name] = value
    return record


_NAMED = {"client", "candidates"}
"""By their keys."""
