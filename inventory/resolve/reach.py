"""From where a file system can be mounted: the accounts and regions in which somebody may refer to it."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from inventory.model import Place
from inventory.resolve.topology import Topology


class Reach(NamedTuple):
    """Where clients of a file system can be."""

    places: frozenset[Place]
    """Accounts and regions."""
    unknown_vpcs: frozenset[str]
    """VPCs with a way to its mount targets of which no sweep tells whose they are."""
    routes_known: bool
    """Whether the ways to and from its VPCs are known; where they are not, everywhere is in reach."""
    owners: frozenset[Place]
    """Whose VPCs its mount targets are in: what they list tells the ways."""


def reach(topology: Topology, file_system_id: str, home: Place) -> Reach:
    """Its own place, those that share a VPC of its mount targets, and those whose VPC has a way to one: by any time, not by now alone."""
    homes = {
        target.value.vpc_id for target in topology.mount_targets_of(file_system_id, region=home[1])
    } - {""}
    vpcs, known = set(homes), True
    for vpc_id in homes:
        reachable = topology.reachable(vpc_id)
        known = known and reachable is not None
        vpcs |= reachable or frozenset()
    by_vpc = {vpc_id: _places(topology, vpc_id) for vpc_id in vpcs}
    places = {home, *(place for found in by_vpc.values() for place in found)}
    unknown = {vpc_id for vpc_id, found in by_vpc.items() if not found}
    owners = {
        (version.value.owner_id or version.account, version.region)
        for vpc_id in homes
        for version in topology.of_vpc("vpc", vpc_id)
    }
    return Reach(frozenset(places), frozenset(unknown), known, frozenset(owners))


def _places(topology: Topology, vpc_id: str) -> Collection[Place]:
    """Whoever owns the VPC, lists it, or has an interface in it: a subnet may be shared with accounts that have no VPC of their own."""
    found: set[Place] = set()
    for kind in ("vpc", "subnet", "network_interface", "mount_target"):
        for version in topology.of_vpc(kind, vpc_id):
            owner = version.value.owner_id
            found |= {(account, version.region) for account in (version.account, owner)}
    return {place for place in found if place[0].isdigit()}
