"""What every test may ask for: a database of its own, recorded data, a programme of cases.

Store tests take ``database_url`` and so run twice, on SQLite and on PostgreSQL. Programmes of very
many cases take ``programme``: a seeded sample in ``make test``, everything in ``make test-long``.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar
from urllib.parse import urlsplit

import hypothesis
import psycopg
import pytest
import pytest_socket

from tests.postgres import running_postgres

if TYPE_CHECKING:
    from tests.fakeaws.serving import Served

CaseT = TypeVar("CaseT")
Fill = Callable[[str], None]
"""Fills the empty database at a URL, and leaves no connection to it."""

SEED = 2049
"""Seed of every sample unless ``EFS_INVENTORY_TEST_SEED`` gives another."""

hypothesis.settings.register_profile(
    "sample", deadline=None, derandomize=True, database=None, max_examples=60
)
hypothesis.settings.register_profile("long", deadline=None, max_examples=5_000)

COUNTS: pytest.StashKey[Counter[str]] = pytest.StashKey()
POSTGRES: pytest.StashKey[str | None] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--long", action="store_true", help="run whole programmes and the tests marked long"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[COUNTS] = Counter()
    config.stash[POSTGRES] = given_postgres()
    hypothesis.settings.load_profile("long" if config.getoption("long") else "sample")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Without ``--long`` the long tests are left out; without the folder the recorded ones skip."""
    if not config.getoption("long"):
        left_out = [item for item in items if item.get_closest_marker("long")]
        items[:] = [item for item in items if not item.get_closest_marker("long")]
        config.hook.pytest_deselected(items=left_out)
    if not os.environ.get("EFS_INVENTORY_RECORDED"):
        skip = pytest.mark.skip(reason="EFS_INVENTORY_RECORDED names no folder")
        for item in items:
            if item.get_closest_marker("recorded"):
                item.add_marker(skip)


class Worker(Protocol):
    """What pytest-xdist, which has no types, tells of a worker that ended."""

    config: pytest.Config
    workeroutput: dict[str, dict[str, int]] | None


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist hands its counts to whoever started it."""
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        counts = session.config.stash[COUNTS]
        output["counts"] = dict(counts)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Worker) -> None:
    """Adds the counts of a worker that ended."""
    node.config.stash[COUNTS].update(node.workeroutput["counts"] if node.workeroutput else {})


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """How much was run, beyond the number of test functions."""
    counts = config.stash[COUNTS]
    if counts:
        terminalreporter.section("counts")
        for what, count in sorted(counts.items()):
            terminalreporter.line(f"{count:>12,}  {what}")


# --- databases ----------------------------------------------------------------------------------


def given_postgres() -> str | None:
    """The server given by the environment, its name looked up while there is a network still."""
    url = os.environ.get("EFS_INVENTORY_TEST_POSTGRES")
    host = urlsplit(url).hostname if url else None
    if not url or not host:
        return url or None
    address = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0]
    return f"{url}{'&' if '?' in url else '?'}hostaddr={address}"


@pytest.fixture(scope="session")
def postgres_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A PostgreSQL server that may create databases.

    ``EFS_INVENTORY_TEST_POSTGRES`` names one (``postgresql://user@host/database``); without it the
    tests start one of their own, on a Unix socket, and stop it at the end.
    """
    given = request.config.stash[POSTGRES]
    if given:
        yield given
        return
    with running_postgres() as url:
        yield url


@dataclass
class Databases:
    """Makes empty databases on one PostgreSQL server and drops them."""

    server: psycopg.Connection
    url: str
    made: int = 0
    filled: dict[str, str] = field(default_factory=dict)
    """By what they are called, the databases that others are copied from."""

    def create(self, template: str = "template0") -> tuple[str, str]:
        """Name and URL of a new database: a copy of another one, of ``template0`` an empty one; about 30 ms."""
        self.made += 1
        name = f"efs_inventory_test_{os.getpid()}_{self.made}"
        self.server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        head, _, query = self.url.partition("?")
        base = head.rpartition("/")[0]
        return name, f"{base}/{name}" + (f"?{query}" if query else "")

    def become(self, url: str, what: str, fill: Fill) -> None:
        """Make the empty database at ``url`` one that is filled."""
        if what not in self.filled:
            self.filled[what], place = self.create()
            fill(place)
        name = url.partition("?")[0].rpartition("/")[2]
        self.drop(name)
        self.server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{self.filled[what]}"')

    def drop(self, name: str) -> None:
        """Drops it, ending whatever is still connected."""
        self.server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="session")
def postgres_databases(postgres_url: str, request: pytest.FixtureRequest) -> Iterator[Databases]:
    with psycopg.connect(postgres_url, autocommit=True) as server:
        version = server.info.server_version
        databases = Databases(server, postgres_url)
        yield databases
        for name in databases.filled.values():
            databases.drop(name)
        what = f"databases made on PostgreSQL {version // 10_000}.{version % 10_000}"
        request.config.stash[COUNTS][what] += databases.made


@pytest.fixture
def sqlite_database_url(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """URL of a SQLite file that does not exist yet."""
    request.config.stash[COUNTS]["databases made on SQLite"] += 1
    return f"sqlite:///{tmp_path / 'efs-inventory.db'}"


@pytest.fixture
def postgres_database_url(postgres_databases: Databases) -> Iterator[str]:
    """URL of an empty PostgreSQL database, dropped after the test."""
    name, url = postgres_databases.create()
    yield url
    postgres_databases.drop(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of a fresh, empty database; every test that takes it runs on both."""
    name = {"sqlite": "sqlite_database_url", "postgresql": "postgres_database_url"}[request.param]
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture(scope="session")
def sqlite_filled(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str, Fill], None]:
    """As ``Databases.become``."""
    folder = tmp_path_factory.mktemp("filled")

    def become(url: str, what: str, fill: Fill) -> None:
        place = folder / f"{what}.db"
        if not place.exists():
            fill(f"sqlite:///{place}")
        shutil.copy(place, url.removeprefix("sqlite:///"))

    return become


@pytest.fixture
def filled(
    database_url: str, request: pytest.FixtureRequest
) -> Callable[[str, Callable[[str], None]], None]:
    """``filled(what, fill)``: the test's database is as ``fill`` makes one; that is done once for all tests that say the same ``what``."""

    def become(what: str, fill: Fill) -> None:
        if database_url.startswith("sqlite"):
            request.getfixturevalue("sqlite_filled")(database_url, what, fill)
        else:
            request.getfixturevalue("postgres_databases").become(database_url, what, fill)

    return become


# --- data and programmes ------------------------------------------------------------------------


@pytest.fixture(scope="session")
def recorded() -> Path:
    """The folder of recorded AWS answers and logs; a test that takes it is marked ``recorded``."""
    folder = Path(os.environ.get("EFS_INVENTORY_RECORDED") or pytest.skip("no recorded data"))
    assert folder.is_dir(), f"EFS_INVENTORY_RECORDED: no folder {folder}"
    return folder.resolve()


@dataclass(frozen=True)
class Programme:
    """A list of cases too long for every run: a seeded sample of it, or with ``--long`` all."""

    whole: bool
    seed: int
    counts: Counter[str] = field(repr=False)

    def cases(self, what: str, cases: Sequence[CaseT], sample: int) -> Sequence[CaseT]:
        """All cases, or ``sample`` of them in their order; counted under the words ``what``."""
        chosen = cases
        if not self.whole and sample < len(cases):
            picks = random.Random(f"{self.seed} {what}").sample(range(len(cases)), sample)
            chosen = [cases[pick] for pick in sorted(picks)]
        self.counts[what] += len(chosen)
        return chosen

    def size(self, what: str, whole: int, sample: int) -> int:
        """How many cases to generate; counted under the words ``what``."""
        size = whole if self.whole else sample
        self.counts[what] += size
        return size


@pytest.fixture
def programme(request: pytest.FixtureRequest) -> Programme:
    seed = int(os.environ.get("EFS_INVENTORY_TEST_SEED", SEED))
    counts = request.config.stash[COUNTS]
    return Programme(whole=bool(request.config.getoption("long")), seed=seed, counts=counts)


@pytest.fixture
def count(request: pytest.FixtureRequest) -> Callable[[str, int], None]:
    """Adds to the counts that the run prints at its end: ``count("kill points", 120)``."""

    def add(what: str, number: int) -> None:
        request.config.stash[COUNTS][what] += number

    return add


# --- AWS ----------------------------------------------------------------------------------------


@pytest.fixture
def fake_aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    """An empty fake AWS, and the environment that sends boto3 to it: to 127.0.0.1 and nowhere else.

    ``fake_aws.env`` is for subprocesses.
    """
    from tests.fakeaws.serving import fresh_session, ours, serving  # noqa: PLC0415 - botocore only where needed

    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    with serving() as served:
        for name in filter(ours, list(os.environ)):
            monkeypatch.delenv(name)
        for name, value in served.env.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("boto3.DEFAULT_SESSION", fresh_session())
        yield served
