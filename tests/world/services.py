"""Clients that share or inherit: ECS tasks in every network mode, and Lambda functions."""

from __future__ import annotations

import itertools

from tests.world.builder import Builder, busy, machine, steady
from tests.world.network import Network
from tests.world.plan import (
    ACCOUNT,
    AccessPoint,
    Attachment,
    FileSystem,
    Interface,
    MountTarget,
    Party,
)


def containers(
    world: Builder, net: Network, shared: FileSystem, shared_target: MountTarget
) -> None:
    """ECS in every network mode, and addresses inherited within two minutes."""
    ci = world.file_system("ci")
    target = world.mount_target(ci, net.a_targets, "10.0.1.11")
    host, host_eni = world.instance("container host", net.a_clients, "10.0.3.30")
    bridge = world.task_definition("bridge-app", shared, "bridge")
    world.bridge_task("bridge-app", bridge, host)
    world.mount(
        "an ECS task in bridge mode: the traffic, and so the client, is its host's",
        machine(host),
        shared_target,
        host_eni,
        busy(world.rng, world.at(0, 9), world.account.end),
        state="active",
    )
    worker = world.task_definition("worker", ci)
    task = world.awsvpc_task(
        "worker", worker, net.a_clients, "10.0.3.31", created=world.before, host=host
    )
    world.mount(
        "an ECS task with its own interface on our instance: the task, not the instance",
        Party("ecs_task", (task.id,), "worker"),
        target,
        task.interface,
        busy(world.rng, world.at(0, 11), world.account.end),
        state="active",
    )
    definitions = {name: world.task_definition(name, ci) for name in ("ci-runner", "ci-nightly")}
    chains = (
        ("10.0.3.100", ("ci-runner", "ci-runner"), world.at(8)),
        ("10.0.3.101", ("ci-runner", "ci-nightly"), world.at(9, 3)),
    )
    for address, services, begin in chains:
        created = begin
        for turn in range(12):
            service = services[turn % 2]
            last = created + 20 + 600
            task = world.awsvpc_task(
                service,
                definitions[service],
                net.a_clients,
                address,
                created=created,
                last_packet=last,
            )
            world.mount(
                "a Fargate task of ten minutes whose address passes on 80 seconds after its last "
                "packet; often no sweep ever saw its interface",
                Party("ecs_task", (task.id,), service),
                target,
                task.interface,
                steady(world.rng, created + 20, last),
                confidence="inferred",
            )
            # The address is free 30 seconds after the last packet; the heir is created at 60.
            created = last + 60
    _heirs(world, net, target)


def _heirs(world: Builder, net: Network, target: MountTarget) -> None:
    """Instances at addresses that others had before."""
    heir, eni = world.instance("heir of tasks", net.a_clients, "10.0.3.100", since=world.at(13))
    world.mount(
        "an instance at an address that twelve tasks had before",
        machine(heir),
        target,
        eni,
        busy(world.rng, world.at(13, 2), world.account.end),
        state="active",
        confidence="inferred",
    )
    before, after = next(
        (a, b) for a, b in itertools.pairwise(world.account.sweeps) if a > world.at(21)
    )
    address = "10.0.3.20"
    brief, eni = world.instance(
        "brief", net.a_clients, address, since=before + 90, until=after - 60
    )
    unknown = (("unknown", address), ("address", address), ("unknown", eni.id))
    world.mount(
        "an instance that lived between two sweeps, at the address of another that is gone: itself "
        "where its own rows say so, else unknown; never the one before",
        Party("ec2_instance", (brief.id,), aliases=unknown),
        target,
        eni,
        steady(world.rng, before + 120, after - 120),
        confidence="unknown",
    )


def functions(world: Builder, net: Network) -> None:
    """Lambda's shared interfaces."""
    reports = world.file_system("reports")
    target = world.mount_target(reports, net.a_targets, "10.0.1.12")
    pictures = world.file_system("pictures")
    other = world.mount_target(pictures, net.a_targets, "10.0.1.21")
    at, end, rng = world.at, world.account.end, world.rng
    interface = _lambda_interface(
        world,
        net,
        "10.0.3.50",
        {"report-mailer": None, "report-writer": reports, "report-cleaner": None},
    )
    world.mount(
        "a Lambda interface shared by three functions: the one that declares the mount",
        Party("lambda_function", ("report-writer",), "report-writer"),
        target,
        interface,
        busy(rng, at(2), at(4)) + busy(rng, at(9), at(10)),
    )
    interface = _lambda_interface(
        world, net, "10.0.3.51", {"etl-check": reports, "etl-load": reports}
    )
    world.mount(
        "a Lambda interface shared by two functions that both mount: both, as candidates",
        Party("lambda_function", ("etl-check", "etl-load")),
        target,
        interface,
        busy(rng, at(5), end),
        state="active",
        confidence="candidates",
    )
    interface = _lambda_interface(
        world, net, "10.0.3.52", {"album": pictures, "print-shop": reports}
    )
    for name, mounted in (("album", other), ("print-shop", target)):
        world.mount(
            "a Lambda interface shared by two functions that mount different file systems: each "
            "is the only one for its own",
            Party("lambda_function", (name,), name),
            mounted,
            interface,
            busy(rng, at(3), at(8)),
        )


def _lambda_interface(
    world: Builder, net: Network, address: str, functions: dict[str, FileSystem | None]
) -> Interface:
    """The interface of functions with the same subnet and security group, and what they mount."""
    group = world.id("sg")
    points: dict[str, AccessPoint] = {}
    for name, mounted in functions.items():
        if mounted is not None and mounted.id not in points:
            points[mounted.id] = world.access_point(mounted)
        world.function(name, (net.a_clients,), (group,), *([points[mounted.id]] if mounted else []))
    return world.interface(
        Interface(
            world.id("eni"),
            net.a_clients,
            (address,),
            world.before,
            # Named after whichever function caused it to be made: no proof of anything.
            description=f"AWS Lambda VPC ENI-{next(iter(functions))}-{world.uuid()}",
            interface_type="lambda",
            requester_id=f"AROAZL6XWCR2C7JFOQ5SJ:{ACCOUNT}",
            groups=(group,),
            attachments=(Attachment(world.before, None, owner="amazon-aws", hyperplane=True),),
        )
    )
