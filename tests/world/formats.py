"""Flow log formats, and records as the gzip text objects that AWS delivers to S3."""

from __future__ import annotations

import gzip
import io
import random
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import polars as pl

from tests.world.plan import ACCOUNT, REGION, Instance
from tests.world.traffic import Record

SLOT = 300
"""Seconds of one object's slot of record ``end`` times."""

DEFAULT = (
    "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} "
    "${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}"
)
RECOMMENDED = DEFAULT + (
    " ${vpc-id} ${subnet-id} ${instance-id} ${tcp-flags} ${type} ${pkt-srcaddr} ${pkt-dstaddr} "
    "${flow-direction} ${traffic-path} ${ecs-cluster-name} ${ecs-service-name} ${ecs-task-arn} "
    "${next-hop-interface-id} ${next-hop-vpc-id}"
)
V11 = (
    "${start} ${end} ${vpc-id} ${interface-id} ${interface-type} ${instance-tag} "
    "${next-hop-interface-id} ${next-hop-interface-type} ${next-hop-vpc-id} ${pkt-dstaddr} "
    "${pkt-srcaddr} ${dstaddr} ${srcaddr} ${dstport} ${srcport} ${protocol} ${log-status} "
    "${action} ${bytes} ${packets} ${az-id} ${instance-id} ${flow-direction} ${version}"
)
MINIMAL = "${interface-id} ${dstport}"
"""Says that an interface spoke to some server on 2049, and no more."""

FORMATS = {"default": DEFAULT, "recommended": RECOMMENDED, "v11": V11, "minimal": MINIMAL}

Container = Literal["gzip", "plain", "parquet"]
"""How objects are stored; AWS writes gzip text and Parquet, people unpack."""

SUFFIXES: dict[Container, str] = {"gzip": "log.gz", "plain": "log", "parquet": "log.parquet"}

_INT32 = {"version", "srcport", "dstport", "protocol", "tcp-flags", "traffic-path"}
_INT64 = {"packets", "bytes", "start", "end"}

_GATEWAY_TYPES = {"nat_gateway", "transit_gateway", "network_load_balancer", "vpc_endpoint"}


def names(log_format: str) -> list[str]:
    """Field names of a ``${…}`` format, in order; they are also the header of its files."""
    return [token[2:-1] for token in log_format.split()]


class Renderer:
    """Renders records in one format, as text lines."""

    def __init__(self, log_format: str, instances: Iterable[Instance]) -> None:
        fields = names(log_format)
        self.names = fields
        self.header = " ".join(fields)
        self._tags = {instance.id: instance.name for instance in instances}
        self._version = "2" if log_format == DEFAULT else "11"
        self._traffic = [self._field(name) for name in fields]
        kept = {"version", "account-id", "interface-id", "start", "end", "log-status"}
        self._silence = [self._field(name) if name in kept else _dash for name in fields]

    def line(self, record: Record) -> str:
        """One line. NODATA and SKIPDATA show dashes for everything that is not about the record."""
        fields = self._traffic if record.status == "OK" else self._silence
        return " ".join([field(record) for field in fields])

    def text(self, records: Iterable[Record]) -> bytes:
        """A file of records: the header, then a line each."""
        return "\n".join([self.header, *map(self.line, records), ""]).encode()

    def parquet(self, records: Iterable[Record]) -> bytes:
        """The same as columns: underscore names, AWS's types, a missing number is null."""
        lines = [self.line(record).split(" ") for record in records]
        frame = pl.DataFrame(
            {
                name.replace("-", "_"): pl.Series(
                    [None if dtype != pl.String and v == "-" else v for v in values]
                ).cast(dtype)
                for name, values in zip(self.names, zip(*lines, strict=True), strict=True)
                for dtype in (_column_type(name),)
            }
        )
        stream = io.BytesIO()
        frame.write_parquet(stream, compression="gzip")
        return stream.getvalue()

    def stored(self, records: Iterable[Record], container: Container) -> bytes:
        """One object."""
        if container == "parquet":
            return self.parquet(records)
        text = self.text(records)
        return gzip.compress(text, 1, mtime=0) if container == "gzip" else text

    def _field(self, name: str) -> Callable[[Record], str]:
        own: dict[str, Callable[[Record], str]] = {
            "version": lambda _: self._version,
            "instance-tag": self._instance_tag,
        }
        return own.get(name) or _FIELDS[name]

    def _instance_tag(self, record: Record) -> str:
        return quote(self._tags.get(_instance_id(record), ""), safe="") or "-"


def _column_type(name: str) -> type[pl.DataType]:
    return pl.Int32 if name in _INT32 else pl.Int64 if name in _INT64 else pl.String


def _dash(_: Record) -> str:
    return "-"


def _instance_id(record: Record) -> str:
    attachment = record.interface.attached(record.start) if record.interface.own_machine else None
    return attachment.instance_id if attachment and attachment.instance_id else "-"


def _ecs(record: Record, value: str) -> str:
    return value if record.interface.task_arn and not record.opening else "-"


def _interface_type(kind: str) -> str:
    return kind if kind in _GATEWAY_TYPES else "-"


_FIELDS: dict[str, Callable[[Record], str]] = {
    # AWS: may be the word unknown for interfaces that services made.
    "account-id": lambda r: "unknown" if r.interface.description.startswith("EFS ") else ACCOUNT,
    "interface-id": lambda r: r.interface.id,
    "srcaddr": lambda r: r.source,
    "dstaddr": lambda r: r.destination,
    "srcport": lambda r: str(r.source_port),
    "dstport": lambda r: str(r.destination_port),
    "protocol": lambda r: str(r.protocol),
    "packets": lambda r: str(r.packets),
    "bytes": lambda r: str(r.bytes),
    "start": lambda r: str(r.start),
    "end": lambda r: str(r.end),
    "action": lambda r: r.action,
    "log-status": lambda r: r.status,
    "vpc-id": lambda r: r.interface.subnet.vpc.id,
    "subnet-id": lambda r: r.interface.subnet.id,
    "instance-id": _instance_id,
    "tcp-flags": lambda r: str(r.flags),
    "type": lambda r: "IPv6" if ":" in r.source else "IPv4",
    "pkt-srcaddr": lambda r: r.packet_source,
    "pkt-dstaddr": lambda r: r.packet_destination,
    "az-id": lambda r: f"euc1-az{'ab'.index(r.interface.subnet.zone) + 1}",
    "flow-direction": lambda r: "egress" if r.egress else "ingress",
    "traffic-path": lambda r: "1" if r.egress else "-",
    "ecs-cluster-name": lambda r: _ecs(r, "ci"),
    "ecs-service-name": lambda r: _ecs(r, "-"),
    "ecs-task-arn": lambda r: _ecs(r, r.interface.task_arn),
    "interface-type": lambda r: _interface_type(r.interface.interface_type),
    "next-hop-interface-id": lambda r: r.next_hop.id if r.next_hop else "-",
    "next-hop-vpc-id": lambda r: r.next_hop.subnet.vpc.id if r.next_hop else "-",
    "next-hop-interface-type": lambda r: (
        _interface_type(r.next_hop.interface_type) if r.next_hop else "-"
    ),
}


def write_objects(
    folder: Path,
    logs: Iterable[tuple[str, list[Record]]],
    renderer: Renderer,
    seed: int,
    container: Container = "gzip",
) -> list[Path]:
    """Writes ``(flow log id, its records)`` as AWS does: objects named for a slot of ``end`` times,
    sometimes two to a slot, lines in no order, the header first. Returns the files, oldest first.
    """
    rng = random.Random(f"objects {seed}")
    written: list[Path] = []
    for flow_log_id, records in logs:
        slots: dict[int, list[Record]] = defaultdict(list)
        for record in records:
            slots[record.end - record.end % SLOT].append(record)
        for slot, held in sorted(slots.items()):
            rng.shuffle(held)
            cut = rng.randint(1, len(held) - 1) if len(held) > 1 and rng.random() < 0.15 else 0
            for part in (held[:cut], held[cut:]):
                if part:
                    key = object_key(flow_log_id, slot, f"{rng.getrandbits(32):08x}")
                    path = folder / f"{key}.{SUFFIXES[container]}"
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(renderer.stored(part, container))
                    written.append(path)
    return sorted(written, key=lambda path: (path.name.split("_")[4], path.name))


def object_key(flow_log_id: str, slot: int, part: str) -> str:
    """Key of an object as AWS names it, without its suffix."""
    moment = datetime.fromtimestamp(slot, UTC)
    name = f"{ACCOUNT}_vpcflowlogs_{REGION}_{flow_log_id}_{moment:%Y%m%dT%H%MZ}_{part}"
    return f"AWSLogs/{ACCOUNT}/vpcflowlogs/{REGION}/{moment:%Y/%m/%d}/{name}"
