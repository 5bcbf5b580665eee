"""Make the flow logs that the benchmarks read: the same bytes for the same arguments, on every machine.

Files are those of one flow log of a VPC as S3 delivery names them, one for each five minutes, 23 fields (version 5) with a header,
one-minute aggregation. NFS is what clients of some mount targets do all the time, recorded on both sides and in both directions; the
rest is web traffic from anywhere, and a few interfaces that are idle.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

FIELDS = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status "
    "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr flow-direction traffic-path"
)
ACCOUNT = "123456789012"
VPC = "vpc-0a1b2c3d4e5f60718"
FIRST_SLOT = 1_790_000_100
MINUTES = 5
ROWS_PER_PAIR = 4 * MINUTES  # two interfaces, two directions, each minute
SERVERS = 60


def _hex(rng: random.Random, digits: int) -> str:
    return f"{rng.getrandbits(digits * 4):0{digits}x}"


class _Network:
    """The interfaces of the account: mount targets and clients, each with address, id and subnet."""

    def __init__(self, seed: int, clients: int) -> None:
        rng = random.Random(seed)
        self.subnets = [f"subnet-{_hex(rng, 17)}" for _ in range(12)]
        self.servers = [
            self._end(rng, f"10.1.{i // 250}.{i % 250 + 4}", instance=False) for i in range(SERVERS)
        ]
        self.clients = [
            self._end(rng, f"10.2.{i // 250}.{i % 250 + 4}", instance=i % 3 > 0)
            for i in range(clients)
        ]

    def _end(
        self, rng: random.Random, address: str, *, instance: bool
    ) -> tuple[str, str, str, str]:
        return (
            address,
            f"eni-{_hex(rng, 17)}",
            rng.choice(self.subnets),
            f"i-{_hex(rng, 17)}" if instance else "-",
        )


def _row(
    end: tuple[str, str, str, str],
    source: str,
    target: str,
    ports: tuple[int, int],
    load: tuple[int, int],
    time: tuple[int, int],
    tail: str,
) -> str:
    _, interface, subnet, instance = end
    return (
        f"5 {ACCOUNT} {interface} {source} {target} {ports[0]} {ports[1]} 6 {load[0]} {load[1]} {time[0]} {time[1]} ACCEPT OK "
        f"{VPC} {subnet} {instance} {tail.split(maxsplit=1)[0]} IPv4 {source} {target} {tail.split()[1]} {tail.split()[2]}\n"
    )


def _nfs(rng: random.Random, network: _Network, pairs: int, slot: int) -> Iterator[str]:
    for number in range(pairs):
        client = network.clients[number % len(network.clients)]
        server = network.servers[(number * 7) % SERVERS]
        port = 600 + number * 37 % 400
        for minute in range(MINUTES):
            start = slot - 58 + 60 * minute + number % 50
            time = start, start + 56
            packets = rng.randrange(4, 3000)
            ask, answer = (packets, packets * 180), (packets, packets * rng.randrange(90, 900))
            yield _row(client, client[0], server[0], (port, 2049), ask, time, "0 egress 1")
            yield _row(server, client[0], server[0], (port, 2049), ask, time, "0 ingress -")
            yield _row(server, server[0], client[0], (2049, port), answer, time, "0 egress 1")
            yield _row(client, server[0], client[0], (2049, port), answer, time, "0 ingress -")


def _web(rng: random.Random, network: _Network, rows: int, slot: int) -> Iterator[str]:
    for _ in range(rows):
        end = network.clients[rng.randrange(len(network.clients))]
        start = slot - 58 + rng.randrange(300)
        time = start, min(slot + 299, max(slot, start + rng.randrange(60)))
        packets = rng.randrange(1, 40)
        load = packets, packets * rng.randrange(40, 1400)
        other = f"{rng.randrange(11, 223)}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"
        ports = rng.randrange(1024, 65536), rng.choice((443, 443, 443, 80, 5432, 53, 6379))
        if rng.random() < 0.5:
            yield _row(end, end[0], other, ports, load, time, f"{rng.choice((2, 3, 0))} egress 2")
        else:
            yield _row(
                end, other, end[0], ports[::-1], load, time, f"{rng.choice((18, 19, 0))} ingress -"
            )


def _idle(network: _Network, rows: int, slot: int) -> Iterator[str]:
    for number in range(rows):
        _, interface, subnet, instance = network.clients[number % len(network.clients)]
        start = slot - 60 + 60 * (number % MINUTES)
        yield (
            f"5 {ACCOUNT} {interface} - - - - - - - {start} {start + 58} - NODATA "
            f"{VPC} {subnet} {instance} - - - - - -\n"
        )


def write(
    folder: Path,
    *,
    files: int = 40,
    lines: int = 100_000,
    nfs: float = 0.03,
    seed: int = 2049,
    flow_log: int = 0,
) -> int:
    """Write ``files`` files of ``lines`` records, a share ``nfs`` of them on 2049; the number of bytes written.

    Another ``flow_log`` (0 to 9) is of the same network, with other traffic.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pairs = int(lines * nfs) // ROWS_PER_PAIR
    idle = lines // 1000
    network = _Network(seed, max(300, pairs))
    total = 0
    for number in range(files):
        rng = random.Random(seed * 1000 + number + 10**9 * flow_log)
        slot = FIRST_SLOT + 300 * number
        rows = [*_nfs(rng, network, pairs, slot), *_idle(network, idle, slot)]
        rows += _web(rng, network, lines - len(rows), slot)
        rng.shuffle(rows)
        text = (FIELDS + "\n" + "".join(rows)).encode()
        path = folder / _name(slot, number, flow_log)
        path.write_bytes(gzip.compress(text, 6, mtime=0))
        total += path.stat().st_size
    return total


def write_sweeps(folder: Path, *, files: int = 40, seed: int = 2049, clients: int = 300) -> None:
    """Two recorded sweeps, before and after the logs: the mount targets, three to a file system, and every interface."""
    network = _Network(seed, clients)
    targets = [
        {
            "MountTargetId": f"fsmt-{number:017x}",
            "FileSystemId": f"fs-{number // 3:017x}",
            "SubnetId": subnet,
            "IpAddress": address,
            "NetworkInterfaceId": interface,
            "VpcId": VPC,
            "LifeCycleState": "available",
        }
        for number, (address, interface, subnet, _) in enumerate(network.servers)
    ]
    systems = sorted({target["FileSystemId"] for target in targets})
    answers = {
        "efs.describe-mount-targets": {"MountTargets": targets},
        "efs.describe-file-systems": {
            "FileSystems": [
                {"FileSystemId": name, "LifeCycleState": "available"} for name in systems
            ]
        },
        "ec2.describe-network-interfaces": {
            "NetworkInterfaces": [_interface(end) for end in (*network.servers, *network.clients)]
        },
    }
    for moment in (FIRST_SLOT - 600, FIRST_SLOT + 300 * (files + 1)):
        stamp = datetime.fromtimestamp(moment, UTC).strftime("%Y%m%dT%H%M%SZ")
        place = folder / stamp / ACCOUNT / "us-east-1"
        place.mkdir(parents=True, exist_ok=True)
        for call, answer in answers.items():
            (place / f"{call}.json").write_text(json.dumps(answer))


def _interface(end: tuple[str, str, str, str]) -> dict[str, object]:
    address, interface, subnet, instance = end
    attached = {"InstanceId": instance, "InstanceOwnerId": ACCOUNT, "DeviceIndex": 0}
    return {
        "NetworkInterfaceId": interface,
        "VpcId": VPC,
        "SubnetId": subnet,
        "OwnerId": ACCOUNT,
        "Status": "in-use",
        "PrivateIpAddresses": [{"Primary": True, "PrivateIpAddress": address}],
        "Attachment": {"AttachTime": "2026-01-01T00:00:00Z", **attached} if instance != "-" else {},
    }


def sweeps_of(logs: Path) -> Path:
    """Where the sweeps that belong to a folder of logs lie."""
    return logs.with_name(logs.name + "-sweeps")


def _name(slot: int, number: int, flow_log: int) -> str:
    stamp = datetime.fromtimestamp(slot, UTC).strftime("%Y%m%dT%H%MZ")
    return (
        f"{ACCOUNT}_vpcflowlogs_us-east-1_fl-0123456789abcdef{flow_log}_{stamp}_{number:08x}.log.gz"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=40)
    parser.add_argument("--lines", type=int, default=100_000, help="records in each file")
    parser.add_argument("--nfs", type=float, default=3.0, help="percent of records on 2049")
    parser.add_argument("--flow-log", type=int, default=0, help="0 to 9: which one of the network")
    given = parser.parse_args()
    total = write(
        given.folder,
        files=given.files,
        lines=given.lines,
        nfs=given.nfs / 100,
        flow_log=given.flow_log,
    )
    pairs = int(given.lines * given.nfs / 100) // ROWS_PER_PAIR
    write_sweeps(sweeps_of(given.folder), files=given.files, clients=max(300, pairs))
    sys.stdout.write(
        f"{given.files * given.lines:,} records, {total / 1e6:.0f} MB gzip in {given.folder}\n"
    )


if __name__ == "__main__":
    main()
