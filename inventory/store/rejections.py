"""Which flow logs ever showed accepted traffic, and which only rejections, once the sightings that told it are forgotten.

A flow log of which no sweep tells the type is taken for one of rejections while rejections are all that it shows: its silence proves
nothing. Were that forgotten with the facts, the same silence would be nobody.
"""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, case, select

from inventory.store.kept import days_before, raise_moments
from inventory.store.tables import BATCH, META, SIGHTING, SOURCE


class Showed(NamedTuple):
    """Of port 2049."""

    rejected: bool
    accepted: bool


_REJECTED, _ACCEPTED = "showed_rejected", "showed_accepted"


def remember(conn: Connection, since: int) -> None:
    """Write down what flow logs (or a source's batches that name none) showed in the hours before a moment, and when that was last."""
    if since <= 0:
        return
    rejected = case((SIGHTING.c.action == "REJECT", 1), else_=0)
    statement = (
        select(SOURCE.c.name, BATCH.c.flow_log_id, rejected)
        .join(BATCH, BATCH.c.id == SIGHTING.c.batch_id)
        .join(SOURCE, SOURCE.c.id == BATCH.c.source_id)
        .distinct()
    )
    told = {
        _name(_REJECTED if was_rejected else _ACCEPTED, source, flow_log_id): since
        for day in days_before(conn, SIGHTING.c.hour, since)
        for source, flow_log_id, was_rejected in conn.execute(statement.where(day))
    }
    raise_moments(conn, dict(sorted(told.items())))


def remembered(conn: Connection, source: str, flow_log_id: str) -> Showed:
    """What a flow log showed in time that is forgotten."""
    names = [_name(what, source, flow_log_id) for what in (_REJECTED, _ACCEPTED)]
    found = set(conn.execute(select(META.c.name).where(META.c.name.in_(names))).scalars())
    return Showed(*(name in found for name in names))


def _name(what: str, source: str, flow_log_id: str) -> str:
    return f"{what} {flow_log_id} {source}"
