"""``kill -9`` at any point of a full cycle, and once more while that is made good: what counts is what an independent model says."""

from __future__ import annotations

import gzip
import itertools
import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from inventory.store import Store, failpoints
from inventory.store.tables import JOINED
from tests.conftest import Databases, Programme
from tests.daemon.modelled import WORLD, Model, counted
from tests.fakeaws.made_up import settle
from tests.fakeaws.serving import Served
from tests.s3.conftest import Shelf
from tests.s3.conftest import door as door  # noqa: PLC0414 - fixtures
from tests.s3.conftest import moto as moto  # noqa: PLC0414
from tests.s3.front import Front
from tests.s3.made import plain
from tests.unit.flowlog.lines import HEADER
from tests.world.plan import ACCOUNT, HOUR, REGION

ROOT = Path(__file__).parents[2]
FIRST = WORLD.start + 6 * HOUR
MOMENTS = [FIRST, FIRST + 600, FIRST + 4 * 24 * HOUR, FIRST + 4 * 24 * HOUR + 600]
"""When every duty is tried: twice, and twice again when what was read first is old."""

NUMBERS = itertools.count(1)
NEVER = ["none", 0]
KINDS = {"statement": 1, "commit": 1, "call": 1, "file": 1}
"""How many points of each kind are tried without ``--long``, on each database."""

NewDatabase = Callable[[str], AbstractContextManager[str]]

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(36_000)]


@dataclass
class Harness:
    """The child process, and cases for it."""

    process: subprocess.Popen[str]
    tmp_path: Path
    bucket: str
    logs: dict[str, str]

    def document(self, url: str) -> dict[str, Any]:
        return {
            "database": {"url": url},
            "discover": {
                "mode": "aws",
                "accounts": [{"id": ACCOUNT, "regions": [REGION]}],
                "references": ["lambda"],
            },
            "collect": {"workers": 1},
            "retention": {"runs": "3d"},
            "sources": [
                {"name": "files", "type": "files", "path": "logs"},
                {"name": "bucket", "type": "s3", "bucket": self.bucket, "since": "30d"},
            ],
        }

    def place(self, name: str) -> Path:
        """An empty folder with the logs in it; two of them come days later."""
        folder = self.tmp_path / name
        (folder / "logs").mkdir(parents=True)
        for key, text in self.logs.items():
            (folder / "logs" / key).write_text(text)
        return folder

    def run(self, url: str, folder: Path, at: list[Any]) -> int:
        """One child that dies at a point, or ends; its exit code."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        case = {"document": self.document(url), "folder": str(folder), "at": at}
        self.process.stdin.write(json.dumps(case | {"moments": MOMENTS}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the harness itself ended"
        return int(json.loads(line)["code"])

    def told(self, folder: Path) -> dict[str, Any]:
        """What a child that ended said."""
        told: dict[str, Any] = json.loads((folder.parent / f"{folder.name}.told").read_text())
        return told


def joined(url: str) -> int:
    """How many batches have facts that were joined."""
    with Store.open(url) as store, store.reading() as conn:
        return int(conn.execute(select(func.count()).select_from(JOINED)).scalar_one())


@pytest.fixture(params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest, tmp_path: Path) -> NewDatabase:
    """``new_database(name)``: an empty database for a while."""

    @contextmanager
    def made(name: str) -> Iterator[str]:
        if request.param == "sqlite":
            yield f"sqlite:///{tmp_path / name}.db"
            return
        databases: Databases = request.getfixturevalue("postgres_databases")
        database, url = databases.create()
        yield url
        databases.drop(database)

    return made


@pytest.fixture
def model() -> Model:
    return Model()


@pytest.fixture
def harness(fake_aws: Served, door: Front, tmp_path: Path, model: Model) -> Iterator[Harness]:
    """The account and the bucket over HTTP, and a child process that leads nowhere else."""
    fake_aws.cloud.now = lambda: FIRST
    settle(fake_aws.cloud, WORLD)
    shelf = Shelf(door, f"flow-logs-of-a-cycle-{next(NUMBERS)}", REGION)
    later = MOMENTS[2] - HOUR
    for start in (FIRST - 3 * HOUR, later):
        for client, minutes in (("10.0.0.7", 70), ("10.0.0.8", 20)):
            text = model.lines(client, start, minutes)
            key = plain(start, account=ACCOUNT, region=REGION, mark=client.replace(".", ""))
            shelf.put(key, gzip.compress(f"{HEADER}\n{text}".encode()))
    logs = {
        f"{number}.log": model.lines(f"10.0.0.{number + 20}", start, 45)
        for number, start in enumerate((FIRST - 3 * HOUR, FIRST - HOUR, later))
    }
    environment = {
        **os.environ,
        **fake_aws.env,
        "AWS_ENDPOINT_URL_S3": door.url,
        failpoints.VARIABLE: "none:0",
        "PYTHONPATH": str(ROOT),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.daemon.cycle"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
        cwd=ROOT,
    ) as process:
        yield Harness(process, tmp_path, shelf.bucket, logs)
        assert process.stdin is not None
        process.stdin.close()


def test_killed_anywhere_in_a_cycle_and_again_while_it_is_made_good(
    harness: Harness,
    model: Model,
    new_database: NewDatabase,
    programme: Programme,
    count: Callable[[str, int], None],
) -> None:
    with new_database("reference") as url:
        kind, folder = url.partition(":")[0], harness.place("reference")
        assert harness.run(url, folder, NEVER) == 0
        told = harness.told(folder)
        assert told["failed"] == []
        assert counted(url) == model.expected()
        assert joined(url), "nothing was old enough to be joined"
    passed, chance = told["passed"], random.Random(programme.seed)
    for what, sample in KINDS.items():
        points = range(1, passed[what] + 1)
        count(f"points of a full cycle: {what}, {kind}", len(points))
        for number in programme.cases(f"kills at a {what} of a full cycle, {kind}", points, sample):
            again = chance.choice(list(KINDS))
            second = [again, chance.randint(1, passed[again])]
            with new_database(f"{what}{number}") as url:
                folder = harness.place(f"{what}{number}")
                assert harness.run(url, folder, [what, number]) == -9
                killed = harness.run(url, folder, second) == -9
                count("second kills while it was made good", killed)
                if killed:
                    assert harness.run(url, folder, NEVER) == 0
                assert harness.told(folder)["failed"] == []
                assert counted(url) == model.expected(), (what, number, second)
