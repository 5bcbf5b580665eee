"""How long a client was at a mount target, and whether that is a mount, a probe or an attempt."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from inventory.model import (
    PROBE_BYTES,
    PROBE_PACKETS,
    PROBE_SECONDS,
    MountState,
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


class Sight(NamedTuple):
    """How well a mount target was looked at, and what ends mounts of it."""

    seen: Sequence[Span]
    aggregation: int
    mount_gap: int
    gone: int | None
    forgotten: int = 0
    """Before this moment nobody knows any more when anybody looked."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question is about: its window, and up to where states are known."""

    window: Span
    as_of: int
    sights: Mapping[str, Sight]
    """By mount target id."""
    client_gone: Callable[[MountRow], int | None]
    """When the client behind a row is known to be gone for good."""
    connected: Callable[[Span, Collection[str]], bool | None] | None
    """Whether CloudTrail told of a connection from one of some addresses in a span; ``None`` when it was not asked about all of it.
    ``None`` in its place: it was never asked, and told nothing."""


class Presence(NamedTuple):
    """One stay of a client at one mount target, and the rows that show it."""

    interval: Interval
    mount_target_id: str
    rows: Sequence[MountRow]


def state_of(
    history: Sequence[MountRow],
    stays: Sequence[Presence],
    mounted: Sequence[Presence],
    asked: Asked,
) -> tuple[MountState, list[tuple[Interval, str]]]:
    """What all stays together are; with the intervals of those that are mounts, each with its mount target, oldest first."""
    if len(mounted) == 1:  # as nearly all are
        (one,) = mounted
        span = _clipped(one.interval, asked.window)
        return _mount_state(one, asked), [] if span is None else [(span, one.mount_target_id)]
    if mounted:
        state = max((_mount_state(p, asked) for p in mounted), key=_LIVELINESS.index)
        clipped = [(_clipped(p.interval, asked.window), p.mount_target_id) for p in mounted]
        spans = [(interval, target) for interval, target in clipped if interval is not None]
        return state, sorted(spans)
    if any(accepted(p.rows) for p in stays):
        return MountState.PROBE, []
    rejected = any(row.mount.rejected for row in history)
    return (MountState.REJECTED if rejected else MountState.ATTEMPTED), []


_LIVELINESS = [MountState.ENDED, MountState.UNKNOWN, MountState.IDLE, MountState.ACTIVE]


def presences(history: Sequence[MountRow], asked: Asked) -> list[Presence]:
    """The stays that rows make up, by mount target and oldest first."""
    if len(history) == 1:
        return _presences_at(history[0].mount.mount_target_id, history, asked)
    by_target: dict[str, list[MountRow]] = defaultdict(list)
    for row in history:
        by_target[row.mount.mount_target_id].append(row)
    return [
        presence
        for target, rows in sorted(by_target.items())
        for presence in _presences_at(target, rows, asked)
    ]


def _presences_at(target: str, rows: Sequence[MountRow], asked: Asked) -> list[Presence]:
    sight = asked.sights.get(target, BLIND)
    gap = sight.mount_gap
    runs = [(row.mount.first_seen, row.mount.last_seen) for row in rows]
    since = max([last for _, last in runs]) - gap
    horizon = Horizon(
        asked.as_of, gap, _client_gone(rows, since, asked), sight.gone, sight.forgotten
    )
    spans = intervals(runs, sight.seen, horizon)
    if len(spans) == 1:
        return [Presence(spans[0], target, rows)]
    return [
        Presence(span, target, inside)
        for span, inside in zip(spans, _shared_out(rows, spans), strict=True)
    ]


def _shared_out(
    rows: Sequence[MountRow], spans: Sequence[Interval]
) -> Sequence[Sequence[MountRow]]:
    """The rows of each of the intervals that they make up, in the order of the rows."""
    starts = [span.start for span in spans]
    inside: list[list[MountRow]] = [[] for _ in spans]
    for row in rows:
        inside[bisect_right(starts, row.mount.first_seen) - 1].append(row)
    return inside


def _client_gone(rows: Sequence[MountRow], since: int, asked: Asked) -> int | None:
    """When the last of the interfaces that took part lately was gone; ``None`` while one is not."""
    newest = None
    for row in rows:
        if row.mount.last_seen >= since:
            moment = asked.client_gone(row)
            if moment is None:
                return None
            newest = moment if newest is None else max(newest, moment)
    return newest


BLIND = Sight((), 600, 1500, None)
"""Of a mount target that nobody looked at: nothing ends its mounts."""


def accepted(rows: Sequence[MountRow]) -> bool:
    """A row proves it by itself, or the client's own rows do together: requests in one hour, responses in the next."""
    for row in rows:  # usually the first one
        if row.mount.accepted:
            return True
    return any(row.mount.requests_ok for row in rows) and any(
        row.mount.responses_ok for row in rows
    )


def is_probe(presence: Presence, asked: Asked) -> bool:
    """A tiny contact, told from the mount target's own rows while it was looked at, and long enough after: it was no mount's beginning."""
    start, end = presence.interval.start, max(presence.interval.end, presence.interval.start + 1)
    if end - start > PROBE_SECONDS:
        return False
    mounts = [row.mount for row in presence.rows]
    sight = asked.sights.get(presence.mount_target_id, BLIND)
    shown_by = end + sight.aggregation + PROBE_SECONDS
    looked = shown_by if sight.gone is None else max(end, min(shown_by, sight.gone))
    return (
        all(m.at_mount_target for m in mounts)
        and max(sum(m.packets_in for m in mounts), sum(m.packets_out for m in mounts))
        <= PROBE_PACKETS
        and max(sum(m.bytes_in for m in mounts), sum(m.bytes_out for m in mounts)) <= PROBE_BYTES
        and sum(m.packets_in + m.packets_out for m in mounts) > 0
        and asked.as_of > shown_by
        and total(intersect([(start, looked)], sight.seen)) >= looked - start
    )


def _mount_state(presence: Presence, asked: Asked) -> MountState:
    interval = presence.interval
    if interval.ended_reason is EndReason.COVERAGE_LOST:
        return MountState.UNKNOWN
    if interval.ended_reason is not None:
        return MountState.ENDED
    gap = asked.sights.get(presence.mount_target_id, BLIND).mount_gap
    since = asked.as_of - gap
    for row in presence.rows:
        if row.mount.last_busy is not None and row.mount.last_busy >= since:
            return MountState.ACTIVE
    return MountState.IDLE


def _clipped(interval: Interval, window: Span) -> Interval | None:
    """The part inside the window; where the window cuts, the end is open."""
    if window[0] <= interval.start and interval.end <= window[1]:
        return interval
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
