"""From mount hours to what is said of one client: intervals, state, counts inside the window, evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from inventory.answers.plain import AtTarget, by_address, is_plain
from inventory.answers.presences import Asked, accepted, is_probe, presences, state_of
from inventory.model import (
    Confidence,
    Method,
    MountHour,
    MountState,
    Owner,
    OwnerKind,
)
from inventory.store.mounts import MountRow
from inventory.timeline import Interval

Identity = tuple[tuple[str, ...], ...]
"""The identities of an attribution's owners: what makes two rows speak of the same client, or of the same set of candidates."""


@dataclass(slots=True)
class Contact:
    """Everything one client (or one set of candidates) had to do with one file system in the window."""

    owners: tuple[Owner, ...]
    confidence: Confidence
    method: Method
    state: MountState
    intervals: list[tuple[Interval, str]]
    """With the mount target's id, oldest first; empty when it is no mount."""
    first_seen: int
    last_seen: int
    interfaces: tuple[str, ...]
    addresses: tuple[str, ...]
    mount_targets: tuple[str, ...]
    access_points: tuple[str, ...]
    principals: tuple[str, ...]
    """IAM principals that CloudTrail saw connect."""
    plain_nfs: bool | None
    """Mounted without IAM: no connection is known, and CloudTrail told all that it has. ``None``: nobody can tell."""
    flows: int
    packets: int
    bytes: int
    rejected_flows: int
    evidence: int
    """The id of a batch that shows it."""
    file_systems: tuple[str, ...] = ()
    """More than one when the server is not told: ``possible``."""
    last_busy: int | None = None

    @property
    def is_mount(self) -> bool:
        """Whether this is a mount, and not a probe, an attempt or a rejection."""
        return self.state in _MOUNTS


_MOUNTS = {MountState.ACTIVE, MountState.IDLE, MountState.ENDED, MountState.UNKNOWN}
_CONFIDENCES = list(Confidence)
_METHODS = list(Method)


def contacts(
    history: Iterable[MountRow], counted: Iterable[MountRow], asked: Asked
) -> list[Contact]:
    """What each client had to do with a file system, newest first.

    ``history`` are the rows from a little before the window up to ``as_of``, which states and intervals are told from; ``counted`` those
    whose counts lie inside the window. A client of the history that was not there in the window is left out; one that was there without
    a record (a silence shorter than the mount gap) is not.
    """
    told, asked_for = list(history), list(counted)
    named = _named_elsewhere([*told, *asked_for])
    earlier = by_address(told)
    by_client: dict[Identity, _Rows] = defaultdict(lambda: _Rows(earlier))
    for row in told:
        by_client[_identity(row, named)].history.append(row)
    for row in asked_for:
        by_client[_identity(row, named)].counted.append(row)
    found = [
        contact for rows in by_client.values() if (contact := _contact(rows, asked)) is not None
    ]
    return sorted(
        found, key=lambda c: (-c.last_seen, -c.first_seen, [owner.identity for owner in c.owners])
    )


@dataclass(slots=True)
class _Rows:
    everybody: Mapping[AtTarget, Sequence[MountRow]]
    """All rows of the history, of this client and of others."""
    history: list[MountRow] = field(default_factory=list)
    counted: list[MountRow] = field(default_factory=list)


def _identity(row: MountRow, named: Mapping[str, Identity]) -> Identity:
    if _is_unknown(row):
        return named.get(row.mount.attribution.interface_id, _own(row))
    return _own(row)


def _own(row: MountRow) -> Identity:
    return tuple(owner.identity for owner in row.mount.attribution.owners)


def _named_elsewhere(rows: Sequence[MountRow]) -> dict[str, Identity]:
    """By interface, the one owner that all other hours name: an interface that nobody could name in one hour is still the same.

    One hour that names somebody else, or several, shows an interface that changes hands or is shared; and functions share
    theirs without a sign.
    """
    found: dict[str, set[Identity]] = defaultdict(set)
    lent: set[str] = set()
    for row in rows:
        attribution = row.mount.attribution
        if attribution.interface_id and not _is_unknown(row):
            found[attribution.interface_id].add(_own(row))
            if attribution.confidence is Confidence.EXACT:
                lent.add(attribution.interface_id)
    return {
        interface: only
        for interface in lent
        if len(found[interface]) == 1 and not _is_shared(only := next(iter(found[interface])))
    }


def _is_shared(owners: Identity) -> bool:
    return len(owners) != 1 or owners[0][0] == OwnerKind.LAMBDA_FUNCTION


def _contact(rows: _Rows, asked: Asked) -> Contact | None:
    stays = presences(rows.history or rows.counted, asked)
    mounted = [p for p in stays if accepted(p.rows) and not is_probe(p, asked)]
    state, spans = state_of(rows.history or rows.counted, stays, mounted, asked)
    if not rows.counted and not spans:
        return None
    mounts = [row.mount for row in rows.counted]
    moments = [m for mount in mounts for m in (mount.first_seen, mount.last_seen)]
    moments = moments or [m for interval, _ in spans for m in (interval.start, interval.end)]
    counting = [m for m in mounts if not _told_by_the_mount_target(m, mounts)]
    witnesses = rows.counted or rows.history
    told = [row.mount for row in witnesses]
    best = min(
        witnesses,
        key=lambda row: (
            _CONFIDENCES.index(row.mount.attribution.confidence),
            _METHODS.index(row.mount.attribution.method),
            -row.mount.last_seen,
            row.mount.client,
            row.server,
        ),
    )
    newest = max(
        witnesses,
        key=lambda row: (row.mount.last_seen, row.mount.first_seen, row.mount.client, row.server),
    )
    return Contact(
        owners=best.mount.attribution.owners
        if _is_unknown(newest)
        else newest.mount.attribution.owners,
        confidence=best.mount.attribution.confidence,
        method=best.mount.attribution.method,
        state=state,
        intervals=spans,
        first_seen=max(min(moments), asked.window[0]),
        last_seen=min(max(moments), asked.window[1]),
        interfaces=_distinct(m.attribution.interface_id for m in told),
        addresses=_distinct(m.client for m in told),
        mount_targets=_distinct(m.mount_target_id for m in told),
        access_points=_distinct(point for m in told for point in m.attribution.access_points),
        principals=_distinct(arn for m in told for arn in m.attribution.principals),
        plain_nfs=is_plain(mounted, told, rows.everybody, asked),
        flows=sum(m.requests_ok for m in counting),
        packets=sum(m.packets_in + m.packets_out for m in counting),
        bytes=sum(m.bytes_in + m.bytes_out for m in counting),
        rejected_flows=sum(m.rejected for m in counting),
        evidence=best.mount.batch_id,
        file_systems=_distinct(fs for m in told for fs in m.file_system_ids),
        last_busy=max((m.last_busy for m in mounts if m.last_busy is not None), default=None),
    )


def _told_by_the_mount_target(mount: MountHour, others: Sequence[MountHour]) -> bool:
    """Whether the mount target's own rows count this traffic under another of the client's addresses.

    In formats without ``pkt-srcaddr`` a client's own rows show its primary address, whichever it mounts from.
    """
    return not mount.at_mount_target and any(
        other.at_mount_target
        and other.client != mount.client
        and other.mount_target_id == mount.mount_target_id
        and other.first_seen <= mount.last_seen
        and mount.first_seen <= other.last_seen
        for other in others
    )


def _is_unknown(row: MountRow) -> bool:
    return row.mount.attribution.confidence is Confidence.UNKNOWN


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({text for text in texts if text}))
