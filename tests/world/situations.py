"""The account's situations: what there is, who talks to whom, and what each is to prove."""

from __future__ import annotations

import random
from collections.abc import Sequence

from tests.world.builder import Builder, busy, knocks, machine, renewals
from tests.world.network import Network, network
from tests.world.plan import (
    ACCOUNT,
    REGION,
    Account,
    Attachment,
    Fate,
    Interface,
    MountTarget,
    Party,
    Via,
)
from tests.world.services import containers, functions

ON_PREMISES = "192.168.50.20"
"""Reaches the mount targets through the transit gateway; ``[networks]`` may name 192.168.0.0/16."""

BEHIND_NAT = "100.64.7.9"
"""Hidden behind the NAT gateway: nobody may ever name it as a client."""


def build(rng: random.Random, start: int, end: int, sweeps: Sequence[int]) -> Account:
    """The whole account; the same for the same seed. ``sweeps`` is when somebody looks."""
    world = Builder(rng, start, end, sweeps)
    net = network(world)
    world.account.clusters.append(f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/ci")
    shared = world.file_system("shared")
    first = world.mount_target(shared, net.a_targets, "10.0.1.10")
    second = world.mount_target(shared, net.a_targets_2, "10.0.2.10")
    _instances(world, net, first)
    _from_afar(world, net, first)
    _kubernetes(world, net, second)
    containers(world, net, shared, second)
    functions(world, net)
    _twin_vpc(world, net)
    _idle_and_skipped(world, net)
    _replaced(world, net)
    _dual_stack(world, net)
    _refused(world, net)
    _nothing_to_do_with_efs(world, net, first)
    _scanner(world, net)
    return world.account


def _instances(world: Builder, net: Network, target: MountTarget) -> None:
    """EC2: in an Auto Scaling group, with a secondary address, with an interface that moves."""
    end, rng, subnet = world.account.end, world.rng, net.a_clients
    group = (("aws:autoscaling:groupName", "web"),)
    web, eni = world.instance("web tier 1", subnet, "10.0.3.11", tags=group)
    world.mount(
        "an instance of an Auto Scaling group, there all the time; its address is also in VPC B",
        machine(web, workload="web"),
        target,
        eni,
        busy(rng, world.at(0, 2), end),
        state="active",
    )
    gone, eni = world.instance("web tier 2", subnet, "10.0.3.20", until=world.at(20), tags=group)
    world.mount(
        "an instance terminated between two sweeps, working to its last minute",
        machine(gone, workload="web"),
        target,
        eni,
        busy(rng, world.at(1), world.at(20)),
        confidence="inferred",
    )
    two, eni = world.instance("two addresses", subnet, "10.0.3.12", "10.0.3.13")
    world.mount(
        "mounts from its secondary address: its own rows show the primary, the mount target's the "
        "secondary, and both are one client, counted once",
        machine(two),
        target,
        eni,
        busy(rng, world.at(0, 7), end),
        address="10.0.3.13",
        state="active",
    )
    _moved_interface(world, net, target)


def _moved_interface(world: Builder, net: Network, target: MountTarget) -> None:
    """One interface, one address, two instances one after the other."""
    detached, attached = world.at(15), world.at(15, 40)
    old, _ = world.instance("holder before", net.a_clients, "10.0.3.15")
    new, _ = world.instance("holder after", net.a_clients, "10.0.3.16")
    moved = world.interface(
        Interface(
            world.id("eni"),
            net.a_clients,
            ("10.0.3.14",),
            world.before,
            description="moves between hosts",
            groups=("sg-0a11c1ie0000000aa",),
            attachments=(
                Attachment(world.before, detached, old.id, device_index=1),
                Attachment(attached, None, new.id, device_index=1),
            ),
        )
    )
    world.mount(
        "an interface that later moves to another instance: before",
        machine(old),
        target,
        moved,
        busy(world.rng, world.at(3), world.at(14, 58)),
        confidence="inferred",
    )
    world.mount(
        "an interface that moved here from another instance: after",
        machine(new),
        target,
        moved,
        busy(world.rng, world.at(15, 45), world.account.end),
        state="active",
        confidence="inferred",
    )


def _from_afar(world: Builder, net: Network, target: MountTarget) -> None:
    """Clients outside the mount target's VPC."""
    end, rng = world.account.end, world.rng
    peer, eni = world.instance("peered host", net.c_clients, "10.30.3.11")
    world.mount(
        "a client in a peered VPC: only A has a route, though B has the same server address",
        machine(peer),
        target,
        eni,
        busy(rng, world.at(1), end),
        state="active",
        confidence="inferred",
    )
    world.mount(
        "on premises, through the transit gateway, whose shadow rows name its own address",
        Party("address", (ON_PREMISES,)),
        target,
        None,
        busy(rng, world.at(0, 20), end),
        address=ON_PREMISES,
        via=Via.TRANSIT_GATEWAY,
        through=net.transit,
        state="active",
        confidence="inferred",
    )
    world.mount(
        "somebody behind a NAT gateway: the gateway is named, never the address behind it",
        Party("gateway", (net.nat_id,)),
        target,
        None,
        busy(rng, world.at(6), world.at(18)),
        address=BEHIND_NAT,
        via=Via.NAT,
        through=net.nat,
    )


def _kubernetes(world: Builder, net: Network, target: MountTarget) -> None:
    node, eni = world.instance(
        "prod-node",
        net.a_clients,
        *(f"10.0.3.{host}" for host in range(140, 152)),
        tags=(("kubernetes.io/cluster/prod", "owned"), ("eks:cluster-name", "prod")),
        prefixes=("10.0.3.208/28",),
        interface_tags=(
            ("cluster.k8s.amazonaws.com/name", "prod"),
            ("node.k8s.amazonaws.com/instance_id", "{instance}"),
        ),
    )
    world.mount(
        "an EKS node: the EFS CSI driver mounts from its primary address",
        machine(node, workload="prod", kind="eks_node"),
        target,
        eni,
        busy(world.rng, world.at(0, 4), world.account.end),
        state="active",
    )


def _twin_vpc(world: Builder, net: Network) -> None:
    """VPC B: the same server and client addresses as A, other file systems, other clients."""
    twin = world.file_system("twin")
    target = world.mount_target(twin, net.b_targets, "10.0.1.10")
    one, eni = world.instance("b-one", net.b_clients, "10.0.3.11")
    world.mount(
        "in VPC B, at the addresses of another client and another mount target in VPC A",
        machine(one),
        target,
        eni,
        busy(world.rng, world.at(0, 3), world.account.end),
        state="active",
    )
    two, eni = world.instance("b-two", net.b_clients, "10.0.3.12")
    world.mount(
        "in VPC B, with two separate mounts in a day",
        machine(two),
        target,
        eni,
        busy(world.rng, world.at(4), world.at(7)) + busy(world.rng, world.at(13), world.at(16)),
    )
    quiet = world.file_system("quiet")
    world.mount_target(quiet, net.b_targets, "10.0.1.11")
    uncovered = world.file_system("uncovered")
    world.mount_target(uncovered, net.d_targets, "10.40.1.10")
    world.file_system("bare")  # never had a mount target: nobody can mount it


def _idle_and_skipped(world: Builder, net: Network) -> None:
    idle = world.file_system("idle-mounted")
    target = world.mount_target(idle, net.a_targets, "10.0.1.13")
    batch, eni = world.instance("batch", net.a_clients, "10.0.3.17")
    world.mount(
        "mounted and idle: lease renewals only",
        machine(batch),
        target,
        eni,
        renewals(world.at(0, 1), world.account.end),
        state="idle",
    )
    skip = world.file_system("skip")
    target = world.mount_target(skip, net.a_targets, "10.0.1.15")
    hole = (world.at(10), world.at(10, 40))
    world.account.holes.append((target, *hole))
    client, eni = world.instance("skipped", net.a_clients, "10.0.3.76")
    world.mount(
        "works through a SKIPDATA hole: a hole in coverage, and no end of the mount",
        machine(client),
        target,
        eni,
        busy(world.rng, world.at(0, 13), world.account.end),
        state="active",
    )


def _replaced(world: Builder, net: Network) -> None:
    """A mount target made anew, its address passed on, and a file system that is gone."""
    remade, heir = world.file_system("remade"), world.file_system("heir")
    old = world.mount_target(remade, net.a_targets, "10.0.1.16", until=world.at(10))
    new = world.mount_target(remade, net.a_targets, "10.0.1.17", since=world.at(10, 20))
    third = world.mount_target(heir, net.a_targets, "10.0.1.16", since=world.at(14))
    client, eni = world.instance("loyal", net.a_clients, "10.0.3.74")
    for target, packets, state in (
        (old, busy(world.rng, world.at(0, 5), world.at(9, 50)), "active"),
        (new, busy(world.rng, world.at(10, 30), world.account.end), "active"),
    ):
        world.mount(
            "follows its file system to the new mount target: one client, two mount targets",
            machine(client),
            target,
            eni,
            packets,
            state=state,
        )
    world.mount(
        "the same client at the same server address as before, which is another file system's now",
        machine(client),
        third,
        eni,
        busy(world.rng, world.at(18), world.at(20)),
    )
    late, eni = world.instance("newcomer", net.a_clients, "10.0.3.75")
    world.mount(
        "mounts at an inherited server address before any sweep showed the new mount target",
        machine(late),
        third,
        eni,
        busy(world.rng, world.at(14, 1), world.account.end),
        state="active",
    )
    legacy = world.file_system("legacy", deleted=world.at(12, 10))
    target = world.mount_target(legacy, net.a_targets, "10.0.1.19", until=world.at(12))
    client, eni = world.instance("last user", net.a_clients, "10.0.3.77")
    world.mount(
        "used a file system that was deleted later; the answer outlives it",
        machine(client),
        target,
        eni,
        busy(world.rng, world.at(0, 6), world.at(12)),
    )


def _dual_stack(world: Builder, net: Network) -> None:
    dual = world.file_system("dual")
    target = world.mount_target(dual, net.a_targets, "10.0.1.18", ipv6="2a05:d014:aaaa:100::18")
    six, eni = world.instance("six", net.a_clients, "10.0.3.73", ipv6="2a05:d014:aaaa:300:0:0:0:73")
    world.mount(
        "IPv6 to a dual-stack mount target; texts of one address differ in spelling",
        machine(six),
        target,
        eni,
        busy(world.rng, world.at(0, 8), world.account.end),
        ipv6=True,
        state="active",
    )


def _refused(world: Builder, net: Network) -> None:
    """Wanted to, could not."""
    locked = world.file_system("locked")
    target = world.mount_target(locked, net.a_targets, "10.0.1.20")
    client, eni = world.instance("refused", net.a_clients, "10.0.3.72")
    world.mount(
        "rejected by the mount target's security group, though its own side says ACCEPT",
        machine(client),
        target,
        eni,
        knocks(world.at(9), world.at(10), 150),
        fate=Fate.REJECTED,
        state="rejected",
    )
    lost, eni = world.instance("lost", net.c_clients, "10.30.3.12")
    world.mount(
        "its own side says ACCEPT, nothing ever answered: attempted, and only its side knows",
        machine(lost),
        target,
        eni,
        knocks(world.at(11), world.at(12), 150),
        fate=Fate.LOST,
        state="attempted",
    )


def _nothing_to_do_with_efs(world: Builder, net: Network, target: MountTarget) -> None:
    """2049 in every other meaning."""
    end, rng, subnet = world.account.end, world.rng, net.a_clients
    other, eni = world.instance("bystander", subnet, "10.0.3.78")
    web, web_eni = world.instance("intranet", subnet, "10.0.3.80")
    nfs, nfs_eni = world.instance("home-made nfs", subnet, "10.0.3.61")
    fsx_eni = world.interface(
        Interface(
            world.id("eni"),
            subnet,
            ("10.0.3.60",),
            world.before,
            description="Created by Amazon FSx",
            requester_managed=True,
            attachments=(Attachment(world.before, None, owner="758153400111"),),
        )
    )
    world.account.fsx.append((world.id("fs"), fsx_eni))
    for situation, server in (("an FSx server", fsx_eni), ("a home-made NFS server", nfs_eni)):
        world.bystander(
            f"{situation} on 2049 is not EFS",
            eni,
            server,
            server.addresses[0],
            busy(rng, world.at(2), world.at(6)),
        )
    world.bystander(
        "an ephemeral port 2049 by chance, to the internet",
        eni,
        None,
        "203.0.113.9",
        knocks(world.at(3), world.at(4), 300, answered=True),
        port=2049,
        server_port=443,
    )
    world.bystander(
        "an ephemeral port 2049 by chance, inside the VPC",
        eni,
        web_eni,
        web_eni.addresses[0],
        busy(rng, world.at(20), end),
        port=2049,
        server_port=443,
    )
    world.mount(
        "UDP 2049 is not EFS",
        None,
        target,
        eni,
        knocks(world.at(5), world.at(6), 300, answered=True),
        protocol=17,
    )
    assert len({other.id, web.id, nfs.id}) == 3


def _scanner(world: Builder, net: Network) -> None:
    """Last: it knocks at every mount target of VPC A that exists when it comes by."""
    scanner, eni = world.instance("scanner", net.a_clients, "10.0.3.70")
    for hour in (5, 17):
        for number, target in enumerate(world.account.mount_targets):
            moment = world.at(hour) + 3 * number
            if target.interface.subnet.vpc is not net.a or not target.interface.exists(moment):
                continue
            locked = target.file_system.name == "locked"
            world.mount(
                "a port scanner: a probe, no mount",
                machine(scanner),
                target,
                eni,
                knocks(moment, moment + 1, 1, answered=not locked),
                fate=Fate.REJECTED if locked else Fate.ACCEPTED,
                state="rejected" if locked else "probe",
            )
