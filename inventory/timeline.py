"""When somebody was there, and when we were looking: mount intervals and coverage arithmetic.

Spans are half-open ``(start, end)`` pairs of epoch seconds. A function that takes spans takes any order and overlap; one that returns them
returns them sorted, disjoint and not touching.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import NamedTuple, Self

from inventory.model import Capture, CaptureKind, Span

PROVEN_GAP = 1800
"""A flow log is proven delivering while its output shows a record at least this often (seconds)."""

CHAIN_SLACK = 120
"""Seconds that two records of one interface may be apart beyond two aggregation intervals and still prove that it was captured between."""

MINUTE_AGGREGATION = 60
DEFAULT_AGGREGATION = 600
"""Seconds; AWS offers these two, and the longer is the default."""

MINIMUM_MOUNT_GAP = 900


def union(spans: Iterable[Span]) -> list[Span]:
    """The moments that lie in any of ``spans``. Empty and reversed spans hold no moment."""
    merged: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def subtract(spans: Iterable[Span], holes: Iterable[Span]) -> list[Span]:
    """The moments of ``spans`` that lie in none of ``holes``."""
    left: list[Span] = []
    cuts = union(holes)
    position = 0
    for start, end in union(spans):
        while position < len(cuts) and cuts[position][1] <= start:
            position += 1
        cursor, at = start, position
        while at < len(cuts) and cuts[at][0] < end:
            if cuts[at][0] > cursor:
                left.append((cursor, cuts[at][0]))
            cursor = max(cursor, cuts[at][1])
            at += 1
        if cursor < end:
            left.append((cursor, end))
    return left


def intersect(one: Iterable[Span], other: Iterable[Span]) -> list[Span]:
    """The moments that lie in both."""
    first, second = union(one), union(other)
    found: list[Span] = []
    i = j = 0
    while i < len(first) and j < len(second):
        start, end = max(first[i][0], second[j][0]), min(first[i][1], second[j][1])
        if start < end:
            found.append((start, end))
        if first[i][1] <= second[j][1]:
            i += 1
        else:
            j += 1
    return found


def whole_periods(span: Span, period: int, holes: Iterable[Span]) -> list[Span]:
    """The whole periods of ``span``, counted from its start, no moment of which lies in any of ``holes``."""
    found: list[Span] = []
    for start, end in subtract([span], holes):
        first = span[0] - (span[0] - start) // period * period
        last = span[0] + (end - span[0]) // period * period
        if first < last:
            found.append((first, last))
    return found


def total(spans: Iterable[Span]) -> int:
    """Seconds in ``spans``, each moment once."""
    return sum(end - start for start, end in union(spans))


def joined(spans: Iterable[Span], gap: int) -> list[Span]:
    """``spans`` with silences of at most ``gap`` seconds filled; a span of no length counts as the moment it is."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start - merged[-1][1] <= gap:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


class Looked(tuple[Span, ...]):  # noqa: SLOT001 - a tuple can have none
    """Spans, sorted and disjoint, that tell at once how much of a stretch lies in them: asked for each of very many mounts."""

    _starts: list[int]
    _before: list[int]
    """Seconds before each of the spans."""

    def __new__(cls, spans: Iterable[Span] = ()) -> Self:
        """The union of ``spans``."""
        if isinstance(spans, cls):
            return spans
        made = super().__new__(cls, union(spans))
        made._starts = [start for start, _ in made]
        made._before = [0, *accumulate(end - start for start, end in made)]
        return made

    def within(self, start: int, end: int) -> int:
        """Seconds of them between two moments."""
        if start >= end:
            return 0
        first = bisect_right(self._starts, start)
        if first and self[first - 1][1] >= end:
            return end - start
        return self._until(end) - self._until(start)

    def _until(self, moment: int) -> int:
        after = bisect_right(self._starts, moment)
        if not after:
            return 0
        begin, end = self[after - 1]
        return self._before[after - 1] + min(moment, end) - begin


# -- mount intervals ---------------------------------------------------------------------------------------------------------------------


class EndReason(StrEnum):
    """Why we take a mount for ended: NFSv4 has no unmount, so an end is always inferred."""

    GAP = "gap"
    CLIENT_DELETED = "client_deleted"
    MOUNT_TARGET_DELETED = "mount_target_deleted"
    COVERAGE_LOST = "coverage_lost"
    FORGOTTEN = "forgotten"
    """It was not there for longer than the mount gap, and nobody knows any more whether anybody looked."""


class Interval(NamedTuple):
    """An unbroken presence of one client at one mount target, as far as we could see."""

    start: int
    end: int
    open_start: bool
    """It may have begun before ``start``: nobody was looking just before, or the window begins there."""
    open_end: bool
    """It may go on after ``end``: it does as of now, or nobody was looking after it."""
    ended_reason: EndReason | None
    """Set when the silence after it is longer than the mount gap."""


class Horizon(NamedTuple):
    """What ends intervals: how far was read, how long a silence must be, and when client and mount target can have gone."""

    as_of: int
    mount_gap: int
    client_gone: int | None = None
    """The client is known not to exist from this moment on."""
    mount_target_gone: int | None = None
    forgotten: int = 0
    """Before this moment nobody knows any more when anybody looked; nothing is ``seen`` there."""


def mount_gap(aggregation: int) -> int:
    """Seconds of seen silence that end a mount: two aggregation intervals and five minutes, at least a quarter of an hour."""
    return max(MINIMUM_MOUNT_GAP, 2 * aggregation + 300)


def intervals(runs: Iterable[Span], seen: Sequence[Span], horizon: Horizon) -> list[Interval]:
    """``runs`` (first and last record of each contact) joined where no silence *in seen time* is longer than the mount gap.

    ``seen`` are the moments at which the mount target was looked at. A hole in it ends nothing: a mount that is there on both sides was
    there all along, as far as anybody can tell. In forgotten time, though, a silence is told as one: runs are all that is left of it.
    Idempotent, commutative and associative in ``runs``.
    """
    looked, gap = Looked(seen), horizon.mount_gap
    ordered = sorted(runs)
    if len(ordered) == 1:
        return [_interval(ordered[0], None, looked, horizon)]
    presence: list[Span] = []
    for start, end in ordered:
        if presence and (
            start - presence[-1][1] <= gap
            or _silence(presence[-1][1], start, looked, horizon) <= gap
        ):
            presence[-1] = (presence[-1][0], max(presence[-1][1], end))
        else:
            presence.append((start, end))
    followers = [*(start for start, _ in presence[1:]), None]
    return [
        _interval(span, follower, looked, horizon)
        for span, follower in zip(presence, followers, strict=True)
    ]


def _silence(after: int, before: int, seen: Looked, horizon: Horizon) -> int:
    """Seconds of silence that were seen, or may have been."""
    return seen.within(after, before) + max(0, min(before, horizon.forgotten) - after)


def _interval(span: Span, follower: int | None, seen: Looked, horizon: Horizon) -> Interval:
    start, end = span
    gap = horizon.mount_gap
    open_start = seen.within(start - gap, start) < gap
    until = follower if follower is not None else max(horizon.as_of, end)
    if follower is None and until - end <= gap and not _gone(end, horizon):
        return Interval(start, end, open_start, open_end=True, ended_reason=None)
    reason = _end_reason(end, until, seen, horizon)
    if reason is EndReason.COVERAGE_LOST and follower is not None:
        reason = EndReason.FORGOTTEN  # else what follows would be one with it
    nobody_saw = reason in (EndReason.COVERAGE_LOST, EndReason.FORGOTTEN)
    return Interval(start, end, open_start, open_end=nobody_saw, ended_reason=reason)


def _gone(end: int, horizon: Horizon) -> bool:
    gone = (horizon.client_gone, horizon.mount_target_gone)
    return any(moment is not None and end <= moment <= horizon.as_of for moment in gone)


def _end_reason(end: int, until: int, seen: Looked, horizon: Horizon) -> EndReason:
    if horizon.mount_target_gone is not None and end <= horizon.mount_target_gone <= until:
        return EndReason.MOUNT_TARGET_DELETED
    if horizon.client_gone is not None and end <= horizon.client_gone <= until:
        return EndReason.CLIENT_DELETED
    if seen.within(end, until) > horizon.mount_gap:
        return EndReason.GAP
    return EndReason.COVERAGE_LOST


# -- coverage ----------------------------------------------------------------------------------------------------------------------------


class GapReason(StrEnum):
    """Why nobody was looking. Of several reasons the first here is told."""

    FORGOTTEN = "forgotten"
    """Somebody may have been, but what was read is not kept any more."""
    SKIPDATA = "skipdata"
    BATCH_FAILED = "batch_failed"
    REJECT_ONLY = "reject_only"
    DELIVERY_FAILED = "delivery_failed"
    NO_RECORDS = "no_records"
    MOUNT_TARGETS_UNKNOWN = "mount_targets_unknown"


class Hole(NamedTuple):
    """A stretch of time that something took away from a view, and what."""

    start: int
    end: int
    reason: GapReason


@dataclass(frozen=True, slots=True)
class View:
    """One flow log's (or, without an id, one source's) view of a mount target's interface."""

    captures: Sequence[Capture]
    """The interface's own records."""
    delivered: Sequence[Span] = ()
    """Stretches in which its output shows records; only of a flow log of type ALL or ACCEPT on the interface, its subnet or its VPC."""
    frontier: int | None = None
    """The end of the source's newest record, exclusive, whoever's: the next record of this interface may not be due by then. Where the
    source is settled no further, the end of that: what it shows later is not all there is."""
    holes: Sequence[Hole] = ()
    """Batches that could not be read, times at which DescribeFlowLogs said that it did not deliver or recorded REJECT only."""


def aggregation(configured: int | None, captures: Iterable[Capture]) -> int:
    """The aggregation interval in seconds: what was configured, unless the interface's own records are all short.

    AWS records interfaces on Nitro instances by the minute whatever is configured. The shorter value is the careful one: it lets less
    silence pass for looking.
    """
    longest = [capture.longest for capture in captures if capture.kind is CaptureKind.SEEN]
    observed = (
        DEFAULT_AGGREGATION
        if not longest or max(longest) > MINUTE_AGGREGATION + 30
        else MINUTE_AGGREGATION
    )
    return min(configured or DEFAULT_AGGREGATION, observed)


def seen_by(view: View, aggregation_seconds: int) -> list[Span]:
    """The moments at which this view shows that the mount target was looked at.

    Between two records of its own interface at most two aggregation intervals and :data:`CHAIN_SLACK` apart (the source's newest record
    counts as the second of the last two: the interface's own is not overdue yet), or while the flow log is proven delivering; never in a
    hole, never where a record says SKIPDATA, never beyond the frontier. A record's ``end`` is a second that it speaks for, so the span
    ends with the next one.
    """
    apart = 2 * aggregation_seconds + CHAIN_SLACK
    own = joined(((c.start, c.end) for c in view.captures if c.kind is CaptureKind.SEEN), apart)
    if own and view.frontier is not None and own[-1][1] < view.frontier <= own[-1][1] + apart:
        own[-1] = (own[-1][0], view.frontier - 1)
    proven = joined(view.delivered, PROVEN_GAP)
    whole_seconds = [(start, end + 1) for start, end in (*own, *proven)]
    found = subtract(whole_seconds, [(hole.start, hole.end) for hole in all_holes(view)])
    if view.frontier is None or not found:
        return found
    return intersect(found, [(found[0][0], view.frontier)])


def all_holes(view: View) -> list[Hole]:
    """The holes of a view, its SKIPDATA records among them."""
    skipped = [
        Hole(c.start, c.end + 1, GapReason.SKIPDATA)
        for c in view.captures
        if c.kind is CaptureKind.SKIPPED
    ]
    return sorted([*view.holes, *skipped])


class Gap(NamedTuple):
    """A stretch that was asked for and not seen; ``bridged_by`` names the witness that says nobody was there."""

    start: int
    end: int
    reason: GapReason
    bridged_by: str | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was looked at of a window: the only ground for "nobody"."""

    asked: tuple[Span, ...]
    """The moments of the window at which there can have been something to see."""
    seen: tuple[Span, ...]
    bridged: tuple[Span, ...]
    gaps: tuple[Gap, ...]
    """Asked and not seen, oldest first."""
    visible_since: int | None
    """From when on every mount target was looked at, though perhaps not always."""

    @property
    def blind_seconds(self) -> int:
        """Asked, neither seen nor bridged."""
        return total(self.asked) - total(self.seen) - total(self.bridged)

    @property
    def complete(self) -> bool:
        """Whether "nobody" would mean nobody."""
        return self.blind_seconds == 0

    @property
    def ratio(self) -> float:
        """Share of the asked time that was seen; 1 when there was nothing to ask."""
        asked = total(self.asked)
        return 1.0 if asked == 0 else total(self.seen) / asked

    @property
    def bridged_ratio(self) -> float:
        """Share of the asked time that only a witness speaks for."""
        asked = total(self.asked)
        return 0.0 if asked == 0 else total(self.bridged) / asked


@dataclass(frozen=True, slots=True)
class Watched:
    """One mount target: when it can have existed, and when it was looked at."""

    existed: Span
    seen: Sequence[Span]
    holes: Sequence[Hole]
    """Why it was not, where a reason is known."""


CLIENT_CONNECTIONS = "ClientConnections"
"""The witness that bridges: CloudWatch's count of the clients that are connected to a file system, whichever mount target they use."""


def coverage(window: Span, targets: Iterable[Watched], bridged: Sequence[Span] = ()) -> Coverage:
    """Coverage of a file system by its mount targets: a moment is blind when any mount target that can have existed then is.

    A file system without mount targets asks for nothing and is covered: nobody can mount it. ``bridged``: when a witness that can be
    believed answered that nobody was connected.
    """
    watched = list(targets)
    asked = union(span for target in watched for span in intersect([window], [target.existed]))
    blind = union(
        span
        for target in watched
        for span in subtract(intersect([window], [target.existed]), target.seen)
    )
    bridges = intersect(blind, bridged)
    gaps = sorted(
        [gap for span in subtract(blind, bridges) for gap in _explained(span, watched, None)]
        + [gap for span in bridges for gap in _explained(span, watched, CLIENT_CONNECTIONS)]
    )
    firsts = [target.seen[0][0] for target in watched if target.seen]
    return Coverage(
        asked=tuple(asked),
        seen=tuple(subtract(asked, blind)),
        bridged=tuple(bridges),
        gaps=tuple(gaps),
        visible_since=max(firsts, default=None) if len(firsts) == len(watched) else None,
    )


def blind_coverage(window: Span, reason: GapReason) -> Coverage:
    """Coverage of a window of which nothing can be said."""
    return Coverage((window,), (), (), (Gap(*window, reason, None),), None)


def _explained(span: Span, watched: Sequence[Watched], bridged_by: str | None) -> list[Gap]:
    """A blind span cut where its known reasons begin and end; what no hole explains had no records."""
    gaps: list[Gap] = []
    rest = [span]
    for reason in GapReason:
        holes = [
            (hole.start, hole.end)
            for target in watched
            for hole in target.holes
            if hole.reason is reason
        ]
        gaps.extend(Gap(start, end, reason, bridged_by) for start, end in intersect(rest, holes))
        rest = subtract(rest, holes)
    gaps.extend(Gap(start, end, GapReason.NO_RECORDS, bridged_by) for start, end in rest)
    return gaps
