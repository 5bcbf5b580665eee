"""Values of the model with defaults, so that a test says only what it is about.

Times in resolve and discover tests count in seconds from ``T`` (a whole hour); ``seen(value, 100, 200)`` is a version certain from 100
to 200 past it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from inventory.model import (
    AccessPoint,
    ClientConnection,
    FileSystem,
    FlowLog,
    Function,
    Instance,
    InterfaceChange,
    InterfaceEvent,
    MountTarget,
    NetworkInterface,
    OtherServer,
    RouteTable,
    SecurityGroup,
    SecurityGroupRule,
    Sighting,
    Subnet,
    Task,
    TaskAttachment,
    TaskDefinition,
    Vantage,
    Version,
    Vpc,
    VpcLink,
)
from inventory.resolve.attribute import ClientEnd
from inventory.resolve.topology import Topology

V = TypeVar("V")

T = 1_795_000_000 - 1_795_000_000 % 3600
ACCOUNT = "111122223333"
REGION = "eu-central-1"
VPC = "vpc-0a"
SUBNET = "subnet-0a1"
FS = "fs-0123456789abcdef0"
TARGET = "fsmt-0123456789abcdef0"
SERVER = "10.0.1.10"
SERVER_ENI = "eni-0000000000005e4e4"
CLIENT = "10.0.3.11"
CLIENT_ENI = "eni-0000000000000c11e"
INSTANCE = "i-0000000000000c11e"
UUID = "c8773f8d-1317-457a-ba3c-b57775ac6a04"


def seen(
    value: V,
    first: int = 0,
    last: int = 10_000,
    *,
    after: int | None = None,
    before: int | None = None,
    account: str = ACCOUNT,
    region: str = REGION,
) -> Version[V]:
    """A version; times relative to ``T``."""
    return Version(
        value,
        account,
        region,
        T + first,
        T + last,
        None if after is None else T + after,
        None if before is None else T + before,
    )


def topology(
    *versions: Version[Any],
    whole: Mapping[str, Any] | None = None,
    swept: Mapping[tuple[str, str], Sequence[int]] | None = None,
    asked: Mapping[tuple[str, str], Sequence[tuple[int, int]]] | None = None,
) -> Topology:
    """From versions of any kinds."""
    kinds = {
        NetworkInterface: "network_interface",
        Instance: "instance",
        Function: "function",
        Task: "task",
        TaskDefinition: "task_definition",
        FileSystem: "file_system",
        MountTarget: "mount_target",
        AccessPoint: "access_point",
        OtherServer: "other_server",
        Vpc: "vpc",
        Subnet: "subnet",
        VpcLink: "vpc_link",
        RouteTable: "route_table",
        FlowLog: "flow_log",
        SecurityGroup: "security_group",
        SecurityGroupRule: "security_group_rule",
        ClientConnection: "client_connection",
        InterfaceEvent: "interface_event",
    }
    found: dict[str, list[Version[Any]]] = {}
    for version in versions:
        found.setdefault(kinds[type(version.value)], []).append(version)
    return Topology(found, whole=whole, swept=swept, asked=asked)


def eni(interface_id: str = CLIENT_ENI, *addresses: str, **changes: Any) -> NetworkInterface:
    """An instance's first interface would add ``instance_id`` and ``device_index``."""
    values: dict[str, Any] = {
        "vpc_id": VPC,
        "subnet_id": SUBNET,
        "owner_id": ACCOUNT,
        "interface_type": "interface",
        "status": "in-use",
        "addresses": addresses or (CLIENT,),
    }
    return NetworkInterface(interface_id, **(values | changes))


def machine_eni(
    interface_id: str = CLIENT_ENI, *addresses: str, instance_id: str = INSTANCE, **changes: Any
) -> NetworkInterface:
    """The first interface of an instance, attached at ``T - 1000``."""
    values: dict[str, Any] = {
        "instance_id": instance_id,
        "instance_owner_id": ACCOUNT,
        "attachment_id": "eni-attach-01",
        "attach_time": T - 1000,
        "device_index": 0,
    }
    return eni(interface_id, *addresses, **(values | changes))


def lambda_eni(interface_id: str = CLIENT_ENI, *addresses: str, **changes: Any) -> NetworkInterface:
    values: dict[str, Any] = {
        "description": f"AWS Lambda VPC ENI-hinted-{UUID}",
        "interface_type": "lambda",
        "instance_owner_id": "amazon-aws",
        "attachment_id": "ela-attach-01",
        "groups": ("sg-1",),
    }
    return eni(interface_id, *addresses, **(values | changes))


def task_eni(interface_id: str = CLIENT_ENI, *addresses: str, **changes: Any) -> NetworkInterface:
    values: dict[str, Any] = {
        "description": f"arn:aws:ecs:{REGION}:{ACCOUNT}:attachment/{UUID}",
        "requester_managed": True,
        "instance_owner_id": "501673713797",
        "attachment_id": "eni-attach-02",
    }
    return eni(interface_id, *addresses, **(values | changes))


def instance(instance_id: str = INSTANCE, **changes: Any) -> Instance:
    values: dict[str, Any] = {"vpc_id": VPC, "state": "running", "launch_time": T - 1000}
    return Instance(instance_id, **(values | changes))


def task(name: str = "task-1", **changes: Any) -> Task:
    """Running; ``interface`` and ``address`` make its attachment, times are absolute."""
    interface = changes.pop("interface", CLIENT_ENI)
    address = changes.pop("address", CLIENT)
    attachment = changes.pop("attachment", UUID)
    subnet_id = changes.pop("subnet_id", SUBNET)
    values: dict[str, Any] = {
        "cluster_arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/ci",
        "group": "service:runner",
        "task_definition_arn": definition().task_definition_arn,
        "last_status": "RUNNING",
        "created_at": T - 20,
        "connectivity_at": T - 10,
        "started_at": T,
        "attachments": (TaskAttachment(attachment, interface, subnet_id, (address,)),),
    }
    return Task(f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/ci/{name}", **(values | changes))


def definition(name: str = "runner:3", **changes: Any) -> TaskDefinition:
    values: dict[str, Any] = {"family": name.split(":", maxsplit=1)[0], "network_mode": "awsvpc"}
    arn = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{name}"
    return TaskDefinition(arn, **(values | changes))


def function(name: str = "writer", *access_points: str, **changes: Any) -> Function:
    """``access_points`` are ids."""
    values: dict[str, Any] = {
        "function_name": name,
        "vpc_id": VPC,
        "subnet_ids": (SUBNET,),
        "security_group_ids": ("sg-1",),
        "access_point_arns": tuple(access_point_arn(ap) for ap in access_points),
    }
    return Function(f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}", **(values | changes))


def access_point_arn(access_point_id: str) -> str:
    return f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:access-point/{access_point_id}"


def access_point(access_point_id: str = "fsap-1", file_system_id: str = FS) -> AccessPoint:
    return AccessPoint(access_point_id, file_system_id, access_point_arn(access_point_id))


def file_system(file_system_id: str = FS, **changes: Any) -> FileSystem:
    return FileSystem(file_system_id, **({"name": "shared", "owner_id": ACCOUNT} | changes))


def mount_target(target_id: str = TARGET, *addresses: str, **changes: Any) -> MountTarget:
    values: dict[str, Any] = {
        "file_system_id": FS,
        "vpc_id": VPC,
        "owner_id": ACCOUNT,
        "network_interface_id": SERVER_ENI,
        "addresses": addresses or (SERVER,),
    }
    return MountTarget(target_id, **(values | changes))


def flow_log(flow_log_id: str = "fl-1", **changes: Any) -> FlowLog:
    """Of the VPC, recording everything."""
    values: dict[str, Any] = {
        "resource_id": VPC,
        "traffic_type": "ALL",
        "max_aggregation_interval": 600,
        "flow_log_status": "ACTIVE",
        "deliver_logs_status": "SUCCESS",
    }
    return FlowLog(flow_log_id, **(values | changes))


def security_group(group_id: str = "sg-nfs", **changes: Any) -> SecurityGroup:
    return SecurityGroup(
        group_id, **({"name": "nfs", "vpc_id": VPC, "owner_id": ACCOUNT} | changes)
    )


def nfs_rule(rule_id: str = "sgr-1", **changes: Any) -> SecurityGroupRule:
    """Lets NFS and nothing else in, from the VPC."""
    values: dict[str, Any] = {
        "group_id": "sg-nfs",
        "protocol": "tcp",
        "from_port": 2049,
        "to_port": 2049,
        "cidr": "10.0.0.0/16",
    }
    return SecurityGroupRule(rule_id, **(values | changes))


def peering(*vpc_ids: str, link_id: str = "pcx-1") -> VpcLink:
    return VpcLink(link_id, link_id, tuple(sorted(vpc_ids)))


def connection(
    at: int = 100, session: str = "", event_id: str = "", **changes: Any
) -> ClientConnection:
    """An IAM-authorised connection of the client, ``at`` seconds past ``T``, by a role's session of this name."""
    values: dict[str, Any] = {
        "file_system_id": FS,
        "file_system_arn": f"arn:aws:elasticfilesystem:{REGION}:{ACCOUNT}:file-system/{FS}",
        "access_point_ids": ("fsap-9",),
        "principal_arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/role/{session}",
        "client_address": CLIENT,
        "permissions": ("ClientMount", "ClientWrite"),
    }
    return ClientConnection(event_id or f"event-{at}-{session}", T + at, **(values | changes))


def interface_event(
    what: str, at: int = 0, interface_id: str = CLIENT_ENI, *addresses: str, **changes: Any
) -> InterfaceEvent:
    """What was done to an interface ``at`` seconds past ``T``; one that is created has addresses."""
    created = {"vpc_id": VPC, "subnet_id": SUBNET, "owner_id": ACCOUNT, "groups": ("sg-1",)}
    values: dict[str, Any] = {"network_interface_id": interface_id}
    if what == "created":
        values |= created | {"addresses": addresses or (CLIENT,)}
    return InterfaceEvent(
        f"{what}-{at}/{interface_id}", T + at, InterfaceChange(what), **(values | changes)
    )


def sighting(**changes: Any) -> Sighting:
    """A request of the client, recorded by its own interface, from ``T + 100`` to ``T + 160``."""
    values: dict[str, Any] = {
        "interface_id": CLIENT_ENI,
        "vpc_id": VPC,
        "client": CLIENT,
        "server": SERVER,
        "action": "ACCEPT",
        "pkt_client": "",
        "instance_id": "",
        "task_arn": "",
        "next_hop": "",
        "az_id": "",
        "first_seen": T + 100,
        "last_seen": T + 160,
        "requests": 1,
        "responses": 0,
        "packets_in": 100,
        "bytes_in": 100_000,
        "packets_out": 0,
        "bytes_out": 0,
        "stray": False,
    }
    return Sighting(**(values | changes))


def end(first: int = 100, last: int | None = None, **changes: Any) -> ClientEnd:
    """A client as the mount target's interface saw it; times relative to ``T``."""
    values: dict[str, Any] = {
        "vantage": Vantage.MOUNT_TARGET,
        "vpc_id": VPC,
        "recorder_vpc_id": VPC,
        "interface_id": "",
        "address": CLIENT,
        "first_seen": T + first,
        "last_seen": T + (first + 60 if last is None else last),
        "instance_id": "",
        "task_arn": "",
        "next_hop": "",
        "file_system_id": FS,
        "server_interface_id": SERVER_ENI,
        "own_interfaces": (),
    }
    return ClientEnd(**(values | changes))
