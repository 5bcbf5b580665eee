"""A day of flow logs behind a fake Athena, and sources that ask it."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from inventory import config
from inventory.aws import Aws, Patience
from inventory.collect.athena import AthenaSource
from inventory.collect.needs import Needs
from inventory.config import AthenaSettings
from inventory.flowlog.fold import Folder
from inventory.model import DAY, Batch, BatchState, Folded, Known
from inventory.resolve.topology import Topology
from tests.athena.stocking import Shop
from tests.builders import ACCOUNT, REGION, SERVER, SERVER_ENI, mount_target, seen, topology
from tests.fakeaws.results import shelf
from tests.fakeaws.serving import Served, _loader
from tests.fakeaws.warehouse import Warehouse

QUICK = Patience(connect=20, read=20, attempts=1, pause=0)
MIDNIGHT = 1_795_046_400
"""2026-11-19."""
KNOWN = Known(servers=frozenset({SERVER}))
CLIENTS = 40


def slot_name(end: int, flow_log: str = "fl-0123456789abcdef0", part: str = "0") -> str:
    moment = datetime.fromtimestamp(end - end % 300, UTC)
    return f"{ACCOUNT}_vpcflowlogs_{REGION}_{flow_log}_{moment:%Y%m%dT%H%M}Z_{part}.log.gz"


def line(start: int, end: int, source: str, target: str, ports: str, **changes: str) -> str:
    told = {
        "eni": SERVER_ENI,
        "protocol": "6",
        "load": "10 1000",
        "action": "ACCEPT",
        "status": "OK",
    } | changes
    return (
        f"2 {ACCOUNT} {told['eni']} {source} {target} {ports} {told['protocol']} {told['load']} "
        f"{start} {end} {told['action']} {told['status']}"
    )


def silence(start: int, end: int, status: str = "NODATA", eni: str = SERVER_ENI) -> str:
    return f"2 {ACCOUNT} {eni} - - - - - - - {start} {end} - {status}"


HEADER = "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status"


def a_day() -> list[str]:
    """A mount target's records of one day and the first minutes of the next: every kind there is."""
    lines = []
    for number in range(CLIENTS):
        start = MIDNIGHT + number * 2_000
        client = f"10.0.3.{number + 10}"
        lines += [
            line(start, start + 59, client, SERVER, f"{900 + number} 2049"),
            line(start + 1, start + 58, SERVER, client, f"2049 {900 + number}"),
            line(start + 400, start + 430, client, SERVER, f"{900 + number} 2049", action="REJECT"),
        ]
    near = MIDNIGHT + DAY - 2
    lines += [
        line(near, near + 599, "10.0.3.9", SERVER, "1023 2049"),  # lies in the next day's folder
        line(
            MIDNIGHT + DAY, MIDNIGHT + DAY + 60, "10.0.3.8", SERVER, "1023 2049"
        ),  # is the next day's
        line(MIDNIGHT + 50, MIDNIGHT + 70, "10.0.9.9", "10.0.1.99", "1023 2049"),  # nobody known
        line(MIDNIGHT + 50, MIDNIGHT + 70, "10.0.9.9", SERVER, "1023 2049", protocol="17"),
        line(MIDNIGHT + 90, MIDNIGHT + 95, "10.0.9.9", SERVER, "1023 22", action="REJECT"),
        line(
            MIDNIGHT + 90,
            MIDNIGHT + 95,
            "10.0.9.9",
            "10.0.9.8",
            "1023 443",
            eni="eni-0000000000000aaaa",
        ),
        line(MIDNIGHT + 90, MIDNIGHT + 95, SERVER, "10.0.3.7", "2049 2049"),
        # one slot, a silence of more than a minute inside
        line(MIDNIGHT + 600, MIDNIGHT + 610, "10.0.3.10", SERVER, "901 2049"),
        line(MIDNIGHT + 700, MIDNIGHT + 710, "10.0.3.10", SERVER, "901 2049"),
        silence(MIDNIGHT + 30_000, MIDNIGHT + 30_599),
        silence(MIDNIGHT + 30_700, MIDNIGHT + 31_200),
        silence(MIDNIGHT + 40_000, MIDNIGHT + 40_060, "SKIPDATA"),
        silence(MIDNIGHT + 40_061, MIDNIGHT + 40_120, "SKIPDATA"),
    ]
    return lines


def objects(lines: Sequence[str], **name: str) -> dict[str, bytes]:
    """The objects in which AWS delivers them, by name."""
    slots: dict[int, list[str]] = {}
    for each in lines:
        end = int(each.split()[11])
        slots.setdefault(end - end % 300, []).append(each)
    return {
        slot_name(slot, **name): gzip.compress("\n".join([HEADER, *some, ""]).encode(), 1, mtime=0)
        for slot, some in slots.items()
    }


@dataclass
class Book:
    """A ledger of one source that holds what it is told."""

    known: Topology
    batches: dict[str, tuple[str, BatchState]] = field(default_factory=dict)
    bytes: dict[int, int] = field(default_factory=dict)

    def topology(self) -> Topology:
        return self.known

    def done(self, source: str) -> Mapping[str, tuple[str, BatchState]]:  # noqa: ARG002 - of one
        return self.batches

    def looked(self, source: str) -> Mapping[str, int]:  # noqa: ARG002 - of one
        return {}

    def scanned(self, source: str, day: int) -> int:  # noqa: ARG002 - of one
        return self.bytes.get(day, 0)

    def record(self, batch: Batch) -> None:
        self.batches[batch.ref.key] = (batch.ref.version, batch.state)
        self.bytes[batch.scan.day] = self.bytes.get(batch.scan.day, 0) + batch.scan.bytes


@dataclass
class Asking:
    """Sources over the shop's table ``flow_logs.vpc_flow_logs``, and the time."""

    shop: Shop
    aws: Aws
    book: Book
    now: int = MIDNIGHT + 2 * DAY
    slept: list[float] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    def source(self, *, collect: Mapping[str, Any] | None = None, **section: Any) -> AthenaSource:
        document = {
            "collect": {"since": "2026-11-19", **(collect or {})},
            "sources": [
                {
                    "name": "table",
                    "type": "athena",
                    "database": "flow_logs",
                    "table": "vpc_flow_logs",
                }
                | section
            ],
        }
        settings = config.parse(document, folder=Path("/"), environ={})
        needs = Needs(settings, self.book, lambda: self.now, self.sleep)
        needs.__dict__["_aws"] = self.aws
        (one,) = settings.sources
        assert isinstance(one, AthenaSettings)
        return AthenaSource(one, needs)

    def first(self, source: AthenaSource | None = None, known: Known = KNOWN) -> Batch:
        """The first window, read."""
        source = source or self.source()
        return source.read(source.listing(None, None).refs[0], known)


@pytest.fixture
def shop(fake_aws: Served, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    root = tmp_path / "buckets"
    root.mkdir()
    with shelf(root) as served:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", served.url)
        warehouse = Warehouse(root)
        fake_aws.cloud.place(ACCOUNT, REGION).put("athena.warehouse", [warehouse])
        yield Shop(fake_aws, warehouse, served)


@pytest.fixture
def asking(shop: Shop) -> Asking:
    """A day of text by day."""
    for name, content in objects(a_day()).items():
        shop.put(name, content)
    shop.table("default")
    aws = Aws(patience=QUICK, sleep=lambda _: None)
    aws._models.register_component("data_loader", _loader())
    asking = Asking(shop, aws, Book(watching()))
    shop.served.cloud.now = lambda: float(asking.now)
    return asking


def watching() -> Topology:
    """Knowledge of one mount target."""
    return topology(seen(mount_target()))


def by_files(lines: Sequence[str], window: tuple[int, int], known: Known = KNOWN) -> Folded:
    """What reading the records themselves says of a window."""
    folder = Folder("default", known, None, window)
    folder.feed(("\n".join([HEADER, *lines, ""])).encode())
    return folder.finish()
