"""Facts: what flow logs say, and how they were read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from inventory.model.times import SLOT, Span


class Outcome(StrEnum):
    """How a flow log record ended; every record read ends in exactly one."""

    REQUEST = "request"
    RESPONSE = "response"
    STRAY = "stray"
    OTHER_PORT = "other_port"
    NOT_TCP = "not_tcp"
    NODATA = "nodata"
    SKIPDATA = "skipdata"
    MALFORMED = "malformed"
    NO_TIME = "no_time"
    NOT_VPC_FLOW = "not_vpc_flow"
    OUT_OF_WINDOW = "out_of_window"


@dataclass(slots=True)
class Tally:
    """Counts of records by :class:`Outcome`, and the first few bad lines with their reason, for ``status``."""

    counts: dict[Outcome, int] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)

    def add(self, outcome: Outcome, count: int = 1) -> None:
        """Count records that ended so."""
        if count:
            self.counts[outcome] = self.counts.get(outcome, 0) + count

    def merge(self, other: Tally) -> None:
        """Add another tally's counts, and of its bad lines what there is room for."""
        for outcome, count in other.counts.items():
            self.add(outcome, count)
        self.bad.extend(other.bad[: max(0, 5 - len(self.bad))])

    @property
    def records(self) -> int:
        """Every record read, whatever its outcome."""
        return sum(self.counts.values())


class Sighting(NamedTuple):
    """What one interface recorded between one client and one server address on port 2049, in one run inside one slot.

    Texts that the format does not carry, or that the record shows as ``-``, are ``""``. Addresses are canonical text.
    """

    interface_id: str
    """The recording interface."""
    vpc_id: str
    """VPC of the recording interface, as the record says."""
    client: str
    """The end that is not on 2049, as ``srcaddr``/``dstaddr`` show it."""
    server: str
    """The end on 2049."""
    action: str
    """``ACCEPT``, ``REJECT`` or ``""``."""
    pkt_client: str
    """The client's address by ``pkt-srcaddr``/``pkt-dstaddr`` where it differs from ``client``."""
    instance_id: str
    """Instance of the *recording* interface, as the record says."""
    task_arn: str
    """``ecs-task-arn`` of the recording interface, as the record says."""
    next_hop: str
    """``next-hop-interface-id``: the interface at the other end of this hop."""
    az_id: str
    first_seen: int
    """Earliest ``start`` of the run."""
    last_seen: int
    """Latest ``end`` of the run."""
    requests: int
    responses: int
    packets_in: int
    """Packets of requests (towards the server)."""
    bytes_in: int
    packets_out: int
    """Packets of responses."""
    bytes_out: int
    stray: bool
    """No server was known at the 2049-end when this was read; kept a week, for a later sweep may show one."""

    @property
    def slot(self) -> int:
        """Begin of the five minutes in which it began."""
        return self.first_seen - self.first_seen % SLOT

    @property
    def true_client(self) -> str:
        """The client's address, as far as the record tells it."""
        return self.pkt_client or self.client


class CaptureKind(StrEnum):
    """What a run of an interface's own records says about looking: ``seen`` (OK, NODATA) or ``skipped`` (SKIPDATA, a hole)."""

    SEEN = "seen"
    SKIPPED = "skipped"


class Capture(NamedTuple):
    """A stretch of time in which an interface's own records show that it was captured (or that capturing skipped)."""

    interface_id: str
    kind: CaptureKind
    start: int
    end: int
    longest: int
    """Longest single record in seconds: what the aggregation interval can be told from."""


@dataclass(frozen=True, slots=True)
class Known:
    """What reading needs of knowledge: which addresses were ever a server on 2049, and which interfaces can never be one."""

    servers: frozenset[str] = frozenset()
    boring: frozenset[str] = frozenset()
    """Interfaces that a sweep showed and that are no server's: their NODATA proves nothing we need, so it is not kept."""


@dataclass(slots=True)
class Folded:
    """One batch, folded: what it adds to the facts."""

    sightings: list[Sighting]
    captures: list[Capture]
    tally: Tally
    first_record: int | None
    """Earliest ``start`` of an examined record."""
    last_record: int | None
    """Latest ``end`` of an examined record."""
    format: str
    """The format in ``${…}`` form, ``""`` when no line told it; several, joined by a newline, when a batch mixes them."""


class BatchState(StrEnum):
    """``partial``: cut, the lines before the cut count. ``foreign``: no flow log, no hole. ``duplicate``: the content of another path."""

    DONE = "done"
    PARTIAL = "partial"
    FAILED = "failed"
    FOREIGN = "foreign"
    DUPLICATE = "duplicate"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class BatchRef:
    """What a source will read as one unit, before it is read."""

    key: str
    """Identity inside the source: path relative to it, or bucket and key, or window."""
    version: str
    """Changes when the content does: size and mtime, or ETag and size."""
    size: int
    """Bytes as stored; for progress."""
    flow_log_id: str = ""
    account: str = ""
    region: str = ""
    slot: Span | None = None
    """Record ``end`` times it holds, by its name (S3 names) or window."""
    shrinks: bool = False
    """A window of a log that forgets: fewer records at a later reading mean that they are gone there, not that they never were."""


class Scan(NamedTuple):
    """What reading a batch had AWS scan, and be paid for: the day (UTC, days since 1970) and bytes."""

    day: int = 0
    bytes: int = 0


NO_SCAN = Scan()


@dataclass(slots=True)
class Batch:
    """A batch that was read: its state, why, and what it adds."""

    ref: BatchRef
    state: BatchState
    folded: Folded
    problem: str = ""
    """For people: what is wrong with it, when the state is not ``done``."""
    digest: str = ""
    """Of the stored bytes; the same content under another path counts once."""
    scan: Scan = NO_SCAN
