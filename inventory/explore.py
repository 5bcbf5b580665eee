"""The ad hoc question, without a database: who sent requests to port 2049, counted by source address, read straight from one source.

It is what people ask by hand of Logs Insights or Athena. Nothing is kept. The owner stands beside an address where a sweep is at hand: the
configured database's knowledge, else the newest recorded sweeps.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

from inventory.collect import Source
from inventory.collect.choosing import begin, chosen, opened
from inventory.collect.needs import Needs
from inventory.collect.reading import read_all
from inventory.collect.report import Alike, Progress
from inventory.config import Settings
from inventory.discover import snapshots
from inventory.errors import InventoryError, UsageError
from inventory.model import (
    Attribution,
    Batch,
    BatchState,
    Confidence,
    Known,
    Owner,
    Sighting,
    iso,
)
from inventory.resolve.attribute import attribute, client_end, locate
from inventory.resolve.networks import Networks
from inventory.resolve.topology import Topology
from inventory.store import Store


@runtime_checkable
class Asking(Protocol):
    """A source that has somebody else search: it has a query to show."""

    def query(self, since: int | None, until: int | None) -> str:
        """What it would ask about a stretch of time, as a person could paste it."""
        ...


@dataclass(frozen=True, slots=True)
class Nothing:
    """A ledger in which nothing was done yet; with what sweeps are at hand."""

    known: Topology

    def topology(self) -> Topology:
        """What the sweeps at hand tell."""
        return self.known

    def done(self, source: str) -> Mapping[str, tuple[str, BatchState]]:  # noqa: ARG002 - as a ledger is asked
        """Nothing."""
        return {}

    def looked(self, source: str) -> Mapping[str, int]:  # noqa: ARG002 - as above
        """Nothing."""
        return {}

    def scanned(self, source: str, day: int) -> int:  # noqa: ARG002 - as above
        """Nothing."""
        return 0


@dataclass(slots=True)
class Address:
    """What one source address sent to port 2049."""

    address: str
    requests: int = 0
    """Flow log records of requests, accepted or not; as the records count them, by whichever interface they were recorded."""
    rejected: int = 0
    packets: int = 0
    bytes: int = 0
    first_seen: int = 0
    last_seen: int = 0
    servers: set[str] = field(default_factory=set)
    owners: dict[str, Attribution] = field(default_factory=dict)
    """By how it is named: everybody who had the address when it sent something."""

    def add(self, sighting: Sighting) -> None:
        """One more sighting of it."""
        self.first_seen = min(self.first_seen or sighting.first_seen, sighting.first_seen)
        self.last_seen = max(self.last_seen, sighting.last_seen)
        self.requests += sighting.requests
        self.rejected += sighting.requests if sighting.action == "REJECT" else 0
        self.packets += sighting.packets_in
        self.bytes += sighting.bytes_in
        self.servers.update({sighting.server} - {""})


@dataclass(slots=True)
class Found:
    """The answer."""

    source: str
    window: tuple[int | None, int | None]
    swept: bool
    """Whether any sweep was at hand to name owners by."""
    addresses: list[Address] = field(default_factory=list)
    """Most requests first."""
    batches: int = 0
    first_record: int | None = None
    last_record: int | None = None
    problems: list[str] = field(default_factory=list)
    """What could not be read: the counts lack it."""

    def json(self) -> dict[str, object]:
        """Ready for ``json.dumps``."""
        return {
            "source": self.source,
            "window": {"since": iso(self.window[0]), "until": iso(self.window[1])},
            "batches": self.batches,
            "records": {"first": iso(self.first_record), "last": iso(self.last_record)},
            "swept": self.swept,
            "requests": [_shape(one) for one in self.addresses],
            "problems": self.problems,
        }


def explore(
    settings: Settings,
    name: str,
    span: tuple[int | None, int | None],
    *,
    clock: Callable[[], int],
    progress: Progress,
) -> Found:
    """Requests to port 2049 in one source, by source address.

    ``span`` (epoch seconds, half-open) chooses windows and objects, and of their records those that touch it.
    """
    source, needs, asked = _source(settings, name, span, clock)
    refs = source.listing(*asked).refs
    progress.start(len(refs), sum(ref.size for ref in refs))
    topology = needs.topology
    found = Found(name, asked, swept=bool(topology.versions("network_interface")))
    by_address: dict[str, Address] = {}
    alike = Alike()
    naming = _Naming(topology, Networks(settings.networks))
    # what talks to servers that no sweep shows loses its address first, where a batch is large (inventory.flowlog.groups)
    known = Known(topology.server_addresses())
    for batch in read_all(source, refs, known, settings.collect.workers or 0):
        progress.advance(batch.ref.size, batch.ref.key)
        _note(found, batch, alike)
        for sighting in batch.folded.sightings:
            if sighting.requests and _inside(sighting, span):
                one = by_address.setdefault(sighting.true_client, Address(sighting.true_client))
                one.add(sighting)
                one.owners |= naming.owners(sighting)
    found.addresses = sorted(by_address.values(), key=lambda one: (-one.requests, one.address))
    return found


def query(
    settings: Settings,
    name: str,
    span: tuple[int | None, int | None],
    *,
    clock: Callable[[], int],
) -> str:
    """What the source would ask. Raises ``UsageError`` for one that reads everything itself."""
    source, _, asked = _source(settings, name, span, clock)
    if not isinstance(source, Asking):
        raise UsageError(
            f"source {name}: there is no query: the program reads these logs itself",
            hint="leave out --query",
        )
    return source.query(*asked)


def _source(
    settings: Settings, name: str, span: tuple[int | None, int | None], clock: Callable[[], int]
) -> tuple[Source, Needs, tuple[int | None, int | None]]:
    (section,) = chosen(settings, [name])
    needs = Needs(settings, Nothing(at_hand(settings)), clock, time.sleep)
    return opened(section, needs), needs, (begin(settings, name, span[0], clock()), span[1])


def at_hand(settings: Settings) -> Topology:
    """What is known without asking anybody: by the configured database, else by the newest recorded sweep of each place, else nothing."""
    try:
        with Store.open(settings.database.url) as store:
            return store.topology()
    except InventoryError:
        pass
    newest = {(ref.account, ref.region): ref for ref in _recorded(settings.discover.path)}
    if not newest:
        return Topology({})
    sweeps = [snapshots.read(ref) for _, ref in sorted(newest.items())]
    with (
        tempfile.TemporaryDirectory(prefix="efs-inventory-") as folder,
        Store.open(f"sqlite:///{folder}/sweeps.db", write=True) as store,
    ):
        store.upgrade()
        return store.learn(sweeps, Networks(settings.networks)).topology


def _recorded(folder: Path) -> list[snapshots.SweepRef]:
    """Oldest first; none when there is no such folder."""
    return snapshots.sweeps(folder) if folder.is_dir() else []


def _note(found: Found, batch: Batch, alike: Alike) -> None:
    found.batches += 1
    folded = batch.folded
    firsts = [m for m in (found.first_record, folded.first_record) if m is not None]
    lasts = [m for m in (found.last_record, folded.last_record) if m is not None]
    found.first_record, found.last_record = min(firsts, default=None), max(lasts, default=None)
    if batch.state in (BatchState.FAILED, BatchState.PARTIAL, BatchState.GONE):
        alike.add(found.problems, "", batch)


def _inside(sighting: Sighting, span: tuple[int | None, int | None]) -> bool:
    since, until = span
    return (since is None or sighting.last_seen >= since) and (
        until is None or sighting.first_seen < until
    )


class _Naming:
    """Who had an address; alike sightings of one hour are asked about once."""

    def __init__(self, topology: Topology, networks: Networks) -> None:
        self._topology, self._networks = topology, networks
        self._told: dict[tuple[object, ...], dict[str, Attribution]] = {}

    def owners(self, sighting: Sighting) -> dict[str, Attribution]:
        key = (
            sighting.interface_id,
            sighting.vpc_id,
            sighting.client,
            sighting.pkt_client,
            sighting.server,
            sighting.instance_id,
            sighting.task_arn,
            sighting.next_hop,
            sighting.first_seen // 3600,
        )
        if key not in self._told:
            self._told[key] = self._named(sighting)
        return self._told[key]

    def _named(self, sighting: Sighting) -> dict[str, Attribution]:
        end = client_end([sighting], locate(sighting, self._topology))
        parts = attribute(end, self._topology, self._networks)
        return {
            " or ".join(_name(owner) for owner in one.owners): one
            for part in parts
            if (one := part.attribution).confidence is not Confidence.UNKNOWN
        }


def _name(owner: Owner) -> str:
    name = f" ({owner.name})" if owner.name and owner.name != owner.id else ""
    return f"{owner.kind.value} {owner.id}{name}"


def _shape(one: Address) -> dict[str, object]:
    return {
        "address": one.address,
        "requests": one.requests,
        "rejected": one.rejected,
        "packets": one.packets,
        "bytes": one.bytes,
        "first_seen": iso(one.first_seen),
        "last_seen": iso(one.last_seen),
        "servers": sorted(one.servers),
        "owners": [
            {"name": name, "confidence": a.confidence.value, "method": a.method.value}
            for name, a in sorted(one.owners.items())
        ],
    }
