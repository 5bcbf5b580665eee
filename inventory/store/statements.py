"""How rows go in, the same on both databases: many at once, in the caller's transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Table

from inventory.store.failpoints import failpoint

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

T = TypeVar("T")

CHUNK = 500
"""Values of one IN list: SQLite's oldest limit is 999 parameters."""


def insert_rows(conn: Connection, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert ``rows``, in the order of the table's columns. PostgreSQL takes them by COPY, five times as fast as INSERT."""
    if not rows:
        return
    if conn.dialect.name == "postgresql":
        failpoint("statement")
        raw = conn.connection.cursor()
        try:
            with raw.copy(_copy_sql(table)) as copy:
                for row in rows:
                    copy.write_row(row)
        finally:
            raw.close()
        return
    conn.exec_driver_sql(_insert_sql(table), list(rows))


@lru_cache(maxsize=64)
def _insert_sql(table: Table) -> str:
    return f"INSERT INTO {table.name} VALUES ({', '.join('?' * len(table.columns))})"  # noqa: S608 - our own table names


@lru_cache(maxsize=64)
def _copy_sql(table: Table) -> str:
    return f"COPY {table.name} FROM STDIN"


def upsert(conn: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """The INSERT of this database's dialect, which knows ``on_conflict_do_update``."""
    return upserting(conn.dialect.name, table)


def upserting(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """As :func:`upsert`, by the name of the dialect: for statements that are made once."""
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # noqa: PLC0415 - 0.1 s that SQLite needs not wait for

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite  # noqa: PLC0415 - as above

    return sqlite.insert(table)


def chunks(values: Iterable[T], size: int = CHUNK) -> Iterator[list[T]]:
    """``values`` in lists of at most ``size``."""
    chunk: list[T] = []
    for value in values:
        chunk.append(value)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
