"""Old knowledge given up: things that were last seen long before what is kept, and sweeps that say nothing else any more.

Only kinds that come and go by the thousand (interfaces, instances, tasks), and only what no mount names and no server is. Of each kind,
account and region the last whole sweeps before the moment stay: no bound of what is kept looks beyond them
(docs/decisions/0002-knowledge-is-a-function-of-sweeps.md). A thing that was seen since keeps all of its history.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, or_, select

from inventory.resolve.topology import Topology
from inventory.store.forget import ROWS, Rows, Step
from inventory.store.kept import Kept, kept_since
from inventory.store.knowledge import count_change
from inventory.store.statements import chunks
from inventory.store.tables import (
    CLIENT,
    KNOWLEDGE,
    KNOWLEDGE_RUN,
    SCOPE,
    SWEEP,
    SWEEP_CALL,
    SWEEP_KIND,
)

KINDS = ("instance", "network_interface", "task")
"""Kinds of which things are forgotten: there are few of the others, and some of them hold for all time."""

_SWEEPS = 4
"""Whole sweeps before the moment that stay. What was last seen before the third last of them is told without anything that comes later."""


def needed(conn: Connection, topology: Topology) -> frozenset[str]:
    """What stays however old: interfaces of servers, whatever a mount that is kept names, and interfaces of instances that stay.

    What an instance once had tells of it for all time (:mod:`inventory.store.changes`).
    """
    found = set(topology.server_interfaces())
    for body in conn.execute(select(CLIENT.c.body)).scalars():
        told = json.loads(body)
        found.add(told["interface_id"])
        found.update(name for owner in told["owners"] for name in (owner["id"], owner["arn"]))
    since = kept_since(conn).knowledge
    interfaces = topology.versions("network_interface")
    alive = [one for one in (*interfaces, *topology.versions("instance")) if one.last_seen >= since]
    instances = found | {one.value.instance_id for one in alive}
    attached = (one.value for one in interfaces if one.value.instance_id in instances - {""})
    return frozenset((found | {one.network_interface_id for one in attached}) - {"", None})


def steps(names: frozenset[str]) -> tuple[Step, ...]:
    """Everything that is to go, but for what is called by one of ``names``; in order."""
    return (
        _Things(names),
        Rows(SWEEP_KIND, _said),
        Rows(SWEEP, _empty, (SWEEP_CALL.c.sweep_id,)),
    )


class _Bounds(NamedTuple):
    """Of one kind, account and region: before when what was last seen may go, and before when what was said may."""

    scope_id: int
    seen: int
    said: int


def _bounds(conn: Connection, since: int) -> Iterator[_Bounds]:
    """Where enough whole sweeps were made before the moment."""
    scopes = select(SCOPE.c.id).where(SCOPE.c.kind.in_(KINDS)).order_by(SCOPE.c.id)
    for scope_id in conn.execute(scopes).scalars().all():
        whole = (
            select(SWEEP_KIND.c.taken_at)
            .distinct()
            .where(
                SWEEP_KIND.c.scope_id == scope_id,
                SWEEP_KIND.c.whole == 1,
                SWEEP_KIND.c.taken_at < since,
            )
            .order_by(SWEEP_KIND.c.taken_at.desc())
            .limit(_SWEEPS)
        )
        moments = conn.execute(whole).scalars().all()
        if len(moments) == _SWEEPS:
            yield _Bounds(scope_id, moments[-2], moments[-1])


@dataclass(frozen=True, slots=True)
class _Things:
    """Things of the kinds that are forgotten, with all of their values and runs; see :class:`~inventory.store.forget.Step`."""

    names: frozenset[str]
    name: str = KNOWLEDGE.name

    def pending(self, conn: Connection) -> bool:
        """Whether any is to go."""
        return next(self._gone(conn), None) is not None

    def drop(self, conn: Connection) -> int:
        """Delete some values; what was known before is read anew by whoever knows it."""
        values: list[int] = []
        for scope_id, key in self._gone(conn):
            mine = (KNOWLEDGE.c.scope_id == scope_id, KNOWLEDGE.c.key == key)
            values += conn.execute(select(KNOWLEDGE.c.id).where(*mine)).scalars()
            if len(values) >= ROWS:
                break
        for some in chunks(values):
            conn.execute(delete(KNOWLEDGE_RUN).where(KNOWLEDGE_RUN.c.knowledge_id.in_(some)))
            conn.execute(delete(KNOWLEDGE).where(KNOWLEDGE.c.id.in_(some)))
        if values:
            count_change(conn)
        return len(values)

    def _gone(self, conn: Connection) -> Iterator[tuple[int, str]]:
        """Scope and key of each thing that was last seen too long ago."""
        for scope_id, seen, _ in _bounds(conn, kept_since(conn).knowledge):
            last_seen: Select[Any] = (
                select(KNOWLEDGE.c.key)
                .join(KNOWLEDGE_RUN, KNOWLEDGE_RUN.c.knowledge_id == KNOWLEDGE.c.id)
                .where(KNOWLEDGE.c.scope_id == scope_id)
                .group_by(KNOWLEDGE.c.key)
                .having(func.max(KNOWLEDGE_RUN.c.last_seen) < seen)
                .order_by(KNOWLEDGE.c.key)
            )
            for key in conn.execute(last_seen).scalars().all():
                if key not in self.names:
                    yield scope_id, key


# -- sweeps --------------------------------------------------------------------------------------------------------------------------------


def _said(conn: Connection, since: Kept) -> ColumnElement[bool] | None:
    """That a sweep spoke of a kind that is forgotten."""
    old = [
        and_(SWEEP_KIND.c.scope_id == scope_id, SWEEP_KIND.c.taken_at < said)
        for scope_id, _, said in _bounds(conn, since.knowledge)
    ]
    for some in chunks(old, 100):
        any_of_them = or_(*some)
        if conn.execute(select(SWEEP_KIND.c.scope_id).where(any_of_them).limit(1)).first():
            return any_of_them
    return None


def _empty(conn: Connection, since: Kept) -> ColumnElement[bool] | None:
    """Sweeps that speak of nothing any more. The newest of an account and region stays, and the newest row of all."""
    other = SWEEP.alias()
    newer = exists().where(
        other.c.account == SWEEP.c.account,
        other.c.region == SWEEP.c.region,
        other.c.taken_at > SWEEP.c.taken_at,
    )
    newest = conn.execute(select(func.max(SWEEP.c.id))).scalar()
    if newest is None or not since.knowledge:
        return None
    speaks = exists().where(SWEEP_KIND.c.sweep_id == SWEEP.c.id)
    return and_(SWEEP.c.taken_at < since.knowledge, SWEEP.c.id < newest, newer, ~speaks)
