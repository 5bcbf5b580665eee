"""Every interface that any knowledge names: how long it lived, which addresses it held when, which instance it was attached to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inventory.model import MountTarget, NetworkInterface, Version
from inventory.resolve import leases
from inventory.resolve.arns import attachment_arn
from inventory.resolve.leases import Tenure
from inventory.resolve.networks import PrefixMap

if TYPE_CHECKING:
    from inventory.resolve.topology import Topology


@dataclass(frozen=True, slots=True)
class Holders:
    """Interfaces that held an address at one moment: proven ones, and those that may have. Interface ids, sorted, no id in both."""

    certain: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()

    @property
    def best(self) -> tuple[str, ...]:
        """The proven ones where there are any: an address has one holder in its VPC, so these rule out the merely possible."""
        return self.certain or self.possible


@dataclass(frozen=True, slots=True)
class Held:
    """Which instance an interface was attached to at one moment."""

    instance_id: str
    certain: bool


@dataclass(frozen=True, slots=True)
class _Attachment:
    instance_id: str
    tenure: Tenure
    for_life: bool
    """The instance's first interface (device index 0) cannot be taken from it."""


class InterfaceIndex:
    """Interfaces by id, by address and by instance."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._interfaces = self._index_interfaces()
        self._launched = self._launch_times()
        self._lives = self._index_lives()
        self._index_leases()
        self._attachments = self._index_attachments()
        self._by_instance: dict[str, list[Version[NetworkInterface]]] = defaultdict(list)
        for found in self._interfaces.values():
            for version in found:
                self._by_instance[version.value.instance_id].append(version)

    def at(self, interface_id: str, moment: int) -> tuple[Version[NetworkInterface], ...]:
        """One version when it is certain for the moment; else all of them, nearest first; none when no sweep named it.

        Interface ids are never reused, so a version from another time is still the same interface. An interface that only a task, an
        instance or a mount target names (deleted before a sweep saw it) is made up from what they say.
        """
        found = self._interfaces.get(interface_id, [])
        certain = [v for v in found if v.certain(moment)]
        if len(certain) == 1:
            return (certain[0],)
        return tuple(sorted(found, key=lambda v: leases.nearness(v, moment)))

    def versions(self, interface_id: str) -> Sequence[Version[NetworkInterface]]:
        """All of them, oldest first."""
        return self._interfaces.get(interface_id, ())

    def life(self, interface_id: str) -> Tenure | None:
        """When this interface existed; ``None`` when no sweep named it."""
        return self._lives.get(interface_id)

    def vpc_of(self, interface_id: str) -> str:
        """The interface's VPC (it never changes), ``""`` when unknown."""
        return next(
            (v.value.vpc_id for v in self._interfaces.get(interface_id, ()) if v.value.vpc_id), ""
        )

    def ever_held(self, interface_id: str, address: str) -> bool:
        """Whether any sweep showed the address on the interface, or within one of its prefixes."""
        for version in self._interfaces.get(interface_id, ()):
            if address in version.value.addresses:
                return True
            if version.value.prefixes and PrefixMap(
                (p, True) for p in version.value.prefixes
            ).holding(address):
                return True
        return False

    def holders(self, vpc_id: str, address: str, moment: int) -> Holders:
        """Who held an address of a VPC: primary, secondary, IPv6, or inside a delegated prefix."""
        found = list(self._leases.get((vpc_id, address), ()))
        if (prefixes := self._prefixes.get(vpc_id)) is not None:
            found += prefixes.holding(address)
        certain = {interface_id for interface_id, tenure in found if tenure.certain(moment)}
        possible = {
            interface_id for interface_id, tenure in found if tenure.possible(moment)
        } - certain
        return Holders(tuple(sorted(certain)), tuple(sorted(possible)))

    def held(self, interface_id: str, address: str, moment: int) -> Holders:
        """:meth:`holders` of the interface's own VPC, reduced to this one interface."""
        found = self.holders(self.vpc_of(interface_id), address, moment)
        only = (interface_id,)
        return Holders(
            only if interface_id in found.certain else (),
            only if interface_id in found.possible else (),
        )

    def instances_of(self, interface_id: str, moment: int) -> tuple[Held, ...]:
        """The instance an interface was attached to: one proven, or all possible ones; sorted by id.

        Proven from AttachTime to the last sweep that showed it. The first interface (device index 0) stays with its instance for life.
        """
        found = self._attachments.get(interface_id, ())
        certain = {a.instance_id for a in found if a.for_life or a.tenure.certain(moment)}
        if len(certain) == 1:
            return (Held(certain.pop(), certain=True),)
        possible = {a.instance_id for a in found if a.for_life or a.tenure.possible(moment)}
        return tuple(Held(instance_id, certain=False) for instance_id in sorted(possible))

    def of_instance(self, instance_id: str) -> Sequence[Version[NetworkInterface]]:
        """Every version that shows an interface attached to this instance."""
        return self._by_instance.get(instance_id, ()) if instance_id else ()

    # -- building ----------------------------------------------------------------------------------

    def _index_interfaces(self) -> dict[str, list[Version[NetworkInterface]]]:
        index: dict[str, list[Version[NetworkInterface]]] = defaultdict(list)
        for version in self._topology.versions("network_interface"):
            index[version.value.network_interface_id].append(version)
        made_up: dict[str, list[Version[NetworkInterface]]] = defaultdict(list)
        for version in (*self._from_mount_targets(), *self._from_tasks(), *self._from_instances()):
            if version.value.network_interface_id not in index:
                made_up[version.value.network_interface_id].append(version)
        for found in made_up.values():
            found.sort(
                key=lambda v: (
                    v.first_seen,
                    v.last_seen,
                    v.account,
                    v.region,
                    v.value.description,
                    v.value.instance_id,
                )
            )
        return {**index, **made_up}

    def _from_tasks(self) -> Iterable[Version[NetworkInterface]]:
        for version in self._topology.versions("task"):
            for attachment in version.value.attachments:
                if attachment.network_interface_id:
                    value = NetworkInterface(
                        attachment.network_interface_id,
                        vpc_id=self._topology.routes.vpc_of_subnet(attachment.subnet_id),
                        subnet_id=attachment.subnet_id,
                        owner_id=version.account,
                        description=attachment_arn(
                            version.value.task_arn, attachment.attachment_id
                        ),
                        addresses=attachment.addresses,
                    )
                    yield _alike(version, value)

    def _from_instances(self) -> Iterable[Version[NetworkInterface]]:
        for version in self._topology.versions("instance"):
            only = len(version.value.interfaces) == 1
            for interface_id in version.value.interfaces:
                value = NetworkInterface(
                    interface_id,
                    vpc_id=version.value.vpc_id,
                    owner_id=version.account,
                    addresses=version.value.addresses if only else (),
                    instance_id=version.value.instance_id,
                    instance_owner_id=version.account,
                    device_index=0 if only else None,
                )
                yield _alike(version, value)

    def _from_mount_targets(self) -> Iterable[Version[NetworkInterface]]:
        for version in self._topology.versions("mount_target"):
            target: MountTarget = version.value
            if target.network_interface_id:
                value = NetworkInterface(
                    target.network_interface_id,
                    vpc_id=target.vpc_id,
                    subnet_id=target.subnet_id,
                    owner_id=target.owner_id,
                    description=f"EFS mount target for {target.file_system_id} ({target.mount_target_id})",
                    addresses=target.addresses,
                )
                yield _alike(version, value)

    def _launch_times(self) -> dict[str, int]:
        """Earliest known LaunchTime by instance."""
        found: dict[str, int] = {}
        for version in self._topology.versions("instance"):
            launched = version.value.launch_time
            if launched is not None:
                found[version.value.instance_id] = min(
                    launched, found.get(version.value.instance_id, launched)
                )
        return found

    def _index_lives(self) -> dict[str, Tenure]:
        proofs: dict[str, list[Tenure]] = defaultdict(list)
        for version in self._topology.versions("network_interface"):
            launched = self._launched.get(version.value.instance_id)
            proofs[version.value.network_interface_id] += leases.life_by_interface(
                version, launched
            )
        for task in self._topology.versions("task"):
            for attachment in task.value.attachments:
                proofs[attachment.network_interface_id].append(leases.life_by_task(task))
        for instance in self._topology.versions("instance"):
            for interface_id in instance.value.interfaces:
                proofs[interface_id].append(leases.life_by_instance(instance))
        for target in self._topology.versions("mount_target"):
            proofs[target.value.network_interface_id].append(leases.of_version(target))
        proofs.pop("", None)
        return {interface_id: leases.joined(found) for interface_id, found in proofs.items()}

    def _index_leases(self) -> None:
        self._leases: dict[tuple[str, str], list[tuple[str, Tenure]]] = defaultdict(list)
        prefixes: dict[str, list[tuple[str, tuple[str, Tenure]]]] = defaultdict(list)
        for interface_id, versions in self._interfaces.items():
            vpc_id, life = self.vpc_of(interface_id), self._lives[interface_id]
            lasting = _lasting_addresses(versions)
            for address in lasting:
                self._leases[vpc_id, address].append((interface_id, life))
            for group in _by_place(versions):
                changing = {
                    a for v in group for a in (*v.value.addresses, *v.value.prefixes)
                } - lasting
                for address in sorted(changing):
                    for tenure in leases.runs_of_address(group, address, life):
                        if "/" in address:
                            prefixes[vpc_id].append((address, (interface_id, tenure)))
                        else:
                            self._leases[vpc_id, address].append((interface_id, tenure))
        self._prefixes = {vpc_id: PrefixMap(found) for vpc_id, found in prefixes.items()}

    def _index_attachments(self) -> dict[str, list[_Attachment]]:
        """By interface, every attachment to an instance; one may come back to where it was."""
        index: dict[str, list[_Attachment]] = {}
        for interface_id, versions in self._interfaces.items():
            spans: dict[tuple[str, int | None], list[Version[NetworkInterface]]] = defaultdict(list)
            for version in versions:
                if version.value.instance_id:
                    spans[version.value.instance_id, version.value.attach_time].append(version)
            only = len({instance_id for instance_id, _ in spans}) == 1
            if spans:
                index[interface_id] = [
                    _Attachment(
                        instance_id,
                        leases.joined(_attached(version) for version in found),
                        for_life=only and any(v.value.device_index == 0 for v in found),
                    )
                    for (instance_id, _), found in spans.items()
                ]
        return index


def _attached(version: Version[NetworkInterface]) -> Tenure:
    attached = version.value.attach_time
    if attached is None or attached > version.last_seen:
        return leases.of_version(version)
    return Tenure(attached, version.last_seen, attached - 1, version.not_after)


def _lasting_addresses(versions: Sequence[Version[NetworkInterface]]) -> set[str]:
    """Addresses an interface holds for life: the primary always, and all of them on interfaces that no instance ever had."""
    if any(v.value.instance_id for v in versions):
        return {v.value.addresses[0] for v in versions if v.value.addresses}
    everywhere = [set(v.value.addresses) for v in versions if v.value.addresses]
    primary = {v.value.addresses[0] for v in versions if v.value.addresses}
    return primary | (set.intersection(*everywhere) if everywhere else set())


def _by_place(
    versions: Sequence[Version[NetworkInterface]],
) -> list[list[Version[NetworkInterface]]]:
    groups: dict[tuple[str, str], list[Version[NetworkInterface]]] = defaultdict(list)
    for version in versions:
        groups[version.account, version.region].append(version)
    return list(groups.values())


def _alike(version: Version[Any], value: NetworkInterface) -> Version[NetworkInterface]:
    return Version(
        value,
        version.account,
        version.region,
        version.first_seen,
        version.last_seen,
        version.not_before,
        version.not_after,
    )
