"""``check-delete FS --plan``: the staged way of a scream test. Nobody is let in any more; who tries is heard; after enough quiet, removal.

It only reads: what it gives are commands for a person, each with the one that undoes it. What is not known of a mount target is told, and
then no command takes anything away; nor where nobody would hear who is turned away.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from inventory.answers import commands, plan_shapes, shapes
from inventory.answers.asking import Desk
from inventory.answers.case import Asked
from inventory.answers.deleting import Deletion
from inventory.answers.finding import one_file_system
from inventory.answers.hearing import Ears, Heard
from inventory.answers.shapes import Json
from inventory.answers.who import entry
from inventory.model import DAY, FileSystem, MountTarget, Version, epoch, iso
from inventory.resolve.doors import Door, Doors, Interface, is_narrow
from inventory.store import views
from inventory.timeline import union
from inventory.verdict import Code

if TYPE_CHECKING:
    from inventory.config import Settings

LEAST_QUIET_DAYS = 7
"""What comes every week must have had its chance."""
TIMES = 2
"""As of verdicts: who came back after a silence may take as long again, and be late."""

_FOREVER = 1 << 40


def plan(desk: Desk, settings: Settings, text: str, asked: Asked) -> Json:
    """The answer of ``check-delete FS --plan``."""
    version = one_file_system(desk.knowledge.topology, text)
    answer = Deletion(desk, settings).check(version, asked).answer
    return _Plan(desk, version, answer).told()


@dataclass(frozen=True, slots=True)
class _At:
    """One mount target: who is let in, and whether a rejection is heard."""

    door: Door
    heard: Heard
    foreign: tuple[Interface, ...]
    """Interfaces that share a group and are no mount targets of this file system."""


class _Plan:
    """One file system, its verdict, and what is known of its doors."""

    def __init__(self, desk: Desk, version: Version[FileSystem], answer: Json) -> None:
        self._desk = desk
        self._version = version
        self._answer = answer
        self._as_of = None if answer["as_of"] is None else _moment(answer["as_of"])
        self._until = _moment(answer["asked_until"])
        self._places = self._look()

    def _look(self) -> list[_At]:
        topology = self._desk.knowledge.topology
        targets: Sequence[Version[MountTarget]] = [
            one
            for one in topology.mount_targets_of(
                self._version.value.file_system_id, region=self._version.region
            )
            if one.not_after is None
        ]
        mine = {one.value.network_interface_id for one in targets}
        doors = Doors(topology, self._desk.knowledge.whole_sweeps)
        ears = Ears(self._desk)
        found = []
        for target in targets:
            door = doors.of(target)
            since = door.closed_by if door.closed_by is not None else self._until - DAY
            window = (min(since, self._until - 1), self._until)
            heard = ears.at(target, window, self._as_of)
            others = [o for o in door.sharing if o.value.network_interface_id not in mine]
            found.append(_At(door, heard, tuple(others)))
        return found

    def told(self) -> Json:
        """The whole answer."""
        refused = [
            {"mount_target": one.door.target.value.mount_target_id, "why": one.heard.why_not}
            for one in self._places
            if one.heard.why_not
        ]
        unknown = any(one.door.unknown for one in self._places)
        screams = self._screams()
        days = self._quiet_days()
        go_on_from = self._go_on_from(days, screams)
        deaf = self._deaf()
        way = self._way()
        whole = not refused and not unknown
        away, back = self._commands(way, whole=whole)
        return {
            "file_system": shapes.file_system(self._version),
            "as_of": self._answer["as_of"],
            "asked_until": self._answer["asked_until"],
            "verdict": self._answer["verdict"],
            "last_seen": self._answer["last_seen"],
            "reasons": self._answer["reasons"],
            "stage": self._stage(screams, go_on_from, deaf),
            "refused": refused,
            "hangs": [
                plan_shapes.hanging(one)
                for one in self._answer["clients"]
                if one["state"] in plan_shapes.HANGING
            ],
            "mount_targets": [
                plan_shapes.door(self._desk, one.door, one.heard, one.foreign)
                for one in self._places
            ],
            "way": way if whole else None,
            "why_this_way": self._why(way) if whole else None,
            "take_away": away,
            "put_back": back,
            "listen": {
                "days": days,
                "longest_silence_days": self._answer["longest_silence_days"],
                "closed_by": iso(self._closed_by()),
                "go_on_from": iso(go_on_from),
                "deaf": [{"start": iso(start), "end": iso(end)} for start, end in deaf],
            },
            "screams": screams,
            "order": self._answer["order"],
            "notes": list(plan_shapes.NOTES),
        }

    # -- how far it is -----------------------------------------------------------------------------------------------------------------

    def _stage(
        self, screams: Sequence[Json], go_on_from: int | None, deaf: Sequence[object]
    ) -> str:
        if not self._places:
            return "nothing_to_cut"
        if screams:
            return "heard"
        if any(one.heard.why_not for one in self._places):
            return "refused"
        if any(one.door.unknown for one in self._places):
            return "unknown"
        if any(one.door.is_open for one in self._places):
            return "begin"
        quiet = go_on_from is not None and self._as_of is not None and self._as_of >= go_on_from
        return "go_on" if quiet and not deaf else "listening"

    def _closed(self) -> list[Door]:
        return [one.door for one in self._places if one.door.is_open is False]

    def _closed_by(self) -> int | None:
        """When the last door was shown closed; ``None`` while one is open or unknown, or nobody saw it open."""
        moments = [door.closed_by for door in self._closed()]
        if len(moments) < len(self._places) or None in moments:
            return None
        return max((moment for moment in moments if moment is not None), default=None)

    def _quiet_days(self) -> int:
        """Twice the longest silence, which the verdict tells to a tenth of a day."""
        silence = self._answer["longest_silence_days"]
        return max(LEAST_QUIET_DAYS, math.ceil(TIMES * ((silence or 0) + 0.05)))

    def _go_on_from(self, days: int, screams: Sequence[Json]) -> int | None:
        """From when on there was enough quiet, if nobody screams from now on."""
        if not self._places:
            return None
        if any(one.door.is_open for one in self._places):
            return self._until + days * DAY
        closed = self._closed_by()
        if closed is None:
            return None
        heard = [_moment(one["last_seen"]) for one in screams]
        return max([closed, *heard, *self._used_until()]) + days * DAY

    def _used_until(self) -> list[int]:
        """When somebody was last there whom a closed door did not cut: connections that are open go on, and scream only when they end."""
        last = self._answer["last_seen"]
        hidden = [
            _moment(one["evidence"]["end"])
            for one in self._answer["reasons"]
            if one["code"] == Code.CONNECTIONS_WITHOUT_CLIENT
        ]
        return [*([] if last is None else [_moment(last)]), *hidden]

    def _deaf(self) -> list[tuple[int, int]]:
        """When, since the doors are closed, nobody would have heard at one of them."""
        closed, as_of = self._closed_by(), self._as_of
        if closed is None or as_of is None or as_of <= closed:
            return []
        return union(span for one in self._places for span in one.heard.deaf((closed, as_of)))

    def _screams(self) -> list[Json]:
        """Clients that were turned away at a door after a sweep last showed it open."""
        closed = {
            door.target.value.mount_target_id: door.open_until
            for door in self._closed()
            if door.open_until is not None
        }
        if not closed or self._as_of is None:
            return []
        window = (min(closed.values()), _FOREVER)
        seeing = self._desk.observer.seeing(self._version, (window[0], self._until + 1))
        contacts = [
            one
            for one in self._desk.contacts(self._version, window, seeing)
            if one.rejected_flows and set(one.mount_targets) & closed.keys()
        ]
        evidence = views.evidence(self._desk.conn, {one.evidence for one in contacts})
        return [entry(self._desk, one, evidence.get(one.evidence)) for one in contacts]

    # -- what to do --------------------------------------------------------------------------------------------------------------------

    def _way(self) -> str:
        """``rules`` where taking rules away cuts nobody else and nothing else; else ``groups``."""
        narrow = all(is_narrow(rule.value) for one in self._places for rule in one.door.rules)
        return "rules" if narrow and not any(one.foreign for one in self._places) else "groups"

    def _why(self, way: str) -> str:
        if way == "rules":
            return "its security groups are its own, and these rules let in NFS and nothing else"
        shared = sorted({_id(other) for one in self._places for other in one.foreign})
        wide = sorted(
            {
                rule.value.rule_id
                for one in self._places
                for rule in one.door.rules
                if not is_narrow(rule.value)
            }
        )
        told = []
        if shared:
            told.append(f"{len(shared)} other interfaces share its security groups")
        if wide:
            told.append(f"{', '.join(wide)} lets in more than NFS")
        return (
            " and ".join(told)
            + ": taking rules away would cut more than this file system, so its mount targets get an empty group instead"
        )

    def _commands(self, way: str, *, whole: bool) -> tuple[list[str], list[str]]:
        """What takes the way in away, and what puts it back. Of closed doors only the latter; so too unless the plan is ``whole``."""
        region = self._version.region
        opened = [one.door for one in self._places if one.door.is_open and whole]
        away, back = (
            _by_groups(self._version, opened) if way == "groups" else _by_rules(opened, region)
        )
        for door in self._closed():
            back += _undo(door, region)
        return list(dict.fromkeys(away)), list(dict.fromkeys(back))


def _by_rules(opened: Iterable[Door], region: str) -> tuple[list[str], list[str]]:
    rules = [rule.value for door in opened for rule in door.rules]
    return (
        [commands.revoke(rule, region) for rule in rules],
        [commands.authorize(rule, region) for rule in rules],
    )


def _by_groups(version: Version[FileSystem], opened: Sequence[Door]) -> tuple[list[str], list[str]]:
    if not opened:
        return [], []
    system, region = version.value.file_system_id, version.region
    named = (f"efs-scream-test-{system}", f"lets nobody in: scream test of {system}")
    away = [commands.empty_group(*named, opened[0].vpc_id, region)]
    back = []
    for door in opened:
        target = door.target.value.mount_target_id
        away.append(commands.no_groups(target, region))
        back.append(commands.groups_back(target, list(_group_ids(door)), region))
    return away, [*back, commands.delete_empty_group(region)]


def _undo(door: Door, region: str) -> Iterator[str]:
    """Puts back what let clients in before the door was closed, as sweeps showed it."""
    if door.groups_before and set(door.groups_before) != set(_group_ids(door)):
        yield commands.groups_back(
            door.target.value.mount_target_id, list(door.groups_before), region
        )
    for rule in door.taken_away:
        yield commands.authorize(rule.value, region)


def _group_ids(door: Door) -> Iterator[str]:
    for group in door.groups:
        yield group if isinstance(group, str) else group.value.group_id


def _id(interface: Interface) -> str:
    return interface.value.network_interface_id


def _moment(text: str) -> int:
    return epoch(datetime.fromisoformat(text))
