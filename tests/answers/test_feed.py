"""The export by change: whatever happens in between, a full export and the sum of all changes are the same."""

from __future__ import annotations

import csv
import io
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator
from sqlalchemy import Connection

from inventory.answers import Answers
from inventory.cli import cli
from inventory.config import Settings
from inventory.errors import UsageError
from inventory.export import feed, records, schema
from inventory.export.ndjson import encoded
from inventory.model import BatchState
from inventory.resolve.networks import Networks
from inventory.store import Store, loading, recording
from tests.answers.conftest import HOUR, USUAL, Inventory, batch, own_row, sweep
from tests.builders import (
    CLIENT,
    CLIENT_ENI,
    FS,
    INSTANCE,
    SERVER_ENI,
    T,
    eni,
    file_system,
    instance,
    machine_eni,
    mount_target,
)
from tests.conftest import Programme

WHEN = "2026-11-25T12:00:00Z"
LATER = "2026-11-25T13:00:00Z"
OTHER = "fs-0eeeeeeeeeeeeeee0"
OTHER_ENI, OTHER_SERVER = "eni-0000000000005e4e5", "10.0.1.11"
NETWORKS = Networks()


@dataclass
class Consumer:
    """A program that keeps what an export told, by key."""

    kept: dict[str, dict[str, Any]] = field(default_factory=dict)
    cursor: str = "0"

    def take(self, changes: Iterator[dict[str, Any]]) -> int:
        """Take changes to their end and keep the cursor; how many there were besides that."""
        number = 0
        for record in changes:
            if record["op"] == "cursor":
                self.cursor = record["cursor"]
            elif record["op"] == "tombstone":
                self.kept.pop(record["key"], None)
                number += 1
            else:
                self.kept[record["key"]] = record
                number += 1
        return number


def undated(found: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {key: {**record, "exported_at": ""} for key, record in found.items()}


def full(store: Store, settings: Settings, conn: Connection) -> dict[str, dict[str, Any]]:
    return {r["key"]: r for r in records(Answers(store, settings, conn), exported_at="")}


# -- any history -----------------------------------------------------------------------------------


def things(rng: random.Random) -> list[Any]:
    """What a sweep shows: one or two file systems, and more or less of who is there."""
    found: list[Any] = [
        file_system(creation_time=T - 100 * HOUR),
        mount_target(),
        eni(SERVER_ENI, "10.0.1.10"),
    ]
    if rng.random() < 0.8:
        found += [
            file_system(OTHER, name=rng.choice(["other", "another"]), creation_time=T - 90 * HOUR),
            mount_target(
                "fsmt-0eeeeeeeeeeeeeee0",
                OTHER_SERVER,
                file_system_id=OTHER,
                network_interface_id=OTHER_ENI,
            ),
            eni(OTHER_ENI, OTHER_SERVER),
        ]
    if rng.random() < 0.7:
        tags = rng.choice([{}, {"Name": "web"}, {"team": "shop"}])
        found += [machine_eni(), instance(tags=tags)]
    if rng.random() < 0.4:
        found += [
            machine_eni("eni-0000000000000c222", "10.0.3.12", instance_id="i-0000000000000c222"),
            instance("i-0000000000000c222"),
        ]
    return found  # fmt: skip


def step(rng: random.Random, number: int, conn: Connection) -> None:
    """Something happens: sweeps come, also late ones; logs come, with holes and rejections, or cannot be read."""
    now = T + number * 3 * HOUR
    if rng.random() < 0.5:
        moment = now - rng.choice([0, 0, 5 * HOUR, 20 * HOUR])
        recording.learn(conn, [sweep(moment + number, *things(rng))], NETWORKS)
        return
    sightings = []
    for _ in range(rng.randrange(4)):
        start = now + rng.randrange(0, 9000)
        client = rng.choice([CLIENT, "10.0.3.12", "10.0.3.13"])
        changes: dict[str, Any] = {"client": client}
        if rng.random() < 0.3:
            changes |= {"server": OTHER_SERVER, "interface_id": OTHER_ENI}
        if rng.random() < 0.2:
            changes |= {"action": "REJECT", "responses": 0, "packets_out": 0, "bytes_out": 0}
        sightings.append(own_row(start, start + 60, **changes))
    seen = [(now - rng.choice([0, 3 * HOUR]), now + 3 * HOUR)] if rng.random() < 0.8 else []
    state = BatchState.PARTIAL if rng.random() < 0.1 else BatchState.DONE
    given = [
        batch(sightings, seen, key=f"{number}.log", state=state, slot=(now, now + 3 * HOUR)),
        batch([], seen, key=f"{number}-other.log", interface=OTHER_ENI),
    ]
    recording.record(conn, "logs", "files", given, loading.load(conn), NETWORKS)


@contextmanager
def undone(store: Store) -> Iterator[Connection]:
    """A transaction of which nothing stays."""
    with store.writing() as conn:
        inner = conn.begin_nested()
        yield conn
        inner.rollback()


def test_the_sum_of_all_changes_is_the_full_export(database_url: str, programme: Programme) -> None:
    """Several consumers ask at different times; some lose an answer after they took it, and ask again from where they were."""
    settings = Settings.model_validate({"notify": {"gone_after": "8h"}})
    upserts = tombstones = 0
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        for seed in programme.cases("histories exported by change", range(400), 4):
            rng = random.Random(seed)
            consumers = [Consumer() for _ in range(3)]
            with undone(store) as conn:
                for number in range(9):
                    step(rng, number, conn)
                    if rng.random() < 0.4:
                        continue
                    before = feed.compare(conn, store, settings)
                    assert feed.compare(conn, store, settings) == before, "a look changes nothing"
                    expected = full(store, settings, conn)
                    for consumer in consumers:
                        if number < 8 and rng.random() < 0.5:
                            continue
                        told = list(feed.changed(conn, consumer.cursor, exported_at=LATER))
                        assert told[-1]["op"] == "cursor"
                        text = feed.lines(conn, consumer.cursor, exported_at=LATER)
                        assert list(text) == [encoded(record) for record in told]
                        assert len({record["key"] for record in told}) == len(told)
                        upserts += sum(record["op"] == "upsert" for record in told)
                        tombstones += sum(record["op"] == "tombstone" for record in told)
                        old = consumer.cursor
                        consumer.take(iter(told))
                        assert undated(consumer.kept) == expected, f"seed {seed}, step {number}"
                        if rng.random() < 0.3:
                            consumer.cursor = old
    assert upserts > 50
    assert tombstones > 3


def test_everything_at_once_is_what_is_asked_one_by_one(
    database_url: str, programme: Programme
) -> None:
    """An export reads each file system once; a question reads what it needs."""
    settings, compared = Settings(), 0
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        for seed in programme.cases("histories read at once", range(400), 2):
            rng = random.Random(seed)
            with undone(store) as conn:
                for number in range(9):
                    step(rng, number, conn)
                    answers = Answers(store, settings, conn)
                    if number < 3 or answers.as_of() is None:
                        continue
                    told = list(answers.everything())
                    assert [line for line, _ in told] == answers.list()["file_systems"]
                    for line, answer in told:
                        assert answer == answers.who(line["id"], 0), f"seed {seed}, step {number}"
                        compared += len(answer["mounts"])
    assert compared > 10


# -- one thing after the other ---------------------------------------------------------------------


def refreshed(inventory: Inventory, consumer: Consumer) -> list[dict[str, Any]]:
    """What a consumer is told; taken, and held against the schema and the full export."""
    feed.refresh(inventory.store, inventory.settings)
    with feed.changes(inventory.store, consumer.cursor, exported_at=WHEN) as found:
        told = list(found)
    consumer.take(iter(told))
    valid = Draft202012Validator(json.loads(schema.text()))
    for record in told:
        valid.validate(record)
        assert list(record)[:4] == ["schema_version", "record_type", "key", "exported_at"]
        assert record["exported_at"] == WHEN
    whole = {r["key"]: r for r in records(inventory.answers, exported_at=WHEN)}
    assert consumer.kept == whole
    return told[:-1]


def ask(inventory: Inventory, cursor: str) -> None:
    with feed.changes(inventory.store, cursor, exported_at=WHEN) as found:
        list(found)


def ops(told: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(record["op"], record["record_type"]) for record in told]


def test_a_mount_comes_ends_and_goes(make: Callable[..., Inventory]) -> None:
    inventory, consumer = make(), Consumer()
    inventory.record(batch([own_row(T + 100, T + 160)], [(T, T + 300)], key="1"))
    told = refreshed(inventory, consumer)
    assert ops(told) == [("upsert", "file_system"), ("upsert", "client"), ("upsert", "mount")]
    assert refreshed(inventory, consumer) == []
    inventory.record(batch([], [(T + 300, T + 20 * HOUR)], key="2"))
    (_, mount) = refreshed(inventory, consumer)
    assert (mount["op"], mount["state"]) == ("upsert", "ended")
    inventory.record(batch([], [(T + 20 * HOUR, T + 25 * HOUR)], key="3"))
    told = refreshed(inventory, consumer)
    assert ops(told) == [("upsert", "file_system"), ("tombstone", "mount"), ("tombstone", "client")]
    assert told[1]["file_system"].endswith(FS)
    assert told[1]["client"].endswith(INSTANCE)
    inventory.record(
        batch(
            [own_row(T + 26 * HOUR, T + 26 * HOUR + 60)], [(T + 25 * HOUR, T + 27 * HOUR)], key="4"
        )
    )
    told = refreshed(inventory, consumer)
    assert ops(told) == [("upsert", "file_system"), ("upsert", "client"), ("upsert", "mount")]


def test_without_looking_nobody_goes(make: Callable[..., Inventory]) -> None:
    inventory, consumer = make(), Consumer()
    inventory.record(batch([own_row(T + 100, T + 160)], [(T, T + 3 * HOUR)], key="1"))
    refreshed(inventory, consumer)
    inventory.record(batch([], [(T + 40 * HOUR, T + 41 * HOUR)], key="2"))
    told = refreshed(inventory, consumer)
    assert ops(told) == [("upsert", "file_system"), ("upsert", "mount")]
    assert told[1]["state"] == "unknown"
    inventory.learn(sweep(T + 60 * HOUR, *USUAL))
    inventory.record(batch([], [(T + 41 * HOUR, T + 62 * HOUR)], key="3"))
    assert ("tombstone", "mount") in ops(refreshed(inventory, consumer))


def test_what_was_told_stays_when_less_is_settled(make: Callable[..., Inventory]) -> None:
    """A longer settling time, or a clock that was put back: who came after it is not gone."""
    inventory, consumer = make(), Consumer()
    rows = [own_row(T + 3 * HOUR, T + 3 * HOUR + 60)]
    inventory.record(batch(rows, [(T, T + 4 * HOUR)], key="1"))
    inventory.store.settle("logs", "files", T + 4 * HOUR, {})
    refreshed(inventory, consumer)
    before = dict(consumer.kept)
    assert any(record["record_type"] == "mount" for record in before.values())
    inventory.store.settle("logs", "files", T + 2 * HOUR, {})
    feed.refresh(inventory.store, inventory.settings)
    with feed.changes(inventory.store, consumer.cursor, exported_at=WHEN) as found:
        assert [record["op"] for record in found] == ["cursor"]
    inventory.store.settle("logs", "files", T + 4 * HOUR, {})
    refreshed(inventory, consumer)
    assert undated(consumer.kept) == undated(before)


def test_another_name_is_a_tombstone_and_an_upsert(make: Callable[..., Inventory]) -> None:
    inventory, consumer = make(*USUAL[:3]), Consumer()
    inventory.record(batch([own_row(T + 100, T + 160)], [(T, T + HOUR)], key="1"))
    told = refreshed(inventory, consumer)
    nobody = next(record["key"] for record in told if record["record_type"] == "client")
    inventory.learn(*(sweep(T + n * HOUR + 60, *USUAL) for n in range(-1, 8)))
    told = refreshed(inventory, consumer)
    changes = {(record["op"], record["key"].partition(" ")[2] or record["key"]) for record in told}
    place = "111122223333/eu-central-1"
    fs, new = f"file_system/{place}/{FS}", f"client/ec2_instance/{place}/{INSTANCE}"
    assert changes >= {
        ("tombstone", nobody),
        ("tombstone", f"{fs} {nobody}"),
        ("upsert", new),
        ("upsert", f"{fs} {new}"),
    }


def test_a_cursor_is_of_one_database_and_not_of_its_future(make: Callable[..., Inventory]) -> None:
    inventory, consumer = make(), Consumer()
    refreshed(inventory, consumer)
    identity, _, number = consumer.cursor.partition("-")
    assert int(number) >= 1
    other = f"{(int(identity, 16) ^ 1):08x}-{number}"
    for wrong in (other, f"{identity}-{int(number) + 1}"):
        with pytest.raises(UsageError, match="of another database") as caught:
            ask(inventory, wrong)
        assert "--since 0" in caught.value.hint
    for wrong in ("", "yesterday", "-1", f"{identity}-", "0-0"):
        with pytest.raises(UsageError, match="is no cursor"):
            ask(inventory, wrong)


# -- the command -----------------------------------------------------------------------------------


@pytest.fixture
def command(
    database_url: str, make: Callable[..., Inventory], tmp_path: Path
) -> Callable[..., Result]:
    inventory = make()
    inventory.record(batch([own_row(T + 100, T + 160)], [(T, T + HOUR)], key="1"))
    config = tmp_path / "efs-inventory.toml"
    config.write_text(f"[database]\nurl = {json.dumps(database_url)}\n")

    def run(*arguments: str) -> Result:
        given = ["--config", str(config), *arguments]
        return CliRunner().invoke(cli, given, catch_exceptions=False)

    return run


def test_the_command_gives_changes_and_the_new_cursor(command: Callable[..., Result]) -> None:
    result = command("export", "--format", "ndjson", "--since", "0")
    assert result.exit_code == 0, result.stderr
    told = [json.loads(line) for line in result.stdout.splitlines()]
    assert ops(told)[-1] == ("cursor", "cursor")
    assert len(told) == 4
    again = command("export", "--format", "csv", "--since", told[-1]["cursor"])
    (row,) = csv.DictReader(io.StringIO(again.stdout))
    assert (row["op"], row["cursor"]) == ("cursor", told[-1]["cursor"])
    whole = command("export", "--format", "ndjson").stdout.splitlines()
    assert [json.loads(line)["key"] for line in whole] == [record["key"] for record in told[:-1]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--since", "7d"], "error: --since: '7d' is no cursor"),
        (["--since", "0", "--gone"], "error: --gone is of a whole export"),
    ],
)
def test_wrong_cursors_are_exit_2(
    command: Callable[..., Result], arguments: list[str], message: str
) -> None:
    result = command("export", "--format", "ndjson", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(message)


def test_a_second_writer_is_waited_for_and_named(
    command: Callable[..., Result],
    make: Callable[..., Inventory],
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "PATIENCE", 0.2)
    with Store.open(database_url, write=True) as other, other.lock(feed.LOCK, 1):
        result = command("export", "--format", "ndjson", "--since", "0")
    assert result.exit_code == 1
    assert "in use by export" in result.stderr
    assert CLIENT_ENI not in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["export", "--format", "ndjson", "--since", "0"],
        ["export", "--format", "servicenow", "--since", "0"],
        ["changes"],
    ],
)
def test_a_database_that_is_not_there_is_not_made(arguments: list[str], tmp_path: Path) -> None:
    config = tmp_path / "efs-inventory.toml"
    config.write_text('[database]\nurl = "sqlite:///none.db"\n')
    result = CliRunner().invoke(cli, ["--config", str(config), *arguments], catch_exceptions=False)
    assert (result.exit_code, result.stdout) == (1, "")
    assert "none.db" in result.stderr
    assert not (tmp_path / "none.db").exists()
