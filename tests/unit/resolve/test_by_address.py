"""An address that passes from hand to hand: who had it when a record says so, and when times are a minute late."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.model import Confidence, MountHour, Subnet, Version
from inventory.resolve.attribute import Part, attribute, steady
from inventory.resolve.counting import Fact
from inventory.resolve.derive import Unit, derive
from inventory.resolve.networks import Networks
from inventory.resolve.topology import Topology
from tests.builders import (
    ACCOUNT,
    CLIENT,
    FS,
    REGION,
    SERVER,
    SERVER_ENI,
    SUBNET,
    VPC,
    T,
    access_point,
    definition,
    end,
    eni,
    function,
    lambda_eni,
    machine_eni,
    mount_target,
    seen,
    sighting,
    task,
    topology,
)

NETWORKS = Networks()
PLACE = seen(Subnet(SUBNET, VPC, ACCOUNT, ("10.0.3.0/24",)))
DECLARED = definition("runner:3", file_systems=((FS, ""),))


def stopped(name: str, created: int, ended: int, **changes: Any) -> Version[Any]:
    """A task that ended, as a later sweep shows it: connected 10 seconds after it was created, gone 20 after its containers."""
    values: dict[str, Any] = {
        "interface": f"eni-0{name}",
        "attachment": name.rjust(36, "0"),
        "launch_type": "FARGATE",
        "last_status": "STOPPED",
        "created_at": T + created,
        "connectivity_at": T + created + 10,
        "started_at": T + created + 30,
        "execution_stopped_at": T + ended,
        "stopped_at": T + ended + 20,
    }
    return seen(task(name, **(values | changes)), 5000, 9000)


ONE = stopped("aaa", 0, 600)
TWO = stopped("bbb", 640, 1200)
"""Its address was the other one's until 20 to 40 seconds before."""


def known(*more: Any) -> Topology:
    return topology(PLACE, seen(mount_target()), seen(eni(SERVER_ENI, SERVER)), *more)


def said(part: Part) -> tuple[list[str], str]:
    return [o.id for o in part.attribution.owners], part.attribution.confidence.value


def who(first: int, last: int, *versions: Any, **changes: Any) -> list[tuple[list[str], str]]:
    found = attribute(end(first, last, **changes), known(*versions), NETWORKS)
    return [said(part) for part in found]


def fact(first: int, last: int, **changes: Any) -> Fact:
    """The mount target's own row."""
    values = {"interface_id": SERVER_ENI, "first_seen": T + first, "last_seen": T + last}
    return Fact(sighting(**(values | changes)), "fl-1", "logs", "a", 1)


def rows(*facts: Fact, topology: Topology) -> list[MountHour]:
    return derive(Unit(SERVER, CLIENT, T), facts, topology, NETWORKS)


def told(row: MountHour) -> tuple[list[str], str]:
    return [o.id for o in row.attribution.owners], row.attribution.confidence.value


# -- near a change of hands ------------------------------------------------------------------------------------------------------------


def test_between_two_tasks_each_has_its_time() -> None:
    assert who(300, 500, ONE, TWO) == [(["aaa"], "exact")]
    assert who(720, 900, ONE, TWO) == [(["bbb"], "exact")]


def test_a_record_that_may_be_a_minute_late_is_not_taken_for_the_next_ones() -> None:
    """At 655 the second task is connected, but the first one may have sent its last at 598."""
    assert who(655, 655, ONE, TWO) == [(["aaa", "bbb"], "candidates")]


def test_a_late_end_names_nobody_who_came_later_for_sure() -> None:
    found = who(590, 655, ONE, TWO)
    assert found[0] == (["aaa"], "exact")
    assert (["bbb"], "exact") not in found


def test_a_record_that_lasts_is_the_later_ones_from_its_beginning() -> None:
    """Its end is the second one's, and by its own times so is its beginning."""
    assert who(655, 800, ONE, TWO) == [(["bbb"], "exact")]


def test_whose_containers_ended_long_ago_speaks_no_more() -> None:
    """The first one's interface was there for 70 seconds more; nobody was left to use it."""
    slow = stopped("aaa", 0, 600, stopped_at=T + 670)
    assert who(700, 700, slow, stopped("bbb", 685, 1200)) == [(["bbb"], "exact")]


def test_the_beginning_of_one_and_the_end_of_another_are_two_parts() -> None:
    last_seen = seen(machine_eni("eni-a", instance_id="i-a"), 0, 50, before=700)
    found = who(200, 800, last_seen, stopped("bbb", 640, 1200))
    assert found == [(["i-a"], "inferred"), (["bbb"], "exact")]


def test_who_is_proven_gone_is_not_named_for_what_begins_later() -> None:
    gone = seen(machine_eni("eni-a", instance_id="i-a"), 0, 100, before=400)
    assert who(390, 390, gone) == [(["i-a"], "inferred")]
    assert who(410, 470, gone) == [([CLIENT], "unknown")]


# -- whole runs ------------------------------------------------------------------------------------------------------------------------


def test_a_run_over_several_tasks_is_told_fact_by_fact() -> None:
    three = [ONE, TWO, stopped("ccc", 1240, 1800)]
    facts = [
        fact(100, 599), fact(655, 880), fact(901, 1199), fact(1260, 1490), fact(1501, 1790)
    ]  # fmt: skip
    found = rows(*facts, topology=known(*three))
    assert [told(row) for row in found] == [
        (["aaa"], "exact"),
        (["bbb"], "exact"),
        (["ccc"], "exact"),
    ]


def test_an_address_that_went_and_came_back_is_the_others_in_between() -> None:
    """Both ends of the run are the first instance's."""
    address = "10.0.3.50"

    def holding(name: str, first: int, last: int, *, held: bool) -> Version[Any]:
        addresses = (f"10.0.3.{name}", address) if held else (f"10.0.3.{name}",)
        value = machine_eni(f"eni-{name}", *addresses, instance_id=f"i-{name}")
        return seen(value, first, last, after=first - 60, before=last + 60)

    versions = [
        holding("7", 0, 600, held=True),
        holding("7", 660, 1200, held=False),
        holding("7", 1260, 3000, held=True),
        holding("8", 0, 600, held=False),
        holding("8", 660, 1200, held=True),
        holding("8", 1260, 3000, held=False),
    ]
    facts = [fact(a, a + 250, client=address) for a in range(100, 2900, 280)]
    found = derive(Unit(SERVER, address, T), facts, known(*versions), NETWORKS)
    for row in found:
        if row.attribution.confidence is Confidence.EXACT:
            inside = row.first_seen >= T + 660 and row.last_seen <= T + 1260
            assert told(row)[0] == (["i-8"] if inside else ["i-7"]), row
    assert any(told(row) == (["i-8"], "exact") for row in found)


def test_an_interface_that_moves_inside_a_run_is_asked_for_each_fact() -> None:
    moved = [
        seen(machine_eni("eni-m", instance_id="i-a", device_index=1), 0, 600, before=700),
        seen(
            machine_eni("eni-m", instance_id="i-b", device_index=1, attach_time=T + 620),
            700,
            3000,
            after=600,
        ),
    ]
    facts = [fact(100, 590, interface_id="eni-m"), fact(640, 900, interface_id="eni-m")]
    assert [told(row) for row in rows(*facts, topology=known(*moved))] == [
        (["i-a"], "exact"),
        (["i-b"], "exact"),
    ]


def test_one_lease_for_the_whole_run_is_steady_and_two_are_not() -> None:
    assert steady(end(100, 500), known(ONE, TWO))
    assert not steady(end(100, 1000), known(ONE, TWO))


# -- rows ------------------------------------------------------------------------------------------------------------------------------


def test_of_a_sighting_over_a_change_of_hands_each_owner_has_no_more_than_its_lease() -> None:
    found = rows(fact(500, 1100, requests=7), topology=known(ONE, TWO))
    assert [told(row) for row in found] == [(["aaa"], "exact"), (["bbb"], "exact")]
    assert [(row.first_seen - T, row.last_seen - T) for row in found] == [(500, 600), (650, 1100)]
    assert [row.last_busy and row.last_busy - T for row in found] == [600, None]


def test_what_is_proven_of_one_slot_makes_the_next_no_surer() -> None:
    """The same owner is thought to have been there, but somebody whom no sweep saw may have come."""
    once = seen(machine_eni("eni-a", instance_id="i-a"), 0, 500, before=1200)
    found = rows(fact(100, 290), fact(310, 450), fact(620, 880), topology=known(once))
    assert [(told(row), row.first_seen - T) for row in found] == [
        ((["i-a"], "exact"), 100),
        ((["i-a"], "inferred"), 620),
    ]


# -- declarations ----------------------------------------------------------------------------------------------------------------------


def other(name: str, **changes: Any) -> Version[Any]:
    arn = definition("web:7").task_definition_arn
    return stopped(name, 0, 600, **({"task_definition_arn": arn} | changes))


@pytest.mark.parametrize(
    ("candidate", "knowledge", "expected"),
    [
        (other("aaa"), [definition("web:7"), DECLARED], [(["bbb"], "exact")]),
        (other("aaa"), [definition("web:7")], [(["bbb"], "inferred")]),
        (other("aaa"), [DECLARED], [(["aaa", "bbb"], "candidates")]),
        (
            other("aaa", launch_type="EC2"),
            [definition("web:7"), DECLARED],
            [(["aaa", "bbb"], "candidates")],
        ),
        (
            other("aaa"),
            [definition("web:7", file_systems=((FS, "fsap-1"),)), DECLARED],
            [(["aaa", "bbb"], "candidates")],
        ),
    ],
    ids=["rules it out", "the other is unknown", "is unknown", "may be privileged", "declares too"],
)
def test_a_task_that_is_known_to_declare_no_such_mount_is_no_candidate(
    candidate: Version[Any], knowledge: list[Any], expected: list[tuple[list[str], str]]
) -> None:
    assert who(655, 655, candidate, TWO, *map(seen, knowledge)) == expected


def test_the_only_holder_is_named_whatever_it_declares() -> None:
    assert who(300, 500, other("aaa"), seen(definition("web:7"))) == [(["aaa"], "exact")]


def test_a_shared_interface_is_asked_for_each_fact() -> None:
    """The functions behind it may change while it stays."""
    reader = seen(function("reader", "fsap-1"), 0, 3000)
    shared = known(seen(lambda_eni()), reader, seen(access_point()))
    changes = {"next_hop": "eni-0000000000000c11e"}
    assert not steady(end(100, 500, **changes), shared)


# -- the next hop, and the client's own rows -------------------------------------------------------------------------------------------


def test_a_next_hop_that_no_sweep_named_is_not_taken_for_who_had_the_address_before() -> None:
    before = seen(machine_eni("eni-a", instance_id="i-a"), 0, 100, before=900)
    assert who(500, 600, before) == [(["i-a"], "inferred")]
    assert who(500, 600, before, next_hop="eni-0new") == [(["eni-0new"], "unknown")]
    assert who(500, 600, next_hop="eni-0new", address="192.168.0.9")[0][0] == ["192.168.0.9"]


def test_a_next_hop_counts_up_to_a_minute_after_it_was_seen_gone() -> None:
    gone = seen(machine_eni("eni-a", instance_id="i-a"), 0, 100, before=400)
    (part,) = attribute(end(430, 430, next_hop="eni-a"), known(gone), NETWORKS)
    assert (said(part), part.attribution.method.value) == ((["i-a"], "exact"), "next_hop")


def test_own_rows_of_an_interface_that_no_sweep_named_count_as_anothers() -> None:
    before = seen(machine_eni("eni-a", instance_id="i-a"), 0, 100, before=900)
    found = who(500, 600, before, own_interfaces=("eni-0new", "eni-a"))
    assert found == [(["i-a", "eni-0new"], "candidates")]


def test_the_workload_of_a_task_needs_no_declaration() -> None:
    (part,) = attribute(end(300, 500), known(ONE), NETWORKS)
    workload = part.attribution.owners[0].workload
    assert workload is not None
    assert workload.arn == f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/ci/runner"
