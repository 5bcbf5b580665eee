"""``kill -9`` before statements of the daemon's cycle, and once more while it goes on: nothing is lost, nothing doubled."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from inventory.store import Store, failpoints
from inventory.store.tables import BATCH, SIGHTING
from tests.conftest import Programme
from tests.daemon.test_run import LINE, PATIENCE, Start, done, within
from tests.daemon.test_run import start as start  # noqa: PLC0414 - a fixture

FILES = 24
MOST = 90
"""Statements that a cycle over so many files writes with."""


pytestmark = pytest.mark.timeout(3600)


def facts(url: str) -> list[tuple[Any, ...]]:
    with Store.open(url) as store, store.reading() as conn:
        statement = select(
            BATCH.c.key, SIGHTING.c.client, SIGHTING.c.first_seen, SIGHTING.c.requests
        ).join(BATCH, BATCH.c.id == SIGHTING.c.batch_id)
        return sorted(tuple(row) for row in conn.execute(statement))


def test_killed_twice_and_begun_again_it_ends_the_same(
    start: Start,
    tmp_path: Path,
    database_url: str,
    programme: Programme,
    monkeypatch: pytest.MonkeyPatch,
    count: Callable[[str, int], None],
) -> None:
    """One database dies again and again, each time at a statement that was drawn, until it is read; then all is there once."""
    for number in range(FILES):
        line = LINE.replace("10.0.1.5", f"10.0.1.{number}")
        (tmp_path / "logs" / f"{number:02}.log").write_text(line)
    kind = database_url.partition(":")[0]
    points = programme.cases(f"statements that the daemon died at, {kind}", range(1, MOST), 2)
    chance = random.Random(programme.seed)
    for point in points:
        monkeypatch.setenv(
            failpoints.VARIABLE, f"{chance.choice(['statement', 'commit'])}:{point // 3 + 1}"
        )
        process = start(database_url)
        within(PATIENCE, lambda: process.poll() is not None or len(done(database_url)) == FILES)  # noqa: B023
        if process.poll() is None:
            process.kill()
        assert process.wait() == -signal.SIGKILL
    monkeypatch.delenv(failpoints.VARIABLE)
    last = start(database_url)
    within(PATIENCE, lambda: len(done(database_url)) == FILES)
    last.kill()
    last.wait()
    assert facts(database_url) == [
        (f"{number:02}.log", f"10.0.1.{number}", 1_762_179_600, 1) for number in range(FILES)
    ]
