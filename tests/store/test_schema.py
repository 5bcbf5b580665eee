"""Migrations: the same schema as the tables say, up and down, by several at once, and never across the program's horizon."""

from __future__ import annotations

import ast
import multiprocessing
import re
import sqlite3
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, Engine, event, inspect, text

from inventory.errors import SchemaError, StoreError
from inventory.store import Store, engine, schema, stretches, views
from inventory.store.schema import SchemaState
from inventory.store.tables import BATCH, METADATA, UNREAD


def normalised(conn: Connection) -> list[str]:
    """The whole schema as text, whatever the order in which a table's constraints were written."""
    if conn.dialect.name == "sqlite":
        found = conn.execute(
            text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'alembic%'")
        ).scalars()
        return sorted(
            "\n".join(sorted(line.strip(" \t,") for line in sql.splitlines() if line.strip()))
            for sql in found
        )
    statements = (
        """SELECT table_name, column_name, ordinal_position, data_type, is_nullable, column_default, collation_name
        FROM information_schema.columns WHERE table_schema = current_schema()""",
        """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = current_schema()::regnamespace""",
        "SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = current_schema()",
    )
    rows = [tuple(row) for statement in statements for row in conn.execute(text(statement))]
    return sorted(repr(row) for row in rows if not row[0].startswith("alembic"))


def test_migrations_and_tables_say_the_same(writer: Engine) -> None:
    """By Alembic's comparison, and as text: the comparison does not see a changed CHECK."""
    with writer.connect() as conn, conn.begin() as transaction:
        context = MigrationContext.configure(
            conn, opts={"compare_type": True, "compare_server_default": True}
        )
        assert compare_metadata(context, METADATA) == []
        migrated = normalised(conn)
        conn.execute(text("DROP TABLE alembic_version"))
        METADATA.drop_all(conn)
        METADATA.create_all(conn)
        assert normalised(conn) == migrated
        assert len(migrated) > len(METADATA.tables)
        transaction.rollback()


def test_columns_come_in_the_order_that_rows_are_written_in(conn: Connection) -> None:
    for table in METADATA.sorted_tables:
        assert [column["name"] for column in inspect(conn).get_columns(table.name)] == [
            column.name for column in table.columns
        ]


def test_the_program_knows_every_migration() -> None:
    scripts = ScriptDirectory.from_config(schema.configuration())
    assert scripts.get_heads() == [schema.HEAD]
    assert tuple(reversed([one.revision for one in scripts.walk_revisions()])) == schema.REVISIONS


def test_no_migration_imports_the_program() -> None:
    for file in sorted((schema.migrations_folder() / "versions").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.partition(".")[0] == "inventory" for name in names), file


def test_up_down_up_leaves_no_trace(url: URL, writer: Engine) -> None:
    with writer.connect() as conn:
        before = normalised(conn)
    schema.downgrade(url, "base")
    with writer.connect() as conn:
        assert schema.current(conn).state is SchemaState.EMPTY
        assert set(inspect(conn).get_table_names()) <= {"alembic_version"}
    schema.upgrade(url)
    schema.upgrade(url)
    with writer.connect() as conn:
        assert normalised(conn) == before
        assert schema.current(conn).state is SchemaState.CURRENT


def migrate(url: str, together: Barrier) -> None:
    import alembic.command  # noqa: F401, PLC0415 - so that nothing but the migration follows the barrier

    together.wait()
    schema.upgrade(engine.parse(url))


def test_three_upgrades_at_once(database_url: str) -> None:
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(3, timeout=60)
    processes = [context.Process(target=migrate, args=(database_url, together)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0]
    with Store.open(database_url) as store:
        assert store.current().state is SchemaState.CURRENT


def test_a_newer_database_is_refused_and_left_alone(database_url: str) -> None:
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        with store.writing() as conn:
            conn.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with Store.open(database_url, write=True) as store:
        assert store.current().state is SchemaState.NEWER
        assert "newer" in str(store.current())
        for attempt in (store.upgrade, store.knowledge, lambda: store.write(lambda _: None)):
            with pytest.raises(
                SchemaError, match="schema 9999, newer than this program's"
            ) as caught:
                attempt()
            assert "pip install --upgrade" in caught.value.hint
        assert store.current().revision == "9999"


def test_an_empty_database_names_the_command(database_url: str) -> None:
    with Store.open(database_url, write=True) as store:
        with pytest.raises(SchemaError, match="is empty") as caught:
            store.knowledge()
        assert "efs-inventory db upgrade" in caught.value.hint
        store.upgrade()
        store.knowledge()


def scripts_that(tmp_path: Path, body: str) -> Path:
    """A folder of migrations: ours, and one more."""
    folder = tmp_path / "migrations"
    (folder / "versions").mkdir(parents=True)
    ours = schema.migrations_folder()
    for name in (
        "env.py",
        "script.py.mako",
        *(f"versions/{file.name}" for file in (ours / "versions").glob("*.py")),
    ):
        (folder / name).write_text((ours / name).read_text())
    head = f'import sqlalchemy as sa\nfrom alembic import op\nrevision = "9999"\ndown_revision = "{schema.HEAD}"\n\n\n'
    indented = "\n".join("    " + line for line in body.splitlines())
    (folder / "versions" / "9999_more.py").write_text(
        f"{head}def upgrade():\n{indented}\n\n\ndef downgrade():\n    pass\n"
    )
    return folder


def test_a_failed_migration_leaves_nothing(
    url: URL, writer: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = scripts_that(
        tmp_path,
        'op.create_table("half", sa.Column("a", sa.Integer))\nraise RuntimeError("in the middle")',
    )
    monkeypatch.setattr(schema, "migrations_folder", lambda: folder)
    with pytest.raises(RuntimeError, match="in the middle"):
        schema.upgrade(url)
    with writer.connect() as conn:
        assert "half" not in inspect(conn).get_table_names()
        assert schema.current(conn).revision == schema.HEAD


def test_remaking_a_parent_table_keeps_its_children(
    url: URL, writer: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With foreign keys on, SQLite's way of altering a table deletes the rows that refer to it."""
    with writer.begin() as conn:
        conn.execute(
            text("CREATE TABLE child (parent_id INTEGER REFERENCES source(id) ON DELETE CASCADE)")
        )
        conn.execute(text("INSERT INTO source (id, name, kind) VALUES (1, 'a', 'files')"))
        conn.execute(text("INSERT INTO child VALUES (1)"))
    body = 'with op.batch_alter_table("source") as table:\n    table.add_column(sa.Column("note", sa.Text))\n'
    folder = scripts_that(tmp_path, body + '    table.alter_column("kind", nullable=True)')
    monkeypatch.setattr(schema, "migrations_folder", lambda: folder)
    schema.upgrade(url)
    with writer.connect() as conn:
        assert conn.execute(text("SELECT count(*) FROM child")).scalar() == 1
        assert "note" in {column["name"] for column in inspect(conn).get_columns("source")}


def test_a_migration_that_orphans_rows_is_undone(
    sqlite_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = engine.parse(sqlite_database_url)
    schema.upgrade(url)
    path = engine.path_of(url)
    with sqlite3.connect(path) as raw:
        raw.execute("INSERT INTO sweep VALUES (1, 'n', 'a', 'r', 5)")
        raw.execute("INSERT INTO sweep_call VALUES (1, 'c', 'whole', '')")
    raw.close()
    folder = scripts_that(tmp_path, 'op.execute("DELETE FROM sweep")')
    monkeypatch.setattr(schema, "migrations_folder", lambda: folder)
    with pytest.raises(StoreError, match="would leave 1 rows of sweep_call"):
        schema.upgrade(url)
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT count(*) FROM sweep").fetchone() == (1,)
    raw.close()


def test_every_constraint_has_a_name_and_checks_have_versions() -> None:
    """An unnamed one cannot be changed on SQLite; a CHECK that changes without its name is not seen."""
    for table in METADATA.sorted_tables:
        for constraint in table.constraints:
            assert constraint.name, (table.name, constraint)
            if str(constraint.name).startswith("ck_"):
                assert re.search(r"_\d+$", str(constraint.name)), constraint.name


def test_indexes_serve_the_questions(sqlite_database_url: str) -> None:
    """On SQLite, whose plans are the same whatever the table holds; PostgreSQL reads small tables whole."""
    plans = (
        ("sighting WHERE batch_id = 1", "PRIMARY KEY (batch_id=?)"),
        (
            "sighting WHERE hour = 1 AND server = 'a' AND true_client = 'b'",
            "ix_sighting_hour_server_true_client (hour=? AND server=? AND true_client=?)",
        ),
        ("sighting WHERE hour BETWEEN 1 AND 2", "true_client (hour>? AND hour<?)"),
        ("sighting WHERE stray = 1 AND server = 'a'", "ix_sighting_strays (server=?)"),
        ("capture WHERE interface_id = 'e' AND \"end\" > 5", "(interface_id=? AND end>?)"),
        ("batch WHERE source_id = 1 AND digest = 'd'", "(source_id=? AND digest=?)"),
        ("batch WHERE source_id = 1 AND key = 'd'", "(source_id=? AND key=?)"),
        (f"batch WHERE {UNREAD}", "ix_batch_unread"),
        (
            "mount_hour WHERE account = 'a' AND region = 'r' AND file_system_id = 'f' AND hour >= 5",
            "PRIMARY KEY (account=? AND region=? AND file_system_id=? AND hour>?)",
        ),
        (
            "mount_hour WHERE hour = 1 AND server = 's' AND client = 'c'",
            "(hour=? AND server=? AND client=?)",
        ),
        ("mount_hour WHERE client_id = 1", "ix_mount_hour_client_id_hour (client_id=?)"),
        ("knowledge_run WHERE scope_id = 1 AND last_seen > 5", "(scope_id=? AND last_seen>?)"),
    )
    with Store.open(sqlite_database_url, write=True) as store:
        store.upgrade()
        with store.reading() as conn:
            for what, wanted in plans:
                explained = conn.execute(text("EXPLAIN QUERY PLAN SELECT * FROM " + what)).all()  # noqa: S608 - of this test
                plan = " ".join(row.detail for row in explained)
                assert wanted in plan, (what, plan)


def test_a_question_looks_through_no_ledger(sqlite_database_url: str) -> None:
    """A year of ten flow logs is a million files: neither how far was read nor what was not, nor who delivered when, reads them all."""
    asked: list[tuple[str, Any]] = []
    with Store.open(sqlite_database_url, write=True) as store:
        store.upgrade()
        with store.reading() as conn:

            @event.listens_for(conn, "before_cursor_execute")
            def heard(*given: Any) -> None:
                asked.append((given[2], given[3]))

            views.frontiers(conn)
            views.unread(conn)
            views.first_delivery(conn, {"fl-1"})
            stretches.deliveries(conn, {"fl-1"}, (0, 10))
            event.remove(conn, "before_cursor_execute", heard)
            plans = [
                row[3]
                for statement, given in asked
                for row in conn.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", given)
            ]
    of_batches = [plan for plan in plans if " batch " in f"{plan} "]
    used = {index for index in BATCH.indexes if any(str(index.name) in p for p in of_batches)}
    assert {str(index.name) for index in used} >= {
        "ix_batch_unread",
        "ix_batch_delivered",
        "ix_batch_oldest",
        "ix_batch_newest",
    }
    assert all("INDEX ix_batch" in plan for plan in of_batches), of_batches
