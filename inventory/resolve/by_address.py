"""Who a client was when only its address tells: who held it, and what when it passed from one to the other.

A record's times may be late by a minute, so its moment stands for the minute before it as well. Somebody is named for sure only where no
other can have held the address in all that time; near a change of hands all who can are candidates.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from inventory.model import Attribution, Confidence, Method, OwnerKind
from inventory.resolve import owners
from inventory.resolve.declared import Declares
from inventory.resolve.ends import LATE, ClientEnd, Part, attributed
from inventory.resolve.networks import Networks
from inventory.resolve.owners import Ownership
from inventory.resolve.topology import Spell, Topology

CLOSING = 10
"""Seconds after the end of a task's containers in which its mounts may still be closed."""

NOBODY_KNOWS = "unknown"
"""Id of a client of which nothing at all is told: the mount target's own row in a format without addresses."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """Who held an address at one moment of a record."""

    start: int
    end: int
    possible: tuple[Spell, ...]

    @property
    def certain(self) -> tuple[Spell, ...]:
        """Proven for the whole minute: an address has one holder in its VPC, so these rule out the merely possible."""
        return tuple(s for s in self.possible if s.tenure.throughout(self.start, self.end))

    @property
    def best(self) -> tuple[Spell, ...]:
        return self.certain or self.possible

    @property
    def sole(self) -> Spell | None:
        """The one proven holder."""
        return self.certain[0] if len(self.certain) == 1 else None


def steady(end: ClientEnd, topology: Topology) -> bool:
    """Whether one lease is proven for the whole run, or nothing is known of the address that could change."""
    if not end.address:
        return True
    start, last = end.first_seen - LATE, end.last_seen
    here = topology.spells(end.vpc_id, end.address, start, last) if end.vpc_id else ()
    if here:
        return any(spell.tenure.throughout(start, last) for spell in here)
    away = {
        s
        for vpc_id in _away(end, topology)
        for s in topology.spells(vpc_id, end.address, start, last)
    }
    return all(spell.tenure.throughout(start, last) for spell in away)


def by_lease(end: ClientEnd, topology: Topology, networks: Networks) -> tuple[Part, ...]:
    """Who held the address: proven only in the mount target's own VPC, elsewhere no more than inferred; else where it lies."""
    if not end.address:
        return (Part(by_network(end, topology, networks)),)
    asked = (end.first_seen - LATE, end.last_seen)
    spells = topology.spells(end.vpc_id, end.address, *asked) if end.vpc_id else ()
    start, finish = _standing(spells, end.first_seen), _standing(spells, end.last_seen)
    if start.sole is None and (found := _by_own_rows(end, finish.sole, topology)):
        return (Part(found),)
    if (sole := _all_along(start, finish)) is not None:
        return (Part(_leased((sole,), end, topology, sure=True)),)
    if start.sole is not None or finish.sole is not None:
        return _passed_on(end, start, finish, topology, networks)
    among = tuple(s for s in spells if not _silent(s, end.first_seen - LATE)) or spells
    # Who was proven gone before the record began is named only if he was proven there within the minute before.
    if any(
        s.tenure.touches(end.first_seen - 1, end.last_seen) or s.tenure.proven(*asked)
        for s in among
    ):
        return (Part(_leased(among, end, topology, sure=_is_proven(among, end))),)
    return (Part(_elsewhere(end, topology) or by_network(end, topology, networks)),)


def _standing(spells: tuple[Spell, ...], moment: int) -> _Standing:
    start = moment - LATE
    held = tuple(s for s in spells if s.tenure.touches(start, moment))
    speaking = tuple(s for s in held if not _silent(s, start))
    return _Standing(start, moment, speaking or held)


def _all_along(start: _Standing, finish: _Standing) -> Spell | None:
    """Who is proven at one end of a run, and at the other is the only one, or the one by the record's own times."""
    if (last := finish.sole) is not None and last in start.best:
        alone = len(start.best) == 1
        return last if alone or last.tenure.certain(start.end) else None
    if (first := start.sole) is not None and first in finish.best:
        alone = len(finish.best) == 1
        return first if alone or first.tenure.certain(finish.end) else None
    return None


def _silent(spell: Spell, moment: int) -> bool:
    return spell.silent_from is not None and spell.silent_from + CLOSING <= moment


def _is_proven(spells: tuple[Spell, ...], end: ClientEnd) -> bool:
    """Whether the only lease is proven at either end of the run: nobody else is made, used and gone in the minute around it."""
    return len(spells) == 1 and (
        spells[0].tenure.certain(end.first_seen) or spells[0].tenure.certain(end.last_seen)
    )


def _passed_on(
    end: ClientEnd, start: _Standing, finish: _Standing, topology: Topology, networks: Networks
) -> tuple[Part, ...]:
    """Who is proven at one end is not proven for all of it: two parts, each for no longer than its leases are known to have lasted."""
    earlier, later = (
        _leased(one.best, end, topology, sure=one.sole is not None)
        if one.best
        else by_network(end, topology, networks)
        for one in (start, finish)
    )
    until, since = (min(max(at, end.first_seen), end.last_seen) for at in _bounds(start, finish))
    return Part(earlier, until=until), Part(later, since=since)


def _bounds(start: _Standing, finish: _Standing) -> tuple[int, int]:
    """Up to when the earlier holders are proven, and from when the later ones are."""
    ends = [s.tenure.until for s in start.best if s.tenure.until is not None]
    begins = [s.tenure.since for s in finish.best if s.tenure.since is not None]
    until, since = max(ends, default=start.end), min(begins, default=finish.end)
    if start.sole is not None and start.sole in finish.best:
        return until, until
    return (
        (since, since) if finish.sole is not None and finish.sole in start.best else (until, since)
    )


def _by_own_rows(end: ClientEnd, last: Spell | None, topology: Topology) -> Attribution | None:
    """By the interfaces of the mount target's VPC that recorded this address themselves: one is the client, of several any may be.

    ``last`` is who is proven to have held it at the end, and is believed rather than another's rows.
    """
    own = [i for i in end.own_interfaces if end.vpc_id and topology.vpc_of(i) in ("", end.vpc_id)]
    if not own or (last is not None and own != [last.interface_id]):
        return None
    found = [_ownership(i, end, (), topology) or _nobody(i) for i in own]
    if len(found) == 1:
        only = attributed(found[0], Method.INTERFACE, own[0])
        weaker = only.confidence is Confidence.EXACT and topology.vpc_of(own[0]) != end.vpc_id
        return replace(only, confidence=Confidence.INFERRED) if weaker else only
    access_points = tuple(sorted({ap for one in found for ap in one.access_points}))
    every = [owner for one in found for owner in one.owners]
    return attributed(
        owners.settled(every, Confidence.INFERRED, access_points), Method.INTERFACE, ""
    )


def _nobody(interface_id: str) -> Ownership:
    return Ownership((owners.plain_owner(OwnerKind.UNKNOWN, interface_id),), Confidence.UNKNOWN)


def _away(end: ClientEnd, topology: Topology) -> frozenset[str]:
    """The VPCs in which a client may be that is not in the mount target's own; none when its address can only be there."""
    if not end.vpc_id:
        return topology.routes.vpcs
    if topology.routes.inside(end.vpc_id, end.address):
        return frozenset()
    reachable = topology.reachable(end.vpc_id, end.first_seen)
    return topology.routes.vpcs - {end.vpc_id} if reachable is None else reachable


def _elsewhere(end: ClientEnd, topology: Topology) -> Attribution | None:
    start, last = end.first_seen - LATE, end.last_seen
    found = [
        spell
        for vpc_id in sorted(_away(end, topology))
        for spell in _standing(
            topology.spells(vpc_id, end.address, start, last), end.first_seen
        ).best
    ]
    own = [spell for spell in found if spell.interface_id in end.own_interfaces]
    spells = tuple(own if len(own) == 1 else found)
    return _leased(spells, end, topology, sure=False) if spells else None


def _leased(
    spells: tuple[Spell, ...], end: ClientEnd, topology: Topology, *, sure: bool
) -> Attribution:
    """Whose the interfaces of these leases were. Of several, those are left out that are known not to declare a mount.

    Nobody is sure whose address it was where the recorder may have been in another VPC than the mount target.
    """
    interfaces = sorted({spell.interface_id for spell in spells})
    asked = ((i, _ownership(i, end, spells, topology)) for i in interfaces)
    known = {i: found for i, found in asked if found is not None}
    left = {i: o for i, o in known.items() if o.declares is not Declares.NO} or known
    if len(left) > 1:
        access_points = tuple(sorted({ap for o in left.values() for ap in o.access_points}))
        every = [owner for o in left.values() for owner in o.owners]
        both = owners.settled(every, Confidence.INFERRED, access_points)
        return attributed(both, Method.ADDRESS_LEASE, "")
    ((interface_id, found),) = left.items()
    if len(known) > 1:
        kept = tuple(spell for spell in spells if spell.interface_id == interface_id)
        sure = found.declares is Declares.YES and _is_proven(kept, end)
    weaker = found.confidence is Confidence.EXACT and not (sure and end.is_home)
    confidence = Confidence.INFERRED if weaker else found.confidence
    return Attribution(
        found.owners, confidence, Method.ADDRESS_LEASE, interface_id, found.access_points
    )


def _ownership(
    interface_id: str, end: ClientEnd, spells: tuple[Spell, ...], topology: Topology
) -> Ownership | None:
    """At the moment of the run that lies inside the lease, or nearest to it."""
    since = min(
        (
            s.tenure.since
            for s in spells
            if s.interface_id == interface_id and s.tenure.since is not None
        ),
        default=end.first_seen,
    )
    moment = min(max(end.first_seen, since), end.last_seen)
    return owners.ownership(interface_id, moment, end.file_system_id, topology)


def by_network(end: ClientEnd, topology: Topology, networks: Networks) -> Attribution:
    """No interface of ours is known for it.

    Inside a VPC that we know (the mount target's own, or one with a way to it) it is somebody of ours who was missed; outside it is an
    address of somebody else's. Without any CIDR of the VPC nobody can tell, and a name by configuration decides.
    """
    if not end.address:
        owner = owners.plain_owner(OwnerKind.UNKNOWN, end.interface_id or NOBODY_KNOWS)
        return Attribution((owner,), Confidence.UNKNOWN, Method.NONE)
    name = networks.name(end.address)
    if _is_outside(end, topology, named=name is not None):
        owner = owners.plain_owner(OwnerKind.ADDRESS, end.address, name=name)
        return Attribution((owner,), Confidence.INFERRED, Method.CIDR)
    owner = owners.plain_owner(OwnerKind.UNKNOWN, end.address, name=name)
    return Attribution((owner,), Confidence.UNKNOWN, Method.NONE)


def _is_outside(end: ClientEnd, topology: Topology, *, named: bool) -> bool:
    routes = topology.routes
    inside = routes.inside(end.vpc_id, end.address) if end.vpc_id else None
    if inside is not None and (inside or named):
        return not inside
    if named:
        return True
    reachable = topology.reachable(end.vpc_id, end.first_seen) if end.vpc_id else None
    away = routes.vpcs - {end.vpc_id} if reachable is None else reachable
    return inside is False and not any(routes.inside(vpc_id, end.address) for vpc_id in away)
