"""What a verdict rests on, by name: the batches that were read of a stretch of time, and the sweeps that were learnt from."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, or_, select

from inventory.model import Place, Span
from inventory.store.tables import BATCH, SOURCE, SWEEP


class ReadBatch(NamedTuple):
    """One batch as the ledger knows it."""

    source: str
    key: str
    version: str
    state: str
    digest: str
    """Of its stored bytes; ``""`` when they were not read."""


class MadeSweep(NamedTuple):
    """One sweep."""

    account: str
    region: str
    name: str
    taken_at: int


def batches(conn: Connection, window: Span) -> Iterator[ReadBatch]:
    """Every batch that can hold something of ``window``, by source and key; those of which nobody can tell are among them."""
    columns = BATCH.c
    statement = (
        select(SOURCE.c.name, columns.key, columns.version, columns.state, columns.digest)
        .join(SOURCE, SOURCE.c.id == columns.source_id)
        .where(
            or_(columns.span_end.is_(None), columns.span_end >= window[0]),
            or_(columns.span_start.is_(None), columns.span_start < window[1]),
        )
        .order_by(SOURCE.c.name, columns.key)
    )
    for row in conn.execute(statement):
        yield ReadBatch(*row)


def sweeps(conn: Connection, places: Collection[Place], window: Span) -> list[MadeSweep]:
    """The sweeps of some accounts and regions inside ``window``, and later ones; by place and time."""
    statement = (
        select(SWEEP.c.account, SWEEP.c.region, SWEEP.c.name, SWEEP.c.taken_at)
        .where(SWEEP.c.taken_at >= window[0])
        .order_by(SWEEP.c.account, SWEEP.c.region, SWEEP.c.taken_at, SWEEP.c.name)
    )
    found = [MadeSweep(*row) for row in conn.execute(statement)]
    return [one for one in found if (one.account, one.region) in places]
