"""The made-up account behind a fake AWS over HTTP, and an inventory that asks it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from inventory.aws import Aws, Meter, Patience
from inventory.config import AccountSettings, DiscoverSettings, Settings, parse
from inventory.discover import rounds
from inventory.discover.rounds import Past, Wanted
from inventory.model import Sweep
from inventory.resolve.networks import Networks
from inventory.resolve.topology import Topology
from inventory.store import Store
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.made_up import settle
from tests.fakeaws.serving import Served
from tests.world.plan import ACCOUNT, REGION
from tests.world.world import World

QUICK = Patience(connect=2, read=1, attempts=1, pause=0)
"""Botocore's own retries are botocore's to test; here each request is a try."""

WORLD = World()


@dataclass
class Clock:
    """Stands still unless it is moved; the cloud's and the inventory's."""

    moment: int = WORLD.start + 6 * 3600

    def __call__(self) -> int:
        return self.moment


@dataclass
class Asking:
    """Asks the fake as the inventory does."""

    cloud: Cloud
    clock: Clock
    settings: DiscoverSettings = field(
        default_factory=lambda: DiscoverSettings(
            accounts=(AccountSettings(id=ACCOUNT, regions=(REGION,)),)
        )
    )

    def __post_init__(self) -> None:
        self.aws = Aws(patience=QUICK, sleep=lambda _: None)

    def sweeps(self, wanted: Wanted = rounds.everything, past: Past | None = None) -> list[Sweep]:
        known = past or Past({}, Topology({}))
        return list(rounds.sweeps(self.settings, self.aws, known, wanted, clock=self.clock))

    def learn(self, store: Store) -> list[Sweep]:
        made = self.sweeps()
        store.learn(made, Networks())
        return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cloud(fake_aws: Served, clock: Clock) -> Cloud:
    """The world's account, in the cloud that the environment leads to."""
    fake_aws.cloud.now = clock
    settle(fake_aws.cloud, WORLD)
    return fake_aws.cloud


@pytest.fixture
def asking(cloud: Cloud, clock: Clock) -> Asking:
    return Asking(cloud, clock)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with Store.open(database_url, write=True) as opened:
        opened.upgrade()
        yield opened


@pytest.fixture
def configured(tmp_path: Path, database_url: str) -> Callable[..., Settings]:
    """Settings of a live inventory on the test's database; more sections as keywords."""

    def make(**discover: Any) -> Settings:
        (tmp_path / "logs").mkdir(exist_ok=True)
        accounts = [{"id": ACCOUNT, "regions": [REGION]}]
        document = {
            "database": {"url": database_url},
            "discover": {"mode": "aws", "accounts": accounts} | discover,
            "sources": [{"name": "logs", "type": "files", "path": "logs"}],
        }
        return parse(document, folder=tmp_path, environ={})

    return make


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for botocore's pauses between tries."""
    patience = Patience(connect=2, read=1, attempts=3, pause=0)
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda _: None)
    shared: list[Aws] = []

    def once(meter: Meter) -> Aws:
        """Reading botocore's models is most of a round of so small an account."""
        if not shared:
            shared.append(Aws(patience=patience, sleep=lambda _: None))
        shared[0].meter = meter
        return shared[0]

    monkeypatch.setattr(rounds, "Aws", once)


@pytest.fixture
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses between calls are not made: the fake counts no rates unless it is asked to."""
    monkeypatch.setattr(time, "sleep", lambda _: None)
