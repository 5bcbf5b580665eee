"""AWS, credentials, the database and the disk go away and come back: the daemon stays, says so, and catches up by itself."""

from __future__ import annotations

import io
import json
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from inventory import steps
from inventory.answers import Answers
from inventory.config import Settings
from inventory.daemon.duties import Duty, Ending, Roster
from inventory.daemon.work import Bench
from inventory.store import Store
from inventory.telemetry import JsonLine, configure, without_secrets
from tests.aws.conftest import Clock
from tests.aws.conftest import clock as clock  # noqa: PLC0414 - fixtures
from tests.aws.conftest import cloud as cloud  # noqa: PLC0414
from tests.aws.conftest import configured as configured  # noqa: PLC0414
from tests.aws.conftest import impatient as impatient  # noqa: PLC0414
from tests.daemon.test_duties import Bench as Made
from tests.daemon.test_duties import done, duty
from tests.fakeaws.cloud import Cloud
from tests.world.plan import ACCOUNT, REGION

HOUR = 3600
ROLE = f"arn:aws:iam::{ACCOUNT}:role/efs-inventory"


@dataclass
class Daemon:
    """All duties of a configuration, by a clock that is moved."""

    settings: Settings
    store: Store
    clock: Clock
    seconds: float = 0.0
    endings: list[tuple[str, Ending]] = field(default_factory=list)

    def __post_init__(self) -> None:
        bench = Bench(
            self.settings, self.clock, lambda: self.seconds, lambda: False, lambda _: None
        )
        self.duties = {duty.name: duty for duty in bench.duties(self.settings.sources)}
        self.roster = Roster(
            self.store,
            self.clock,
            lambda: self.seconds,
            lambda: False,
            lambda duty, ending, _: self.endings.append((duty.name, ending)),
            random.Random(1),
        )

    def run(self, minutes: int) -> None:
        """Let time pass, in minutes."""
        for _ in range(minutes):
            for one in self.duties.values():
                self.roster.turn(one)
            self.seconds += 60
            self.clock.moment += 60

    def problems(self) -> list[str]:
        """What ``status`` says first."""
        return [str(told) for told in Answers(self.store, self.settings).status()["problems"]]


@contextmanager
def daemon(settings: Settings, clock: Clock) -> Iterator[Daemon]:
    with Store.opened(settings, write=True) as store, store.alone("run", 5):
        made = Daemon(settings, store, clock)
        yield made
        made.roster.close()


@pytest.fixture
def database_url(sqlite_database_url: str) -> str:
    """What AWS does is the same to both databases."""
    return sqlite_database_url


@pytest.fixture
def live(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings], impatient: None
) -> Iterator[Daemon]:
    """A daemon of the made-up account."""
    with daemon(configured(), clock) as made:
        yield made


def test_an_hour_without_credentials_is_told_costs_little_and_ends_by_itself(
    live: Daemon, cloud: Cloud
) -> None:
    live.run(2)
    assert live.duties["sweep"].failures == 0
    cloud.faults.always("*", "expired_token")
    cloud.forget()
    live.run(60)
    assert live.duties["sweep"].failures >= 3
    assert any(told.startswith("the daemon's sweep failed") for told in live.problems())
    assert sum(cloud.counts().values()) < 60
    assert live.duties["source logs"].failures == 0  # it needs no AWS, so nothing held it up
    assert live.endings.count(("source logs", Ending.DONE)) >= 58
    cloud.faults.clear()
    live.run(6)
    assert live.duties["sweep"].failures == 0
    assert not any("the daemon's sweep" in told for told in live.problems())


def test_what_failed_to_be_resolved_is_over_when_nothing_more_may_resolve_it(
    live: Daemon, cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sweep asks it again, and tells if it fails still."""
    live.run(6)
    turned_up = live.clock.moment
    monkeypatch.setattr(Store, "unexplained", lambda _: {(ACCOUNT, REGION): turned_up})
    cloud.faults.always("*", "expired_token")
    live.run(4)
    assert ("resolve", Ending.FAILED) in live.endings
    cloud.faults.clear()
    live.run(30)
    assert {name: duty.failures for name, duty in live.duties.items() if duty.failures} == {}
    assert not any("resolve" in told for told in live.problems())


def test_joining_old_facts_for_hours_shows_that_it_is_alive(
    live: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(run: steps.Run) -> int:
        live.seconds += 3 * HOUR
        assert not run.is_over()
        heard.append(live.duties["compact"].heard_at)
        return 0

    heard: list[float] = []
    monkeypatch.setattr(steps, "compact", slow)
    live.run(1)
    assert heard == [3 * HOUR]


def test_nobody_is_asked_while_nothing_is_due(live: Daemon, cloud: Cloud) -> None:
    live.run(1)
    cloud.forget()
    live.run(3)
    assert cloud.counts() == {}
    assert live.endings.count(("sweep", Ending.IDLE)) >= 3
    live.run(3)
    assert cloud.counts()["ec2.describe-network-interfaces"] == 1


@pytest.mark.parametrize("hours", [-1, 1])
def test_sweeps_go_on_at_their_pace_when_the_clock_is_put(
    live: Daemon, cloud: Cloud, hours: int
) -> None:
    live.run(3)
    live.clock.moment += hours * HOUR
    cloud.forget()
    live.run(30)
    assert 5 <= cloud.counts()["ec2.describe-network-interfaces"] <= 7


def test_a_database_that_restarts_costs_a_try(
    postgres_database_url: str, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = postgres_database_url.partition("?")[0].rpartition("/")[2]

    def end_every_session() -> None:
        with psycopg.connect(postgres_url, autocommit=True) as server:
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,)
            )

    def work(_duty: Duty, store: Store) -> Ending:
        if not ended:
            ended.append(1)
            end_every_session()
        store.use(19_000, {})
        store.knowledge()
        return Ending.DONE

    ended: list[int] = []
    with Store.open(postgres_database_url, write=True) as store:
        store.upgrade()
        bench, one = Made(store), duty(work)
        bench.run(one, 120)
        assert ended
        assert bench.endings[-1] == ("source a", Ending.DONE)
        end_every_session()
        bench.run(one, 120)
        assert bench.endings[-1] == ("source a", Ending.DONE)
        assert one.failures == 0
        bench.roster.close()
    assert "report it" not in caplog.text


def test_a_database_that_is_away_fails_every_duty_and_ends_none(
    postgres_database_url: str, postgres_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    name = postgres_database_url.partition("?")[0].rpartition("/")[2]
    with (
        Store.open(postgres_database_url, write=True) as store,
        psycopg.connect(postgres_url, autocommit=True) as server,
    ):
        store.upgrade()
        bench, one = Made(store), duty(done)
        bench.run(one, 60)
        server.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            (name,),
        )
        server.execute(f'ALTER DATABASE "{name}" RENAME TO "{name}_away"')
        bench.run(one, 300, every=10)
        assert one.failures >= 3
        assert name in one.problem
        server.execute(f'ALTER DATABASE "{name}_away" RENAME TO "{name}"')
        bench.run(one, 600, every=10)
        assert one.failures == 0
        bench.roster.close()
    assert "report it" not in caplog.text


# -- secrets ---------------------------------------------------------------------------------------


def test_no_secret_is_in_any_log(
    cloud: Cloud,
    clock: Clock,
    configured: Callable[..., Settings],
    postgres_database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    fake_aws: object,
) -> None:
    """Everything that is logged at any level, botocore's and SQLAlchemy's too, while roles are assumed, refused and the database fails."""
    head, _, tail = postgres_database_url.partition("://")
    user, at, rest = tail.rpartition("@")
    url = f"{head}://{(user.partition(':')[0] or 'postgres')}:planted-password@{rest}"
    assert at or not user
    cloud.role(ROLE, "planted-external-id")
    settings = configured(
        accounts=[
            {"id": ACCOUNT, "regions": [REGION], "role_arn": ROLE, "external_id": "planted-external-id"},
            {"id": "444455556666", "regions": [REGION], "role_arn": ROLE.replace(ACCOUNT, "444455556666"),
             "external_id": "planted-external-id"},
        ]
    )  # fmt: skip
    settings = settings.model_copy(
        update={"database": settings.database.model_copy(update={"url": url})}
    )
    out, root = io.StringIO(), logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure(2, out, json_lines=True)
    logging.getLogger("sqlalchemy").setLevel(logging.DEBUG)
    try:
        with daemon(settings, clock) as made:
            made.run(2)
            cloud.faults.always("*", "expired_token")
            made.run(10)
            logging.getLogger("test").error("cannot reach %s", url)
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.getLogger("sqlalchemy").setLevel(logging.NOTSET)
    written = out.getvalue()
    assert len([json.loads(line) for line in written.splitlines()]) > 5
    assert "444455556666" in written
    secrets = ["planted-password", "planted-external-id"]
    secrets += [key.secret for key in cloud._keys.values()] + [
        key.token for key in cloud._keys.values() if key.token
    ]
    assert len(secrets) > 3
    for secret in secrets:
        assert secret not in written


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://me:planted@host/db refused",
        "connect to https://me:planted@proxy.example:3128/",
        "{'Authorization': b'AWS4-HMAC-SHA256 planted'}",
        "Authorization: Bearer planted",
        'X-Amz-Security-Token: planted, "Host": "x"',
        "https://bucket/key?X-Amz-Signature=planted&x=1",
        "SecretAccessKey='planted' and more",
        'aws_session_token = "planted"',
        "password=planted host=db",
        "ExternalId: planted",
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str) -> None:
    assert "planted" in text
    assert "planted" not in without_secrets(text)


def test_plain_sentences_stay() -> None:
    for text in (
        "source bucket: a page token that came before",
        "listening at 127.0.0.1:8080; see https://example.com/a@b",
        "10.0.0.1:2049 to fs-0a1b2c3d",
    ):
        assert without_secrets(text) == text


def test_a_line_is_one_line_whatever_it_says(tmp_path: Path) -> None:
    record = logging.LogRecord("a", logging.ERROR, __file__, 1, "x\ny\u202e%s", ("\x1b[31m",), None)
    line = JsonLine().format(record)
    assert "\n" not in line
    assert line.isascii()
    assert json.loads(line)["message"] == "x\ny\u202e\x1b[31m"
