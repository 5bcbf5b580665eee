"""A bucket over HTTP: moto's S3 behind a door that a test can hold."""

from __future__ import annotations

import functools
import itertools
import logging
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_socket

from inventory.aws import Aws, Patience
from inventory.collect import Listing
from inventory.collect.needs import Needs
from inventory.collect.reading import is_new
from inventory.collect.s3 import S3Source
from inventory.config import S3Settings, Settings
from inventory.model import Batch, BatchState, FlowLog, Known, Version
from inventory.resolve.topology import Topology
from tests.fakeaws.serving import ours
from tests.s3.front import Front, fronting
from tests.unit.flowlog.lines import KNOWN

REGION = "eu-west-1"
ACCOUNT = "123456789012"
NOW = 1_790_090_000
"""2026-09-22T15:13:20Z."""

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def moto() -> Iterator[tuple[str, int]]:
    """Where moto serves S3, for all tests of a process."""
    pytest_socket.enable_socket()
    from moto.server import ThreadedMotoServer  # noqa: PLC0415 - slow to import

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()
    server.stop()


@pytest.fixture(scope="session")
def door(moto: tuple[str, int]) -> Iterator[Front]:
    """The door before it: one for all tests, so that clients need not be made again."""
    with fronting(*moto) as front:
        yield front


@dataclass
class Shelf:
    """One bucket, filled past HTTP, and the door through which it is asked."""

    front: Front
    bucket: str
    region: str = REGION

    def __post_init__(self) -> None:
        from moto.s3.models import s3_backends  # noqa: PLC0415 - slow to import

        self._backend = s3_backends[ACCOUNT]["aws"]
        self._backend.create_bucket(self.bucket, self.region)

    def put(self, key: str, data: bytes, storage: str = "STANDARD") -> None:
        self._backend.put_object(self.bucket, key, data, storage=storage)

    def fill(self, objects: Mapping[str, bytes]) -> None:
        for key, data in objects.items():
            self.put(key, data)

    def delete(self, key: str) -> None:
        self._backend.delete_object(self.bucket, key)


@pytest.fixture
def shelf(door: Front, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    """An empty bucket of its own, and the environment that leads boto3 to it and nowhere else."""
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1"], allow_unix_socket=True)
    for name in filter(ours, list(os.environ)):
        monkeypatch.delenv(name)
    for name, value in environment(door.url).items():
        monkeypatch.setenv(name, value)
    yield Shelf(door, f"flow-logs-{next(_NUMBERS)}")
    door.asked.clear()
    door.rules.clear()


def environment(url: str) -> dict[str, str]:
    return {
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY",
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@functools.cache
def asking(attempts: int) -> Aws:
    """As the environment of :func:`shelf` has it; making clients is slow."""
    patience = Patience(connect=2, read=20, attempts=attempts, pause=0)
    return Aws(patience=patience, sleep=lambda _: None)


@dataclass
class Remembered:
    """A ledger in memory."""

    batches: dict[str, tuple[str, BatchState]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    flow_logs: list[FlowLog] = field(default_factory=list)

    def topology(self) -> Topology:
        return Topology(
            {
                "flow_log": [
                    Version(one, ACCOUNT, REGION, NOW, NOW, None, None) for one in self.flow_logs
                ]
            }
        )

    def done(self, _: str) -> Mapping[str, tuple[str, BatchState]]:
        return self.batches

    def looked(self, _: str) -> Mapping[str, int]:
        return self.seen

    def scanned(self, _: str, __: int) -> int:
        return 0


@dataclass
class Reader:
    """A source over a bucket, with a ledger that remembers what a run would write down."""

    shelf: Shelf
    ledger: Remembered = field(default_factory=Remembered)
    now: int = NOW
    settings: Settings = field(default_factory=Settings)
    attempts: int = 1
    """How often botocore itself tries."""
    got: dict[str, Batch] = field(default_factory=dict)
    """What the newest :meth:`read` read, also when it failed half-way."""

    def source(self, **keys: Any) -> S3Source:
        section = S3Settings.model_validate(
            {
                "name": "bucket",
                "type": "s3",
                "bucket": self.shelf.bucket,
                "since": "6d",
                **keys,
            }
        )
        needs = Needs(self.settings, self.ledger, lambda: self.now, lambda _: None)
        needs.__dict__["_aws"] = asking(self.attempts)
        return S3Source(section, needs)

    def listed(
        self, begin: int | None = None, end: int | None = None, **keys: Any
    ) -> tuple[S3Source, Listing]:
        """A listing that was recorded."""
        source = self.source(**keys)
        listing = source.listing(begin, end)
        self.ledger.seen |= listing.looked
        return source, listing

    def read(self, known: Known = KNOWN, **keys: Any) -> dict[str, Batch]:
        """What a run reads, by key without the bucket."""
        self.got = found = {}
        source = self.source(**keys)
        listing = source.listing(None, None)
        for ref in listing.refs:
            if not is_new(ref, self.ledger.batches):
                continue
            batch = source.read(ref, known)
            self.ledger.batches[ref.key] = (batch.ref.version, batch.state)
            found[ref.key.removeprefix(f"{self.shelf.bucket}/")] = batch
        self.ledger.seen |= listing.looked  # when everything was read, as a run does
        return found


@pytest.fixture
def reader(shelf: Shelf) -> Reader:
    return Reader(shelf)
