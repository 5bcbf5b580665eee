"""``kill -9`` before every statement and commit of forgetting: no answer about what is kept changes, and going on ends the same."""

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
from inventory.store.tables import METADATA
from tests.answers.conftest import Inventory
from tests.conftest import Programme
from tests.store.test_compact_killed import NEVER
from tests.store.test_forget import SINCE, asked, history, swept

DIES = """
import json, os, sys
from inventory.answers import Answers
from inventory.config import Settings
from inventory.store import Kept, Store, failpoints, forget
forget.ROWS = 150
given = json.loads(sys.stdin.read())
for point in given["points"]:  # one child for each, so that the imports are paid once
    child = os.fork()
    if child == 0:
        failpoints._WANTED = tuple(point["at"])
        since = given["since"]
        with Store.open(point["url"], write=True) as store:
            told = Answers(store, Settings()).memories(since)
            store.keep(Kept(since, since - 86_400, since), told)
            store.drop(lambda: False)
            store.unlearn(lambda: False)
            print(json.dumps(failpoints.passed()), flush=True)
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


def run_points(points: list[tuple[str, list[Any]]]) -> list[str]:
    root = Path(__file__).parents[2]
    given = {"since": SINCE, "points": [{"url": url, "at": at} for url, at in points]}
    done = subprocess.run(
        [sys.executable, "-c", DIES],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, failpoints.VARIABLE: "none:0", "PYTHONPATH": str(root)},
        cwd=root,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def facts(store: Store) -> list[Any]:
    """Answers that rest on facts alone: mounts from before are forgotten too, and with them how long silences were."""
    return asked(Inventory(store))[:1]


def state(store: Store) -> list[Any]:
    """Every row there is; but how often knowledge changed, which says no more than that it did."""
    with store.reading() as conn:
        return [
            sorted(
                row
                for row in map(tuple, conn.execute(select(table)))
                if row[0] != "knowledge_version"
            )
            for table in METADATA.sorted_tables
        ]


def test_killed_before_any_statement_it_goes_on(tmp_path: Path, programme: Programme) -> None:
    first = tmp_path / "first.db"
    swept(f"sqlite:///{first}")
    with Store.open(f"sqlite:///{first}", write=True) as store:
        store.record("logs", "files", history(11)[5:-4], store.knowledge(), Networks())
        store.compact(SINCE, Networks(), lambda: False)
        before = facts(store)

    def fresh(name: str) -> str:
        shutil.copy(first, tmp_path / f"{name}.db")
        return f"sqlite:///{tmp_path / name}.db"

    reference = fresh("reference")
    passed = json.loads(run_points([(reference, NEVER)])[0])
    with Store.open(reference) as store:
        end = state(store)
        assert facts(store) == before
    every = [[what, number] for what, most in passed.items() for number in range(1, most + 1)]
    assert len(every) > 40
    points = programme.cases("kill points of forgetting on SQLite", every, 5)
    urls = [fresh(f"{what}{number}") for what, number in points]
    assert run_points(list(zip(urls, points, strict=True))) == ["-9"] * len(points)
    for url in urls:
        with Store.open(url) as store:
            assert facts(store) == before
    run_points([(url, NEVER) for url in urls])
    for url in urls:
        with Store.open(url) as store:
            assert state(store) == end
