"""What is to be pushed: of all file systems, or of those that changed after a cursor."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from inventory.export.feed import sequence
from inventory.export.records import Group, Record
from inventory.export.servicenow.items import Terms
from inventory.export.servicenow.payloads import Payload, Removal, payloads, removals
from inventory.store import feed
from inventory.store.values import storable

if TYPE_CHECKING:
    from inventory.config import Settings
    from inventory.store import Store
    from inventory.store.views import Reader


class Work(NamedTuple):
    """What one file system needs."""

    file_system: str
    """Its key."""
    payloads: list[Payload]
    removals: list[Removal]


class Changed(NamedTuple):
    """What is to be done, and the cursor after it."""

    cursor: str
    work: Iterator[Work]


def terms_of(settings: Settings) -> Terms:
    """As configured."""
    told = settings.export.servicenow
    return Terms(told.data_source, told.relation_type, told.datacenter, settings.export.ephemeral)


def changed(store: Store, since: str, terms: Terms) -> Changed:
    """The work after a cursor: whole file systems, for a payload needs its chain; relations that ended after it.

    Each file system is read when its turn comes: pushing takes long, and what changes meanwhile is told again after the next cursor.
    """
    with store.reading() as conn:
        position = feed.position(conn)
        after = sequence(since, position)
        keys = feed.touched(conn, after)
    return Changed(position.cursor(), _each(store, keys, after, terms))


def _each(store: Store, keys: list[str], after: int, terms: Terms) -> Iterator[Work]:
    for key in keys:
        with store.reading() as conn:
            work = _work(conn, key, after, terms)
        yield work


def _work(conn: Reader, key: str, after: int, terms: Terms) -> Work:
    group, ended = Group(key), list[Record]()
    file_system: Record | None = None
    for row in feed.rows_of(conn, key):
        record = json.loads(row.body)
        if row.record_type == "file_system":
            file_system = record
            group.file_system = None if row.gone else record
        elif not row.gone:
            group.mounts[row.key] = record
        elif row.sequence > after:
            ended.append(record)
    named = {m["client"] for m in (*group.mounts.values(), *ended) if m["client"]}
    bodies = feed.bodies(conn, map(storable, named))
    clients = {
        name: json.loads(bodies[stored]) for name in named if (stored := storable(name)) in bodies
    }
    group.clients = clients
    pairs = [(mount, clients[mount["client"]]) for mount in ended if mount["client"] in clients]
    gone = removals(group, file_system, pairs, terms) if file_system is not None else []
    return Work(key, list(payloads(group, terms)), gone)
