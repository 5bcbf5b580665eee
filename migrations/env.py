"""Alembic's environment: runs the migrations on a connection that ``inventory.store`` opened.

The caller hands over ``attributes["connection"]``, an open SQLAlchemy connection, and
``attributes["metadata"]``; locks, transactions, SQLite's pragmas and closing are the caller's.
On the command line (``alembic current``, ``alembic revision --autogenerate``) there is no caller:
then the database is the one that ``EFS_INVENTORY_DATABASE_URL`` names.
"""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection, MetaData


def run(connection: Connection, metadata: MetaData) -> None:
    """Migrate over ``connection``, within the transaction that it has begun."""
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,  # SQLite alters a table by making it anew
        transactional_ddl=True,  # SQLite can, too, now that the driver leaves BEGIN to us
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def run_from_command_line() -> None:
    """Migrate the database that the environment names, and close it."""
    from inventory.store import engine, tables  # noqa: PLC0415 - only the command line needs it

    url = os.environ.get("EFS_INVENTORY_DATABASE_URL")
    if not url:
        message = "EFS_INVENTORY_DATABASE_URL names no database; try sqlite:///scratch.db"
        raise SystemExit(message)
    opened = engine.migration_engine(engine.parse(url))
    try:
        with opened.begin() as connection:
            run(connection, tables.METADATA)
    finally:
        opened.dispose()


handed_over = context.config.attributes.get("connection")
if handed_over is not None:
    run(handed_over, context.config.attributes["metadata"])
else:
    run_from_command_line()
