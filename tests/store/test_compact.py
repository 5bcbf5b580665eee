"""Old facts made few: nothing that is answered changes, nothing is counted twice, whoever is killed or comes late."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, func, select

from inventory.flowlog import content
from inventory.model import DAY, Batch, BatchState, Sighting, epoch
from inventory.resolve.networks import Networks
from inventory.resolve.topology import Topology
from inventory.store import Store, compact, mounts
from inventory.store.tables import BATCH, CAPTURE, JOINED, MOUNT_HOUR, SIGHTING
from tests.answers.conftest import HOUR, USUAL, Inventory, batch, own_row, sweep
from tests.answers.conftest import make as make  # noqa: PLC0414 - a fixture
from tests.builders import CLIENT, FS, T, eni, sighting

SLOT = 300
LATER = T + 100 * HOUR

Make = Callable[..., Inventory]


def rows(conn: Connection, table: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - a table
    return sorted(tuple(row) for row in conn.execute(select(table)))


def count(inventory: Inventory, table: Any) -> int:  # noqa: ANN401 - a table
    with inventory.store.reading() as conn:
        return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


def derived(store: Store) -> list[tuple[Any, ...]]:
    with store.reading() as conn:
        return rows(conn, MOUNT_HOUR)


def derived_anew(store: Store) -> list[tuple[Any, ...]]:
    """The mounts that follow from the facts as they are now."""
    with store.writing() as conn:
        topology = store.topology()
        mounts.rebuild(conn, mounts.units_between(conn, None), topology, Networks())
        return rows(conn, MOUNT_HOUR)


def join(inventory: Inventory, before: int = LATER) -> int:
    return inventory.store.compact(before, Networks(), lambda: False)


def slots(number: int, first: int = T, **changes: Any) -> list[Batch]:
    """One file for each slot, in which the mount target recorded the client all the time."""
    return [
        batch(
            [own_row(start, start + SLOT - 10, **changes)],
            [(start, start + SLOT - 10)],
            key=f"{start}.log",
            slot=(start, start + SLOT),
        )
        for start in range(first, first + number * SLOT, SLOT)
    ]


def answers(inventory: Inventory) -> Any:  # noqa: ANN401 - JSON
    return inventory.answers.who(FS, since=T - DAY, until=T + DAY)


def test_a_day_becomes_a_row_an_hour(make: Make) -> None:
    inventory, start = make(), T - T % HOUR
    inventory.learn(*(sweep(start + n * HOUR, *USUAL) for n in range(8, 26)))
    inventory.record(*slots(288, start))
    before, seen = derived(inventory.store), answers(inventory)
    assert count(inventory, SIGHTING) == 288
    assert join(inventory) == 264
    assert count(inventory, SIGHTING) == 24
    assert count(inventory, CAPTURE) == 24
    assert count(inventory, BATCH) == 288  # the ledger stays: nothing is read again
    assert derived(inventory.store) == before == derived_anew(inventory.store)
    assert answers(inventory) == seen
    assert join(inventory) == 0


def test_what_is_young_stays_as_it_was_read(make: Make) -> None:
    inventory = make()
    inventory.record(*slots(36, T - T % HOUR))
    first = T - T % HOUR
    join(inventory, before=first + 2 * HOUR - 1)
    with inventory.store.reading() as conn:
        hours = conn.execute(
            select(SIGHTING.c.hour, func.count())
            .group_by(SIGHTING.c.hour)
            .order_by(SIGHTING.c.hour)
        ).all()
    assert [tuple(row) for row in hours] == [(first, 1), (first + HOUR, 12), (first + 2 * HOUR, 12)]


def test_a_late_file_of_a_joined_day_counts_once(make: Make) -> None:
    inventory = make()
    every = slots(24, T - T % HOUR)
    inventory.record(*every[:5], *every[6:])
    join(inventory)
    inventory.record(every[5])
    inventory.record(every[5])
    (client,) = answers(inventory)["mounts"]
    assert client["packets"] == sum(
        one.packets_in + one.packets_out for batch in every for one in batch.folded.sightings
    )
    assert derived(inventory.store) == derived_anew(inventory.store)


@pytest.mark.parametrize("other", ["fl-0b", "fl-0a"])
def test_a_late_file_of_another_flow_log_adds_nothing(make: Make, other: str) -> None:
    inventory = make()
    every = [
        replace(one, ref=replace(one.ref, flow_log_id="fl-0a")) for one in slots(12, T - T % HOUR)
    ]
    inventory.record(*every)
    counted = answers(inventory)["mounts"][0]["packets"]
    join(inventory)
    late = batch(
        every[4].folded.sightings, key="late.log", slot=every[4].ref.slot, flow_log_id=other
    )
    inventory.record(late)
    grown = answers(inventory)["mounts"][0]["packets"] - counted
    assert (grown > 0) == (other == "fl-0a")  # the same flow log's late file is more of the same


def test_a_file_that_changes_after_its_facts_were_joined_is_kept_out_and_told(make: Make) -> None:
    inventory = make()
    every = slots(12, T - T % HOUR)
    inventory.record(*every)
    join(inventory)
    before = derived(inventory.store)
    again = replace(every[3], ref=replace(every[3].ref, version="2"))
    inventory.record(again)
    assert inventory.store.done("logs")[again.ref.key][0] == "2"  # so it is not read again
    changed = replace(again, digest="another", ref=replace(again.ref, version="3"))
    inventory.record(changed)
    assert derived(inventory.store) == before == derived_anew(inventory.store)
    with inventory.store.reading() as conn:
        told = conn.execute(select(BATCH.c.problem).where(BATCH.c.problem != "")).scalars().all()
    assert len(told) == 1
    assert "joined" in told[0]


@pytest.mark.parametrize("name", ["a.log", "z.log"])
def test_the_same_content_under_another_name_stays_a_duplicate(make: Make, name: str) -> None:
    inventory = make()
    every = slots(12, T - T % HOUR)
    inventory.record(*every)
    join(inventory)
    before = derived(inventory.store)
    copy = replace(every[0], ref=replace(every[0].ref, key=f"0{name}"))
    inventory.record(copy)
    assert inventory.store.done("logs")[f"0{name}"][1].value == "duplicate"
    assert derived(inventory.store) == before == derived_anew(inventory.store)


def test_nothing_is_joined_across_a_moment_at_which_the_address_passed_on(make: Make) -> None:
    inventory, start = make(), T - T % HOUR + 6 * HOUR
    another = eni("eni-0another", CLIENT)
    moments = [T + 7 * HOUR + 1800 + n * 300 for n in range(20)]
    inventory.learn(sweep(moments[0], *USUAL[:3]))
    inventory.learn(*(sweep(moment, *USUAL[:3], another) for moment in moments[1:]))
    inventory.record(*slots(36, start))
    before = derived(inventory.store)
    assert join(inventory) > 11
    assert derived(inventory.store) == before == derived_anew(inventory.store)
    with inventory.store.reading() as conn:
        found = conn.execute(
            select(SIGHTING.c.first_seen, SIGHTING.c.last_seen).where(SIGHTING.c.stray == 0)
        ).all()
    passed_on = (T + 7 * HOUR, moments[1])
    assert not [row for row in found if row[0] < passed_on[0] and row[1] > passed_on[1]]
    assert len([row for row in found if start + HOUR <= row[0] < start + 2 * HOUR]) > 1


def made_up(seed: int) -> list[Batch]:
    """Two hours of clients that come, go, idle, are turned away and are seen from both ends, in files of two flow logs."""
    chance = random.Random(seed)
    start = T - T % HOUR
    files: list[Batch] = []
    busy = dict.fromkeys((CLIENT, "10.0.3.99", "10.0.9.9"), True)
    for begin in range(start, start + 2 * HOUR, SLOT):
        for client in busy:
            busy[client] ^= chance.random() < 0.1
        found = [
            _one_of(client, begin, chance, busy=busy[client])
            for client in busy
            if chance.random() < 0.95
        ]
        seen = [(one.first_seen, one.last_seen) for one in found]
        for flow_log in ("fl-0a", "fl-0b"):
            if chance.random() < 0.1:
                continue
            key, slot = f"{flow_log}/{begin}.log", (begin, begin + SLOT)
            files.append(batch(found, seen, key=key, slot=slot, flow_log_id=flow_log))
    return files


def _one_of(client: str, begin: int, chance: random.Random, *, busy: bool) -> Sighting:
    packets = chance.randrange(20, 90) if busy else chance.randrange(1, 12)
    values: dict[str, Any] = {
        "client": client,
        "requests": chance.randrange(1, 6),
        "responses": chance.randrange(3),
        "packets_in": packets,
        "bytes_in": packets * 60,
        "packets_out": packets,
        "bytes_out": packets * 50,
        "action": "REJECT" if chance.random() < 0.03 else "ACCEPT",
    }
    first, last = begin + chance.randrange(20), begin + chance.randrange(270, 330)
    if chance.random() < 0.05:
        return sighting(**values | {"first_seen": first, "last_seen": last})
    return own_row(first, last, **values)


@pytest.mark.parametrize("seed", range(2))
def test_nothing_that_is_derived_changes(make: Make, seed: int) -> None:
    inventory = make()
    files = made_up(seed)
    inventory.record(*files)
    before = derived(inventory.store)
    coverage = answers(inventory)["coverage"]
    assert join(inventory) > 10
    assert derived(inventory.store) == before == derived_anew(inventory.store)
    assert answers(inventory)["coverage"] == coverage


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transactions of one unit each."""
    monkeypatch.setattr(compact, "UNITS", 1)


@pytest.mark.usefixtures("small")
def test_whoever_is_stopped_anywhere_goes_on(make: Make) -> None:
    """Stopped before each transaction in turn: nothing derived changes in between, and the end is the same."""
    inventory = make()
    inventory.record(*made_up(7))
    before = derived(inventory.store)
    steps = 0
    while True:
        steps += 1
        left = iter([False] * steps + [True])
        gone = inventory.store.compact(LATER, Networks(), partial(next, left))
        assert derived(inventory.store) == before
        assert steps < 100
        with inventory.store.reading() as conn:
            if compact.next_hour(conn, LATER) is None:
                break
        assert gone >= 0
    assert derived_anew(inventory.store) == before
    assert count(inventory, JOINED) > 0
    assert steps > 3


def test_a_file_that_grows_for_days_goes_on_being_read(make: Make) -> None:
    inventory, start = make(), T - T % HOUR

    def grown(hours: Iterable[int], version: str) -> Batch:
        rows = [
            own_row(slot, slot + SLOT - 10)
            for hour in hours
            for slot in range(start + hour * HOUR, start + (hour + 1) * HOUR, SLOT)
        ]
        made = batch(rows, key="app.log")
        return replace(made, digest=version, ref=replace(made.ref, version=version))

    inventory.record(grown([0, 1, 30], "1"))
    join(inventory, before=start + 2 * HOUR)
    inventory.record(grown([0, 1, 30, 31], "2"))
    (client,) = inventory.answers.who(FS, since=T - DAY, until=T + 3 * DAY)["mounts"]
    assert client["flows"] == 48


def test_a_file_with_more_than_what_was_joined_is_a_hole_until_it_is_as_it_was(make: Make) -> None:
    inventory = make()
    every = slots(12, T - T % HOUR)
    inventory.record(*every)
    join(inventory)
    before, (row,) = derived(inventory.store), every[3].folded.sightings
    rows, seen = [row, row._replace(client="10.0.3.99")], [(row.first_seen, row.last_seen)]
    grown = batch(rows, seen, key=every[3].ref.key, slot=every[3].ref.slot)
    inventory.record(replace(grown, digest="more", ref=replace(grown.ref, version="2")))
    assert derived(inventory.store) == before
    assert _failed_at(inventory) == [every[3].ref.slot[0] - 600]  # type: ignore[index]
    inventory.record(replace(every[3], ref=replace(every[3].ref, version="3")))
    assert _failed_at(inventory) == []


def test_a_window_with_more_than_what_was_joined_is_told(make: Make) -> None:
    inventory = make()
    every = [
        replace(one, digest="", ref=replace(one.ref, shrinks=True))
        for one in slots(12, T - T % HOUR)
    ]
    inventory.record(*every)
    join(inventory)
    (row,), slot = every[3].folded.sightings, every[3].ref.slot
    rows, seen = [row, row._replace(client="10.0.3.99")], [(row.first_seen, row.last_seen)]
    grown = batch(rows, seen, key=every[3].ref.key, slot=slot)
    inventory.record(replace(grown, digest="", ref=replace(grown.ref, version="2", shrinks=True)))
    (source,) = inventory.answers.status()["sources"]
    assert [(one["state"], "joined" in one["problem"]) for one in source["unread"]] == [
        ("gone", True)
    ]
    inventory.record(replace(every[3], ref=replace(every[3].ref, version="3")))
    assert _failed_at(inventory) == []


def test_a_joined_file_that_could_not_be_read_for_once_is_no_hole_for_ever(make: Make) -> None:
    inventory = make()
    every = slots(12, T - T % HOUR)
    inventory.record(*every)
    join(inventory)
    again = replace(every[3], ref=replace(every[3].ref, version="2"))
    inventory.record(
        replace(again, state=BatchState.FAILED, folded=content.nothing(), digest="", problem="no")
    )
    assert _failed_at(inventory) != []
    inventory.record(again)
    assert inventory.store.done("logs")[again.ref.key] == ("2", BatchState.DONE)
    assert _failed_at(inventory) == []


def _failed_at(inventory: Inventory) -> list[int]:
    """When holes begin that batches are which could not be read."""
    gaps = inventory.answers.who(FS, since=T - HOUR, until=T + 2 * HOUR)["coverage"]["gaps"]
    return [
        epoch(datetime.fromisoformat(gap["start"]))
        for gap in gaps
        if gap["reason"] == "batch_failed"
    ]


def test_what_is_learnt_meanwhile_decides_what_is_joined(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventory, known = make(), list[bool]()
    inventory.record(*slots(12, T - T % HOUR))
    asked = iter(range(1000))

    def is_over() -> bool:
        if next(asked) == 1:  # before the first transaction, after all was looked up for it
            inventory.learn(sweep(LATER, *USUAL, eni("eni-0another", "10.0.9.9")))
        return False

    def seen(_conn: Connection, topology: Topology, **_: object) -> int:
        known.append(bool(topology.interface_versions("eni-0another")))
        return 0

    monkeypatch.setattr(compact, "compact", seen)
    with inventory.store.sibling() as other:
        other.compact(LATER, Networks(), is_over)
    assert known == [True]
