"""What declares a mount of a file system, or belongs to it: references with what each is worth, and who was seen mounting by them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inventory.answers import starting
from inventory.answers.asking import Desk
from inventory.answers.declared import Declared, Found, unplaced
from inventory.model import (
    Declaration,
    FileSystem,
    Function,
    Owner,
    OwnerKind,
    Place,
    Replication,
    Version,
)
from inventory.resolve import arns
from inventory.store import clusters
from inventory.verdict import Standing


def declared(
    desk: Desk, version: Version[FileSystem], since: int, dumped: Mapping[tuple[str, str, str], int]
) -> Found:
    """References to a file system that were there at ``since`` or later.

    ``dumped``: by account, region and cluster, when the newest whole dump was taken.
    """
    search = _Search(desk, version, since)
    tasks = starting.declared(desk.knowledge.topology, version.value.file_system_id)
    return Found(
        [
            *search.functions(),
            *tasks.declared,
            *search.replications(),
            *search.claims(dumped),
            *search.elsewhere(),
            *search.own(),
        ],
        [*search.open_functions(), *search.open_elsewhere(), *tasks.unplaced],
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
            and self.is_own(name)
        )

    def is_own(self, access_point_id: str) -> bool:
        """Whether an access point is one of the file system's, as far as any sweep showed it."""
        known = self.desk.knowledge.topology.access_point(access_point_id)
        return known is not None and known.value.file_system_id == self.file_system_id

    def open_functions(self) -> Iterator[Declared]:
        """Functions with an access point that nobody can place, unless the file system's own ones were all listed since."""
        topology = self.desk.knowledge.topology
        for one in topology.versions("function"):
            if one.not_after is not None or self._listed_since(one):
                continue
            for arn in one.value.access_point_arns:
                parsed = arns.parse(arn)
                if parsed.service != "elasticfilesystem" or topology.access_point(parsed.name):
                    continue
                if (parsed.account, parsed.region) == self.place:
                    why = f"nobody knows whose access point {parsed.name} is"
                    yield unplaced("lambda_function", one.value.function_name, why, one)

    def _listed_since(self, one: Version[Any]) -> bool:
        """Whether the file system's own access points were all listed since a thing was seen: one that nobody knows is another one's."""
        listed = self.desk.knowledge.whole_sweeps("access_point", *self.place)
        return bool(listed) and listed[-1] >= one.last_seen

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

    # -- other services ----------------------------------------------------------------------------------------------------------------

    def elsewhere(self) -> Iterator[Declared]:
        """What Batch, CodeBuild, SageMaker, DataSync, Transfer Family, Mainframe Modernization and AgentCore declare."""
        newest: dict[tuple[str, str, str, str], Version[Declaration]] = {}
        for kind in _ELSEWHERE:
            for one in self.desk.knowledge.topology.versions(kind):
                if self._names(one.value):
                    key = (kind, one.account, one.region, one.value.declaration_id)
                    newest[key] = one
        for (kind, *_), last in sorted(newest.items()):
            standing, why = self._worth(kind, last)
            found = self.standing(last, why)
            if found is None:
                continue
            if found[0] is Standing.LIVE:
                found = (standing, why)
            name = last.value.name or last.value.declaration_id
            arn = last.value.declaration_id
            yield Declared(
                kind,
                name,
                *found,
                last.account,
                last.region,
                arn if arn.startswith("arn:") else "",
                tuple(sorted({point for _, point in last.value.mounts if point})),
                last.first_seen,
                last.last_seen,
            )

    def open_elsewhere(self) -> Iterator[Declared]:
        """What names by an access point alone, which nobody can place; as with functions."""
        topology = self.desk.knowledge.topology
        for kind in _ELSEWHERE:
            for one in topology.versions(kind):
                if one.not_after is not None or self._listed_since(one):
                    continue
                for fs, point in one.value.mounts:
                    if not fs and topology.access_point(point) is None:
                        why = f"nobody knows whose access point {point} is"
                        yield unplaced(kind, one.value.name or one.value.declaration_id, why, one)

    def _names(self, value: Declaration) -> bool:
        return any(
            fs == self.file_system_id or (not fs and self.is_own(point))
            for fs, point in value.mounts
        )

    def _worth(self, kind: str, last: Version[Declaration]) -> tuple[Standing, str]:
        if kind == "transfer_location":
            return self._of_tasks(last)
        if not last.value.live:
            return Standing.DORMANT, "it is not active"
        return Standing.LIVE, _ELSEWHERE[kind]

    def _of_tasks(self, location: Version[Declaration]) -> tuple[Standing, str]:
        """A DataSync location is what tasks between it and another one make of it."""
        tasks = [
            one.value
            for one in self.desk.knowledge.topology.versions("transfer_task")
            if one.not_after is None and location.value.declaration_id in one.value.location_arns
        ]
        at_work = sorted(one.name or one.task_arn for one in tasks if one.scheduled or one.running)
        if at_work:
            return Standing.LIVE, f"DataSync copies by schedule: {', '.join(at_work)}"
        return Standing.DORMANT, "no DataSync task with a schedule copies from or to it"

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
        for policy in self.desk.knowledge.topology.versions("file_system_policy"):
            value = policy.value
            mine = value.file_system_id == self.file_system_id and policy.not_after is None
            if mine and (value.accounts or value.anybody):
                why = f"lets in {', '.join(value.accounts) or 'whoever can reach it'}"
                yield self._plain("policy", value.file_system_id, Standing.CONTEXT, why, policy)

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


_ELSEWHERE = {
    "batch_definition": "jobs by it mount it",
    "build_project": "its builds mount it",
    "studio_domain": "everybody in the domain gets it",
    "studio_profile": "a person's settings name it",
    "studio_space": "a space mounts it",
    "transfer_location": "DataSync",
    "transfer_user": "a Transfer Family user's home",
    "transfer_access": "a Transfer Family group's home",
    "mainframe_environment": "its storage",
    "agent_runtime": "its sessions mount it",
}
"""By kind, why it is live."""


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
