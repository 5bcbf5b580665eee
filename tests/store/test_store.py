"""The door: transactions that are wholly there or not at all, whatever kills them; copies; forks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select, text

from inventory.errors import StoreError
from inventory.model import (
    Batch,
    BatchRef,
    BatchState,
    CallState,
    Folded,
    NetworkInterface,
    Outcome,
    Sighting,
    Sweep,
    Tally,
)
from inventory.resolve.networks import Networks
from inventory.store import Store, TransientError, facts, failpoints
from inventory.store.knowledge import record_sweeps
from inventory.store.tables import METADATA, SIGHTING
from tests.conftest import Programme

NOBODY = Networks({})


def some_batches(version: str, count: int = 3) -> list[Batch]:
    made = []
    for number in range(count):
        seen = [
            Sighting(
                interface_id="eni-1",
                vpc_id="vpc-1",
                client=f"10.1.{number}.{n}",
                server="10.0.0.1",
                action="ACCEPT",
                pkt_client="",
                instance_id="",
                task_arn="",
                next_hop="",
                az_id="",
                first_seen=3600,
                last_seen=3660,
                requests=1,
                responses=1,
                packets_in=5,
                bytes_in=500,
                packets_out=5,
                bytes_out=500,
                stray=False,
            )
            for n in range(4)
        ]
        tally = Tally({Outcome.REQUEST: 4, Outcome.RESPONSE: 4})
        ref = BatchRef(f"k{number}", version, 100)
        made.append(
            Batch(
                ref,
                BatchState.DONE,
                Folded(seen, [], tally, 3600, 3660, ""),
                digest=f"{version} {number}",
            )
        )
    return made


def a_sweep(moment: int = 10) -> Sweep:
    call = "ec2.describe-network-interfaces"
    kind = "network_interface"
    return Sweep(
        f"s{moment}",
        moment,
        "1",
        "r",
        {call: CallState.WHOLE},
        {},
        frozenset({kind}),
        {kind: (NetworkInterface("eni-1"),)},
    )


def contents(conn: Connection) -> dict[str, list[Any]]:
    return {
        table.name: sorted(map(tuple, conn.execute(select(table))), key=repr)
        for table in METADATA.sorted_tables
    }


def test_the_whole_way(database_url: str) -> None:
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        assert store.known_sweeps() == {}
        with store.lock("discover", 1):
            knowledge = store.learn([a_sweep()], NOBODY)
            assert (
                store.record("s", "files", some_batches("v1"), knowledge, NOBODY).version
                == knowledge.version
            )
        assert store.done("s") == {f"k{number}": ("v1", BatchState.DONE) for number in range(3)}
        assert store.known_sweeps() == {
            ("s10", "1", "r"): {"ec2.describe-network-interfaces": CallState.WHOLE}
        }
    with Store.open(database_url) as store:
        assert store.knowledge().version == knowledge.version
        with pytest.raises(RuntimeError, match="opened to read"), store.writing():
            pass


def test_reading_twice_changes_nothing(database_url: str) -> None:
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        states = []
        for _ in range(2):
            knowledge = store.learn([a_sweep(), a_sweep(20)], NOBODY)
            store.record("s", "files", some_batches("v1"), knowledge, NOBODY)
            with store.reading() as conn:
                states.append(contents(conn))
    assert states[0] == states[1]


def test_what_fails_in_the_middle_was_never_there(database_url: str) -> None:
    with Store.open(database_url, write=True) as store:
        store.upgrade()

        def half(conn: Connection) -> None:
            facts.record_batches(conn, facts.source_id(conn, "s", "files"), some_batches("v1"))
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            store.write(half)
        with store.reading() as conn:
            assert not any(rows for rows in contents(conn).values())


def test_what_passes_is_tried_again(database_url: str) -> None:
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        tries = []

        def work(conn: Connection) -> int:
            tries.append(conn)
            conn.execute(text("INSERT INTO meta VALUES ('a', 1)"))
            if len(tries) < 3:
                raise TransientError("lost", hint="")
            return len(tries)

        assert store.write(work) == 3
        tries.clear()
        with store.writing() as conn:
            conn.execute(text("DELETE FROM meta"))

        def never(conn: Connection) -> None:
            tries.append(conn)
            raise TransientError("lost", hint="")

        with pytest.raises(TransientError):
            store.write(never)
        assert len(tries) == 3


def test_a_copy_holds_the_same(
    sqlite_database_url: str, postgres_database_url: str, tmp_path: Path
) -> None:
    back = f"sqlite:///{tmp_path / 'back.db'}"
    with Store.open(sqlite_database_url, write=True) as store:
        store.upgrade()
        knowledge = store.learn([a_sweep(), a_sweep(20)], NOBODY)
        store.record("s", "files", some_batches("v1"), knowledge, NOBODY)
        counts = store.copy(postgres_database_url)
        assert counts["sighting"] == 12
        with store.reading() as conn:
            expected = contents(conn)
    with Store.open(postgres_database_url, write=True) as store:
        with store.reading() as conn:
            assert contents(conn) == expected
        store.copy(back)
        with pytest.raises(StoreError, match="is not empty: table"):
            store.copy(back)
        # Numbers go on after those that were copied.
        store.record("another", "files", some_batches("v2", 5), knowledge, NOBODY)
        assert store.learn([a_sweep(30)], NOBODY).version == knowledge.version + 1
    with Store.open(back) as store, store.reading() as conn:
        assert contents(conn) == expected


def test_a_child_made_by_fork_opens_its_own(database_url: str) -> None:
    """A connection carried across fork damages both processes' database."""
    code = f"""
import os
from inventory.store import Store
with Store.open({database_url!r}, write=True) as store:
    store.upgrade()
    store.knowledge()
    child = os.fork()
    if child == 0:
        with Store.open({database_url!r}) as own:
            own.knowledge()
        store.knowledge()
        store.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    for _ in range(3):
        store.knowledge()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# -- kill -9 -------------------------------------------------------------------------------------

DIES = """
import json, os, sys
sys.path.insert(0, {tests!r})
from tests.store.test_store import NOBODY, a_sweep, some_batches
from inventory.store import Store, failpoints
points = json.loads(sys.stdin.read())
for point in points:  # one child for each, so that the imports are paid once
    child = os.fork()
    if child == 0:
        failpoints._WANTED = tuple(point["at"])
        with Store.open(point["url"], write=True) as store:
            knowledge = store.learn([a_sweep(20), a_sweep(30)], NOBODY)
            store.record("s", "files", some_batches("v2", 4), knowledge, NOBODY)
            print(json.dumps(failpoints.passed()), flush=True)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def run_points(points: list[dict[str, Any]]) -> list[str]:
    root = Path(__file__).parents[2]
    code = DIES.format(tests=str(root))
    environment = {**os.environ, failpoints.VARIABLE: "none:0", "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(points),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=root,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def prepared(url: str) -> None:
    with Store.open(url, write=True) as store:
        store.upgrade()
        knowledge = store.learn([a_sweep(10)], NOBODY)
        store.record("s", "files", some_batches("v1"), knowledge, NOBODY)


def state_of(url: str) -> dict[str, list[Any]]:
    with Store.open(url) as store, store.reading() as conn:
        return {name: rows for name, rows in contents(conn).items() if name != "lock_epoch"}


def test_killed_before_any_statement_nothing_is_lost_or_doubled(
    tmp_path: Path, programme: Programme
) -> None:
    """SQLite, every point: each kill leaves one of the states between transactions, and going on completes it."""
    prepared(f"sqlite:///{tmp_path / 'first'}.db")

    def fresh(name: str) -> str:
        shutil.copy(tmp_path / "first.db", tmp_path / f"{name}.db")
        return f"sqlite:///{tmp_path / name}.db"

    reference = fresh("reference")
    start = state_of(reference)
    passed = json.loads(run_points([{"url": reference, "at": ["statement", 10**9]}])[0])
    end = state_of(reference)
    every = [[what, number] for what, most in passed.items() for number in range(1, most + 1)]
    assert len(every) > 40
    points = programme.cases("kill points of recording on SQLite", every, 40)
    urls = [fresh(f"{what}{number}") for what, number in points]
    results = run_points(
        [{"url": url, "at": point} for url, point in zip(urls, points, strict=True)]
    )
    assert results == ["-9"] * len(points)
    between = {json.dumps(state_of(url)) for url in urls}
    assert json.dumps(end) not in between
    assert json.dumps(start) in between
    assert len(between) == 2  # before the sweeps, or between sweeps and batches
    again = run_points([{"url": url, "at": ["statement", 10**9]} for url in urls])
    assert again[1::2] == ["0"] * len(points)
    for url in urls:
        assert state_of(url) == end


@pytest.mark.parametrize(
    "point", [["statement", 3], ["statement", 20], ["statement", 40], ["commit", 1], ["commit", 2]]
)
def test_killed_on_postgresql(
    postgres_database_url: str, point: list[Any], count: Callable[[str, int], None]
) -> None:
    prepared(postgres_database_url)
    assert run_points([{"url": postgres_database_url, "at": point}]) == ["-9"]
    run_points([{"url": postgres_database_url, "at": ["statement", 10**9]}])
    with Store.open(postgres_database_url) as store, store.reading() as conn:
        assert len(conn.execute(select(SIGHTING)).all()) == 16
        assert {state for _, state in facts.done(conn, "s").values()} == {BatchState.DONE}
        assert conn.execute(text("SELECT count(*) FROM sweep")).scalar() == 3
    count("kill points of recording on PostgreSQL", 1)


def test_sweeps_may_be_recorded_inside_a_larger_transaction(database_url: str) -> None:
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        with store.writing() as conn:
            assert record_sweeps(conn, [a_sweep()]).span is not None
        assert store.knowledge().version == 1
