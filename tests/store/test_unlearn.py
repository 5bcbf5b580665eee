"""Old knowledge forgotten: what is kept is named as before, whatever sweep comes late."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import func, select

from inventory.answers import Asked
from inventory.model import DAY, Sweep
from inventory.resolve.networks import Networks
from inventory.store import Kept, Store, mounts
from inventory.store.tables import KNOWLEDGE, MOUNT_HOUR, SWEEP, SWEEP_CALL, SWEEP_KIND
from tests.answers.conftest import HOUR, Inventory, batch, own_row, sweep, upgraded
from tests.builders import (
    FS,
    SERVER,
    SERVER_ENI,
    T,
    eni,
    file_system,
    instance,
    machine_eni,
    mount_target,
)
from tests.conftest import Programme
from tests.store.test_forget import emptied, since_kept

SINCE = T - T % DAY
BEGIN, END = SINCE - 3 * DAY, SINCE + DAY
SERVERS = (
    file_system(creation_time=BEGIN - DAY),
    mount_target(),
    eni(SERVER_ENI, SERVER),
)
ADDRESSES = [f"10.0.3.{number}" for number in range(20, 26)]


@pytest.fixture
def inventory(database_url: str) -> Iterator[Inventory]:
    upgraded(database_url)
    with Store.open(database_url, write=True) as store:
        yield Inventory(store)


def machine(name: int, address: str) -> tuple[Any, ...]:
    instance_id = f"i-{name:017x}"
    return (
        machine_eni(f"eni-{name:017x}", address, instance_id=instance_id, attach_time=None),
        instance(instance_id, launch_time=None),
    )


def sweeps(chance: random.Random) -> list[Sweep]:
    """Machines that come and go and lend each other their addresses; now and then a sweep is not whole."""
    there: dict[str, int] = {}
    found, names = [], 0
    for at in range(BEGIN, END + 1, 6 * HOUR):
        for address in ADDRESSES:
            if address not in there or chance.random() < 0.2:
                names += 1
                there[address] = names
            if chance.random() < 0.15:
                del there[address]
        things = [*SERVERS, *(one for a, n in there.items() for one in machine(n, a))]
        whole = {} if chance.random() < 0.8 else {"whole": ("file_system", "mount_target")}
        found.append(sweep(at, *things, **whole))
    return found


def files(chance: random.Random) -> list[Any]:
    found = []
    for number, begin in enumerate(range(BEGIN, END, 12 * HOUR)):
        rows = [
            own_row(at, at + 590, client=chance.choice(ADDRESSES))
            for at in sorted(chance.sample(range(begin, begin + 12 * HOUR, 600), 6))
        ]
        seen = [(at, at + 599) for at in range(begin, begin + 12 * HOUR, 600)]
        found.append(batch(rows, seen, key=f"{number}.log", slot=(begin, begin + 12 * HOUR)))
    return found


def told(inventory: Inventory) -> list[Any]:
    answers, since = inventory.answers, SINCE + 2 * HOUR
    found = [
        answers.who(FS, since, END),
        *(answers.mounts(address, since, END) for address in ADDRESSES[:2]),
        answers.check_delete(FS, Asked(since=since, until=END)).answer,
    ]
    return [since_kept(one) for one in found]


def rows(store: Store) -> list[tuple[Any, ...]]:
    with store.reading() as conn:
        return sorted(tuple(row) for row in conn.execute(select(MOUNT_HOUR)))


def count(store: Store, table: Any) -> int:  # noqa: ANN401 - a table
    with store.reading() as conn:
        return int(conn.execute(select(func.count()).select_from(table)).scalar_one())


def forgotten(inventory: Inventory, kept: int = SINCE) -> dict[str, int]:
    inventory.store.keep(Kept(SINCE, kept, SINCE), inventory.answers.memories(SINCE))
    inventory.store.drop(lambda: False)
    return inventory.store.unlearn(lambda: False)


def test_what_is_kept_is_named_as_before(inventory: Inventory, programme: Programme) -> None:
    for seed in programme.cases("histories of sweeps forgotten", range(200), 1):
        chance = random.Random(seed)
        every = sweeps(chance)
        late = [every.pop(chance.randrange(len(every) - 5, len(every))) for _ in range(2)]
        inventory.learn(*every)
        inventory.record(*files(chance))
        derived, before = rows(inventory.store), told(inventory)
        gone = forgotten(inventory, SINCE - 3 * DAY)
        assert gone["knowledge"] > 0
        assert gone["sweep_kind"] > 0
        assert told(inventory) == before
        topology = inventory.store.topology()
        with inventory.store.writing() as conn:
            mounts.rebuild(conn, mounts.units_between(conn, None), topology, Networks())
        assert rows(inventory.store) == derived
        assert inventory.store.unlearn(lambda: False) == {}
        inventory.learn(*late)  # of the time that is kept: as good as ever
        after = rows(inventory.store)
        topology = inventory.store.topology()
        with inventory.store.writing() as conn:
            mounts.rebuild(conn, mounts.units_between(conn, None), topology, Networks())
        assert rows(inventory.store) == after
        emptied(inventory)


def test_a_late_sweep_names_the_same_whether_old_knowledge_is_gone_or_not(
    inventory: Inventory, programme: Programme
) -> None:
    """The order decides nothing: forgotten before it comes, or after."""
    ends = []
    for seed in programme.cases("sweeps after forgetting", range(100), 1):
        for forget_first in (True, False):
            chance = random.Random(seed)
            every = sweeps(chance)
            late = every.pop(-2)
            inventory.learn(*every)
            inventory.record(*files(chance))
            if not forget_first:
                inventory.learn(late)
            forgotten(inventory)
            inventory.learn(late)  # when it is known, that says nothing new
            ends.append(told(inventory)[0]["mounts"])
            emptied(inventory)
    assert ends[::2] == ends[1::2]
    assert ends[0]


def test_a_sweep_from_before_is_not_learnt_again(inventory: Inventory) -> None:
    inventory.learn(*sweeps(random.Random(1)))
    inventory.record(batch([], [(SINCE, END)]))
    forgotten(inventory)
    before = count(inventory.store, SWEEP), count(inventory.store, KNOWLEDGE)
    inventory.learn(sweep(BEGIN + 60, *SERVERS, *machine(7777, ADDRESSES[0])))
    assert (count(inventory.store, SWEEP), count(inventory.store, KNOWLEDGE)) == before
    assert not inventory.store.topology().interface_versions(f"eni-{7777:017x}")


def test_what_a_mount_names_and_what_lives_stays(inventory: Inventory) -> None:
    """The end of a client is told by its interface, as long as its mount is."""
    used, unused, alive = (
        machine(1, ADDRESSES[0]),
        machine(2, ADDRESSES[1]),
        machine(3, ADDRESSES[2]),
    )
    inventory.learn(
        *(sweep(at, *SERVERS, *used, *unused, *alive) for at in (BEGIN, BEGIN + HOUR)),
        *(sweep(at, *SERVERS, *alive) for at in range(BEGIN + 2 * HOUR, END + 1, 6 * HOUR)),
    )
    inventory.record(
        batch(
            [own_row(BEGIN + 600, BEGIN + 1200, client=ADDRESSES[0])],
            [(at, at + 599) for at in range(BEGIN, END, 600)],
            slot=(BEGIN, END),
        )
    )
    forgotten(inventory, SINCE - 3 * DAY)
    topology = inventory.store.topology()
    assert [bool(topology.interface_versions(f"eni-{n:017x}")) for n in (1, 2, 3)] == [
        True,
        False,
        True,
    ]
    assert topology.server_interfaces() == {SERVER_ENI}
    (mount,) = inventory.answers.who(FS, BEGIN, END)["mounts"]
    assert [one["ended_reason"] for one in mount["intervals"]] == ["client_deleted"]
    forgotten(inventory, SINCE)  # and goes with it
    assert not inventory.store.topology().interface_versions(f"eni-{1:017x}")


def test_what_an_instance_once_had_stays_with_it(inventory: Inventory) -> None:
    """A second interface tells what an instance is, also of the time after it."""
    first, host = machine(1, ADDRESSES[0])
    second = replace(first, network_interface_id="eni-0000000000second1", device_index=1)
    other = replace(second, network_interface_id="eni-00000000000other1", instance_id="i-00gone")
    inventory.learn(
        *(sweep(at, *SERVERS, first, host, second, other) for at in (BEGIN, BEGIN + HOUR)),
        *(sweep(at, *SERVERS, first, host) for at in range(BEGIN + 2 * HOUR, END, 6 * HOUR)),
    )
    inventory.record(batch([], [(SINCE, END)]))
    forgotten(inventory)
    topology = inventory.store.topology()
    assert topology.interface_versions(second.network_interface_id)
    assert not topology.interface_versions(other.network_interface_id)


def test_where_few_sweeps_were_whole_nothing_is_forgotten(inventory: Inventory) -> None:
    inventory.learn(
        *(sweep(at, *SERVERS, *machine(1, ADDRESSES[0])) for at in (BEGIN, BEGIN + HOUR)),
        *(sweep(at, *SERVERS) for at in (BEGIN + 2 * HOUR, SINCE + HOUR)),
    )
    inventory.record(batch([], [(SINCE, END)]))
    assert forgotten(inventory) == {}


def test_sweeps_that_say_nothing_any_more_go_but_the_newest(inventory: Inventory) -> None:
    only = ("network_interface",)
    inventory.learn(*(sweep(at, eni(), whole=only) for at in range(BEGIN, SINCE, 6 * HOUR)))
    inventory.record(batch([], [(SINCE, END)]))
    number = count(inventory.store, SWEEP)
    gone = forgotten(inventory)
    assert gone["sweep"] == gone["sweep_kind"] == number - 4
    assert count(inventory.store, SWEEP_CALL) == count(inventory.store, SWEEP_KIND) == 4
    (place,) = inventory.answers.status()["sweeps"]
    assert place["last"] is not None
