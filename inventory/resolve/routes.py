"""Which VPC a subnet lies in, which addresses a VPC has, and which VPCs reach each other."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from typing import TYPE_CHECKING

from inventory.model import RouteTable, Version, VpcLink
from inventory.resolve.networks import PrefixMap

if TYPE_CHECKING:
    from inventory.resolve.topology import Topology


class Routes:
    """Networks of VPCs, by everything that names them."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._subnets = self._index_subnets()
        self.vpcs = self._known_vpcs()
        """Every VPC that any knowledge names."""
        self._accounts: dict[str, set[str]] = defaultdict(set)
        for kind in ("vpc", "network_interface", "mount_target"):
            for version in topology.versions(kind):
                self._accounts[version.value.vpc_id] |= {
                    version.account,
                    version.value.owner_id,
                } - {""}
        self._hubs: dict[str, list[Version[VpcLink]]] = defaultdict(list)
        self._links: dict[str, list[Version[VpcLink]]] = defaultdict(list)
        for link in topology.versions("vpc_link"):
            self._hubs[link.value.hub].append(link)
            for vpc_id in link.value.vpc_ids:
                self._links[vpc_id].append(link)
        self._tables = self._index_tables()
        self._cidrs = self._index_cidrs()
        self._neighbourhoods = {
            (version.value.vpc_id, _neighbourhood(address))
            for version in topology.versions("network_interface")
            if not self._cidrs.get(version.value.vpc_id, (None, False))[1]
            for address in version.value.addresses
        }

    def vpc_of_subnet(self, subnet_id: str) -> str:
        """``""`` when unknown; a subnet never changes its VPC."""
        return self._subnets.get(subnet_id, "")

    def reachable(self, vpc_id: str, moment: int | None = None) -> frozenset[str] | None:
        """VPCs on one hub with this one (at the moment, when given), without itself; ``None`` when its account's links are unknown.

        A hub that no route of this VPC, or of the other one, leads to is no way; where the routes of either are not known, the hub alone
        counts. One hop only: a transit gateway peered with another one is not followed.
        """
        accounts = self._accounts.get(vpc_id, set())
        links = [
            link for link in self._links.get(vpc_id, ()) if moment is None or link.possible(moment)
        ]
        if not links and not any(
            self._topology.is_whole("vpc_link", account) for account in accounts
        ):
            return None
        found: set[str] = set()
        for link in links:
            hub = link.value.hub
            if not self._leads_to(vpc_id, hub, moment):
                continue
            for other in self._hubs[hub]:
                if moment is None or other.possible(moment):
                    found.update(v for v in other.value.vpc_ids if self._leads_to(v, hub, moment))
        return frozenset(found - {vpc_id})

    def _leads_to(self, vpc_id: str, hub: str, moment: int | None) -> bool:
        """Whether a route of the VPC leads to the hub, or may: nobody knows its routes, or not those of the moment."""
        tables = self._tables.get(vpc_id, ())
        then = [table for table in tables if moment is None or table.possible(moment)]
        known = bool(then) and all(moment is None or table.certain(moment) for table in then)
        return not known or any(hub in table.value.hubs for table in then)

    def inside(self, vpc_id: str, address: str) -> bool | None:
        """Whether an address lies in the VPC's own CIDRs; ``None`` when these are unknown.

        Without DescribeVpcs the subnets count, and neighbours on known interfaces; they prove only that it is inside.
        """
        blocks, complete = self._cidrs.get(vpc_id, (None, False))
        if blocks is not None and blocks.holding(address):
            return True
        if complete:
            return False
        return True if (vpc_id, _neighbourhood(address)) in self._neighbourhoods else None

    def _index_cidrs(self) -> dict[str, tuple[PrefixMap[bool], bool]]:
        """By VPC its blocks, and whether DescribeVpcs named them all."""
        blocks: dict[str, set[str]] = defaultdict(set)
        complete: set[str] = set()
        for kind in ("vpc", "subnet"):
            for version in self._topology.versions(kind):
                blocks[version.value.vpc_id].update(version.value.cidrs)
                if kind == "vpc" and version.value.cidrs:
                    complete.add(version.value.vpc_id)
        return {
            vpc_id: (PrefixMap((cidr, True) for cidr in found), vpc_id in complete)
            for vpc_id, found in blocks.items()
        }

    def _index_tables(self) -> dict[str, list[Version[RouteTable]]]:
        """By VPC, where route tables were ever listed completely: one that is missing could hold the route."""
        found: dict[str, list[Version[RouteTable]]] = defaultdict(list)
        for version in self._topology.versions("route_table"):
            if self._topology.is_listed("route_table", version.account, version.region):
                found[version.value.vpc_id].append(version)
        return found

    def _index_subnets(self) -> dict[str, str]:
        index: dict[str, str] = {}
        for kind in ("function", "mount_target", "network_interface", "subnet"):
            for version in self._topology.versions(kind):
                value = version.value
                if value.vpc_id:
                    ids = value.subnet_ids if kind == "function" else (value.subnet_id,)
                    index.update((subnet_id, value.vpc_id) for subnet_id in ids if subnet_id)
        return index

    def _known_vpcs(self) -> frozenset[str]:
        kinds = ("vpc", "subnet", "network_interface", "mount_target", "instance")
        found = {
            version.value.vpc_id for kind in kinds for version in self._topology.versions(kind)
        }
        linked = {
            vpc_id
            for version in self._topology.versions("vpc_link")
            for vpc_id in version.value.vpc_ids
        }
        return frozenset((found | linked) - {""})


def _neighbourhood(address: str) -> str:
    """The /24 of an IPv4 address, the /64 of an IPv6 one: AWS subnets are rarely smaller, and never larger than a VPC."""
    if ":" not in address:
        return address.rpartition(".")[0]
    return str(ipaddress.ip_network(f"{address}/64", strict=False).network_address)
