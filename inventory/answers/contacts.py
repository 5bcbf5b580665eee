"""From mount hours to what is said of one client: intervals, state, counts inside the window, evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from inventory.model import (
    HOUR,
    PROBE_BYTES,
    PROBE_PACKETS,
    PROBE_SECONDS,
    RUN_GAP,
    Confidence,
    Method,
    MountHour,
    MountState,
    Owner,
    Span,
)
from inventory.store.mounts import MountRow
from inventory.timeline import (
    EndReason,
    Horizon,
    Interval,
    intersect,
    intervals,
    total,
)

Identity = tuple[tuple[str, ...], ...]
"""The identities of an attribution's owners: what makes two rows speak of the same client, or of the same set of candidates."""


class Sight(NamedTuple):
    """How well a mount target was looked at, and what ends mounts of it."""

    seen: Sequence[Span]
    aggregation: int
    mount_gap: int
    gone: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question is about: its window, and up to where states are known."""

    window: Span
    as_of: int
    sights: Mapping[str, Sight]
    """By mount target id."""
    client_gone: Callable[[MountRow], int | None]
    """When the client behind a row is known to be gone for good."""
    connected: Callable[[Span, Collection[str]], bool | None]
    """Whether CloudTrail told of a connection from one of some addresses in a span; ``None`` when it was not asked about all of it."""


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
    by_client: dict[Identity, _Rows] = defaultdict(_Rows)
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
    history: list[MountRow] = field(default_factory=list)
    counted: list[MountRow] = field(default_factory=list)


def _identity(row: MountRow, named: Mapping[str, Identity]) -> Identity:
    attribution = row.mount.attribution
    if attribution.confidence is Confidence.UNKNOWN and attribution.interface_id in named:
        return named[attribution.interface_id]
    return tuple(owner.identity for owner in attribution.owners)


def _named_elsewhere(rows: Sequence[MountRow]) -> dict[str, Identity]:
    """By interface, the one owner that other hours name for certain: an interface that nobody could name in one hour is still the same."""
    found: dict[str, set[Identity]] = defaultdict(set)
    for row in rows:
        attribution = row.mount.attribution
        if attribution.confidence is Confidence.EXACT and attribution.interface_id:
            found[attribution.interface_id].add(
                tuple(owner.identity for owner in attribution.owners)
            )
    return {
        interface: identities.pop()
        for interface, identities in found.items()
        if len(identities) == 1
    }


def _contact(rows: _Rows, asked: Asked) -> Contact | None:
    presences = _presences(rows.history or rows.counted, asked)
    mounted = [p for p in presences if _accepted(p.rows) and not _is_probe(p, asked)]
    state, spans = _state(rows.history or rows.counted, presences, mounted, asked)
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
        plain_nfs=_is_plain(mounted, told, asked),
        flows=sum(m.requests_ok for m in counting),
        packets=sum(m.packets_in + m.packets_out for m in counting),
        bytes=sum(m.bytes_in + m.bytes_out for m in counting),
        rejected_flows=sum(m.rejected for m in counting),
        evidence=best.mount.batch_id,
        file_systems=_distinct(fs for m in told for fs in m.file_system_ids),
        last_busy=max((m.last_busy for m in mounts if m.last_busy is not None), default=None),
    )


def _is_plain(mounted: Sequence[_Presence], told: Sequence[MountHour], asked: Asked) -> bool | None:
    """Whether the mounts were made without IAM. One that may have begun earlier than it was seen may have connected earlier, too."""
    if any(mount.attribution.principals for mount in told):
        return False
    answers = [_connected(presence, asked) for presence in mounted]
    if any(answers):
        return False
    return True if answers and all(answer is False for answer in answers) else None


def _connected(presence: _Presence, asked: Asked) -> bool | None:
    interval = presence.interval
    addresses = {row.mount.client for row in presence.rows} - {""}
    span = (interval.start - RUN_GAP, interval.end + RUN_GAP)
    if interval.open_end:
        # CloudTrail is some minutes behind, and is asked now and then: of the last hour it need not have told.
        span = (span[0], max(interval.start + RUN_GAP, min(span[1], asked.as_of - HOUR)))
    found = asked.connected(span, addresses) if addresses else None
    begun = not interval.open_start and interval.start >= asked.window[0]
    return found if found or begun else None


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


# -- states ------------------------------------------------------------------------------------------------------------------------------


class _Presence(NamedTuple):
    interval: Interval
    mount_target_id: str
    rows: Sequence[MountRow]


def _state(
    history: Sequence[MountRow],
    presences: Sequence[_Presence],
    mounted: Sequence[_Presence],
    asked: Asked,
) -> tuple[MountState, list[tuple[Interval, str]]]:
    if mounted:
        state = max((_mount_state(p, asked) for p in mounted), key=_LIVELINESS.index)
        clipped = [(_clipped(p.interval, asked.window), p.mount_target_id) for p in mounted]
        return state, sorted(
            (interval, target) for interval, target in clipped if interval is not None
        )
    if any(_accepted(p.rows) for p in presences):
        return MountState.PROBE, []
    rejected = any(row.mount.rejected for row in history)
    return (MountState.REJECTED if rejected else MountState.ATTEMPTED), []


_LIVELINESS = [MountState.ENDED, MountState.UNKNOWN, MountState.IDLE, MountState.ACTIVE]


def _presences(history: Sequence[MountRow], asked: Asked) -> list[_Presence]:
    by_target: dict[str, list[MountRow]] = defaultdict(list)
    for row in history:
        by_target[row.mount.mount_target_id].append(row)
    found: list[_Presence] = []
    for target, rows in sorted(by_target.items()):
        sight = asked.sights.get(target, BLIND)
        newest = max(rows, key=lambda row: row.mount.last_seen)
        horizon = Horizon(
            asked.as_of,
            sight.mount_gap,
            _client_gone(rows, newest.mount.last_seen - sight.mount_gap, asked),
            sight.gone,
        )
        for span in intervals(
            ((row.mount.first_seen, row.mount.last_seen) for row in rows), sight.seen, horizon
        ):
            inside = [row for row in rows if span.start <= row.mount.first_seen <= span.end]
            found.append(_Presence(span, target, inside))
    return found


def _client_gone(rows: Sequence[MountRow], since: int, asked: Asked) -> int | None:
    """When the last of the interfaces that took part lately was gone; ``None`` while one is not."""
    moments = [asked.client_gone(row) for row in rows if row.mount.last_seen >= since]
    known = [moment for moment in moments if moment is not None]
    return max(known) if len(known) == len(moments) else None


BLIND = Sight((), 600, 1500, None)
"""Of a mount target that nobody looked at: nothing ends its mounts."""


def _accepted(rows: Sequence[MountRow]) -> bool:
    """A row proves it by itself, or the client's own rows do together: requests in one hour, responses in the next."""
    if any(row.mount.accepted for row in rows):
        return True
    return any(row.mount.requests_ok for row in rows) and any(
        row.mount.responses_ok for row in rows
    )


def _is_probe(presence: _Presence, asked: Asked) -> bool:
    """A tiny contact, told from the mount target's own rows while it was looked at, and long enough ago not to be a mount's beginning."""
    mounts = [row.mount for row in presence.rows]
    sight = asked.sights.get(presence.mount_target_id, BLIND)
    start, end = presence.interval.start, max(presence.interval.end, presence.interval.start + 1)
    return (
        all(m.at_mount_target for m in mounts)
        and end - start <= PROBE_SECONDS
        and max(sum(m.packets_in for m in mounts), sum(m.packets_out for m in mounts))
        <= PROBE_PACKETS
        and max(sum(m.bytes_in for m in mounts), sum(m.bytes_out for m in mounts)) <= PROBE_BYTES
        and sum(m.packets_in + m.packets_out for m in mounts) > 0
        and asked.as_of - end > sight.aggregation + PROBE_SECONDS
        and total(intersect([(start, end)], sight.seen)) >= end - start
    )


def _mount_state(presence: _Presence, asked: Asked) -> MountState:
    interval = presence.interval
    if interval.ended_reason is EndReason.COVERAGE_LOST:
        return MountState.UNKNOWN
    if interval.ended_reason is not None:
        return MountState.ENDED
    gap = asked.sights.get(presence.mount_target_id, BLIND).mount_gap
    busy = [row.mount.last_busy for row in presence.rows if row.mount.last_busy is not None]
    return MountState.ACTIVE if busy and max(busy) >= asked.as_of - gap else MountState.IDLE


def _clipped(interval: Interval, window: Span) -> Interval | None:
    """The part inside the window; where the window cuts, the end is open."""
    start, end = max(interval.start, window[0]), min(interval.end, window[1])
    if start > end:
        return None
    cut = end < interval.end
    return Interval(
        start,
        end,
        open_start=interval.open_start or start > interval.start,
        open_end=interval.open_end or cut,
        ended_reason=None if cut else interval.ended_reason,
    )
