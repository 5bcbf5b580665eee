"""An independent model of what is read: logs that are counted while they are written, and the same out of a database."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from inventory.store import Store
from inventory.store.tables import MOUNT_HOUR
from tests.world.plan import ACCOUNT, HOUR
from tests.world.world import World

WORLD = World()

TARGET = next(
    target
    for target in WORLD.account.mount_targets
    if target.file_system.deleted is None and target.interface.until is None
)
INTERFACE = TARGET.interface
SERVER = INTERFACE.addresses[0]

COLUMNS = ("requests_ok", "responses_ok", "packets_in", "bytes_in", "packets_out", "bytes_out")


@dataclass
class Model:
    """What was written into the logs, counted while writing: by client and hour the seconds it was seen and the sums of :data:`COLUMNS`."""

    counts: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    spans: dict[tuple[str, int], tuple[int, int]] = field(default_factory=dict)

    def lines(self, client: str, start: int, minutes: int) -> str:
        """What the mount target's interface records of a client: a request and a response each minute."""
        made = []
        for minute in range(minutes):
            at = start + 60 * minute
            asked, answered = (9 + minute % 3, 1500 + minute), (8 + minute % 2, 1600 + minute)
            for ends, (packets, size) in (
                (f"{client} {SERVER} 40000 2049", asked),
                (f"{SERVER} {client} 2049 40000", answered),
            ):
                made.append(
                    f"2 {ACCOUNT} {INTERFACE.id} {ends} 6 {packets} {size} {at} {at + 59} ACCEPT OK\n"
                )
            hour = at // HOUR * HOUR
            for name, number in zip(COLUMNS, (1, 1, *asked, *answered), strict=True):
                self.counts[client, hour, name] += number
            first, last = self.spans.get((client, hour), (at, at))
            self.spans[client, hour] = (min(first, at), max(last, at + 59))
        return "".join(made)

    def expected(self) -> list[list[Any]]:
        return sorted(
            [client, hour, *span, *(self.counts[client, hour, name] for name in COLUMNS)]
            for (client, hour), span in self.spans.items()
        )


def counted(url: str) -> list[list[Any]]:
    """The same out of a database's mount hours."""
    hours = MOUNT_HOUR.c
    statement = (
        select(
            hours.client,
            hours.hour,
            func.min(hours.first_seen),
            func.max(hours.last_seen),
            *(func.sum(hours[name]) for name in COLUMNS),
        )
        .where(hours.file_system_id == TARGET.file_system.id)
        .group_by(hours.client, hours.hour)
    )
    with Store.open(url) as store, store.reading() as conn:
        return sorted([row[0], *map(int, row[1:])] for row in conn.execute(statement))
