"""Who had this address then? Indexes over everything that sweeps showed, with the time for which it is proven or possible.

Pure: built from versions, in any order, and the same for every order. All moments are epoch seconds, UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from copy import copy
from typing import Any

from inventory.model import (
    KINDS,
    SLOT,
    AccessPoint,
    ClientConnection,
    FileSystem,
    Function,
    Instance,
    InterfaceEvent,
    MountTarget,
    NetworkInterface,
    OtherServer,
    Place,
    Span,
    Task,
    TaskDefinition,
    Version,
)
from inventory.resolve import arns, leases
from inventory.resolve.interfaces import Held, Holders, InterfaceIndex, Spell
from inventory.resolve.leases import Tenure
from inventory.resolve.routes import Routes
from inventory.resolve.servers import ServerIndex, ServersAt

__all__ = ["Held", "Holders", "ServersAt", "Spell", "Topology"]


class Topology:
    """An immutable index over versions of every kind of knowledge."""

    def __init__(
        self,
        versions: Mapping[str, Sequence[Version[Any]]],
        *,
        whole: Mapping[str, Collection[Place]] | None = None,
        swept: Mapping[Place, Sequence[int]] | None = None,
        asked: Mapping[Place, Sequence[Span]] | None = None,
    ) -> None:
        """``versions`` by kind (keys of ``model.KINDS``), in any order.

        ``whole`` names, by kind, the (account, region) pairs that a sweep ever showed completely: only there an empty list means "none".
        ``swept``: when the network interfaces of a pair were completely seen, ascending. ``asked``: the stretches of time for which every
        connection of clients was asked of CloudTrail.
        """
        self._versions = {kind: _ordered(kind, found) for kind, found in versions.items()}
        self._whole = {kind: frozenset(pairs) for kind, pairs in (whole or {}).items()}
        self._swept = dict(swept or {})
        self._asked = dict(asked or {})
        self._connections: dict[tuple[str, str], list[Version[ClientConnection]]] | None = None
        self._by_session: dict[str, set[str]] | None = None
        self._by_key: dict[str, dict[str, list[Version[Any]]]] = {}
        self.routes = Routes(self)
        self._interfaces = InterfaceIndex(self)
        self._servers = ServerIndex(self)
        self.accounts = frozenset(v.account for found in self._versions.values() for v in found)
        """Accounts that any sweep was made in."""

    # -- plain look-ups ----------------------------------------------------------------------------------------------------------------

    def versions(self, kind: str) -> Sequence[Version[Any]]:
        """Every version of a kind, ordered by time."""
        return self._versions.get(kind, ())

    def is_whole(self, kind: str, account: str) -> bool:
        """Whether this account's list of this kind was ever seen completely, or at least in part."""
        return any(a == account for a, _ in self._whole.get(kind, ())) or any(
            v.account == account for v in self.versions(kind)
        )

    def is_listed(self, kind: str, account: str, region: str) -> bool:
        """Whether this kind was ever seen completely in an account and region."""
        return (account, region) in self._whole.get(kind, ())

    def _keyed(self, kind: str, field: str, key: str) -> Sequence[Version[Any]]:
        index = self._by_key.get(f"{kind}.{field}")
        if index is None:
            index = defaultdict(list)
            for version in self.versions(kind):
                index[getattr(version.value, field)].append(version)
            self._by_key[f"{kind}.{field}"] = index
        return index.get(key, ())

    def file_system(
        self, file_system_id: str, account: str = "", region: str = ""
    ) -> Version[FileSystem] | None:
        """Its newest version, deleted or not."""
        return _newest(
            v
            for v in self._keyed("file_system", "file_system_id", file_system_id)
            if _within(v, account, region)
        )

    def access_points(self, file_system_id: str) -> tuple[Version[AccessPoint], ...]:
        """Every version of every access point of the file system, oldest first."""
        return tuple(self._keyed("access_point", "file_system_id", file_system_id))

    def access_point(self, access_point_id: str) -> Version[AccessPoint] | None:
        """Its newest version, deleted or not; ids are never reused."""
        return _newest(self._keyed("access_point", "access_point_id", access_point_id))

    def functions(self, subnet_id: str) -> Sequence[Version[Function]]:
        """Every version of every function (and published version) that ever had this subnet."""
        index = self._by_key.get("function.subnet")
        if index is None:
            index = defaultdict(list)
            for version in self.versions("function"):
                for subnet in version.value.subnet_ids:
                    index[subnet].append(version)
            self._by_key["function.subnet"] = index
        return index.get(subnet_id, ())

    def function_versions(self, function_arn: str) -> Sequence[Version[Function]]:
        """Every version of one function or published version, oldest first."""
        return self._keyed("function", "function_arn", function_arn)

    def instance(self, instance_id: str, moment: int) -> Version[Instance] | None:
        """What was known of an instance nearest to the moment; a version with tags before one without (terminated ones lose them)."""
        found = self._keyed("instance", "instance_id", instance_id)
        return min(
            found, key=lambda v: (not v.value.tags, *leases.nearness(v, moment)), default=None
        )

    def instance_versions(self, instance_id: str) -> Sequence[Version[Instance]]:
        """All of them, oldest first."""
        return self._keyed("instance", "instance_id", instance_id)

    def task(self, task_arn: str) -> Version[Task] | None:
        """Its newest version: a stopped one knows most."""
        return _newest(self._keyed("task", "task_arn", task_arn))

    def task_of_attachment(self, attachment_id: str) -> Version[Task] | None:
        """The task, running or stopped, that has this attachment (the id in an interface's description)."""
        index = self._by_key.get("task.attachment")
        if index is None:
            index = defaultdict(list)
            for version in self.versions("task"):
                for attachment in version.value.attachments:
                    index[attachment.attachment_id].append(version)
            self._by_key["task.attachment"] = index
        return _newest(index.get(attachment_id, ()))

    def task_definition(self, task_definition_arn: str) -> Version[TaskDefinition] | None:
        """It is immutable once registered."""
        return _newest(self._keyed("task_definition", "task_definition_arn", task_definition_arn))

    def tasks_of_definition(self, task_definition_arn: str) -> Sequence[Version[Task]]:
        """Every version of every task that was started by this definition."""
        return self._keyed("task", "task_definition_arn", task_definition_arn)

    def tasks_named(self, task_id: str) -> tuple[Version[Task], ...]:
        """Every version of the task with this id, in whichever cluster; ids are never reused."""
        index = self._by_key.get("task.id")
        if index is None:
            index = defaultdict(list)
            for version in self.versions("task"):
                index[arns.parse(version.value.task_arn).name].append(version)
            self._by_key["task.id"] = index
        return tuple(index.get(task_id, ()))

    def functions_named(self, name: str) -> tuple[Version[Function], ...]:
        """Every version of the functions of this name, in any account and region."""
        return tuple(self._keyed("function", "function_name", name))

    # -- histories ---------------------------------------------------------------------------------------------------------------------

    def connections(self, file_system_id: str, address: str) -> Sequence[Version[ClientConnection]]:
        """The IAM-authorised connections that CloudTrail told of, from an address to a file system; each once, oldest first."""
        if self._connections is None:
            once = {v.value.event_id: v for v in self.versions("client_connection")}
            self._connections = defaultdict(list)
            for version in sorted(once.values(), key=lambda v: (v.value.time, v.value.event_id)):
                place = (version.value.file_system_id, version.value.client_address)
                self._connections[place].append(version)
        return self._connections.get((file_system_id, address), ())

    def connected(self, file_system_id: str, address: str) -> Sequence[Span]:
        """The stretches of time in which an address connected, both ends included.

        Of the connections of five minutes the first and the last are known, so others may lie between them.
        """
        slots: dict[int, list[int]] = defaultdict(list)
        for told in self.connections(file_system_id, address):
            slots[told.value.time // SLOT].append(told.value.time)
        return [(min(times), max(times)) for times in slots.values()]

    def connected_as(self, session: str) -> frozenset[str]:
        """The client addresses from which a role's session of this name ever connected to any file system."""
        index = self._by_session
        if index is None:
            index = self._by_session = defaultdict(set)
            for version in self.versions("client_connection"):
                name = arns.session_of(version.value.principal_arn)
                index[name].add(version.value.client_address)
        return frozenset(index.get(session, ())) if session else frozenset()

    def asked(self, account: str, region: str) -> Sequence[Span]:
        """The stretches of time for which every connection was asked of CloudTrail: there, no connection means that there was none."""
        return self._asked.get((account, region), ())

    def with_asked(self, asked: Mapping[Place, Sequence[Span]]) -> Topology:
        """The same knowledge after CloudTrail was asked more."""
        if asked == self._asked:
            return self
        found = copy(self)
        found._asked = dict(asked)  # noqa: SLF001 - a copy of its own
        return found

    def swept(self, account: str, region: str) -> Sequence[int]:
        """When the network interfaces of an account and region were completely seen; ascending."""
        return self._swept.get((account, region), ())

    def told_interfaces(self) -> Sequence[Version[NetworkInterface]]:
        """Interfaces that no sweep listed, as events tell of them."""
        return self._interfaces.told

    def concerned(self, event: InterfaceEvent) -> Collection[str]:
        """The interfaces that an event concerns."""
        return self._interfaces.events.concerned(event)

    # -- interfaces --------------------------------------------------------------------------------------------------------------------

    def interface(self, interface_id: str, moment: int) -> tuple[Version[NetworkInterface], ...]:
        """One version when it is certain for the moment; else all, nearest first; none when no sweep named it.

        Interface ids are never reused, so a version from another time is still the same interface; only those of the account
        that owns it, where it was ever swept. An interface that only a task, an instance or a mount target names (deleted before
        a sweep saw it) is made up from what they say.
        """
        return self._interfaces.at(interface_id, moment)

    def interface_versions(self, interface_id: str) -> Sequence[Version[NetworkInterface]]:
        """All of them, oldest first."""
        return self._interfaces.versions(interface_id)

    def life(self, interface_id: str) -> Tenure | None:
        """When this interface existed; ``None`` when no sweep named it."""
        return self._interfaces.life(interface_id)

    def vpc_of(self, interface_id: str) -> str:
        """The interface's VPC (it never changes), ``""`` when unknown."""
        return self._interfaces.vpc_of(interface_id)

    def vpc_of_subnet(self, subnet_id: str) -> str:
        """``""`` when unknown; a subnet never changes its VPC."""
        return self.routes.vpc_of_subnet(subnet_id)

    def reachable(self, vpc_id: str, moment: int | None = None) -> frozenset[str] | None:
        """Other VPCs with a link to this one (peering, transit gateway); ``None`` when its account's links are unknown."""
        return self.routes.reachable(vpc_id, moment)

    def vpcs_that_reach_mount_targets(self) -> frozenset[str] | None:
        """VPCs with a mount target, and those with a way to one; ``None`` when nobody can tell: no mount target, or unknown links."""
        homes = {version.value.vpc_id for version in self._servers.targets()} - {""}
        found = set(homes)
        for vpc_id in homes:
            reachable = self.reachable(vpc_id)
            if reachable is None:
                return None
            found |= reachable
        return frozenset(found) if homes else None

    def ever_held(self, interface_id: str, address: str) -> bool:
        """Whether any sweep showed the address on the interface, or within one of its prefixes."""
        return self._interfaces.ever_held(interface_id, address)

    def holders(self, vpc_id: str, address: str, moment: int) -> Holders:
        """Who held an address of a VPC: as primary, secondary, IPv6, or inside a delegated prefix."""
        return self._interfaces.holders(vpc_id, address, moment)

    def spells(self, vpc_id: str, address: str, start: int, end: int) -> tuple[Spell, ...]:
        """Every lease of an address of a VPC that may have held at some moment after ``start``, up to ``end``."""
        return self._interfaces.spells(vpc_id, address, start, end)

    def changes_hands(self, interface_id: str) -> bool:
        """Whether an interface was attached to more than one instance, or to one more than once."""
        return self._interfaces.changes_hands(interface_id)

    def instances_of(self, interface_id: str, moment: int) -> tuple[Held, ...]:
        """The instance an interface was attached to: one proven, or all possible ones; sorted by id.

        Proven from AttachTime to the last sweep that showed it. The first interface (device index 0) stays with its
        instance for life.
        """
        return self._interfaces.instances_of(interface_id, moment)

    def interfaces_of_instance(self, instance_id: str) -> Sequence[Version[NetworkInterface]]:
        """Every version that shows an interface attached to this instance, at any time."""
        return self._interfaces.of_instance(instance_id)

    def interfaces_in(self, subnet_id: str) -> Sequence[Version[NetworkInterface]]:
        """Every version of every interface that a sweep showed in a subnet."""
        return self._keyed("network_interface", "subnet_id", subnet_id)

    def of_vpc(self, kind: str, vpc_id: str) -> Sequence[Version[Any]]:
        """Every version of a kind that says which VPC it belongs to, of one VPC."""
        return self._keyed(kind, "vpc_id", vpc_id)

    def interfaces_of_attachment(self, attachment_id: str) -> Sequence[Version[NetworkInterface]]:
        """Every version whose description names this attachment of a task."""
        index = self._by_key.get("network_interface.attachment")
        if index is None:
            index = defaultdict(list)
            for version in self.versions("network_interface"):
                _, mark, named = version.value.description.rpartition(":attachment/")
                if mark:
                    index[named].append(version)
            self._by_key["network_interface.attachment"] = index
        return index.get(attachment_id, ())

    # -- servers -----------------------------------------------------------------------------------------------------------------------

    def servers(self, vpc_id: str, address: str, moment: int) -> ServersAt:
        """What served NFS at an address of a VPC."""
        return self._servers.at(vpc_id, address, moment)

    def mount_targets_within(
        self, vpc_ids: Collection[str], moment: int
    ) -> tuple[Version[MountTarget], ...]:
        """Every mount target of some VPCs that can have existed at the moment: whom a client can have meant that does not say."""
        return self._servers.within(vpc_ids, moment)

    def server_vpcs(self, address: str) -> frozenset[str]:
        """VPCs in which the address ever was a mount target's."""
        return self._servers.vpcs(address)

    def server_addresses(self) -> frozenset[str]:
        """Every address that ever was a mount target's or another NFS server's: what reading needs to tell strays."""
        return self._servers.addresses()

    def mount_target_of_interface(self, interface_id: str) -> Version[MountTarget] | None:
        """At any time: interface ids are never reused."""
        return self._servers.mount_target_of_interface(interface_id)

    def other_server_of_interface(self, interface_id: str) -> Version[OtherServer] | None:
        """FSx or S3 Files, at any time."""
        return self._servers.other_of_interface(interface_id)

    def mount_target(self, mount_target_id: str) -> Version[MountTarget] | None:
        """Its newest version, deleted or not."""
        return self._servers.mount_target(mount_target_id)

    def mount_targets_of(
        self, file_system_id: str, account: str = "", region: str = ""
    ) -> tuple[Version[MountTarget], ...]:
        """Newest version of each mount target the file system ever had, by id."""
        return tuple(
            v for v in self._servers.mount_targets_of(file_system_id) if _within(v, account, region)
        )

    def server_interfaces(self) -> frozenset[str]:
        """Every interface that is or was a mount target's or another NFS server's."""
        return self._servers.interfaces()

    def served_file_systems(self) -> frozenset[str]:
        """Ids of file systems that ever had a mount target, whether or not EFS itself told of them."""
        return self._servers.file_systems()

    def mount_target_life(self, mount_target_id: str) -> Tenure | None:
        """When it existed, by its own sweeps, its interface's, and its file system's creation."""
        return self._servers.life(mount_target_id)


def _ordered(kind: str, versions: Iterable[Version[Any]]) -> list[Version[Any]]:
    key = KINDS[kind][1]
    return sorted(
        versions,
        key=lambda v: (v.first_seen, v.last_seen, v.account, v.region, getattr(v.value, key)),
    )


def _within(version: Version[Any], account: str, region: str) -> bool:
    return account in ("", version.account) and region in ("", version.region)


def _newest(versions: Iterable[Version[Any]]) -> Version[Any] | None:
    return max(versions, key=lambda v: (v.last_seen, v.first_seen), default=None)
