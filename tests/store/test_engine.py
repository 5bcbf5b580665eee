"""The traps of both databases, each with the test that falls into it when its setting is taken away."""

from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from sqlalchemy import URL, Connection, Engine, select, text
from sqlalchemy.exc import IntegrityError

from inventory.errors import LockedError, MissingExtraError, StoreError
from inventory.store import engine, schema
from inventory.store.engine import TransientError, translated
from inventory.store.tables import METADATA


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sub dir?#%" / "inventory.db"


@pytest.fixture
def sqlite_url(path: Path) -> URL:
    path.parent.mkdir()
    return URL.create("sqlite", database=str(path))


@pytest.fixture
def counter(writer: Engine) -> Engine:
    with writer.begin() as conn:
        conn.execute(text("CREATE TABLE counter (number INTEGER NOT NULL)"))
        conn.execute(text("INSERT INTO counter VALUES (0)"))
    return writer


# -- both ----------------------------------------------------------------------------------------


def test_two_writers_at_once_lose_no_update(counter: Engine, url: URL) -> None:
    """Read, then write what was read plus one, from two threads: the driver's own transactions lose one of them."""
    from inventory.store.locks import begin_writing  # noqa: PLC0415 - as the store does it

    started = threading.Barrier(2, timeout=20)

    def add_one() -> None:
        own = engine.writer_engine(url)
        try:
            for _ in range(5):
                started.wait()
                with own.begin() as conn:
                    begin_writing(conn, None)
                    number = conn.execute(text("SELECT number FROM counter")).scalar_one()
                    conn.execute(
                        text("UPDATE counter SET number = :number"), {"number": number + 1}
                    )
        finally:
            own.dispose()

    threads = [threading.Thread(target=add_one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with counter.connect() as conn:
        assert conn.execute(text("SELECT number FROM counter")).scalar() == 10


def test_a_reader_sees_one_moment_and_cannot_write(counter: Engine, url: URL) -> None:
    readers = engine.reader_engine(url)
    with readers.connect() as conn, conn.begin():
        assert conn.execute(text("SELECT number FROM counter")).scalar() == 0
        with counter.begin() as other:
            other.execute(text("UPDATE counter SET number = 5"))
        assert conn.execute(text("SELECT number FROM counter")).scalar() == 0
    with pytest.raises(StoreError, match="is read-only"), translated(url), readers.begin() as conn:
        conn.execute(text("UPDATE counter SET number = 6"))
    with readers.connect() as conn:
        assert conn.execute(text("SELECT number FROM counter")).scalar() == 5
    readers.dispose()


def test_foreign_keys_and_checks_are_enforced(conn: Connection) -> None:
    for statement in (
        "INSERT INTO sweep_call VALUES (99, 'c', 'whole', '')",
        "INSERT INTO sweep_call SELECT 1, 'c', 'odd', ''",
        "INSERT INTO knowledge_run VALUES (1, 20, 10, 1)",
    ):
        with pytest.raises(IntegrityError), conn.begin_nested():
            conn.execute(text(statement))


def test_values_never_appear_in_errors(conn: Connection) -> None:
    with pytest.raises(IntegrityError) as caught:
        conn.execute(
            text("INSERT INTO sweep_call VALUES (99, :secret, 'whole', '')"),
            {"secret": "planted-value"},
        )
    assert "[SQL parameters hidden" in str(caught.value)


def test_bugs_are_not_dressed_up(conn: Connection, url: URL) -> None:
    with (
        pytest.raises(Exception, match=r"(?i)no_such_column|no such column") as caught,
        translated(url),
        conn.begin_nested(),
    ):
        conn.execute(text("SELECT no_such_column FROM sweep"))
    assert not isinstance(caught.value, StoreError)


# -- SQLite --------------------------------------------------------------------------------------


def pragma(conn: Connection, name: str) -> object:
    return conn.exec_driver_sql(f"PRAGMA {name}").scalar()


def test_sqlite_settings(sqlite_url: URL, path: Path) -> None:
    writers = engine.writer_engine(sqlite_url)
    with writers.connect() as conn:
        found = {
            name: pragma(conn, name)
            for name in (
                "journal_mode",
                "synchronous",
                "foreign_keys",
                "busy_timeout",
                "trusted_schema",
            )
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 10_000,
        "trusted_schema": 0,
    }
    readers = engine.reader_engine(sqlite_url)
    with readers.connect() as conn:
        assert pragma(conn, "query_only") == 1
    for opened in (writers, readers):
        opened.dispose()
    assert path.exists()


def test_sqlite_file_and_companions_are_the_owners_alone(sqlite_url: URL, path: Path) -> None:
    before = os.umask(0)
    try:
        writers = engine.writer_engine(sqlite_url)
        with writers.begin() as conn:
            conn.execute(text("CREATE TABLE t (a INTEGER)"))
            modes = {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
            names = sorted(file.name for file in path.parent.iterdir())
        writers.dispose()
    finally:
        os.umask(before)
    assert modes == {0o600}
    assert names == ["inventory.db", "inventory.db-shm", "inventory.db-wal"]


def test_a_writer_waits_for_the_other_and_then_names_the_database(
    sqlite_url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "BUSY_MS", 200)
    first, second = engine.writer_engine(sqlite_url), engine.writer_engine(sqlite_url)
    with (
        first.begin(),
        pytest.raises(LockedError, match=r"inventory\.db is being written"),
        translated(sqlite_url),
        second.begin(),
    ):
        pass
    first.dispose()
    second.dispose()


def test_a_reader_does_not_wait_for_the_writer(counter: Engine, url: URL) -> None:
    with counter.begin() as conn:
        conn.execute(text("UPDATE counter SET number = 7"))
        readers = engine.reader_engine(url)
        with readers.connect() as reader:
            assert reader.execute(text("SELECT number FROM counter")).scalar() == 0
        readers.dispose()


def test_only_the_writer_checkpoints(sqlite_url: URL, path: Path) -> None:
    """A second checkpointer may damage the file (the WAL-reset bug of SQLite before 3.51.3)."""
    schema.upgrade(sqlite_url)
    writers, readers = engine.writer_engine(sqlite_url), engine.reader_engine(sqlite_url)
    with writers.begin() as conn:
        conn.execute(text("INSERT INTO meta VALUES ('a', 1)"))
    wal = path.with_name(path.name + "-wal")
    size = wal.stat().st_size
    with readers.connect() as conn:
        conn.execute(text("SELECT * FROM meta")).all()
    raw = readers.raw_connection()
    with pytest.raises(sqlite3.OperationalError, match=r"readonly|disk I/O error"):
        raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    readers.dispose()
    assert size > 0
    assert wal.stat().st_size == size
    writers.dispose()


def test_what_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("this is a text of more than sixteen bytes\n" * 50)
    url = engine.parse(f"sqlite:///{file}")
    with pytest.raises(StoreError, match=r"notes\.txt is not an SQLite database"), translated(url):
        engine.writer_engine(url).connect().close()
    with pytest.raises(StoreError, match="is a folder"):
        engine.reader_engine(engine.parse(f"sqlite:///{tmp_path}"))


def test_a_missing_database_or_folder_is_named(tmp_path: Path) -> None:
    url = engine.parse(f"sqlite:///{tmp_path / 'none' / 'x.db'}")
    with pytest.raises(StoreError, match="there is no folder"):
        engine.writer_engine(url)
    with pytest.raises(StoreError, match="cannot be opened") as caught, translated(url):
        engine.reader_engine(url).connect().close()
    assert "collect" in caught.value.hint


def test_a_damaged_database_is_named(sqlite_url: URL, path: Path) -> None:
    schema.upgrade(sqlite_url)
    raw = bytearray(path.read_bytes())
    raw[4096 : 4096 * 8] = b"\x5a" * (4096 * 7)
    path.write_bytes(raw)
    readers = engine.reader_engine(sqlite_url)

    def read_all() -> None:
        with translated(sqlite_url), readers.connect() as conn:
            for table in METADATA.tables.values():
                conn.execute(select(table)).all()

    with pytest.raises(StoreError, match="is damaged"):
        read_all()
    readers.dispose()


def test_a_full_disk_is_said_and_loses_nothing(sqlite_url: URL) -> None:
    schema.upgrade(sqlite_url)
    url, counter = sqlite_url, engine.writer_engine(sqlite_url)
    with counter.begin() as conn:
        conn.execute(text("CREATE TABLE counter (number INTEGER NOT NULL)"))
        conn.execute(text("INSERT INTO counter VALUES (0)"))

    def fill() -> None:
        with translated(url), counter.begin() as conn:
            conn.exec_driver_sql(f"PRAGMA max_page_count = {pragma(conn, 'page_count')}")
            conn.execute(text("UPDATE counter SET number = 8"))
            rows = [{"name": f"{number} {'x' * 500}"} for number in range(10_000)]
            conn.execute(text("INSERT INTO meta VALUES (:name, 1)"), rows)

    with pytest.raises(StoreError, match="the disk is full"):
        fill()
    counter.dispose()
    with counter.connect() as conn:
        assert conn.execute(text("SELECT number FROM counter")).scalar() == 0
        assert pragma(conn, "integrity_check") == "ok"
    counter.dispose()


def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mountinfo"
    share = tmp_path / "my share"
    share.mkdir()
    mounts.write_text(
        "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n"
        f"23 22 0:50 / {str(share).replace(' ', chr(92) + '040')} rw shared:1 - nfs4 fs-1.efs:/ rw\n"
    )
    assert engine.file_system_type(tmp_path / "x.db", str(mounts)) == "ext4"
    assert engine.file_system_type(share / "deep" / "x.db", str(mounts)) == "nfs4"
    assert engine.file_system_type(share / "x.db", str(tmp_path / "none")) == ""
    monkeypatch.setattr(engine, "file_system_type", lambda _: "nfs4")
    with pytest.raises(StoreError, match="network file system"):
        engine.writer_engine(engine.parse(f"sqlite:///{share / 'x.db'}"))
    assert not (share / "x.db").exists()


def test_an_old_sqlite_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "STRICT_SINCE", (99, 0, 0))
    with pytest.raises(StoreError, match=r"needs 3\.37"):
        engine.writer_engine(engine.parse(f"sqlite:///{tmp_path / 'x.db'}"))


# -- PostgreSQL ----------------------------------------------------------------------------------


def test_postgresql_settings(postgres_database_url: str) -> None:
    url = engine.parse(postgres_database_url)
    writers = engine.writer_engine(url)
    with writers.connect() as conn:
        shown = [conn.execute(text(f"SHOW {name}")).scalar() for name in engine.PG_SETTINGS]
        assert shown == ["30s", "20s", "1min"]
        assert conn.execute(text("SHOW application_name")).scalar() == "efs-inventory"
        assert conn.connection.driver_connection.__class__.__module__.startswith("psycopg")
    writers.dispose()


def test_a_connection_that_died_is_replaced_before_it_is_used(postgres_database_url: str) -> None:
    url = engine.parse(postgres_database_url)
    writers, other = engine.writer_engine(url), engine.writer_engine(url)
    with writers.connect() as conn:
        process = conn.execute(text("SELECT pg_backend_pid()")).scalar()
    with other.connect() as conn:
        conn.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
    with writers.connect() as conn:
        assert conn.execute(text("SELECT 1")).scalar() == 1
    for opened in (writers, other):
        opened.dispose()


def test_a_connection_lost_in_a_transaction_asks_to_begin_again(postgres_database_url: str) -> None:
    url = engine.parse(postgres_database_url)
    writers, other = engine.writer_engine(url), engine.writer_engine(url)

    def lose() -> None:
        with translated(url), writers.begin() as conn:
            process = conn.execute(text("SELECT pg_backend_pid()")).scalar()
            with other.connect() as killer:
                killer.execute(text("SELECT pg_terminate_backend(:process)"), {"process": process})
            conn.execute(text("SELECT 1"))

    with pytest.raises(TransientError):
        lose()
    for opened in (writers, other):
        opened.dispose()


def test_a_database_that_is_not_there_is_named(postgres_database_url: str) -> None:
    url = engine.parse(postgres_database_url).set(database="no_such_database")
    with pytest.raises(StoreError, match=r"no_such_database .* does not exist"), translated(url):
        engine.writer_engine(url).connect().close()


def test_a_server_that_is_not_there_is_named_without_its_password(tmp_path: Path) -> None:
    url = engine.parse(f"postgresql://me:planted-secret@/db?host={tmp_path}")
    with pytest.raises(StoreError, match="cannot be reached") as caught, translated(url):
        engine.writer_engine(url).connect().close()
    assert "planted-secret" not in f"{caught.value}{caught.value.hint}{caught.value.__context__!r}"


def test_without_psycopg_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingExtraError) as caught:
        engine.writer_engine(engine.parse("postgresql://me@localhost/db"))
    assert caught.value.hint == "pip install 'efs-mount-inventory[postgres]'"


# -- addresses -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        "planted-secret",
        "mysql://me:planted-secret@host/db",
        "oracle+what://me:planted-secret@host/db",
        "postgresql://me:planted-secret@host:port/db",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_an_address_of_no_database_of_ours_is_refused_without_showing_it(wrong: str) -> None:
    with pytest.raises(StoreError) as caught:
        engine.parse(wrong)
    assert "planted-secret" not in f"{caught.value}{caught.value.hint}"
    assert caught.value.hint


def test_names_of_databases_hold_no_password() -> None:
    url = engine.parse("postgres://me:planted-secret@db.example:5433/inv?password=planted-secret")
    assert engine.name_of(url) == "database inv at db.example:5433"
    assert url.drivername == "postgresql+psycopg"


def test_opening_loads_neither_alembic_nor_the_mapper(tmp_path: Path) -> None:
    """A second of import that no command but a migration pays for."""
    code = (
        "import sys\nfrom inventory.store import Store\n"
        f"Store.open('sqlite:///{tmp_path}/x.db', write=True).close()\n"
        "print(*sorted({'alembic', 'sqlalchemy.orm', 'psycopg'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
