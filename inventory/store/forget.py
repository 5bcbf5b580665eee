"""Old facts and mounts given up, a few thousand rows at a time: those from before the moments in :mod:`inventory.store.kept`.

Nothing that is answered changes by it, for nothing looks at them any more. So each transaction stands for itself: killed anywhere, the
next one goes on, and whoever is done finds nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    FromClause,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    or_,
    select,
)

from inventory.model import DAY, HOUR, BatchState, Meaning
from inventory.store.kept import Kept, kept_since
from inventory.store.statements import chunks
from inventory.store.strays import captured_interfaces
from inventory.store.tables import (
    BATCH,
    CALL_USE,
    CAPTURE,
    CLIENT,
    JOINED,
    LOOKED,
    METRIC_RUN,
    MOUNT_HOUR,
    SCANNED,
    SIGHTING,
    SOURCE,
)
from inventory.store.values import storable

ROWS = 5_000
"""Rows of one transaction: what other writers wait for."""

Condition = ColumnElement[bool]


class Step(Protocol):
    """One kind of rows that are to go."""

    @property
    def name(self) -> str:
        """Of the table."""

    def pending(self, conn: Connection) -> bool:
        """Whether there is anything to delete: asked in a transaction that reads, so that nobody waits for the answer "no"."""

    def drop(self, conn: Connection) -> int:
        """Delete some rows; how many."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of one table that a condition tells; ``None``: there are none."""

    table: Table
    which: Callable[[Connection, Kept], Condition | None]
    first: tuple[Column[Any], ...] = ()
    """Columns of other tables that name a row: what belongs to it goes with it."""

    @property
    def name(self) -> str:
        """See :attr:`Step.name`."""
        return self.table.name

    def pending(self, conn: Connection) -> bool:
        """See :meth:`Step.pending`."""
        return bool(self._keys(conn, 1))

    def drop(self, conn: Connection) -> int:
        """See :meth:`Step.drop`."""
        keys = self._keys(conn, ROWS)
        if keys:
            for column in self.first:
                delete_rows(conn, column.table, keys, [column])
            delete_rows(conn, self.table, keys, self.table.primary_key.columns)
        return len(keys)

    def _keys(self, conn: Connection, most: int) -> Sequence[Sequence[Any]]:
        which = self.which(conn, kept_since(conn))
        if which is None:
            return ()
        return conn.execute(select(*self.table.primary_key.columns).where(which).limit(most)).all()


def delete_rows(
    conn: Connection,
    table: FromClause,
    keys: Sequence[Sequence[Any]],
    columns: Iterable[ColumnElement[Any]],
) -> None:
    """Delete the rows of a table whose ``columns`` are one of ``keys``."""
    mine = [column == bindparam(f"k_{place}") for place, column in enumerate(columns)]
    given = [{f"k_{place}": value for place, value in enumerate(key)} for key in keys]
    conn.execute(delete(table).where(*mine), given)  # type: ignore[arg-type]


# -- which rows ----------------------------------------------------------------------------------------------------------------------------


def _of_first_hour(table: Table, since: int, conn: Connection) -> Condition | None:
    """The oldest hour's. What reaches into the time that is kept stays: the next hour is derived with it."""
    over = table.c.last_seen < since
    oldest = select(func.min(table.c.hour)).where(table.c.hour < since, over)
    hour = conn.execute(oldest).scalar()
    return None if hour is None else and_(table.c.hour == hour, over)


def _sightings(conn: Connection, since: Kept) -> Condition | None:
    return _of_first_hour(SIGHTING, since.facts, conn)


def _captures(conn: Connection, since: Kept) -> Condition | None:
    if not since.facts:
        return None
    for some in chunks(sorted(captured_interfaces(conn))):
        over = and_(CAPTURE.c.interface_id.in_(some), CAPTURE.c.end < since.facts)
        if conn.execute(select(CAPTURE.c.batch_id).where(over).limit(1)).first() is not None:
            return over
    return None


def _batches(conn: Connection, since: Kept) -> Condition | None:
    """Those whose name tells that they are old. Others are known as read for as long as they are listed (:func:`not_listed`).

    The newest row stays: SQLite would give its number, by which mounts name their evidence, to another batch.
    """
    newest = conn.execute(select(func.max(BATCH.c.id))).scalar()
    if not since.facts or newest is None:
        return None
    return and_(BATCH.c.slot_start.is_not(None), BATCH.c.id < newest, _is_over(since.facts))


def _is_over(since: int) -> Condition:
    """Of batches that hold nothing that is kept."""
    holds = or_(
        exists().where(SIGHTING.c.batch_id == BATCH.c.id),
        exists().where(CAPTURE.c.batch_id == BATCH.c.id),
    )
    return and_(BATCH.c.span_end <= since - HOUR, ~holds)


def _mounts(conn: Connection, since: Kept) -> Condition | None:
    return _of_first_hour(MOUNT_HOUR, since.mounts, conn)


def _metrics(_conn: Connection, since: Kept) -> Condition | None:
    """What was answered of forgotten mounts' time. That it was asked about stays, so that it is not asked again."""
    if not since.mounts:
        return None
    told = METRIC_RUN.c.meaning != Meaning.ASKED.value
    return and_(told, METRIC_RUN.c.end <= since.mounts)


def _clients(_conn: Connection, since: Kept) -> Condition | None:
    if not since.facts:
        return None
    return ~exists().where(MOUNT_HOUR.c.client_id == CLIENT.c.id)


STEPS: tuple[Step, ...] = (
    Rows(SIGHTING, _sightings),
    Rows(CAPTURE, _captures),
    Rows(BATCH, _batches, (JOINED.c.batch_id,)),
    Rows(LOOKED, lambda _, since: LOOKED.c.at < since.facts),
    Rows(SCANNED, lambda _, since: SCANNED.c.day < since.facts // DAY),
    Rows(CALL_USE, lambda _, since: CALL_USE.c.day < since.facts // DAY),
    Rows(MOUNT_HOUR, _mounts),
    Rows(METRIC_RUN, _metrics),
    Rows(CLIENT, _clients),
)
"""In order: a batch goes after its facts, an attribution after the mounts that name it."""


# -- batches without a time in their name --------------------------------------------------------------------------------------------------


_UNREAD = (BatchState.FAILED.value, BatchState.PARTIAL.value, BatchState.GONE.value)


def not_listed(conn: Connection, source: str, listed: Collection[str]) -> None:
    """Drop the rows of old batches whose name tells no time, once a whole listing of the source does not show them any more.

    One that was not read to its end stays the hole that it is: how old the rest of it is nobody can tell.
    """
    since = kept_since(conn).facts
    if not since:
        return
    statement = (
        select(BATCH.c.id, BATCH.c.key)
        .join(SOURCE, SOURCE.c.id == BATCH.c.source_id)
        .where(
            SOURCE.c.name == source,
            BATCH.c.slot_start.is_(None),
            BATCH.c.state.not_in(_UNREAD),
            _is_over(since),
        )
    )
    spelled = {storable(key) for key in listed}
    newest = conn.execute(select(func.max(BATCH.c.id))).scalar()
    gone = [
        (row.id,) for row in conn.execute(statement) if row.key not in spelled and row.id != newest
    ]
    if gone:
        delete_rows(conn, JOINED, gone, [JOINED.c.batch_id])
        delete_rows(conn, BATCH, gone, [BATCH.c.id])
