"""Builds things of the account with ids from one seed; :mod:`situations` says which."""

from __future__ import annotations

import ipaddress
import random
import uuid
from collections.abc import Sequence

from tests.world.plan import (
    ACCOUNT,
    HOUR,
    MINUTE,
    REGION,
    AccessPoint,
    Account,
    Attachment,
    Connection,
    Fate,
    FileSystem,
    Function,
    Instance,
    Interface,
    MountTarget,
    Packets,
    Party,
    Subnet,
    Task,
    TaskDefinition,
    Via,
    Vpc,
)

LONG_AGO = 30 * 24 * HOUR


def busy(rng: random.Random, since: int, until: int) -> tuple[Packets, ...]:
    """Real work: a burst about every five minutes, far above the rate of lease renewals."""
    packets: list[Packets] = []
    at = since
    while at + 20 < until:
        for offset in (0, 6, 13):
            count = rng.randint(80, 200)
            packets.append(Packets(at + offset, count, count * 260, count - 7, (count - 7) * 900))
        at += 280 + rng.randint(0, 60)
    return tuple(packets)


def steady(rng: random.Random, since: int, until: int) -> tuple[Packets, ...]:
    """A short job: something every half minute, the last packet exactly at ``until``."""
    moments = [*range(since, until, 30), until]
    return tuple(
        Packets(at, n, n * 300, n - 2, (n - 2) * 700)
        for at, n in ((at, rng.randint(60, 90)) for at in moments)
    )


def renewals(since: int, until: int) -> tuple[Packets, ...]:
    """Mounted and idle: one lease renewal and its answer every two minutes."""
    return tuple(Packets(at, 2, 264, 1, 156) for at in range(since, until, 120))


def knocks(since: int, until: int, every: int, *, answered: bool = False) -> tuple[Packets, ...]:
    """Small contacts: three packets each, answered by two or by none."""
    return tuple(
        Packets(at, 3, 180, 2 if answered else 0, 112 if answered else 0)
        for at in range(since, until, every)
    )


class Builder:
    """Everything made here is already in :attr:`account`."""

    def __init__(self, rng: random.Random, start: int, end: int, sweeps: Sequence[int]) -> None:
        self.rng = rng
        self.account = Account(start=start, end=end, sweeps=tuple(sweeps))
        self.before = start - LONG_AGO
        self._ports = iter(rng.sample(range(33_000, 60_000), 4_000))

    def at(self, hours: int, minutes: int = 0) -> int:
        """The moment that many hours and minutes after the start of the world."""
        return self.account.start + hours * HOUR + minutes * MINUTE

    def id(self, prefix: str) -> str:
        return f"{prefix}-{self.rng.getrandbits(68):017x}"

    def uuid(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128)))

    # -- network ---------------------------------------------------------------------------------

    def vpc(self, name: str, cidr: str, *, logged: bool = True) -> Vpc:
        vpc = Vpc(self.id("vpc"), name, cidr, logged)
        self.account.vpcs.append(vpc)
        return vpc

    def subnet(
        self, vpc: Vpc, cidr: str, zone: str = "a", *, holds_mount_targets: bool = False
    ) -> Subnet:
        subnet = Subnet(self.id("subnet"), vpc, cidr, zone, holds_mount_targets)
        self.account.subnets.append(subnet)
        return subnet

    def interface(self, interface: Interface) -> Interface:
        network = ipaddress.ip_network(interface.subnet.cidr)
        assert all(ipaddress.ip_address(a) in network for a in interface.addresses), interface
        self.account.interfaces.append(interface)
        return interface

    def gateway(
        self, subnet: Subnet, address: str, *, kind: str, description: str, managed: bool
    ) -> Interface:
        """A Hyperplane interface of AWS's own plumbing."""
        return self.interface(
            Interface(
                self.id("eni"),
                subnet,
                (address,),
                self.before,
                description=description,
                interface_type=kind,
                requester_managed=managed,
                attachments=(Attachment(self.before, None, owner="amazon-aws", hyperplane=True),),
            )
        )

    # -- clients ---------------------------------------------------------------------------------

    def instance(
        self,
        name: str,
        subnet: Subnet,
        *addresses: str,
        since: int | None = None,
        until: int | None = None,
        ipv6: str = "",
        tags: tuple[tuple[str, str], ...] = (),
        prefixes: tuple[str, ...] = (),
        interface_tags: tuple[tuple[str, str], ...] = (),
    ) -> tuple[Instance, Interface]:
        """An EC2 instance with its primary interface; ``{instance}`` in a tag is its id."""
        born = self.before if since is None else since
        machine = Instance(
            self.id("i"), name, subnet, born, until, (("Name", name), ("team", "blue"), *tags)
        )
        self.account.instances.append(machine)
        interface = Interface(
            self.id("eni"),
            subnet,
            addresses,
            born,
            until,
            ipv6=ipv6,
            description="Primary network interface" if self.rng.random() < 0.5 else "",
            groups=("sg-0a11c1ie0000000aa",),
            attachments=(Attachment(born, until, machine.id),),
            tags=tuple((key, value.format(instance=machine.id)) for key, value in interface_tags),
            prefixes=prefixes,
        )
        return machine, self.interface(interface)

    def function(
        self,
        name: str,
        subnets: tuple[Subnet, ...],
        groups: tuple[str, ...],
        *access_points: AccessPoint,
    ) -> Function:
        function = Function(name, subnets, groups, access_points)
        self.account.functions.append(function)
        return function

    def task_definition(
        self, family: str, file_system: FileSystem, network_mode: str = "awsvpc"
    ) -> TaskDefinition:
        arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}:3"
        definition = TaskDefinition(arn, family, file_system.id, network_mode)
        self.account.task_definitions.append(definition)
        return definition

    def awsvpc_task(
        self,
        service: str,
        definition: TaskDefinition,
        subnet: Subnet,
        address: str,
        *,
        created: int,
        last_packet: int | None = None,
        host: Instance | None = None,
    ) -> Task:
        """A task with an interface of its own: Fargate, or on ``host``. It begins work 20 seconds
        after it was created; 30 seconds after its ``last_packet`` its interface is gone, and ECS
        calls it stopped 5 seconds later.
        """
        task_id = f"{self.rng.getrandbits(128):032x}"
        arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/ci/{task_id}"
        attachment = self.uuid()
        gone = None if last_packet is None else last_packet + 30
        interface = self.interface(
            Interface(
                self.id("eni"),
                subnet,
                (address,),
                created + 8,
                gone,
                description=f"arn:aws:ecs:{REGION}:{ACCOUNT}:attachment/{attachment}",
                requester_id="578734482556",
                requester_managed=True,
                groups=("sg-0ec5000000000000a",),
                attachments=(
                    Attachment(
                        created + 10,
                        gone,
                        host.id if host else "",
                        owner=ACCOUNT if host else "501673713797",
                        device_index=1,
                    ),
                ),
                task_arn=arn,
            )
        )
        task = Task(
            id=task_id,
            arn=arn,
            service=service,
            definition=definition,
            launch_type="EC2" if host else "FARGATE",
            created=created,
            started=created + 18,
            attachment_id=attachment,
            interface=interface,
            container_instance_arn=self._container_instance(host) if host else "",
            stopping=None if last_packet is None else last_packet + 5,
            stopped=None if last_packet is None else last_packet + 35,
        )
        self.account.tasks.append(task)
        return task

    def bridge_task(self, service: str, definition: TaskDefinition, host: Instance) -> Task:
        """A task without an interface: its traffic is its host's."""
        task_id = f"{self.rng.getrandbits(128):032x}"
        task = Task(
            id=task_id,
            arn=f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/ci/{task_id}",
            service=service,
            definition=definition,
            launch_type="EC2",
            created=self.before,
            started=self.before + 18,
            container_instance_arn=self._container_instance(host),
        )
        self.account.tasks.append(task)
        return task

    def _container_instance(self, host: Instance) -> str:
        for arn, _, instance_id in self.account.container_instances:
            if instance_id == host.id:
                return arn
        arn = (
            f"arn:aws:ecs:{REGION}:{ACCOUNT}:container-instance/ci/{self.rng.getrandbits(128):032x}"
        )
        self.account.container_instances.append((arn, self.account.clusters[0], host.id))
        return arn

    # -- servers ---------------------------------------------------------------------------------

    def file_system(self, name: str, deleted: int | None = None) -> FileSystem:
        file_system = FileSystem(self.id("fs"), name, self.before, deleted)
        self.account.file_systems.append(file_system)
        return file_system

    def mount_target(
        self,
        file_system: FileSystem,
        subnet: Subnet,
        address: str,
        *,
        since: int | None = None,
        until: int | None = None,
        ipv6: str = "",
    ) -> MountTarget:
        born = self.before if since is None else since
        target_id = self.id("fsmt")
        interface = self.interface(
            Interface(
                self.id("eni"),
                subnet,
                (address,),
                born,
                until,
                ipv6=ipv6,
                description=f"EFS mount target for {file_system.id} ({target_id})",
                # Newer mount targets say efs, others interface: both are recorded.
                interface_type="efs" if self.rng.random() < 0.7 else "interface",
                requester_id="644160558196",
                requester_managed=True,
                groups=("sg-0ef5000000000000a",),
                attachments=(
                    Attachment(born, until, owner="amazon-aws", hyperplane=True, device_index=1),
                ),
            )
        )
        target = MountTarget(target_id, file_system, interface)
        self.account.mount_targets.append(target)
        return target

    def access_point(self, file_system: FileSystem) -> AccessPoint:
        access_point = AccessPoint(self.id("fsap"), file_system)
        self.account.access_points.append(access_point)
        return access_point

    # -- traffic ---------------------------------------------------------------------------------

    def mount(
        self,
        situation: str,
        party: Party | None,
        target: MountTarget,
        client: Interface | None,
        packets: tuple[Packets, ...],
        *,
        address: str = "",
        fate: Fate = Fate.ACCEPTED,
        via: Via = Via.DIRECT,
        through: Interface | None = None,
        state: str = "ended",
        confidence: str = "exact",
        ipv6: bool = False,
        protocol: int = 6,
    ) -> None:
        """Traffic to a mount target; ``address`` where it is not the client's primary one."""
        own = "" if client is None else (client.ipv6 if ipv6 else client.addresses[0])
        server = target.interface
        self.account.connections.append(
            Connection(
                situation=situation,
                party=party,
                target=target,
                server=server,
                server_address=server.ipv6 if ipv6 else server.addresses[0],
                client_address=address or own,
                client=client,
                port=next(self._ports),
                packets=packets,
                fate=fate,
                via=via,
                through=through,
                seen_as=through.addresses[0] if through and via is Via.NAT else "",
                protocol=protocol,
                state=state,
                confidence=confidence,
            )
        )

    def bystander(
        self,
        situation: str,
        client: Interface,
        server: Interface | None,
        server_address: str,
        packets: tuple[Packets, ...],
        *,
        port: int | None = None,
        server_port: int = 2049,
    ) -> None:
        """Traffic that has 2049 in it and is no use of EFS."""
        self.account.connections.append(
            Connection(
                situation=situation,
                party=None,
                target=None,
                server=server,
                server_address=server_address,
                client_address=client.addresses[0],
                client=client,
                port=next(self._ports) if port is None else port,
                packets=packets,
                server_port=server_port,
            )
        )


def machine(instance: Instance, *, workload: str = "", kind: str = "ec2_instance") -> Party:
    """An instance as the client."""
    return Party(kind, (instance.id,), workload, instance.name)
