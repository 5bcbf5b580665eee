"""What an interface is: one small rule per owner kind, the first answer wins.

Patterns are anchored and taken from recorded interfaces, from the VPC CNI and ECS agents' sources and from AWS's manuals. A
Description may be missing, and a user may have edited it, so a rule looks at what only AWS can set (attachment, type,
requester) where there is such a thing.
InterfaceType alone decides little: old Lambda and some EFS interfaces are plain ``interface``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from inventory.model import NetworkInterface, OwnerKind
from inventory.resolve.findings import Finding, Rule
from inventory.resolve.servers import described_mount_target
from inventory.resolve.services import SERVICES

if TYPE_CHECKING:
    from inventory.resolve.topology import Topology


TRANSIT = frozenset(
    {"transit_gateway", "vpc_endpoint", "gateway_load_balancer_endpoint", "network_firewall"}
)
"""Findings whose interfaces only carry what others send: what they record is a shadow."""

_ATTACHMENT = re.compile(r"arn:aws[\w-]*:ecs:[^:]+:\d{12}:attachment/([0-9a-f-]{36})")
_LAMBDA_NAMED = re.compile(
    r"AWS Lambda VPC ENI-(.+)-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.DOTALL
)
_LAMBDA_ANY = re.compile(r"AWS Lambda VPC(?: ENI.*)?|arn:aws[\w-]*:lambda:.*", re.DOTALL)
_STUDIO = re.compile(
    r"\[DO NOT DELETE\] ENI managed by SageMaker for Studio Domain ?\((d-[a-z0-9]+)\).*", re.DOTALL
)
_NOTEBOOK = re.compile(
    r"\[Do not delete\] Network Interface created to access resources in your VPC for SageMaker Notebook Instance (\S+)",
    re.IGNORECASE,
)
_CODEBUILD = re.compile(r"[^:]+:AWSCodeBuild-[0-9a-f-]+")
_DATASYNC = re.compile(r"datasync .*", re.IGNORECASE | re.DOTALL)
_EKS_NODE = re.compile(r"aws-K8S-i-[0-9a-f]+|aws-k8s-trunk-eni", re.IGNORECASE)
_CLUSTER_TAG = "kubernetes.io/cluster/"
_CLUSTER_NAMES = ("eks:cluster-name", "aws:eks:cluster-name", "cluster.k8s.amazonaws.com/name")
_NODE_TAGS = ("node.k8s.amazonaws.com/instance_id", "eks:nodegroup-name")


def mount_target(interface: NetworkInterface, topology: Topology, _moment: int) -> Finding | None:
    """The server itself, by its description or by DescribeMountTargets."""
    named = described_mount_target(interface)
    if named is None:
        known = topology.mount_target_of_interface(interface.network_interface_id)
        if known is None:
            return None
        named = (known.value.file_system_id, known.value.mount_target_id)
    return Finding(
        "efs_mount_target", OwnerKind.AWS_SERVICE, named[0], f"EFS mount target {named[1]}"
    )


def other_server(interface: NetworkInterface, topology: Topology, _moment: int) -> Finding | None:
    """An interface of FSx or S3 Files, by these services' own lists."""
    known = topology.other_server_of_interface(interface.network_interface_id)
    if known is None:
        return None
    return Finding(
        f"{known.value.service}_server",
        OwnerKind.AWS_SERVICE,
        known.value.server_id,
        f"{known.value.service} file system",
    )


def ecs_task(interface: NetworkInterface, _topology: Topology, _moment: int) -> Finding | None:
    """Before the instance: a task's interface may be attached to an instance of ours, and is still the task's."""
    match = _ATTACHMENT.fullmatch(interface.description)
    return Finding("ecs_task", OwnerKind.ECS_TASK, match[1]) if match else None


def lambda_function(
    interface: NetworkInterface, _topology: Topology, _moment: int
) -> Finding | None:
    """The name in the description is only whoever caused the interface to be made: a hint, never the owner."""
    if interface.interface_type != "lambda" and not _LAMBDA_ANY.fullmatch(interface.description):
        return None
    match = _LAMBDA_NAMED.fullmatch(interface.description)
    return Finding("lambda", OwnerKind.LAMBDA_FUNCTION, match[1] if match else "")


def eks_branch(interface: NetworkInterface, topology: Topology, moment: int) -> Finding | None:
    """A pod with its own security groups. A branch interface has no attachment of its own: its trunk's instance is the node."""
    trunk = interface.tags.get("vpcresources.k8s.aws/trunk-eni-id", "")
    if not trunk and interface.description != "aws-k8s-branch-eni":
        return None
    nodes = topology.instances_of(trunk, moment)
    node = nodes[0].instance_id if len(nodes) == 1 else None
    return Finding("eks_branch_eni", OwnerKind.EKS_POD, trunk, node)


def instance(interface: NetworkInterface, topology: Topology, _moment: int) -> Finding | None:
    """An instance of an account we know; as EKS node when it or one of its interfaces carries the marks of one."""
    if not interface.instance_id or not _is_ours(interface, topology):
        return None
    return instance_finding(interface.instance_id, topology, interface)


def instance_finding(
    instance_id: str, topology: Topology, interface: NetworkInterface | None = None
) -> Finding:
    """What an instance is, by everything known of it and its interfaces at any time."""
    marks = [v.value for v in topology.interfaces_of_instance(instance_id)]
    if interface is not None and interface.instance_id == instance_id:
        marks.append(interface)
    is_node = any(_EKS_NODE.fullmatch(m.description) or _marks_node(m.tags) for m in marks)
    is_node = is_node or any(
        _marks_node(v.value.tags) for v in topology.instance_versions(instance_id)
    )
    kind = OwnerKind.EKS_NODE if is_node else OwnerKind.EC2_INSTANCE
    return Finding(kind.value, kind, instance_id, lasting=False)


def cluster_named_by(tags: Mapping[str, str]) -> str:
    """The EKS cluster that tags of an instance or interface name, ``""`` when they name none."""
    for key in _CLUSTER_NAMES:
        if tags.get(key):
            return tags[key]
    return next(
        (key.removeprefix(_CLUSTER_TAG) for key in sorted(tags) if key.startswith(_CLUSTER_TAG)), ""
    )


def _marks_node(tags: Mapping[str, str]) -> bool:
    return bool(cluster_named_by(tags)) or any(key in tags for key in _NODE_TAGS)


def _is_ours(interface: NetworkInterface, topology: Topology) -> bool:
    """A service's instance bears an alias (``amazon-aws``) or an account that no sweep knows."""
    owner = interface.instance_owner_id
    return (
        owner in ("", interface.owner_id)
        or owner in topology.accounts
        or (owner.isdigit() and not interface.owner_id)
    )


def sagemaker(interface: NetworkInterface, _topology: Topology, _moment: int) -> Finding | None:
    """Studio domains and notebook instances."""
    if match := _STUDIO.fullmatch(interface.description):
        return Finding(
            "sagemaker_studio", OwnerKind.SAGEMAKER, match[1], f"SageMaker domain {match[1]}"
        )
    if match := _NOTEBOOK.fullmatch(interface.description):
        return Finding(
            "sagemaker_notebook", OwnerKind.SAGEMAKER, match[1], f"SageMaker notebook {match[1]}"
        )
    resource = interface.tags.get("ManagedByAmazonSageMakerResource", "")
    if re.match(r"arn:aws[\w-]*:sagemaker:", resource):
        return Finding("sagemaker", OwnerKind.SAGEMAKER, resource.rsplit("/", 1)[-1], resource)
    return None


def codebuild(interface: NetworkInterface, _topology: Topology, _moment: int) -> Finding | None:
    """By the session name of the role that made it; there is no stable description, and the project is not named."""
    if _CODEBUILD.fullmatch(interface.requester_id):
        return Finding("codebuild", OwnerKind.CODEBUILD_PROJECT)
    return None


def datasync(interface: NetworkInterface, _topology: Topology, _moment: int) -> Finding | None:
    """By how the description begins; nothing else tells."""
    if _DATASYNC.fullmatch(interface.description) and not interface.instance_id:
        return Finding("datasync", OwnerKind.DATASYNC, name=interface.description)
    return None


def agentcore(interface: NetworkInterface, _topology: Topology, _moment: int) -> Finding | None:
    """Bedrock AgentCore's interfaces are shared by subnet and security groups: which runtime it is stays open."""
    if interface.tags.get("AmazonBedrockAgentCoreManaged") == "true":
        return Finding("bedrock_agentcore", OwnerKind.BEDROCK_AGENTCORE)
    return None


def eks_control_plane(
    interface: NetworkInterface, _topology: Topology, _moment: int
) -> Finding | None:
    """Needs both marks: the description alone is a common phrase."""
    match = re.fullmatch(r"Amazon EKS (\S+)", interface.description)
    if match and (
        interface.requester_id.endswith(":AmazonEKS")
        or interface.instance_owner_id != interface.owner_id
    ):
        return Finding(
            "eks_control_plane", OwnerKind.AWS_SERVICE, match[1], f"EKS control plane of {match[1]}"
        )
    return None


def network_firewall(
    interface: NetworkInterface, _topology: Topology, _moment: int
) -> Finding | None:
    """AWS Network Firewall's endpoints are Gateway Load Balancer endpoints that it tags."""
    if interface.tags.get("AWSNetworkFirewallManaged") == "true":
        return Finding(
            "network_firewall",
            OwnerKind.GATEWAY,
            interface.tags.get("Firewall", "").rsplit("/", 1)[-1],
            "Network Firewall",
        )
    return None


def service_unknown(
    interface: NetworkInterface, topology: Topology, _moment: int
) -> Finding | None:
    """Made or used by a service that no rule knows; its own words are kept as they are."""
    foreign = bool(interface.instance_owner_id) and not _is_ours(interface, topology)
    if not interface.requester_managed and not foreign:
        return None
    return Finding(
        "service_unknown",
        OwnerKind.AWS_SERVICE,
        name=interface.description or interface.requester_id or None,
        lasting=False,
    )


def unattached(interface: NetworkInterface, _topology: Topology, _moment: int) -> Finding | None:
    """Somebody's own interface that is attached to nothing."""
    if interface.attachment_id or interface.status not in ("available", "pending"):
        return None
    return Finding("user_unattached", OwnerKind.UNKNOWN, lasting=False)


RULES: tuple[Rule, ...] = (
    mount_target,
    other_server,
    ecs_task,
    lambda_function,
    eks_branch,
    instance,
    sagemaker,
    datasync,
    codebuild,
    agentcore,
    network_firewall,
    *SERVICES,
    eks_control_plane,
    service_unknown,
    unattached,
)
"""In this order, the first answer wins."""

UNKNOWN = Finding("unknown", OwnerKind.UNKNOWN, lasting=False)


def classify(interface: NetworkInterface, topology: Topology, moment: int) -> Finding:
    """What an interface is, by the first rule that knows it; :data:`UNKNOWN` when none does."""
    for rule in RULES:
        if (finding := rule(interface, topology, moment)) is not None:
            return finding
    return UNKNOWN
