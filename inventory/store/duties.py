"""What is done again and again, and how it went: what several daemons of one database tell each other, and ``status`` tells people."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from inventory.store.statements import upsert
from inventory.store.tables import DUTY
from inventory.store.values import storable


class DutyRow(NamedTuple):
    """The newest word on one duty. Moments are epoch seconds by the clock of whoever did it."""

    name: str
    tried_at: int
    """When it was last begun."""
    done_at: int | None
    """When that was begun which was last done to its end; ``None``: never yet."""
    failures: int
    """How often in a row it failed since."""
    problem: str
    """Why it failed the last time; ``""`` when it did not."""
    worker: str
    """Process and host."""


def every(conn: Connection) -> dict[str, DutyRow]:
    """Every duty that was ever tried, by name."""
    found = conn.execute(select(*(DUTY.c[name] for name in DutyRow._fields)).order_by(DUTY.c.name))
    return {row.name: DutyRow(*row) for row in found}


def note(conn: Connection, row: DutyRow) -> None:
    """Write down how a duty went. One that failed keeps the moment at which it was last done."""
    values = row._asdict() | {
        "name": storable(row.name),
        "problem": storable(row.problem),
        "worker": storable(row.worker),
    }
    statement = upsert(conn, DUTY).values(**values)
    changed = {name: statement.excluded[name] for name in values if name != "name"}
    if row.done_at is None:
        del changed["done_at"]
    conn.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed))
