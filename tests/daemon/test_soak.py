"""Days at high speed, with one call in a hundred failing: nothing grows but the database, and nothing is lost or doubled."""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Programme
from tests.daemon.modelled import INTERFACE, WORLD, Model, counted
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.faults import FAULTS, NEED_PAGES, Fault, Faults
from tests.fakeaws.made_up import settle
from tests.fakeaws.serving import Served
from tests.world.plan import ACCOUNT, HOUR, REGION, Attachment, Instance, Interface
from tests.world.world import World

ROOT = Path(__file__).parents[2]
STEP = 1800
"""Seconds of the daemon's time from one moment to the next."""

LATER = 900
"""Seconds after which a file is there."""

FIRST = WORLD.start + 6 * HOUR
HALF = 1800
DAY = 24 * HOUR
MIB = 1 << 20
ALWAYS = len(WORLD.account.interfaces), len(WORLD.account.instances)
"""So many interfaces and instances the account has that come and go by themselves."""

SLOW = frozenset({"silence", "slow_body"})

pytestmark = [pytest.mark.enable_socket, pytest.mark.timeout(36_000)]


class Chance(Faults):
    """One request in a hundred fails, in a way that is drawn."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.random = random.Random(seed)
        self.struck: Counter[str] = Counter()
        self.share = 0.01
        self.kinds = [fault for name, fault in FAULTS.items() if name not in SLOW]

    def strike(self, *_: str, paged: bool) -> Fault | None:
        """What is to go wrong with a request, whatever it asks."""
        with self._lock:
            if self.random.random() >= self.share:
                return None
            fault = self.random.choice(self.kinds)
            if fault.name in NEED_PAGES and not paged:
                return None
            self.struck[fault.name] += 1
            return fault


@dataclass
class Soak:
    """The daemon's process, its account, its folder of logs."""

    process: subprocess.Popen[str]
    cloud: Cloud
    world: World
    folder: Path
    model: Model = field(default_factory=Model)
    chance: random.Random = field(default_factory=lambda: random.Random(2049))
    cut: dict[Path, str] = field(default_factory=dict)
    endings: Counter[tuple[str, str]] = field(default_factory=Counter)

    def at(self, moment: int) -> dict[str, Any]:
        """Let it be ``moment``: what was delivered until then is there; what the process holds after its duties."""
        self.cloud.forget()
        self.cloud.now = lambda: moment
        machine, interface = passing(moment)
        self.world.account.interfaces[ALWAYS[0] :] = [interface]
        self.world.account.instances[ALWAYS[1] :] = [machine]
        for path, text in self.cut.items():
            path.write_text(text)
        self.cut = {}
        self.deliver(moment - LATER)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{moment}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the daemon ended"
        told: dict[str, Any] = json.loads(line)
        self.endings.update(map(tuple, told["endings"]))
        return told

    def deliver(self, start: int) -> None:
        """The file of a step; one in a hundred is cut at first. Files of the day before yesterday are taken away."""
        client = address(start)
        minutes = STEP // 60
        text = self.model.lines(client, start, minutes) + self.model.lines(
            "10.0.0.7", start, minutes
        )
        path = self.folder / f"{start}.log"
        if self.chance.random() < 0.01:
            self.cut[path] = text
            text = text[: len(text) // 2]
        path.write_text(text)
        (self.folder / f"{start - 2 * DAY}.log").unlink(missing_ok=True)


def address(moment: int) -> str:
    """Of the interface that is there for the half hour of ``moment``."""
    number = (moment - FIRST + DAY) // HALF
    return f"10.9.{number // 250}.{number % 250 + 1}"


def passing(moment: int) -> tuple[Instance, Interface]:
    """An instance, as a scaling group has them, that is there for half an hour, and its interface."""
    began = moment // HALF * HALF
    machine = Instance(f"i-{began:017x}", "passing", INTERFACE.subnet, began, began + HALF)
    attached = Attachment(began, began + HALF, machine.id)
    interface = Interface(
        f"eni-{began:017x}",
        INTERFACE.subnet,
        (address(began),),
        began,
        began + HALF,
        attachments=(attached,),
    )
    return machine, interface


@pytest.fixture
def soak(fake_aws: Served, tmp_path: Path, sqlite_database_url: str) -> Iterator[Soak]:
    (tmp_path / "logs").mkdir()
    document = {
        "database": {"url": sqlite_database_url},
        "discover": {
            "mode": "aws",
            "accounts": [{"id": ACCOUNT, "regions": [REGION]}],
            "references": ["lambda"],
            "every": {"interfaces": "20m"},
        },
        "collect": {"workers": 1},
        "retention": {"runs": "3d"},
        "sources": [{"name": "files", "type": "files", "path": "logs"}],
    }
    world = World()
    settle(fake_aws.cloud, world)
    with subprocess.Popen(
        [sys.executable, "-m", "tests.daemon.soaked"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, **fake_aws.env, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(json.dumps({"document": document, "folder": str(tmp_path)}) + "\n")
        yield Soak(process, fake_aws.cloud, world, tmp_path / "logs")
        process.stdin.close()


def slope(values: list[float]) -> float:
    """By how much they grow from one to the next, by least squares."""
    return statistics.linear_regression(range(len(values)), values).slope


def test_nothing_grows_and_nothing_is_lost(
    soak: Soak, sqlite_database_url: str, programme: Programme, count: Callable[[str, int], None]
) -> None:
    hours = programme.size("hours of a daemon at high speed", 30 * 24, 8)
    soak.at(FIRST)
    soak.cloud.faults = chance = Chance(programme.seed)
    told = [soak.at(moment) for moment in range(FIRST + STEP, FIRST + hours * HOUR, STEP)]
    soak.cloud.faults = Faults()
    end = FIRST + hours * HOUR
    last = [soak.at(moment) for moment in range(end, end + 2 * HOUR, STEP)][-1]
    count("calls that failed meanwhile", sum(chance.struck.values()))
    assert chance.struck
    assert last["failing"] == []
    assert counted(sqlite_database_url) == soak.model.expected()
    held = told[len(told) // 4 :]
    for what in ("descriptors", "threads"):
        values = [one[what] for one in held]
        middle = len(values) // 2
        # From step to step their number varies with what went wrong; what is never given back raises the least of them.
        assert min(values[middle:]) <= max(values[:middle]), (what, values)
    if programme.whole:
        day = DAY // STEP
        peaks = [
            max(one["rss"] for one in told[n : n + day]) / MIB for n in range(0, len(told), day)
        ]
        grows = slope(
            peaks[len(peaks) // 3 :]
        )  # by then SQLite has filled the page cache of each connection
        count("KiB that a daemon grew by in a day", round(grows * 1024))
        assert grows < 1, peaks
