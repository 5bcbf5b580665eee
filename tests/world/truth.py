"""What every answer must say, counted from the records that were really written.

The rules (the inventory's promises, not its code):

- *Presence* is the union of every row of the client's and the mount target's own interfaces.
- *Counts* come from one witness: for each client, mount target and five-minute slot of the record's
  ``start``, mount-target rows before client rows; never a sum, never a gateway's shadow row.
- ``flows`` are records of accepted requests; ``packets`` and ``bytes`` are requests and responses.
- An interval ends where nothing was seen for longer than the mount gap, blind time not counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tests.world.plan import Account, Connection, Fate, MountTarget, Party
from tests.world.traffic import Record, Role, WindowStyle

SLOT = 300

STATES = ("active", "idle", "ended", "probe", "attempted", "rejected")
"""Of several contacts of one client with one file system, the first of these is its state."""

CONFIDENCES = ("unknown", "candidates", "inferred", "exact")

MOUNTS = frozenset({"active", "idle", "ended", "unknown"})
"""The states of mounts; the others are listed and said to be none."""


@dataclass(frozen=True)
class ExpectedInterval:
    start: int
    end: int
    mount_target_id: str


@dataclass(frozen=True)
class ExpectedClient:
    """One entry of ``who``."""

    file_system: str
    """Its name."""
    file_system_id: str
    kind: str
    ids: tuple[str, ...]
    """One; or the set of candidates, sorted."""
    situation: str
    confidence: str
    """At least this: ``exact``, ``inferred``, or ``candidates``."""
    state: str
    first_seen: int
    last_seen: int
    intervals: tuple[ExpectedInterval, ...]
    """Empty when it is no mount."""
    flows: int | None
    """``None`` (packets and bytes too) where truth does not tell: the client never got an answer, or
    works through a hole while windows are ``spread``."""
    packets: int | None
    bytes: int | None
    rejected_flows: int
    tolerance: int
    """Seconds by which times may differ: the aggregation interval."""
    workload: str
    name: str
    aliases: tuple[tuple[str, str], ...]
    """(kind, id) that are right as well."""
    or_candidates: bool
    """Naming several possible clients, this one among them, is right as well."""

    @property
    def label(self) -> str:
        return f"{self.file_system} ({self.file_system_id}) <- {self.kind} {'/'.join(self.ids)}"


@dataclass(frozen=True)
class ExpectedFileSystem:
    """One entry of ``list``."""

    name: str
    id: str
    deleted: bool
    covered: bool
    """Every mount target's interface is recorded by a flow log."""
    gaps: tuple[tuple[int, int], ...]
    """Holes of a covered one."""
    clients_now: int | None
    last_seen: int | None


@dataclass(frozen=True)
class Truth:
    start: int
    end: int
    clients: tuple[ExpectedClient, ...]
    """By file system, then newest first."""
    file_systems: tuple[ExpectedFileSystem, ...]
    tolerated: frozenset[tuple[str, str]]
    """(kind, id) of unknowns that may be listed at any file system whose address they met: in the
    default format, rows of an interface that no sweep saw tell neither VPC nor owner."""
    forbidden: frozenset[str]
    """Ids and addresses that must never be anybody's client."""
    tally: dict[str, int]
    """Records by outcome, as far as truth decides: ``records``, ``nodata``, ``skipdata``,
    ``not_tcp``, ``other_port``; the rest are requests, responses and strays (``on_2049``)."""

    def of(self, file_system: str) -> list[ExpectedClient]:
        """The clients of a file system, by its name."""
        return [client for client in self.clients if client.file_system == file_system]


def mount_gap(aggregation: int) -> int:
    """Silence that ends a mount, as ``[collect] mount_gap = "auto"`` promises."""
    return max(900, 2 * aggregation + 300)


@dataclass(frozen=True)
class Seen:
    """What the truth is made from."""

    account: Account
    records: Sequence[Record]
    """Everything written."""
    recorded: frozenset[str]
    """Interfaces of which records are written."""
    holes: dict[str, list[tuple[int, int]]]
    """By mount target."""
    aggregation: int
    weak: bool
    """The mount target's side alone in the default format: nothing but addresses."""
    placeless: bool
    """Both sides in the default format: a row of an interface that no sweep saw has no VPC."""
    style: WindowStyle


def tell(seen: Seen, since: int | None = None, until: int | None = None) -> Truth:
    """The truth; ``since`` and ``until`` choose records by their start."""
    account = seen.account
    chosen = [
        r
        for r in seen.records
        if (since is None or since <= r.start) and (until is None or r.start < until)
    ]
    groups: dict[tuple[str, Party], list[Record]] = defaultdict(list)
    for record in chosen:
        connection = record.connection
        if connection is None or connection.party is None or connection.target is None:
            continue
        if record.role is not Role.SHADOW:
            groups[connection.target.file_system.name, connection.party].append(record)
    clients = [_client(seen, name, party, rows) for (name, party), rows in groups.items()]
    clients.sort(key=lambda c: (c.file_system, -c.last_seen, c.ids))
    return Truth(
        start=account.start,
        end=account.end,
        clients=tuple(clients),
        file_systems=tuple(_file_system(seen, fs.name, clients) for fs in account.file_systems),
        tolerated=frozenset(a for c in clients for a in c.aliases)
        if seen.placeless
        else frozenset(),
        forbidden=_forbidden(account),
        tally=_tally(chosen),
    )


def _client(seen: Seen, name: str, party: Party, rows: list[Record]) -> ExpectedClient:
    connections = list({id(c): c for r in rows if (c := r.connection)}.values())
    first = connections[0]
    state = min((c.state for c in connections), key=STATES.index)
    witness = _witness(seen, rows)
    answered = any(c.fate is Fate.ACCEPTED for c in connections)
    if seen.style == "spread" and any(seen.holes.get(_target(r).id) for r in rows):
        answered = False  # records of the two sides overlap at the edges of the hole
    return ExpectedClient(
        file_system=name,
        file_system_id=seen.account.file_system(name).id,
        kind=party.kind,
        ids=party.ids,
        situation=first.situation,
        confidence=min((c.confidence for c in connections), key=CONFIDENCES.index),
        state=state,
        first_seen=min(r.start for r in rows),
        last_seen=max(r.end for r in rows),
        intervals=_intervals(seen, rows) if state in MOUNTS else (),
        flows=sum(r.request and r.action == "ACCEPT" for r in witness) if answered else None,
        packets=sum(r.packets for r in witness) if answered else None,
        bytes=sum(r.bytes for r in witness) if answered else None,
        rejected_flows=sum(r.request and r.action == "REJECT" for r in witness),
        tolerance=seen.aggregation,
        workload=party.workload,
        name=party.name,
        aliases=party.aliases,
        or_candidates=seen.weak and _inherited(seen.account, first),
    )


def _target(record: Record) -> MountTarget:
    assert record.connection is not None
    assert record.connection.target is not None
    return record.connection.target


def _witness(seen: Seen, rows: list[Record]) -> list[Record]:
    """The rows that count: the mount target's; the client's only where the former were not recorded.

    With aligned windows that is the rule of the slots to the letter. With others it is what the rule
    is for: a client's record that begins in another slot than the mount target's record of the same
    packets must not be counted beside it.
    """
    server = [r for r in rows if r.role is Role.SERVER]
    slots = {(_target(r).id, r.start // SLOT) for r in server}
    client = []
    for row in rows:
        target = _target(row)
        blind = target.interface.id not in seen.recorded or any(
            begin <= row.start < end for begin, end in seen.holes.get(target.id, [])
        )
        in_place = blind or seen.style == "aligned"
        if row.role is Role.CLIENT and in_place and (target.id, row.start // SLOT) not in slots:
            client.append(row)
    return server + client


def _intervals(seen: Seen, rows: Iterable[Record]) -> tuple[ExpectedInterval, ...]:
    gap = mount_gap(seen.aggregation)
    found: list[ExpectedInterval] = []
    for row in sorted(rows, key=lambda r: (_target(r).id, r.start, r.end)):
        target = _target(row).id
        last = found[-1] if found and found[-1].mount_target_id == target else None
        if last is None or _silence(last.end, row.start, seen.holes.get(target, [])) > gap:
            found.append(ExpectedInterval(row.start, row.end, target))
        else:
            found[-1] = ExpectedInterval(last.start, max(last.end, row.end), target)
    return tuple(sorted(found, key=lambda i: (i.start, i.mount_target_id)))


def _silence(begin: int, end: int, holes: list[tuple[int, int]]) -> int:
    blind = sum(max(0, min(end, hole[1]) - max(begin, hole[0])) for hole in holes)
    return end - begin - blind


def _inherited(account: Account, connection: Connection) -> bool:
    """The address had other holders in this world."""
    holders = {
        c.client.id
        for c in account.connections
        if c.client is not None
        and connection.client is not None
        and c.client.subnet == connection.client.subnet
        and c.client_address == connection.client_address
    }
    return len(holders) > 1


def _file_system(seen: Seen, name: str, clients: list[ExpectedClient]) -> ExpectedFileSystem:
    file_system = seen.account.file_system(name)
    targets = seen.account.targets_of(name)
    covered = all(target.interface.id in seen.recorded for target in targets)
    own = [c for c in clients if c.file_system == name and c.state in MOUNTS]
    return ExpectedFileSystem(
        name=name,
        id=file_system.id,
        deleted=file_system.deleted is not None,
        covered=covered,
        gaps=tuple(span for target in targets for span in seen.holes.get(target.id, [])),
        clients_now=sum(c.state in {"active", "idle"} for c in own) if covered else None,
        last_seen=max((c.last_seen for c in own), default=None),
    )


def _forbidden(account: Account) -> frozenset[str]:
    """Servers, plumbing, what is hidden behind a gateway, and instances that mount nothing."""
    real = {ident for c in account.connections if c.party for ident in c.party.ids}
    forbidden = {i.id for i in account.instances} | {t.id for t in account.tasks}
    forbidden |= {f.name for f in account.functions}
    for connection in account.connections:
        if connection.through is not None:
            forbidden |= {connection.through.id, *connection.through.addresses}
            if connection.seen_as:
                forbidden.add(connection.client_address)
    for target in account.mount_targets:
        forbidden |= {target.interface.id, *target.interface.addresses}
    for _, interface in account.fsx:
        forbidden |= {interface.id, *interface.addresses}
    return frozenset(forbidden - real)


def _tally(records: Iterable[Record]) -> dict[str, int]:
    tally = dict.fromkeys(("records", "nodata", "skipdata", "not_tcp", "other_port", "on_2049"), 0)
    for record in records:
        on_2049 = 2049 in (record.source_port, record.destination_port)
        tally["records"] += 1
        if record.status != "OK":
            tally[record.status.lower()] += 1
        elif not on_2049:
            tally["other_port"] += 1
        else:
            tally["on_2049" if record.protocol == 6 else "not_tcp"] += 1
    return tally
