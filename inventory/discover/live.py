"""Live sweeps: what each call asks of AWS, in as few and as large requests as it takes.

Every fetcher gives the rows that the AWS CLI prints for the call: pages, and calls for each parent, merged into one list. What a row means
is for :mod:`inventory.discover.calls` to say, as for recorded answers. A fetcher that cannot finish keeps what it has, and the call is
broken: what was seen was there, what was not seen is not known.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from inventory.aws import Caller, corrupt
from inventory.discover import datapoints, doors, metrics
from inventory.discover.calls import CALLS, Answer, read_answer
from inventory.discover.calls import sweep as made_of
from inventory.discover.looking import LOOKING
from inventory.discover.references import STARTERS
from inventory.errors import AwsError, AwsFault
from inventory.model import CallState, Sweep

SLOW_LISTING = 120.0
"""Seconds that a listing of interfaces may take and still prove absence at one moment: addresses pass on within minutes."""

ENOUGH_FAILURES = 3
"""Parents of one call that may fail before the others are not asked any more."""

_HOPELESS = (AwsFault.BUDGET, AwsFault.EXPIRED, AwsFault.THROTTLED, AwsFault.DISABLED)
"""Faults that the next parent would meet too."""

OPTIONAL = ("s3files.list-file-systems", "s3files.list-mount-targets")
"""Calls of services that are not everywhere and of which botocore cannot tell where: out of reach means "not known", and is no fault."""


@dataclass
class Gathering:
    """One live sweep while it is made: what was asked, what came, what failed."""

    caller: Caller
    known_definitions: Collection[str] = ()
    """ARNs of task definitions that are known already: they never change, so they are not asked for again."""
    moment: int = 0
    """When it is asked: the sweep's."""
    before: metrics.Before = field(default_factory=metrics.Before)
    """What is known of metrics already."""
    asking: frozenset[str] = frozenset()
    """The calls that are being made."""
    rows: dict[str, list[Any]] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    """Calls of services that are out of reach here: not known."""

    def answers(self, calls: Collection[str]) -> dict[str, Answer]:
        """The answers of some calls; never raises for what AWS answers or does not.

        In the order of :data:`FETCHERS`: what changes fastest is asked first, nearest to the sweep's moment.
        """
        self.asking |= set(calls)
        found: dict[str, Answer] = {}
        for call in [one for one in FETCHERS if one in calls]:
            rows = self.fetch(call)
            if call in self.absent:
                continue
            answer = read_answer(call, {CALLS[call].key: rows})
            problems = self.problems.get(call, [])
            if problems:
                more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
                answer.state, answer.problem = CallState.BROKEN, problems[0] + more
            found[call] = answer
        return found

    def fetch(self, call: str) -> list[Any]:
        """The rows of a call, asked for once; its problems are kept."""
        if call in self.rows:
            return self.rows[call]
        self.rows[call] = rows = []
        began = time.monotonic()
        try:
            for row in FETCHERS[call](self, call):
                rows.append(row)  # noqa: PERF402 - what came before an error stays
        except AwsError as error:
            self.fail(call, error)
        slow = time.monotonic() - began
        if call == "ec2.describe-network-interfaces" and slow > SLOW_LISTING:
            self._note(call, f"took {slow:.0f} s, too long to show one moment")
        return rows

    def fail(self, call: str, error: AwsError) -> None:
        """Keep why a call, or a part of it, gave nothing."""
        if call in OPTIONAL and error.fault is AwsFault.NO_ENDPOINT:
            self.absent.add(call)
        else:
            self._note(call, error.told)

    def _note(self, call: str, problem: str) -> None:
        self.problems.setdefault(call, []).append(problem)

    def parents(self, call: str, child: str) -> list[Any]:
        """What another call listed. When it could not be listed whole, the ``child`` that needs it is not whole either."""
        rows = self.fetch(call)
        if call in self.absent:
            raise AwsError(AwsFault.NO_ENDPOINT, f"{call} is out of reach")
        if call in self.problems:
            self._note(child, f"needs {call}, which is not whole: {self.problems[call][0]}")
        return rows

    def ids(self, call: str, child: str, key: str) -> list[tuple[str, Any]]:
        """What another call listed, each with its id. One without is of no use, and the ``child`` that needs it is not whole."""
        rows = self.parents(call, child)
        found = [(str(row[key]), row) for row in rows if row.get(key)]
        if len(found) < len(rows):
            self._note(child, f"needs {call}, which lists something without {key}")
        return found

    def each(
        self, call: str, parents: Sequence[Any], ask: Callable[[Any], Sequence[Any]], gone: str = ""
    ) -> Iterator[Any]:
        """The rows of every parent. One that fails is noted and the others are asked; one that is ``gone`` by now has none.

        ``gone``: AWS's code; after a colon what its message says, where the code is used for much else.
        """
        failures = 0
        for parent in parents:
            try:
                yield from ask(parent)
            except AwsError as error:
                code, _, saying = gone.partition(": ")
                if gone and error.code == code and saying in str(error.__cause__):
                    continue
                self.fail(call, error)
                failures += 1
                if error.fault in _HOPELESS or failures >= ENOUGH_FAILURES:
                    return


def sweep(gathering: Gathering, answers: Mapping[str, Answer], *, name: str, moment: int) -> Sweep:
    """What one account and region answered, as a sweep of ``moment``."""
    return made_of(name, moment, gathering.caller.account, gathering.caller.region, answers)


def broken(
    account: str, region: str, calls: Collection[str], *, name: str, moment: int, problem: str
) -> Sweep:
    """The sweep of a place that could not be asked at all: every call that was due is broken."""
    answers = {call: Answer(CallState.BROKEN, problem=problem) for call in calls}
    return made_of(name, moment, account, region, answers)


# -- fetchers ----------------------------------------------------------------------------------------------------------------------------

Fetcher = Callable[[Gathering, str], Iterator[Any]]


def _listing(service: str, operation: str, page_size: int = 0, **parameters: Any) -> Fetcher:
    """One paged listing."""
    if page_size:
        parameters["PaginationConfig"] = {"PageSize": page_size}

    def fetch(gathering: Gathering, call: str) -> Iterator[Any]:
        if not _is_absent(gathering, service):
            yield from gathering.caller.listed(service, operation, CALLS[call].key, **parameters)

    return fetch


_NOT_EVERYWHERE = frozenset({"eks", "fsx"})
"""Services that some regions do not offer. All others are asked, whatever botocore's list says: it may be older than the region."""


def _is_absent(gathering: Gathering, service: str) -> bool:
    """Whether a service is not offered where EC2 is: then there is nothing of it."""
    aws, region = gathering.caller.aws, gathering.caller.region
    return (
        service in _NOT_EVERYWHERE
        and aws.offered("ec2", region) is True
        and aws.offered(service, region) is False
    )


def _with_managed(service: str, operation: str, model: str) -> Fetcher:
    """A listing of EC2 that leaves out what AWS services manage unless it is asked not to, where botocore knows the switch."""

    def fetch(gathering: Gathering, call: str) -> Iterator[Any]:
        aws = gathering.caller.aws
        switch = "IncludeManagedResources"
        managed = {switch: True} if aws.knows(service, model, switch) else {}
        yield from _listing(service, operation, 1000, **managed)(gathering, call)

    return fetch


def _clusters(gathering: Gathering, _call: str) -> Iterator[str]:
    yield from gathering.caller.listed("ecs", "list_clusters", "clusterArns")


def _tasks(gathering: Gathering, call: str) -> Iterator[Any]:
    """Running ones and stopped ones, which ECS shows for at least an hour."""

    def of_cluster(cluster: str) -> Iterator[Any]:
        for status in ("RUNNING", "STOPPED"):
            arns = gathering.caller.listed(
                "ecs", "list_tasks", "taskArns", cluster=cluster, desiredStatus=status
            )
            for some in _hundreds(arns):
                yield from _described(
                    gathering, call, "tasks", cluster=cluster, tasks=some, include=["TAGS"]
                )

    yield from _of_clusters(gathering, call, of_cluster)


def _container_instances(gathering: Gathering, call: str) -> Iterator[Any]:
    def of_cluster(cluster: str) -> Iterator[Any]:
        arns = gathering.caller.listed(
            "ecs", "list_container_instances", "containerInstanceArns", cluster=cluster
        )
        for some in _hundreds(arns):
            yield from _described(
                gathering, call, "containerInstances", cluster=cluster, containerInstances=some
            )

    yield from _of_clusters(gathering, call, of_cluster)


def _of_clusters(
    gathering: Gathering, call: str, of_cluster: Callable[[str], Iterator[Any]]
) -> Iterator[Any]:
    clusters = gathering.parents("ecs.list-clusters", call)
    yield from gathering.each(
        call, clusters, lambda cluster: list(of_cluster(cluster)), gone="ClusterNotFoundException"
    )


def _described(gathering: Gathering, call: str, key: str, **parameters: Any) -> list[Any]:
    """Up to a hundred things of ECS by their ARNs. One that ended meanwhile is ``MISSING``; any other failure makes the call broken."""
    operation = call.removeprefix("ecs.").replace("-", "_")
    answer = gathering.caller.ask("ecs", operation, need=(key,), **parameters)
    rows: list[Any] = answer[key]
    failures: Sequence[Any] = answer.get("failures") or ()
    reasons = sorted({str(row.get("reason")) for row in failures} - {"MISSING"})
    if reasons:
        raise AwsError(AwsFault.REFUSED, f"{call}: ECS reports {', '.join(reasons)}")
    silent = len(parameters[key]) - len(rows) - len(failures)
    if silent > 0:
        raise corrupt(call, f"nothing of {silent} of {len(parameters[key])} {key}")
    return rows


_NO_DEFINITION = "ClientException: Unable to describe task definition"


def _task_definitions(gathering: Gathering, call: str) -> Iterator[Any]:
    """Each once and for ever, for it never changes: of tasks, and of what may start one, where that is asked too."""
    wanted = {row.get("taskDefinitionArn") for row in gathering.parents("ecs.describe-tasks", call)}
    for starter in STARTERS:
        if starter in gathering.asking:
            for row in gathering.parents(starter, call):
                wanted |= _started_by(row)
    new = sorted(wanted - {None, ""} - set(gathering.known_definitions))

    def one(arn: str) -> list[Any]:
        asked = gathering.caller.ask(
            "ecs", "describe_task_definition", need=("taskDefinition",), taskDefinition=arn
        )
        return [asked["taskDefinition"]]

    yield from gathering.each(call, new, one, gone=_NO_DEFINITION)


def _started_by(row: Mapping[str, Any]) -> set[Any]:
    """The definitions that a service's deployments, a rule's target or a schedule start tasks by."""
    deployments = [row, *(row.get("deployments") or ()), *(row.get("taskSets") or ())]
    target = (row.get("Target") or row).get("EcsParameters") or {}
    return {one.get("taskDefinition") for one in deployments} | {target.get("TaskDefinitionArn")}


def _services(gathering: Gathering, call: str) -> Iterator[Any]:
    """Ten at a time is what AWS allows."""

    def of_cluster(cluster: str) -> Iterator[Any]:
        arns = gathering.caller.listed(
            "ecs",
            "list_services",
            "serviceArns",
            cluster=cluster,
            PaginationConfig={"PageSize": 100},
        )
        for start in range(0, len(arns), 10):
            some = list(arns[start : start + 10])
            yield from _described(gathering, call, "services", cluster=cluster, services=some)

    yield from _of_clusters(gathering, call, of_cluster)


def _mount_targets(gathering: Gathering, call: str) -> Iterator[Any]:
    """There is no list of all: asked for each file system that says it has any."""
    listed = gathering.ids("efs.describe-file-systems", call, "FileSystemId")
    systems = [one for one, row in listed if row.get("NumberOfMountTargets") != 0]

    def of_system(file_system_id: str) -> list[Any]:
        return gathering.caller.listed(
            "efs", "describe_mount_targets", "MountTargets", FileSystemId=file_system_id
        )

    yield from gathering.each(call, systems, of_system, gone="FileSystemNotFound")


def _replications(gathering: Gathering, call: str) -> Iterator[Any]:
    """AWS answers "not found" where there is none at all."""
    try:
        yield from _listing("efs", "describe_replication_configurations")(gathering, call)
    except AwsError as error:
        if error.code != "ReplicationNotFound":
            raise


def _eks_clusters(gathering: Gathering, call: str) -> Iterator[Any]:
    absent = _is_absent(gathering, "eks")
    names = [] if absent else gathering.caller.listed("eks", "list_clusters", "clusters")

    def one(name: str) -> list[Any]:
        return [
            gathering.caller.ask("eks", "describe_cluster", need=("cluster",), name=name)["cluster"]
        ]

    yield from gathering.each(call, names, one, gone="ResourceNotFoundException")


def _s3files_targets(gathering: Gathering, call: str) -> Iterator[Any]:
    systems = [one for one, _ in gathering.ids("s3files.list-file-systems", call, "fileSystemId")]

    def of_system(file_system_id: str) -> list[Any]:
        return gathering.caller.listed(
            "s3files", "list_mount_targets", "mountTargets", fileSystemId=file_system_id
        )

    yield from gathering.each(call, systems, of_system, gone="ResourceNotFoundException")


def _hundreds(arns: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(arns), 100):
        yield list(arns[start : start + 100])


FETCHERS: Mapping[str, Fetcher] = {
    "ec2.describe-network-interfaces": _with_managed(
        "ec2", "describe_network_interfaces", "DescribeNetworkInterfaces"
    ),
    "ecs.list-clusters": _clusters,
    "ecs.describe-tasks": _tasks,
    "ec2.describe-instances": _with_managed("ec2", "describe_instances", "DescribeInstances"),
    "lambda.list-functions": _listing("lambda", "list_functions", FunctionVersion="ALL"),
    "efs.describe-file-systems": _listing("efs", "describe_file_systems", 100),
    "efs.describe-mount-targets": _mount_targets,
    "efs.describe-access-points": _listing("efs", "describe_access_points", 100),
    datapoints.CALL: metrics.fetch,
    "efs.describe-replication-configurations": _replications,
    "ecs.describe-container-instances": _container_instances,
    "ecs.describe-services": _services,
    **LOOKING,
    "ecs.describe-task-definitions": _task_definitions,
    "ec2.describe-vpcs": _listing("ec2", "describe_vpcs", 1000),
    "ec2.describe-subnets": _listing("ec2", "describe_subnets", 1000),
    "ec2.describe-vpc-peering-connections": _listing(
        "ec2", "describe_vpc_peering_connections", 1000
    ),
    "ec2.describe-transit-gateway-vpc-attachments": _listing(
        "ec2", "describe_transit_gateway_vpc_attachments", 1000
    ),
    "ec2.describe-route-tables": _listing("ec2", "describe_route_tables", 100),
    "ec2.describe-flow-logs": _listing("ec2", "describe_flow_logs", 1000),
    "ec2.describe-security-groups": doors.groups,
    "ec2.describe-security-group-rules": doors.rules,
    "eks.describe-clusters": _eks_clusters,
    "fsx.describe-file-systems": _listing("fsx", "describe_file_systems"),
    "s3files.list-file-systems": _listing("s3files", "list_file_systems"),
    "s3files.list-mount-targets": _s3files_targets,
}
"""By call how it is asked, in the order of asking."""
