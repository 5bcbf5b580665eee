"""From sightings and knowledge to mounts: one client address, one server address, one hour.

The rule that everything rests on: a mount hour is a pure function of the facts of its unit and of the topology. Nothing is carried over
from what was derived before, so reading twice, reading late and learning late all end in the same rows.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from inventory.model import (
    HOUR,
    RUN_GAP,
    Attribution,
    Confidence,
    Method,
    MountHour,
    Sighting,
    Span,
    Vantage,
)
from inventory.resolve.attribute import (
    ClientEnd,
    Locus,
    Part,
    attribute,
    client_end,
    locate,
    steady,
)
from inventory.resolve.counting import Counting, Fact, Seen, is_idle, witnesses
from inventory.resolve.networks import Networks
from inventory.resolve.topology import Topology

CHAIN_GAP = 900
"""Silence in seconds that splits a unit's hour into several rows: the smallest ``mount_gap``, so no interval is ever split too late."""

CORROBORATION = 60
"""Seconds by which the two ends of one flow may disagree about its times (AWS: a record's times are up to 60 s off)."""

_CONFIDENCE_ORDER = (
    Confidence.EXACT,
    Confidence.INFERRED,
    Confidence.CANDIDATES,
    Confidence.UNKNOWN,
)
_METHOD_ORDER = tuple(Method)


class Unit(NamedTuple):
    """What is derived at once: every sighting of one client address and one server address that starts in one hour."""

    server: str
    client: str
    hour: int


class _ServerKey(NamedTuple):
    mount_target_id: str
    file_system_ids: tuple[str, ...]
    account: str
    region: str


def derive(
    unit: Unit,
    facts: Iterable[Fact],
    topology: Topology,
    networks: Networks,
    counting: Span | None = None,
) -> list[MountHour]:
    """The mount hours of ``unit``, sorted.

    ``facts`` are those of the unit, and may hold those of the hour before that reach into it: they only tell which slots the mount
    target's own rows account for. A unit whose server is no mount target, or that only third interfaces recorded, gives none.
    ``counting`` is a question's window that cuts the hour: counts are of what starts inside it, first and last seen of what touches it.
    """
    hours = [
        row
        for server, group in _groups(facts, topology, networks)
        for row in _mount_hours(unit, server, group, counting)
    ]
    return sorted(
        hours,
        key=lambda row: (
            row.first_seen,
            row.mount_target_id,
            row.file_system_ids,
            str(row.attribution.owners),
        ),
    )


def counted(facts: Iterable[Fact], topology: Topology, networks: Networks) -> set[Fact]:
    """Those of a unit's facts whose counts count: their witness is the one that is believed about their slot."""
    found: set[Fact] = set()
    for _, group in _groups(facts, topology, networks):
        tell = Counting(witnesses(group), None)
        found.update(seen.fact for seen in group if seen in tell)
    return found


def _groups(
    facts: Iterable[Fact], topology: Topology, networks: Networks
) -> Iterator[tuple[_ServerKey, list[Seen]]]:
    """What the mount target or a client recorded, by server and owners."""
    located = _located(sorted(set(facts)), topology)
    located = [
        (fact, locus)
        for fact, locus in located
        if locus.vantage is not Vantage.SHADOW and _is_efs(locus)
    ]
    own = _own_recorders(located)
    runs = _runs(located)
    seen_here = [seen for run in runs for seen in _attribute_run(run, own, topology, networks)]
    groups: dict[tuple[_ServerKey, tuple[tuple[str, ...], ...]], list[Seen]] = defaultdict(list)
    for seen in _by_their_own_word(seen_here):
        owners = tuple(owner.identity for owner in seen.attribution.owners)
        for server in _server_keys(seen):
            groups[server, owners].append(seen)
    for (server, _), group in groups.items():
        yield server, group


def _located(facts: Sequence[Fact], topology: Topology) -> list[tuple[Fact, Locus]]:
    """Each fact with its locus. What says the same of itself is asked about at its first and last moment only, when those agree."""
    alike: dict[tuple[str, ...], list[Fact]] = defaultdict(list)
    for fact in facts:
        s = fact.sighting
        alike[s.interface_id, s.vpc_id, s.client, s.pkt_client, s.next_hop].append(fact)
    found: list[tuple[Fact, Locus]] = []
    for group in alike.values():
        group.sort(key=_first_seen)
        first = locate(group[0].sighting, topology)
        if len(group) > 1 and locate(group[-1].sighting, topology) == first:
            found += [(fact, first) for fact in group]
        else:
            found += [(fact, locate(fact.sighting, topology)) for fact in group]
    return found


def _first_seen(fact: Fact) -> int:
    return fact.sighting.first_seen


def _is_efs(locus: Locus) -> bool:
    return bool(locus.servers)


def _server_keys(seen: Seen) -> list[_ServerKey]:
    """One key when the server is known; else one for each account and region with a candidate, without a mount target.

    A format that does not tell the server leaves it a candidate even where there is only one to choose from.
    """
    locus = seen.locus
    if len(locus.servers) == 1 and (locus.certain or seen.fact.sighting.server):
        target = locus.servers[0]
        return [
            _ServerKey(
                target.value.mount_target_id,
                (target.value.file_system_id,),
                target.account,
                target.region,
            )
        ]
    places: dict[tuple[str, str], set[str]] = defaultdict(set)
    for target in locus.servers:
        places[target.account, target.region].add(target.value.file_system_id)
    return [
        _ServerKey("", tuple(sorted(ids)), account, region)
        for (account, region), ids in sorted(places.items())
    ]


class _Recorder(NamedTuple):
    """An interface that recorded the client's address itself, of which mount targets (by id), and when."""

    interface_id: str
    targets: frozenset[str]
    first_seen: int
    last_seen: int


def _own_recorders(located: Sequence[tuple[Fact, Locus]]) -> list[_Recorder]:
    """The client's own word against an address lease."""
    return [
        _Recorder(
            fact.sighting.interface_id,
            frozenset(target.value.mount_target_id for target in locus.servers),
            fact.sighting.first_seen,
            fact.sighting.last_seen,
        )
        for fact, locus in located
        if locus.vantage is Vantage.CLIENT and fact.sighting.interface_id
    ]


def _runs(located: Sequence[tuple[Fact, Locus]]) -> list[list[tuple[Fact, Locus]]]:
    """Facts that say the same of the same client at the same vantage, without a silence in which an address could pass on."""
    by_key: dict[tuple[object, ...], list[tuple[Fact, Locus]]] = defaultdict(list)
    for fact, locus in located:
        s = fact.sighting
        targets = tuple(target.value.mount_target_id for target in locus.servers)
        key = (
            locus.vantage,
            targets,
            s.interface_id,
            s.vpc_id,
            s.client,
            s.pkt_client,
            s.instance_id,
            s.task_arn,
            s.next_hop,
        )
        by_key[key].append((fact, locus))
    runs: list[list[tuple[Fact, Locus]]] = []
    for members in by_key.values():
        members.sort(
            key=lambda member: (member[0].sighting.first_seen, member[0].sighting.last_seen)
        )
        end = None
        for fact, locus in members:
            if end is None or fact.sighting.first_seen > end + RUN_GAP:
                runs.append([])
                end = fact.sighting.last_seen
            runs[-1].append((fact, locus))
            end = max(end, fact.sighting.last_seen)
    return runs


def _attribute_run(
    run: Sequence[tuple[Fact, Locus]],
    own: Sequence[_Recorder],
    topology: Topology,
    networks: Networks,
) -> list[Seen]:
    """A run has one client; if its address can have passed on inside it, each fact is asked on its own."""
    facts = [fact for fact, _ in run]
    locus = run[0][1]
    whole = _client_end(facts, locus, own)
    if len(facts) > 1 and steady(whole, topology):
        (part,) = attribute(whole, topology, networks)
        return [_seen(fact, locus, part) for fact in facts]
    return [
        _seen(fact, locus, part, counts=position == 0)
        for fact in facts
        for position, part in enumerate(
            attribute(_client_end([fact], locus, own), topology, networks)
        )
    ]


def _seen(fact: Fact, locus: Locus, part: Part, *, counts: bool = True) -> Seen:
    s = fact.sighting
    since = s.first_seen if part.since is None else part.since
    until = s.last_seen if part.until is None else part.until
    return Seen(fact, locus, part.attribution, counts, since, until)


def _by_their_own_word(every: Sequence[Seen]) -> Iterator[Seen]:
    """What knowledge cannot name of an interface is told by the interface's own rows, where they name somebody."""
    told: dict[str, Attribution] = {
        seen.attribution.interface_id: seen.attribution
        for seen in every
        if seen.locus.vantage is Vantage.CLIENT
        and seen.attribution.confidence is Confidence.EXACT
        and seen.attribution.interface_id
    }
    for seen in every:
        known = told.get(seen.attribution.interface_id)
        if known is not None and seen.attribution.confidence is Confidence.UNKNOWN:
            yield replace(seen, attribution=known)
        else:
            yield seen


def _client_end(facts: Sequence[Fact], locus: Locus, own: Sequence[_Recorder]) -> ClientEnd:
    first = min(fact.sighting.first_seen for fact in facts)
    last = max(fact.sighting.last_seen for fact in facts)
    targets = {target.value.mount_target_id for target in locus.servers}
    recorders = {
        one.interface_id
        for one in own
        if targets & one.targets
        and one.first_seen <= last + CORROBORATION
        and one.last_seen >= first - CORROBORATION
    }
    return client_end([fact.sighting for fact in facts], locus, recorders)


# -- counting --------------------------------------------------------------------------------------------------------------------------


def _mount_hours(
    unit: Unit, server: _ServerKey, group: Sequence[Seen], counting: Span | None
) -> list[MountHour]:
    tell = Counting(witnesses(group), counting)
    proven = {
        seen.fact.sighting.slot for seen in group if seen.attribution.confidence is Confidence.EXACT
    }
    inside = sorted(
        (seen for seen in group if seen.fact.sighting.first_seen >= unit.hour),
        key=lambda seen: (seen.fact.sighting.first_seen, seen.fact.sighting.last_seen),
    )
    rows: list[MountHour] = []
    chain: list[Seen] = []
    end = 0
    for seen in inside:
        # What is proven of one slot proves nothing of the next, though the same owner is thought to have been there.
        other = chain and (chain[-1].fact.sighting.slot in proven) != (
            seen.fact.sighting.slot in proven
        )
        if chain and (other or seen.fact.sighting.first_seen > end + CHAIN_GAP):
            rows.append(_mount_hour(unit, server, chain, tell))
            chain = []
        chain.append(seen)
        end = max(end if len(chain) > 1 else 0, seen.fact.sighting.last_seen)
    if chain:
        rows.append(_mount_hour(unit, server, chain, tell))
    return rows


def _mount_hour(unit: Unit, server: _ServerKey, chain: Sequence[Seen], tell: Counting) -> MountHour:
    counted = [seen for seen in chain if seen in tell]
    present = [seen for seen in chain if tell.touches(seen)] or chain
    taken = [seen.fact.sighting for seen in counted if seen.fact.sighting.action != "REJECT"]
    best = min(
        (seen for seen in chain),
        key=lambda seen: (
            _rank(seen.attribution),
            seen.fact.sighting.first_seen,
            seen.fact.source,
            seen.fact.key,
        ),
    )
    return MountHour(
        mount_target_id=server.mount_target_id,
        file_system_ids=server.file_system_ids,
        account=server.account,
        region=server.region,
        client=unit.client,
        attribution=_with_all_told(best.attribution, chain),
        hour=unit.hour,
        first_seen=min(seen.first_seen for seen in present),
        last_seen=max(seen.last_seen for seen in present),
        requests_ok=sum(s.requests for s in taken),
        responses_ok=sum(s.responses for s in taken),
        rejected=sum(
            seen.fact.sighting.requests for seen in counted if seen.fact.sighting.action == "REJECT"
        ),
        packets_in=sum(s.packets_in for s in taken),
        bytes_in=sum(s.bytes_in for s in taken),
        packets_out=sum(s.packets_out for s in taken),
        bytes_out=sum(s.bytes_out for s in taken),
        at_mount_target=all(seen.locus.vantage is Vantage.MOUNT_TARGET for seen in counted),
        accepted=_accepted(chain),
        last_busy=_last_busy(counted),
        batch_id=best.fact.batch_id,
    )


def _with_all_told(best: Attribution, chain: Sequence[Seen]) -> Attribution:
    """The access points and principals of the whole chain: a connection shows in the run that it began in, not in the next one."""
    every = [seen.attribution for seen in chain]
    points = tuple(sorted({point for one in every for point in one.access_points}))
    principals = tuple(sorted({arn for one in every for arn in one.principals}))
    return replace(best, access_points=points, principals=principals)


def _rank(attribution: Attribution) -> tuple[int, int]:
    return (
        _CONFIDENCE_ORDER.index(attribution.confidence),
        _METHOD_ORDER.index(attribution.method),
    )


def _accepted(chain: Sequence[Seen]) -> bool:
    """Decided by who recorded it: only the mount target's own ACCEPT shows that its security group let the request in.

    The client's ACCEPT shows no more than its own group's consent, so an accepted response must have come back too. A format without
    ``action`` shows a refused request just as an accepted one; there, too, only an answer proves.
    """
    requests = responses = 0
    for seen in chain:
        s = seen.fact.sighting
        if s.action == "REJECT":
            continue
        if seen.locus.vantage is Vantage.MOUNT_TARGET and (
            (s.action == "ACCEPT" and s.requests) or s.responses
        ):
            return True
        requests += s.requests
        responses += s.responses
    return requests > 0 and responses > 0


def _last_busy(counted: Sequence[Seen]) -> int | None:
    slots: dict[int, list[Seen]] = defaultdict(list)
    for seen in counted:
        if seen.fact.sighting.action != "REJECT":
            slots[seen.fact.sighting.slot].append(seen)
    busy = [
        max(seen.last_seen for seen in members)
        for members in slots.values()
        if not is_idle([seen.fact.sighting for seen in members])
    ]
    return max(busy, default=None)


def is_one_client(facts: Sequence[Fact], topology: Topology) -> bool:
    """Whether nothing that is known lets the client's address pass on between the first of these facts and the last."""
    return steady(_client_end(facts, locate(facts[0].sighting, topology), ()), topology)


def unit_of(sighting: Sighting) -> Unit:
    """The unit that a sighting belongs to."""
    return Unit(
        sighting.server, sighting.true_client, sighting.first_seen - sighting.first_seen % HOUR
    )


def reached_units(unit: Unit, last_seen: int) -> set[Unit]:
    """The units whose derivation looks at a sighting of ``unit`` that ends at ``last_seen``: its own, perhaps the next hour's."""
    return {unit, unit._replace(hour=unit.hour + HOUR)} if last_seen >= unit.hour + HOUR else {unit}
