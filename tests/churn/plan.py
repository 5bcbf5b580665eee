"""A small subnet in which tasks come and go all the time, so that an address passes from hand to hand within two minutes.

Everything is drawn from a seed, and everything that happens is kept: who had which address when is the truth that answers are held against.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

ACCOUNT = "111122223333"
REGION = "eu-central-1"
VPC = "vpc-0c4a11"
SUBNET = "subnet-0c4a11"
"""The subnet of the clients, a /26: 59 usable addresses."""

SERVER_SUBNET = "subnet-05e17e"
CIDRS = {VPC: "10.0.0.0/16", SUBNET: "10.0.7.0/26", SERVER_SUBNET: "10.0.1.0/24"}

START = 1_795_000_000 - 1_795_000_000 % 3600
HOUR = 3600
MINUTE = 60

ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
CLUSTER = f"{ARN}:cluster/churn"


def usable(cidr: str) -> list[str]:
    """AWS keeps the first four addresses of a subnet and the last one."""
    return [str(address) for address in ipaddress.ip_network(cidr)][4:-1]


@dataclass(frozen=True)
class FileSystem:
    id: str
    name: str

    @property
    def access_point(self) -> str:
        return self.id.replace("fs-", "fsap-")

    @property
    def access_point_arn(self) -> str:
        return f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/{self.access_point}"


RENDERED, INGESTED, REPORTED, REPORTED_NOW = FILE_SYSTEMS = tuple(
    FileSystem(f"fs-{number:017x}", name)
    for number, name in enumerate(("rendered", "ingested", "reported", "reported-now"), 0xF5001)
)


@dataclass(frozen=True)
class MountTarget:
    id: str
    file_system: FileSystem
    interface: str
    address: str
    since: int
    until: int | None = None


@dataclass(frozen=True)
class Definition:
    """A revision of a task definition."""

    name: str
    file_systems: tuple[FileSystem, ...] = ()
    access_points: bool = False

    @property
    def arn(self) -> str:
        return f"{ARN}:task-definition/{self.name}"


@dataclass(frozen=True)
class Program:
    """What is started again and again: a service, or a family that something starts task by task."""

    group: str
    weight: int
    definition: Definition
    later: Definition | None = None
    """From the middle of the time on."""


PROGRAMS = (
    Program("service:web", 3, Definition("web:7")),
    Program("service:render", 3, Definition("render:3", (RENDERED,))),
    Program("service:ingest", 2, Definition("ingest:12", (INGESTED,))),
    Program("service:merge", 1, Definition("merge:1", (RENDERED, INGESTED))),
    Program("family:nightly", 1, Definition("nightly:4", (RENDERED,), access_points=True)),
    Program(
        "service:report",
        1,
        Definition("report:1", (REPORTED,)),
        Definition("report:2", (REPORTED_NOW,)),
    ),
)
"""A third of the tasks mount nothing."""


@dataclass(frozen=True)
class Task:
    """A Fargate task, and the interface that was made for it alone. ``connected`` ``None``: it failed before."""

    id: str
    group: str
    definition: Definition
    attachment: str
    interface: str
    address: str
    created: int
    interface_made: int
    attached: int
    connected: int | None
    started: int | None
    stopping: int
    execution_stopped: int
    interface_gone: int
    stopped: int

    @property
    def arn(self) -> str:
        return f"{ARN}:task/churn/{self.id}"


@dataclass(frozen=True)
class Instance:
    id: str
    interface: str
    address: str


@dataclass(frozen=True)
class Floating:
    """A secondary address that moves between two instances: ``(instance, since, until)`` in turn."""

    address: str
    turns: tuple[tuple[Instance, int, int], ...]


@dataclass(frozen=True)
class Function:
    name: str
    group: str
    """Its security group: with the subnet what its interface is shared by."""
    file_systems: tuple[FileSystem, ...] = ()


@dataclass(frozen=True)
class SharedInterface:
    """An interface of Lambda, for all functions of one security group."""

    interface: str
    address: str
    group: str


FUNCTIONS = (
    Function("writer", "sg-0aa", (RENDERED,)),
    Function("mailer", "sg-0aa"),
    Function("reader", "sg-0bb", (INGESTED,)),
    Function("indexer", "sg-0bb", (INGESTED,)),
)
"""The first two share an interface and only one declares a mount; of the other two either may have mounted."""


@dataclass(frozen=True)
class Use:
    """Somebody's traffic with one file system: who it was, from which address, and when."""

    owner: str
    interface: str
    address: str
    shown: str
    """The address that the client's own interface shows: the primary one of an instance."""
    file_system: FileSystem
    since: int
    until: int


@dataclass(frozen=True)
class Churn:
    """What happened from ``START`` on, for ``hours``."""

    seed: int
    hours: int
    tasks: tuple[Task, ...]
    instances: tuple[Instance, ...]
    floating: tuple[Floating, ...]
    shared: tuple[SharedInterface, ...]
    mount_targets: tuple[MountTarget, ...]
    uses: tuple[Use, ...] = field(repr=False)

    @property
    def end(self) -> int:
        """When the last task has stopped, and a full hour is over."""
        last = max(task.stopped for task in self.tasks)
        return last - last % HOUR + HOUR

    def mount_target(self, file_system: FileSystem) -> MountTarget:
        return next(t for t in self.mount_targets if t.file_system == file_system)


def churn(seed: int, hours: int) -> Churn:
    """The same for the same arguments."""
    rng = random.Random(f"churn {seed}")
    addresses = usable(CIDRS[SUBNET])
    rng.shuffle(addresses)
    ends = START + hours * HOUR
    mount_targets = _mount_targets(START + hours * HOUR // 2 + rng.randint(-600, 600))
    change = mount_targets[2].until or ends
    instances = tuple(
        Instance(f"i-{number:017x}", f"eni-{number:017x}", addresses.pop())
        for number in (0x1001, 0x1002)
    )
    floating = tuple(_floating(addresses.pop(), instances, ends, rng) for _ in range(3))
    shared = tuple(
        SharedInterface(f"eni-{number:017x}", addresses.pop(), group)
        for number, group in ((0x2001, "sg-0aa"), (0x2002, "sg-0bb"))
    )
    tasks = tuple(
        task for address in sorted(addresses) for task in _tasks_in_turn(address, ends, change, rng)
    )
    uses = [
        *_uses_of_tasks(tasks, mount_targets, rng),
        *_uses_of_instances(instances, floating, ends, rng),
        *_uses_of_functions(shared, ends, rng),
    ]
    return Churn(seed, hours, tasks, instances, floating, shared, mount_targets, tuple(uses))


def _mount_targets(change: int) -> tuple[MountTarget, ...]:
    """The third one makes room for one of another file system, which gets its address two minutes later."""
    long_ago = START - 1000 * HOUR
    plan = (
        (RENDERED, "10.0.1.10", long_ago, None),
        (INGESTED, "10.0.1.11", long_ago, None),
        (REPORTED, "10.0.1.12", long_ago, change),
        (REPORTED_NOW, "10.0.1.12", change + 120, None),
    )
    return tuple(
        MountTarget(f"fsmt-{number:017x}", fs, f"eni-{number:017x}", address, since, until)
        for number, (fs, address, since, until) in enumerate(plan, 0x3001)
    )


def _tasks_in_turn(address: str, ends: int, change: int, rng: random.Random) -> Iterator[Task]:
    """One task after the other at one address."""
    made = START + rng.randint(0, 8 * MINUTE)
    while made < ends:
        program = rng.choices(PROGRAMS, [p.weight for p in PROGRAMS])[0]
        definition = program.later if program.later and made >= change else program.definition
        task = _task(address, made, program.group, definition, rng)
        yield task
        pause = rng.randint(15, 120) if rng.random() < 0.95 else rng.randint(120, 1200)
        made = task.interface_gone + pause


def _task(address: str, made: int, group: str, definition: Definition, rng: random.Random) -> Task:
    failed = rng.random() < 0.03
    attached = made + rng.randint(1, 3)
    connected = attached + rng.randint(4, 10)
    started = connected + rng.randint(8, 30)
    stopping = started + rng.randint(4 * MINUTE, 15 * MINUTE)
    if failed:
        stopping = connected + rng.randint(5, 40)
    ended = stopping + rng.randint(1, 30)
    gone = ended + rng.randint(5, 20)
    attachment = f"{rng.getrandbits(128):032x}"
    return Task(
        id=f"{rng.getrandbits(128):032x}",
        group=group,
        definition=definition,
        attachment="-".join(attachment[a:b] for a, b in pairwise((0, 8, 12, 16, 20, 32))),
        interface=f"eni-{rng.getrandbits(68):017x}",
        address=address,
        created=made - rng.randint(2, 8),
        interface_made=made,
        attached=attached,
        connected=None if failed else connected,
        started=None if failed else started,
        stopping=stopping,
        execution_stopped=ended,
        interface_gone=gone,
        stopped=gone + rng.randint(0, 8),
    )


def _floating(
    address: str, instances: tuple[Instance, ...], ends: int, rng: random.Random
) -> Floating:
    turns = []
    since, turn = START - HOUR, rng.randint(0, 1)
    while since < ends:
        until = max(since, START) + rng.randint(40 * MINUTE, 90 * MINUTE)
        turns.append((instances[turn], since, until))
        since, turn = until + rng.randint(5, 90), 1 - turn
    return Floating(address, tuple(turns))


def _uses_of_tasks(
    tasks: tuple[Task, ...], mount_targets: tuple[MountTarget, ...], rng: random.Random
) -> Iterator[Use]:
    """Mounted before the container starts, used until just before it has ended."""
    lives = {target.file_system: target for target in mount_targets}
    for task in tasks:
        if task.connected is None:
            continue
        for file_system in task.definition.file_systems:
            target = lives[file_system]
            since = max(task.connected + rng.randint(1, 6), target.since)
            until = min(task.execution_stopped - rng.randint(0, 3), target.until or 2**62)
            if since < until:
                yield Use(
                    task.id, task.interface, task.address, task.address, file_system, since, until
                )


def _uses_of_instances(
    instances: tuple[Instance, ...],
    floating: tuple[Floating, ...],
    ends: int,
    rng: random.Random,
) -> Iterator[Use]:
    """By their primary address all the time, by a floating one while they have it."""
    for instance in instances:
        yield Use(
            instance.id,
            instance.interface,
            instance.address,
            instance.address,
            RENDERED,
            START + 60,
            ends,
        )
    for one in floating:
        for instance, since, until in one.turns:
            first, last = max(since + rng.randint(1, 20), START), min(until - 2, ends)
            if first < last:
                yield Use(
                    instance.id,
                    instance.interface,
                    one.address,
                    instance.address,
                    INGESTED,
                    first,
                    last,
                )


def _uses_of_functions(
    shared: tuple[SharedInterface, ...], ends: int, rng: random.Random
) -> Iterator[Use]:
    """Now and then for a few minutes."""
    for one in shared:
        able = [f for f in FUNCTIONS if f.group == one.group and f.file_systems]
        since = START + rng.randint(0, 20 * MINUTE)
        while since < ends:
            function, until = rng.choice(able), since + rng.randint(MINUTE, 5 * MINUTE)
            yield Use(
                function.name,
                one.interface,
                one.address,
                one.address,
                function.file_systems[0],
                since,
                min(until, ends),
            )
            since = until + rng.randint(20 * MINUTE, 60 * MINUTE)
