"""``kill -9`` before every statement and commit of a compaction: nothing derived changes, and going on ends the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import select

from inventory.resolve.networks import Networks
from inventory.store import Store, failpoints
from inventory.store.tables import CAPTURE, JOINED, META, MOUNT_HOUR, SIGHTING
from tests.answers.conftest import HOUR, USUAL, sweep
from tests.builders import T
from tests.conftest import Programme
from tests.store.test_compact import LATER, derived, derived_anew, made_up

NEVER = ["statement", 10**9]

DIES = """
import json, os, sys
from inventory.resolve.networks import Networks
from inventory.store import Store, compact, failpoints
compact.UNITS = 1
points = json.loads(sys.stdin.read())
for point in points:  # one child for each, so that the imports are paid once
    child = os.fork()
    if child == 0:
        failpoints._WANTED = tuple(point["at"])
        with Store.open(point["url"], write=True) as store:
            store.compact(point["before"], Networks(), lambda: False)
            print(json.dumps(failpoints.passed()), flush=True)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def run_points(points: list[tuple[str, list[Any]]]) -> list[str]:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", DIES],
        input=json.dumps([{"url": url, "at": at, "before": LATER} for url, at in points]),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, failpoints.VARIABLE: "none:0", "PYTHONPATH": str(root)},
        cwd=root,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def state(store: Store) -> list[Any]:
    with store.reading() as conn:
        return [
            sorted(tuple(row) for row in conn.execute(select(table)))
            for table in (SIGHTING, CAPTURE, JOINED, META, MOUNT_HOUR)
        ]


def test_killed_before_any_statement_it_goes_on(tmp_path: Path, programme: Programme) -> None:
    first = tmp_path / "first.db"
    with Store.open(f"sqlite:///{first}", write=True) as store:
        store.upgrade()
        knowledge = store.learn([sweep(T + n * HOUR, *USUAL) for n in range(-1, 8)], Networks())
        store.record("logs", "files", made_up(7), knowledge, Networks())
        before = derived(store)

    def fresh(name: str) -> str:
        shutil.copy(first, tmp_path / f"{name}.db")
        return f"sqlite:///{tmp_path / name}.db"

    reference = fresh("reference")
    passed = json.loads(run_points([(reference, NEVER)])[0])
    with Store.open(reference) as store:
        end = state(store)
    every = [[what, number] for what, most in passed.items() for number in range(1, most + 1)]
    assert len(every) > 20
    points = programme.cases("kill points of compaction on SQLite", every, 8)
    urls = [fresh(f"{what}{number}") for what, number in points]
    assert run_points(list(zip(urls, points, strict=True))) == ["-9"] * len(points)
    for url in urls:
        with Store.open(url) as store:
            assert derived(store) == before
    run_points([(url, NEVER) for url in urls])
    for url in urls:
        with Store.open(url, write=True) as store:
            assert state(store) == end
    with Store.open(urls[0], write=True) as store:
        assert derived_anew(store) == before
