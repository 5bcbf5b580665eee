"""From what an interface is to who that was: tasks, instances, functions, gateways, with what outlives them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inventory.model import (
    Confidence,
    Instance,
    NetworkInterface,
    Owner,
    OwnerKind,
    Task,
    Version,
    Workload,
)
from inventory.resolve import arns, rules
from inventory.resolve.declared import (
    Candidate,
    Declares,
    functions_behind,
    task_access_points,
    task_declares,
)
from inventory.resolve.findings import Finding
from inventory.resolve.interfaces import by_its_owner

if TYPE_CHECKING:
    from inventory.resolve.topology import Topology


@dataclass(frozen=True, slots=True)
class Ownership:
    """Who stood behind an interface at one moment."""

    owners: tuple[Owner, ...]
    confidence: Confidence
    access_points: tuple[str, ...] = ()
    declares: Declares = Declares.OPEN
    """Whether they are known to declare a mount of the file system that is asked about, or not to."""


def finding_of(
    interface_id: str, moment: int, topology: Topology
) -> tuple[Finding, Version[NetworkInterface]] | None:
    """What an interface was at a moment, and the version of it that says so; ``None`` when no sweep named it.

    What cannot change (a task's, a function's, a gateway's interface) may be told by a version from any time, for ids are never reused and
    descriptions may be edited; the nearest one speaks first, and the interface's own account before others.
    """
    nearest = list(topology.interface(interface_id, moment))
    if not nearest:
        return None
    known = topology.interface_versions(interface_id)
    others = [v for v in (*by_its_owner(known), *known) if v not in nearest]
    findings = [(rules.classify(v.value, topology, moment), v) for v in (*nearest, *others)]
    lasting = [found for found in findings if found[0].lasting]
    if findings[0][0].kind in (OwnerKind.EC2_INSTANCE, OwnerKind.EKS_NODE):
        # Of what is made for life only a task's interface is ever attached to an instance of ours.
        lasting = [found for found in lasting if found[0].kind is OwnerKind.ECS_TASK]
    return lasting[0] if lasting else findings[0]


def ownership(
    interface_id: str, moment: int, file_system_id: str, topology: Topology
) -> Ownership | None:
    """Who owned the interface at the moment, towards one file system; ``None`` when no sweep named the interface."""
    found = finding_of(interface_id, moment, topology)
    if found is None:
        return None
    finding, version = found
    if finding.lasting:
        build = _BUILDERS.get(finding.kind, _named)
        return build(finding, version, _Question(moment, file_system_id, topology))
    held = topology.instances_of(interface_id, moment)
    if held:
        sure = len(held) == 1 and held[0].certain
        owners = [instance_owner(h.instance_id, moment, topology, version) for h in held]
        return settled(owners, Confidence.EXACT if sure else Confidence.INFERRED)
    if finding.kind is OwnerKind.AWS_SERVICE:
        return _named(finding, version, _Question(moment, file_system_id, topology))
    return Ownership((plain_owner(OwnerKind.UNKNOWN, interface_id, version),), Confidence.UNKNOWN)


def settled(
    owners: Sequence[Owner], confidence: Confidence, access_points: tuple[str, ...] = ()
) -> Ownership:
    """Each owner once, sorted by identity; two and more are candidates, whatever was thought of each."""
    distinct = {owner.identity: owner for owner in owners}
    ordered = tuple(distinct[key] for key in sorted(distinct))
    return Ownership(
        ordered, confidence if len(ordered) == 1 else Confidence.CANDIDATES, access_points
    )


def plain_owner(
    kind: OwnerKind,
    owner_id: str,
    version: Version[NetworkInterface] | None = None,
    name: str | None = None,
) -> Owner:
    """An owner that is its own workload."""
    account = (version.value.owner_id or version.account) if version else None
    tags = dict(version.value.tags) if version else {}
    region = version.region if version else None
    return Owner(kind, owner_id, None, name, account, region, tags, Workload(kind.value, owner_id))


@dataclass(frozen=True, slots=True)
class _Question:
    moment: int
    file_system_id: str
    topology: Topology


_Builder = Callable[[Finding, Version[NetworkInterface], _Question], Ownership]


def _named(finding: Finding, version: Version[NetworkInterface], _question: _Question) -> Ownership:
    """Gateways and services: known by their own name, else by the interface."""
    owner_id = finding.id or version.value.network_interface_id
    return Ownership(
        (plain_owner(finding.kind, owner_id, version, finding.name),), Confidence.EXACT
    )


def _proxy(finding: Finding, version: Version[NetworkInterface], _question: _Question) -> Ownership:
    """CodeBuild, DataSync, AgentCore: the service is sure, the project behind it is not told."""
    owner_id = finding.id or version.value.network_interface_id
    return Ownership(
        (plain_owner(finding.kind, owner_id, version, finding.name),), Confidence.INFERRED
    )


def _sagemaker(
    finding: Finding, version: Version[NetworkInterface], _question: _Question
) -> Ownership:
    owner = plain_owner(OwnerKind.SAGEMAKER, finding.id, version, finding.name)
    kind = "sagemaker_domain" if finding.id.startswith("d-") else "sagemaker"
    workload = Workload(kind, finding.id)
    return Ownership((_with(owner, workload=workload),), Confidence.EXACT)


def _pod(finding: Finding, version: Version[NetworkInterface], question: _Question) -> Ownership:
    """The pod has no name outside Kubernetes: its interface stands for it, and the node for where it ran."""
    interface = version.value
    owner = plain_owner(OwnerKind.EKS_POD, interface.network_interface_id, version)
    cluster = rules.cluster_named_by(interface.tags)
    if not cluster and finding.name:
        cluster = cluster_of(finding.name, question.moment, question.topology, version)
    node = finding.name
    workload = (
        _cluster_workload(cluster, owner.account, owner.region) if cluster else owner.workload
    )
    if not cluster and node:
        workload = Workload(OwnerKind.EKS_NODE.value, node)
    name = f"pod on {node}" if node else None
    return Ownership((_with(owner, name=name, workload=workload),), Confidence.EXACT)


def _with(owner: Owner, *, name: str | None = None, workload: Workload | None = None) -> Owner:
    return Owner(
        owner.kind,
        owner.id,
        owner.arn,
        name or owner.name,
        owner.account,
        owner.region,
        owner.tags,
        workload or owner.workload,
    )


# -- tasks -----------------------------------------------------------------------------------------------------------------------------


def _task(finding: Finding, version: Version[NetworkInterface], question: _Question) -> Ownership:
    """By its attachment. A task that no sweep named is a task all the same: its interface stands for it, and nobody knows which it was."""
    known = question.topology.task_of_attachment(finding.id)
    if known is None:
        interface_id = version.value.network_interface_id
        return Ownership(
            (plain_owner(OwnerKind.ECS_TASK, interface_id, version),), Confidence.UNKNOWN
        )
    asked = (known.value, question.file_system_id, question.topology)
    return Ownership(
        (task_owner(known.value, question.topology),),
        Confidence.EXACT,
        task_access_points(*asked),
        task_declares(*asked),
    )


def task_of_arn(task_arn: str, file_system_id: str, topology: Topology) -> Ownership:
    """A task that a record names itself; nothing more need be known of it."""
    known = topology.task(task_arn)
    if known is not None:
        access_points = task_access_points(known.value, file_system_id, topology)
        return Ownership((task_owner(known.value, topology),), Confidence.EXACT, access_points)
    return Ownership((task_owner(Task(task_arn), topology),), Confidence.EXACT)


def task_owner(task: Task, topology: Topology) -> Owner:
    """A task, named after what started it."""
    arn = arns.parse(task.task_arn)
    workload = _task_workload(task, topology)
    return Owner(
        OwnerKind.ECS_TASK,
        arn.name,
        task.task_arn,
        workload.id if workload.kind != OwnerKind.ECS_TASK.value else None,
        arn.account or None,
        arn.region or None,
        dict(task.tags),
        workload,
    )


def _task_workload(task: Task, topology: Topology) -> Workload:
    """Its service, else its family: by the group, the definition, or the definition's ARN."""
    what, _, name = task.group.partition(":")
    if what == "service" and name:
        return Workload(
            "ecs_service", name, arns.service_arn(task.task_arn, task.cluster_arn, name)
        )
    definition = topology.task_definition(task.task_definition_arn)
    family = (definition.value.family if definition else "") or arns.parse(
        task.task_definition_arn
    ).name.split(":")[0]
    if not family and what == "family":
        family = name
    if family:
        return Workload("ecs_task_family", family)
    return Workload(OwnerKind.ECS_TASK.value, arns.parse(task.task_arn).name, task.task_arn)


# -- instances -------------------------------------------------------------------------------------------------------------------------


def instance_owner(
    instance_id: str,
    moment: int,
    topology: Topology,
    interface: Version[NetworkInterface] | None = None,
) -> Owner:
    """An instance, as plain one or EKS node; ``interface`` tells account and region when the instance itself was never seen."""
    known = topology.instance(instance_id, moment)
    kind = rules.instance_finding(
        instance_id, topology, interface.value if interface else None
    ).kind
    place: Version[Instance] | Version[NetworkInterface] | None = known or interface
    account, region = (place.account, place.region) if place else ("", "")
    tags = dict(known.value.tags) if known else {}
    workload = Workload(kind.value, instance_id, arns.instance_arn(instance_id, account, region))
    group = tags.get("aws:autoscaling:groupName")
    if kind is OwnerKind.EKS_NODE:
        cluster = cluster_of(instance_id, moment, topology, interface)
        workload = _cluster_workload(cluster, account, region) if cluster else workload
    elif group:
        workload = Workload("auto_scaling_group", group)
    arn = arns.instance_arn(instance_id, account, region)
    return Owner(
        kind,
        instance_id,
        arn,
        tags.get("Name") or None,
        account or None,
        region or None,
        tags,
        workload,
    )


def cluster_of(
    instance_id: str,
    moment: int,
    topology: Topology,
    interface: Version[NetworkInterface] | None = None,
) -> str:
    """The EKS cluster of a node, by the tags of the instance or of any of its interfaces; ``""`` when nothing names it."""
    known = topology.instance(instance_id, moment)
    marks = [known.value.tags] if known else []
    marks += [v.value.tags for v in topology.interfaces_of_instance(instance_id)]
    if interface is not None and interface.value.instance_id == instance_id:
        marks.append(interface.value.tags)
    return next((cluster for tags in marks if (cluster := rules.cluster_named_by(tags))), "")


def _cluster_workload(cluster: str, account: str | None, region: str | None) -> Workload:
    arn = (
        f"arn:{arns.partition_of(region)}:eks:{region}:{account}:cluster/{cluster}"
        if account and region
        else None
    )
    return Workload("eks_cluster", cluster, arn)


# -- functions -------------------------------------------------------------------------------------------------------------------------


def _functions(
    _finding: Finding, version: Version[NetworkInterface], question: _Question
) -> Ownership:
    """Those that share the interface and are not known to leave the file system alone.

    None left (configuration moved, function deleted, no list of functions): a Lambda function of which only the interface
    is known. The name in the description is never taken for the owner's.
    """
    interface_id = version.value.network_interface_id
    shapes = [v.value for v in question.topology.interface(interface_id, question.moment)]
    found = functions_behind(shapes, question.file_system_id, question.moment, question.topology)
    left = [c for c in found if c.declares > Declares.LAST_KNOWN_NO]
    if not left:
        return Ownership(
            (plain_owner(OwnerKind.LAMBDA_FUNCTION, interface_id, version),), Confidence.UNKNOWN
        )
    proven = all(c.declares in (Declares.YES, Declares.NO) for c in found)
    access_points = tuple(sorted({ap for c in left for ap in c.access_points}))
    return settled(
        [_function_owner(c) for c in left],
        Confidence.EXACT if proven else Confidence.INFERRED,
        access_points,
    )


def _function_owner(candidate: Candidate) -> Owner:
    workload = Workload("lambda_function", candidate.name, candidate.arn)
    return Owner(
        OwnerKind.LAMBDA_FUNCTION,
        candidate.name,
        candidate.arn,
        candidate.name,
        candidate.account,
        candidate.region,
        {},
        workload,
    )


_BUILDERS: dict[OwnerKind, _Builder] = {
    OwnerKind.ECS_TASK: _task,
    OwnerKind.LAMBDA_FUNCTION: _functions,
    OwnerKind.EKS_POD: _pod,
    OwnerKind.SAGEMAKER: _sagemaker,
    OwnerKind.CODEBUILD_PROJECT: _proxy,
    OwnerKind.DATASYNC: _proxy,
    OwnerKind.BEDROCK_AGENTCORE: _proxy,
}
