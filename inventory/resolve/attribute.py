"""Where a sighting took place, and who its client was.

:func:`locate` says which mount target a sighting concerns and from which side it was seen. :func:`attribute` finds who the client was, by
the first rung of evidence that gives somebody; what that somebody *is* always comes from the rules over everything known.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial

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
from inventory.resolve import by_address, owners, rules
from inventory.resolve.ends import LATE, ClientEnd, Part, attributed
from inventory.resolve.networks import Networks
from inventory.resolve.topology import Topology
from inventory.resolve.witness import witnessed

__all__ = ["ClientEnd", "Locus", "Networks", "Part", "attribute", "client_end", "locate", "steady"]


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
    home: str
    """The recorder's VPC, ``""`` when unknown."""


# -- where -----------------------------------------------------------------------------------------------------------------------------


def locate(sighting: Sighting, topology: Topology) -> Locus:
    """Which mount target a sighting concerns, and from which side it was seen."""
    own = topology.mount_target_of_interface(sighting.interface_id)
    if own is not None:
        vpc_id = own.value.vpc_id or topology.vpc_of(sighting.interface_id) or sighting.vpc_id
        return Locus(Vantage.MOUNT_TARGET, (own,), None, certain=True, vpc_id=vpc_id, home=vpc_id)
    other = topology.other_server_of_interface(sighting.interface_id)
    if other is not None:
        home = other.value.vpc_id
        return Locus(Vantage.MOUNT_TARGET, (), other, certain=True, vpc_id=home, home=home)
    return _server(sighting, _vantage(sighting, topology), topology)


def _vantage(sighting: Sighting, topology: Topology) -> Vantage:
    """A third interface on the way is a shadow; a NAT gateway or load balancer that uses its own address is the client.

    A client's own record shows its primary address as ``srcaddr`` even when another one sent, so either address proves it; but so does a
    router's, and there ``pkt-srcaddr`` is somebody else's.
    """
    addresses = [address for address in (sighting.client, sighting.pkt_client) if address]
    found = owners.finding_of(sighting.interface_id, sighting.first_seen, topology)
    if found is None:
        moment, home = sighting.first_seen, sighting.vpc_id
        held = home and any(topology.holders(home, a, moment).certain for a in addresses)
        return Vantage.SHADOW if held else Vantage.CLIENT
    if found[0].finding in rules.TRANSIT:
        return Vantage.SHADOW
    shown = any(v.value.addresses for v in topology.interface_versions(sighting.interface_id))
    if not addresses or not shown:
        return Vantage.CLIENT
    own = [topology.ever_held(sighting.interface_id, address) for address in addresses]
    if own[-1]:
        return Vantage.CLIENT
    return Vantage.CLIENT if any(own) and not _is_anothers(sighting, topology) else Vantage.SHADOW


def _is_anothers(sighting: Sighting, topology: Topology) -> bool:
    """Whether the true client's address is known to be no address of the recorder: in its VPC it may have come since the last sweep."""
    home = topology.vpc_of(sighting.interface_id) or sighting.vpc_id
    inside = topology.routes.inside(home, sighting.pkt_client)
    if inside is False:
        return True
    away = () if inside else topology.reachable(home, sighting.first_seen) or ()
    return any(
        topology.holders(vpc_id, sighting.pkt_client, sighting.first_seen).certain
        for vpc_id in (home, *away)
        if vpc_id
    )


def _server(sighting: Sighting, vantage: Vantage, topology: Topology) -> Locus:
    """The server by ``next-hop-interface-id``, else by its address in the recorder's VPC, else in VPCs with a way to it."""
    hop = topology.mount_target_of_interface(sighting.next_hop)
    home = topology.vpc_of(sighting.interface_id) or sighting.vpc_id
    here = partial(Locus, vantage, home=home)
    if hop is not None and sighting.server in ("", *hop.value.addresses):
        return here((hop,), None, certain=True, vpc_id=hop.value.vpc_id)
    moment = sighting.first_seen
    if not sighting.server:
        return here(_untold_servers(home, moment, topology), None, certain=False, vpc_id=home)
    if home:
        at = topology.servers(home, sighting.server, moment)
        if at.certain or at.possible:
            return here(at.best, None, certain=len(at.certain) == 1, vpc_id=home)
        if at.other:
            return here((), at.other[0], certain=True, vpc_id=home)
        if topology.routes.inside(home, sighting.server):
            return here((), None, certain=False, vpc_id=home)
    reachable = topology.reachable(home, moment) if home else None
    away = topology.routes.vpcs - {home} if reachable is None else reachable
    found = [(vpc_id, topology.servers(vpc_id, sighting.server, moment)) for vpc_id in sorted(away)]
    targets = tuple(target for _, at in found for target in at.best)
    vpcs = {vpc_id for vpc_id, at in found if at.best}
    others = [server for _, at in found for server in at.other]
    only = vpcs.pop() if len(vpcs) == 1 else ""
    return here(targets, others[0] if others and not targets else None, certain=False, vpc_id=only)


def _untold_servers(home: str, moment: int, topology: Topology) -> tuple[Version[MountTarget], ...]:
    """Minimal formats do not tell the server: any mount target that the recorder's VPC has a way to."""
    reachable = topology.reachable(home, moment) if home else None
    away = topology.routes.vpcs if reachable is None else reachable
    return topology.mount_targets_within({home, *away} - {""}, moment)


# -- who -------------------------------------------------------------------------------------------------------------------------------


def client_end(
    sightings: Sequence[Sighting], locus: Locus, own_interfaces: Collection[str] = ()
) -> ClientEnd:
    """What a run of sightings, alike in everything but time, says of its client.

    ``own_interfaces`` recorded this client address themselves at that time; they count for what the mount target recorded.
    """
    sample = sightings[0]
    single: Version[MountTarget] | None = locus.servers[0] if len(locus.servers) == 1 else None
    return ClientEnd(
        vantage=locus.vantage,
        vpc_id=locus.vpc_id,
        recorder_vpc_id=locus.home,
        interface_id=sample.interface_id if locus.vantage is Vantage.CLIENT else "",
        address=sample.true_client,
        first_seen=min(sighting.first_seen for sighting in sightings),
        last_seen=max(sighting.last_seen for sighting in sightings),
        instance_id=sample.instance_id,
        task_arn=sample.task_arn,
        next_hop=sample.next_hop,
        file_system_id=single.value.file_system_id if single else "",
        server_interface_id=single.value.network_interface_id if single else "",
        own_interfaces=tuple(sorted(own_interfaces))
        if locus.vantage is Vantage.MOUNT_TARGET
        else (),
    )


def attribute(end: ClientEnd, topology: Topology, networks: Networks) -> tuple[Part, ...]:
    """Who the client of a run was, by the first rung that gives somebody, and what connections that CloudTrail told of add to it.

    One part; two when the address passed on inside the run, the earlier one first.
    """
    parts = _by_rungs(end, topology, networks)
    return tuple(
        replace(part, attribution=witnessed(part.attribution, end, topology)) for part in parts
    )


def _by_rungs(end: ClientEnd, topology: Topology, networks: Networks) -> tuple[Part, ...]:
    for rung in _rungs(end):
        if (found := rung(end, topology)) is not None:
            return (Part(found),)
    return by_address.by_lease(end, topology, networks)


def steady(end: ClientEnd, topology: Topology) -> bool:
    """Whether what is said of the first moment of a run holds for all of it. If not, each fact of the run must be asked on its own."""
    if end.vantage is Vantage.CLIENT and end.task_arn:
        return True
    told = end.interface_id if end.vantage is Vantage.CLIENT else end.next_hop
    if told and any(rung(end, topology) is not None for rung in _rungs(end)):
        found = owners.finding_of(told, end.first_seen, topology)
        shared = found is not None and found[0].kind is OwnerKind.LAMBDA_FUNCTION
        return not shared and not topology.changes_hands(told)
    return by_address.steady(end, topology)


_Rung = Callable[[ClientEnd, Topology], Attribution | None]


def _rungs(end: ClientEnd) -> tuple[_Rung, ...]:
    return (_by_record, _by_interface) if end.vantage is Vantage.CLIENT else (_by_next_hop,)


def _by_record(end: ClientEnd, topology: Topology) -> Attribution | None:
    """The record names the task or the instance itself.

    A task's interface may be attached to an instance of ours, and the record then shows that instance: what the interface is for life wins.
    """
    if end.task_arn:
        return attributed(
            owners.task_of_arn(end.task_arn, end.file_system_id, topology),
            Method.RECORD,
            end.interface_id,
        )
    if not end.instance_id:
        return None
    found = owners.finding_of(end.interface_id, end.first_seen, topology)
    if found is not None and found[0].lasting:
        known = owners.ownership(end.interface_id, end.first_seen, end.file_system_id, topology)
        return attributed(known, Method.RECORD, end.interface_id) if known else None
    owner = owners.instance_owner(
        end.instance_id, end.first_seen, topology, found[1] if found else None
    )
    return Attribution((owner,), Confidence.EXACT, Method.RECORD, end.interface_id)


def _by_interface(end: ClientEnd, topology: Topology) -> Attribution | None:
    """The client's own interface recorded it.

    One that no sweep named is still the client's, unless another interface of its VPC provably held the address: then it was on the way.
    """
    if not end.interface_id:
        return None
    known = owners.ownership(end.interface_id, end.first_seen, end.file_system_id, topology)
    if known is not None:
        return attributed(known, Method.INTERFACE, end.interface_id)
    if end.is_home and topology.holders(end.vpc_id, end.address, end.first_seen).certain:
        return None
    owner = owners.plain_owner(OwnerKind.UNKNOWN, end.interface_id)
    return Attribution((owner,), Confidence.UNKNOWN, Method.INTERFACE, end.interface_id)


def _by_next_hop(end: ClientEnd, topology: Topology) -> Attribution | None:
    """The interface at the other end of the mount target's hop, if it held the client's address: else it only passes traffic on.

    One that no sweep named is taken for the client's where the address lies in the mount target's VPC and nobody is proven to have held
    it: whoever else may have, it was not them.
    """
    hop, start, last = end.next_hop, end.first_seen - LATE, end.last_seen
    if not hop:
        return None
    if topology.life(hop) is None:
        spells = topology.spells(end.vpc_id, end.address, start, last)
        proven = any(spell.tenure.throughout(start, end.first_seen) for spell in spells)
        if proven or not topology.routes.inside(end.vpc_id, end.address):
            return None
        owner = owners.plain_owner(OwnerKind.UNKNOWN, hop)
        return Attribution((owner,), Confidence.UNKNOWN, Method.NEXT_HOP, hop)
    home = topology.spells(topology.vpc_of(hop), end.address, start, last)
    if all(spell.interface_id != hop for spell in home):
        return None
    known = owners.ownership(hop, end.first_seen, end.file_system_id, topology)
    return attributed(known, Method.NEXT_HOP, hop) if known else None
