"""What happened at a file system between two exports: ``new_client``, ``client_gone``, ``rejected``, ``quiet``, ``coverage_lost``.

Events tell of workloads, not of clients: an Auto Scaling group that replaces an instance has no new client. Candidates are told as such.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple, Self

from inventory.export.records import SCHEMA_VERSION, Group, Record
from inventory.model import MountState

Json = dict[str, Any]


class Standing(NamedTuple):
    """What a record counts as: somebody's mount, somebody's rejection; a file system that is seen, or not."""

    what: str
    """``mount``, ``rejected``, ``possible``, ``other``; of a file system ``seen`` or ``blind``."""
    workload: tuple[str, ...] = ()
    """Account, region, kind and id or ARN; of candidates their keys."""

    @property
    def written(self) -> str:
        """As text that :meth:`read` reads; nothing for what makes no event."""
        return (
            ""
            if self.what == "other"
            else json.dumps([self.what, *self.workload], separators=(",", ":"))
        )

    @classmethod
    def read(cls, text: str) -> Self:
        """What :attr:`written` gave; of ``""`` nothing."""
        what, *workload = json.loads(text) if text else ["other"]
        return cls(what, tuple(workload))


class Before(NamedTuple):
    """What was told of a file system last."""

    standings: Mapping[str, Standing]
    """By key, of what was there."""
    lost: Mapping[str, Json]
    """By key, the records that counted as something that nothing counts as any more."""


class Now(NamedTuple):
    """What is told of it now."""

    standings: Mapping[str, Standing]
    """By key."""
    records: Mapping[str, Record]
    """By key."""


def standing(record: Record, group: Group) -> Standing:
    """What a mount or file system counts as."""
    if record["record_type"] == "file_system":
        return Standing("blind" if record["clients_now"] is None else "seen")
    if record["possible"]:
        return Standing("possible")
    if record["is_mount"]:
        return Standing("mount", _workload(record, group))
    if record["state"] == MountState.REJECTED:
        return Standing("rejected", _workload(record, group))
    return Standing("other")


def _workload(record: Record, group: Group) -> tuple[str, ...]:
    if record["client"] is None:
        return tuple(record["candidates"])
    client = group.clients[record["client"]]
    workload = client["workload"]
    place = (client["account"] or "", client["region"] or "")
    return (*place, workload["kind"], workload["arn"] or workload["id"])


def events_of(group: Group, now: Now, before: Before) -> Iterator[Json]:
    """What happened, in a stable order. Another name for the same client is no client that is gone."""
    was, there = _by_standing(before.standings), _by_standing(now.standings)
    for told in sorted(there.keys() - was.keys()):
        name = _BEGINNINGS.get(told.what)
        if name is not None:
            records = [now.records[key] for key in there[told]]
            yield _event(name, group, records, min(one["first_seen"] for one in records))
    left: list[Record] = []
    for told in sorted(was.keys() - there.keys()):
        if told.what in _USES:
            records = [before.lost[key] for key in was[told]]
            over = [record for record in records if record["key"] in group.gone]
            left += over
            if over and told.what == "mount":
                yield _event("client_gone", group, over, _last(over))
    if group.file_system is None:
        return
    if left and not any(one.what in _USES for one in there):
        yield _event("quiet", group, [], _last(left))
    if Standing("seen") in was and Standing("blind") in there:
        yield _event("coverage_lost", group, [], group.file_system["as_of"])


_BEGINNINGS = {"mount": "new_client", "rejected": "rejected"}
_USES = {"mount", "possible"}


def _by_standing(found: Mapping[str, Standing]) -> dict[Standing, list[str]]:
    by_standing: dict[Standing, list[str]] = defaultdict(list)
    for key, one in sorted(found.items()):
        by_standing[one].append(key)
    return by_standing


def _last(records: Iterable[Record]) -> str:
    return max(str(record["last_seen"]) for record in records)


def _event(name: str, group: Group, records: list[Record], at: str | None) -> Json:
    entry = group.file_system or {}
    one: Record = records[0] if records else {}
    return {
        "schema_version": SCHEMA_VERSION,
        "event": name,
        "at": at,
        "as_of": group.as_of,
        "file_system": {
            "key": group.key,
            **{field: entry.get(field) for field in ("id", "arn", "name", "account", "region")},
        },
        "workload": one.get("workload"),
        "clients": sorted({record["client"] for record in records if record["client"]}),
        "candidates": one.get("candidates", []),
        "confidence": one.get("confidence"),
        "state": one.get("state"),
    }
