"""One at a time: locks that end with the process that holds them, however it ends.

SQLite: ``flock`` on a file beside the database; one writer for the whole database, whatever the lock is called. PostgreSQL: an
advisory lock of a session of its own, one for each name, with an *epoch* that grows with each holder. A holder that lost its
session without noticing finds another epoch in its next transaction and is refused, so two never write for one name.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, Connection, select, text

from inventory.errors import LockedError, StoreError
from inventory.model import instant
from inventory.store.engine import lock_engine, name_of, path_of, translated
from inventory.store.statements import upsert
from inventory.store.tables import LOCK_EPOCH

LOCK_CLASS = 0x45_46_53_02
"""First half of every advisory lock's key; the second is made from its name."""

WRITERS = 0x45_46_53_03
"""PostgreSQL's advisory lock of writing transactions, so that two sources never derive the same unit from half of its facts each."""

PATIENCE = "10min"
"""How long a writing transaction waits for another one to end, on PostgreSQL."""

POLL = 0.1
_HOLDER_BYTES = 1_000


class FencedError(LockedError):
    """The lock was lost, and somebody else may have it: nothing of this transaction was kept."""


@dataclass(frozen=True, slots=True)
class Lock:
    """A lock that is held; a writing transaction is given it to prove that it still is."""

    name: str
    epoch: int | None
    """``None`` on SQLite, where nothing but the end of the process can take the lock away."""


@contextmanager
def hold(url: URL, name: str, timeout: float) -> Iterator[Lock]:
    """Hold the lock ``name``, waiting for it up to ``timeout`` seconds; then :class:`LockedError` names who holds it."""
    if url.get_backend_name() == "sqlite":
        names = _alone.get(path_of(url).absolute())
        with _flock(path_of(url), name, timeout) if names is None else names.hold(name, timeout):
            yield Lock(name, None)
        return
    with translated(url), _advisory(url, name, timeout) as epoch:
        yield Lock(name, epoch)


@contextmanager
def alone(url: URL, name: str, timeout: float) -> Iterator[None]:
    """On SQLite: hold the whole database for this process, so that its threads may :func:`hold` locks by name, as on PostgreSQL.

    Raises as :func:`hold` does. On PostgreSQL, where each name has a lock of its own, nothing is held.
    """
    if url.get_backend_name() != "sqlite":
        yield
        return
    path = path_of(url).absolute()
    with _flock(path, name, timeout):
        _alone[path] = _Names()
        try:
            yield
        finally:
            del _alone[path]


def begin_writing(conn: Connection, lock: Lock | None) -> None:
    """First thing in a writing transaction: wait for other writers, and make sure that ``lock`` is held still."""
    if conn.dialect.name == "sqlite":
        return
    # Another's transaction may be long: it may be deriving years anew. Only this wait is a long one.
    conn.execute(
        text(f"SET LOCAL lock_timeout = '{PATIENCE}'; SET LOCAL statement_timeout = '{PATIENCE}'")
    )
    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": WRITERS})
    conn.execute(text("SET LOCAL lock_timeout = DEFAULT; SET LOCAL statement_timeout = DEFAULT"))
    if lock is None or lock.epoch is None:
        return
    mine = (LOCK_EPOCH.c.name == lock.name, LOCK_EPOCH.c.epoch == lock.epoch)
    # Shared, so that whoever takes the lock meanwhile waits with the next epoch until this transaction has ended.
    if (
        conn.execute(select(LOCK_EPOCH.c.name).where(*mine).with_for_update(read=True)).scalar()
        is None
    ):
        message = f"the lock '{lock.name}' was lost to another process"
        raise FencedError(message, hint="nothing is lost: what was not recorded is read again")


def _wait(take: Callable[[], bool], timeout: float) -> bool:
    end = time.monotonic() + timeout
    while not take():
        if time.monotonic() >= end:
            return False
        time.sleep(min(POLL, max(0.0, end - time.monotonic())))
    return True


def _told(what: str) -> str:
    return f"{what}, process {os.getpid()} on {socket.gethostname()}"


# -- SQLite ------------------------------------------------------------------------------------------------------------------------------

_held: weakref.WeakSet[_LockFile] = weakref.WeakSet()


class _LockFile:
    """An open lock file. A child made by ``fork`` closes its copy at once: else the lock would live as long as the child."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self.descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            message = f"the lock file {path} cannot be opened: {error.strerror}"
            raise StoreError(message, hint="check the owner of the folder") from None
        _held.add(self)

    def take(self) -> bool:
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            message = f"the lock file {self.path} cannot be locked: {error.strerror}"
            raise StoreError(message, hint="put the database on a local disk") from None
        return True

    def sign(self, holder: str) -> None:
        """Write down who holds it. The file stays when the lock ends: removing it would let two hold a lock each."""
        os.ftruncate(self.descriptor, 0)
        os.pwrite(self.descriptor, holder.encode(), 0)

    def holder(self) -> str:
        """Who holds it, as written there, and since when (the file's own time)."""
        told = os.pread(self.descriptor, _HOLDER_BYTES, 0).decode("utf-8", "replace").strip()
        since = instant(int(os.fstat(self.descriptor).st_mtime))
        return f"{told or 'another process'}, since {since:%Y-%m-%dT%H:%M:%SZ}"

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


class _Names:
    """Locks by name among the threads of a process that holds a whole database."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._locks: dict[str, threading.Lock] = {}

    @contextmanager
    def hold(self, name: str, timeout: float) -> Iterator[None]:
        with self._mutex:
            lock = self._locks.setdefault(name, threading.Lock())
        if not lock.acquire(timeout=timeout):
            message = f"'{name}' is in use by another thread of {_told('this')}"
            raise LockedError(message, hint="wait until it has finished")
        try:
            yield
        finally:
            lock.release()


_alone: dict[Path, _Names] = {}


def _let_go_in_child() -> None:
    _alone.clear()
    for one in list(_held):
        one.close()


os.register_at_fork(after_in_child=_let_go_in_child)


@contextmanager
def _flock(database: Path, what: str, timeout: float) -> Iterator[None]:
    file = _LockFile(database.with_name(database.name + ".lock"))
    try:
        if not _wait(file.take, timeout):
            message = f"database {database} is in use by {file.holder()}"
            raise LockedError(message, hint="wait until it has finished, or stop it")
        file.sign(_told(what))
        yield
    finally:
        file.close()


# -- PostgreSQL --------------------------------------------------------------------------------------------------------------------------


def _key(name: str) -> int:
    """Second half of a lock's key: a signed 32-bit number from its name. Two names with one number only wait for each other."""
    return zlib.crc32(name.encode()) - 2**31


@contextmanager
def _advisory(url: URL, name: str, timeout: float) -> Iterator[int]:
    engine = lock_engine(url)
    try:
        with engine.connect() as connection:
            key = {"class": LOCK_CLASS, "key": _key(name)}
            take = text(
                "SELECT pg_try_advisory_lock(CAST(:class AS integer), CAST(:key AS integer))"
            )
            if not _wait(lambda: bool(connection.execute(take, key).scalar()), timeout):
                holder = connection.execute(
                    select(LOCK_EPOCH.c.holder).where(LOCK_EPOCH.c.name == name)
                ).scalar()
                message = f"'{name}' of {name_of(url)} is in use by {holder or 'another process'}"
                raise LockedError(message, hint="wait until it has finished, or stop it")
            yield _next_epoch(connection, name)
    finally:
        engine.dispose()  # ends the session, and with it the lock


def _next_epoch(connection: Connection, name: str) -> int:
    since = connection.execute(
        text("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')")
    ).scalar()
    holder = f"{_told(name)}, since {since}"
    statement = upsert(connection, LOCK_EPOCH).values(name=name, epoch=1, holder=holder)
    grown = {"epoch": LOCK_EPOCH.c.epoch + 1, "holder": holder}
    statement = statement.on_conflict_do_update(index_elements=["name"], set_=grown)
    return int(connection.execute(statement.returning(LOCK_EPOCH.c.epoch)).scalar_one())
