"""From mount hours to what is said of one client: intervals, state, counts inside the window, evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

from inventory.answers.plain import AtTarget, by_address, is_plain
from inventory.answers.presences import Asked, Presence, accepted, is_probe, presences, state_of
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

Identity = tuple[tuple[str, str, str, str], ...]
"""The identities of an attribution's owners."""


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
    identity: Identity = ()
    """Of the owners."""

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
    told = list(history)
    everybody = cache(lambda: by_address(told))
    by_client = _by_client(told, list(counted))
    found = (_contact(rows, asked, everybody) for rows in by_client.values())
    return sorted(
        (contact for contact in found if contact is not None),
        key=lambda c: (-c.last_seen, -c.first_seen, c.identity),
    )


@dataclass(slots=True)
class _Rows:
    """Of one client."""

    history: list[MountRow] = field(default_factory=list)
    counted: list[MountRow] = field(default_factory=list)


@dataclass(slots=True)
class Use:
    """What one client's contact with a file system comes to, without its particulars."""

    state: MountState
    intervals: list[tuple[Interval, str]]
    first_seen: int
    last_seen: int
    last_busy: int | None
    mounted: Sequence[Presence]

    @property
    def is_mount(self) -> bool:
        """As of a :class:`Contact`."""
        return self.state in _MOUNTS


def uses(history: Iterable[MountRow], counted: Iterable[MountRow], asked: Asked) -> list[Use]:
    """As :func:`contacts`, without order and particulars: who it was, and what it came to in figures."""
    by_client = _by_client(list(history), list(counted))
    found = (_use(rows, asked) for rows in by_client.values())
    return [use for use in found if use is not None]


def _by_client(told: Sequence[MountRow], asked_for: Sequence[MountRow]) -> dict[Identity, _Rows]:
    named = _named_elsewhere([*told, *asked_for])
    by_client: dict[Identity, _Rows] = defaultdict(_Rows)
    for row in told:
        by_client[_identity(row, named)].history.append(row)
    for row in asked_for:
        by_client[_identity(row, named)].counted.append(row)
    return by_client


def _identity(row: MountRow, named: Mapping[str, Identity]) -> Identity:
    attribution = row.mount.attribution
    if named and _is_unknown(row):
        return named.get(attribution.interface_id, attribution.identity)
    return attribution.identity


def _named_elsewhere(rows: Sequence[MountRow]) -> dict[str, Identity]:
    """By interface, the one owner that all other hours name: an interface that nobody could name in one hour is still the same.

    One hour that names somebody else, or several, shows an interface that changes hands or is shared; and functions share
    theirs without a sign.
    """
    if not any(_is_unknown(row) for row in rows):
        return {}
    found: dict[str, set[Identity]] = defaultdict(set)
    lent: set[str] = set()
    for row in rows:
        attribution = row.mount.attribution
        if attribution.interface_id and not _is_unknown(row):
            found[attribution.interface_id].add(attribution.identity)
            if attribution.confidence is Confidence.EXACT:
                lent.add(attribution.interface_id)
    return {
        interface: only
        for interface in lent
        if len(found[interface]) == 1 and not _is_shared(only := next(iter(found[interface])))
    }


def _is_shared(owners: Identity) -> bool:
    return len(owners) != 1 or owners[0][0] == OwnerKind.LAMBDA_FUNCTION


def _use(rows: _Rows, asked: Asked) -> Use | None:
    history = rows.history or rows.counted
    stays = presences(history, asked)
    mounted = [p for p in stays if accepted(p.rows) and not is_probe(p, asked)]
    state, spans = state_of(history, stays, mounted, asked)
    if not rows.counted and not spans:
        return None
    if len(rows.counted) == 1:
        mount = rows.counted[0].mount
        first, last, busy = mount.first_seen, mount.last_seen, mount.last_busy
    elif rows.counted:
        first = min([row.mount.first_seen for row in rows.counted])
        last = max([row.mount.last_seen for row in rows.counted])
        busy = max(
            (b for row in rows.counted if (b := row.mount.last_busy) is not None), default=None
        )
    else:
        first, last = spans[0][0].start, max([interval.end for interval, _ in spans])
        busy = None
    start, end = asked.window
    return Use(state, spans, max(first, start), min(last, end), busy, mounted)


def _contact(
    rows: _Rows, asked: Asked, everybody: Callable[[], Mapping[AtTarget, Sequence[MountRow]]]
) -> Contact | None:
    use = _use(rows, asked)
    if use is None:
        return None
    if len(rows.counted) == 1:
        return _contact_of_one(
            rows.counted[0], use, is_plain(use.mounted, rows.counted, everybody, asked)
        )
    mounts = [row.mount for row in rows.counted]
    at_mount_target = [m for m in mounts if m.at_mount_target]
    counting = [m for m in mounts if not _told_by_the_mount_target(m, at_mount_target)]
    witnesses = rows.counted or rows.history
    told = [row.mount for row in witnesses]
    plain = is_plain(use.mounted, witnesses, everybody, asked)
    best, newest = _best(witnesses), _newest(witnesses)
    named = (best if _is_unknown(newest) else newest).mount.attribution
    return Contact(
        owners=named.owners,
        identity=named.identity,
        confidence=best.mount.attribution.confidence,
        method=best.mount.attribution.method,
        state=use.state,
        intervals=use.intervals,
        first_seen=use.first_seen,
        last_seen=use.last_seen,
        interfaces=_distinct([m.attribution.interface_id for m in told]),
        addresses=_distinct([m.client for m in told]),
        mount_targets=_distinct([m.mount_target_id for m in told]),
        access_points=_all_of([m.attribution.access_points for m in told]),
        principals=_all_of([m.attribution.principals for m in told]),
        plain_nfs=plain,
        flows=sum([m.requests_ok for m in counting]),
        packets=sum([m.packets_in + m.packets_out for m in counting]),
        bytes=sum([m.bytes_in + m.bytes_out for m in counting]),
        rejected_flows=sum([m.rejected for m in counting]),
        evidence=best.mount.batch_id,
        file_systems=_all_of([m.file_system_ids for m in told]),
        last_busy=use.last_busy,
    )


def _contact_of_one(row: MountRow, use: Use, plain: bool | None) -> Contact:  # noqa: FBT001 - a value that is shown
    """Of the many clients of which one row tells."""
    mount, who = row.mount, row.mount.attribution
    return Contact(
        owners=who.owners,
        identity=who.identity,
        confidence=who.confidence,
        method=who.method,
        state=use.state,
        intervals=use.intervals,
        first_seen=use.first_seen,
        last_seen=use.last_seen,
        interfaces=(who.interface_id,) if who.interface_id else (),
        addresses=(mount.client,) if mount.client else (),
        mount_targets=(mount.mount_target_id,) if mount.mount_target_id else (),
        access_points=_distinct(who.access_points),
        principals=_distinct(who.principals),
        plain_nfs=plain,
        flows=mount.requests_ok,
        packets=mount.packets_in + mount.packets_out,
        bytes=mount.bytes_in + mount.bytes_out,
        rejected_flows=mount.rejected,
        evidence=mount.batch_id,
        file_systems=_distinct(mount.file_system_ids),
        last_busy=use.last_busy,
    )


def _best(witnesses: Sequence[MountRow]) -> MountRow:
    """What shows best who it was."""
    if len(witnesses) == 1:
        return witnesses[0]
    return min(
        witnesses,
        key=lambda row: (
            _CONFIDENCES.index(row.mount.attribution.confidence),
            _METHODS.index(row.mount.attribution.method),
            -row.mount.last_seen,
            row.mount.client,
            row.server,
        ),
    )


def _newest(witnesses: Sequence[MountRow]) -> MountRow:
    if len(witnesses) == 1:
        return witnesses[0]
    return max(
        witnesses,
        key=lambda row: (row.mount.last_seen, row.mount.first_seen, row.mount.client, row.server),
    )


def _told_by_the_mount_target(mount: MountHour, its_own: Sequence[MountHour]) -> bool:
    """Whether the mount target's own rows (``its_own``) count this traffic under another of the client's addresses.

    In formats without ``pkt-srcaddr`` a client's own rows show its primary address, whichever it mounts from.
    """
    return not mount.at_mount_target and any(
        other.client != mount.client
        and other.mount_target_id == mount.mount_target_id
        and other.first_seen <= mount.last_seen
        and mount.first_seen <= other.last_seen
        for other in its_own
    )


def _is_unknown(row: MountRow) -> bool:
    return row.mount.attribution.confidence is Confidence.UNKNOWN


def _distinct(texts: Sequence[str]) -> tuple[str, ...]:
    if not texts:
        return ()
    return tuple(sorted({text for text in texts if text}))


def _all_of(groups: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    return _distinct([text for texts in groups for text in texts])
