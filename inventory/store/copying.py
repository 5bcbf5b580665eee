"""Everything in one database, copied to another: from SQLite to PostgreSQL, say, when one machine is not enough any more."""

from __future__ import annotations

from sqlalchemy import Connection, Table, func, select, text

from inventory.errors import StoreError
from inventory.store.statements import insert_rows
from inventory.store.tables import METADATA

ROWS = 10_000
"""Rows at a time: what bounds the memory."""


def copy_all(source: Connection, target: Connection, name: str) -> dict[str, int]:
    """Copy every row of ``source`` into ``target``, which has the same schema and no rows; how many, by table.

    ``source`` is one moment of the database; ``target`` is one transaction: all of it arrives or nothing.
    """
    for table in METADATA.sorted_tables:
        if target.execute(
            select(func.count()).select_from(select(table).limit(1).subquery())
        ).scalar():
            message = f"{name} is not empty: table {table.name} has rows"
            raise StoreError(message, hint="name a new database")
    counts = {table.name: _copy(source, target, table) for table in METADATA.sorted_tables}
    if target.dialect.name == "postgresql":
        for table in METADATA.sorted_tables:
            _resume_numbers(target, table)
    return counts


def _copy(source: Connection, target: Connection, table: Table) -> int:
    count = 0
    rows = source.execution_options(yield_per=ROWS).execute(select(table))
    for some in rows.partitions(ROWS):
        insert_rows(target, table, [tuple(row) for row in some])
        count += len(some)
    return count


def _resume_numbers(target: Connection, table: Table) -> None:
    """COPY brings the numbers of rows along; the next new one must not be one of them."""
    if "id" in table.columns:
        newest = f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name} HAVING max(id) IS NOT NULL"  # noqa: S608 - our own table names
        target.execute(text(newest))
