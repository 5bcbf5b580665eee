"""Which schema a database has, and the way from one to another.

Asking costs one plain query. Alembic (a second of import) is loaded only when there is something to migrate.
"""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import URL, Connection, inspect, text

from inventory.errors import LockedError, SchemaError, StoreError
from inventory.store.engine import lock_engine, migration_engine, name_of, translated
from inventory.store.tables import METADATA

if TYPE_CHECKING:
    from alembic.config import Config

REVISIONS: tuple[str, ...] = ("0001", "0002", "0003", "0004", "0005", "0006", "0007")
"""Every revision that this program knows, oldest first; a test compares it with ``migrations/versions``."""

HEAD = REVISIONS[-1]

MIGRATION_LOCK = 0x45_46_53_01
"""PostgreSQL's advisory lock of migrations."""

PATIENCE = 60.0
"""Seconds to wait for another migration to end."""


class SchemaState(StrEnum):
    """``older``: ``db upgrade`` mends it. ``newer``: only a newer program does."""

    EMPTY = "empty"
    OLDER = "older"
    CURRENT = "current"
    NEWER = "newer"


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Where a database stands; ``revision`` is ``None`` when there is nothing in it yet."""

    revision: str | None
    head: str
    state: SchemaState

    def __str__(self) -> str:
        if self.state is SchemaState.CURRENT:
            return f"schema {self.revision}: up to date"
        if self.state is SchemaState.EMPTY:
            return f"empty: `efs-inventory db upgrade` makes schema {self.head}"
        mend = (
            "efs-inventory db upgrade"
            if self.state is SchemaState.OLDER
            else "pip install --upgrade efs-mount-inventory"
        )
        return (
            f"schema {self.revision}: {self.state.value} than this program's {self.head}; `{mend}`"
        )


def current(connection: Connection) -> SchemaStatus:
    """The schema of the database behind ``connection``, by one or two plain queries."""
    if connection.dialect.name == "sqlite":
        there = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'alembic_version'"
    else:
        there = "SELECT to_regclass('alembic_version')"
    found = None
    if connection.execute(text(there)).scalar() is not None:
        found = connection.execute(text("SELECT max(version_num) FROM alembic_version")).scalar()
    if found is None or found not in REVISIONS:
        _refuse_foreign(connection)
    return _status(found)


def _refuse_foreign(connection: Connection) -> None:
    """Raises :class:`SchemaError` for a database that holds tables of something else under the names of ours, or instead of them."""
    ours = {table.name for table in METADATA.sorted_tables}
    there = set(inspect(connection).get_table_names()) - {"alembic_version"}
    if there & ours and "sweep_call" in there:
        return  # ours, of another version
    if there & ours or (there and connection.dialect.name == "sqlite"):
        listed = ", ".join(sorted(there)[:3])
        message = f"the database holds tables of another program: {listed}"
        raise SchemaError(message, hint="name a database of its own under [database] url")


def _status(revision: str | None) -> SchemaStatus:
    if revision is None:
        state = SchemaState.EMPTY
    elif revision == HEAD:
        state = SchemaState.CURRENT
    else:
        state = SchemaState.OLDER if revision in REVISIONS else SchemaState.NEWER
    return SchemaStatus(revision, HEAD, state)


def require_current(connection: Connection, url: URL) -> None:
    """Raises :class:`SchemaError` unless the database has exactly the schema that this program knows."""
    status = current(connection)
    if status.state is SchemaState.CURRENT:
        return
    if status.state is SchemaState.NEWER:
        message = (
            f"{name_of(url)} has schema {status.revision}, newer than this program's {status.head}"
        )
        raise SchemaError(message, hint="pip install --upgrade efs-mount-inventory")
    told = (
        "is empty"
        if status.state is SchemaState.EMPTY
        else f"has schema {status.revision}, older than {status.head}"
    )
    message = f"{name_of(url)} {told}"
    raise SchemaError(message, hint="run `efs-inventory db upgrade` (`collect` does it by itself)")


def upgrade(url: URL, revision: str = "head", *, patience: float = PATIENCE) -> None:
    """Bring the database to ``revision``, in one transaction: wholly or not at all. Does nothing when it is there already.

    Safe when several processes do it at once. Raises :class:`SchemaError` when the database is newer than this program.
    """
    _migrate(url, revision, down=False, patience=patience)


def downgrade(url: URL, revision: str, *, patience: float = PATIENCE) -> None:
    """Bring the database back to ``revision`` (``base`` is nothing); what only newer schemas can hold is lost."""
    _migrate(url, revision, down=True, patience=patience)


def _migrate(url: URL, revision: str, *, down: bool, patience: float) -> None:
    with translated(url), _alone(url, patience):
        engine = migration_engine(url)
        try:
            with engine.begin() as connection:
                if current(connection).state is SchemaState.NEWER:
                    require_current(connection, url)
                _run(connection, revision, down=down)
                _check_references(connection, url)
        finally:
            engine.dispose()


def _run(connection: Connection, revision: str, *, down: bool) -> None:
    from alembic import command  # noqa: PLC0415 - a second of import, paid only by migrations

    configured = configuration()
    configured.attributes["connection"] = connection
    configured.attributes["metadata"] = METADATA
    (command.downgrade if down else command.upgrade)(configured, revision)


def configuration() -> Config:
    """Alembic's configuration, in code: there is no ini file to look for."""
    from alembic.config import Config  # noqa: PLC0415 - as above

    made = Config(stdout=io.StringIO())
    made.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    return made


def migrations_folder() -> Path:
    """Inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    message = f"the migrations are missing from {package}"
    raise StoreError(message, hint="install efs-mount-inventory again")


def _check_references(connection: Connection, url: URL) -> None:
    """Foreign keys are off while SQLite migrates, so what they would have refused is looked for before the commit."""
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
    if broken:
        message = f"{name_of(url)}: the migration would leave {len(broken)} rows of {broken[0][0]} without what they refer to"
        raise StoreError(message, hint="nothing was changed; report this")


@contextmanager
def _alone(url: URL, patience: float) -> Iterator[None]:
    """One migration at a time. SQLite's own transaction is lock enough; PostgreSQL's is not, two CREATE TABLE collide.

    The lock is the session's, on a connection outside of any transaction, which could not run beside CREATE INDEX CONCURRENTLY.
    """
    if url.get_backend_name() == "sqlite":
        yield
        return
    engine = lock_engine(url)
    try:
        with engine.connect() as connection:
            end = time.monotonic() + patience
            while not connection.execute(
                text("SELECT pg_try_advisory_lock(:key)"), {"key": MIGRATION_LOCK}
            ).scalar():
                if time.monotonic() >= end:
                    message = f"{name_of(url)} is being migrated by another process"
                    raise LockedError(message, hint="wait for it to end")
                time.sleep(0.1)
            yield
    finally:
        engine.dispose()
