"""The churn's traffic as flow log records: what each end records, in windows of aggregation, exact or as late as AWS allows."""

from __future__ import annotations

import random
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.churn.plan import ACCOUNT, VPC, Churn, Use

LATE = 60
"""AWS: a record's start and end may be up to 60 seconds after the packet was sent or received."""

FILE = 900
"""Seconds of records, by their end, in one file."""

FIELDS = {
    "v2": (
        "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end "
        "action log-status"
    ),
    "v5": (
        "version vpc-id subnet-id interface-id type srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport dstport "
        "protocol tcp-flags packets bytes start end action log-status flow-direction"
    ),
    "v11": (
        "version vpc-id interface-id srcaddr dstaddr pkt-srcaddr pkt-dstaddr srcport dstport protocol packets "
        "bytes start end action log-status next-hop-interface-id"
    ),
}
"""None of them names an instance or a task: who it was must come from interfaces and addresses."""


@dataclass(frozen=True)
class Seeing:
    """How flow logs look at the churn."""

    name: str
    fields: str
    aggregation: int = 60
    clients: bool = False
    """The clients' interfaces are recorded too; else the mount targets' alone."""
    late: bool = False


class Record(NamedTuple):
    """Both directions of one connection in one window, and the truth behind it."""

    use: Use
    start: int
    end: int
    recorder: str
    next_hop: str
    at_server: bool
    port: int


def records(churn: Churn, seeing: Seeing) -> Iterator[Record]:
    """Everything recorded, in no particular order."""
    rng = random.Random(f"traffic {churn.seed}")
    delays = random.Random(f"delays {churn.seed}")
    for use in churn.uses:
        target = churn.mount_target(use.file_system)
        for _ in range(rng.choice((1, 1, 2))):
            port, moments = rng.randint(30_000, 60_000), _moments(use, rng)
            for recorder, hop, at_server in (
                (target.interface, use.interface, True),
                (use.interface, target.interface, False),
            ):
                if at_server or seeing.clients:
                    for first, last in _windows(moments, recorder, seeing.aggregation):
                        start, end = first, last
                        if seeing.late:
                            start += delays.randint(0, LATE)
                            end = max(start, last + delays.randint(0, LATE))
                        yield Record(use, start, end, recorder, hop, at_server, port)


def _moments(use: Use, rng: random.Random) -> list[int]:
    """When packets were sent: at both ends of the use, and every half a minute or so between."""
    moments, now = [use.since], use.since
    while (now := now + rng.randint(5, 50)) < use.until:
        moments.append(now)
    return [*moments, use.until]


def _windows(moments: Iterable[int], recorder: str, aggregation: int) -> list[tuple[int, int]]:
    """First and last packet of each window; each interface's windows have a phase of their own."""
    phase = zlib.crc32(recorder.encode()) % aggregation
    held: dict[int, list[int]] = defaultdict(list)
    for moment in moments:
        held[(moment - phase) // aggregation].append(moment)
    return [(min(some), max(some)) for some in held.values()]


def lines(record: Record, seeing: Seeing, server: str) -> Iterator[str]:
    """The request and the response."""
    use = record.use
    client = use.address if record.at_server else use.shown
    for request in (True, False):
        here, there = (client, server) if request else (server, client)
        sent, received = (use.address, server) if request else (server, use.address)
        ports = (record.port, 2049) if request else (2049, record.port)
        values = {
            "version": "2" if seeing.fields == "v2" else "11" if seeing.fields == "v11" else "5",
            "account-id": ACCOUNT,
            "interface-id": record.recorder,
            "vpc-id": VPC,
            "subnet-id": "-",
            "type": "IPv4",
            "srcaddr": here,
            "dstaddr": there,
            "pkt-srcaddr": sent,
            "pkt-dstaddr": received,
            "srcport": ports[0],
            "dstport": ports[1],
            "protocol": 6,
            "tcp-flags": 0,
            "packets": 40,
            "bytes": 9000,
            "start": record.start,
            "end": record.end,
            "action": "ACCEPT",
            "log-status": "OK",
            "flow-direction": "egress" if request != record.at_server else "ingress",
            "next-hop-interface-id": record.next_hop,
        }
        yield " ".join(str(values[name]) for name in FIELDS[seeing.fields].split())


def write(folder: Path, churn: Churn, seeing: Seeing, made: Iterable[Record]) -> dict[int, Path]:
    """Files of a quarter of an hour each, by when they begin: the header, then lines in no order."""
    rng = random.Random(f"files {churn.seed}")
    held: dict[int, list[str]] = defaultdict(list)
    for record in made:
        server = churn.mount_target(record.use.file_system).address
        held[record.end - record.end % FILE].extend(lines(record, seeing, server))
    written: dict[int, Path] = {}
    for begin, text in sorted(held.items()):
        rng.shuffle(text)
        path = folder / f"{begin // 86_400}" / f"records-{begin}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([FIELDS[seeing.fields], *text, ""]), encoding="ascii")
        written[begin] = path
    return written
