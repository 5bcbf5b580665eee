"""``status``: the newest word on every call, places that no sweep knows, fields that are a dash, calls used."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select, update

from inventory.aws import Use
from inventory.config import Settings
from inventory.discover.calls import SWEPT
from inventory.model import Batch, CallState, Sighting, Sweep, iso
from inventory.store.tables import BATCH
from tests.answers.conftest import END, HOUR, USUAL, Inventory, batch, own_row, sweep
from tests.builders import (
    ACCOUNT,
    CLIENT,
    CLIENT_ENI,
    REGION,
    VPC,
    T,
    eni,
    sighting,
)

Make = Callable[..., Inventory]

WHOLE, BROKEN = CallState.WHOLE, CallState.BROKEN
OTHER = "444455556666"
ENIS, FUNCTIONS = "ec2.describe-network-interfaces", "lambda.list-functions"


def live(
    moment: int, account: str = ACCOUNT, region: str = REGION, **calls: CallState | str
) -> Sweep:
    """A sweep of some calls; a text is the problem of a broken one. ``ec2__describe_vpcs`` is ``ec2.describe-vpcs``."""
    named = {call.replace("__", ".").replace("_", "-"): said for call, said in calls.items()}
    states = {c: said if isinstance(said, CallState) else BROKEN for c, said in named.items()}
    problems = {call: said for call, said in named.items() if not isinstance(said, CallState)}
    return Sweep(f"live {moment}", moment, account, region, states, problems, frozenset(), {})


def place(answer: Mapping[str, Any], account: str, region: str = REGION) -> dict[str, Any]:
    (found,) = (
        one for one in answer["sweeps"] if (one["account"], one["region"]) == (account, region)
    )
    return {call["call"]: call for call in found["calls"]} | {"of": found}


# -- sweeps ----------------------------------------------------------------------------------------


def test_each_call_has_a_newest_word_of_its_own(make: Make) -> None:
    inventory = make()
    inventory.learn(
        live(T + 8 * HOUR, lambda__list_functions=WHOLE),
        live(T + 9 * HOUR, lambda__list_functions="AccessDenied"),
        live(T + 10 * HOUR, lambda__list_functions="Throttled", ecs__list_clusters=WHOLE),
    )
    answer = inventory.answers.status()
    calls = place(answer, ACCOUNT)
    assert calls[ENIS] == {
        "call": ENIS,
        "state": "whole",
        "problem": None,
        "asked_at": iso(T + 7 * HOUR),
        "whole_at": iso(T + 7 * HOUR),
    }
    assert calls[FUNCTIONS] == {
        "call": FUNCTIONS,
        "state": "broken",
        "problem": "Throttled",
        "asked_at": iso(T + 10 * HOUR),
        "whole_at": iso(T + 8 * HOUR),
    }
    assert calls["ecs.describe-tasks"]["state"] == "missing"
    assert calls["ecs.describe-tasks"]["asked_at"] is None
    assert set(SWEPT) <= calls.keys()
    assert (calls["of"]["sweeps"], calls["of"]["first"], calls["of"]["last"]) == (
        12,
        iso(T - HOUR),
        iso(T + 10 * HOUR),
    )
    line = f"account {ACCOUNT} {REGION}: {FUNCTIONS} is broken (Throttled), whole last at {iso(T + 8 * HOUR)}"
    assert line in answer["problems"]


def test_a_call_that_answers_again_is_no_problem(make: Make) -> None:
    inventory = make()
    inventory.learn(live(T + 8 * HOUR, lambda__list_functions="AccessDenied"))
    assert any(FUNCTIONS in line for line in inventory.answers.status()["problems"])
    inventory.learn(live(T + 9 * HOUR, lambda__list_functions=WHOLE))
    assert not any(FUNCTIONS in line for line in inventory.answers.status()["problems"])


def test_an_account_of_which_nothing_answers_is_one_line_and_the_first(make: Make) -> None:
    inventory = make()
    denied = "the role cannot be assumed"
    inventory.learn(
        live(T + 8 * HOUR, lambda__list_functions="AccessDenied"),
        live(T + 7 * HOUR, OTHER, ecs__list_clusters=WHOLE),
        live(T + 8 * HOUR, OTHER, ecs__list_clusters=denied, lambda__list_functions=denied),
        live(T + 8 * HOUR, OTHER, "eu-west-1", ecs__list_clusters=denied),
        live(T + 8 * HOUR, OTHER, "global", account__list_regions="once otherwise"),
    )
    first, *others = inventory.answers.status()["problems"]
    assert (
        first == f"account {OTHER}: nothing answers ({denied}), whole last at {iso(T + 7 * HOUR)}"
    )
    assert not any(OTHER in line for line in others)
    inventory.learn(live(T + 9 * HOUR, OTHER, "eu-west-1", ecs__list_clusters=WHOLE))
    lines = inventory.answers.status()["problems"]
    assert f"account {OTHER} {REGION}: nothing answers ({denied})" in "\n".join(lines)
    assert f"account {OTHER}: account.list-regions is broken (once otherwise), never whole" in lines


def test_calls_of_no_account_or_region_are_missed_nowhere(make: Make) -> None:
    inventory = make()
    inventory.learn(
        live(T, "organization", "global", organizations__list_accounts="denied"),
        live(T, ACCOUNT, "global", account__list_regions=WHOLE),
    )
    answer = inventory.answers.status()
    assert set(place(answer, "organization", "global")) == {"organizations.list-accounts", "of"}
    assert set(place(answer, ACCOUNT, "global")) == {"account.list-regions", "of"}
    assert answer["problems"][0] == "organization: nothing answers (denied), never whole"


# -- calls used ------------------------------------------------------------------------------------


def test_the_calls_of_the_newest_day_are_told(make: Make) -> None:
    inventory = make()
    inventory.settings = Settings.model_validate({"discover": {"max_calls_per_day": 10}})
    nothing: dict[str, Any] = {"day": None, "limit": 10, "total": 0, "throttled": 0, "by_call": {}}
    assert inventory.answers.status()["calls_used"] == nothing
    inventory.store.use(20_780, {(ACCOUNT, REGION, ENIS): Use(100)})
    inventory.store.use(20_781, {(ACCOUNT, REGION, ENIS): Use(6, 1), (OTHER, REGION, ENIS): Use(3)})
    answer = inventory.answers.status()
    assert answer["calls_used"] == {
        "day": "2026-11-24",
        "limit": 10,
        "total": 9,
        "throttled": 1,
        "by_call": {ENIS: 9},
    }
    assert not any("used up" in line for line in answer["problems"])
    inventory.store.use(20_781, {(OTHER, REGION, FUNCTIONS): Use(1)})
    used_up = "the 10 calls of max_calls_per_day were used up on 2026-11-24"
    assert used_up in inventory.answers.status()["problems"]


# -- places that no sweep knows --------------------------------------------------------------------


def of_account(account: str, *sightings: Sighting) -> Batch:
    """A batch whose name tells the account of its flow log."""
    found = batch(sightings, key=f"of {account}")
    return replace(found, ref=replace(found.ref, account=account))


def strange(number: int, **changes: Any) -> Sighting:
    """A client that its own interface recorded."""
    values = {
        "interface_id": f"eni-{number:017x}",
        "client": f"10.99.0.{number}",
        "first_seen": END - 300,
        "last_seen": END - 240,
    }
    return sighting(**(values | changes))


def test_where_every_place_is_known_none_is_told(make: Make) -> None:
    inventory = make()
    inventory.record(of_account(ACCOUNT, own_row(END - 300, END - 240)))
    answer = inventory.answers.status()
    assert answer["unknown_places"] == []
    assert not any("known to no sweep" in line for line in answer["problems"])


def test_a_vpc_that_no_sweep_names_is_told_with_its_unresolved_clients(make: Make) -> None:
    inventory = make()
    inventory.record(
        of_account(
            ACCOUNT,
            strange(1, vpc_id="vpc-far"),
            strange(2, vpc_id="vpc-far"),
            strange(3, vpc_id="vpc-far", instance_id="i-0000000000000aaaa"),
            strange(4, vpc_id="vpc-far", first_seen=END - 200 * HOUR, last_seen=END - 199 * HOUR),
            own_row(END - 60, END),
        )
    )
    answer = inventory.answers.status()
    assert answer["unknown_places"] == [
        {"account": ACCOUNT, "vpc": "vpc-far", "clients": 3, "unresolved": 2, "share": 0.666666}
    ]
    line = f"VPC vpc-far (account {ACCOUNT}) is known to no sweep: 2 of 3 clients there could not be named for certain"
    assert line in answer["problems"]


def test_an_account_whose_flow_log_is_read_and_that_was_never_swept(make: Make) -> None:
    """What the server's own interface recorded is no client of that account."""
    inventory = make()
    inventory.record(
        of_account(OTHER, strange(1, vpc_id=VPC), own_row(END - 60, END, client="10.0.3.77"))
    )
    assert inventory.answers.status()["unknown_places"] == [
        {"account": OTHER, "vpc": None, "clients": 1, "unresolved": 1, "share": 1.0}
    ]
    inventory.learn(replace(sweep(END), account=OTHER))
    assert inventory.answers.status()["unknown_places"] == []


@pytest.mark.parametrize("rejected", [False, True])
def test_an_account_that_another_ones_sweep_shows_to_own_an_interface(
    make: Make, rejected: bool
) -> None:
    foreign = eni(CLIENT_ENI, CLIENT, owner_id=OTHER, requester_managed=True)
    inventory = make(*USUAL[:3], foreign)
    action = {"action": "REJECT", "responses": 0} if rejected else {}
    inventory.record(of_account(ACCOUNT, own_row(END - 60, END, **action)))
    assert inventory.answers.status()["unknown_places"] == [
        {"account": OTHER, "vpc": None, "clients": 1, "unresolved": 0, "share": 0.0}
    ]


def test_the_worst_place_is_the_first(make: Make) -> None:
    inventory = make()
    named = {"instance_id": "i-0000000000000aaaa"}
    inventory.record(
        of_account(
            "",
            *(strange(n, vpc_id=f"vpc-{n}") for n in range(1, 8)),
            strange(8, vpc_id="vpc-8", **named),
            own_row(END - 60, END),
        )
    )
    answer = inventory.answers.status()
    assert [one["vpc"] for one in answer["unknown_places"]] == [f"vpc-{n}" for n in range(1, 9)]
    assert "and 3 more accounts and VPCs that no sweep knows" in answer["problems"]


# -- fields ----------------------------------------------------------------------------------------

FORMAT = "${version} ${instance-id} ${next-hop-interface-id}"


def formatted(text: str, *sightings: Sighting, key: str = "a") -> Batch:
    found = batch(sightings, key=key)
    return replace(found, folded=replace(found.folded, format=text))


def fields(inventory: Inventory) -> dict[str, tuple[int, int]]:
    (source,) = inventory.answers.status()["sources"]
    return {one["field"]: (one["named"], one["dash"]) for one in source["fields"]}


def some_rows() -> list[Sighting]:
    """Ten records of the client that the server's interface saw, four of an instance that says so, three strays."""
    return [
        own_row(T + 100, T + 160, requests=4, responses=6, next_hop=CLIENT_ENI),
        sighting(requests=4, instance_id="i-1"),
        sighting(requests=3, server="10.0.1.99", stray=True, instance_id="i-1"),
    ]


def test_of_fields_that_a_format_carries_it_is_counted_how_often_they_are_a_dash(
    make: Make,
) -> None:
    inventory = make()
    inventory.record(formatted(FORMAT, *some_rows()))
    inventory.record(formatted("${version}", own_row(T + 100, T + 160), key="b"))
    inventory.record(formatted("", own_row(T + 100, T + 160), key="c"))
    assert fields(inventory) == {"instance-id": (4, 10), "next-hop-interface-id": (10, 4)}


def test_a_format_that_lacks_the_field_somewhere_in_a_batch_does_not_count(make: Make) -> None:
    inventory = make()
    inventory.record(formatted(f"{FORMAT}\n${{version}} ${{instance-id}}", *some_rows()))
    assert fields(inventory) == {"instance-id": (4, 10)}


def test_a_stray_counts_when_a_sweep_shows_its_server(make: Make) -> None:
    inventory = make()
    inventory.record(formatted(FORMAT, *some_rows()))
    shown = replace(USUAL[1], mount_target_id="fsmt-9", addresses=("10.0.1.99",))
    inventory.learn(sweep(T + 9 * HOUR, *USUAL, shown))
    assert fields(inventory) == {"instance-id": (7, 10), "next-hop-interface-id": (10, 7)}


def test_batches_of_a_program_that_did_not_count_are_counted_by_their_sightings(
    make: Make,
) -> None:
    inventory = make()
    inventory.record(formatted(FORMAT, *some_rows()))
    told = fields(inventory)

    def forget(conn: Connection) -> None:
        text = conn.execute(select(BATCH.c.tally)).scalar_one()
        old = {name: count for name, count in json.loads(text).items() if name != "fields"}
        conn.execute(update(BATCH).values(tally=json.dumps(old)))

    inventory.store.write(forget)
    assert fields(inventory) == told
    inventory.record(formatted(FORMAT, *some_rows(), key="b"))
    assert fields(inventory) == {name: (2 * a, 2 * b) for name, (a, b) in told.items()}
