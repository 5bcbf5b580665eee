"""Cases in which a plausible answer is wrong: counted twice, given to the wrong client, called complete without having looked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from inventory.config import Settings
from inventory.model import KINDS, Confidence, FlowLog, Sighting, Span, Vpc, iso
from inventory.resolve.counting import Fact
from inventory.resolve.derive import Unit, derive
from inventory.resolve.networks import Networks
from inventory.store import Store
from tests.answers.conftest import (
    END,
    HOUR,
    USUAL,
    Filled,
    Inventory,
    batch,
    own_row,
    sweep,
    upgraded,
)
from tests.builders import (
    ACCOUNT,
    CLIENT,
    CLIENT_ENI,
    FS,
    INSTANCE,
    SERVER,
    SERVER_ENI,
    VPC,
    T,
    access_point,
    eni,
    file_system,
    function,
    instance,
    lambda_eni,
    machine_eni,
    mount_target,
    seen,
    sighting,
    topology,
)

Make = Callable[..., Inventory]
SERVER_SIDE = USUAL[:3]


def looked(first: int, last: int) -> list[Span]:
    """Records in each ten minutes."""
    return [(moment, moment + 600) for moment in range(first, last, 600)]


ALL_DAY = looked(T, END)


def without(*kinds: str) -> list[str]:
    return [kind for kind in KINDS if kind not in kinds]


def rejected_row() -> Sighting:
    return own_row(
        T + 170,
        T + 230,
        action="REJECT",
        requests=5,
        responses=0,
        packets_in=5,
        bytes_in=300,
        packets_out=0,
        bytes_out=0,
    )


def only(answer: dict[str, Any]) -> dict[str, Any]:
    (mount,) = answer["mounts"]
    return dict(mount)


def clients_now(inventory: Inventory) -> int | None:
    number: int | None = inventory.answers.list()["file_systems"][0]["clients_now"]
    return number


@pytest.fixture
def bare(database_url: str, filled: Filled) -> Iterator[Inventory]:
    """An inventory that has learnt nothing."""
    filled("upgraded", upgraded)
    with Store.open(database_url, write=True) as store:
        yield Inventory(store)


# -- counting --------------------------------------------------------------------------------------


def test_a_flow_log_of_accepted_and_one_of_rejected_traffic_add_up(make: Make) -> None:
    inventory = make()
    accepted = own_row(T + 100, T + 160, requests=2)
    inventory.record(
        batch([accepted], ALL_DAY, key="a", flow_log_id="fl-0a"),
        batch([rejected_row()], key="r", flow_log_id="fl-0b"),
    )
    mount = only(inventory.answers.who(FS, T, END))
    assert (mount["flows"], mount["rejected_flows"]) == (2, 5)


def test_one_flow_log_in_two_overlapping_sources_counts_once(make: Make) -> None:
    inventory = make()
    same = batch([own_row(T + 100, T + 160, requests=2)], ALL_DAY, flow_log_id="fl-0a")
    inventory.record(same)
    inventory.record(same, source="other")
    assert only(inventory.answers.who(FS, T, END))["flows"] == 2


# -- whose it is -----------------------------------------------------------------------------------


def test_traffic_after_the_client_is_gone_is_not_its_own(make: Make) -> None:
    inventory = make(*SERVER_SIDE)
    client = (machine_eni(), instance())
    inventory.learn(sweep(T - 60, *SERVER_SIDE, *client))
    inventory.learn(sweep(T + 900, *SERVER_SIDE, *client))
    inventory.learn(sweep(T + 1800, *SERVER_SIDE))
    rows = [own_row(moment, moment + 599) for moment in range(T, T + HOUR, 600)]
    inventory.record(batch(rows, ALL_DAY))
    mounts = inventory.answers.who(FS, T, END)["mounts"]
    ends = [mount["last_seen"] for mount in mounts if mount["client"]["id"] == INSTANCE]
    assert ends
    assert max(ends) <= iso(T + 2400)
    assert sum(mount["flows"] for mount in mounts) == 6


@pytest.mark.parametrize("responses", [0, 1])
def test_an_unknown_appliance_on_the_way_is_no_client(make: Make, responses: int) -> None:
    """Its interface records the client's packets too, and the record names the appliance's instance."""
    inventory = make()
    on_the_way = {"interface_id": "eni-0000000000000f1f1", "instance_id": "i-0000000000000f1f1"}
    minutes = range(T, T + HOUR, 60)
    rows = [own_row(moment, moment + 59) for moment in minutes]
    rows += [
        sighting(first_seen=moment, last_seen=moment + 59, responses=responses, **on_the_way)
        for moment in minutes
    ]
    inventory.record(batch(rows, ALL_DAY))
    mounts = inventory.answers.who(FS, T, END)["mounts"]
    assert {mount["client"]["id"] for mount in mounts} == {INSTANCE}


def test_a_record_without_interface_names_the_client_of_its_own_time_only() -> None:
    known = topology(
        seen(mount_target(), -9999, 99999),
        seen(eni(SERVER_ENI, SERVER), -9999, 99999),
        seen(Vpc(VPC, ACCOUNT, ("10.0.0.0/16",)), -9999, 99999),
    )
    named = sighting(interface_id="", instance_id=INSTANCE, responses=1)
    later = own_row(T + 2000, T + 2060)
    facts = [Fact(named, "fl-b", "s", "k", 1), Fact(later, "fl-a", "s", "l", 2)]
    rows = derive(Unit(SERVER, CLIENT, T), facts, known, Networks())
    assert rows[-1].first_seen == later.first_seen
    assert rows[-1].attribution.confidence is Confidence.UNKNOWN


def test_a_function_lives_on_while_one_of_its_interfaces_does(bare: Inventory) -> None:
    """Of two interfaces the one seen last is deleted; the other is at work still."""
    stays = lambda_eni("eni-0000000000000c0ff", "10.0.3.12")
    there = (*SERVER_SIDE, access_point(), function("writer", "fsap-1"), stays)
    goes = lambda_eni(CLIENT_ENI, CLIENT)
    late = T + 2 * HOUR
    bare.learn(*(sweep(T + n * HOUR, *there, goes) for n in range(-1, 3)))
    bare.learn(sweep(late + 600, *there), sweep(late + 1200, *there))
    rows = [own_row(moment, moment + 59) for moment in range(T, late + 540, 60)]
    rows += [
        own_row(moment, moment + 59, client="10.0.3.12") for moment in range(T, late + 480, 60)
    ]
    bare.record(batch(rows, looked(T, late + 900)))
    assert clients_now(bare) == 1


def test_a_window_inside_of_a_long_mount_gap_has_the_mount(make: Make) -> None:
    inventory = make()
    inventory.settings = Settings.model_validate({"collect": {"mount_gap": "3h"}})
    late = T + 2 * HOUR
    inventory.record(batch([own_row(T + 100, T + 160), own_row(late, late + 60)], ALL_DAY))
    assert len(only(inventory.answers.who(FS, T, END))["intervals"]) == 1
    assert only(inventory.answers.who(FS, T + 6000, T + 7000))["client"]["id"] == INSTANCE


# -- not looked ------------------------------------------------------------------------------------


def test_mount_targets_that_were_never_listed_may_have_clients(make: Make) -> None:
    inventory = make(file_system(creation_time=T - 100 * HOUR), whole=without("mount_target"))
    inventory.record(batch([], ALL_DAY))
    assert clients_now(inventory) is None


def test_mount_targets_before_the_first_sweep_are_unknown(bare: Inventory) -> None:
    """That the first sweep shows none says nothing of the days before it."""
    bare.learn(sweep(T, SERVER_SIDE[0]), *(sweep(T + n * HOUR, *SERVER_SIDE) for n in range(1, 5)))
    bare.record(batch([], looked(T, T + 4 * HOUR)))
    before = bare.answers.who(FS, T - 50 * HOUR, T - 10 * HOUR)
    assert not before["coverage"]["complete"]


def test_mount_targets_after_the_last_sweep_are_unknown(bare: Inventory) -> None:
    """That the last sweep shows none says nothing of the days after it, which another interface's log makes known."""
    bare.learn(*(sweep(T + n * HOUR, *SERVER_SIDE) for n in range(3)))
    bare.learn(*(sweep(T + n * HOUR, SERVER_SIDE[0]) for n in range(3, 6)))
    end = T + 4 * HOUR
    bare.record(batch([], looked(T, end)), batch(key="later"))
    bare.record(batch([], [(end, T + 300 * HOUR)], key="z", interface="eni-other"))
    after = bare.answers.who(FS, T + 100 * HOUR, T + 200 * HOUR)
    assert not after["coverage"]["complete"]


@pytest.mark.parametrize(("number", "listed"), [(2, ()), (3, USUAL[1:])])
def test_fewer_mount_targets_listed_than_the_file_system_says_are_not_all(
    make: Make, number: int, listed: tuple[Any, ...]
) -> None:
    said = file_system(creation_time=T - 100 * HOUR, number_of_mount_targets=number)
    inventory = make(said, *listed)
    inventory.record(batch([], ALL_DAY))
    assert not inventory.answers.who(FS, T, END)["coverage"]["complete"]
    assert clients_now(inventory) is None


def test_only_rejected_traffic_in_a_log_without_a_name_does_not_cover(make: Make) -> None:
    """The log may be the flow log of rejected traffic, though one of all traffic exists."""
    inventory = make(*USUAL, FlowLog("fl-0a", VPC, "ALL"), FlowLog("fl-0b", VPC, "REJECT"))
    inventory.record(batch([rejected_row()], ALL_DAY))
    assert not inventory.answers.who(FS, T, END)["coverage"]["complete"]


def test_equal_files_of_two_flow_logs_are_not_duplicates(make: Make) -> None:
    """Without traffic, a flow log of all traffic and one of rejected traffic deliver the same bytes."""
    inventory = make(*USUAL, FlowLog("fl-0a", VPC, "ALL"), FlowLog("fl-0b", VPC, "REJECT"))
    every = batch([], ALL_DAY, key="z-all", flow_log_id="fl-0a")
    rejects = batch([], ALL_DAY, key="a-rejects", flow_log_id="fl-0b")
    for one in (every, rejects):
        inventory.record(replace(one, digest="same"))
        assert inventory.answers.who(FS, T, END)["coverage"]["complete"]
