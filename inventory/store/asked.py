"""What histories were asked about, and told all that they have: stretches of time, hits and misses alike."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, replace

from sqlalchemy import Connection, and_, delete, select

from inventory.model import CONNECTIONS, EVENTS, Asked, Place, Span
from inventory.store.statements import upsert
from inventory.store.tables import ASKED
from inventory.timeline import union


def read(conn: Connection, history: str) -> list[Asked]:
    """Everything that one history was asked, ordered by place, subject and time."""
    statement = select(ASKED).where(ASKED.c.history == history)
    rows = conn.execute(
        statement.order_by(ASKED.c.account, ASKED.c.region, ASKED.c.subject, ASKED.c.start)
    )
    return [Asked(*row) for row in rows]


def connections(conn: Connection) -> dict[Place, list[Span]]:
    """By place, the stretches of time for which any history told every connection of clients; ascending, none touching another."""
    statement = select(ASKED.c.account, ASKED.c.region, ASKED.c.start, ASKED.c.end)
    found: dict[Place, list[Span]] = defaultdict(list)
    for account, region, start, end in conn.execute(
        statement.where(ASKED.c.subject == CONNECTIONS)
    ):
        found[account, region].append((start, end))
    return {place: union(spans) for place, spans in found.items()}


def remember(conn: Connection, rows: Iterable[Asked]) -> None:
    """Add what was asked. Stretches of one event's name that touch become one; of what is asked about again each time is kept."""
    for row in sorted(rows, key=astuple):
        joined = _joined(conn, row) if row.subject.startswith(EVENTS) else row
        values = {column.name: getattr(joined, column.name) for column in ASKED.columns}
        statement = upsert(conn, ASKED).values(values)
        conn.execute(
            statement.on_conflict_do_update(
                index_elements=["history", "account", "region", "subject", "start"],
                set_={name: values[name] for name in ("end", "asked_at", "found")},
            )
        )


def _joined(conn: Connection, row: Asked) -> Asked:
    """The stretch together with those that it touches, which are taken out of the table."""
    touching = and_(
        *(
            ASKED.c[name] == getattr(row, name)
            for name in ("history", "account", "region", "subject")
        ),
        ASKED.c.start <= row.end,
        ASKED.c.end >= row.start,
    )
    others: Sequence[Asked] = [
        Asked(*found) for found in conn.execute(select(ASKED).where(touching))
    ]
    conn.execute(delete(ASKED).where(touching))
    every = [row, *others]
    return replace(
        row,
        start=min(one.start for one in every),
        end=max(one.end for one in every),
        asked_at=max(one.asked_at for one in every),
        found=sum(one.found for one in every),
    )
