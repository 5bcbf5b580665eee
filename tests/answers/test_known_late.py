"""A mount target that becomes known long after flow logs of it were read: what was given up by then is no silence."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.model import DAY, Batch, FlowLog
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
