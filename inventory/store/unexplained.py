"""Clients that nobody could name: since when they are there, so that somebody asks AWS once more."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from inventory.model import DAY, Confidence
from inventory.store.tables import CLIENT, MOUNT_HOUR

_UNKNOWN = CLIENT.c.body.contains(f'"confidence":"{Confidence.UNKNOWN.value}"', autoescape=True)


def newest(conn: Connection) -> dict[tuple[str, str], int]:
    """By account and region of the file system, when the newest of the last day's unnamed clients turned up there.

    One that is there all the time turned up once, so it does not ask for a sweep again and again.
    """
    last = conn.execute(select(func.max(MOUNT_HOUR.c.hour))).scalar()
    if last is None:
        return {}
    came = (
        select(
            MOUNT_HOUR.c.account, MOUNT_HOUR.c.region, func.min(MOUNT_HOUR.c.first_seen).label("at")
        )
        .join(CLIENT, CLIENT.c.id == MOUNT_HOUR.c.client_id)
        .where(MOUNT_HOUR.c.hour >= last - DAY, _UNKNOWN)
        .group_by(
            MOUNT_HOUR.c.account, MOUNT_HOUR.c.region, MOUNT_HOUR.c.client, MOUNT_HOUR.c.client_id
        )
        .subquery()
    )
    newest_of = select(came.c.account, came.c.region, func.max(came.c.at))
    return {
        (account, region): at
        for account, region, at in conn.execute(newest_of.group_by(came.c.account, came.c.region))
    }
