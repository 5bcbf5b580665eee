"""The calls of a sweep: which list of an answer holds what, and which calls together show a kind of thing completely."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from inventory.discover import datapoints, declaring, doors, fields, kubernetes, reduce, trail
from inventory.discover.fields import FieldError, Raw
from inventory.model import FREE, KINDS, CallState, FileSystemSize, MetricRun, Sweep


@dataclass(frozen=True, slots=True)
class Call:
    """How one call's answer is read."""

    key: str
    """The list in the answer."""
    kind: str = ""
    """What its entries are; ``""`` when the list only tells what to ask next."""
    reduce: Callable[[Raw], Any] | None = None
    """One entry to a value; ``None`` for an entry that stands for nothing."""
    entries: Callable[[Raw], Iterable[Raw]] | None = None
    """The entries inside one row of the list, where rows only group them."""
    dispensable: tuple[str, ...] = ()
    """Fields without which an entry that cannot be read is still worth keeping."""
    values: Callable[[Raw], Iterable[Any]] | None = None
    """Instead of ``reduce``: one row to any number of values, of ``kind`` or of one of ``others``."""
    others: tuple[str, ...] = ()
    fold: Callable[[Iterable[Any]], list[Any]] | None = None
    """All values of an answer to those that are kept."""
    measure: Callable[[Raw], FileSystemSize | None] | None = None
    """What a row says of sizes, apart from its value."""
    apart: bool = False
    """It is asked apart from sweeps: that a sweep did not ask it is no gap."""


_CLUSTER_USE = "cluster_use"
"""What a dump of a Kubernetes cluster (``k8s.<cluster>``) shows. A dump is whole for its own cluster only, so the kind never is."""

CALLS: Mapping[str, Call] = {
    "ec2.describe-network-interfaces": Call(
        "NetworkInterfaces",
        "network_interface",
        reduce.network_interface,
        dispensable=reduce.ADDRESS_FIELDS,
    ),
    "ec2.describe-instances": Call("Reservations", "instance", reduce.instance, reduce.instances),
    "ec2.describe-flow-logs": Call("FlowLogs", "flow_log", reduce.flow_log),
    "ec2.describe-subnets": Call("Subnets", "subnet", reduce.subnet),
    "ec2.describe-vpcs": Call("Vpcs", "vpc", reduce.vpc),
    "ec2.describe-vpc-peering-connections": Call(
        "VpcPeeringConnections", "vpc_link", reduce.peering
    ),
    "ec2.describe-transit-gateway-vpc-attachments": Call(
        "TransitGatewayVpcAttachments", "vpc_link", reduce.transit_attachment
    ),
    "ec2.describe-route-tables": Call("RouteTables", "route_table", reduce.route_table),
    "ec2.describe-security-groups": Call("SecurityGroups", "security_group", doors.security_group),
    "ec2.describe-security-group-rules": Call(
        "SecurityGroupRules", "security_group_rule", doors.nfs_rule
    ),
    "efs.describe-file-systems": Call(
        "FileSystems", "file_system", reduce.file_system, measure=reduce.file_system_size
    ),
    "efs.describe-mount-targets": Call("MountTargets", "mount_target", reduce.mount_target),
    "efs.describe-access-points": Call("AccessPoints", "access_point", reduce.access_point),
    "efs.describe-replication-configurations": Call(
        "Replications", "replication", reduce.replication
    ),
    "lambda.list-functions": Call("Functions", "function", reduce.function),
    "ecs.list-clusters": Call("clusterArns"),
    "ecs.describe-tasks": Call("tasks", "task", reduce.task),
    "ecs.describe-task-definitions": Call(
        "taskDefinitions", "task_definition", reduce.task_definition
    ),
    "ecs.describe-container-instances": Call(
        "containerInstances", "container_instance", reduce.container_instance
    ),
    "eks.describe-clusters": Call("clusters", "eks_cluster", reduce.eks_cluster),
    "fsx.describe-file-systems": Call("FileSystems", "other_server", reduce.fsx_server),
    "s3files.list-file-systems": Call("fileSystems"),
    "s3files.list-mount-targets": Call("mountTargets", "other_server", reduce.s3files_server),
    "ecs.describe-services": Call("services", "ecs_service", declaring.ecs_service),
    "events.list-targets-by-rule": Call("Targets", "task_schedule", declaring.task_schedule),
    "scheduler.get-schedules": Call("Schedules", "timed_task", declaring.timed_task),
    "batch.describe-job-definitions": Call(
        "jobDefinitions", "batch_definition", declaring.batch_definition
    ),
    "codebuild.batch-get-projects": Call("projects", "build_project", declaring.build_project),
    "sagemaker.describe-domains": Call("Domains", "studio_domain", declaring.studio_domain),
    "sagemaker.describe-user-profiles": Call(
        "UserProfiles", "studio_profile", declaring.studio_profile
    ),
    "sagemaker.describe-spaces": Call("Spaces", "studio_space", declaring.studio_space),
    "datasync.describe-locations-efs": Call(
        "Locations", "transfer_location", declaring.transfer_location
    ),
    "datasync.describe-tasks": Call("Tasks", "transfer_task", declaring.transfer_task),
    "transfer.describe-users": Call("Users", "transfer_user", declaring.transfer_user),
    "transfer.describe-accesses": Call("Accesses", "transfer_access", declaring.transfer_access),
    "m2.get-environments": Call(
        "environments", "mainframe_environment", declaring.mainframe_environment
    ),
    "bedrock-agentcore-control.get-agent-runtimes": Call(
        "agentRuntimes", "agent_runtime", declaring.agent_runtime
    ),
    "efs.describe-file-system-policies": Call(
        "Policies", "file_system_policy", declaring.file_system_policy
    ),
    datapoints.CALL: Call(datapoints.KEY),
    trail.CALL: Call(
        "Events",
        "client_connection",
        values=trail.happenings,
        others=("interface_event",),
        fold=trail.folded,
        apart=True,
    ),
}

WHOLE_BY: Mapping[str, tuple[str, ...]] = {
    "network_interface": ("ec2.describe-network-interfaces",),
    "instance": ("ec2.describe-instances",),
    "flow_log": ("ec2.describe-flow-logs",),
    "subnet": ("ec2.describe-subnets",),
    "vpc": ("ec2.describe-vpcs",),
    "vpc_link": (
        "ec2.describe-vpc-peering-connections",
        "ec2.describe-transit-gateway-vpc-attachments",
    ),
    "route_table": ("ec2.describe-route-tables",),
    "security_group": ("ec2.describe-security-groups",),
    "security_group_rule": ("ec2.describe-security-group-rules",),
    "replication": ("efs.describe-replication-configurations",),
    "eks_cluster": ("eks.describe-clusters",),
    "file_system": ("efs.describe-file-systems",),
    "mount_target": ("efs.describe-mount-targets",),
    "access_point": ("efs.describe-access-points",),
    "function": ("lambda.list-functions",),
    "task": ("ecs.list-clusters", "ecs.describe-tasks"),
    "container_instance": ("ecs.list-clusters", "ecs.describe-container-instances"),
    "other_server": (
        "fsx.describe-file-systems",
        "s3files.list-file-systems",
        "s3files.list-mount-targets",
    ),
    "ecs_service": ("ecs.list-clusters", "ecs.describe-services"),
    "task_schedule": ("events.list-targets-by-rule",),
    "timed_task": ("scheduler.get-schedules",),
    "batch_definition": ("batch.describe-job-definitions",),
    "build_project": ("codebuild.batch-get-projects",),
    "studio_domain": ("sagemaker.describe-domains",),
    "studio_profile": ("sagemaker.describe-user-profiles",),
    "studio_space": ("sagemaker.describe-spaces",),
    "transfer_location": ("datasync.describe-locations-efs",),
    "transfer_task": ("datasync.describe-tasks",),
    "transfer_user": ("transfer.describe-users",),
    "transfer_access": ("transfer.describe-accesses",),
    "mainframe_environment": ("m2.get-environments",),
    "agent_runtime": ("bedrock-agentcore-control.get-agent-runtimes",),
    "file_system_policy": ("efs.describe-file-system-policies",),
}
"""By kind the calls that must all be whole before absence means anything.

Tasks are listed by cluster, so their list is complete only with the clusters' own: then a running task that is absent has ended. A stopped
one disappears by itself after an hour or so; its own times say when it ended. Task definitions are asked for one by one and never change,
so their absence never means anything; nor does that of events, of which only some are ever asked for. What pods use is told by cluster:
each dump says of each node of its own all there is.
"""

_KIND_OF = {shape: kind for kind, (shape, _) in KINDS.items()}

_Identity = tuple[str, str]
"""Kind and key of a value."""

SWEPT = tuple(call for call, spec in CALLS.items() if not spec.apart)
"""The calls that a whole sweep makes."""


def spent(by_call: Mapping[str, int]) -> int:
    """What of some requests counts against ``max_calls_per_day``.

    Not those of histories, which have a budget of their own, nor reading flow logs, nor asking who we are.
    """
    return sum(
        number
        for call, number in by_call.items()
        if not call.startswith(FREE) and not (call in CALLS and CALLS[call].apart)
    )


_MORE = ("NextToken", "nextToken", "NextMarker")
"""What an answer bears when there is more of it."""

_GONE = "MISSING"
"""The reason ECS gives for a task or container instance that ended between being listed and described."""


@dataclass(slots=True)
class Answer:
    """What one call said, as far as it could be read."""

    state: CallState
    items: list[Any] = field(default_factory=list)
    problem: str = ""
    sizes: list[FileSystemSize] = field(default_factory=list)


def read_answer(call: str, answer: object) -> Answer:
    """An answer's values. An entry that cannot be read is left out and makes the answer ``broken``; the others stay.

    Of a Kubernetes cluster's dump nothing stays when it is broken.
    """
    if cluster := kubernetes.cluster_of(call):
        return _read_dump(cluster, answer)
    if call == datapoints.CALL:
        return _read_metrics(answer)
    spec = CALLS[call]
    try:
        raw = fields.mapping(answer, "the answer")
        listed = fields.entries(raw, spec.key)
        problems = _shortcomings(raw)
    except FieldError as error:
        return Answer(CallState.BROKEN, problem=str(error))
    items: dict[_Identity, Any] = {}
    sizes: dict[str, FileSystemSize] = {}
    for position, row in enumerate(listed):
        try:
            items.update(_values(spec, row))
            sizes.update(_measured(spec, row))
        except FieldError as error:
            problems.append(f"{spec.key}[{position}]: {error}")
            items.update(_salvaged(spec, row))
    state = CallState.BROKEN if problems else CallState.WHOLE
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    kept = spec.fold(items.values()) if spec.fold else list(items.values())
    told = problems[0] + more if problems else ""
    return Answer(state, kept, told, list(sizes.values()))


def _read_dump(cluster: str, answer: object) -> Answer:
    try:
        return Answer(CallState.WHOLE, list(kubernetes.cluster_uses(cluster, answer)))
    except FieldError as error:
        return Answer(CallState.BROKEN, problem=str(error))


def _read_metrics(answer: object) -> Answer:
    """What is above zero stands in a broken answer, too."""
    try:
        raw = fields.mapping(answer, "the answer")
        listed = fields.entries(raw, datapoints.KEY)
        problems = _shortcomings(raw)
    except FieldError as error:
        return Answer(CallState.BROKEN, problem=str(error))
    runs: list[MetricRun] = []
    for position, row in enumerate(listed):
        try:
            series = datapoints.read(row)
        except FieldError as error:
            problems.append(f"{datapoints.KEY}[{position}]: {error}")
            continue
        runs += series.runs
        problems += [series.problem] if series.problem else []
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    state = CallState.BROKEN if problems else CallState.WHOLE
    return Answer(state, runs, problems[0] + more if problems else "")


def _values(spec: Call, row: object) -> dict[_Identity, Any]:
    """One row's values by kind and key; the last of two with one key counts, as pages may overlap."""
    if spec.values is not None:
        return {_identity(value): value for value in spec.values(fields.mapping(row, "the entry"))}
    if spec.reduce is None:
        return {}
    raw = fields.mapping(row, "the entry")
    entries = spec.entries(raw) if spec.entries else (raw,)
    values = [value for entry in entries if (value := spec.reduce(entry)) is not None]
    return {_identity(value): value for value in values}


def _measured(spec: Call, row: object) -> dict[str, FileSystemSize]:
    found = spec.measure(fields.mapping(row, "the entry")) if spec.measure else None
    return {} if found is None else {found.file_system_id: found}


def _identity(value: object) -> _Identity:
    kind = _KIND_OF[type(value)]
    return kind, getattr(value, KINDS[kind][1])


def _salvaged(spec: Call, row: object) -> dict[_Identity, Any]:
    """What is left of a row without its dispensable fields: an interface whose addresses are blacked out still has an owner."""
    if not spec.dispensable or not isinstance(row, Mapping):
        return {}
    try:
        return _values(spec, {key: row[key] for key in row if key not in spec.dispensable})
    except FieldError:
        return {}


def _shortcomings(raw: Raw) -> list[str]:
    """Why an answer that can be read is still not all there is."""
    found = [f"it is cut: there is a {key}" for key in _MORE if raw.get(key)]
    failures = [fields.text(row, "reason") for row in fields.rows(raw, "failures")]
    return found + [f"it reports a failure: {reason}" for reason in failures if reason != _GONE]


def sweep(
    name: str,
    taken_at: int,
    account: str,
    region: str,
    answers: Mapping[str, Answer],
    *,
    asked: Iterable[str] = SWEPT,
) -> Sweep:
    """One sweep from the answers of its calls; a call that was ``asked`` and has no answer is ``missing``: not known."""
    calls = {
        call: answers[call].state if call in answers else CallState.MISSING
        for call in sorted({*asked, *answers})
    }
    items: dict[str, dict[str, Any]] = {}
    metrics: list[MetricRun] = []
    for answer in answers.values():
        for value in answer.items:
            if isinstance(value, MetricRun):
                metrics += [run for run in (datapoints.settled(value, taken_at),) if run]
                continue
            kind, key = _identity(value)
            items.setdefault(kind, {})[key] = value
    return Sweep(
        name=name,
        taken_at=taken_at,
        account=account,
        region=region,
        calls=calls,
        problems={
            call: answer.problem
            for call, answer in answers.items()
            if answer.state is CallState.BROKEN
        },
        whole=frozenset(
            kind
            for kind, needed in WHOLE_BY.items()
            if all(calls.get(call) is CallState.WHOLE for call in needed)
        )
        - _contradicted(items),
        items={
            kind: tuple(found[key] for key in sorted(found))
            for kind, found in sorted(items.items())
        },
        sizes=tuple(
            sorted(
                (size for answer in answers.values() for size in answer.sizes),
                key=lambda size: size.file_system_id,
            )
        ),
        metrics=tuple(sorted(metrics)),
    )


def _contradicted(items: Mapping[str, Mapping[str, Any]]) -> frozenset[str]:
    """``mount_target`` when a file system has more of them than are listed: one of the calls for a file system each was left out."""
    listed: dict[str, int] = {}
    for target in items.get("mount_target", {}).values():
        listed[target.file_system_id] = listed.get(target.file_system_id, 0) + 1
    missing = any(
        (system.number_of_mount_targets or 0) > listed.get(system.file_system_id, 0)
        for system in items.get("file_system", {}).values()
    )
    return frozenset({"mount_target"}) if missing else frozenset()
