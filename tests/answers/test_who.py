"""What is said of a client: its state, its window, its counts; and that "nobody" is only said when somebody looked."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from inventory.errors import InventoryError, NotFoundError, UsageError
from inventory.model import BatchState, iso
from tests.answers.conftest import END, HOUR, USUAL, Inventory, batch, own_row, sweep
from tests.builders import (
    CLIENT,
    CLIENT_ENI,
    FS,
    INSTANCE,
    SERVER,
    TARGET,
    T,
    eni,
    file_system,
    mount_target,
    sighting,
    task_eni,
)

Make = Callable[..., Inventory]
ALL_DAY = [(T, END)]


def only(answer: dict[str, Any]) -> dict[str, Any]:
    (mount,) = answer["mounts"]
    return dict(mount)


def states(answer: dict[str, Any]) -> list[str]:
    return [mount["state"] for mount in answer["mounts"]]


# -- states ----------------------------------------------------------------------------------------


def test_active_and_idle_are_told_by_what_it_did_lately(make: Make) -> None:
    inventory = make()
    inventory.record(batch([own_row(END - 200, END)], ALL_DAY))
    assert states(inventory.answers.who(FS)) == ["active"]
    renewal = {"packets_in": 2, "bytes_in": 300, "packets_out": 2, "bytes_out": 300}
    inventory.record(batch([own_row(END - 200, END, **renewal)], ALL_DAY))
    assert states(inventory.answers.who(FS)) == ["idle"]


def test_ended_needs_silence_that_was_seen(make: Make) -> None:
    inventory = make()
    inventory.record(batch([own_row(T + 100, T + 400)], ALL_DAY))
    mount = only(inventory.answers.who(FS))
    assert (mount["state"], mount["intervals"][0]["ended_reason"]) == ("ended", "gap")


def test_without_looking_nobody_knows_whether_it_ended(make: Make) -> None:
    inventory = make()
    inventory.record(batch([own_row(T + 100, T + 400)], [(T, T + 500), (END - 100, END)]))
    mount = only(inventory.answers.who(FS))
    assert (mount["state"], mount["intervals"][0]["ended_reason"]) == ("unknown", "coverage_lost")
    assert mount["intervals"][0]["open_end"]


def test_a_mount_ends_with_its_mount_target(make: Make) -> None:
    inventory = make()
    inventory.learn(*(sweep(T + n * HOUR, USUAL[0], *USUAL[3:]) for n in (8, 9)))
    late = T + 10 * HOUR
    inventory.record(batch([own_row(T + 7 * HOUR, T + 7 * HOUR + 60)], [(T, late)]))
    mount = only(inventory.answers.who(FS))
    assert (mount["state"], mount["intervals"][0]["ended_reason"]) == (
        "ended",
        "mount_target_deleted",
    )


def test_a_scanners_contact_is_a_probe_and_no_mount(make: Make) -> None:
    inventory = make()
    tiny = {"packets_in": 3, "bytes_in": 180, "packets_out": 2, "bytes_out": 120}
    inventory.record(batch([own_row(T + 100, T + 101, **tiny)], ALL_DAY))
    answer = inventory.answers.who(FS)
    assert (states(answer), only(answer)["intervals"]) == (["probe"], [])
    assert inventory.answers.list()["file_systems"][0]["clients_now"] == 0


@pytest.mark.parametrize(
    ("contact", "captured"),
    [
        ({"packets_in": 11}, ALL_DAY),
        ({"bytes_in": 1001}, ALL_DAY),
        ({"last_seen": T + 200}, ALL_DAY),
        ({"interface_id": CLIENT_ENI}, ALL_DAY),
        ({}, [(T + 500, END)]),
        ({}, [(T, T + 700), (END - 100, END)]),
    ],
    ids=[
        "packets",
        "bytes",
        "seconds",
        "not the mount target's word",
        "not looked at",
        "not looked at long enough to show that it did not go on",
    ],
)
def test_what_is_not_surely_tiny_is_no_probe(
    make: Make, contact: dict[str, int], captured: list
) -> None:
    inventory = make()
    tiny = {"packets_in": 3, "bytes_in": 180, "packets_out": 2, "bytes_out": 120}
    inventory.record(batch([own_row(T + 100, T + 101, **(tiny | contact))], captured))
    assert states(inventory.answers.who(FS)) in (["ended"], ["unknown"])


def test_a_tiny_contact_just_now_may_be_a_mounts_beginning(make: Make) -> None:
    inventory = make()
    tiny = {"packets_in": 3, "bytes_in": 180, "packets_out": 2, "bytes_out": 120}
    inventory.record(batch([own_row(END - 60, END - 59, **tiny)], ALL_DAY))
    assert states(inventory.answers.who(FS))[0] in ("active", "idle")


def test_rejected_and_attempted_are_told_apart_from_mounts(make: Make) -> None:
    inventory = make()
    rejected = own_row(T + 100, T + 160, action="REJECT", requests=4, responses=0)
    inventory.record(batch([rejected], ALL_DAY))
    mount = only(inventory.answers.who(FS))
    assert (mount["state"], mount["flows"], mount["rejected_flows"]) == ("rejected", 0, 4)
    attempted = sighting(first_seen=T + 100, last_seen=T + 160)
    inventory.record(batch([attempted], ALL_DAY))
    assert states(inventory.answers.who(FS)) == ["attempted"]


def test_requests_in_one_hour_and_responses_in_the_next_are_a_mount(make: Make) -> None:
    inventory = make()
    asked = sighting(first_seen=T + 3500, last_seen=T + 3590)
    answered = sighting(
        first_seen=T + 3610,
        last_seen=T + 3640,
        requests=0,
        responses=1,
        packets_in=0,
        packets_out=5,
    )
    inventory.record(batch([asked, answered], ALL_DAY))
    assert states(inventory.answers.who(FS)) == ["ended"]


# -- windows ---------------------------------------------------------------------------------------


def test_counts_lie_inside_the_window_to_the_slot(make: Make) -> None:
    inventory = make()
    rows = [own_row(T + n * 300, T + n * 300 + 200, requests=1) for n in range(36)]
    inventory.record(batch(rows, ALL_DAY))
    edges = [T, T + 900, T + 4500, T + 7200, T + 12 * 900]
    parts = [only(inventory.answers.who(FS, a, b))["flows"] for a, b in pairwise(edges)]
    assert parts == [3, 12, 9, 12]
    mount = only(inventory.answers.who(FS, T + 900, T + 4500))
    assert (mount["first_seen"], mount["last_seen"]) == (iso(T + 900), iso(T + 4400))
    assert (mount["intervals"][0]["open_start"], mount["intervals"][0]["open_end"]) == (True, True)


def test_a_mount_silent_for_the_whole_window_is_there_all_the_same(make: Make) -> None:
    """The silence is shorter than the mount gap: a window inside of it must not say nobody."""
    inventory = make()
    inventory.record(batch([own_row(T + 100, T + 4000), own_row(T + 5000, T + 6000)], ALL_DAY))
    answer = inventory.answers.who(FS, T + 4200, T + 4800)
    assert answer["coverage"]["complete"]
    mount = only(answer)
    assert (mount["client"]["id"], mount["flows"]) == (INSTANCE, 0)
    assert inventory.answers.who(FS, T + 9000, T + 9600)["mounts"] == []


def test_so_it_is_beside_another_file_system_that_the_client_used_in_the_window(make: Make) -> None:
    other, second = "fs-00000000000000088", "fsmt-00000000000000088"
    target = mount_target(
        second, "10.0.2.10", file_system_id=other, network_interface_id="eni-0088"
    )
    inventory = make(*USUAL, file_system(other), target, eni("eni-0088", "10.0.2.10"))
    inventory.record(batch([own_row(T + 100, T + 4000), own_row(T + 5000, T + 6000)], ALL_DAY))
    busy = own_row(T + 4300, T + 4600, interface_id="eni-0088", server="10.0.2.10")
    inventory.record(batch([busy], ALL_DAY, key="b.log", interface="eni-0088"))
    answer = inventory.answers.mounts(INSTANCE, T + 4200, T + 4800)
    assert answer["coverage"]["complete"]
    assert {mount["file_system"]["id"] for mount in answer["mounts"]} == {FS, other}


def test_a_window_that_holds_no_moment_is_refused(make: Make) -> None:
    inventory = make()
    inventory.record(batch([], ALL_DAY))
    with pytest.raises(UsageError, match="is empty"):
        inventory.answers.who(FS, END + 999)


# -- nobody, and not looked ------------------------------------------------------------------------


def test_nobody_is_complete_only_when_the_mount_target_was_captured_throughout(make: Make) -> None:
    inventory = make()
    inventory.record(batch([], [(T, T + 1000), (T + 9000, END)]))
    answer = inventory.answers.who(FS, T, END)
    assert (answer["mounts"], answer["coverage"]["complete"]) == ([], False)
    assert answer["coverage"]["gaps"] == [
        {"start": iso(T + 1001), "end": iso(T + 9000), "reason": "no_records", "bridged_by": None}
    ]


def test_what_is_not_settled_yet_is_not_seen_though_its_own_records_are_there(make: Make) -> None:
    """A late object may still bring what the newest ones do not show."""
    inventory = make()
    inventory.record(batch([], ALL_DAY))
    inventory.store.settle("logs", "files", END - 1800, {})
    answer = inventory.answers.who(FS, T, END)
    assert answer["as_of"] == iso(END - 1800)
    assert answer["coverage"]["gaps"] == [
        {"start": iso(END - 1800), "end": iso(END), "reason": "no_records", "bridged_by": None}
    ]
    assert inventory.answers.who(FS, T)["coverage"]["complete"]


def test_before_anything_is_read_everything_is_blind(make: Make) -> None:
    inventory = make()
    answer = inventory.answers.who(FS, T, END)
    assert (answer["as_of"], answer["coverage"]["ratio"], answer["coverage"]["complete"]) == (
        None,
        0.0,
        False,
    )
    listed = inventory.answers.list()["file_systems"][0]
    assert (listed["clients_now"], listed["last_seen"], listed["idle_since"]) == (None, None, None)


@pytest.mark.parametrize("state", [BatchState.FAILED, BatchState.PARTIAL, BatchState.GONE])
def test_a_batch_that_was_not_read_whole_is_a_hole(make: Make, state: BatchState) -> None:
    inventory = make()
    slot = (T + 7200, T + 7500)
    inventory.record(batch([], ALL_DAY), batch(key="b.log", state=state, problem="cut", slot=slot))
    gaps = inventory.answers.who(FS, T, END)["coverage"]["gaps"]
    assert gaps == [
        {"start": iso(T + 6600), "end": iso(T + 7500), "reason": "batch_failed", "bridged_by": None}
    ]


def test_an_unread_batch_without_a_time_is_a_hole_of_all_its_source(make: Make) -> None:
    inventory = make()
    inventory.record(
        batch([], ALL_DAY), batch(key="b.log", state=BatchState.FAILED, problem="denied")
    )
    assert inventory.answers.who(FS, T, END)["coverage"]["ratio"] == 0.0


def test_another_source_that_saw_it_fills_the_hole(make: Make) -> None:
    inventory = make()
    inventory.record(
        batch([], ALL_DAY), batch(key="b.log", state=BatchState.FAILED, slot=(T + 7200, T + 7500))
    )
    inventory.record(batch([], ALL_DAY), source="second")
    assert inventory.answers.who(FS, T, END)["coverage"]["complete"]


def test_a_second_mount_target_that_nobody_watches_makes_it_incomplete(make: Make) -> None:
    other = mount_target("fsmt-00000000000000099", "10.0.2.10", network_interface_id="eni-0099")
    inventory = make(*USUAL, other)
    inventory.record(batch([own_row(T + 100, T + 160)], ALL_DAY))
    answer = inventory.answers.who(FS, T, END)
    assert not answer["coverage"]["complete"]
    assert inventory.answers.list()["file_systems"][0]["clients_now"] is None


def test_without_mount_targets_in_every_sweep_nobody_can_mount_it(make: Make) -> None:
    inventory = make(file_system(creation_time=T - 100 * HOUR))
    inventory.record(batch([], ALL_DAY))
    answer = inventory.answers.who(FS, T, END)
    assert (answer["mounts"], answer["coverage"]["complete"]) == ([], True)
    assert not inventory.answers.who(FS, T - 50 * HOUR, END)["coverage"]["complete"]


def test_mount_targets_that_no_sweep_could_list_are_not_none(make: Make) -> None:
    inventory = make(file_system(), whole={"file_system"})
    inventory.record(batch([], ALL_DAY))
    coverage = inventory.answers.who(FS, T, END)["coverage"]
    assert (coverage["complete"], coverage["ratio"]) == (False, 0.0)
    assert [gap["reason"] for gap in coverage["gaps"]] == ["mount_targets_unknown"]


def test_a_file_system_that_only_mount_targets_tell_of_lives_as_long_as_any_of_them(
    make: Make,
) -> None:
    first = mount_target("fsmt-00000000000000001", "10.0.2.10", network_interface_id="eni-0001")
    inventory = make(first, *USUAL[1:])
    inventory.learn(*(sweep(T + n * HOUR, *USUAL[1:]) for n in (8, 9)))
    late = T + 10 * HOUR
    inventory.record(batch([], [(T, T + HOUR)]), batch([], [(T, late)], key="b", interface="eni-x"))
    answer = inventory.answers.who(FS, T + 9 * HOUR, late)
    assert answer["file_system"]["deleted_at"] is None
    assert (answer["coverage"]["complete"], answer["coverage"]["ratio"]) == (False, 0.0)
    assert inventory.answers.list()["file_systems"][0]["clients_now"] is None


def test_a_source_that_stopped_long_ago_does_not_hide_what_others_see_now(make: Make) -> None:
    other = mount_target("fsmt-00000000000000099", "10.0.2.10", network_interface_id="eni-0099")
    inventory = make(*USUAL, other)
    old = own_row(T + 100, T + 160, interface_id="eni-0099", server="10.0.2.10")
    inventory.record(batch([old], [(T, T + 900)], interface="eni-0099"), source="archive")
    inventory.record(batch([own_row(END - 300, END)], ALL_DAY))
    answer = inventory.answers.who(FS)
    assert answer["as_of"] == iso(END + 1)
    assert only(answer)["state"] == "active"
    assert not answer["coverage"]["complete"]
    assert inventory.answers.list()["file_systems"][0]["clients_now"] is None


def test_a_source_that_lags_a_little_bounds_what_is_known_of_all(make: Make) -> None:
    other = mount_target("fsmt-00000000000000099", "10.0.2.10", network_interface_id="eni-0099")
    inventory = make(*USUAL, other)
    inventory.record(batch([], [(T, END - 1200)], interface="eni-0099"), source="second")
    inventory.record(batch([], ALL_DAY))
    assert inventory.answers.who(FS, T, END)["as_of"] == iso(END - 1199)


def test_mounts_seen_in_another_account_than_the_file_systems_are_its_own(make: Make) -> None:
    """The VPC's owner lists the mount target's interface, the file system's owner the file system."""
    inventory = make()
    lone = file_system("fs-0000000000000beef", name="guest")
    described = eni(
        "eni-0beef",
        "10.0.5.5",
        owner_id="999900001111",
        description="EFS mount target for fs-0000000000000beef (fsmt-0000000000000beef)",
    )
    inventory.learn(sweep(T + 1, *USUAL, lone, described))
    inventory.record(
        batch([own_row(T + 100, T + 400, interface_id="eni-0beef", server="10.0.5.5")], ALL_DAY)
    )
    assert states(inventory.answers.who("guest"))


# -- finding ---------------------------------------------------------------------------------------


def test_a_file_system_is_found_by_id_arn_and_name(make: Make) -> None:
    inventory = make(
        file_system(
            arn="arn:aws:elasticfilesystem:eu-central-1:111122223333:file-system/x", name="shared"
        ),
        *USUAL[1:],
    )
    inventory.record(batch([], ALL_DAY))
    for text in (FS, "arn:aws:elasticfilesystem:eu-central-1:111122223333:file-system/x", "shared"):
        assert inventory.answers.who(text)["file_system"]["id"] == FS


def test_an_ambiguous_name_lists_them_all_and_an_unknown_one_is_not_found(make: Make) -> None:
    inventory = make(*USUAL, file_system("fs-00000000000000088"))
    with pytest.raises(UsageError, match=f"{FS}.*fs-00000000000000088|fs-00000000000000088.*{FS}"):
        inventory.answers.who("shared")
    with pytest.raises(NotFoundError):
        inventory.answers.who("fs-00000000000000000")


def test_a_deleted_file_system_still_answers(make: Make) -> None:
    inventory = make()
    inventory.record(batch([own_row(T + 100, T + 400)], ALL_DAY))
    inventory.learn(sweep(T + 9 * HOUR), sweep(T + 10 * HOUR))
    answer = inventory.answers.who(FS)
    assert answer["file_system"]["deleted_at"] == iso(T + 9 * HOUR)
    assert states(answer) == ["ended"]


# -- grouping, and the other end -------------------------------------------------------------------


def test_by_workload_adds_up_what_its_clients_did(make: Make) -> None:
    inventory = make()
    inventory.record(
        batch(
            [
                own_row(T + 100, T + 400, requests=3),
                own_row(T + 100, T + 400, client="10.9.9.9", requests=2),
            ],
            ALL_DAY,
        )
    )
    by_client = inventory.answers.who(FS)["mounts"]
    by_workload = inventory.answers.who(FS, by="workload")["mounts"]
    assert sum(m["flows"] for m in by_workload) == sum(m["flows"] for m in by_client) == 5
    assert all({"client", "candidates", "intervals", "evidence"} <= m.keys() for m in by_workload)


@pytest.mark.parametrize("text", [INSTANCE, CLIENT_ENI, CLIENT])
def test_a_clients_mounts_are_found_by_id_interface_and_address(make: Make, text: str) -> None:
    inventory = make()
    inventory.record(batch([own_row(T + 100, T + 400)], ALL_DAY))
    answer = inventory.answers.mounts(text)
    assert answer["client"]["id"] == INSTANCE
    assert [m["file_system"]["id"] for m in answer["mounts"]] == [FS]
    assert [m["mount_targets"] for m in answer["mounts"]] == [[TARGET]]


def test_a_client_that_never_mounts_answers_with_nothing_and_the_coverage_of_it(make: Make) -> None:
    inventory = make()
    inventory.record(batch([], ALL_DAY))
    answer = inventory.answers.mounts(INSTANCE, T, END)
    assert (answer["mounts"], answer["coverage"]["complete"]) == ([], True)
    with pytest.raises(NotFoundError):
        inventory.answers.mounts("i-0123")


def test_an_address_that_two_had_in_turn_means_both_or_the_one_of_the_window(make: Make) -> None:
    inventory = make(*USUAL[:3])
    first, second = own_row(T + 100, T + 400, next_hop=""), own_row(T + 8000, T + 8400)
    inventory.record(
        batch(
            [
                first._replace(instance_id=""),
                sighting(
                    interface_id="eni-0one",
                    instance_id="i-0one",
                    first_seen=T + 100,
                    last_seen=T + 400,
                ),
                sighting(
                    interface_id="eni-0two",
                    instance_id="i-0two",
                    first_seen=T + 8000,
                    last_seen=T + 8400,
                ),
                second,
            ],
            ALL_DAY,
        )
    )
    answer = inventory.answers.mounts(CLIENT, T, END)
    assert answer["client"] is None
    assert {"i-0one", "i-0two"} <= {client["id"] for client in answer["candidates"]}
    early = inventory.answers.mounts(CLIENT, T, T + 3600)
    assert "i-0two" not in str(early)


@pytest.mark.parametrize("text", ["", "  "])
def test_an_empty_name_is_refused(make: Make, text: str) -> None:
    inventory = make()
    inventory.record(batch([own_row(T + 100, T + 400)], ALL_DAY))
    with pytest.raises(UsageError, match="is empty"):
        inventory.answers.mounts(text)
    with pytest.raises(UsageError, match="is empty"):
        inventory.answers.who(text)


def test_with_nothing_read_there_is_no_time_to_ask_about(make: Make) -> None:
    inventory = make()
    with pytest.raises(InventoryError, match="no flow logs have been read"):
        inventory.answers.who(FS)


def test_a_task_that_no_sweep_named_is_one_client_from_both_sides_and_in_every_hour(
    make: Make,
) -> None:
    arn = "arn:aws:ecs:eu-central-1:111122223333:task/ci/0123456789abcdef"
    inventory = make(*USUAL[:3], task_eni())
    named = sighting(first_seen=T + 3700, last_seen=T + 3900, task_arn=arn, requests=2, responses=2)
    inventory.record(
        batch(
            [
                own_row(T + 100, T + 400, requests=1),
                own_row(T + 3700, T + 3900, requests=2),
                named,
                own_row(T + 7300, T + 7400, requests=4),
            ],
            ALL_DAY,
        )
    )
    mount = only(inventory.answers.who(FS, T, END))
    assert (mount["client"]["kind"], mount["client"]["id"], mount["flows"]) == (
        "ecs_task",
        "0123456789abcdef",
        7,
    )


# -- later knowledge -------------------------------------------------------------------------------


def test_a_later_sweep_renames_old_facts_without_a_log_being_read(make: Make) -> None:
    inventory = make(*USUAL[:3])
    inventory.record(batch([own_row(T + 100, T + 400)], ALL_DAY))
    assert only(inventory.answers.who(FS))["client"]["kind"] in ("unknown", "address")
    inventory.learn(sweep(T + 200, *USUAL))
    assert only(inventory.answers.who(FS))["client"]["id"] == INSTANCE


def test_strays_come_back_when_a_later_sweep_shows_the_server(make: Make) -> None:
    inventory = make(file_system(), *USUAL[3:])
    inventory.record(batch([own_row(T + 100, T + 400, stray=True)], ALL_DAY))
    assert inventory.answers.who(FS)["mounts"] == []
    strays = inventory.answers.status()["strays"]
    assert [stray["address"] for stray in strays] == [SERVER]
    inventory.learn(sweep(T + 200, *USUAL))
    assert only(inventory.answers.who(FS))["client"]["id"] == INSTANCE
    assert inventory.answers.status()["strays"] == []


def test_evidence_points_at_the_batch(make: Make) -> None:
    inventory = make()
    inventory.record(batch([own_row(T + 100, T + 400)], ALL_DAY, key="2026/11/x.log.gz"))
    assert only(inventory.answers.who(FS))["evidence"] == {
        "source": "logs",
        "type": "files",
        "batch": "2026/11/x.log.gz",
    }
