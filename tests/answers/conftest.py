"""A small inventory on both databases: one file system, one mount target, and whatever sightings a test adds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from inventory.answers import Answers
from inventory.config import Settings
from inventory.model import (
    KINDS,
    Asked,
    Batch,
    BatchRef,
    BatchState,
    CallState,
    Capture,
    CaptureKind,
    Folded,
    Outcome,
    Sighting,
    Span,
    Sweep,
    Tally,
)
from inventory.resolve.networks import Networks
from inventory.store import Store
from tests.builders import (
    ACCOUNT,
    REGION,
    SERVER,
    SERVER_ENI,
    T,
    eni,
    file_system,
    instance,
    machine_eni,
    mount_target,
    sighting,
)

HOUR = 3600
END = T + 6 * HOUR
"""The newest record of the usual inventory."""


def sweep(moment: int, *things: Any, whole: Iterable[str] = KINDS) -> Sweep:
    """Everything that there is at a moment; ``whole`` kinds are completely seen."""
    kinds = {shape: kind for kind, (shape, _) in KINDS.items()}
    items: dict[str, list[Any]] = {}
    for thing in things:
        items.setdefault(kinds[type(thing)], []).append(thing)
    return Sweep(
        f"sweep-{moment}",
        moment,
        ACCOUNT,
        REGION,
        {"ec2.describe-network-interfaces": CallState.WHOLE},
        {},
        frozenset(whole),
        {kind: tuple(values) for kind, values in items.items()},
    )


USUAL = (
    file_system(creation_time=T - 100 * HOUR),
    mount_target(),
    eni(SERVER_ENI, SERVER),
    machine_eni(),
    instance(),
)


def batch(
    sightings: Iterable[Sighting] = (),
    seen: Iterable[Span] = (),
    *,
    skipped: Iterable[Span] = (),
    key: str = "a.log",
    state: BatchState = BatchState.DONE,
    problem: str = "",
    slot: Span | None = None,
    flow_log_id: str = "",
    interface: str = SERVER_ENI,
) -> Batch:
    """A batch of one mount target's flow log: ``seen`` and ``skipped`` are its interface's own records."""
    found = list(sightings)
    captures = [Capture(interface, CaptureKind.SEEN, a, b, 600) for a, b in seen]
    captures += [Capture(interface, CaptureKind.SKIPPED, a, b, 600) for a, b in skipped]
    rows: list[Sighting | Capture] = [*found, *captures]
    moments = [m for one in rows for m in _span(one)]
    ref = BatchRef(key, "1", 100, flow_log_id=flow_log_id, slot=slot)
    tally = Tally({Outcome.REQUEST: len(found), Outcome.NODATA: len(captures)})
    folded = Folded(
        found, captures, tally, min(moments, default=None), max(moments, default=None), ""
    )
    return Batch(ref, state, folded, problem, digest=key)


def _span(one: Sighting | Capture) -> Span:
    return (one.first_seen, one.last_seen) if isinstance(one, Sighting) else (one.start, one.end)


def own_row(first: int, last: int, **changes: Any) -> Sighting:
    """The mount target's own row of the client's traffic."""
    values = {
        "interface_id": SERVER_ENI,
        "first_seen": first,
        "last_seen": last,
        "responses": 1,
        "packets_out": 90,
        "bytes_out": 9000,
    }
    return sighting(**(values | changes))


@dataclass
class Inventory:
    """A database and what is asked of it."""

    store: Store
    settings: Settings = field(default_factory=Settings)

    def learn(self, *sweeps: Sweep) -> None:
        self.store.learn(sweeps, Networks())

    def remember(self, answered: Sequence[Asked]) -> None:
        """What a history was asked, and told nothing of."""
        self.store.learn([], Networks(), answered)

    def record(self, *batches: Batch, source: str = "logs") -> None:
        self.store.record(source, "files", batches, self.store.knowledge(), Networks())

    @property
    def answers(self) -> Answers:
        return Answers(self.store, self.settings)


Filled = Callable[[str, Callable[[str], None]], None]
MOMENTS = [T + n * HOUR for n in range(-1, 8)]


def upgraded(url: str) -> None:
    """Make the newest schema in an empty database."""
    with Store.open(url, write=True) as store:
        store.upgrade()


def usually(url: str) -> None:
    """Fill an empty database with the usual sweeps."""
    upgraded(url)
    with Store.open(url, write=True) as store:
        store.learn([sweep(moment, *USUAL) for moment in MOMENTS], Networks())


@pytest.fixture
def make(database_url: str, filled: Filled) -> Iterator[Callable[..., Inventory]]:
    """``make(*things)``: an inventory that swept these things (default: the usual ones) before and after everything."""
    with ExitStack() as stack:
        opened: list[Store] = []

        def build(*things: Any, whole: Iterable[str] = KINDS) -> Inventory:
            usual = not opened and not things and whole is KINDS
            if not opened:
                filled("usual" if usual else "upgraded", usually if usual else upgraded)
                opened.append(stack.enter_context(Store.open(database_url, write=True)))
            inventory = Inventory(opened[0])
            if not usual:
                inventory.learn(
                    *(sweep(moment, *(things or USUAL), whole=whole) for moment in MOMENTS)
                )
            return inventory

        yield build
