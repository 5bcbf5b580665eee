"""Task definitions that mount a file system, and what may start tasks by them: tasks that run, services, rules and schedules."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from inventory.answers.declared import Declared, Found, unplaced
from inventory.model import Task, TaskDefinition, Version
from inventory.resolve import arns
from inventory.resolve.topology import Topology
from inventory.verdict import Standing

_STARTERS = ("ecs_service", "task_schedule", "timed_task")


def declared(topology: Topology, file_system_id: str) -> Found:
    """Definitions that name the file system; live while something runs or may start tasks by them, else dormant.

    Unplaced are definitions by which something does, and that nobody read; and definitions that name the file system where nobody ever
    looked for services and schedules.
    """
    starts = _starts(topology)
    once: dict[str, Version[TaskDefinition]] = {
        one.value.task_definition_arn: one for one in topology.versions("task_definition")
    }
    found, open_ones = [], []
    for _, one in sorted(once.items()):
        points = [ap for fs, ap in one.value.file_systems if fs == file_system_id]
        if not points:
            continue
        told = _told(topology, one, starts, points)
        found.append(told)
        if told.standing is Standing.DORMANT and not _looked(topology, one):
            why = (
                "it mounts it, and nobody looked whether a service or a schedule starts tasks by it"
            )
            open_ones.append(unplaced("task_definition", told.id, why, one))
    return Found(found, [*open_ones, *_unread(topology, starts)])


@dataclass(slots=True)
class _Starts:
    """By ARN of a definition, or of a family, why tasks run or may be started by it."""

    why: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    by: dict[str, Version[Any]] = field(default_factory=dict)

    def add(self, arn: str, why: str, by: Version[Any]) -> None:
        """Somebody starts tasks by a definition."""
        if arn:
            self.why[arn].append(why)
            self.by[arn] = by

    def reasons(self, arn: str) -> list[str]:
        """Of one definition; who names a family alone means its newest revision, which may be this one."""
        family = arn.rpartition(":")[0]
        return [*self.why.get(arn, ()), *self.why.get(family, ())]


def _starts(topology: Topology) -> _Starts:
    found = _Starts()
    running: dict[str, dict[str, Version[Task]]] = defaultdict(dict)
    for task in _newest(topology, "task"):
        if _runs(task):
            running[task.value.task_definition_arn][task.value.task_arn] = task
    for arn, tasks in sorted(running.items()):
        groups = ", ".join(sorted({task.value.group for task in tasks.values()}))
        found.add(arn, f"{len(tasks)} running: {groups}", next(iter(tasks.values())))
    for one in _newest(topology, "ecs_service"):
        value = one.value
        wanted = value.daemon or value.desired_count is None or value.desired_count > 0
        if one.not_after is None and value.status != "INACTIVE" and wanted:
            for arn in value.task_definition_arns:
                found.add(arn, f"service {value.name or value.service_arn}", one)
    for kind in ("task_schedule", "timed_task"):
        for one in _newest(topology, kind):
            if one.not_after is None and one.value.enabled:
                name = one.value.name or one.value.schedule_id
                found.add(one.value.task_definition_arn, f"schedule {name}", one)
    return found


def _newest(topology: Topology, kind: str) -> list[Version[Any]]:
    keys = {"task": "task_arn", "ecs_service": "service_arn"}
    newest: dict[str, Version[Any]] = {}
    for one in topology.versions(kind):
        newest[getattr(one.value, keys.get(kind, "schedule_id"))] = one
    return [newest[key] for key in sorted(newest)]


def _runs(task: Version[Task]) -> bool:
    value = task.value
    return task.not_after is None and value.stopped_at is None and value.last_status != "STOPPED"


def _told(
    topology: Topology, one: Version[TaskDefinition], starts: _Starts, points: list[str]
) -> Declared:
    arn = one.value.task_definition_arn
    tasks = topology.tasks_of_definition(arn)
    reasons = starts.reasons(arn)
    return Declared(
        "task_definition",
        arns.parse(arn).name,
        Standing.LIVE if reasons else Standing.DORMANT,
        "; ".join(reasons) or "no task runs by it",
        one.account,
        one.region,
        arn,
        tuple(sorted({point for point in points if point})),
        one.first_seen,
        max((task.last_seen for task in tasks), default=one.last_seen),
        frozenset({("task_definition", arn)}),
    )


def _looked(topology: Topology, one: Version[TaskDefinition]) -> bool:
    return all(topology.is_listed(kind, one.account, one.region) for kind in _STARTERS)


def _unread(topology: Topology, starts: _Starts) -> Iterator[Declared]:
    read = {one.value.task_definition_arn for one in topology.versions("task_definition")}
    families = {arn.rpartition(":")[0] for arn in read}
    for arn, by in sorted(starts.by.items()):
        if arn not in read and arn not in families:
            why = f"{'; '.join(starts.why[arn])}, and nobody read it"
            yield unplaced("task_definition", arns.parse(arn).name or arn, why, by)
