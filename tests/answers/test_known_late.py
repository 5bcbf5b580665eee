"""A mount target that becomes known long after flow logs of it were read: what was given up by then is no silence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from inventory import steps
from inventory.cli.progress import progress_for
from inventory.collect import Listing
from inventory.collect.report import Report
from inventory.config import Settings
from inventory.model import DAY, Batch, BatchRef, FlowLog, Known
from inventory.store import Store
from tests.answers.conftest import HOUR, USUAL, Inventory, batch, own_row, sweep
from tests.builders import FS, VPC, T, eni

SLOT, LATE = 300, T + 9 * DAY
OTHER = eni("eni-0other", "10.7.0.1")


def read(start: int, *, anybody: bool = False) -> Batch:
    """An object of the VPC's flow log, in which somebody may have talked to a server that nobody knows."""
    rows = [own_row(start + 5, start + 290, stray=True)] if anybody else []
    return batch(
        rows,
        [(start, start + 290)],
        interface="eni-0other",
        key=f"{start}.log",
        slot=(start, start + SLOT),
        flow_log_id="fl-1",
    )


def first_days(store: Store) -> Inventory:
    """Two hours of the first day, then the tenth; of the account that the server is in nothing is known."""
    store.upgrade()
    inventory = Inventory(store)
    inventory.learn(sweep(T - HOUR, OTHER))
    starts = range(T - 1800, T + 2 * HOUR, SLOT)
    inventory.record(*(read(start, anybody=start == T + 600) for start in starts), read(LATE))
    return inventory


def learnt(inventory: Inventory) -> Any:  # noqa: ANN401 - JSON
    flow_log = FlowLog("fl-1", VPC, "ALL")
    inventory.learn(*(sweep(LATE + n * 60, *USUAL, OTHER, flow_log) for n in range(2)))
    return inventory.answers.who(FS, since=T, until=T + HOUR)


def test_what_was_given_up_is_no_silence(database_url: str) -> None:
    with Store.open(database_url, write=True) as store:
        inventory = first_days(store)
        store.tidy(store.knowledge())
        answer = learnt(inventory)
        assert answer["mounts"] == []
        assert answer["coverage"]["blind_seconds"] == HOUR
        since = answer["coverage"]["visible_since"]
        assert since is not None
        assert since >= "2026-11-20"


@pytest.mark.parametrize("before", [True, False])
def test_what_is_kept_is_seen(database_url: str, *, before: bool) -> None:
    """Known before it was given up, or not given up yet."""
    with Store.open(database_url, write=True) as store:
        inventory = first_days(store)
        if before:
            learnt(inventory)
            store.tidy(store.knowledge())
        answer = learnt(inventory)
        assert len(answer["mounts"]) == 1
        assert answer["coverage"]["complete"]


def test_a_capture_that_reaches_out_of_what_was_given_up_is_cut(database_url: str) -> None:
    """A file of a day: its first hours are given up, its last ones are not."""
    with Store.open(database_url, write=True) as store:
        store.upgrade()
        inventory = Inventory(store)
        inventory.learn(sweep(T - HOUR, OTHER))
        day = batch([own_row(T + 600, T + 890, stray=True)], [(T, T + DAY)], key="day.log")
        end = T + 7 * DAY + 12 * HOUR
        inventory.record(day, batch([], [(end - 600, end)], key="newest.log"))
        store.tidy(store.knowledge())
        inventory.learn(*(sweep(end + n * 60, *USUAL, OTHER) for n in range(2)))
        for since, seen in ((T, False), (T + 13 * HOUR, True)):
            answer = inventory.answers.who(FS, since=since, until=since + HOUR)
            assert answer["mounts"] == []
            assert answer["coverage"]["complete"] is seen


class Backlog:
    """A source of the files of nine days, read by what was known when reading began; ``learn`` is called while the first is read."""

    name, kind = "logs", "files"

    def __init__(self, learn: Callable[[], None]) -> None:
        self._learn = learn
        self._batches = {
            f"{start}.log": batch(
                [own_row(start + 5, start + 290)],
                [(start, start + 290)],
                key=f"{start}.log",
                slot=(start, start + SLOT),
            )
            for start in [*range(T, T + 40 * SLOT, SLOT), LATE]
        }

    def listing(self, _since: int | None, _until: int | None) -> Listing:
        return Listing([one.ref for one in self._batches.values()])

    def read(self, ref: BatchRef, known: Known) -> Batch:
        if ref.key == f"{T}.log":
            self._learn()
        found = self._batches[ref.key]
        rows = [
            row._replace(stray=row.server not in known.servers) for row in found.folded.sightings
        ]
        return replace(found, folded=replace(found.folded, sightings=rows))


def test_what_is_learnt_while_a_backlog_is_read_holds_for_all_of_it(database_url: str) -> None:
    """A daemon on an empty database begins to sweep and to read at the same time; what was read by then is no stray for ever."""
    with Store.open(database_url, write=True) as store, store.sibling() as other:
        store.upgrade()
        sweeps = [sweep(moment, *USUAL, OTHER) for moment in (T - HOUR, LATE)]
        source = Backlog(lambda: Inventory(other).learn(*sweeps))
        run = steps.Run(store, Settings(), Report(), lambda: LATE + HOUR)
        with progress_for(-1) as progress:
            steps.read(run, source, progress, None)
        (client,) = Inventory(store).answers.who(FS, since=T, until=T + 40 * SLOT)["mounts"]
        assert client["flows"] == 40
