"""Knowledge: what AWS says of who has what, and when it said so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from inventory.model.declarations import DECLARED
from inventory.model.metrics import MetricRun

# The fields of these classes are the allow-list: nothing else of an AWS answer is kept. AWS names keep their spelling.


@dataclass(frozen=True, slots=True)
class NetworkInterface:
    """An ENI as one sweep shows it."""

    network_interface_id: str
    vpc_id: str = ""
    subnet_id: str = ""
    owner_id: str = ""
    description: str = ""
    interface_type: str = ""
    requester_id: str = ""
    requester_managed: bool = False
    status: str = ""
    addresses: tuple[str, ...] = ()
    """Canonical, the primary first: secondary and IPv6 too."""
    prefixes: tuple[str, ...] = ()
    """Delegated prefixes, in CIDR form."""
    groups: tuple[str, ...] = ()
    """Security group ids, sorted."""
    attachment_id: str = ""
    attach_time: int | None = None
    instance_id: str = ""
    instance_owner_id: str = ""
    device_index: int | None = None
    availability_zone: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Instance:
    """An EC2 instance as one sweep shows it."""

    instance_id: str
    vpc_id: str = ""
    state: str = ""
    launch_time: int | None = None
    interfaces: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Function:
    """One version of a Lambda function (``$LATEST`` or published)."""

    function_arn: str
    """With the version for published ones, without for ``$LATEST``."""
    function_name: str
    version: str = "$LATEST"
    vpc_id: str = ""
    subnet_ids: tuple[str, ...] = ()
    security_group_ids: tuple[str, ...] = ()
    """Sorted."""
    access_point_arns: tuple[str, ...] = ()
    """``FileSystemConfigs[].Arn``, sorted."""
    last_modified: int | None = None


@dataclass(frozen=True, slots=True)
class TaskAttachment:
    """A task's network interface; a stopped task still names its deleted one."""

    attachment_id: str
    network_interface_id: str = ""
    subnet_id: str = ""
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """An ECS task, running or stopped (ECS names stopped ones for at least an hour)."""

    task_arn: str
    cluster_arn: str = ""
    group: str = ""
    task_definition_arn: str = ""
    launch_type: str = ""
    last_status: str = ""
    started_by: str = ""
    container_instance_arn: str = ""
    created_at: int | None = None
    connectivity_at: int | None = None
    started_at: int | None = None
    stopping_at: int | None = None
    execution_stopped_at: int | None = None
    stopped_at: int | None = None
    attachments: tuple[TaskAttachment, ...] = ()
    """Those of type ElasticNetworkInterface."""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContainerInstance:
    """An EC2 instance as ECS knows it."""

    container_instance_arn: str
    instance_id: str = ""
    cluster_arn: str = ""


@dataclass(frozen=True, slots=True)
class TaskDefinition:
    """Immutable once registered."""

    task_definition_arn: str
    family: str = ""
    file_systems: tuple[tuple[str, str], ...] = ()
    """``(file system id, access point id or "")`` of each EFS volume."""
    network_mode: str = ""


@dataclass(frozen=True, slots=True)
class FileSystem:
    """An EFS file system as one sweep shows it."""

    file_system_id: str
    arn: str = ""
    name: str = ""
    owner_id: str = ""
    creation_time: int | None = None
    life_cycle_state: str = ""
    number_of_mount_targets: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FileSystemSize:
    """How much a file system holds, as AWS last metered it: bytes by storage class.

    It is another one with every sweep, so it is no kind of knowledge with versions: the newest is kept, and nothing else.
    """

    file_system_id: str
    standard: int = 0
    infrequent_access: int = 0
    archive: int = 0
    one_zone: bool = False
    """It is kept in one Availability Zone, which costs less."""

    @property
    def total(self) -> int:
        """All classes together."""
        return self.standard + self.infrequent_access + self.archive


@dataclass(frozen=True, slots=True)
class MountTarget:
    """Where a file system can be mounted from; its addresses stay for its life."""

    mount_target_id: str
    file_system_id: str
    vpc_id: str = ""
    subnet_id: str = ""
    owner_id: str = ""
    network_interface_id: str = ""
    addresses: tuple[str, ...] = ()
    life_cycle_state: str = ""
    availability_zone_id: str = ""


@dataclass(frozen=True, slots=True)
class AccessPoint:
    """A way into a file system that functions and task definitions name."""

    access_point_id: str
    file_system_id: str
    arn: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class OtherServer:
    """A server on 2049 that is not EFS: FSx, S3 Files."""

    server_id: str
    service: str
    """``fsx`` or ``s3files``."""
    arn: str = ""
    vpc_id: str = ""
    interface_ids: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Vpc:
    """A VPC and its address ranges."""

    vpc_id: str
    owner_id: str = ""
    cidrs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet, its VPC and its address ranges."""

    subnet_id: str
    vpc_id: str = ""
    owner_id: str = ""
    cidrs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    """That a security group was looked at; what it lets in is told by its rules."""

    group_id: str
    name: str = ""
    vpc_id: str = ""
    owner_id: str = ""


@dataclass(frozen=True, slots=True)
class SecurityGroupRule:
    """A rule of a security group that lets NFS in (TCP port 2049), with all that it takes to make it again."""

    rule_id: str
    group_id: str = ""
    protocol: str = ""
    """``tcp``, or ``-1``: every one."""
    from_port: int | None = None
    to_port: int | None = None
    """``None``: every port."""
    cidr: str = ""
    cidr_ipv6: str = ""
    prefix_list_id: str = ""
    source_group_id: str = ""
    source_account: str = ""
    """Of the group, where AWS names it."""
    peering_id: str = ""
    """The peering connection behind which the group is."""
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class VpcLink:
    """A way between VPCs: a peering connection, or one VPC's attachment to a transit gateway."""

    link_id: str
    """``pcx-…``, or ``tgw-…/vpc-…``."""
    hub: str
    """``pcx-…`` or ``tgw-…``: VPCs on one hub reach each other."""
    vpc_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RouteTable:
    """Of one route table the ways into other VPCs: through peering connections and transit gateways."""

    route_table_id: str
    vpc_id: str = ""
    hubs: tuple[str, ...] = ()
    """``pcx-…`` and ``tgw-…`` that a route leads to and that is no black hole, sorted."""


@dataclass(frozen=True, slots=True)
class Replication:
    """A file system that EFS copies to others by itself, without traffic in a VPC."""

    source_file_system_id: str
    source_arn: str = ""
    source_region: str = ""
    destinations: tuple[tuple[str, str, str, str], ...] = ()
    """``(file system id, region, account, status)`` of each, sorted."""


@dataclass(frozen=True, slots=True)
class EksCluster:
    """A Kubernetes cluster and the VPC that its nodes are in."""

    cluster_arn: str
    name: str = ""
    vpc_id: str = ""
    status: str = ""


@dataclass(frozen=True, slots=True)
class FlowLog:
    """A flow log's own configuration, by DescribeFlowLogs."""

    flow_log_id: str
    resource_id: str = ""
    """``vpc-…``, ``subnet-…`` or ``eni-…``."""
    traffic_type: str = ""
    log_format: str = ""
    log_destination_type: str = ""
    log_destination: str = ""
    log_group_name: str = ""
    max_aggregation_interval: int | None = None
    flow_log_status: str = ""
    deliver_logs_status: str = ""
    deliver_logs_error_message: str = ""
    creation_time: int | None = None


@dataclass(frozen=True, slots=True)
class PodMount:
    """Pods of one controller that use one EFS volume, on one node; or a claimed volume that no pod uses (``pods`` is 0)."""

    file_system_id: str
    access_point_id: str = ""
    namespace: str = ""
    controller_kind: str = ""
    """``Deployment``, ``StatefulSet``, …; ``Pod`` for one without controller."""
    controller_name: str = ""
    claim: str = ""
    """``""`` when the pod names the server itself."""
    volume: str = ""
    """The persistent volume's name."""
    pods: int = 0


@dataclass(frozen=True, slots=True)
class ClusterUse:
    """What a whole dump of a Kubernetes cluster shows of one node; without a node, of the volumes that no pod uses.

    Every whole dump has one without a node, so that its moment is known even when no pod uses EFS.
    """

    use_id: str
    """``<cluster>/<node>``."""
    cluster: str = ""
    node: str = ""
    addresses: tuple[str, ...] = ()
    """Of the node, sorted."""
    mounts: tuple[PodMount, ...] = ()
    """Each once, sorted."""


class InterfaceChange(StrEnum):
    """What an event did to a network interface. ``terminated``: to an instance, and with it to the interfaces made with it."""

    CREATED = "created"
    ATTACHED = "attached"
    DETACHED = "detached"
    DELETED = "deleted"
    TERMINATED = "terminated"


@dataclass(frozen=True, slots=True)
class ClientConnection:
    """An IAM-authorised connection to a file system, as EFS told CloudTrail of it (``NewClientConnection``)."""

    event_id: str
    time: int
    file_system_id: str
    file_system_arn: str = ""
    access_point_ids: tuple[str, ...] = ()
    """Sorted."""
    principal_arn: str = ""
    from_instance: bool = False
    """``ec2RoleDelivery``: the credentials are those that EC2 hands out on an instance, so the session is named after it."""
    client_address: str = ""
    permissions: tuple[str, ...] = ()
    """Those granted, such as ``ClientWrite``; sorted."""


@dataclass(frozen=True, slots=True)
class InterfaceEvent:
    """What CloudTrail says was done to one network interface (or, ``terminated``, to an instance)."""

    key: str
    """The event's id, ``/``, and the id of what it was done to: RunInstances makes many."""
    time: int
    what: InterfaceChange
    network_interface_id: str = ""
    """``""`` when only the attachment (``detached``) or the instance (``terminated``) is named."""
    vpc_id: str = ""
    subnet_id: str = ""
    owner_id: str = ""
    description: str = ""
    interface_type: str = ""
    requester_id: str = ""
    requester_managed: bool = False
    addresses: tuple[str, ...] = ()
    """Canonical, the primary first."""
    groups: tuple[str, ...] = ()
    """Security group ids, sorted."""
    attachment_id: str = ""
    instance_id: str = ""
    """``created`` with it: RunInstances made both."""
    device_index: int | None = None
    delete_on_termination: bool | None = None
    tags: Mapping[str, str] = field(default_factory=dict)


DOORS: dict[str, tuple[type[Any], str]] = {
    "security_group": (SecurityGroup, "group_id"),
    "security_group_rule": (SecurityGroupRule, "rule_id"),
}
"""The kinds that tell who is let in at a mount target; no client is named by them."""

KINDS: dict[str, tuple[type[Any], str]] = {
    "network_interface": (NetworkInterface, "network_interface_id"),
    "instance": (Instance, "instance_id"),
    "function": (Function, "function_arn"),
    "task": (Task, "task_arn"),
    "container_instance": (ContainerInstance, "container_instance_arn"),
    "task_definition": (TaskDefinition, "task_definition_arn"),
    "file_system": (FileSystem, "file_system_id"),
    "mount_target": (MountTarget, "mount_target_id"),
    "access_point": (AccessPoint, "access_point_id"),
    "other_server": (OtherServer, "server_id"),
    "vpc": (Vpc, "vpc_id"),
    "subnet": (Subnet, "subnet_id"),
    "vpc_link": (VpcLink, "link_id"),
    "flow_log": (FlowLog, "flow_log_id"),
    "route_table": (RouteTable, "route_table_id"),
    "replication": (Replication, "source_file_system_id"),
    "eks_cluster": (EksCluster, "cluster_arn"),
    "cluster_use": (ClusterUse, "use_id"),
    "client_connection": (ClientConnection, "event_id"),
    "interface_event": (InterfaceEvent, "key"),
    **DOORS,
    **DECLARED,
}
"""Every kind of knowledge: its class, and the field that is its key inside an account and region."""

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Version(Generic[V]):
    """One thing, unchanged over a stretch of sweeps: a time range with two bounds at each end, never one guessed time.

    Certain from ``first_seen`` to ``last_seen``; possible after ``not_before`` and before ``not_after``. ``None`` is "no bound known".
    """

    value: V
    account: str
    region: str
    first_seen: int
    last_seen: int
    not_before: int | None
    not_after: int | None

    def certain(self, moment: int) -> bool:
        """Proven to be so at the moment."""
        return self.first_seen <= moment <= self.last_seen

    def possible(self, moment: int) -> bool:
        """Not known to be otherwise at the moment."""
        return (self.not_before is None or self.not_before < moment) and (
            self.not_after is None or moment < self.not_after
        )


class CallState(StrEnum):
    """``missing`` and ``broken`` (denied, cut, unreadable) both mean "not known"; only ``whole`` proves absence."""

    WHOLE = "whole"
    MISSING = "missing"
    BROKEN = "broken"


FREE = ("sts.", "s3.", "logs.", "athena.", "glue.")
"""How the calls begin that ask who we are, and that read flow logs: they are counted, but never refused and never against the
budget of sweeps."""


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one account and region owned at one moment, as far as the calls answered."""

    name: str
    """Where it came from, unique with account and region: the dated folder, or the moment of the live sweep."""
    taken_at: int
    account: str
    region: str
    calls: Mapping[str, CallState]
    """By call, ``ec2.describe-network-interfaces`` and the like; the dump of a Kubernetes cluster is ``k8s.<cluster>``."""
    problems: Mapping[str, str]
    """For people, by call, where the state is ``broken``."""
    whole: frozenset[str]
    """The kinds (keys of :data:`KINDS`) that this sweep shows completely: absence from it means absence."""
    items: Mapping[str, tuple[Any, ...]]
    """By kind, what was seen. A kind may have items without being whole (stopped tasks)."""
    sizes: tuple[FileSystemSize, ...] = ()
    """Of file systems, by id."""
    metrics: tuple[MetricRun, ...] = ()
    """What CloudWatch told of its file systems, as far as it is settled."""
