"""What declares a mount of a file system, or belongs to it: references with what each is worth, and who was seen mounting by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from inventory.answers.asking import Desk
from inventory.model import (
    FileSystem,
    Function,
    Owner,
    OwnerKind,
    Place,
    Replication,
    Task,
    TaskDefinition,
    Version,
)
from inventory.resolve import arns
from inventory.store import clusters
from inventory.verdict import Standing


@dataclass(slots=True)
class Declared:
    """One reference, as it is told."""

    kind: str
    id: str
    standing: Standing
    why: str
    account: str = ""
    region: str = ""
    arn: str = ""
    access_points: tuple[str, ...] = ()
    first_seen: int | None = None
    last_seen: int | None = None
    """When a sweep last showed it."""
    mounts_as: frozenset[tuple[str, ...]] = field(default_factory=frozenset)
    """What a client that mounts by it is known by; see :func:`known_by`."""


class Found(NamedTuple):
    """Everything that sweeps tell."""

    declared: list[Declared]
    unplaced: list[Declared]
    """May be of this file system, may be of another one."""


def declared(
    desk: Desk, version: Version[FileSystem], since: int, dumped: Mapping[tuple[str, str, str], int]
) -> Found:
    """References to a file system that were there at ``since`` or later.

    ``dumped``: by account, region and cluster, when the newest whole dump was taken.
    """
    search = _Search(desk, version, since)
    return Found(
        [
            *search.functions(),
            *search.task_definitions(),
            *search.replications(),
            *search.claims(dumped),
            *search.own(),
        ],
        [*search.open_functions(), *search.open_tasks()],
    )


@dataclass(frozen=True, slots=True)
class _Search:
    desk: Desk
    version: Version[FileSystem]
    since: int

    @property
    def file_system_id(self) -> str:
        return self.version.value.file_system_id

    @property
    def place(self) -> Place:
        return (self.version.account, self.version.region)

    def standing(self, last: Version[Any], why: str) -> tuple[Standing, str] | None:
        """Of what is live while it is there; ``None`` when it was gone before the window."""
        if last.not_after is None:
            return Standing.LIVE, why
        if last.not_after > self.since:
            return Standing.VANISHED, "sweeps do not show it any more"
        return None

    # -- Lambda ------------------------------------------------------------------------------------------------------------------------

    def functions(self) -> Iterator[Declared]:
        """Each ``$LATEST`` and published version by its newest configuration that names the file system."""
        newest: dict[str, Version[Function]] = {}
        for one in self.desk.knowledge.topology.versions("function"):
            if self._access_points(one.value):
                newest[one.value.function_arn] = one
        for arn, last in sorted(newest.items()):
            value = last.value
            why = (
                "$LATEST mounts it"
                if value.version == "$LATEST"
                else f"its version {value.version} mounts it"
            )
            found = self.standing(last, why)
            if found is None:
                continue
            yield Declared(
                "lambda_function",
                value.function_name
                if value.version == "$LATEST"
                else f"{value.function_name}:{value.version}",
                *found,
                last.account,
                last.region,
                arn,
                self._access_points(value),
                last.first_seen,
                last.last_seen,
                frozenset({("lambda", value.function_name, last.account, last.region)}),
            )

    def _access_points(self, function: Function) -> tuple[str, ...]:
        return tuple(
            name
            for arn in function.access_point_arns
            if (name := arns.parse(arn).name)
            and arns.parse(arn).service == "elasticfilesystem"
            and (known := self.desk.knowledge.topology.access_point(name)) is not None
            and known.value.file_system_id == self.file_system_id
        )

    def open_functions(self) -> Iterator[Declared]:
        """Functions with an access point that nobody can place, unless the file system's own ones were all listed since."""
        topology = self.desk.knowledge.topology
        listed = max(self.desk.knowledge.whole_sweeps("access_point", *self.place), default=None)
        for one in topology.versions("function"):
            if one.not_after is not None or (listed is not None and listed >= one.last_seen):
                continue
            for arn in one.value.access_point_arns:
                parsed = arns.parse(arn)
                if parsed.service != "elasticfilesystem" or topology.access_point(parsed.name):
                    continue
                if (parsed.account, parsed.region) == self.place:
                    why = f"nobody knows whose access point {parsed.name} is"
                    yield self._open("lambda_function", one.value.function_name, why, one)

    # -- ECS ---------------------------------------------------------------------------------------------------------------------------

    def task_definitions(self) -> Iterator[Declared]:
        """Live while a task runs by it; else dormant: whoever starts a task or a service by it mounts again."""
        once: dict[str, Version[TaskDefinition]] = {
            one.value.task_definition_arn: one
            for one in self.desk.knowledge.topology.versions("task_definition")
        }
        for arn, one in sorted(once.items()):
            points = [ap for fs, ap in one.value.file_systems if fs == self.file_system_id]
            if not points:
                continue
            tasks = self._tasks(arn)
            running = [task for task in tasks if _runs(task)]
            services = sorted({task.value.group for task in running})
            standing, why = (
                (Standing.LIVE, f"{len(running)} running: {', '.join(services)}")
                if running
                else (Standing.DORMANT, "no task runs by it")
            )
            yield Declared(
                "task_definition",
                arns.parse(arn).name,
                standing,
                why,
                one.account,
                one.region,
                arn,
                tuple(sorted({ap for ap in points if ap})),
                one.first_seen,
                max((task.last_seen for task in tasks), default=one.last_seen),
                frozenset({("task_definition", arn)}),
            )

    def _tasks(self, arn: str) -> list[Version[Task]]:
        newest: dict[str, Version[Task]] = {}
        for task in self.desk.knowledge.topology.tasks_of_definition(arn):
            newest[task.value.task_arn] = task
        return list(newest.values())

    def open_tasks(self) -> Iterator[Declared]:
        """Running tasks whose definition nobody read."""
        topology = self.desk.knowledge.topology
        unread: dict[str, Version[Task]] = {}
        for one in topology.versions("task"):
            arn = one.value.task_definition_arn
            if _runs(one) and topology.task_definition(arn) is None:
                unread[arn] = one
        for arn, one in sorted(unread.items()):
            why = "a task runs by it, and nobody read it"
            yield self._open("task_definition", arns.parse(arn).name or one.value.group, why, one)

    # -- replication -------------------------------------------------------------------------------------------------------------------

    def replications(self) -> Iterator[Declared]:
        """At either end: neither can be deleted while it lasts."""
        newest: dict[tuple[str, str], Version[Replication]] = {}
        for one in self.desk.knowledge.topology.versions("replication"):
            source = one.value.source_file_system_id
            for other, region, *_ in one.value.destinations:
                if source == self.file_system_id:
                    newest["to", f"{other} in {region}"] = one
                if other == self.file_system_id:
                    newest["from", f"{source} in {one.value.source_region}"] = one
        for (way, other), last in sorted(newest.items()):
            why = f"{'copied to' if way == 'to' else 'the copy of'} {other}"
            found = self.standing(last, why)
            if found is not None:
                yield self._plain("replication", f"{way} {other}", *found, last)

    # -- EKS ---------------------------------------------------------------------------------------------------------------------------

    def claims(self, dumped: Mapping[tuple[str, str, str], int]) -> Iterator[Declared]:
        """Claims that are bound to a volume of the file system, and pods that name it, by the newest dump of their cluster."""
        last: dict[tuple[str, str, str, str], int] = {}
        first: dict[tuple[str, str, str, str], int] = {}
        points: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
        for placed in clusters.using(self.desk.conn, self.file_system_id):
            use = placed.shown.use
            for mount in use.mounts:
                if mount.file_system_id != self.file_system_id:
                    continue
                name = mount.claim or f"{mount.controller_kind}/{mount.controller_name}"
                key = (placed.account, placed.region, use.cluster, f"{mount.namespace}/{name}")
                last[key] = max(last.get(key, 0), placed.shown.last)
                first[key] = min(first.get(key, placed.shown.first), placed.shown.first)
                points[key] |= {mount.access_point_id} - {""}
        for key, moment in sorted(last.items()):
            account, region, cluster, name = key
            if moment >= dumped.get((account, region, cluster), moment):
                found = (Standing.LIVE, f"bound in cluster {cluster}")
            elif moment >= self.since:
                found = (
                    Standing.VANISHED,
                    f"the newest dump of cluster {cluster} does not show it",
                )
            else:
                continue
            yield Declared(
                "kubernetes_claim",
                f"{cluster}/{name}",
                *found,
                account,
                region,
                access_points=tuple(sorted(points[key])),
                first_seen=first[key],
                last_seen=moment,
                mounts_as=frozenset({("eks", cluster)}),
            )

    # -- its own -----------------------------------------------------------------------------------------------------------------------

    def own(self) -> Iterator[Declared]:
        """Access points: they go with the file system, and are told so that nobody is surprised."""
        newest = {
            one.value.access_point_id: one
            for one in self.desk.knowledge.topology.access_points(self.file_system_id)
            if one.not_after is None
        }
        for name, one in sorted(newest.items()):
            yield self._plain("access_point", name, Standing.CONTEXT, "a way into it", one)

    def _plain(
        self, kind: str, name: str, standing: Standing, why: str, last: Version[Any]
    ) -> Declared:
        return Declared(
            kind,
            name,
            standing,
            why,
            last.account,
            last.region,
            getattr(last.value, "arn", "") or getattr(last.value, "source_arn", ""),
            first_seen=last.first_seen,
            last_seen=last.last_seen,
        )

    def _open(self, kind: str, name: str, why: str, one: Version[Any]) -> Declared:
        return Declared(
            kind,
            name,
            Standing.LIVE,
            why,
            one.account,
            one.region,
            first_seen=one.first_seen,
            last_seen=one.last_seen,
        )


def _runs(task: Version[Task]) -> bool:
    value = task.value
    return task.not_after is None and value.stopped_at is None and value.last_status != "STOPPED"


# -- who was seen ------------------------------------------------------------------------------------------------------------------------


def known_by(desk: Desk, owners: Iterable[Owner]) -> set[tuple[str, ...]]:
    """By what references a client, or any of several candidates for it, may have mounted."""
    found: set[tuple[str, ...]] = set()
    for owner in owners:
        place = (owner.account or "", owner.region or "")
        if owner.kind is OwnerKind.LAMBDA_FUNCTION:
            found.add(("lambda", owner.id, *place))
        elif owner.kind is OwnerKind.ECS_TASK:
            tasks = desk.knowledge.topology.tasks_named(owner.id)
            found |= {("task_definition", task.value.task_definition_arn) for task in tasks}
        elif owner.kind in (OwnerKind.EKS_NODE, OwnerKind.EKS_POD) and owner.workload:
            found.add(("eks", owner.workload.id))
    return found


def matched(found: Sequence[Declared], seen: set[tuple[str, ...]]) -> list[bool]:
    """Of each reference, whether somebody who mounts by it was seen."""
    return [bool(one.mounts_as & seen) for one in found]
