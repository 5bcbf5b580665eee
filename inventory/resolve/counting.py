"""What counts: of several witnesses of one slot only one is believed, so that nothing is ever added up twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from inventory.model import (
    IDLE_BYTES_PER_MINUTE,
    IDLE_PACKETS_PER_MINUTE,
    SLOT,
    Attribution,
    Sighting,
    Span,
    Vantage,
)
from inventory.resolve.attribute import Locus

LONGEST_SIGHTING = SLOT + 600
"""Seconds that a sighting can last: its records begin in one slot, and no record is longer than ten minutes. A longer one was joined."""


class Fact(NamedTuple):
    """A sighting and where it was read."""

    sighting: Sighting
    flow_log: str
    """The witness: the flow log's id where the source shows it, else the source's name."""
    source: str
    key: str
    """With ``source`` the batch's identity, which does not depend on the order of reading as its id does."""
    batch_id: int


@dataclass(frozen=True, slots=True)
class Seen:
    """One fact with the answers to "where did this happen" and "who was that"."""

    fact: Fact
    locus: Locus
    attribution: Attribution
    counts: bool
    """False for the second owner of an address that passed on inside one fact: it was there, but its share cannot be told."""
    first_seen: int
    last_seen: int
    """Of the fact, or of this owner's part in it."""


Slot = tuple[int, bool]
Witness = tuple[Vantage, str, str]


def _witness(seen: Seen) -> Witness:
    return seen.locus.vantage, seen.fact.flow_log, seen.fact.source


def witnesses(group: Sequence[Seen]) -> dict[Slot, Witness]:
    """Who is believed about each slot's counts: the mount target's rows before the client's, then the flow log with most records.

    A record of ten minutes speaks for both slots it reaches into, so that a client that is captured by the minute is not added to it. What
    was joined to one fact was decided about when it was: its witness stays the one of every slot that it reaches into, whoever comes late.
    """
    records: dict[Slot, dict[Witness, int]] = defaultdict(lambda: defaultdict(int))
    spoken_for: set[Slot] = set()
    decided: dict[Slot, Counter[Witness]] = defaultdict(Counter)
    for seen in group:
        s = seen.fact.sighting
        rejected = s.action == "REJECT"
        records[s.slot, rejected][_witness(seen)] += s.requests + s.responses
        if seen.locus.vantage is Vantage.MOUNT_TARGET:
            spoken_for.update((slot, rejected) for slot in range(s.slot, s.last_seen + 1, SLOT))
        if s.last_seen - s.first_seen > LONGEST_SIGHTING:
            for slot in range(s.slot, s.last_seen + 1, SLOT):
                decided[slot, rejected][_witness(seen)] += s.requests + s.responses
    chosen: dict[Slot, Witness] = {}
    for about, by_witness in records.items():
        for witness in decided[about]:
            by_witness[witness] += 0
        sides = {witness[0] for witness in by_witness}
        if about in spoken_for and Vantage.MOUNT_TARGET not in sides:
            continue
        side = Vantage.MOUNT_TARGET if Vantage.MOUNT_TARGET in sides else Vantage.CLIENT
        ranked = sorted(
            (-decided[about].get(witness, -1), -count, witness)
            for witness, count in by_witness.items()
            if witness[0] is side
        )
        chosen[about] = ranked[0][2]
    return chosen


@dataclass(frozen=True, slots=True)
class Counting:
    """Which facts count: those of each slot's witness, inside the window that is asked about."""

    witnesses: dict[Slot, Witness]
    window: Span | None

    def __contains__(self, seen: Seen) -> bool:
        s = seen.fact.sighting
        inside = self.window is None or self.window[0] <= s.first_seen < self.window[1]
        return (
            seen.counts
            and inside
            and self.witnesses.get((s.slot, s.action == "REJECT")) == _witness(seen)
        )

    def touches(self, seen: Seen) -> bool:
        """Whether any of it lies in the window."""
        return self.window is None or (
            seen.last_seen >= self.window[0] and seen.first_seen < self.window[1]
        )


def is_idle(members: Sequence[Sighting]) -> bool:
    """Whether a slot holds no more than lease renewals. A slot without counts (minimal formats) is not idle: we cannot tell."""
    seconds = max(s.last_seen for s in members) - min(s.first_seen for s in members)
    minutes = max(1, -(-seconds // 60))
    packets = max(sum(s.packets_in for s in members), sum(s.packets_out for s in members))
    volume = max(sum(s.bytes_in for s in members), sum(s.bytes_out for s in members))
    return (
        0 < packets <= IDLE_PACKETS_PER_MINUTE * minutes
        and volume <= IDLE_BYTES_PER_MINUTE * minutes
    )
