"""The nouns of the made-up account: what exists when, and who really talked to whom.

Independent of the product: nothing here imports ``inventory``. Times are epoch seconds in UTC;
``until`` is exclusive and ``None`` when the thing outlives the world.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

ACCOUNT = "111122223333"
REGION = "eu-central-1"
MINUTE = 60
HOUR = 3600

SECRET = "world-secret-7c1d"
"""Stands in every field of an AWS answer that nobody may keep (environments, user data)."""


@dataclass(frozen=True)
class Vpc:
    id: str
    name: str
    cidr: str
    logged: bool = True
    """Has a flow log when the vantage is ``both``."""


@dataclass(frozen=True)
class Subnet:
    id: str
    vpc: Vpc
    cidr: str
    zone: str
    holds_mount_targets: bool = False


@dataclass(frozen=True)
class Attachment:
    """An interface attached to a machine for a time; ``instance_id`` only when it is ours."""

    since: int
    until: int | None
    instance_id: str = ""
    owner: str = ACCOUNT
    hyperplane: bool = False
    device_index: int = 0


@dataclass(frozen=True)
class Interface:
    id: str
    subnet: Subnet
    addresses: tuple[str, ...]
    """IPv4, the primary first."""
    since: int
    until: int | None = None
    ipv6: str = ""
    description: str = ""
    interface_type: str = "interface"
    requester_id: str = ""
    requester_managed: bool = False
    groups: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    tags: tuple[tuple[str, str], ...] = ()
    prefixes: tuple[str, ...] = ()
    task_arn: str = ""
    """What ``ecs-task-arn`` shows in rows of this interface."""

    def exists(self, moment: int) -> bool:
        return self.since <= moment and (self.until is None or moment < self.until)

    def attached(self, moment: int) -> Attachment | None:
        for attachment in self.attachments:
            if attachment.since <= moment and (
                attachment.until is None or moment < attachment.until
            ):
                return attachment
        return None

    @property
    def own_machine(self) -> bool:
        """Rows carry ``instance-id``; AWS leaves it out for interfaces it made itself."""
        return not self.requester_managed and any(a.instance_id for a in self.attachments)


@dataclass(frozen=True)
class Instance:
    id: str
    name: str
    subnet: Subnet
    since: int
    until: int | None = None
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Function:
    name: str
    subnets: tuple[Subnet, ...]
    groups: tuple[str, ...]
    access_points: tuple[AccessPoint, ...] = ()


@dataclass(frozen=True)
class TaskDefinition:
    arn: str
    family: str
    file_system_id: str
    network_mode: str = "awsvpc"


@dataclass(frozen=True)
class Task:
    """ECS shows a task from its creation until an hour after it stopped."""

    id: str
    arn: str
    service: str
    definition: TaskDefinition
    launch_type: str
    created: int
    started: int
    attachment_id: str = ""
    interface: Interface | None = None
    container_instance_arn: str = ""
    stopping: int | None = None
    stopped: int | None = None


@dataclass(frozen=True)
class FileSystem:
    id: str
    name: str
    created: int
    deleted: int | None = None


@dataclass(frozen=True)
class MountTarget:
    id: str
    file_system: FileSystem
    interface: Interface


@dataclass(frozen=True)
class AccessPoint:
    id: str
    file_system: FileSystem

    @property
    def arn(self) -> str:
        return f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/{self.id}"


class Fate(StrEnum):
    """What became of a connection: answered; refused by the mount target's security group; lost on
    the way to it, so that only the client's own interface saw anything.
    """

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    LOST = "lost"


class Via(StrEnum):
    DIRECT = "direct"
    TRANSIT_GATEWAY = "transit_gateway"
    NAT = "nat"


@dataclass(frozen=True)
class Party:
    """Who really is the client. Several ``ids`` are candidates that nobody could tell apart."""

    kind: str
    ids: tuple[str, ...]
    workload: str = ""
    """Part of the workload's id; ``""`` where the client is its own workload."""
    name: str = ""
    aliases: tuple[tuple[str, str], ...] = ()
    """(kind, id) that are right as well, where no sweep ever saw who it was."""


@dataclass(frozen=True)
class Packets:
    """Packets of one second: requests to the server and responses from it."""

    at: int
    requests: int
    request_bytes: int
    responses: int
    response_bytes: int


@dataclass(frozen=True)
class Connection:
    """One five-tuple and everything that ever went over it."""

    situation: str
    """What this is to prove, for assertion messages."""
    party: Party | None
    """``None``: must never appear as anybody's client."""
    target: MountTarget | None
    """``None``: the server is no mount target."""
    server: Interface | None
    """The server's interface; ``None`` when it is none of ours."""
    server_address: str
    client_address: str
    """The true address in the packets that leave the client."""
    client: Interface | None
    """The client's own interface; ``None`` when it is none of ours."""
    port: int
    packets: tuple[Packets, ...]
    fate: Fate = Fate.ACCEPTED
    via: Via = Via.DIRECT
    through: Interface | None = None
    """The gateway's interface on the way."""
    seen_as: str = ""
    """The client's address as the server sees it, where a NAT gateway changed it."""
    server_port: int = 2049
    protocol: int = 6
    state: str = "ended"
    """The client's state at the end of the world, once seen."""
    confidence: str = "exact"
    """The least that must be said when the mount target's side alone, in the default format, is
    all there is."""


@dataclass
class Account:
    """Everything that ever existed between ``start`` and ``end``."""

    start: int
    end: int
    vpcs: list[Vpc] = field(default_factory=list)
    subnets: list[Subnet] = field(default_factory=list)
    interfaces: list[Interface] = field(default_factory=list)
    instances: list[Instance] = field(default_factory=list)
    functions: list[Function] = field(default_factory=list)
    clusters: list[str] = field(default_factory=list)
    container_instances: list[tuple[str, str, str]] = field(default_factory=list)
    """(ARN, cluster ARN, instance id)."""
    task_definitions: list[TaskDefinition] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    file_systems: list[FileSystem] = field(default_factory=list)
    mount_targets: list[MountTarget] = field(default_factory=list)
    access_points: list[AccessPoint] = field(default_factory=list)
    fsx: list[tuple[str, Interface]] = field(default_factory=list)
    peerings: list[tuple[str, Vpc, Vpc]] = field(default_factory=list)
    transit_gateway: str = ""
    transit_vpcs: list[Vpc] = field(default_factory=list)
    connections: list[Connection] = field(default_factory=list)
    sweeps: tuple[int, ...] = ()
    """When sweeps are made."""
    holes: list[tuple[MountTarget, int, int]] = field(default_factory=list)
    """Stretches of which a mount target's interface logged only SKIPDATA."""

    def file_system(self, name: str) -> FileSystem:
        """By name; deleted ones too."""
        return next(fs for fs in self.file_systems if fs.name == name)

    def targets_of(self, name: str) -> list[MountTarget]:
        """Every mount target a file system ever had, oldest first."""
        return [target for target in self.mount_targets if target.file_system.name == name]
