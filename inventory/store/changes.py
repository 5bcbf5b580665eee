"""What new knowledge can rename beyond its own time.

A sweep mostly moves the ends of what was known, and then only mounts of that time can change. But some of what it says holds for all
time: a second interface makes an instance an EKS node, tags name it, a task that stopped names its interface, a link opens a way between
VPCs. So the versions before and after are compared thing by thing; whatever differs in more than its open end makes everything touched
that it can name.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inventory.model import (
    KINDS,
    Function,
    Instance,
    NetworkInterface,
    Task,
    TaskDefinition,
    Version,
)
from inventory.resolve.topology import Topology

EVERYWHERE = frozenset(
    {"vpc", "subnet", "vpc_link", "file_system", "mount_target", "access_point", "other_server"}
)
"""Kinds that say where anything can be: a change of one may concern any mount. They seldom change."""

MOST = 2000
"""Names beyond which it is simpler to derive everything anew."""

Versions = Mapping[str, Sequence[Version[Any]]]


@dataclass(slots=True)
class Touched:
    """What changed knowledge can name, at any time."""

    everything: bool = False
    interfaces: set[str] = field(default_factory=set)
    addresses: set[str] = field(default_factory=set)
    instances: set[str] = field(default_factory=set)
    tasks: set[str] = field(default_factory=set)

    def take(self, versions: Iterable[Version[Any]]) -> None:
        """Interfaces, with the addresses that they hold or held."""
        for version in versions:
            self.interfaces.add(version.value.network_interface_id)
            self.addresses.update(version.value.addresses)
            # Which addresses of a prefix were used nobody says.
            self.everything |= bool(version.value.prefixes)

    def settled(self) -> Touched:
        """Itself, without names when there are so many that everything is meant."""
        names = len(self.interfaces) + len(self.addresses) + len(self.instances) + len(self.tasks)
        return Touched(everything=True) if self.everything or names > MOST else self


def touched(before: Versions, topology: Topology) -> Touched:
    """What differs between versions as they were and the topology as it is now, in more than when it was last seen."""
    after = {kind: topology.versions(kind) for kind in KINDS}
    found = Touched()
    if not any(before.values()) or _accounts(before) != _accounts(after):
        return Touched(everything=True)
    for kind in KINDS:
        changed = _changed(kind, before.get(kind, ()), after[kind])
        if changed and kind in EVERYWHERE:
            return Touched(everything=True)
        if changed and kind == "network_interface" and not topology.versions("vpc"):
            return Touched(everything=True)  # where VPCs end is then told from their interfaces
        for value in changed:
            _NAMES.get(kind, _nothing)(value, topology, found)
    return found.settled()


def _accounts(versions: Versions) -> set[str]:
    return {version.account for found in versions.values() for version in found}


def _changed(kind: str, before: Sequence[Version[Any]], after: Sequence[Version[Any]]) -> list[Any]:
    """The values, old and new, of things whose history differs."""
    key, closed = KINDS[kind][1], kind in EVERYWHERE
    old, new = _histories(before, key), _histories(after, key)
    return [
        version.value
        for name in old.keys() | new.keys()
        if _told(old.get(name, []), closed=closed) != _told(new.get(name, []), closed=closed)
        for version in (*old.get(name, []), *new.get(name, []))
    ]


def _histories(
    versions: Sequence[Version[Any]], key: str
) -> dict[tuple[str, str, str], list[Version[Any]]]:
    found: dict[tuple[str, str, str], list[Version[Any]]] = defaultdict(list)
    for version in versions:
        found[version.account, version.region, getattr(version.value, key)].append(version)
    for history in found.values():
        history.sort(key=lambda version: (version.first_seen, version.last_seen))
    return found


def _told(history: Sequence[Version[Any]], *, closed: bool) -> list[tuple[Any, ...]]:
    """A history; without its end, unless ``closed``, for that only concerns the time since."""
    bounds = [(v.first_seen, v.not_before, v.not_after) for v in history]
    if bounds and not closed:
        bounds[-1] = (*bounds[-1][:2], None)
    return [(version.value, *bound) for version, bound in zip(history, bounds, strict=True)]


# -- what a thing can name -----------------------------------------------------------------------------------------------------------------


def _nothing(_value: object, _topology: Topology, _found: Touched) -> None:
    """Of kinds that name nobody (flow logs, container instances)."""


def _interface(value: NetworkInterface, topology: Topology, found: Touched) -> None:
    found.interfaces.add(value.network_interface_id)
    found.addresses.update(value.addresses)
    found.everything |= bool(value.prefixes)
    found.take(topology.interface_versions(value.network_interface_id))
    if value.instance_id:
        found.take(topology.interfaces_of_instance(value.instance_id))
        found.instances.add(value.instance_id)


def _instance(value: Instance, topology: Topology, found: Touched) -> None:
    found.instances.add(value.instance_id)
    found.interfaces.update(value.interfaces)
    found.addresses.update(value.addresses)
    found.take(topology.interfaces_of_instance(value.instance_id))


def _task(value: Task, topology: Topology, found: Touched) -> None:
    found.tasks.add(value.task_arn)
    for attachment in value.attachments:
        found.interfaces.add(attachment.network_interface_id)
        found.addresses.update(attachment.addresses)
        found.take(topology.interface_versions(attachment.network_interface_id))
        found.take(
            version
            for version in topology.versions("network_interface")
            if attachment.attachment_id and attachment.attachment_id in version.value.description
        )


def _task_definition(value: TaskDefinition, topology: Topology, found: Touched) -> None:
    for version in topology.versions("task"):
        if version.value.task_definition_arn == value.task_definition_arn:
            _task(version.value, topology, found)


def _function(value: Function, topology: Topology, found: Touched) -> None:
    subnets = set(value.subnet_ids)
    found.take(
        version
        for version in topology.versions("network_interface")
        if version.value.subnet_id in subnets and not version.value.instance_id
    )


_NAMES: Mapping[str, Callable[[Any, Topology, Touched], None]] = {
    "network_interface": _interface,
    "instance": _instance,
    "task": _task,
    "task_definition": _task_definition,
    "function": _function,
}
