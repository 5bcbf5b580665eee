"""``db``, ``discover`` and ``collect`` against real databases."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy
from click.testing import CliRunner, Result

from inventory.cli import cli
from inventory.demo import CONFIGURATION, sweeps


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, list(arguments), catch_exceptions=False)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, database_url: str) -> Path:
    """A folder with a configuration, sweeps of one day, two flow logs and an empty database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EFS_INVENTORY_DATABASE_URL", database_url)
    (tmp_path / "efs-inventory.toml").write_text(CONFIGURATION)
    sweeps.write(tmp_path / "snapshots")
    for sweep in sorted((tmp_path / "snapshots").iterdir())[2:]:
        shutil.rmtree(sweep)
    (tmp_path / "flow-logs").mkdir()
    return tmp_path


def revision(url: str, value: str | None = None) -> str | None:
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as connection:
        if value is not None:
            connection.execute(
                sqlalchemy.text("UPDATE alembic_version SET version_num = :v"), {"v": value}
            )
        found = connection.execute(
            sqlalchemy.text("SELECT version_num FROM alembic_version")
        ).scalar()
    engine.dispose()
    return None if found is None else str(found)


@pytest.mark.usefixtures("place")
def test_upgrade_and_current(database_url: str) -> None:
    upgraded = run("db", "upgrade")
    assert (upgraded.exit_code, upgraded.stderr) == (0, "")
    head = revision(database_url)
    assert upgraded.stdout == f"schema {head}: up to date\n"
    assert run("db", "current").stdout == upgraded.stdout
    assert run("db", "upgrade").stdout == upgraded.stdout


@pytest.mark.usefixtures("place")
def test_a_newer_database_is_refused(database_url: str) -> None:
    run("db", "upgrade")
    head = revision(database_url)
    revision(database_url, "9999")
    assert (
        run("db", "current").stdout
        == f"schema 9999: newer than this program's {head}: upgrade the program\n"
    )
    for command in (["list"], ["collect"], ["discover"], ["db", "upgrade"], ["status"]):
        done = run(*command)
        assert (done.exit_code, done.stdout) == (1, "")
        assert "newer" in done.stderr.splitlines()[0]
        assert done.stderr.splitlines()[1].startswith("hint: ")


@pytest.mark.usefixtures("place")
def test_without_auto_upgrade_it_is_left_to_the_operator() -> None:
    text = CONFIGURATION.replace("[discover]", "auto_upgrade = false\n\n[discover]")
    Path("efs-inventory.toml").write_text(text)
    run("db", "current")
    done = run("collect")
    assert done.exit_code == 1
    assert "efs-inventory db upgrade" in done.stderr
    assert run("db", "upgrade").exit_code == 0
    assert run("collect").exit_code == 0


@pytest.mark.usefixtures("place")
def test_discover_then_nothing_new() -> None:
    assert run("discover").stdout == "2 new sweeps\n"
    assert run("discover").stdout == "0 new sweeps\n"
    listed = run("list")
    assert "no flow logs have been read yet" in listed.stdout
    assert "shop-media" in listed.stdout


def test_a_bad_file_is_named_and_the_rest_is_read(place: Path) -> None:
    header = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"
    record = "2 1 eni-0a 10.1.1.1 10.2.2.2 700 2049 6 5 300 1793577600 1793577660 ACCEPT OK"
    (place / "flow-logs" / "good.log").write_text(f"{header}\n{record}\n")
    (place / "flow-logs" / "cut.log.gz").write_bytes(b"\x1f\x8b\x08\x00\x00\x00\x00\x00")
    done = run("collect")
    assert done.exit_code == 1
    assert [line.split(":")[:3] for line in done.stderr.splitlines()] == [
        ["problem", " source flow-logs", " cut.log.gz"]
    ]
    assert "1 done" in done.stdout
    status = run("status")
    assert status.exit_code == 0
    assert status.stdout.startswith("problem: ")
    assert "cut.log.gz" in status.stdout


def test_a_missing_folder_is_named(place: Path) -> None:
    (place / "flow-logs").rmdir()
    done = run("collect")
    assert done.exit_code == 1
    assert "flow-logs" in done.stderr
    assert "2 new sweeps" in done.stdout, "knowledge was learnt all the same"
    assert "batches: none read" in done.stdout


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("command", [["who", "fs-0nowhere"], ["mounts", "i-0nowhere"]])
def test_what_nobody_knows_is_exit_3(command: list[str]) -> None:
    run("discover")
    done = run(*command)
    assert (done.exit_code, done.stdout) == (3, "")
    assert command[1] in done.stderr


@pytest.mark.usefixtures("place")
def test_a_source_that_is_not_configured() -> None:
    done = run("collect", "--source", "nope")
    assert done.exit_code == 2
    assert "'nope'" in done.stderr
    assert "flow-logs" in done.stderr


@pytest.mark.usefixtures("place")
def test_what_this_version_cannot_run_is_refused_when_used() -> None:
    text = CONFIGURATION.replace('type = "files"\npath = "flow-logs/"', 'type = "s3"\nbucket = "b"')
    Path("efs-inventory.toml").write_text(text)
    assert run("discover").exit_code == 0
    done = run("collect")
    assert done.exit_code in {1, 2}
    assert "s3" in done.stderr


def test_copy_gives_the_same_answers(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("discover")
    other = f"sqlite:///{place}/other.db"
    done = run("db", "copy", other)
    assert done.exit_code == 0
    assert "sweep: 2 rows" in done.stdout
    again = run("db", "copy", other)
    assert again.exit_code == 1
    assert "is not empty" in again.stderr
    before = run("list", "--format", "json").stdout
    monkeypatch.setenv("EFS_INVENTORY_DATABASE_URL", other)
    assert run("list", "--format", "json").stdout == before


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:////nowhere/at/all.db", "all.db"),
        ("postgresql://nobody:hunter2@/nothing?host=/nowhere", "nothing"),
    ],
)
def test_a_database_that_is_not_there(
    url: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "efs-inventory.toml").write_text(CONFIGURATION)
    (tmp_path / "snapshots").mkdir()
    monkeypatch.setenv("EFS_INVENTORY_DATABASE_URL", url)
    for command in (["list"], ["collect"], ["db", "upgrade"]):
        done = run(*command)
        assert done.exit_code == 1
        assert done.stderr.startswith("error: ")
        assert message in done.stderr
        assert "hunter2" not in done.stderr
    assert list((tmp_path / "snapshots").iterdir()) == []


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize("url", ["nonsense", "x.db", "sqlite:///:memory:", "mysql://host/x", ""])
def test_copy_to_what_is_no_database_is_exit_2(url: str) -> None:
    run("db", "upgrade")
    done = run("db", "copy", url)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("error: URL: wants ")


def test_copy_counts_from_the_folder_of_the_configuration(
    place: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("db", "upgrade")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    monkeypatch.chdir(elsewhere)
    config = str(place / "efs-inventory.toml")
    assert run("--config", config, "db", "copy", "sqlite:///beside.db").exit_code == 0
    assert (place / "beside.db").exists()
    assert list(elsewhere.iterdir()) == []


@pytest.mark.usefixtures("place")
def test_nothing_new_is_said() -> None:
    assert run("collect").stdout == "2 new sweeps\nbatches: no new files\n"
    assert run("discover").stdout == "0 new sweeps\n", "it reads no batches"


@pytest.mark.usefixtures("place")
def test_v_tells_no_steps_of_the_migrations() -> None:
    quiet = run("-v", "collect").stderr
    assert "batches to read" in quiet
    assert "alembic" not in quiet.lower()
    assert "Context impl" not in quiet
