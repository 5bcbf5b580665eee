"""Interfaces that tasks, instances and mount targets name: what these prove of them, and what stands for those that no sweep showed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container
from typing import TYPE_CHECKING, Any

from inventory.model import (
    Instance,
    MountTarget,
    NetworkInterface,
    Task,
    TaskAttachment,
    Version,
)
from inventory.resolve import leases
from inventory.resolve.arns import attachment_arn
from inventory.resolve.leases import Tenure

if TYPE_CHECKING:
    from inventory.resolve.topology import Topology


class Naming:
    """Tasks, instances and mount targets by the interface that they name."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._tasks: dict[str, list[tuple[Version[Task], TaskAttachment]]] = defaultdict(list)
        for task in topology.versions("task"):
            for attachment in task.value.attachments:
                self._tasks[attachment.network_interface_id].append((task, attachment))
        self._instances: dict[str, list[Version[Instance]]] = defaultdict(list)
        for instance in topology.versions("instance"):
            for interface_id in instance.value.interfaces:
                self._instances[interface_id].append(instance)
        self._targets: dict[str, list[Version[MountTarget]]] = defaultdict(list)
        for target in topology.versions("mount_target"):
            self._targets[target.value.network_interface_id].append(target)

    def not_shown(self, shown: Container[str]) -> dict[str, list[Version[NetworkInterface]]]:
        """Interfaces that are named and not ``shown``, made up from what those that name them tell; oldest version first."""
        named = dict.fromkeys((*self._targets, *self._tasks, *self._instances))
        return {
            interface_id: self._made_up(interface_id)
            for interface_id in named
            if interface_id and interface_id not in shown
        }

    def lives(self, interface_id: str) -> list[Tenure]:
        """What those that name an interface prove of its life."""
        return [
            *(leases.life_by_task(task) for task, _ in self._tasks.get(interface_id, ())),
            *map(leases.life_by_instance, self._instances.get(interface_id, ())),
            *map(leases.of_version, self._targets.get(interface_id, ())),
        ]

    def _made_up(self, interface_id: str) -> list[Version[NetworkInterface]]:
        found = [
            *(self._from_target(v) for v in self._targets.get(interface_id, ())),
            *(
                self._from_task(v, attachment)
                for v, attachment in self._tasks.get(interface_id, ())
            ),
            *(self._from_instance(interface_id, v) for v in self._instances.get(interface_id, ())),
        ]
        return sorted(found, key=told_order)

    def _from_task(
        self, version: Version[Task], attachment: TaskAttachment
    ) -> Version[NetworkInterface]:
        value = NetworkInterface(
            attachment.network_interface_id,
            vpc_id=self._topology.routes.vpc_of_subnet(attachment.subnet_id),
            subnet_id=attachment.subnet_id,
            owner_id=version.account,
            description=attachment_arn(version.value.task_arn, attachment.attachment_id),
            requester_managed=True,
            addresses=attachment.addresses,
        )
        return _alike(version, value)

    @staticmethod
    def _from_instance(interface_id: str, version: Version[Instance]) -> Version[NetworkInterface]:
        only = len(version.value.interfaces) == 1
        value = NetworkInterface(
            interface_id,
            vpc_id=version.value.vpc_id,
            owner_id=version.account,
            addresses=version.value.addresses if only else (),
            instance_id=version.value.instance_id,
            instance_owner_id=version.account,
            device_index=0 if only else None,
        )
        return _alike(version, value)

    @staticmethod
    def _from_target(version: Version[MountTarget]) -> Version[NetworkInterface]:
        target = version.value
        value = NetworkInterface(
            target.network_interface_id,
            vpc_id=target.vpc_id,
            subnet_id=target.subnet_id,
            owner_id=target.owner_id,
            description=f"EFS mount target for {target.file_system_id} ({target.mount_target_id})",
            requester_managed=True,
            addresses=target.addresses,
        )
        return _alike(version, value)


def told_order(version: Version[NetworkInterface]) -> tuple[int, int, str, str, str, str]:
    """The order of versions that several tellers make up, the same whoever came first."""
    value = version.value
    place = version.account, version.region
    return version.first_seen, version.last_seen, *place, value.description, value.instance_id


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
