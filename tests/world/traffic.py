"""Connections as flow log records: who records what, in which window of aggregation.

A record holds the packets of one direction of one five-tuple that one interface saw in one window;
its ``start`` and ``end`` are the first and the last of them. So exact counts follow from what was
really sent.
"""

from __future__ import annotations

import ipaddress
import random
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from tests.world.plan import Account, Connection, Fate, Interface, MountTarget, Via


class Role(StrEnum):
    """Who recorded it: the server's interface, the client's own, a gateway on the way."""

    SERVER = "server"
    CLIENT = "client"
    SHADOW = "shadow"
    NOISE = "noise"


@dataclass(slots=True)
class Record:
    """One line of a flow log; ``connection`` and ``role`` are the truth behind it."""

    interface: Interface
    start: int
    end: int
    status: str = "OK"
    action: str = "ACCEPT"
    source: str = ""
    destination: str = ""
    source_port: int = 0
    destination_port: int = 0
    protocol: int = 6
    packets: int = 0
    bytes: int = 0
    packet_source: str = ""
    packet_destination: str = ""
    egress: bool = False
    next_hop: Interface | None = None
    flags: int = 0
    opening: bool = False
    """First record of its connection here: ECS fields are not filled in yet."""
    connection: Connection | None = None
    role: Role = Role.NOISE
    request: bool = False


@dataclass(frozen=True)
class View:
    """One direction of a connection as one interface records it."""

    interface: Interface
    role: Role
    request: bool
    egress: bool
    source: str
    destination: str
    packet_source: str
    packet_destination: str
    next_hop: Interface | None
    action: str


WindowStyle = Literal["aligned", "spread", "nitro"]
"""``aligned``: every window begins on the clock. ``spread``: each interface has a phase of its own.
``nitro``: interfaces of instances aggregate over a minute whatever the flow log says, as AWS
documents for Nitro instances; mount targets over the flow log's interval."""


class Windows:
    """The windows of aggregation of each interface."""

    def __init__(self, aggregation: int, style: WindowStyle = "aligned") -> None:
        self.aggregation = aggregation
        self.style = style

    def step(self, interface: Interface) -> int:
        """Seconds of one window."""
        nitro = self.style == "nitro" and interface.own_machine
        return min(60, self.aggregation) if nitro else self.aggregation

    def begin(self, interface: Interface, moment: int) -> int:
        """Start of the window that holds ``moment``."""
        step = self.step(interface)
        phase = zlib.crc32(interface.id.encode()) % step if self.style == "spread" else 0
        return moment - (moment - phase) % step


def records(
    account: Account, windows: Windows, interfaces: Iterable[Interface], seed: int
) -> list[Record]:
    """Everything that flow logs of ``interfaces`` record, in no particular order."""
    recorded = {interface.id: interface for interface in interfaces}
    made: list[Record] = []
    for connection in account.connections:
        for view in _views(connection):
            if view.interface.id in recorded:
                made.extend(_view_records(connection, view, windows))
    skipped = _skips(account, windows, recorded)
    made = [r for r in made if not _inside(skipped.get(r.interface.id, []), r.start)]
    for interface_id, spans in skipped.items():
        for begin, end in spans:
            made.append(
                Record(recorded[interface_id], begin, end - 1, status="SKIPDATA", action="")
            )
    made.extend(_rest(account, windows, recorded, made, seed))
    return made


def skipped_spans(account: Account, windows: Windows, target: MountTarget) -> list[tuple[int, int]]:
    """The holes of a mount target, rounded outwards to its windows and joined."""
    joined: list[tuple[int, int]] = []
    for begin, end in _skips(account, windows, {target.interface.id: target.interface}).get(
        target.interface.id, []
    ):
        if joined and joined[-1][1] == begin:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((begin, end))
    return joined


def _inside(spans: list[tuple[int, int]], moment: int) -> bool:
    return any(begin <= moment < end for begin, end in spans)


def _skips(
    account: Account, windows: Windows, recorded: dict[str, Interface]
) -> dict[str, list[tuple[int, int]]]:
    skips: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for target, begin, end in account.holes:
        if target.interface.id in recorded:
            at = windows.begin(target.interface, begin)
            while at < end:
                skips[target.interface.id].append((at, at + windows.step(target.interface)))
                at += windows.step(target.interface)
    return skips


def _views(connection: Connection) -> Iterator[View]:
    """Both directions at every interface that sees them."""
    answered = connection.fate is Fate.ACCEPTED
    at_server = connection.seen_as or connection.client_address
    server_address = connection.server_address
    last_hop = connection.through or connection.client
    if connection.server is not None and connection.fate is not Fate.LOST:
        # The next hop of what came from a transit gateway is not told; of what leaves to it, it is.
        sender = None if connection.via is Via.TRANSIT_GATEWAY else last_hop
        yield from _pair(
            connection.server,
            Role.SERVER,
            at_server,
            server_address,
            hops=(sender, last_hop),
            egress=False,
            answered=answered,
            action="REJECT" if connection.fate is Fate.REJECTED else "ACCEPT",
        )
    if connection.client is not None:
        six = ":" in server_address
        own = connection.client.ipv6 if six else connection.client.addresses[0]
        yield from _pair(
            connection.client,
            Role.CLIENT,
            own,
            server_address,
            # What never arrived had no next hop to tell.
            hops=(None, None)
            if connection.fate is Fate.LOST
            else (connection.server, connection.server),
            egress=True,
            answered=answered,
            true_client=connection.client_address,
        )
    if connection.through is not None:
        yield from _gateway_views(connection, connection.through, answered=answered)


def _gateway_views(connection: Connection, gateway: Interface, *, answered: bool) -> Iterator[View]:
    """A gateway's interface shows its own address; the packet's are in ``pkt-*`` (AWS's examples
    of transit and NAT gateways).
    """
    own, client, server = gateway.addresses[0], connection.client_address, connection.server_address
    nat = connection.via is Via.NAT
    yield from _pair(
        gateway,
        Role.SHADOW,
        own,
        server,
        hops=(connection.server, connection.server),
        egress=True,
        answered=answered,
        true_client=own if nat else client,
    )
    if nat:
        # The inner side: towards the client the gateway shows itself in the server's place.
        yield from _pair(
            gateway,
            Role.SHADOW,
            client,
            own,
            hops=(None, None),
            egress=False,
            answered=answered,
            true_server=server,
        )


def _pair(
    interface: Interface,
    role: Role,
    client: str,
    server: str,
    *,
    hops: tuple[Interface | None, Interface | None],
    egress: bool,
    answered: bool,
    true_client: str = "",
    true_server: str = "",
    action: str = "ACCEPT",
) -> Iterator[View]:
    client, server = _spelled(client), _spelled(server)
    packet_client, packet_server = _spelled(true_client or client), true_server or server
    yield View(
        interface,
        role,
        request=True,
        egress=egress,
        source=client,
        destination=server,
        packet_source=packet_client,
        packet_destination=packet_server,
        next_hop=hops[0],
        action=action,
    )
    if answered:
        yield View(
            interface,
            role,
            request=False,
            egress=not egress,
            source=server,
            destination=client,
            packet_source=packet_server,
            packet_destination=packet_client,
            next_hop=hops[1],
            action=action,
        )


def _spelled(address: str) -> str:
    """As flow logs spell it: IPv6 compressed, whatever EC2 said."""
    return str(ipaddress.ip_address(address))


def _view_records(connection: Connection, view: View, windows: Windows) -> Iterator[Record]:
    current: Record | None = None
    window = -1
    for packet in connection.packets:
        count = packet.requests if view.request else packet.responses
        size = packet.request_bytes if view.request else packet.response_bytes
        if not count:
            continue
        begin = windows.begin(view.interface, packet.at)
        if current is None or begin != window:
            if current is not None:
                yield current
            current = _blank(connection, view, packet.at, opening=current is None)
            window = begin
        current.packets += count
        current.bytes += size
        current.end = packet.at
    if current is not None:
        yield current


def _blank(connection: Connection, view: View, at: int, *, opening: bool) -> Record:
    ports = (connection.port, connection.server_port)
    # SYN and SYN-ACK show only in the window of the opening; later ones are ACK only: 0.
    flags = (2 if view.request else 18) if opening and connection.protocol == 6 else 0
    return Record(
        interface=view.interface,
        start=at,
        end=at,
        action=view.action,
        source=view.source,
        destination=view.destination,
        source_port=ports[0] if view.request else ports[1],
        destination_port=ports[1] if view.request else ports[0],
        protocol=connection.protocol,
        packet_source=view.packet_source,
        packet_destination=view.packet_destination,
        egress=view.egress,
        next_hop=view.next_hop,
        flags=flags,
        opening=opening,
        connection=connection,
        role=view.role,
        request=view.request,
    )


def _rest(
    account: Account,
    windows: Windows,
    recorded: dict[str, Interface],
    made: list[Record],
    seed: int,
) -> Iterator[Record]:
    """What fills the other windows: NODATA, or an instance's traffic on other ports.

    With windows of a minute only mount targets say NODATA, to keep the world small.
    """
    rng = random.Random(f"rest {seed}")
    taken = {(r.interface.id, windows.begin(r.interface, r.start)) for r in made}
    servers = {target.interface.id for target in account.mount_targets}
    for interface in recorded.values():
        step = windows.step(interface)
        if step < 300 and interface.id not in servers:
            continue
        since = max(account.start, interface.since)
        until = min(account.end, interface.until or account.end)
        begin = windows.begin(interface, since)
        begin += step if begin < since else 0
        for at in range(begin, until - step + 1, step):
            if interface.own_machine and rng.random() < 0.5:
                yield _noise(interface, at, step, rng)
            elif (interface.id, at) not in taken:
                yield Record(interface, at, at + step - 2, status="NODATA", action="")


def _noise(interface: Interface, at: int, step: int, rng: random.Random) -> Record:
    source, destination = (
        interface.addresses[0],
        f"52.94.{rng.randint(0, 255)}.{rng.randint(1, 254)}",
    )
    return Record(
        interface,
        at + rng.randint(0, 20),
        at + step - rng.randint(2, 20),
        source=source,
        destination=destination,
        source_port=rng.randint(32_768, 60_999),
        destination_port=443,
        packets=rng.randint(5, 900),
        bytes=rng.randint(900, 90_000),
        packet_source=source,
        packet_destination=destination,
        egress=True,
    )
