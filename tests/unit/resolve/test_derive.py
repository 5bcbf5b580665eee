"""From the sightings of one hour to mounts: who counts, who is believed, and that no order changes anything."""

from __future__ import annotations

from random import Random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from inventory.model import Attribution, Confidence, Method, MountHour
from inventory.resolve.counting import Fact
from inventory.resolve.derive import Unit, derive, reached_units, unit_of
from inventory.resolve.networks import Networks
from inventory.resolve.topology import Topology
from tests.builders import (
    CLIENT,
    CLIENT_ENI,
    FS,
    INSTANCE,
    SERVER,
    SERVER_ENI,
    TARGET,
    T,
    eni,
    instance,
    machine_eni,
    mount_target,
    seen,
    sighting,
    task,
    task_eni,
    topology,
)

UNIT = Unit(SERVER, CLIENT, T)


def world(*more: Any) -> Topology:
    """An instance at ``CLIENT`` and a mount target at ``SERVER``."""
    return topology(
        seen(machine_eni()),
        seen(instance()),
        seen(mount_target()),
        seen(eni(SERVER_ENI, SERVER)),
        *more,
    )


def fact(flow_log: str = "fl-1", key: str = "a", **changes: Any) -> Fact:
    return Fact(sighting(**changes), flow_log, "logs", key, 1)


def at_target(first: int = 100, last: int = 160, **changes: Any) -> Fact:
    """The mount target's own row, relative to ``T``."""
    values: dict[str, Any] = {
        "interface_id": SERVER_ENI,
        "first_seen": T + first,
        "last_seen": T + last,
    }
    return fact(**(values | changes))


def at_client(first: int = 100, last: int = 160, **changes: Any) -> Fact:
    return fact(**({"first_seen": T + first, "last_seen": T + last} | changes))


def derived(*facts: Fact, known: Topology | None = None) -> list[MountHour]:
    return derive(UNIT, facts, known or world(), Networks())


def only(*facts: Fact, known: Topology | None = None) -> MountHour:
    (row,) = derived(*facts, known=known)
    return row


def identity(attribution: Attribution) -> list[str]:
    return [owner.id for owner in attribution.owners]


# -- presence is a union, counts have one witness --------------------------------------------------------------------------------------


def test_both_ends_are_one_mount_counted_at_the_mount_target() -> None:
    row = only(at_target(requests=7, packets_in=70), at_client(90, 170, requests=5, packets_in=50))
    assert (row.requests_ok, row.packets_in, row.at_mount_target) == (7, 70, True)
    assert (row.first_seen, row.last_seen) == (T + 90, T + 170)
    assert (row.mount_target_id, row.file_system_ids) == (TARGET, (FS,))
    assert (identity(row.attribution), row.attribution.confidence) == ([INSTANCE], Confidence.EXACT)


def test_of_several_flow_logs_the_one_with_most_records_counts_and_ties_go_by_name() -> None:
    assert only(at_target(requests=7), at_target(requests=9, flow_log="fl-2")).requests_ok == 9
    assert (
        only(at_target(requests=7, flow_log="fl-2"), at_target(requests=7, packets_in=1)).packets_in
        == 1
    )


def test_late_siblings_of_one_flow_log_are_added() -> None:
    assert only(at_target(requests=7, key="a"), at_target(requests=2, key="b")).requests_ok == 9


def test_the_same_fact_twice_counts_once() -> None:
    assert only(at_target(requests=7), at_target(requests=7)).requests_ok == 7


def test_a_record_of_ten_minutes_speaks_for_both_slots_it_reaches_into() -> None:
    """The client is captured by the minute; its second slot must not be added to the mount target's ten minutes."""
    row = only(
        at_target(5, 598, requests=10),
        at_client(5, 298, requests=5),
        at_client(301, 598, requests=5),
    )
    assert row.requests_ok == 10


def test_the_hour_before_speaks_for_the_slot_it_reaches_into() -> None:
    before = at_target(-100, 250, requests=9)
    assert only(before, at_client(10, 250, requests=4)).requests_ok == 0
    assert only(at_client(10, 250, requests=4)).requests_ok == 4


def test_client_rows_count_where_the_mount_target_is_silent() -> None:
    row = only(
        at_target(5, 200, requests=4),
        at_client(5, 200, requests=4),
        at_client(310, 590, requests=3),
    )
    assert (row.requests_ok, row.at_mount_target) == (7, False)


def test_counting_leaves_out_what_does_not_start_inside_the_window() -> None:
    facts = [at_target(100, 160, requests=2), at_target(400, 460, requests=3)]
    (row,) = derive(UNIT, facts, world(), Networks(), counting=(T + 300, T + 900))
    assert (row.requests_ok, row.first_seen) == (3, T + 400)


# -- shadows and servers ---------------------------------------------------------------------------------------------------------------


def test_a_third_interface_on_the_way_makes_no_client() -> None:
    gateway = eni(
        "eni-7a7e",
        "10.0.9.9",
        description="Network Interface for Transit Gateway Attachment tgw-attach-1",
    )
    shadow = fact(interface_id="eni-7a7e", client="10.0.9.9", pkt_client=CLIENT)
    assert derived(shadow, known=world(seen(gateway))) == []


def test_a_router_is_no_second_client_beside_the_true_one() -> None:
    router = seen(machine_eni("eni-7a7e", "10.0.9.9", instance_id="i-router"))
    passed_on = fact(
        interface_id="eni-7a7e", client="10.0.9.9", pkt_client=CLIENT, instance_id="i-router"
    )
    row = only(at_target(), passed_on, known=world(router))
    assert (identity(row.attribution), row.requests_ok) == ([INSTANCE], 1)
    assert derived(passed_on, known=world(router)) == []


def test_an_address_that_is_no_mount_target_makes_no_mount() -> None:
    assert derived(fact(server="10.0.1.99")) == []


def test_a_server_address_that_two_vpcs_know_is_possible_at_both() -> None:
    twin = mount_target(
        "fsmt-0000000000000beef",
        file_system_id="fs-0000000000000beef",
        vpc_id="vpc-0b",
        network_interface_id="eni-0b",
    )
    known = topology(seen(mount_target()), seen(twin))
    row = only(fact(interface_id="eni-0unknown", vpc_id=""), known=known)
    assert (row.mount_target_id, row.file_system_ids) == ("", ("fs-0000000000000beef", FS))


def test_a_format_without_addresses_leaves_the_only_server_possible() -> None:
    unit = Unit("", "", T)
    (row,) = derive(unit, [fact(client="", server="", action="")], world(), Networks())
    assert (row.mount_target_id, row.file_system_ids, identity(row.attribution)) == (
        "",
        (FS,),
        [INSTANCE],
    )
    assert not row.accepted


def test_without_addresses_the_mount_targets_own_row_names_nobody() -> None:
    unit = Unit("", "", T)
    (row,) = derive(unit, [at_target(client="", server="", action="")], world(), Networks())
    assert (row.mount_target_id, row.attribution.confidence) == (TARGET, Confidence.UNKNOWN)
    assert identity(row.attribution) == ["unknown"]


# -- accepted --------------------------------------------------------------------------------------------------------------------------


def test_who_recorded_it_decides_whether_it_was_accepted() -> None:
    assert only(at_target()).accepted
    assert not only(at_client()).accepted
    assert only(
        at_client(), at_client(requests=0, responses=1, packets_in=0, packets_out=9)
    ).accepted
    assert only(at_target(action="", requests=0, responses=1)).accepted
    assert not only(at_target(action="")).accepted


def test_a_rejected_request_is_counted_apart() -> None:
    row = only(at_target(action="REJECT", requests=3))
    assert (row.accepted, row.requests_ok, row.packets_in, row.rejected) == (False, 0, 0, 3)


# -- idle ------------------------------------------------------------------------------------------------------------------------------


def test_lease_renewals_are_idle_and_anything_more_is_not() -> None:
    renewals = {"packets_in": 6, "bytes_in": 1_000, "requests": 2}
    assert only(at_target(100, 220, **renewals)).last_busy is None
    assert only(at_target(100, 220, **renewals), at_target(400, 430)).last_busy == T + 430


def test_without_counts_nobody_can_tell_so_it_is_not_idle() -> None:
    assert only(at_target(packets_in=0, bytes_in=0)).last_busy == T + 160


# -- who -------------------------------------------------------------------------------------------------------------------------------


def tasks_in_turn() -> Topology:
    """A task at the address up to ``T + 1000``; two minutes later another one."""
    one = task(
        "one",
        interface="eni-0one",
        attachment="a" * 36,
        stopped_at=T + 1030,
        execution_stopped_at=T + 1000,
    )
    two = task(
        "two",
        interface="eni-0two",
        attachment="b" * 36,
        created_at=T + 1100,
        connectivity_at=T + 1110,
        started_at=T + 1120,
    )
    return topology(
        seen(one, 2000, 9000),
        seen(two, 2000, 9000),
        seen(
            task_eni(
                "eni-0two",
                description=f"arn:aws:ecs:eu-central-1:111122223333:attachment/{'b' * 36}",
            ),
            2000,
            9000,
        ),
        seen(mount_target()),
    )


def test_an_address_that_passes_on_inside_a_slot_is_two_clients_with_their_own_counts() -> None:
    rows = derived(
        at_target(910, 990, requests=2), at_target(1130, 1190, requests=5), known=tasks_in_turn()
    )
    assert [(identity(row.attribution), row.requests_ok) for row in rows] == [
        (["one"], 2),
        (["two"], 5),
    ]


def test_a_record_that_spans_the_change_shows_both_and_is_counted_once() -> None:
    rows = derived(at_target(910, 1190, requests=7), known=tasks_in_turn())
    assert [identity(row.attribution) for row in rows] == [["one"], ["two"]]
    assert sum(row.requests_ok for row in rows) == 7


def test_an_interface_that_no_sweep_saw_is_what_its_own_rows_say() -> None:
    """The mount target's rows show an address that nobody is known to have had; the client's own name the instance."""
    known = topology(seen(mount_target()), seen(eni("eni-0else", "10.0.3.99")))
    row = only(
        at_target(next_hop="eni-0brief", requests=2),
        at_client(interface_id="eni-0brief", instance_id="i-0brief"),
        known=known,
    )
    assert (identity(row.attribution), row.attribution.method) == (["i-0brief"], Method.RECORD)
    assert row.requests_ok == 2


def test_own_rows_at_another_mount_target_of_the_same_address_name_nobody_here() -> None:
    """Two VPCs with one CIDR: their clients and mount targets may have the same addresses at the same time."""
    twin = mount_target(
        "fsmt-0000000000000beef",
        file_system_id="fs-0000000000000beef",
        vpc_id="vpc-0b",
        network_interface_id="eni-0b",
    )
    there = at_client(interface_id="eni-0brief", instance_id="i-0brief", vpc_id="vpc-0b")
    rows = derived(at_target(), there, known=topology(seen(mount_target()), seen(twin)))
    assert {row.file_system_ids: identity(row.attribution) for row in rows} == {
        (FS,): [CLIENT],
        ("fs-0000000000000beef",): ["i-0brief"],
    }


def test_a_recorder_of_which_nobody_knows_the_vpc_is_not_taken_for_who_has_the_address() -> None:
    row = only(at_client(interface_id="eni-0brief", vpc_id=""))
    assert identity(row.attribution) == ["eni-0brief"]


def test_evidence_is_the_batch_of_the_best_row_whatever_its_number() -> None:
    best = fact(key="b", interface_id=SERVER_ENI)._replace(batch_id=9)
    other = fact(key="c", interface_id=SERVER_ENI, az_id="x")._replace(batch_id=2)
    assert only(best, other).batch_id == only(other, best).batch_id == 9


# -- laws ------------------------------------------------------------------------------------------------------------------------------

facts = st.lists(
    st.builds(
        lambda who, first, length, log, key, action, requests, responses: fact(
            log,
            key,
            interface_id=who,
            first_seen=T + first,
            last_seen=T + first + length,
            action=action,
            requests=requests,
            responses=responses,
        ),
        st.sampled_from([CLIENT_ENI, SERVER_ENI, "eni-0third"]),
        st.integers(0, 3599),
        st.integers(0, 700),
        st.sampled_from(["fl-1", "fl-2"]),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["ACCEPT", "REJECT", ""]),
        st.integers(0, 3),
        st.integers(0, 3),
    ),
    max_size=8,
)


@given(facts, st.randoms(use_true_random=False))
def test_no_order_and_no_repetition_changes_anything(some: list[Fact], rng: Random) -> None:
    shuffled = [*some, *some[:2]]
    rng.shuffle(shuffled)
    assert derived(*shuffled) == derived(*some)


@given(facts)
def test_every_row_not_by_a_third_interface_is_inside_some_mount_hour(some: list[Fact]) -> None:
    """Nobody is lost: presence is the union of everything."""
    rows = derived(*some, known=world(seen(eni("eni-0third", "10.0.7.7"))))
    counting = [one.sighting for one in some if one.sighting.interface_id != "eni-0third"]
    for s in counting:
        assert any(row.first_seen <= s.first_seen and s.last_seen <= row.last_seen for row in rows)
    assert bool(rows) == bool(counting)


@given(facts)
def test_counts_are_never_more_than_one_side_recorded(some: list[Fact]) -> None:
    taken = [f.sighting for f in set(some) if f.sighting.action != "REJECT"]
    assert sum(row.requests_ok for row in derived(*some)) <= sum(s.requests for s in taken)


def test_a_sighting_touches_the_hours_it_reaches() -> None:
    assert unit_of(sighting()) == UNIT
    assert reached_units(UNIT, T + 3599) == {UNIT}
    assert reached_units(UNIT, T + 3700) == {UNIT, UNIT._replace(hour=T + 3600)}
