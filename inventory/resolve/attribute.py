"""Where a sighting took place, and who its client was.

:func:`locate` says which mount target a sighting concerns and from which side it was seen. :func:`attribute` finds who the client was, by
the first rung of evidence that gives somebody; what that somebody *is* always comes from the rules over everything known.
"""

from __future__ import annotations

from dataclasses import dataclass

from inventory.model import (
    Attribution,
    Confidence,
    Method,
    MountTarget,
    OtherServer,
    OwnerKind,
    Sighting,
    Vantage,
    Version,
)
from inventory.resolve import owners, rules
from inventory.resolve.networks import Networks
from inventory.resolve.owners import Ownership
from inventory.resolve.topology import Holders, Topology

__all__ = ["ClientEnd", "Locus", "Networks", "attribute", "locate"]


NOBODY_KNOWS = "unknown"
"""Id of a client of which nothing at all is told: the mount target's own row in a format without addresses."""


@dataclass(frozen=True, slots=True)
class Locus:
    """Where a sighting took place."""

    vantage: Vantage
    servers: tuple[Version[MountTarget], ...]
    """One is known; several are candidates (the address passed on, or two VPCs have it); none: no EFS mount target."""
    other: Version[OtherServer] | None
    """The server is another NFS server: FSx, S3 Files."""
    certain: bool
    """The server is proven: by its own interface, or by a certain range of its address."""
    vpc_id: str
    """The mount target's VPC, ``""`` when unknown."""


@dataclass(frozen=True, slots=True)
class ClientEnd:
    """Everything that facts say of one client during one run. Texts that are not known are ``""``."""

    vantage: Vantage
    vpc_id: str
    """The mount target's VPC."""
    interface_id: str
    """The recorder, when the client's own interface recorded."""
    address: str
    first_seen: int
    last_seen: int
    instance_id: str
    task_arn: str
    next_hop: str
    file_system_id: str
    server_interface_id: str
    own_interfaces: tuple[str, ...]
    """Client-side recorders seen with this same address and the same server at overlapping times."""


# -- where -----------------------------------------------------------------------------------------------------------------------------


def locate(sighting: Sighting, topology: Topology) -> Locus:
    """Which mount target a sighting concerns, and from which side it was seen."""
    own = topology.mount_target_of_interface(sighting.interface_id)
    if own is not None:
        vpc_id = own.value.vpc_id or topology.vpc_of(sighting.interface_id) or sighting.vpc_id
        return Locus(Vantage.MOUNT_TARGET, (own,), None, certain=True, vpc_id=vpc_id)
    other = topology.other_server_of_interface(sighting.interface_id)
    if other is not None:
        return Locus(Vantage.MOUNT_TARGET, (), other, certain=True, vpc_id=other.value.vpc_id)
    return _server(sighting, _vantage(sighting, topology), topology)


def _vantage(sighting: Sighting, topology: Topology) -> Vantage:
    """A third interface on the way is a shadow; a NAT gateway or load balancer that uses its own address is the client.

    A client's own record shows its primary address as ``srcaddr`` even when another one sent, so either address proves it.
    """
    found = owners.finding_of(sighting.interface_id, sighting.first_seen, topology)
    if found is None:
        held = (
            topology.holders(sighting.vpc_id, address, sighting.first_seen).certain
            for address in (sighting.client, sighting.pkt_client)
            if address
        )
        return Vantage.SHADOW if any(held) else Vantage.CLIENT
    if found[0].finding in rules.TRANSIT:
        return Vantage.SHADOW
    addresses = [address for address in (sighting.client, sighting.pkt_client) if address]
    shown = any(v.value.addresses for v in topology.interface_versions(sighting.interface_id))
    if (
        not addresses
        or not shown
        or any(topology.ever_held(sighting.interface_id, address) for address in addresses)
    ):
        return Vantage.CLIENT
    return Vantage.SHADOW


def _server(sighting: Sighting, vantage: Vantage, topology: Topology) -> Locus:
    """The server by ``next-hop-interface-id``, else by its address in the recorder's VPC, else in VPCs with a way to it."""
    hop = topology.mount_target_of_interface(sighting.next_hop)
    if hop is not None and sighting.server in ("", *hop.value.addresses):
        return Locus(vantage, (hop,), None, certain=True, vpc_id=hop.value.vpc_id)
    home = topology.vpc_of(sighting.interface_id) or sighting.vpc_id
    moment = sighting.first_seen
    if not sighting.server:
        return _untold_server(vantage, home, moment, topology)
    if home:
        at = topology.servers(home, sighting.server, moment)
        if at.certain or at.possible:
            return Locus(vantage, at.best, None, certain=len(at.certain) == 1, vpc_id=home)
        if at.other:
            return Locus(vantage, (), at.other[0], certain=True, vpc_id=home)
        if topology.routes.inside(home, sighting.server):
            return Locus(vantage, (), None, certain=False, vpc_id=home)
    reachable = topology.reachable(home, moment) if home else None
    away = topology.routes.vpcs - {home} if reachable is None else reachable
    found = [(vpc_id, topology.servers(vpc_id, sighting.server, moment)) for vpc_id in sorted(away)]
    targets = tuple(target for _, at in found for target in at.best)
    vpcs = {vpc_id for vpc_id, at in found if at.best}
    others = [server for _, at in found for server in at.other]
    only = vpcs.pop() if len(vpcs) == 1 else ""
    return Locus(
        vantage, targets, others[0] if others and not targets else None, certain=False, vpc_id=only
    )


def _untold_server(vantage: Vantage, home: str, moment: int, topology: Topology) -> Locus:
    """Minimal formats do not tell the server: any mount target that the recorder's VPC has a way to."""
    reachable = topology.reachable(home, moment) if home else None
    away = topology.routes.vpcs if reachable is None else reachable
    targets = topology.mount_targets_within({home, *away} - {""}, moment)
    return Locus(vantage, targets, None, certain=False, vpc_id=home)


# -- who -------------------------------------------------------------------------------------------------------------------------------


def attribute(end: ClientEnd, topology: Topology, networks: Networks) -> tuple[Attribution, ...]:
    """Who the client of a run was, by the first rung that gives somebody.

    One attribution; two when the address provably passed on inside the run, the earlier one first.
    """
    own = end.vantage is Vantage.CLIENT
    rungs = (_by_record, _by_interface) if own else (_by_next_hop,)
    for rung in rungs:
        if (found := rung(end, topology)) is not None:
            return (found,)
    return _by_lease(end, topology, networks) or (_by_network(end, topology, networks),)


def _by_record(end: ClientEnd, topology: Topology) -> Attribution | None:
    """The record names the task or the instance itself.

    A task's interface may be attached to an instance of ours, and the record then shows that instance: what the interface is for life wins.
    """
    if end.task_arn:
        return _attributed(
            owners.task_of_arn(end.task_arn, end.file_system_id, topology),
            Method.RECORD,
            end.interface_id,
        )
    if not end.instance_id:
        return None
    found = owners.finding_of(end.interface_id, end.first_seen, topology)
    if found is not None and found[0].lasting:
        known = owners.ownership(end.interface_id, end.first_seen, end.file_system_id, topology)
        return _attributed(known, Method.RECORD, end.interface_id) if known else None
    owner = owners.instance_owner(
        end.instance_id, end.first_seen, topology, found[1] if found else None
    )
    return Attribution((owner,), Confidence.EXACT, Method.RECORD, end.interface_id)


def _by_interface(end: ClientEnd, topology: Topology) -> Attribution | None:
    """The client's own interface recorded it.

    One that no sweep named is still the client's, unless another interface provably held the address: then it was on the way.
    """
    if not end.interface_id:
        return None
    known = owners.ownership(end.interface_id, end.first_seen, end.file_system_id, topology)
    if known is not None:
        return _attributed(known, Method.INTERFACE, end.interface_id)
    if end.vpc_id and topology.holders(end.vpc_id, end.address, end.first_seen).certain:
        return None
    owner = owners.plain_owner(OwnerKind.UNKNOWN, end.interface_id)
    return Attribution((owner,), Confidence.UNKNOWN, Method.INTERFACE, end.interface_id)


def _by_next_hop(end: ClientEnd, topology: Topology) -> Attribution | None:
    """The interface at the other end of the mount target's hop, if it held the client's address: else it only passes traffic on."""
    if not end.next_hop:
        return None
    held = topology.held(end.next_hop, end.address, end.first_seen)
    if not held.best:
        return None
    known = owners.ownership(end.next_hop, end.first_seen, end.file_system_id, topology)
    return _attributed(known, Method.NEXT_HOP, end.next_hop) if known else None


def _by_lease(end: ClientEnd, topology: Topology, networks: Networks) -> tuple[Attribution, ...]:
    """Who held the address: proven only in the mount target's own VPC, elsewhere no more than inferred."""
    if not end.address:
        return ()
    if not end.vpc_id:
        return _elsewhere(end, topology.routes.vpcs, topology)
    first = topology.holders(end.vpc_id, end.address, end.first_seen)
    last = topology.holders(end.vpc_id, end.address, end.last_seen)
    if len(first.certain) == len(last.certain) == 1 and first.certain != last.certain:
        return tuple(
            _leased(interfaces, end, moment, topology, sure=True)
            for interfaces, moment in (
                (first.certain, end.first_seen),
                (last.certain, end.last_seen),
            )
        )
    if len(first.certain) == 1 and first.certain[0] not in last.best:
        # Proven gone before the end: the rest is somebody else's.
        later = (
            _leased(last.best, end, end.last_seen, topology, sure=False)
            if last.best
            else _by_network(end, topology, networks)
        )
        return _leased(first.certain, end, end.first_seen, topology, sure=True), later
    if not first.certain and (own := _own_recorder(end, first, topology)):
        known = owners.ownership(own, end.first_seen, end.file_system_id, topology)
        unknown = Ownership((owners.plain_owner(OwnerKind.UNKNOWN, own),), Confidence.UNKNOWN)
        return (_attributed(known or unknown, Method.INTERFACE, own),)
    if not first.best:
        if topology.routes.inside(end.vpc_id, end.address):
            return ()
        reachable = topology.reachable(end.vpc_id, end.first_seen)
        away = topology.routes.vpcs - {end.vpc_id} if reachable is None else reachable
        return _elsewhere(end, away, topology)
    # The only one that may have held it at the start and surely did at the end held it throughout: no gap inside a run is long enough.
    sure = bool(first.certain) or first.possible == last.certain
    return (_leased(first.best, end, end.first_seen, topology, sure=sure),)


def _own_recorder(end: ClientEnd, holders: Holders, topology: Topology) -> str:
    """The one interface that recorded this address itself and may have held it in this VPC; ``""`` when that is none or several."""
    among = [own for own in end.own_interfaces if own in holders.best]
    if not among:
        among = [own for own in end.own_interfaces if topology.vpc_of(own) in ("", end.vpc_id)]
    return among[0] if len(among) == 1 else ""


def _elsewhere(end: ClientEnd, vpcs: frozenset[str], topology: Topology) -> tuple[Attribution, ...]:
    found = [
        i
        for vpc_id in sorted(vpcs)
        for i in topology.holders(vpc_id, end.address, end.first_seen).best
    ]
    own = [i for i in end.own_interfaces if i in found]
    interfaces = tuple(own if len(own) == 1 else found)
    return (_leased(interfaces, end, end.first_seen, topology, sure=False),) if interfaces else ()


def _leased(
    interfaces: tuple[str, ...], end: ClientEnd, moment: int, topology: Topology, *, sure: bool
) -> Attribution:
    known = [
        o
        for i in interfaces
        if (o := owners.ownership(i, moment, end.file_system_id, topology)) is not None
    ]
    if len(known) == 1:
        found = known[0]
        weaker = found.confidence is Confidence.EXACT and not sure
        confidence = Confidence.INFERRED if weaker else found.confidence
        return Attribution(
            found.owners, confidence, Method.ADDRESS_LEASE, interfaces[0], found.access_points
        )
    access_points = tuple(sorted({ap for o in known for ap in o.access_points}))
    both = owners.settled(
        [owner for o in known for owner in o.owners], Confidence.INFERRED, access_points
    )
    return _attributed(both, Method.ADDRESS_LEASE, "")


def _by_network(end: ClientEnd, topology: Topology, networks: Networks) -> Attribution:
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


def _attributed(found: Ownership, method: Method, interface_id: str) -> Attribution:
    return Attribution(found.owners, found.confidence, method, interface_id, found.access_points)
