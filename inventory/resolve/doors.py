"""Who is let in at a mount target: the security groups of its interface, the rules of these that let NFS in, and who else has them. Pure.

What no sweep showed is told as unknown: a group that was not looked at may let in everybody.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from inventory.model import (
    HOUR,
    NFS_PORT,
    MountTarget,
    NetworkInterface,
    SecurityGroup,
    SecurityGroupRule,
    Version,
)
from inventory.resolve.topology import Topology

Listed = Callable[[str, str, str], Sequence[int]]
"""By kind, account and region, when a sweep was whole; ascending."""

Rule = Version[SecurityGroupRule]
Interface = Version[NetworkInterface]

TOGETHER = 2 * HOUR
"""Seconds within which rules go that one person takes away for one purpose, as sweeps every hour see it. To put back one that went earlier,
for another reason, would open more than was open."""


@dataclass(frozen=True, slots=True)
class Door:
    """One mount target as the newest sweeps show it."""

    target: Version[MountTarget]
    interface_id: str
    vpc_id: str
    groups: tuple[Version[SecurityGroup] | str, ...]
    """Of its interface; an id alone where no sweep looked at the group."""
    rules: tuple[Rule, ...]
    """Those that let NFS in now, by group and id."""
    sharing: tuple[Interface, ...]
    """Other interfaces with one of these groups, whosever, by id."""
    unknown: tuple[str, ...]
    """What is not known of it, for people; with anything here "closed" means nothing."""
    open_until: int | None
    """When a sweep last showed a rule that lets NFS in; ``None``: none ever did."""
    closed_by: int | None
    """When a sweep first showed that none does any more; ``None`` while one does, or when none ever did."""
    taken_away: tuple[Rule, ...]
    """Of a closed one, the rules that went together with the last: within :data:`TOGETHER` of it."""
    groups_before: tuple[str, ...]
    """Of a closed one, the groups that its interface had when it was last open."""

    @property
    def is_open(self) -> bool | None:
        """Whether anybody is let in; ``None`` when nobody knows."""
        if self.rules:
            return True
        return None if self.unknown else False


def is_narrow(rule: SecurityGroupRule) -> bool:
    """Whether a rule lets in NFS and nothing else."""
    return rule.protocol == "tcp" and rule.from_port == rule.to_port == NFS_PORT


class _Spell(NamedTuple):
    """One rule that let NFS in at an interface."""

    last: int
    """When sweeps last showed both."""
    over_by: int | None
    """When one of both was first shown not to be so any more."""
    interface: Interface
    rule: Rule


class Doors:
    """Indexes over what is known of security groups."""

    def __init__(self, topology: Topology, listed: Listed) -> None:
        self._topology = topology
        self._listed = listed
        self._groups: dict[str, list[Version[SecurityGroup]]] = defaultdict(list)
        for group in topology.versions("security_group"):
            self._groups[group.value.group_id].append(group)
        self._rules: dict[str, list[Rule]] = defaultdict(list)
        for rule in topology.versions("security_group_rule"):
            self._rules[rule.value.group_id].append(rule)
        self._having: dict[str, dict[str, Interface]] = defaultdict(dict)
        for interface in topology.versions("network_interface"):
            if interface.not_after is None:
                for group_id in interface.value.groups:
                    self._having[group_id][interface.value.network_interface_id] = interface

    def of(self, target: Version[MountTarget]) -> Door:
        """What is known of one mount target."""
        interface_id = target.value.network_interface_id
        shown = self._topology.interface_versions(interface_id) if interface_id else ()
        now = [one for one in shown if one.not_after is None and one.value.groups]
        newest = max(now, key=lambda one: one.last_seen, default=None)
        group_ids = newest.value.groups if newest else ()
        groups = [self._group(group_id) or group_id for group_id in group_ids]
        rules = [
            rule
            for group_id in group_ids
            for rule in self._rules[group_id]
            if rule.not_after is None
        ]
        spells = self._spells(shown)
        last = max(spells, key=lambda spell: spell.last, default=None)
        closed = last if last is not None and not rules else None
        return Door(
            target,
            interface_id,
            target.value.vpc_id or self._topology.vpc_of(interface_id),
            tuple(groups),
            tuple(sorted(rules, key=lambda one: (one.value.group_id, one.value.rule_id))),
            self._sharing(group_ids, interface_id),
            tuple(self._unknown(interface_id, groups)),
            last.last if last else None,
            closed.over_by if closed else None,
            _gone(spells, closed.last) if closed else (),
            closed.interface.value.groups if closed else (),
        )

    def _group(self, group_id: str) -> Version[SecurityGroup] | None:
        there = [one for one in self._groups[group_id] if one.not_after is None]
        return max(there, key=lambda one: one.last_seen, default=None)

    def _unknown(
        self, interface_id: str, groups: Sequence[Version[SecurityGroup] | str]
    ) -> list[str]:
        if not groups:
            what = interface_id or "it"
            return [f"no sweep shows the security groups of {what}"]
        found = [f"no sweep looked at {group}" for group in groups if isinstance(group, str)]
        for group in groups:
            if not isinstance(group, str):
                found += self._unlisted(group)
        return found

    def _unlisted(self, group: Version[SecurityGroup]) -> Iterator[str]:
        """What was not seen whole where a group is: its rules, since it is there and as lately as itself, and who has it."""
        group_id, place = group.value.group_id, (group.account, group.region)
        rules = max(self._listed("security_group_rule", *place), default=None)
        if rules is None:
            yield f"no sweep listed the rules of {group_id}"
        elif rules < max(group.first_seen, group.last_seen - TOGETHER):
            yield f"the rules of {group_id} could not be listed when it was looked at last"
        if not self._listed("network_interface", *place):
            yield f"no sweep listed every interface that may share {group_id}"

    def _sharing(self, group_ids: Sequence[str], interface_id: str) -> tuple[Interface, ...]:
        found = {
            other: version
            for group_id in group_ids
            for other, version in self._having[group_id].items()
            if other != interface_id
        }
        return tuple(found[other] for other in sorted(found))

    def _spells(self, shown: Sequence[Interface]) -> list[_Spell]:
        """Every stretch in which the interface had a group, and the group a rule."""
        found = []
        for interface in shown:
            for group_id in interface.value.groups:
                for rule in self._rules[group_id]:
                    if _at_once(interface, rule):
                        ends = [one.not_after for one in (interface, rule) if one.not_after]
                        last = min(interface.last_seen, rule.last_seen)
                        found.append(_Spell(last, min(ends, default=None), interface, rule))
        return found


def _gone(spells: Sequence[_Spell], last: int) -> tuple[Rule, ...]:
    found = {
        (spell.rule.value.group_id, spell.rule.value.rule_id): spell.rule
        for spell in spells
        if spell.last > last - TOGETHER and spell.rule.not_after is not None
    }
    return tuple(found[key] for key in sorted(found))


def _at_once(interface: Interface, rule: Rule) -> bool:
    """Whether both can have held at one moment. Sweeps look at interfaces more often than at rules: what may have held at once, did."""
    begun = max(
        one.first_seen if one.not_before is None else one.not_before for one in (interface, rule)
    )
    over = [one.not_after for one in (interface, rule) if one.not_after is not None]
    return not over or begun < min(over)
