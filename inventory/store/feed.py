"""The export as it was last told, row by row, with the number of each row's last change.

Numbers grow with every change and are given inside the writing transaction that makes it: who has read up to one has missed nothing before
it. A row outlives its record: of a key that is gone it keeps when that was told.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, func, insert, select, update

from inventory.store.statements import chunks, upsert
from inventory.store.tables import FEED, FEED_EVENT, META

TYPES = ("file_system", "client", "mount")
"""In the order in which records may name one another."""

BEGINNING = "0"
"""The cursor of somebody who has nothing yet."""

ROWS = 2_000
"""Rows at a time: what bounds the memory."""

_IDENTITY, _SEQUENCE, _TOLD = "feed_identity", "feed_sequence", "feed_webhook"
_WIDEST = 2**31


class Entry(NamedTuple):
    """A row to be written."""

    key: str
    record_type: str
    file_system: str
    standing: str
    digest: str
    body: str


class Known(NamedTuple):
    """What is compared of a row that is not gone."""

    digest: str
    standing: str


class Stored(NamedTuple):
    """A row that changed."""

    record_type: str
    gone: bool
    body: str


class Happened(NamedTuple):
    """An event."""

    sequence: int
    event: str
    body: str


class Position(NamedTuple):
    """Which feed, and up to where."""

    identity: int
    """Drawn when the feed was begun; ``0``: it was not."""
    sequence: int

    def cursor(self, sequence: int | None = None) -> str:
        """Up to here, or up to a number, as text that means something to this feed only."""
        if not self.identity:
            return BEGINNING
        return f"{self.identity:08x}-{self.sequence if sequence is None else sequence}"


# -- how far -----------------------------------------------------------------------------------------------------------------------------


def position(conn: Connection) -> Position:
    """Up to where the feed goes."""
    return Position(_number(conn, _IDENTITY), _number(conn, _SEQUENCE))


def begin(conn: Connection) -> Position:
    """As :func:`position`; a feed that there is none of gets its identity."""
    found = position(conn)
    if found.identity:
        return found
    _set(conn, _IDENTITY, 1 + secrets.randbelow(_WIDEST - 1))
    return position(conn)


def told(conn: Connection) -> int | None:
    """Up to which number the webhook was told of events; ``None``: never of any."""
    return conn.execute(select(META.c.value).where(META.c.name == _TOLD)).scalar()


def tell(conn: Connection, sequence: int) -> None:
    """The webhook was told of events up to a number."""
    _set(conn, _TOLD, sequence)


def _number(conn: Connection, name: str) -> int:
    return conn.execute(select(META.c.value).where(META.c.name == name)).scalar() or 0


def _set(conn: Connection, name: str, value: int) -> None:
    statement = upsert(conn, META).values(name=name, value=value)
    conn.execute(statement.on_conflict_do_update(index_elements=["name"], set_={"value": value}))


# -- comparing ---------------------------------------------------------------------------------------------------------------------------


def of_file_system(conn: Connection, file_system: str) -> dict[str, Known]:
    """By key, what is there of a file system and its mounts."""
    statement = select(FEED.c.key, FEED.c.digest, FEED.c.standing).where(
        FEED.c.file_system == file_system, FEED.c.gone == 0
    )
    return {row.key: Known(row.digest, row.standing) for row in conn.execute(statement)}


def of_keys(conn: Connection, keys: Iterable[str]) -> dict[str, Known]:
    """By key, what is there of some records."""
    found: dict[str, Known] = {}
    for some in chunks(sorted(keys)):
        statement = select(FEED.c.key, FEED.c.digest, FEED.c.standing).where(
            FEED.c.key.in_(some), FEED.c.gone == 0
        )
        found |= {row.key: Known(row.digest, row.standing) for row in conn.execute(statement)}
    return found


def there(conn: Connection, record_type: str) -> Iterator[str]:
    """The keys of one kind of record that are not gone, sorted; a portion of them at a time, so rows may be written meanwhile."""
    last = ""
    while True:
        statement = (
            select(FEED.c.key)
            .where(FEED.c.record_type == record_type, FEED.c.gone == 0, FEED.c.key > last)
            .order_by(FEED.c.key)
            .limit(ROWS)
        )
        keys = list(conn.execute(statement).scalars())
        yield from keys
        if len(keys) < ROWS:
            return
        last = keys[-1]


def left_over(conn: Connection) -> list[str]:
    """Every key of a file system, gone or not, of which something is there."""
    statement = select(FEED.c.file_system).where(FEED.c.gone == 0, FEED.c.file_system != "")
    return list(conn.execute(statement.distinct()).scalars())


def bodies(conn: Connection, keys: Iterable[str]) -> dict[str, str]:
    """By key, what some rows last said, gone ones too."""
    found: dict[str, str] = {}
    for some in chunks(sorted(keys)):
        statement = select(FEED.c.key, FEED.c.body).where(FEED.c.key.in_(some))
        found |= {row.key: row.body for row in conn.execute(statement)}
    return found


# -- writing -----------------------------------------------------------------------------------------------------------------------------


class Writer:
    """Changes inside one writing transaction, each with the next number; :meth:`close` writes down how far they go."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._sequence = begin(conn).sequence

    @property
    def sequence(self) -> int:
        """The number of the last change."""
        return self._sequence

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def put(self, entries: Sequence[Entry]) -> None:
        """Rows that are new or say something else, in the order in which they are to be told."""
        if not entries:
            return
        rows = [{**entry._asdict(), "gone": 0, "sequence": self._next()} for entry in entries]
        statement = upsert(self._conn, FEED)
        changed = {
            column.name: statement.excluded[column.name]
            for column in FEED.columns
            if column.name != "key"
        }
        self._conn.execute(
            statement.on_conflict_do_update(index_elements=["key"], set_=changed), rows
        )

    def bury(self, keys: Iterable[str]) -> None:
        """Rows whose record is not any more. They keep what they said."""
        statement = update(FEED).where(FEED.c.key == bindparam("which"))
        for some in chunks(keys, ROWS):
            rows = [{"which": key, "gone": 1, "sequence": self._next()} for key in some]
            self._conn.execute(statement, rows)

    def happened(self, event: str, body: str) -> None:
        """An event, with a number of its own."""
        self._conn.execute(insert(FEED_EVENT).values(sequence=self._next(), event=event, body=body))

    def close(self) -> None:
        """How far the feed goes now."""
        _set(self._conn, _SEQUENCE, self._sequence)


# -- reading -----------------------------------------------------------------------------------------------------------------------------


def since(conn: Connection, sequence: int) -> Iterator[Stored]:
    """Rows that changed after a number: those that are there before those that are gone; what is named before what names it."""
    ways = [*((kind, 0) for kind in TYPES), *((kind, 1) for kind in reversed(TYPES))]
    for record_type, gone in ways:
        statement = (
            select(FEED.c.body)
            .where(
                FEED.c.record_type == record_type,
                FEED.c.gone == gone,
                FEED.c.sequence > sequence,
            )
            .order_by(FEED.c.sequence)
        )
        for row in conn.execute(statement, execution_options={"yield_per": ROWS}):
            yield Stored(record_type, bool(gone), row.body)


def events(conn: Connection, sequence: int, most: int | None = None) -> list[Happened]:
    """Events after a number, oldest first; at most so many."""
    statement = (
        select(FEED_EVENT)
        .where(FEED_EVENT.c.sequence > sequence)
        .order_by(FEED_EVENT.c.sequence)
        .limit(most)
    )
    return [Happened(*row) for row in conn.execute(statement)]


def newest_event(conn: Connection) -> int:
    """The number of the last event; ``0``: there was none."""
    return conn.execute(select(func.max(FEED_EVENT.c.sequence))).scalar() or 0


class Row(NamedTuple):
    """A row as it stands."""

    key: str
    record_type: str
    gone: bool
    sequence: int
    body: str


def touched(conn: Connection, sequence: int) -> list[str]:
    """The keys of file systems of which anything changed after a number, sorted."""
    statement = (
        select(FEED.c.file_system)
        .where(FEED.c.sequence > sequence, FEED.c.file_system != "")
        .distinct()
        .order_by(FEED.c.file_system)
    )
    return list(conn.execute(statement).scalars())


def rows_of(conn: Connection, file_system: str) -> list[Row]:
    """Everything there is of a file system and its mounts, gone or not, by key."""
    statement = (
        select(FEED.c.key, FEED.c.record_type, FEED.c.gone, FEED.c.sequence, FEED.c.body)
        .where(FEED.c.file_system == file_system)
        .order_by(FEED.c.key)
    )
    return [Row(row[0], row[1], bool(row[2]), row[3], row[4]) for row in conn.execute(statement)]
