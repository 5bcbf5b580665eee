"""Doors to the database: one engine to write, one to read, one to migrate, each with the settings that its job is only safe with.

SQLite: the driver begins no transactions by itself (its own way loses updates silently); writers say ``BEGIN IMMEDIATE``, readers
open the file read-only and therefore never checkpoint. PostgreSQL: every wait has an end, and a dead connection is noticed before
it is used.
No message names a password or a bound value.
"""

from __future__ import annotations

import os
import re
import sqlite3
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict, Unpack
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import NullPool, Pool, QueuePool

from inventory.errors import LockedError, MissingExtraError, StoreError
from inventory.store.failpoints import arm

BUSY_MS = 10_000
"""How long SQLite waits for another process to finish writing."""

MIGRATING_MS = 60_000
"""How long SQLite waits to change the schema: another process may be at it."""

STRICT_SINCE = (3, 37, 0)
"""The first SQLite that knows STRICT tables (sqlite.org/stricttables.html)."""

NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs"})
"""Write-ahead logging shares memory between processes, so it needs one host (sqlite.org/wal.html). EFS itself is ``nfs4``."""

PG_SETTINGS = {
    "statement_timeout": "30s",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "60s",
}

READER_SETTINGS = {
    "default_transaction_read_only": "on",
    "idle_in_transaction_session_timeout": "15min",  # an answer may be piped into a pager; it blocks nobody
}


class _Pooling(TypedDict, total=False):
    poolclass: type[Pool]
    pool_size: int
    max_overflow: int


class TransientError(StoreError):
    """The transaction did not happen, for a reason that passes: begin it again, whole."""


# -- addresses ---------------------------------------------------------------------------------------------------------------------------


def parse(url: str) -> URL:
    """The database that ``url`` names; raises :class:`StoreError` for what is no address of one of ours."""
    text = "postgresql" + url.removeprefix("postgres") if url.startswith("postgres://") else url
    hint = "sqlite:///efs-inventory.db, or postgresql://user@host/database"
    try:
        parsed = make_url(text)
        backend = parsed.get_backend_name()
    except (
        ArgumentError,
        ValueError,
    ):  # a port that is no number is a ValueError; neither message is safe to show
        message = "the database URL cannot be read"
        raise StoreError(message, hint=hint) from None
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        message = f"there is no support for {backend} databases"
        raise StoreError(message, hint=hint)
    if parsed.database in {None, "", ":memory:"}:
        message = "an SQLite database needs a file: one in memory is seen by nobody else"
        raise StoreError(message, hint=hint)
    return parsed


def name_of(url: URL) -> str:
    """How messages call this database: its path, or host and name; never the password."""
    if url.get_backend_name() == "sqlite":
        return f"database {url.database}"
    place = f"{url.host or 'local'}:{url.port}" if url.port else (url.host or "local")
    return f"database {url.database or url.username or 'default'} at {place}"


def path_of(url: URL) -> Path:
    """The file of an SQLite database."""
    return Path(url.database or "")


# -- engines -----------------------------------------------------------------------------------------------------------------------------


def writer_engine(url: URL) -> Engine:
    """The one engine that writes; one connection. Its transactions begin with the right to write, so they cannot lose updates."""
    if url.get_backend_name() == "sqlite":
        opened = _sqlite(url, mode="rwc", begin="BEGIN IMMEDIATE", pool_size=1, max_overflow=0)
    else:
        opened = _postgresql(url, pool_size=1, max_overflow=1)
    arm(opened)
    return opened


def reader_engine(url: URL) -> Engine:
    """Reads only, by construction; one transaction is one moment of the database."""
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, mode="ro", begin="BEGIN", pool_size=5, max_overflow=10)
    return _postgresql(
        url, pool_size=5, max_overflow=10, settings=READER_SETTINGS
    ).execution_options(isolation_level="REPEATABLE READ")


def migration_engine(url: URL) -> Engine:
    """For changes of the schema: no foreign keys on SQLite (remaking a parent table would delete its children), no statement timeout."""
    if url.get_backend_name() == "sqlite":
        opened = _sqlite(
            url,
            mode="rwc",
            begin="BEGIN IMMEDIATE",
            foreign_keys=False,
            busy_ms=MIGRATING_MS,
            poolclass=NullPool,
        )
    else:
        opened = _postgresql(url, poolclass=NullPool, settings={"statement_timeout": "0"})
    arm(opened)
    return opened


def lock_engine(url: URL) -> Engine:
    """PostgreSQL only: a connection that stays idle for as long as a lock is held, and that the server buries soon after its host died."""
    keepalive = {
        "tcp_keepalives_idle": "15",
        "tcp_keepalives_interval": "5",
        "tcp_keepalives_count": "3",
    }
    return _postgresql(url, poolclass=NullPool, settings=keepalive).execution_options(
        isolation_level="AUTOCOMMIT"
    )


def _postgresql(
    url: URL, *, settings: dict[str, str] | None = None, **pooling: Unpack[_Pooling]
) -> Engine:
    chosen = " ".join(
        f"-c {name}={value}" for name, value in {**PG_SETTINGS, **(settings or {})}.items()
    )
    given = url.query.get("options", "")
    arguments = {
        "options": f"{chosen} {given}".strip(),
        "application_name": url.query.get("application_name", "efs-inventory"),
    }
    if "connect_timeout" not in url.query:
        arguments["connect_timeout"] = "5"
    try:
        made = create_engine(
            url, connect_args=arguments, pool_pre_ping=True, hide_parameters=True, **pooling
        )
    except ModuleNotFoundError:
        what = "PostgreSQL"
        raise MissingExtraError(what, "postgres") from None
    except NoSuchModuleError:
        message = "the database URL names a driver that is not there"
        raise StoreError(message, hint="postgresql://user@host/database") from None
    _open.add(made)
    return made


def _sqlite(
    url: URL,
    *,
    mode: str,
    begin: str,
    foreign_keys: bool = True,
    busy_ms: int = BUSY_MS,
    **pooling: Unpack[_Pooling],
) -> Engine:
    path = path_of(url)
    _refuse_unfit(path)
    if mode == "rwc":
        _make_file(path)
    address = f"file:{quote(str(path.absolute()))}?mode={mode}"

    def connect() -> sqlite3.Connection:
        # A pool hands a connection from thread to thread, never to two at once.
        opened = sqlite3.connect(
            address, uri=True, timeout=busy_ms / 1000, isolation_level=None, check_same_thread=False
        )
        try:
            for pragma in _pragmas(mode=mode, foreign_keys=foreign_keys, busy_ms=busy_ms):
                opened.execute(f"PRAGMA {pragma}").fetchall()
        except sqlite3.Error:
            opened.close()
            raise
        return opened

    # "sqlite://" alone would choose the pool of databases in memory.
    pooling = {"poolclass": QueuePool, **pooling}
    engine = create_engine("sqlite://", creator=connect, hide_parameters=True, **pooling)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    _open.add(engine)
    return engine


_open: weakref.WeakSet[Engine] = weakref.WeakSet()
_parents: list[Pool] = []


def _leave_to_the_parent() -> None:
    """In a child made by ``fork``: never use, and never close, a connection that the parent has open (sqlite.org/howtocorrupt.html §2.6).

    The pool is kept so that nothing closes what is in it; a child that asks gets a connection of its own.
    """
    for engine in list(_open):
        _parents.append(engine.pool)
        engine.dispose(close=False)


os.register_at_fork(after_in_child=_leave_to_the_parent)


def _pragmas(*, mode: str, foreign_keys: bool, busy_ms: int) -> Iterator[str]:
    yield f"busy_timeout = {busy_ms}"
    yield f"foreign_keys = {'ON' if foreign_keys else 'OFF'}"
    yield "trusted_schema = OFF"
    yield "cache_size = -32768"  # KiB: a group of batches fits, so nothing spills into the log before COMMIT
    if mode == "ro":
        yield "query_only = ON"
        return
    yield "journal_mode = WAL"
    yield "synchronous = FULL"
    yield "journal_size_limit = 67108864"


def _refuse_unfit(path: Path) -> None:
    if sqlite3.sqlite_version_info < STRICT_SINCE:
        message = (
            f"this Python's SQLite is {sqlite3.sqlite_version}; the inventory needs 3.37 or newer"
        )
        raise StoreError(message, hint="use a newer Python, or PostgreSQL")
    kind = file_system_type(path)
    if kind in NETWORK_FILE_SYSTEMS:
        message = (
            f"database {path} would be on a network file system ({kind}), where SQLite gets damaged"
        )
        raise StoreError(message, hint="put it on a local disk, or use PostgreSQL")
    if path.is_dir():
        message = f"database {path} is a folder"
        raise StoreError(message, hint="name a file in it")


def file_system_type(path: Path, mounts: str = "/proc/self/mountinfo") -> str:
    """Type of the file system that holds ``path``, as Linux calls it; ``""`` where that cannot be told."""
    try:
        lines = Path(mounts).read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    real = os.path.realpath(path)
    best, kind = "", ""
    for line in lines:
        # 36 35 98:0 /root /mount/point rw,noatime … - type device options (proc_pid_mountinfo(5))
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        point = _unescaped(fields[_MOUNT_POINT]) if len(fields) > _MOUNT_POINT else ""
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if point and inside and len(point) >= len(best):
            best, kind = point, right.split(" ")[0]
    return kind


_MOUNT_POINT = 4


def _unescaped(text: str) -> str:
    """The kernel writes space, tab, newline and backslash as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _make_file(path: Path) -> None:
    """An empty file for its owner alone; SQLite gives its companions (-wal, -shm) the same mode."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        return
    except FileNotFoundError:
        message = f"database {path}: there is no folder {path.absolute().parent}"
        raise StoreError(message, hint=f"mkdir -p {path.absolute().parent}") from None
    except OSError as error:
        message = f"database {path} cannot be created: {error.strerror}"
        raise StoreError(message, hint="check the folder's owner and free space") from None


# -- errors ------------------------------------------------------------------------------------------------------------------------------

_SQLITE_FAULTS: tuple[tuple[str, type[StoreError], str, str], ...] = (
    (
        "database is locked",
        LockedError,
        "is being written by another process",
        "wait for it, or stop it",
    ),
    (
        "database table is locked",
        LockedError,
        "is being written by another process",
        "wait for it, or stop it",
    ),
    (
        "readonly database",
        StoreError,
        "is read-only",
        "check the owner of the file and of its folder",
    ),
    (
        "disk is full",
        StoreError,
        "cannot grow: the disk is full",
        "free some space; nothing is lost",
    ),
    (
        "file is not a database",
        StoreError,
        "is not an SQLite database",
        "name another file in [database] url",
    ),
    ("malformed", StoreError, "is damaged", "restore it from a backup, or collect into a new one"),
    (
        "unable to open",
        StoreError,
        "cannot be opened",
        "`efs-inventory collect` makes it, or check its path and permissions",
    ),
    (
        "disk i/o error",
        StoreError,
        "cannot be read or written: the disk reports an error or is full",
        "check space and disk",
    ),
)

_PG_FAULTS: tuple[tuple[str, type[StoreError], str, str], ...] = (
    ("08", TransientError, "cannot be reached", "check host, port and network"),
    ("57P", TransientError, "is shutting down or restarting", "try again when it is back"),
    ("40", TransientError, "asks to repeat the transaction", "try again"),
    ("55P03", LockedError, "is being written by another process", "wait for it, or stop it"),
    (
        "57014",
        StoreError,
        "took longer than its time limit",
        "ask for less, or look for what blocks it",
    ),
    ("28", StoreError, "refuses the user or password", "check user, password and pg_hba.conf"),
    ("3D000", StoreError, "does not exist", "createdb it, or name another in [database] url"),
    ("42501", StoreError, "does not allow that to this user", "grant the rights on the schema"),
    ("25006", StoreError, "is read-only", "name the primary, not a replica"),
    ("25P", TransientError, "gave up a transaction that was idle", "try again"),
    ("53", StoreError, "has no resources left", "check its disk space and connections"),
    ("58", StoreError, "reports an error of its disk", "check its log"),
    ("XX", StoreError, "is damaged", "check its log; restore from a backup"),
)


@contextmanager
def translated(url: URL) -> Iterator[None]:
    """Turns what an operator can mend into a :class:`StoreError` that names the database; anything else is a bug and passes."""
    try:
        yield
    except PoolTimeoutError:
        message = f"{name_of(url)}: every connection is in use"
        raise StoreError(message, hint="ask less at once") from None
    except _driver_errors() as error:
        fault = _fault(url, error.orig if isinstance(error, DBAPIError) else error)
        if fault is None:
            raise
        raise fault from None


def _driver_errors() -> tuple[type[Exception], ...]:
    """SQLAlchemy's, and what drivers raise themselves where no SQLAlchemy is between; psycopg's only if it is there."""
    return (DBAPIError, sqlite3.Error, getattr(sys.modules.get("psycopg"), "Error", sqlite3.Error))


def _fault(url: URL, error: object) -> StoreError | None:
    """The fault behind a driver's error; ``None`` for bugs: constraints broken, statements that do not parse."""
    if isinstance(error, sqlite3.Error):
        text = str(error).lower()
        for part, kind, says, hint in _SQLITE_FAULTS:
            if part in text:
                return kind(f"{name_of(url)} {says}", hint=hint)
        return None
    if type(error).__module__.partition(".")[0] != "psycopg":
        return None
    state = getattr(error, "sqlstate", None)
    for prefix, kind, says, hint in _PG_FAULTS:
        if state is not None and state.startswith(prefix):
            return kind(f"{name_of(url)} {says}", hint=hint)
    if state is None and any(base.__name__ == "OperationalError" for base in type(error).__mro__):
        return _unreachable(url, str(error))
    return None


def _unreachable(url: URL, said: str) -> StoreError:
    """No SQLSTATE: the connection was refused, or lost on the way. The driver's text is read for the cause, never shown."""
    checks: tuple[tuple[str, Callable[[str], StoreError]], ...] = (
        (
            "authentication failed",
            lambda name: StoreError(
                f"{name} refuses the user or password", hint="check user and password"
            ),
        ),
        (
            "no password supplied",
            lambda name: StoreError(
                f"{name} asks for a password", hint="put it into the URL or ~/.pgpass"
            ),
        ),
        (
            "does not exist",
            lambda name: StoreError(
                f"{name} does not exist", hint="createdb it, or name another in [database] url"
            ),
        ),
        (
            "too many clients",
            lambda name: TransientError(f"{name} has no connections left", hint="try again"),
        ),
        (
            "certificate",
            lambda name: StoreError(
                f"{name}: its certificate is not trusted", hint="set sslrootcert in the URL"
            ),
        ),
    )
    for part, make in checks:
        if part in said:
            return make(name_of(url))
    return TransientError(
        f"{name_of(url)} cannot be reached",
        hint="check host, port and network, and that it is running",
    )
