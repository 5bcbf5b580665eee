"""What records show of interfaces and flow logs, read once: file systems share flow logs, and are asked about for one time inside another.

What was read for a longer time answers for a shorter one inside of it. Captures are kept of the interfaces that were asked about last only;
they are many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from inventory.model import Span
from inventory.store import stretches, views
from inventory.store.stretches import Captured, Delivery, clipped
from inventory.store.views import Reader

View = tuple[str, str]
"""Source and flow log id."""


_MOST_ANSWERS = 10_000
"""Sets of flow logs that are kept at most, with the few stretches in which they delivered."""


class _Captures(NamedTuple):
    interfaces: frozenset[str]
    reach: Span
    found: Sequence[Captured]


class Shown:
    """Reads from one moment of the ledger."""

    def __init__(self, conn: Reader) -> None:
        self._conn = conn
        self._captures: dict[bool, _Captures] = {}
        """Those that tell their interface, and those that do not."""
        self._first_captures: dict[str, int | None] = {}
        self._first_deliveries: dict[frozenset[str], int | None] = {}
        self._deliveries: dict[frozenset[str], tuple[Span, Sequence[Delivery]]] = {}

    def captures(self, interfaces: frozenset[str], reach: Span) -> Sequence[Captured]:
        """As :func:`inventory.store.stretches.captures`."""
        which = "" in interfaces
        kept = self._captures.get(which)
        if kept is None or kept.interfaces != interfaces or not _holds(kept.reach, reach):
            kept = _Captures(interfaces, reach, stretches.captures(self._conn, interfaces, reach))
            self._captures[which] = kept
        if kept.reach == reach:
            return kept.found
        return [
            one
            for one in kept.found
            if one.capture.end >= reach[0] and one.capture.start < reach[1]
        ]

    def first_captures(self, interfaces: Sequence[str]) -> dict[str, int]:
        """As :func:`inventory.store.views.first_captures`."""
        new = [one for one in interfaces if one not in self._first_captures]
        if new:
            found = views.first_captures(self._conn, new)
            self._first_captures.update((one, found.get(one)) for one in new)
        known = ((one, self._first_captures[one]) for one in interfaces)
        return {one: first for one, first in known if first is not None}

    def first_delivery(self, flow_logs: frozenset[str]) -> int | None:
        """As :func:`inventory.store.views.first_delivery`."""
        if flow_logs not in self._first_deliveries:
            self._first_deliveries[flow_logs] = views.first_delivery(self._conn, flow_logs)
        return self._first_deliveries[flow_logs]

    def delivering(self, flow_logs: frozenset[str], kept: Span) -> Mapping[View, Sequence[Span]]:
        """By source and flow log id, when its output shows inside of ``kept`` that it was delivering and read to the end."""
        found: dict[View, list[Span]] = defaultdict(list)
        for one in self._deliveries_of(flow_logs, kept):
            if one.start < kept[1] and one.end >= kept[0]:
                found[one.source, one.flow_log_id].append(clipped((one.start, one.end), kept))
        return found

    def _deliveries_of(self, flow_logs: frozenset[str], reach: Span) -> Sequence[Delivery]:
        """At least those of ``reach``; of all time in which it was asked about, so that two questions in turn are read once."""
        kept = self._deliveries.get(flow_logs)
        if kept is not None and _holds(kept[0], reach):
            return kept[1]
        if kept is not None:
            reach = (min(kept[0][0], reach[0]), max(kept[0][1], reach[1]))
        if len(self._deliveries) >= _MOST_ANSWERS:
            self._deliveries.clear()
        found = stretches.deliveries(self._conn, flow_logs, reach)
        self._deliveries[flow_logs] = (reach, found)
        return found


def _holds(longer: Span, shorter: Span) -> bool:
    return longer[0] <= shorter[0] and shorter[1] <= longer[1]
