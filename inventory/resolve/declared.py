"""Who declares a mount: which functions may stand behind a shared Lambda interface, and which access points a client uses by declaration.

A Lambda interface belongs to a subnet and a set of security groups, not to a function: every function with both shares it. Only those that
declare the file system can have mounted it, as Lambda mounts nothing but ``FileSystemConfigs``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

from inventory.model import Function, NetworkInterface, Task, Version
from inventory.resolve import arns

if TYPE_CHECKING:
    from inventory.resolve.topology import Topology


class Declares(IntEnum):
    """What is known of one function and one file system at one moment."""

    NO = 0
    """Known not to declare it: the configuration of that moment is known."""
    LAST_KNOWN_NO = 1
    """It did not when seen nearest to the moment, before or after, and nothing shows a change in between."""
    OPEN = 2
    """Not known: changed around the moment, or declares an access point whose file system nobody knows."""
    LAST_KNOWN_YES = 3
    YES = 4


@dataclass(frozen=True, slots=True)
class Candidate:
    """A function that shared an interface, all its versions taken together."""

    name: str
    arn: str
    """Without a version."""
    account: str
    region: str
    declares: Declares
    access_points: tuple[str, ...]
    """Of the file system, that it declares or may have declared."""


def functions_behind(
    interfaces: Iterable[NetworkInterface], file_system_id: str, moment: int, topology: Topology
) -> tuple[Candidate, ...]:
    """Functions that may have used a Lambda interface at the moment, sorted by ARN.

    ``interfaces``: what the interface may have looked like then. ``file_system_id`` ``""``: any EFS file system counts as the one.
    """
    shapes = {(interface.subnet_id, interface.groups) for interface in interfaces}
    members: dict[str, set[str]] = defaultdict(set)
    for subnet_id, _ in shapes:
        for version in topology.functions(subnet_id):
            members[_unversioned(version.value)].add(version.value.function_arn)
    found = [
        _candidate(arn, members[arn], shapes, _Question(file_system_id, moment, topology))
        for arn in sorted(members)
    ]
    return tuple(candidate for candidate in found if candidate is not None)


@dataclass(frozen=True, slots=True)
class _Question:
    file_system_id: str
    moment: int
    topology: Topology


def _unversioned(function: Function) -> str:
    head, _, tail = function.function_arn.rpartition(":")
    return head if tail == function.version else function.function_arn


def _certain(version: Version[Function], moment: int) -> bool:
    """LastModified moves with every change of configuration, so a version held from then on."""
    modified = version.value.last_modified
    since = version.first_seen if modified is None else min(modified, version.first_seen)
    return since <= moment <= version.last_seen


def _fits(function: Function, shapes: Collection[tuple[str, tuple[str, ...]]]) -> bool:
    return any(
        subnet in function.subnet_ids and groups == function.security_group_ids
        for subnet, groups in shapes
    )


def _candidate(
    arn: str,
    members: Iterable[str],
    shapes: Collection[tuple[str, tuple[str, ...]]],
    question: _Question,
) -> Candidate | None:
    """One function by its ``$LATEST`` and published versions (each by its ARN); ``None`` when none could use such an interface."""
    states: list[Declares] = []
    access_points: set[str] = set()
    one: Version[Function] | None = None
    for function_arn in sorted(members):
        possible = [
            v
            for v in question.topology.function_versions(function_arn)
            if v.possible(question.moment)
        ]
        certain = [v for v in possible if _certain(v, question.moment)]
        held = certain or possible
        if any(_fits(v.value, shapes) for v in held):
            one = held[0]
            states.append(_state(held, question, certain=bool(certain)))
            access_points.update(ap for v in held for ap in _declared(v.value, question)[0])
    if one is None:
        return None
    return Candidate(
        one.value.function_name,
        arn,
        one.account,
        one.region,
        max(states),
        tuple(sorted(access_points)),
    )


def _state(held: Sequence[Version[Function]], question: _Question, *, certain: bool) -> Declares:
    """By all that one function version may have been at the moment.

    Neighbours in time that agree are the last known state. A version changed after the moment tells nothing of it, unless an earlier one
    says the same; one that was not there yet and never declared it did not do so in between.
    """
    answers = {_declares(v.value, question) for v in held}
    if len(answers) > 1 or Declares.OPEN in answers:
        return Declares.OPEN
    answer = answers.pop()
    if certain:
        return answer
    moment = question.moment
    seen_before = any(v.last_seen < moment for v in held)
    changed_later = any(
        v.value.last_modified is not None and v.value.last_modified > moment for v in held
    )
    came_later = all(v.not_before is not None for v in held) and answer is Declares.NO
    if changed_later and not seen_before and not came_later:
        return Declares.OPEN
    return Declares.LAST_KNOWN_YES if answer is Declares.YES else Declares.LAST_KNOWN_NO


def _declares(function: Function, question: _Question) -> Declares:
    mine, unresolved = _declared(function, question)
    if mine:
        return Declares.YES
    return Declares.OPEN if unresolved else Declares.NO


def _declared(function: Function, question: _Question) -> tuple[list[str], bool]:
    """Access points of the file system that a function declares, and whether it declares one that nobody can place.

    An S3 Files access point (``arn:aws:s3files:…``) is known to be no EFS one.
    """
    mine: list[str] = []
    unresolved = False
    for arn in function.access_point_arns:
        parsed = arns.parse(arn)
        if parsed.service != "elasticfilesystem":
            continue
        known = question.topology.access_point(parsed.name)
        wanted = question.file_system_id
        if not wanted or (known is not None and known.value.file_system_id == wanted):
            mine.append(parsed.name)
        elif known is None:
            unresolved = True
    return mine, unresolved


def task_access_points(task: Task, file_system_id: str, topology: Topology) -> tuple[str, ...]:
    """Access points of the file system in the task's definition, which is immutable."""
    definition = topology.task_definition(task.task_definition_arn)
    if definition is None:
        return ()
    return tuple(
        sorted(
            {ap for fs, ap in definition.value.file_systems if ap and file_system_id in ("", fs)}
        )
    )


def task_declares(task: Task, file_system_id: str, topology: Topology) -> Declares:
    """Whether the task's definition has a volume on the file system (``""``: on any).

    Nothing mounts inside a Fargate task but what its definition declares: its containers cannot be privileged. On an instance of ours
    they can, and then the definition proves nothing by its silence.
    """
    definition = topology.task_definition(task.task_definition_arn)
    if definition is None:
        return Declares.OPEN
    if any(file_system_id in ("", fs) for fs, _ in definition.value.file_systems):
        return Declares.YES
    return Declares.NO if task.launch_type == "FARGATE" else Declares.OPEN
