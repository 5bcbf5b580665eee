"""How well a file system was looked at: coverage of its mount targets, and up to when everything is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

from inventory.answers.listed import FILE_SYSTEMS, Listings
from inventory.answers.presences import Sight
from inventory.answers.shown import Shown
from inventory.answers.witnessing import Metrics
from inventory.model import (
    Capture,
    CaptureKind,
    FileSystem,
    FlowLog,
    MountTarget,
    Place,
    Span,
    Version,
)
from inventory.resolve.topology import Topology
from inventory.store import remembered, strays, views
from inventory.store.kept import kept_since
from inventory.store.mounts import FileSystemKey
from inventory.store.remembered import Memory
from inventory.store.stretches import Captured
from inventory.store.views import Reader
from inventory.timeline import (
    Coverage,
    GapReason,
    Hole,
    Looked,
    View,
    Watched,
    aggregation,
    all_holes,
    blind_coverage,
    coverage,
    intersect,
    mount_gap,
    seen_by,
    subtract,
    union,
)

_FOREVER = 1 << 40
_LOOK_AROUND = 7200
"""Seconds before and after a window in which records still tell about its edges."""


@dataclass(frozen=True, slots=True)
class Seeing:
    """What is known of looking at one file system."""

    coverage: Coverage
    as_of: int | None
    sights: Mapping[str, Sight]
    """By mount target id."""


class Limits(NamedTuple):
    """What the configuration says of looking, in seconds."""

    mount_gap: int | None
    """``None``: by the aggregation interval."""
    max_lag: int
    """How far behind the newest source one may be that still bounds ``as_of``."""


class Observer:
    """Answers for file systems from one consistent reading of the ledger."""

    def __init__(
        self,
        conn: Reader,
        topology: Topology,
        whole_sweeps: Callable[[str, str, str], Sequence[int]],
        limits: Limits,
    ) -> None:
        """``whole_sweeps`` gives the times of sweeps that were whole for (kind, account, region)."""
        self._conn = conn
        self._topology = topology
        self._listings = Listings(conn, whole_sweeps)
        self._limits = limits
        self.metrics = Metrics(conn, topology)
        """What CloudWatch tells."""
        self._frontiers = views.frontiers(conn)
        self._unread = views.unread(conn)
        self._given_up = strays.given_up(conn)
        self.kept = kept_since(conn)
        """Since when facts, mounts and knowledge are kept."""
        self._flow_logs = self._covering_flow_logs()
        self._through: dict[str, set[str]] = {}
        self._rejecting: dict[tuple[str, str], bool] = {}
        self._shown = Shown(conn)
        self._told: dict[tuple[str, str], list[Version[FileSystem]]] | None = None

    @cached_property
    def _memories(self) -> Mapping[FileSystemKey, Memory]:
        return remembered.read(self._conn)

    def memory(self, version: Version[FileSystem]) -> Memory | None:
        """What is remembered of looking at a file system before facts are kept; ``None``: nothing."""
        key = FileSystemKey(version.account, version.region, version.value.file_system_id)
        return self._memories.get(key)

    # -- as of -------------------------------------------------------------------------------------------------------------------------

    @property
    def newest(self) -> int | None:
        """Up to where any source was read; ``None`` when nothing was."""
        return max((frontier.last for frontier in self._frontiers.values()), default=None)

    def as_of(self, version: Version[FileSystem]) -> int | None:
        """Up to where every source needed for this file system was read; ``None`` when nothing was read.

        A mount target needs one of the sources that ever showed it. One that none showed lately (an archive, a source that stopped) sets
        no bound, so that it does not hide what is known of others: it is blind from its last record on.
        """
        newest = self.newest
        if newest is None:
            return None
        best = [
            max(self._frontiers[name].last for name in names)
            for target in self._targets(version)
            if (names := self._sources_of(target) & self._frontiers.keys())
        ]
        return min(
            (bound for bound in best if bound >= newest - self._limits.max_lag), default=newest
        )

    def _sources_of(self, target: Version[MountTarget]) -> set[str]:
        interface_id = target.value.network_interface_id
        if interface_id not in self._through:
            self._through[interface_id] = views.captured_through(self._conn, [interface_id]).get(
                interface_id, set()
            )
        return self._through[interface_id]

    # -- coverage ----------------------------------------------------------------------------------------------------------------------

    def seeing(self, version: Version[FileSystem], window: Span) -> Seeing:
        """Coverage of ``window``, and of everything up to as of now for the states of mounts."""
        as_of = self.as_of(version)
        if as_of is None:
            return Seeing(blind_coverage(window, GapReason.NO_RECORDS), None, {})
        found, sights = self._covered(version, window, max(window[1], as_of), as_of)
        return Seeing(found, as_of, sights)

    def coverage(self, version: Version[FileSystem], window: Span) -> Coverage:
        """Coverage of ``window`` alone."""
        as_of = self.as_of(version)
        if as_of is None:
            return blind_coverage(window, GapReason.NO_RECORDS)
        return self._covered(version, window, window[1], as_of)[0]

    def _covered(
        self, version: Version[FileSystem], window: Span, until: int, as_of: int
    ) -> tuple[Coverage, dict[str, Sight]]:
        """Coverage of a window, and how mount targets were looked at from its begin ``until`` then."""
        targets = self._targets(version)
        reach = (window[0] - _LOOK_AROUND, until + _LOOK_AROUND)
        watched, sights = self._watch(targets, reach)
        watched += self._without_targets(version, window, [one.existed for one in watched])
        watched += self._unlisted(version, targets)
        watched += self._listings.unknown((version.account, version.region), as_of)
        watched += self._forgotten()
        within = [self._within_life(version, one) for one in watched]
        found = self._bridged(version, window, within)
        return replace(found, visible_since=self._visible_since(targets)), sights

    def coverage_of(
        self, version: Version[FileSystem], target: Version[MountTarget], window: Span
    ) -> Coverage:
        """Coverage of a window by one mount target of a file system alone."""
        watched, _ = self._watch([target], (window[0] - _LOOK_AROUND, window[1] + _LOOK_AROUND))
        found = self._bridged(version, window, watched)
        return replace(found, visible_since=self._visible_since([target]))

    def _bridged(
        self, version: Version[FileSystem], window: Span, watched: Sequence[Watched]
    ) -> Coverage:
        """Coverage of a window, its holes bridged where CloudWatch says, and can be believed, that nobody was connected to the file system.

        Not where mounts are forgotten: flow logs may have shown somebody there whom it did not.
        """
        found = coverage(window, watched)
        since = max(window[0], self.kept.mounts)
        doubtful = since < window[1] and not found.complete
        bridges = self.metrics.bridges(version, (since, window[1])) if doubtful else []
        return coverage(window, watched, bridges) if bridges else found

    def _visible_since(self, targets: Sequence[Version[MountTarget]]) -> int | None:
        """From when on each mount target was ever looked at; ``None`` while one never was, or there is none."""
        interfaces = [target.value.network_interface_id for target in targets]
        firsts = self._shown.first_captures(interfaces)
        for target in targets:
            ids = {
                v.value.flow_log_id for v in self._flow_logs_of(target) if _fault(v.value) is None
            }
            delivered = self._shown.first_delivery(frozenset(ids))
            if delivered is not None:
                delivered = max(delivered, self._kept_since(target))
            own = firsts.get(target.value.network_interface_id)
            known = [moment for moment in (own, delivered) if moment is not None]
            if not known:
                return None
            firsts[target.value.network_interface_id] = min(known)
        return max(firsts.values(), default=None)

    def _watch(
        self, targets: Sequence[Version[MountTarget]], reach: Span
    ) -> tuple[list[Watched], dict[str, Sight]]:
        records: dict[str, list[Captured]] = defaultdict(list)
        interfaces = frozenset(target.value.network_interface_id for target in targets)
        for captured in self._shown.captures(interfaces - {""}, reach):
            records[captured.capture.interface_id].append(captured)
        nameless = self._shown.captures(frozenset({""}), reach)
        watched: list[Watched] = []
        sights: dict[str, Sight] = {}
        for target in targets:
            one, sight = self._watch_target(
                target, records[target.value.network_interface_id], nameless, reach
            )
            watched.append(one)
            sights[target.value.mount_target_id] = sight
        return watched, sights

    def _watch_target(
        self,
        target: Version[MountTarget],
        records: Sequence[Captured],
        nameless: Sequence[Captured],
        reach: Span,
    ) -> tuple[Watched, Sight]:
        flow_logs = self._flow_logs_of(target)
        configured = [
            v.value.max_aggregation_interval for v in flow_logs if v.value.max_aggregation_interval
        ]
        interval = aggregation(
            min(configured, default=None), [record.capture for record in records]
        )
        kept = (max(reach[0], self._kept_since(target)), reach[1])
        found = self._views(records, nameless, flow_logs, kept, interval)
        shown = union(span for view in found for span in seen_by(view, interval))
        seen = Looked(subtract(shown, [one.existed for one in self._forgotten()]))
        life = self._topology.mount_target_life(target.value.mount_target_id)
        gone = life.before if life else target.not_after
        born = life.after if life else target.not_before
        existed = (-_FOREVER if born is None else born, _FOREVER if gone is None else gone)
        holes = {hole for view in found for hole in all_holes(view)}
        holes |= {hole for one in self._forgotten() for hole in one.holes}
        gap = self._limits.mount_gap or mount_gap(interval)
        return (
            Watched(existed, seen, sorted(holes)),
            Sight(seen, interval, gap, gone, self.kept.facts),
        )

    def _forgotten(self) -> list[Watched]:
        """The time of which what was read is not kept any more, as something that is there and that nobody watches."""
        until = self.kept.facts
        hole = Hole(-_FOREVER, until, GapReason.FORGOTTEN)
        return [Watched((-_FOREVER, until), (), [hole])] if until else []

    def _views(
        self,
        records: Sequence[Captured],
        nameless: Sequence[Captured],
        flow_logs: Sequence[Version[FlowLog]],
        kept: Span,
        interval: int,
    ) -> list[View]:
        """One view for each source and flow log that showed the mount target or should have.

        ``nameless`` are captures of formats that do not tell whose: what they skipped may have been this one's. That a flow log delivered
        proves something of the time in which what was read is ``kept``.
        """
        ids = {v.value.flow_log_id for v in flow_logs}
        own: dict[tuple[str, str], list[Capture]] = defaultdict(list)
        for record in records:
            own[record.source, record.flow_log_id].append(record.capture)
        skipped: dict[tuple[str, str], list[Capture]] = defaultdict(list)
        for record in nameless:
            if record.capture.kind is CaptureKind.SKIPPED:
                skipped[record.source, record.flow_log_id].append(record.capture)
        delivering = self._shown.delivering(frozenset(ids), kept) if kept[0] < kept[1] else {}
        found: list[View] = []
        for source, flow_log_id in sorted(own.keys() | delivering.keys()):
            holes = [
                *self._unread_holes(source, flow_log_id, ids, interval),
                *_said_not_to_deliver(flow_logs, flow_log_id),
                *self._rejects_only(source, flow_log_id, flow_logs),
            ]
            frontier = self._frontiers.get(source)
            last = frontier.last if frontier else None
            found.append(
                View(
                    [*own.get((source, flow_log_id), []), *skipped[source, flow_log_id]],
                    delivering.get((source, flow_log_id), ()),
                    last,
                    holes,
                )
            )
        return found

    def _rejects_only(
        self, source: str, flow_log_id: str, flow_logs: Sequence[Version[FlowLog]]
    ) -> list[Hole]:
        """Records of a flow log of which no sweep tells the type prove nothing while they are rejections only."""
        if any(v.value.flow_log_id == flow_log_id for v in flow_logs):
            return []
        view = (source, flow_log_id)
        if view not in self._rejecting:
            self._rejecting[view] = views.rejects_only(self._conn, source, flow_log_id)
        return [Hole(-_FOREVER, _FOREVER, GapReason.REJECT_ONLY)] if self._rejecting[view] else []

    def _unread_holes(
        self, source: str, flow_log_id: str, covering: set[str], interval: int
    ) -> list[Hole]:
        """Batches of this view that could not be read. One whose name tells no flow log may hold records of any."""
        frontier = self._frontiers.get(source)
        holes: list[Hole] = []
        for batch in self._unread:
            if batch.source != source or (
                batch.flow_log_id and flow_log_id and batch.flow_log_id != flow_log_id
            ):
                continue
            if (
                batch.flow_log_id
                and not flow_log_id
                and self._flow_log_elsewhere(batch.flow_log_id, covering)
            ):
                continue
            if batch.slot is not None:
                # A slot holds records that end in it; they began up to an aggregation interval earlier.
                holes.append(Hole(batch.slot[0] - interval, batch.slot[1], GapReason.BATCH_FAILED))
            elif frontier is not None:
                holes.append(Hole(frontier.first, frontier.last, GapReason.BATCH_FAILED))
        return holes

    def _flow_log_elsewhere(self, flow_log_id: str, covering: set[str]) -> bool:
        """Whether a flow log is known and known not to record this mount target."""
        known = any(v.value.flow_log_id == flow_log_id for v in self._topology.versions("flow_log"))
        return known and flow_log_id not in covering

    def _covering_flow_logs(self) -> dict[str, list[Version[FlowLog]]]:
        by_resource: dict[str, list[Version[FlowLog]]] = defaultdict(list)
        for version in self._topology.versions("flow_log"):
            by_resource[version.value.resource_id].append(version)
        return by_resource

    def _kept_since(self, target: Version[MountTarget]) -> int:
        """Since when what was read of a mount target is kept: of one that nobody knew yet it was given up after a while."""
        return max(
            (self._given_up.get(a, -_FOREVER) for a in target.value.addresses), default=-_FOREVER
        )

    def _flow_logs_of(self, target: Version[MountTarget]) -> list[Version[FlowLog]]:
        value = target.value
        return [
            version
            for resource in (value.network_interface_id, value.subnet_id, value.vpc_id)
            if resource
            for version in self._flow_logs.get(resource, ())
        ]

    def _targets(self, version: Version[FileSystem]) -> Sequence[Version[MountTarget]]:
        return self._topology.mount_targets_of(version.value.file_system_id, region=version.region)

    def file_systems_unknown(self, places: Iterable[Place], as_of: int) -> list[Watched]:
        """Where there may be file systems that no sweep of these accounts and regions listed."""
        return [
            watched
            for place in places
            for watched in self._listings.unknown(place, as_of, FILE_SYSTEMS)
        ]

    # -- without mount targets ---------------------------------------------------------------------------------------------------------

    def _without_targets(
        self, version: Version[FileSystem], window: Span, existed: Sequence[Span]
    ) -> list[Watched]:
        """Where no known mount target can have existed: covered while sweeps looked; outside of them it is not."""
        seen = self._listings.looked((version.account, version.region), window)
        found = []
        for span in subtract([window], existed):
            holes = [Hole(a, b, GapReason.MOUNT_TARGETS_UNKNOWN) for a, b in subtract([span], seen)]
            found.append(Watched(span, intersect([span], seen), holes))
        return found

    def _unlisted(
        self, version: Version[FileSystem], targets: Sequence[Version[MountTarget]]
    ) -> list[Watched]:
        """While a file system says that it has more mount targets than any sweep listed, nobody knows where else to look."""
        lives = [self._topology.mount_target_life(t.value.mount_target_id) for t in targets]
        found = []
        for told in self._versions_of(version):
            known = [life for life in lives if life is None or life.possible(told.first_seen)]
            if (told.value.number_of_mount_targets or 0) > len(known):
                start = -_FOREVER if told.not_before is None else told.not_before
                end = _FOREVER if told.not_after is None else told.not_after
                hole = Hole(start, end, GapReason.MOUNT_TARGETS_UNKNOWN)
                found.append(Watched((start, end), (), [hole]))
        return found

    def _versions_of(self, version: Version[FileSystem]) -> Sequence[Version[FileSystem]]:
        """Everything that any account's sweeps told of this file system, ordered by time."""
        if self._told is None:
            self._told = defaultdict(list)
            for told in self._topology.versions("file_system"):
                self._told[told.value.file_system_id, told.region].append(told)
        return self._told.get((version.value.file_system_id, version.region), ())

    def _within_life(self, version: Version[FileSystem], one: Watched) -> Watched:
        """Nothing is asked before a file system was created or after it was deleted."""
        born = version.value.creation_time
        start = one.existed[0] if born is None else max(one.existed[0], born)
        end = (
            one.existed[1] if version.not_after is None else min(one.existed[1], version.not_after)
        )
        return Watched((start, max(start, end)), one.seen, one.holes)


def _said_not_to_deliver(flow_logs: Sequence[Version[FlowLog]], flow_log_id: str) -> list[Hole]:
    """What DescribeFlowLogs takes away: it can only do that, for a status of today proves nothing about last month.

    Records that do not name their flow log are doubted only while every flow log on the interface is at fault.
    """
    concerned = [v for v in flow_logs if flow_log_id in ("", v.value.flow_log_id)]
    trusted = [] if flow_log_id else [_told(v) for v in concerned if _fault(v.value) is None]
    return [
        Hole(*span, reason)
        for v in concerned
        if (reason := _fault(v.value)) is not None
        for span in subtract(
            [(-_FOREVER, _FOREVER) if reason is GapReason.REJECT_ONLY else _told(v)], trusted
        )
    ]


def _told(version: Version[FlowLog]) -> Span:
    """When it can have been so."""
    start, end = version.not_before, version.not_after
    return (-_FOREVER if start is None else start, _FOREVER if end is None else end)


def _fault(flow_log: FlowLog) -> GapReason | None:
    if flow_log.traffic_type == "REJECT":
        return GapReason.REJECT_ONLY
    if flow_log.deliver_logs_status == "FAILED" or flow_log.deliver_logs_error_message:
        return GapReason.DELIVERY_FAILED
    return None
