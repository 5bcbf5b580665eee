"""What new knowledge can rename beyond its own time.

A sweep mostly moves the ends of what was known, and then only mounts of that time can change. But some of what it says holds for all
time: a second interface makes an instance an EKS node, tags name it, a task that stopped names its interface, a link opens a way between
VPCs. So the versions before and after are compared thing by thing, of what was spoken of; whatever differs in more than its open end makes
everything touched that it can name, from when on it can be named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from inventory.model import (
    CONNECTIONS,
    HOUR,
    Asked,
    ClientConnection,
    Function,
    Instance,
    InterfaceEvent,
    NetworkInterface,
    Task,
    TaskDefinition,
    Version,
)
from inventory.resolve import arns
from inventory.resolve.topology import Topology
from inventory.resolve.witness import CARRIED
from inventory.store.versions import Shelf

if TYPE_CHECKING:
    from inventory.store.loading import Knowledge

EVERYWHERE = frozenset(
    {
        "vpc",
        "subnet",
        "vpc_link",
        "route_table",
        "file_system",
        "mount_target",
        "access_point",
        "other_server",
    }
)
"""Kinds that say where anything can be: a change of one may concern any mount. They seldom change."""

_FOREVER = -(2**62)

Names = dict[str, int]
"""Names that records can bear, and since when any record can: before that, what they name did not exist."""


@dataclass(slots=True)
class Touched:
    """What changed knowledge can name."""

    everything: bool = False
    interfaces: Names = field(default_factory=dict)
    addresses: Names = field(default_factory=dict)
    instances: Names = field(default_factory=dict)
    tasks: Names = field(default_factory=dict)

    def number(self) -> int:
        """How many names there are."""
        return sum(map(len, (self.interfaces, self.addresses, self.instances, self.tasks)))

    def since(self) -> int:
        """Since when any of them can be named."""
        names = (self.interfaces, self.addresses, self.instances, self.tasks)
        return min((since for found in names for since in found.values()), default=_FOREVER)


def touched(before: Knowledge, after: Knowledge) -> Touched:
    """What differs between knowledge as it was and as it is now, in more than when it was last seen."""
    if not any(shelf.things for shelf in before.shelves.values()):
        return Touched(everything=True)
    topology = after.topology
    if before.topology.accounts != topology.accounts or before.whole() != after.whole():
        return Touched(everything=True)
    look = _Look(before.topology, topology, topology.server_interfaces(), Touched())
    for scope, shelf in sorted(after.shelves.items()):
        old = before.shelves.get(scope)
        if shelf is old:
            continue
        changed = list(_changed(scope.kind, old, shelf))
        if changed and scope.kind in EVERYWHERE:
            return Touched(everything=True)
        if changed and scope.kind == "network_interface" and not topology.versions("vpc"):
            return Touched(everything=True)  # where VPCs end is then told from their interfaces
        for value in changed:
            _NAMES.get(scope.kind, _nothing)(value, look)
    return look.found


def _changed(kind: str, old: Shelf | None, new: Shelf) -> Iterator[Any]:
    """The values, old and new, of things whose history differs."""
    closed = kind in EVERYWHERE
    for key, history in new.versions.items():
        before = old.versions.get(key, ()) if old else ()
        if history is not before and _told(before, closed=closed) != _told(history, closed=closed):
            yield from (version.value for version in (*before, *history))


def _told(history: Sequence[Version[Any]], *, closed: bool) -> list[tuple[Any, ...]]:
    """A history; without its end, unless ``closed``, for that only concerns the time since."""
    bounds = [(v.first_seen, v.not_before, v.not_after) for v in history]
    if bounds and not closed:
        bounds[-1] = (*bounds[-1][:2], None)
    return [(version.value, *bound) for version, bound in zip(history, bounds, strict=True)]


def heard(answered: Iterable[Asked], topology: Topology) -> Touched:
    """What connections can name once a history has told all of some time: there and for as long after as others may have gone on."""
    found = Touched()
    spans = [(row, row.start, row.end + CARRIED) for row in answered if row.subject == CONNECTIONS]
    for version in topology.versions("client_connection") if spans else ():
        time = version.value.time
        if any(
            start <= time < end and (row.account, row.region) == (version.account, version.region)
            for row, start, end in spans
        ):
            _take(found.addresses, [version.value.client_address], time - HOUR)
    return found


# -- what a thing can name -----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Look:
    """What was known, what is, and what was found to be touched so far."""

    before: Topology
    after: Topology
    servers: frozenset[str]
    """Interfaces of servers: such a one tells when there was a server."""
    found: Touched

    def interface(self, interface_id: str, addresses: Iterable[str] = ()) -> None:
        """An interface, with the addresses that it holds or held."""
        versions = [
            *self.before.interface_versions(interface_id),
            *self.after.interface_versions(interface_id),
        ]
        since = self._born(interface_id)
        _take(self.found.interfaces, [interface_id], since)
        held = (address for version in versions for address in version.value.addresses)
        _take(self.found.addresses, (*addresses, *held), since)
        # Which addresses of a prefix were used nobody says.
        if any(v.value.prefixes for v in versions) or interface_id in self.servers:
            self.found.everything = True

    def instance(self, instance_id: str) -> None:
        """An instance, with its interfaces."""
        if not instance_id:
            return
        self.session(instance_id)
        attached = [
            *self.before.interfaces_of_instance(instance_id),
            *self.after.interfaces_of_instance(instance_id),
        ]
        interfaces = sorted({v.value.network_interface_id for v in attached})
        for interface_id in interfaces:
            self.interface(interface_id)
        # Its first interface is as old as itself.
        first = any(v.value.device_index == 0 for v in attached)
        born = min(map(self._born, interfaces)) if first else _FOREVER
        _take(self.found.instances, [instance_id], born)

    def session(self, name: str) -> None:
        """What connected by the name of an instance, a function or a task: it may be named by that now."""
        _take(self.found.addresses, self.after.connected_as(name), _FOREVER)

    def _born(self, interface_id: str) -> int:
        lives = (self.before.life(interface_id), self.after.life(interface_id))
        return min(
            (_FOREVER if life.after is None else life.after for life in lives if life is not None),
            default=_FOREVER,
        )


def _take(names: Names, found: Iterable[str], since: int) -> None:
    for name in found:
        if name:
            names[name] = min(since, names.get(name, since))


def _nothing(_value: object, _look: _Look) -> None:
    """Of kinds that name nobody (flow logs, container instances)."""


def _interface(value: NetworkInterface, look: _Look) -> None:
    look.interface(value.network_interface_id)
    look.instance(value.instance_id)


def _instance(value: Instance, look: _Look) -> None:
    for interface_id in value.interfaces:
        look.interface(interface_id)
    look.instance(value.instance_id)


def _task(value: Task, look: _Look) -> None:
    created = value.created_at
    look.session(arns.parse(value.task_arn).name)
    _take(look.found.tasks, [value.task_arn], _FOREVER if created is None else created - 1)
    for attachment in value.attachments:
        look.interface(attachment.network_interface_id, attachment.addresses)
        for version in look.after.interfaces_of_attachment(attachment.attachment_id):
            look.interface(version.value.network_interface_id)


def _task_definition(value: TaskDefinition, look: _Look) -> None:
    for version in look.after.tasks_of_definition(value.task_definition_arn):
        _task(version.value, look)


def _function(value: Function, look: _Look) -> None:
    look.session(value.function_name)
    for subnet_id in value.subnet_ids:
        for version in look.after.interfaces_in(subnet_id):
            if not version.value.instance_id:
                look.interface(version.value.network_interface_id)


def _connection(value: ClientConnection, look: _Look) -> None:
    _take(look.found.addresses, [value.client_address], _FOREVER)


def _interface_event(value: InterfaceEvent, look: _Look) -> None:
    """The interfaces that it concerns, and the instance; a mount target's own may be a server that nobody knew."""
    look.found.everything |= value.requester_managed and "fsmt-" in value.description
    _take(look.found.addresses, value.addresses, _FOREVER)
    look.instance(value.instance_id)
    for interface_id in look.after.concerned(value):
        look.interface(interface_id)


_NAMES: Mapping[str, Callable[[Any, _Look], None]] = {
    "network_interface": _interface,
    "instance": _instance,
    "task": _task,
    "task_definition": _task_definition,
    "function": _function,
    "client_connection": _connection,
    "interface_event": _interface_event,
}
