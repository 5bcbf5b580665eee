"""What dumps of Kubernetes clusters showed, read when a question needs it: it is much, and names no client by itself.

Read from the stored runs, which say exactly at which dumps a node was seen so: another cluster's dump proves nothing, and a node that is
missing from its own cluster's dump used nothing then.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, select

from inventory.model import ClusterUse, Span
from inventory.resolve.clusters import Dumps, Shown
from inventory.store.tables import KNOWLEDGE, KNOWLEDGE_RUN, SCOPE, SWEEP_KIND
from inventory.store.values import from_json

KIND = "cluster_use"


def dumps(conn: Connection, account: str, region: str, window: Span) -> Dumps:
    """Everything that may matter for mounts inside ``window``: since the last dump of each cluster before it, up to its end."""
    same = (SCOPE.c.kind == KIND, SCOPE.c.account == account, SCOPE.c.region == region)
    scope_id = conn.execute(select(SCOPE.c.id).where(*same)).scalar()
    if scope_id is None:
        return Dumps({}, ())
    taken = select(SWEEP_KIND.c.taken_at).where(SWEEP_KIND.c.scope_id == scope_id).distinct()
    spoken = conn.execute(taken.order_by(SWEEP_KIND.c.taken_at)).scalars().all()
    moments: dict[str, list[int]] = {}
    for shown in _shown(conn, scope_id, KNOWLEDGE.c.key.like("%/")):
        if shown.use.node:
            continue
        inside = spoken[bisect_left(spoken, shown.first) : bisect_right(spoken, shown.last)]
        moments.setdefault(shown.use.cluster, []).extend(inside)
    found = {cluster: sorted(set(times)) for cluster, times in sorted(moments.items())}
    nodes = (
        shown
        for cluster, times in found.items()
        for shown in _of_cluster(conn, scope_id, cluster, _around(times, window))
    )
    return Dumps(found, nodes)


class Placed(NamedTuple):
    """What a dump showed, and of which account and region the cluster is."""

    account: str
    region: str
    shown: Shown


def using(conn: Connection, file_system_id: str) -> list[Placed]:
    """Everything that dumps of any cluster ever showed of one file system, by cluster, node and time."""
    statement = (
        select(
            SCOPE.c.account,
            SCOPE.c.region,
            KNOWLEDGE.c.body,
            KNOWLEDGE_RUN.c.first_seen,
            KNOWLEDGE_RUN.c.last_seen,
        )
        .join(KNOWLEDGE, KNOWLEDGE.c.scope_id == SCOPE.c.id)
        .join(KNOWLEDGE_RUN, KNOWLEDGE_RUN.c.knowledge_id == KNOWLEDGE.c.id)
        .where(
            SCOPE.c.kind == KIND, KNOWLEDGE.c.body.contains(f'"{file_system_id}"', autoescape=True)
        )
        .order_by(KNOWLEDGE.c.key, KNOWLEDGE_RUN.c.first_seen)
    )
    return [
        Placed(account, region, Shown(from_json(ClusterUse, body), first, last))
        for account, region, body, first, last in conn.execute(statement)
    ]


def _of_cluster(conn: Connection, scope_id: int, cluster: str, span: Span) -> Iterator[Shown]:
    keys = KNOWLEDGE.c.key > f"{cluster}/", KNOWLEDGE.c.key < f"{cluster}0"  # 0 comes after /
    runs = KNOWLEDGE_RUN.c.last_seen >= span[0], KNOWLEDGE_RUN.c.first_seen <= span[1]
    yield from _shown(conn, scope_id, *keys, *runs)


def _shown(conn: Connection, scope_id: int, *only: ColumnElement[bool]) -> Iterator[Shown]:
    statement = (
        select(KNOWLEDGE.c.body, KNOWLEDGE_RUN.c.first_seen, KNOWLEDGE_RUN.c.last_seen)
        .join(KNOWLEDGE_RUN, KNOWLEDGE_RUN.c.knowledge_id == KNOWLEDGE.c.id)
        .where(KNOWLEDGE.c.scope_id == scope_id, *only)
    )
    for body, first, last in conn.execute(statement):
        yield Shown(from_json(ClusterUse, body), first, last)


def _around(moments: Sequence[int], window: Span) -> Span:
    before = bisect_right(moments, window[0])
    return (moments[before - 1] if before else window[0], window[1])
