"""The story as flow log files: one gzip file an hour, as a flow log of type ALL on the VPC would deliver them."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path

from inventory.demo import story
from inventory.demo.story import AGGREGATION, BEGIN, END, Client, Contact, FileSystem
from inventory.model import HOUR, instant

HEADER = (
    "version account-id interface-id srcaddr dstaddr srcport dstport protocol packets bytes start end action log-status "
    "vpc-id subnet-id instance-id tcp-flags type pkt-srcaddr pkt-dstaddr flow-direction ecs-task-arn next-hop-interface-id"
)


def write(folder: Path) -> int:
    """Write the files below ``folder``; how many lines they hold."""
    written = 0
    for hour in range(BEGIN, END, HOUR):
        lines = [line for slot in range(hour, hour + HOUR, AGGREGATION) for line in _slot(slot)]
        path = folder / f"{instant(hour):%Y/%m/%d/%H}.log.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            gzip.compress("\n".join([HEADER, *lines, ""]).encode(), compresslevel=1, mtime=0)
        )
        written += len(lines)
    return written


def _slot(slot: int) -> Iterator[str]:
    """Every record of one aggregation interval."""
    for file_system in story.FILE_SYSTEMS:
        spoken = [
            (client, what)
            for client in story.CLIENTS
            if client.file_system == file_system.name and client.first <= slot < client.end
            if (what := story.contact(client.pattern, slot)) is not None
        ]
        for subnet, number in file_system.addresses:
            server = f"10.20.{1 if subnet == 'a' else 2}.{number}"
            here = [each for each in spoken if each[0].subnet == subnet]
            yield from _mount_target(file_system, subnet, server, here, slot)
            for client, what in here:
                if client.interface:
                    yield from _rows(_ours(client), client, server, what, slot)


def _mount_target(
    file_system: FileSystem,
    subnet: str,
    server: str,
    spoken: Iterable[tuple[Client, Contact]],
    slot: int,
) -> Iterator[str]:
    """What the mount target's own interface recorded: contacts, or that there were none, or that records were skipped."""
    interface = story.made_id("eni", f"{file_system.name}-{subnet}")
    name, begin, end = story.SKIPPED
    if file_system.name == name and begin <= slot < end:
        yield _empty(interface, subnet, slot, "SKIPDATA")
        return
    rows = [
        row
        for client, what in spoken
        for row in _rows((interface, subnet, "-", "-"), client, server, what, slot)
    ]
    yield from rows or [_empty(interface, subnet, slot, "NODATA")]


def _ours(client: Client) -> tuple[str, str, str, str]:
    return client.interface, client.subnet, client.instance or "-", client.task_arn or "-"


def _rows(
    recorder: tuple[str, str, str, str], client: Client, server: str, what: Contact, slot: int
) -> Iterator[str]:
    """The request, and the response if there was one, as one interface recorded them."""
    interface, subnet, instance, task = recorder
    at_server = interface != client.interface
    next_hop = (
        (client.interface or "-")
        if at_server
        else story.made_id("eni", f"{client.file_system}-{subnet}")
    )
    port = 700 + sum(client.name.encode()) % 300
    start = slot
    action = "ACCEPT" if what.accepted or not at_server else "REJECT"

    def row(source: str, target: str, ports: str, packets: int, size: int, direction: str) -> str:
        return (
            f"11 {story.ACCOUNT} {interface} {source} {target} {ports} 6 {packets} {size} {start} {start + what.seconds - 1} {action} OK "
            f"{story.VPC} {story.SUBNETS[subnet]} {instance} 3 IPv4 {source} {target} {direction} {task} {next_hop}"
        )

    yield row(
        client.address,
        server,
        f"{port} 2049",
        what.packets,
        what.size,
        "ingress" if at_server else "egress",
    )
    if what.accepted:
        answered = max(what.packets * 9 // 10, 1)
        yield row(
            server,
            client.address,
            f"2049 {port}",
            answered,
            what.size * 4 // 3,
            "egress" if at_server else "ingress",
        )


def _empty(interface: str, subnet: str, slot: int, status: str) -> str:
    return (
        f"11 {story.ACCOUNT} {interface} - - - - - - - {slot} {slot + AGGREGATION - 1} - {status} "
        f"{story.VPC} {story.SUBNETS[subnet]} - - - - - - - -"
    )
