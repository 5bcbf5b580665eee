"""What histories are still to be asked: clients that nobody could name for certain, and where there are file systems at all."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from inventory.model import DAY, Place, Unnamed, Wanted
from inventory.store import asked, attributions
from inventory.store.kept import kept_since
from inventory.store.loading import Knowledge
from inventory.store.statements import chunks
from inventory.store.tables import MOUNT_HOUR

MOST = 50_000
"""Clients and days that are looked at, the newest first, for each takes memory. Questions are far fewer: an interface is asked about once,
and addresses share theirs."""


def wanted(conn: Connection, knowledge: Knowledge, history: str, since: int) -> Wanted:
    """What ``history`` may be asked for of the time from ``since`` on."""
    topology = knowledge.topology
    places = {
        (version.account, version.region)
        for kind in ("file_system", "mount_target")
        for version in topology.versions(kind)
    }
    swept: dict[Place, tuple[int, ...]] = {
        (scope.account, scope.region): shelf.said.whole
        for scope, shelf in knowledge.shelves.items()
        if scope.kind == "network_interface" and shelf.said.whole
    }
    return Wanted(
        sorted(places), _unnamed(conn, knowledge, since), asked.read(conn, history), swept
    )


def _unnamed(conn: Connection, knowledge: Knowledge, since: int) -> list[Unnamed]:
    """By day: an address may be somebody else's on the next one."""
    unsettled = attributions.unsettled(conn)
    day = MOUNT_HOUR.c.hour - MOUNT_HOUR.c.hour % DAY
    groups = (
        MOUNT_HOUR.c.client_id,
        MOUNT_HOUR.c.account,
        MOUNT_HOUR.c.region,
        MOUNT_HOUR.c.file_system_id,
        MOUNT_HOUR.c.client,
    )
    statement = (
        select(*groups, func.min(MOUNT_HOUR.c.first_seen), func.max(MOUNT_HOUR.c.last_seen))
        .where(
            MOUNT_HOUR.c.hour >= max(since, kept_since(conn).facts)
        )  # older ones stay as they are
        .group_by(*groups, day)
    )
    found: set[Unnamed] = set()
    for some in chunks(sorted(unsettled)):
        rows = conn.execute(statement.where(MOUNT_HOUR.c.client_id.in_(some)))
        for client_id, account, region, file_system_id, address, first, last in rows:
            interface_id = unsettled[client_id].interface_id
            explained = bool(knowledge.topology.interface_versions(interface_id))
            found.add(
                Unnamed(
                    account,
                    region,
                    file_system_id,
                    address,
                    interface_id,
                    explained,
                    int(first),
                    int(last),
                )
            )
    return sorted(found, key=lambda one: (-one.last_seen, one))[:MOST]
