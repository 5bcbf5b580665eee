"""Whether anybody would hear a client that is turned away at a mount target: a flow log of its side that records rejections and delivers.

Coverage is the other question: there a flow log of type REJECT counts for nothing, here one of type ACCEPT does. A client's own flow log
does not help: its security group let the packets out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from inventory.answers.asking import Desk
from inventory.model import Capture, CaptureKind, FlowLog, MountTarget, Span, Version
from inventory.store import stretches, views
from inventory.timeline import (
    PROVEN_GAP,
    GapReason,
    Hole,
    View,
    aggregation,
    intersect,
    seen_by,
    subtract,
    union,
)

HEARS = ("ALL", "REJECT")
"""Types of flow logs that record what was rejected."""

_LATE = 2 * PROVEN_GAP
"""Seconds before ``as_of`` by which a flow log must have shown something, to be delivering."""


@dataclass(frozen=True, slots=True)
class Heard:
    """How rejections at one mount target are listened for."""

    flow_logs: tuple[str, ...]
    """Ids of those that hear."""
    why_not: str
    """For people; ``""`` when somebody hears as of now."""
    spans: tuple[Span, ...]
    """When somebody did, within the stretch that was asked about."""

    def deaf(self, span: Span) -> list[Span]:
        """The parts of a stretch in which nobody heard."""
        return subtract([span], self.spans)


class Ears:
    """Listens at any number of mount targets."""

    def __init__(self, desk: Desk) -> None:
        self._conn = desk.conn
        self._by_resource: dict[str, list[Version[FlowLog]]] = defaultdict(list)
        for version in desk.knowledge.topology.versions("flow_log"):
            self._by_resource[version.value.resource_id].append(version)
        self._frontiers = views.frontiers(desk.conn)

    def at(self, target: Version[MountTarget], window: Span, as_of: int | None) -> Heard:
        """Who hears at a mount target, as of ``as_of`` and in ``window``."""
        here = [one for one in self._of(target) if one.not_after is None]
        able = [one for one in here if one.value.traffic_type in HEARS]
        working = [one for one in able if not _fault(one.value)]
        ids = tuple(sorted({one.value.flow_log_id for one in working}))
        reach = (min(window[0], (as_of or window[1]) - _LATE), max(window[1], as_of or 0))
        spans = self._spans(target, set(ids), reach, alone=len(working) == len(here))
        late = [] if as_of is None else intersect(spans, [(as_of - _LATE, as_of)])
        why_not = "" if ids and late else _why_not(here, able, working)
        return Heard(ids, why_not, tuple(intersect(spans, [window])))

    def _of(self, target: Version[MountTarget]) -> list[Version[FlowLog]]:
        value = target.value
        places = (value.network_interface_id, value.subnet_id, value.vpc_id)
        return [one for place in places if place for one in self._by_resource.get(place, ())]

    def _spans(
        self, target: Version[MountTarget], ids: set[str], reach: Span, *, alone: bool
    ) -> list[Span]:
        """When flow logs of these ids showed that they record. What names no flow log is theirs where there is no other (``alone``)."""
        if not ids:
            return []
        own: dict[tuple[str, str], list[Capture]] = defaultdict(list)
        for row in stretches.captures(
            self._conn, {target.value.network_interface_id} - {""}, reach
        ):
            if row.flow_log_id in ids or (alone and not row.flow_log_id):
                own[row.source, row.flow_log_id].append(row.capture)
        delivered: dict[tuple[str, str], list[Span]] = defaultdict(list)
        for one in stretches.deliveries(self._conn, ids, reach):
            delivered[one.source, one.flow_log_id].append((one.start, one.end))
        interval = aggregation(
            min((n for n in self._intervals(target) if n), default=None),
            [one for found in own.values() for one in found if one.kind is CaptureKind.SEEN],
        )
        unread = self._unread(reach, interval)
        found = []
        for key in sorted(own.keys() | delivered.keys()):
            frontier = self._frontiers.get(key[0])
            holes = [hole for name, hole in unread if name == key[0]]
            last = frontier.last if frontier else None
            found += seen_by(View(own.get(key, []), delivered.get(key, []), last, holes), interval)
        return union(found)

    def _intervals(self, target: Version[MountTarget]) -> Sequence[int | None]:
        return [one.value.max_aggregation_interval for one in self._of(target)]

    def _unread(self, reach: Span, interval: int) -> list[tuple[str, Hole]]:
        """What could not be read may hold a rejection, whosever it is."""
        found = []
        for batch in views.unread(self._conn, reach):
            start, end = batch.slot or reach
            found.append((batch.source, Hole(start - interval, end, GapReason.BATCH_FAILED)))
        return found


def _fault(flow_log: FlowLog) -> bool:
    return flow_log.deliver_logs_status == "FAILED" or bool(flow_log.deliver_logs_error_message)


def _why_not(
    here: Sequence[Version[FlowLog]],
    able: Sequence[Version[FlowLog]],
    working: Sequence[Version[FlowLog]],
) -> str:
    if not here:
        return "no sweep shows a flow log of its interface, its subnet or its VPC"
    if not able:
        return f"{_named(here)} of its side records no rejections, as far as AWS tells"
    if not working:
        return f"{_named(able)} does not deliver, as AWS says"
    return f"{_named(working)} is not proven delivering: nothing of it was read lately"


def _named(flow_logs: Sequence[Version[FlowLog]]) -> str:
    ids: Mapping[str, None] = dict.fromkeys(one.value.flow_log_id for one in flow_logs)
    return ", ".join(sorted(ids))
