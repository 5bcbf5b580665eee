"""What serves NFS where: mount targets as time ranges per VPC and address, and other servers on port 2049."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inventory.model import MountTarget, NetworkInterface, OtherServer, Version
from inventory.resolve import leases
from inventory.resolve.leases import Tenure

if TYPE_CHECKING:
    from inventory.resolve.topology import Topology

_MADE_BY_EFS = (
    re.compile(
        r"EFS mount target for (?P<fs>fs-[0-9a-f]{8,40}) \((?P<target>fsmt-[0-9a-f]{8,40})\)"
    ),
    re.compile(
        r"Mount target (?P<target>fsmt-[0-9a-f]{8,40}) for file system (?P<fs>fs-[0-9a-f]{8,40})"
    ),
)
"""The first is what is recorded on interfaces, the second what the API manual of CreateMountTarget says."""


def described_mount_target(interface: NetworkInterface) -> tuple[str, str] | None:
    """``(file system id, mount target id)`` that an interface's description names.

    A description on an interface of an instance, or one that its owner left unattached, is a person's text and proves nothing.
    """
    if (
        "fsmt-" not in interface.description  # of very many interfaces, nearly none
        or interface.instance_id
        or interface.status == "available"
    ):
        return None
    for pattern in _MADE_BY_EFS:
        if match := pattern.fullmatch(interface.description):
            return match["fs"], match["target"]
    return None


@dataclass(frozen=True, slots=True)
class ServersAt:
    """What served NFS at one address of a VPC at one moment; mount targets by id."""

    certain: tuple[Version[MountTarget], ...] = ()
    possible: tuple[Version[MountTarget], ...] = ()
    """Without the certain ones."""
    other: tuple[Version[OtherServer], ...] = ()
    """FSx and S3 Files, possible at the moment."""

    @property
    def best(self) -> tuple[Version[MountTarget], ...]:
        """The proven ones where there are any: an address has one holder in its VPC."""
        return self.certain or self.possible


class ServerIndex:
    """Mount targets and other servers by address, interface and id."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._targets: dict[str, list[Version[MountTarget]]] = defaultdict(list)
        self._by_interface: dict[str, str] = {}
        for version in (*topology.versions("mount_target"), *self._from_descriptions()):
            self._targets[version.value.mount_target_id].append(version)
            if version.value.network_interface_id:
                self._by_interface[version.value.network_interface_id] = (
                    version.value.mount_target_id
                )
        self._lives = {target_id: self._life(found) for target_id, found in self._targets.items()}
        self._by_file_system: dict[str, list[str]] = defaultdict(list)
        self._by_address: dict[tuple[str, str], list[str]] = defaultdict(list)
        self._vpcs: dict[str, set[str]] = defaultdict(set)
        for target_id in sorted(self._targets):
            self._index_target(target_id)
        self._others: dict[tuple[str, str], list[Version[OtherServer]]] = defaultdict(list)
        self._other_by_interface: dict[str, Version[OtherServer]] = {}
        for other in topology.versions("other_server"):
            self._index_other(other)

    def at(self, vpc_id: str, address: str, moment: int) -> ServersAt:
        """What served NFS at an address of a VPC."""
        certain: list[Version[MountTarget]] = []
        possible: list[Version[MountTarget]] = []
        for target_id in self._by_address.get((vpc_id, address), ()):
            nearest = min(self._targets[target_id], key=lambda v: leases.nearness(v, moment))
            if self._lives[target_id].certain(moment):
                certain.append(nearest)
            elif self._lives[target_id].possible(moment):
                possible.append(nearest)
        if len(certain) > 1:
            # Sweeps and events contradict each other: what a sweep proves comes first.
            told = {v.value.network_interface_id for v in self._topology.told_interfaces()}
            certain = [v for v in certain if v.value.network_interface_id not in told] or certain
        others = [
            v for v in self._others.get((vpc_id, address), ()) if self._other_possible(v, moment)
        ]
        return ServersAt(
            tuple(certain), tuple(possible), tuple({v.value.server_id: v for v in others}.values())
        )

    def _other_possible(self, version: Version[OtherServer], moment: int) -> bool:
        """Not after it was gone, and not when its interfaces had ceased to be: its own list may never be whole."""
        lives = [
            life
            for i in version.value.interface_ids
            if (life := self._topology.life(i)) is not None
        ]
        return version.possible(moment) and (
            not lives or any(life.possible(moment) for life in lives)
        )

    def within(self, vpc_ids: Collection[str], moment: int) -> tuple[Version[MountTarget], ...]:
        """Every mount target of some VPCs that can have existed at the moment, by id."""
        return tuple(
            self._targets[target_id][-1]
            for target_id in sorted(self._targets)
            if self._targets[target_id][-1].value.vpc_id in vpc_ids
            and self._lives[target_id].possible(moment)
        )

    def vpcs(self, address: str) -> frozenset[str]:
        """VPCs in which the address ever was a mount target's."""
        return frozenset(self._vpcs.get(address, ()))

    def addresses(self) -> frozenset[str]:
        """Every address that ever was a server's."""
        return frozenset(self._vpcs) | frozenset(address for _, address in self._others)

    def mount_target(self, mount_target_id: str) -> Version[MountTarget] | None:
        """Its newest version, deleted or not."""
        found = self._targets.get(mount_target_id)
        return found[-1] if found else None

    def mount_target_of_interface(self, interface_id: str) -> Version[MountTarget] | None:
        """At any time: interface ids are never reused."""
        return self.mount_target(self._by_interface.get(interface_id, ""))

    def other_of_interface(self, interface_id: str) -> Version[OtherServer] | None:
        """FSx or S3 Files, at any time."""
        return self._other_by_interface.get(interface_id)

    def targets(self) -> tuple[Version[MountTarget], ...]:
        """Newest version of every mount target, gone or not, by id."""
        return tuple(self._targets[target_id][-1] for target_id in sorted(self._targets))

    def file_systems(self) -> frozenset[str]:
        """Every file system that ever had a mount target."""
        return frozenset(self._by_file_system)

    def interfaces(self) -> frozenset[str]:
        """Every interface that serves or served."""
        return frozenset(self._by_interface) | frozenset(self._other_by_interface)

    def mount_targets_of(self, file_system_id: str) -> list[Version[MountTarget]]:
        """Newest version of each mount target the file system ever had, by id."""
        return [
            self._targets[target_id][-1]
            for target_id in self._by_file_system.get(file_system_id, ())
        ]

    def life(self, mount_target_id: str) -> Tenure | None:
        """When a mount target existed."""
        return self._lives.get(mount_target_id)

    def _from_descriptions(self) -> Iterable[Version[MountTarget]]:
        """Mount targets whose interface only its description tells: EFS calls are missing, or it was deleted before one was made."""
        answered = [v.value for v in self._topology.versions("mount_target")]
        named = {target.network_interface_id for target in answered}
        told = {target.mount_target_id for target in answered if target.network_interface_id}
        # Of an interface that only events tell of nobody knows whether a person left it unattached.
        made = (v for v in self._topology.told_interfaces() if v.value.requester_managed)
        for version in (*self._topology.versions("network_interface"), *made):
            interface: NetworkInterface = version.value
            if interface.network_interface_id in named:
                continue
            found = described_mount_target(interface)
            if found and found[1] not in told:
                value = MountTarget(
                    found[1],
                    found[0],
                    vpc_id=interface.vpc_id,
                    subnet_id=interface.subnet_id,
                    owner_id=interface.owner_id,
                    network_interface_id=interface.network_interface_id,
                    addresses=interface.addresses,
                )
                known = self._topology.file_system(found[0])
                yield Version(
                    value,
                    known.account if known else interface.owner_id or version.account,
                    version.region,
                    version.first_seen,
                    version.last_seen,
                    version.not_before,
                    version.not_after,
                )

    def _life(self, versions: list[Version[MountTarget]]) -> Tenure:
        proofs = [leases.of_version(version) for version in versions]
        for version in versions:
            life = self._topology.life(version.value.network_interface_id)
            if life is not None:
                proofs.append(life)
            file_system = self._topology.file_system(version.value.file_system_id)
            if file_system is not None and file_system.value.creation_time is not None:
                proofs.append(Tenure(None, None, file_system.value.creation_time - 1, None))
        return leases.joined(proofs)

    def _index_target(self, target_id: str) -> None:
        for file_system_id in {v.value.file_system_id for v in self._targets[target_id]}:
            self._by_file_system[file_system_id].append(target_id)
        for vpc_id, address in {
            place for v in self._targets[target_id] for place in self._places(v.value)
        }:
            self._by_address[vpc_id, address].append(target_id)
            self._vpcs[address].add(vpc_id)

    def _places(self, target: MountTarget) -> Iterable[tuple[str, str]]:
        topology = self._topology
        vpc_id = (
            target.vpc_id
            or topology.vpc_of(target.network_interface_id)
            or topology.vpc_of_subnet(target.subnet_id)
        )
        addresses = set(target.addresses)
        if not addresses:
            addresses = {
                a
                for v in topology.interface_versions(target.network_interface_id)
                for a in v.value.addresses
            }
        return [(vpc_id, address) for address in addresses]

    def _index_other(self, version: Version[OtherServer]) -> None:
        server = version.value
        places = {(server.vpc_id, address) for address in server.addresses}
        for interface_id in server.interface_ids:
            self._other_by_interface[interface_id] = version
            for known in self._topology.interface_versions(interface_id):
                places |= {
                    (known.value.vpc_id or server.vpc_id, address)
                    for address in known.value.addresses
                }
        for place in places:
            self._others[place].append(version)
