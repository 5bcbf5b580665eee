"""Every interface that any knowledge names: how long it lived, which addresses it held when, which instance it was attached to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from inventory.model import NetworkInterface, Version
from inventory.resolve import leases
from inventory.resolve.happenings import EventIndex
from inventory.resolve.leases import Tenure
from inventory.resolve.naming import Naming, told_order
from inventory.resolve.networks import PrefixMap

if TYPE_CHECKING:
    from inventory.resolve.topology import Topology


@dataclass(frozen=True, slots=True)
class Holders:
    """Interfaces that held an address at one moment: proven ones, and those that may have. Interface ids, sorted, no id in both."""

    certain: tuple[str, ...] = ()
    possible: tuple[str, ...] = ()

    @property
    def best(self) -> tuple[str, ...]:
        """The proven ones where there are any: an address has one holder in its VPC, so these rule out the merely possible."""
        return self.certain or self.possible


class Spell(NamedTuple):
    """One lease of an address: which interface held it, and for how long. An address that comes back to an interface makes another one."""

    interface_id: str
    tenure: Tenure
    silent_from: int | None = None
    """When the containers of the task that it was made for had ended: the address was still its, but nobody was there to use it."""
    swept: Tenure | None = None
    """What it would be without events; ``None`` when only events tell of the interface."""


@dataclass(frozen=True, slots=True)
class Held:
    """Which instance an interface was attached to at one moment."""

    instance_id: str
    certain: bool


@dataclass(frozen=True, slots=True)
class _Attachment:
    instance_id: str
    tenure: Tenure
    for_life: bool
    """The instance's first interface (device index 0) cannot be taken from it."""
    swept: bool = True
    """A sweep showed it; else only events tell of it."""


class InterfaceIndex:
    """Interfaces by id, by address and by instance."""

    def __init__(self, topology: Topology) -> None:
        self._topology = topology
        self._naming = Naming(topology)
        self._shown: dict[str, list[Version[NetworkInterface]]] = defaultdict(list)
        for version in topology.versions("network_interface"):
            self._shown[version.value.network_interface_id].append(version)
        self._interfaces = self._shown | self._naming.not_shown(self._shown)
        self.events = EventIndex(topology)
        self.told = tuple(self.events.made_up())
        """Interfaces that no sweep listed, as events tell of them."""
        self._told = frozenset(version.value.network_interface_id for version in self.told)
        self._add_told()
        self._by_address, self._prefixes = self._index_addresses()
        # What is made of one interface's versions is made when it is asked for: most questions are about few of very many.
        self._swept_lives: dict[str, Tenure | None] = {}
        self._lives: dict[str, Tenure | None] = {}
        self._spells: dict[str, dict[str, list[Spell]]] = {}
        self._attachments: dict[str, list[_Attachment]] = {}
        self._by_instance: dict[str, list[Version[NetworkInterface]]] | None = None
        self._ended: dict[str, int] | None = None

    def at(self, interface_id: str, moment: int) -> tuple[Version[NetworkInterface], ...]:
        """One version when it is certain for the moment; else all of them, nearest first; none when no sweep named it.

        Interface ids are never reused, so a version from another time is still the same interface; so only the account that owns it speaks
        where it was ever swept. An interface that only a task, an instance or a mount target names (deleted before a sweep saw it) is made
        up from what they say.
        """
        found = by_its_owner(self._interfaces.get(interface_id, []))
        certain = [v for v in found if v.certain(moment)]
        if len(certain) == 1:
            return (certain[0],)
        return tuple(sorted(found, key=lambda v: leases.nearness(v, moment)))

    def versions(self, interface_id: str) -> Sequence[Version[NetworkInterface]]:
        """All of them, oldest first."""
        return self._interfaces.get(interface_id, ())

    def life(self, interface_id: str) -> Tenure | None:
        """When this interface existed; ``None`` when no sweep named it."""
        if interface_id not in self._lives:
            self._lives[interface_id] = self._life(interface_id)
        return self._lives[interface_id]

    def vpc_of(self, interface_id: str) -> str:
        """The interface's VPC (it never changes), ``""`` when unknown."""
        return next(
            (v.value.vpc_id for v in self._interfaces.get(interface_id, ()) if v.value.vpc_id), ""
        )

    def ever_held(self, interface_id: str, address: str) -> bool:
        """Whether any sweep showed the address on the interface, or within one of its prefixes."""
        for version in self._interfaces.get(interface_id, ()):
            if address in version.value.addresses:
                return True
            if version.value.prefixes and PrefixMap(
                (p, True) for p in version.value.prefixes
            ).holding(address):
                return True
        return False

    def holders(self, vpc_id: str, address: str, moment: int) -> Holders:
        """Who held an address of a VPC: primary, secondary, IPv6, or inside a delegated prefix."""
        found = self._all_spells(vpc_id, address)
        certain = {spell.interface_id for spell in found if spell.tenure.certain(moment)}
        if len(certain) > 1:
            # Sweeps and events contradict each other: whom a sweep proves comes first.
            proven = {spell.interface_id for spell in found if _by_sweeps(spell, moment)}
            certain = proven or certain
        possible = {
            spell.interface_id for spell in found if spell.tenure.possible(moment)
        } - certain
        return Holders(tuple(sorted(certain)), tuple(sorted(possible)))

    def spells(self, vpc_id: str, address: str, start: int, end: int) -> tuple[Spell, ...]:
        """Every lease of an address that may have held at some moment after ``start``, up to ``end``; sorted."""
        found = [s for s in self._all_spells(vpc_id, address) if s.tenure.touches(start, end)]
        if any(s.swept is not None and s.swept.throughout(start, end) for s in found):
            # Events that contradict what sweeps prove are wrong.
            found = [s for s in found if s.swept is not None and s.swept.touches(start, end)]
        return tuple(sorted(found, key=repr))

    def _all_spells(self, vpc_id: str, address: str) -> list[Spell]:
        told = [(address, one) for one in self._by_address.get((vpc_id, address), ())]
        if (prefixes := self._prefixes.get(vpc_id)) is not None:
            told += prefixes.holding(address)
        found = [spell for held, one in told for spell in self._spells_of(one).get(held, ())]
        return self._succeeded(found) if len(found) > 1 and self._told else found

    def _succeeded(self, found: Sequence[Spell]) -> list[Spell]:
        """Whoever held an address had given it up when another interface was made with it, unless it is proven to have held on."""
        births = sorted(
            since
            for spell in found
            if spell.interface_id in self._told
            and (since := spell.tenure.since) is not None
            and spell.tenure.after == since - 1
        )
        return [_until(spell, births) for spell in found]

    def _silent_from(self, interface_id: str) -> int | None:
        """When the containers of the task that has it had all ended."""
        if self._ended is None:
            self._ended = {
                attachment.network_interface_id: task.value.execution_stopped_at
                for task in self._topology.versions("task")
                if task.value.execution_stopped_at is not None
                for attachment in task.value.attachments
            }
        return self._ended.get(interface_id)

    def changes_hands(self, interface_id: str) -> bool:
        """Whether it was ever attached to one instance and then to another, or again."""
        return len(self._attachments_of(interface_id)) > 1

    def instances_of(self, interface_id: str, moment: int) -> tuple[Held, ...]:
        """The instance an interface was attached to: one proven, or all possible ones; sorted by id.

        Proven from AttachTime to the last sweep that showed it. The first interface (device index 0) stays with its instance for life.
        """
        found = self._attachments_of(interface_id)
        certain = {a.instance_id for a in found if a.for_life or a.tenure.certain(moment)}
        if len(certain) > 1:
            proven = {
                a.instance_id for a in found if a.swept and (a.for_life or a.tenure.certain(moment))
            }
            certain = proven or certain
        if len(certain) == 1:
            return (Held(certain.pop(), certain=True),)
        possible = {a.instance_id for a in found if a.for_life or a.tenure.possible(moment)}
        return tuple(Held(instance_id, certain=False) for instance_id in sorted(possible))

    def of_instance(self, instance_id: str) -> Sequence[Version[NetworkInterface]]:
        """Every version that shows an interface attached to this instance."""
        if self._by_instance is None:
            self._by_instance = defaultdict(list)
            for found in self._interfaces.values():
                for version in found:
                    self._by_instance[version.value.instance_id].append(version)
        return self._by_instance.get(instance_id, ()) if instance_id else ()

    # -- building ----------------------------------------------------------------------------------

    def _add_told(self) -> None:
        """Interfaces that events tell of; the versions of one that something else names too are told by both."""
        for version in self.told:
            self._interfaces.setdefault(version.value.network_interface_id, []).append(version)
        for interface_id in self._told:
            self._interfaces[interface_id].sort(key=told_order)

    def _index_addresses(
        self,
    ) -> tuple[dict[tuple[str, str], list[str]], dict[str, PrefixMap[tuple[str, str]]]]:
        """By VPC and address the interfaces that ever had it; by VPC the prefixes, each with itself and its interface."""
        addresses: dict[tuple[str, str], list[str]] = defaultdict(list)
        prefixes: dict[str, list[tuple[str, tuple[str, str]]]] = defaultdict(list)
        for interface_id, versions in self._interfaces.items():
            vpc_id = self.vpc_of(interface_id)
            for address in {a for version in versions for a in version.value.addresses}:
                addresses[vpc_id, address].append(interface_id)
            for prefix in {p for version in versions for p in version.value.prefixes}:
                prefixes[vpc_id].append((prefix, (prefix, interface_id)))
        return addresses, {vpc_id: PrefixMap(found) for vpc_id, found in prefixes.items()}

    def _life(self, interface_id: str) -> Tenure | None:
        """As sweeps tell it, with the bounds that events move nearer."""
        swept = self._swept_life(interface_id)
        proofs = leases.agreeing(swept, self.events.proofs(interface_id))
        return leases.joined([*([swept] if swept else []), *proofs]) if proofs else swept

    def _swept_life(self, interface_id: str) -> Tenure | None:
        if interface_id not in self._swept_lives:
            proofs = self._naming.lives(interface_id)
            for version in self._shown.get(interface_id, ()):
                launched = self._launched(version.value.instance_id)
                proofs += leases.life_by_interface(version, launched)
            joined = leases.joined(proofs) if proofs and interface_id else None
            self._swept_lives[interface_id] = joined
        return self._swept_lives[interface_id]

    def _launched(self, instance_id: str) -> int | None:
        """Earliest known LaunchTime."""
        known = self._topology.instance_versions(instance_id) if instance_id else ()
        times = [v.value.launch_time for v in known if v.value.launch_time is not None]
        return min(times, default=None)

    def _spells_of(self, interface_id: str) -> dict[str, list[Spell]]:
        """When an interface held each of its addresses and prefixes."""
        found = self._spells.get(interface_id)
        if found is None:
            found = self._spells[interface_id] = self._made_spells(interface_id)
        return found

    def _made_spells(self, interface_id: str) -> dict[str, list[Spell]]:
        life, swept = self.life(interface_id), self._swept_life(interface_id)
        if life is None:
            return {}
        versions, silent = self._interfaces[interface_id], self._silent_from(interface_id)
        lasting = _lasting_addresses(versions)
        found = {address: [Spell(interface_id, life, silent, swept)] for address in lasting}
        for group in _by_place(versions):
            changing = {a for v in group for a in (*v.value.addresses, *v.value.prefixes)} - lasting
            for address in changing:
                found.setdefault(address, []).extend(
                    Spell(interface_id, tenure, silent, tenure if swept else None)
                    for tenure in leases.runs_of_address(group, address, life)
                )
        return found

    def _attachments_of(self, interface_id: str) -> list[_Attachment]:
        """Every attachment to an instance; an interface may come back to where it was."""
        if interface_id not in self._attachments:
            spans: dict[tuple[str, int | None], list[Version[NetworkInterface]]] = defaultdict(list)
            versions = by_its_owner(self._interfaces.get(interface_id, []))
            for version in versions:
                if version.value.instance_id:
                    spans[version.value.instance_id, version.value.attach_time].append(version)
            only = self._is_of_one(interface_id, versions)
            found = [
                _Attachment(
                    instance_id,
                    leases.joined(self._span_of(interface_id, span)),
                    for_life=only and any(v.value.device_index == 0 for v in span),
                    swept=interface_id not in self._told,
                )
                for (instance_id, _), span in spans.items()
            ]
            shown = {v.value.attachment_id for span in spans.values() for v in span} - {""}
            found += self._told_attachments(interface_id, shown)
            self._attachments[interface_id] = found
        return self._attachments[interface_id]

    def _is_of_one(self, interface_id: str, versions: Sequence[Version[NetworkInterface]]) -> bool:
        """Whether nothing shows it with another instance, or with none: one that is kept when its instance ends may go to another."""
        told = {one.instance_id for one in self.events.attachments(interface_id)}
        return len({version.value.instance_id for version in versions} | told) == 1

    def _span_of(
        self, interface_id: str, span: Sequence[Version[NetworkInterface]]
    ) -> Iterable[Tenure]:
        """One attachment that sweeps showed, with what events say of its begin and end."""
        ids = {version.value.attachment_id for version in span} - {""}
        shown = [_attached(version) for version in span]
        ends = [self.events.detached(interface_id, one) for one in sorted(ids)]
        told = [
            one.tenure for one in self.events.attachments(interface_id) if one.attachment_id in ids
        ]
        yield from shown
        yield from leases.agreeing(leases.joined(shown), [*(end for end in ends if end), *told])

    def _told_attachments(self, interface_id: str, shown: Collection[str]) -> Iterable[_Attachment]:
        told = [a for a in self.events.attachments(interface_id) if a.attachment_id not in shown]
        only = len({a.instance_id for a in told}) == 1
        for one in told:
            yield _Attachment(
                one.instance_id, one.tenure, for_life=only and one.made_together, swept=False
            )


def _by_sweeps(spell: Spell, moment: int) -> bool:
    return spell.swept is not None and spell.swept.certain(moment)


def _until(spell: Spell, births: Sequence[int]) -> Spell:
    """The spell, ended by the first of ``births`` after what is proven of it."""
    since, until, after, before = spell.tenure
    later = [birth for birth in births if until is not None and birth > until]
    if not later or (before is not None and before <= later[0]):
        return spell
    return spell._replace(tenure=Tenure(since, until, after, later[0]))


def by_its_owner(
    versions: Sequence[Version[NetworkInterface]],
) -> Sequence[Version[NetworkInterface]]:
    """Of one interface's versions those that its own account showed, where there are any; else all.

    In a shared VPC (RAM) the VPC's account sees interfaces of participants too, next to nothing of what they are.
    """
    return [v for v in versions if v.account == v.value.owner_id] or versions


def _attached(version: Version[NetworkInterface]) -> Tenure:
    attached = version.value.attach_time
    if attached is None or attached > version.last_seen:
        return leases.of_version(version)
    return Tenure(attached, version.last_seen, attached - 1, version.not_after)


def _lasting_addresses(versions: Sequence[Version[NetworkInterface]]) -> set[str]:
    """Addresses an interface holds for life: the primary IPv4 always, and all of them on interfaces that no instance ever had.

    Not so IPv6: its owner can give an interface such an address and take it away at any time, even the only one. What a service made (a
    task's, a mount target's) its owner cannot change.
    """
    made = all(v.value.requester_managed for v in versions)
    shown = [
        [address for address in v.value.addresses if made or ":" not in address]
        for v in versions
        if v.value.addresses
    ]
    primary = {lasting[0] for lasting in shown if lasting}
    if not shown or any(v.value.instance_id for v in versions):
        return primary
    return primary | set.intersection(*map(set, shown))


def _by_place(
    versions: Sequence[Version[NetworkInterface]],
) -> list[list[Version[NetworkInterface]]]:
    groups: dict[tuple[str, str], list[Version[NetworkInterface]]] = defaultdict(list)
    for version in versions:
        groups[version.account, version.region].append(version)
    return list(groups.values())
