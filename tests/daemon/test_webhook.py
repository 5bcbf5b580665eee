"""The daemon tells the webhook: at least once, one of several, and a dead one holds up nothing else."""

from __future__ import annotations

import io
import json
import logging
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from inventory import notify, posting
from inventory.answers import Answers
from inventory.config import Settings
from inventory.daemon.duties import Duty, Ending, Roster
from inventory.daemon.health import Health
from inventory.daemon.work import Bench
from inventory.errors import StoppedError
from inventory.export import Group, feed
from inventory.export import groups as every_group
from inventory.posting import Poster, PostingError
from inventory.store import DutyRow, Store
from inventory.store import feed as stored
from inventory.telemetry import configure
from inventory.telemetry.metrics import Metrics
from tests.answers.conftest import HOUR, Inventory, batch, own_row, usually
from tests.answers.conftest import make as make  # noqa: PLC0414 - fixtures
from tests.answers.test_changes import SECRET, Hook, names, settings
from tests.answers.test_changes import hook as hook  # noqa: PLC0414
from tests.builders import T
from tests.daemon.test_health import samples

ROOT = Path(__file__).parents[2]


@dataclass
class Daemon:
    """Two duties of a daemon, one of them the webhook's, by a clock that is moved."""

    inventory: Inventory
    sources: tuple[str, ...] = ("logs",)
    seconds: float = 0.0
    over: bool = False
    endings: list[Ending] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.metrics = Metrics("1")
        self.bench = Bench(
            self.inventory.settings,
            clock=self.clock,
            monotonic=lambda: self.seconds,
            is_over=lambda: self.over,
            sleep=self.pauses.append,
            posted=self.metrics.posted,
        )
        *_, self.duty = self.bench.duties(())
        self.duty.work = self.bench.telling([f"source {name}" for name in self.sources])
        self.roster = Roster(
            self.inventory.store,
            self.clock,
            lambda: self.seconds,
            lambda: self.over,
            lambda _, ending, __: self.endings.append(ending),
            random.Random(1),
        )

    def clock(self) -> int:
        return T + int(self.seconds)

    def run(self, minutes: int = 6) -> list[Ending]:
        """Let time pass, in ticks; how the tries ended."""
        before = len(self.endings)
        for _ in range(6 * minutes):
            self.roster.turn(self.duty)
            self.seconds += 10
        return self.endings[before:]

    def tried(self, name: str) -> None:
        """A source was read to its end."""
        self.inventory.store.note(DutyRow(f"source {name}", T, T, 0, "", "process 1 on another"))


@pytest.fixture
def daemon(make: Callable[..., Inventory], hook: Hook, tmp_path: Path) -> Iterator[Daemon]:
    """One whose webhook has begun; a client came since."""
    inventory = make()
    inventory.settings = settings(hook, tmp_path)
    inventory.record(batch([], [(T - 300, T)], key="0"))
    with inventory.store.alone("run", 5):
        made = Daemon(inventory)
        made.tried("logs")
        assert set(made.run(1)) == {Ending.DONE}
        inventory.record(batch([own_row(T + 100, T + 160)], [(T, T + 300)], key="1"))
        yield made
        made.roster.close()


def told(hook: Hook) -> list[str]:
    return [name for _, body in hook.got for name in names(json.loads(body)["events"])]


def test_what_happens_is_told_once_and_counted(daemon: Daemon, hook: Hook) -> None:
    assert hook.got == []
    daemon.run(30)
    assert told(hook) == ["new_client"]
    assert samples(daemon.metrics)["efs_inventory_webhook_events_total",] == 1
    assert 6 <= len(daemon.endings) <= 9
    assert set(daemon.endings) == {Ending.DONE}


def test_it_begins_when_each_source_was_tried(
    make: Callable[..., Inventory], hook: Hook, tmp_path: Path
) -> None:
    """What years of logs show at the first reading is no news."""
    inventory = make()
    inventory.settings = settings(hook, tmp_path)
    with inventory.store.alone("run", 5):
        made = Daemon(inventory, ("logs", "others"))
        made.tried("logs")
        assert set(made.run()) == {Ending.IDLE}
        inventory.record(batch([own_row(T + 100, T + 160)], [(T, T + 300)], key="1"))
        failed = DutyRow("source others", T, None, 1, "denied", "process 1 on another")
        inventory.store.note(failed)
        assert set(made.run()) == {Ending.DONE}
        assert told(hook) == []
        inventory.record(batch([], [(T + 300, T + 25 * HOUR)], key="2"))
        made.run()
        assert told(hook) == ["client_gone", "quiet"]
        made.roster.close()


def test_a_dead_one_waits_longer_each_time_is_told_and_gets_well(
    daemon: Daemon, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[float] = []
    real = feed.refresh

    def refresh(store: Store, configured: Settings, **options: Any) -> object:
        looks.append(daemon.seconds)
        return real(store, configured, **options)

    monkeypatch.setattr(feed, "refresh", refresh)
    hook.answers = [(500, {})] * 5_000
    daemon.run(60)
    tries = daemon.endings.count(Ending.FAILED)
    assert 10 <= tries <= 20
    assert len(hook.got) == 5 * tries
    assert set(daemon.pauses) == {1, 2, 4, 8}
    assert all(after - before >= 270 for before, after in pairwise(looks))
    problems = Answers(daemon.inventory.store, daemon.inventory.settings).status()["problems"]
    assert any("the daemon's webhook failed" in one and "answered 500" in one for one in problems)
    health = Health(Settings(), [daemon.duty], daemon.clock, lambda: daemon.seconds)
    assert health.lacks() == []  # no answer is older for that
    assert health.state().duties[0].failures == tries
    hook.answers = []
    hook.got.clear()
    daemon.run(12)
    assert told(hook) == ["new_client"]
    assert daemon.duty.failures == 0


def test_another_that_compares_holds_up_nothing(daemon: Daemon, hook: Hook) -> None:
    """What it has written down by then is told."""
    daemon.run()
    store = daemon.inventory.store.sibling()
    daemon.inventory.record(batch([], [(T + 300, T + 25 * HOUR)], key="2"))
    feed.refresh(store, daemon.inventory.settings)
    with store.lock(feed.LOCK, 0):
        assert set(daemon.run()) == {Ending.DONE}
    store.close()
    assert told(hook) == ["new_client", "client_gone", "quiet"]


def test_of_several_daemons_one_tells(daemon: Daemon, hook: Hook) -> None:
    other = Daemon(daemon.inventory)
    daemon.seconds = 600
    with daemon.inventory.store.sibling() as held, held.lock(notify.LOCK, 0):
        assert set(daemon.run(1)) == {Ending.ELSEWHERE}
    assert hook.got == []
    other.seconds = daemon.seconds
    other.run()
    daemon.run()
    other.roster.close()
    assert told(hook) == ["new_client"]


def test_who_stops_waits_for_no_comparing(
    daemon: Daemon, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def groups(*given: Any, **options: Any) -> Iterator[Group]:
        for group in every_group(*given, **options):
            daemon.over = True
            yield group

    monkeypatch.setattr(feed, "groups", groups)
    daemon.seconds += 300
    assert daemon.run(1) == [Ending.OVER]
    assert hook.got == []
    with daemon.inventory.store.reading() as conn:
        assert stored.position(conn).sequence == stored.told(conn)


# -- the request -----------------------------------------------------------------------------------


def test_a_request_at_hand_is_given_up_at_once(hook: Hook) -> None:
    hook.pause = 20
    begun = time.monotonic()
    with (
        Poster(
            "the webhook",
            allow_private=True,
            sleep=lambda _: None,
            is_over=lambda: time.monotonic() > begun + 0.3,
        ) as poster,
        pytest.raises(StoppedError),
    ):
        poster.send("POST", hook.url)
    assert time.monotonic() - begun < 5


def test_who_answers_byte_by_byte_is_not_waited_for(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "MOST_SECONDS", 0.3)
    monkeypatch.setattr(posting, "TRIES", 2)
    hook.pause = 20
    with (
        Poster("the webhook", allow_private=True, sleep=lambda _: None) as poster,
        pytest.raises(PostingError, match="no whole answer within"),
    ):
        poster.send("POST", hook.url)


@pytest.mark.parametrize("said", ["Cannot POST {path}", "no {query} here", "{url} is unknown"])
def test_what_it_repeats_of_the_url_is_not_told(hook: Hook, said: str) -> None:
    """A path may be the secret, and many servers say which one they do not know."""
    path, query = "/services/T0planted/x%2Fplanted", "key=planted-too"
    url = hook.url.removesuffix("/hook") + f"{path}?{query}"
    hook.body = said.format(path=path, query="planted-too", url=url).encode()
    hook.answers = [(404, {})]
    with (
        Poster("the webhook", allow_private=True, sleep=lambda _: None, secret_url=True) as poster,
        pytest.raises(PostingError, match="answered 404") as caught,
    ):
        poster.send("POST", url)
    assert "planted" not in caught.value.told
    assert "***" in caught.value.told


def test_no_secret_is_in_any_log(daemon: Daemon, hook: Hook, tmp_path: Path) -> None:
    url = f"{hook.url}/planted-path?key=planted-key"
    hook.body = f"no such thing: {url}".encode()
    hook.answers = [(500, {})] * 10
    daemon.inventory.settings = settings(hook, tmp_path, webhook_url=url)
    made = Daemon(daemon.inventory)
    out, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure(2, out, json_lines=True)
    try:
        made.run(12)
        made.roster.close()
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
    assert told(hook)[-1:] == ["new_client"]
    assert Ending.FAILED in made.endings
    for secret in (SECRET, "planted"):
        assert secret not in out.getvalue()


# -- the program -----------------------------------------------------------------------------------


def start(url: str, hook: Hook, tmp_path: Path, secret: str = SECRET) -> subprocess.Popen[str]:
    """A daemon over ``tmp_path/logs``."""
    for name in ("logs", "snapshots"):
        (tmp_path / name).mkdir(exist_ok=True)
    (tmp_path / "secret").write_text(secret)
    config = tmp_path / "efs-inventory.toml"
    config.write_text(
        f'[database]\nurl = "{url}"\n[discover]\nmode = "snapshots"\npath = "snapshots"\n'
        f'[serve]\nbind = "127.0.0.1:0"\n[notify]\nwebhook_url = "{hook.url}"\nsecret_file = "secret"\nallow_private = true\n'
        '[[sources]]\nname = "logs"\ntype = "files"\npath = "logs"\n'
    )
    return subprocess.Popen(
        [sys.executable, "-m", "inventory", "-v", "--config", str(config), "run"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_slow_request_is_given_up_when_the_program_stops_and_told_again(
    sqlite_database_url: str, hook: Hook, tmp_path: Path
) -> None:
    database_url = sqlite_database_url
    usually(database_url)
    with Store.open(database_url, write=True) as store:
        inventory = Inventory(store, settings(hook, tmp_path))
        inventory.record(batch([], [(T - 300, T)], key="0"))
        feed.refresh(store, inventory.settings)
        assert notify.deliver(store, inventory.settings.notify, clock=int, sleep=print) == 0
        inventory.record(batch([own_row(T + 100, T + 160)], [(T, T + 300)], key="1"))
    hook.pause = 60
    process = start(database_url, hook, tmp_path)
    _wait(lambda: len(hook.got) == 1)
    begun = time.monotonic()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, time.monotonic() - begun < 10) == (0, True)
    assert "left unfinished" not in err
    assert SECRET not in err
    hook.pause = 0
    process = start(database_url, hook, tmp_path)
    try:
        _wait(lambda: len(hook.got) == 2)
        _wait(lambda: _row(database_url).done_at is not None)
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert hook.got[0][1] == hook.got[1][1]


def test_it_does_not_start_without_a_secret(
    sqlite_database_url: str, hook: Hook, tmp_path: Path
) -> None:
    process = start(sqlite_database_url, hook, tmp_path, secret="short")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "less than 16 characters" in err


def _row(url: str) -> DutyRow:
    with Store.open(url) as store:
        return store.duties().get("webhook") or DutyRow("webhook", 0, None, 0, "", "")


def _wait(found: Callable[[], bool]) -> None:
    end = time.monotonic() + 100
    while not found():
        assert time.monotonic() < end, "nothing came of it"
        time.sleep(0.1)


def test_it_is_a_duty_only_where_there_is_a_webhook(hook: Hook, tmp_path: Path) -> None:
    def duties(configured: Settings) -> list[Duty]:
        bench = Bench(configured, lambda: 0, lambda: 0.0, lambda: False, lambda _: None)
        return [one for one in bench.duties(()) if one.name == "webhook"]

    assert duties(Settings()) == []
    (one,) = duties(settings(hook, tmp_path))
    assert (one.lock, one.freshens) == (notify.LOCK, False)
