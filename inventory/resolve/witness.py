"""CloudTrail as a witness: what an IAM-authorised connection says of the client behind it.

EFS tells CloudTrail of every such connection: file system, access point, principal, the client's address, the moment. The service that
hands out a role's credentials names the session after the client: EC2 after the instance, Lambda after the function, ECS after the task. So
a connection decides between candidates. It never overrides what is proven otherwise, for anybody may name a session of their own at will.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from inventory.model import (
    DAY,
    RUN_GAP,
    Attribution,
    ClientConnection,
    Confidence,
    Method,
    NetworkInterface,
    Owner,
    OwnerKind,
    Version,
    Workload,
)
from inventory.resolve import arns, owners

if TYPE_CHECKING:
    from inventory.resolve.attribute import ClientEnd
    from inventory.resolve.topology import Topology

TOLERANCE = RUN_GAP
"""Seconds by which a connection may lie outside of the run that it begins: as much as a record's own times may be off. No more, for an
address may pass to the next client within minutes."""

CARRIED = DAY
"""Seconds for which a connection before a run still counts on an interface that several owners share; their environments live for hours."""

_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")
_TASK = re.compile(r"[0-9a-f]{32}")

Told = Version[ClientConnection]


def witnessed(attribution: Attribution, end: ClientEnd, topology: Topology) -> Attribution:
    """The attribution with what connections during its run add: principals, access points, and who it was where that was open."""
    if not end.file_system_id or not end.address:
        return attribution
    every = topology.connections(end.file_system_id, end.address)
    if not every:
        return attribution
    mine = [told for told in every if _is_its_own(told, attribution, end, topology)]
    within = [told for told in mine if told.value.time >= end.first_seen - TOLERANCE]
    decided = _decided(attribution, within, _carried(mine, attribution, end), end, topology)
    counted = within or (mine if decided is not attribution else [])
    return replace(
        decided,
        access_points=_together(
            decided.access_points, (p for told in counted for p in told.value.access_point_ids)
        ),
        principals=_together(decided.principals, (told.value.principal_arn for told in counted)),
    )


def _together(known: Iterable[str], more: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({*known, *more} - {""}))


def _is_its_own(told: Told, attribution: Attribution, end: ClientEnd, topology: Topology) -> bool:
    """Whether a connection can be this client's: near its run, and made while its interface held the address."""
    time = told.value.time
    if not end.first_seen - CARRIED <= time <= end.last_seen + TOLERANCE:
        return False
    if not end.vpc_id:
        return True
    holders = topology.holders(end.vpc_id, end.address, time)
    if attribution.interface_id:
        return not holders.best or attribution.interface_id in holders.best
    return len(attribution.owners) > 1 or not holders.certain


def _carried(mine: Sequence[Told], attribution: Attribution, end: ClientEnd) -> list[Told]:
    """Connections before the run that may go on in it: only where one interface stands behind all candidates."""
    if not attribution.interface_id:
        return []
    return [told for told in mine if told.value.time < end.first_seen - TOLERANCE]


# -- deciding ----------------------------------------------------------------------------------------------------------------------------


def _decided(
    attribution: Attribution,
    within: Sequence[Told],
    carried: Sequence[Told],
    end: ClientEnd,
    topology: Topology,
) -> Attribution:
    """Who it was, when connections name one: exactly, by one of this very run; inferred, by earlier ones of the same interface alone."""
    if attribution.confidence is Confidence.EXACT:
        return attribution
    if attribution.confidence is Confidence.UNKNOWN:
        return _named(attribution, within, carried, end, topology)
    now, before = (
        _meant(attribution, some) for some in (_of_this_run(attribution, within, end), carried)
    )
    meant = {owner.identity: owner for owner in (*now, *before)}
    if len(meant) != 1 or _names_another(attribution, within):
        return attribution
    (owner,) = meant.values()
    if now:
        shared = len(attribution.owners) > 1 and bool(attribution.interface_id)
        sure = not shared or _all_told(within, end, topology)
        confidence = Confidence.EXACT if sure else Confidence.INFERRED
        return replace(
            attribution, owners=(owner,), confidence=confidence, method=Method.CLOUDTRAIL
        )
    if len(attribution.owners) == 1:
        return attribution
    return replace(
        attribution, owners=(owner,), confidence=Confidence.INFERRED, method=Method.CLOUDTRAIL
    )


def _of_this_run(
    attribution: Attribution, within: Sequence[Told], end: ClientEnd
) -> Sequence[Told]:
    """Those that decide: where several interfaces are possible, none of the minute before or after, in which the address was another's."""
    if attribution.interface_id:
        return within
    return [told for told in within if end.first_seen <= told.value.time <= end.last_seen]


def _all_told(within: Sequence[Told], end: ClientEnd, topology: Topology) -> bool:
    """Whether CloudTrail was asked about all the time in which others behind the same interface may have connected before.

    What it tells later of them makes them candidates again.
    """
    since, until = end.first_seen - CARRIED, max(told.value.time for told in within)
    asked = topology.asked(within[0].account, within[0].region)
    return any(begin <= since and until < finish for begin, finish in asked)


def _meant(attribution: Attribution, connections: Sequence[Told]) -> list[Owner]:
    return [
        owner
        for told in connections
        for owner in attribution.owners
        if _is_session_of(told.value, owner)
    ]


def _is_session_of(connection: ClientConnection, owner: Owner) -> bool:
    """Whether a session is named as the service that runs the owner names it. Ids are unique, a function's name is so in its account."""
    if not owner.id or arns.session_of(connection.principal_arn) != owner.id:
        return False
    account = arns.parse(connection.principal_arn).account
    return owner.kind in _NAMED_BY_ID or (
        owner.kind is OwnerKind.LAMBDA_FUNCTION and owner.account in (None, "", account)
    )


_NAMED_BY_ID = frozenset({OwnerKind.EC2_INSTANCE, OwnerKind.EKS_NODE, OwnerKind.ECS_TASK})


def _names_another(attribution: Attribution, connections: Sequence[Told]) -> bool:
    """Whether a connection was surely made by an instance that is none of the owners."""
    ids = {owner.id for owner in attribution.owners}
    return any(
        told.value.from_instance and arns.session_of(told.value.principal_arn) not in ids
        for told in connections
    )


# -- naming what no sweep could name -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Session:
    name: str
    account: str
    region: str
    from_instance: bool


def _session(told: Told) -> _Session:
    arn = told.value.principal_arn
    return _Session(
        arns.session_of(arn), arns.parse(arn).account, told.region, told.value.from_instance
    )


def _named(
    attribution: Attribution,
    within: Sequence[Told],
    carried: Sequence[Told],
    end: ClientEnd,
    topology: Topology,
) -> Attribution:
    """A client of which at most the kind was known, by the one session that connected during the run.

    Exact where the interface is known to be of the kind that the session's name tells, or to be the instance's. An instance's own
    credentials are also believed on an interface that nobody knows, but something else on the instance may have used them. Functions share
    interfaces: one that connected earlier may go on.
    """
    if len(attribution.owners) != 1:
        return attribution
    kind = attribution.owners[0].kind
    shared = kind is OwnerKind.LAMBDA_FUNCTION
    sessions = {_session(told) for told in (*within, *(carried if shared else ()))}
    if len(sessions) != 1 or not within:
        return attribution
    build = _NAMING.get(kind)
    found = build(sessions.pop(), end, topology) if build else None
    if found is None:
        return attribution
    owner, confidence = found
    if shared and not _all_told(within, end, topology):
        confidence = Confidence.INFERRED
    return replace(attribution, owners=(owner,), confidence=confidence, method=Method.CLOUDTRAIL)


def _instance(
    session: _Session, end: ClientEnd, topology: Topology
) -> tuple[Owner, Confidence] | None:
    if not session.from_instance or not _INSTANCE.fullmatch(session.name):
        return None
    interfaces = {
        version.value.network_interface_id
        for version in topology.interfaces_of_instance(session.name)
    }
    held = end.is_home and any(
        topology.vpc_of(one) == end.vpc_id and topology.ever_held(one, end.address)
        for one in interfaces
    )
    place = Version(
        NetworkInterface("", owner_id=session.account, instance_id=session.name),
        session.account,
        session.region,
        end.first_seen,
        end.last_seen,
        None,
        None,
    )
    owner = owners.instance_owner(session.name, end.first_seen, topology, place)
    return owner, Confidence.EXACT if held else Confidence.INFERRED


def _function(
    session: _Session, _end: ClientEnd, topology: Topology
) -> tuple[Owner, Confidence] | None:
    if not session.name or not session.account:
        return None
    known = [v for v in topology.functions_named(session.name) if v.account == session.account]
    region = known[-1].region if known else session.region
    arn = arns.function_arn(session.name, session.account, region)
    owner = Owner(
        OwnerKind.LAMBDA_FUNCTION,
        session.name,
        arn,
        session.name,
        session.account,
        region,
        {},
        Workload("lambda_function", session.name, arn),
    )
    return owner, Confidence.EXACT


def _task(
    session: _Session, _end: ClientEnd, topology: Topology
) -> tuple[Owner, Confidence] | None:
    known = topology.tasks_named(session.name)
    if known:
        return owners.task_owner(known[-1].value, topology), Confidence.EXACT
    if not _TASK.fullmatch(session.name):
        return None
    owner = Owner(
        OwnerKind.ECS_TASK,
        session.name,
        account=session.account or None,
        region=session.region,
        workload=Workload(OwnerKind.ECS_TASK.value, session.name),
    )
    return owner, Confidence.EXACT


_NAMING = {
    OwnerKind.UNKNOWN: _instance,
    OwnerKind.LAMBDA_FUNCTION: _function,
    OwnerKind.ECS_TASK: _task,
}
