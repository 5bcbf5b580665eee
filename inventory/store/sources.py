"""How far each source was read and listed, and what it had AWS scan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, delete, func, insert, select

from inventory.model import Batch
from inventory.store.statements import upsert
from inventory.store.tables import LOOKED, SCANNED, SETTLED, SOURCE
from inventory.store.values import storable


def settle(
    conn: Connection,
    source: int,
    settled: int | None,
    looked: Mapping[str, int],
    *,
    in_part: bool = False,
) -> None:
    """Everything that the source listed is read: up to when it is settled, and what of it was looked at when.

    A listing ``in_part`` was told where to end: what was settled beyond its end stays so.
    """
    before = conn.execute(select(SETTLED.c.until).where(SETTLED.c.source_id == source)).scalar()
    if in_part and before is not None and settled is not None:
        settled = max(settled, before)
    conn.execute(delete(SETTLED).where(SETTLED.c.source_id == source))
    if settled is not None:
        conn.execute(insert(SETTLED).values(source_id=source, until=settled))
    rows = [{"source_id": source, "part": storable(part), "at": at} for part, at in looked.items()]
    if rows:
        statement = upsert(conn, LOOKED)
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=["source_id", "part"], set_={"at": statement.excluded.at}
            ),
            rows,
        )


def looked(conn: Connection, name: str) -> dict[str, int]:
    """By part of a source, when it was last looked at."""
    statement = (
        select(LOOKED.c.part, LOOKED.c.at)
        .join(SOURCE, SOURCE.c.id == LOOKED.c.source_id)
        .where(SOURCE.c.name == name)
    )
    return {row.part: row.at for row in conn.execute(statement)}


def add_scanned(conn: Connection, source: int, batches: Iterable[Batch]) -> None:
    """What reading the batches had AWS scan, also of those that failed."""
    days: dict[int, int] = {}
    for batch in batches:
        if batch.scan.bytes:
            days[batch.scan.day] = days.get(batch.scan.day, 0) + batch.scan.bytes
    rows = [{"source_id": source, "day": day, "bytes": size} for day, size in days.items()]
    if rows:
        statement = upsert(conn, SCANNED)
        more = SCANNED.c.bytes + statement.excluded.bytes
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=["source_id", "day"], set_={"bytes": more}
            ),
            rows,
        )


def scanned(conn: Connection, name: str, day: int) -> int:
    """Bytes that a source had AWS scan on a day."""
    statement = (
        select(func.coalesce(func.sum(SCANNED.c.bytes), 0))
        .join(SOURCE, SOURCE.c.id == SCANNED.c.source_id)
        .where(SOURCE.c.name == name, SCANNED.c.day == day)
    )
    return int(conn.execute(statement).scalar_one())
