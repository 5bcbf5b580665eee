"""Locks that end with their process, name their holder, and cannot be held by two."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, text

from inventory.errors import LockedError, StoreError
from inventory.store import FencedError, Store, locks

HOLD = """
import sys, time
from inventory.store import engine, locks
with locks.hold(engine.parse(sys.argv[1]), "source s", 5):
    print("held", flush=True)
    {then}
"""


@contextmanager
def holder(database_url: str, then: str = "time.sleep(60)") -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock."""
    code = HOLD.format(then=textwrap.indent(then, "    ").strip())
    process = subprocess.Popen(
        [sys.executable, "-c", code, database_url], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_lock_is_held_by_one_who_is_named(url: URL, database_url: str) -> None:
    with (
        holder(database_url) as process,
        pytest.raises(
            LockedError, match=rf"source s, process {process.pid} on .*, since \d{{4}}-\d\d-\d\dT"
        ) as caught,
        locks.hold(url, "source s", 0.2),
    ):
        pass
    assert caught.value.hint


def test_a_lock_ends_with_kill_9(url: URL, database_url: str) -> None:
    with holder(database_url) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
        with locks.hold(url, "source s", 5) as held:
            assert held.name == "source s"


def test_a_lock_that_is_let_go_can_be_taken(url: URL) -> None:
    for _ in range(3):
        with locks.hold(url, "source s", 0):
            pass


def test_who_waits_gets_it(url: URL, database_url: str) -> None:
    with holder(database_url, then="time.sleep(0.5)"):
        start = time.monotonic()
        with locks.hold(url, "source s", 10):
            assert time.monotonic() - start < 8


def test_children_of_the_holder_do_not_hold_it(sqlite_database_url: str) -> None:
    """A worker made by fork outlives a holder that is killed; the lock must not."""
    then = "import os\npid = os.fork()\nif pid == 0:\n    time.sleep(30)\n    os._exit(0)\nprint(pid, flush=True)\ntime.sleep(60)"
    with (
        Store.open(sqlite_database_url, write=True) as store,
        holder(sqlite_database_url, then=then) as process,
    ):
        assert process.stdout is not None
        child = int(process.stdout.readline())
        try:
            process.send_signal(signal.SIGKILL)
            process.wait()
            with store.lock("source s", 5):
                os.kill(child, 0)  # it is still there
        finally:
            os.kill(child, signal.SIGKILL)


def test_one_lock_for_a_whole_sqlite_database_one_a_name_on_postgresql(url: URL) -> None:
    with locks.hold(url, "source a", 0):
        if url.get_backend_name() == "sqlite":
            with (
                pytest.raises(LockedError, match="source a, process"),
                locks.hold(url, "source b", 0),
            ):
                pass
        else:
            with locks.hold(url, "source b", 0):
                pass


def test_the_lock_file_is_the_owners_alone_and_stays(sqlite_database_url: str) -> None:
    with Store.open(sqlite_database_url, write=True) as store:
        with store.lock("x", 0):
            pass
        file = Path(sqlite_database_url.removeprefix("sqlite:///") + ".lock")
        assert file.stat().st_mode & 0o777 == 0o600
        assert re.match(r"x, process \d+ on ", file.read_text())
        file.unlink()
        file.mkdir()
        with pytest.raises(StoreError, match=r"lock file .* cannot be opened"), store.lock("x", 0):
            pass


def test_who_lost_the_lock_cannot_write(postgres_database_url: str) -> None:
    with (
        Store.open(postgres_database_url, write=True) as first,
        Store.open(postgres_database_url, write=True) as second,
    ):
        first.upgrade()
        with first.lock("source s", 1) as mine:
            with first.writing() as conn:
                conn.execute(text("INSERT INTO meta VALUES ('first', 1)"))
            with second.writing() as conn:
                conn.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND pid <> pg_backend_pid()"
                    )
                )
            with second.lock("source s", 5) as theirs:
                assert mine.epoch is not None
                assert theirs.epoch == mine.epoch + 1
                with (
                    pytest.raises(FencedError, match="'source s' was lost"),
                    first.writing() as conn,
                ):
                    conn.execute(text("INSERT INTO meta VALUES ('second', 1)"))
                with second.writing() as conn:
                    conn.execute(text("INSERT INTO meta VALUES ('third', 1)"))
        with first.reading() as conn:
            assert sorted(conn.execute(text("SELECT name FROM meta")).scalars()) == [
                "first",
                "third",
            ]


def test_taking_the_lock_waits_for_a_transaction_that_proved_it(postgres_database_url: str) -> None:
    """The proof holds until the end of the transaction: who takes the lock meanwhile gets its epoch only then."""
    with Store.open(postgres_database_url, write=True) as first:
        first.upgrade()
        with first.lock("source s", 1), first.writing() as conn:
            conn.execute(text("SELECT 1"))
            with Store.open(postgres_database_url, write=True) as second:
                engine = second._writer()
                with pytest.raises(LockedError), second.lock("source s", 0):
                    pass
                assert blocked(engine)


def blocked(engine: Engine) -> bool:
    """Whether the epoch cannot be changed now."""
    with engine.connect() as conn, conn.begin() as transaction:
        conn.execute(text("SET LOCAL lock_timeout = '100ms'"))
        try:
            conn.execute(text("UPDATE lock_epoch SET epoch = epoch + 1"))
        except Exception as error:  # noqa: BLE001 - which class it is depends on the driver
            return "lock timeout" in str(error)
        transaction.rollback()
    return False
