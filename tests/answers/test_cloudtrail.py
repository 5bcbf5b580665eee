"""What CloudTrail adds to answers, learnt after the logs were read: names, principals, access points, and who mounted without IAM."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from inventory.discover import trail
from inventory.model import CONNECTIONS, DAY, Asked, CallState, ClientConnection, Sweep
from inventory.resolve.networks import Networks
from tests.answers.conftest import END, HOUR, USUAL, Inventory, batch, own_row, sweep
from tests.builders import (
    ACCOUNT,
    FS,
    INSTANCE,
    REGION,
    UUID,
    T,
    access_point,
    connection,
    function,
    instance,
    interface_event,
    lambda_eni,
    machine_eni,
    task,
)

Make = Callable[..., Inventory]
ALL_DAY = [(T - 2 * HOUR, END)]
SHARED = (
    *USUAL[:3],
    lambda_eni(),
    access_point(),
    function("a", "fsap-1"),
    function("b", "fsap-1"),
)


def told(*values: Any, moment: int = END + HOUR) -> Sweep:
    """What CloudTrail told at one asking."""
    found = replace(sweep(moment, *values, whole=()), name=f"cloudtrail-{moment}")
    return replace(found, calls={"cloudtrail.lookup-events": CallState.WHOLE})


def asked(start: int, end: int) -> Asked:
    return Asked("cloudtrail", ACCOUNT, REGION, CONNECTIONS, start, end, END, 0)


def only(
    inventory: Inventory, since: int | None = None, until: int | None = None
) -> dict[str, Any]:
    (mount,) = inventory.answers.who(FS, since=since, until=until)["mounts"]
    return dict(mount)


def said(mount: dict[str, Any]) -> tuple[str | None, str, str]:
    client = mount["client"]
    return (client["id"] if client else None, mount["confidence"], mount["method"])


# -- a later answer renames old facts without re-reading a log -------------------------------------


@pytest.mark.parametrize(
    ("since", "expected"), [(T - 2 * DAY, "exact"), (T, "inferred")], ids=["all asked", "not all"]
)
def test_a_connection_learnt_later_decides_between_two_functions(
    make: Make, since: int, expected: str
) -> None:
    """For certain where the other cannot have connected the day before."""
    inventory = make(*SHARED)
    inventory.record(batch([own_row(T + 100, T + 400)], ALL_DAY))
    before = only(inventory)
    assert said(before) == (None, "candidates", "address_lease")
    assert [one["id"] for one in before["candidates"]] == ["a", "b"]
    assert (before["access_points"], before["principals"]) == (["fsap-1"], [])
    heard = told(connection(101, "b", access_point_ids=("fsap-1",)))
    inventory.store.learn([heard], Networks(), [asked(since, END)])
    after = only(inventory)
    assert said(after) == ("b", expected, "cloudtrail")
    assert after["principals"] == [f"arn:aws:sts::{ACCOUNT}:assumed-role/role/b"]
    assert after["access_points"] == ["fsap-1"]
    assert (after["flows"], after["evidence"]) == (before["flows"], before["evidence"])


@pytest.mark.parametrize("late", [False, True], ids=["events first", "logs first"])
@pytest.mark.parametrize(
    ("events", "known", "expected"),
    [
        (
            [
                interface_event(
                    "created",
                    90,
                    "eni-9",
                    "10.0.3.40",
                    description=f"arn:aws:ecs:{REGION}:{ACCOUNT}:attachment/{UUID}",
                ),
                interface_event("deleted", 500, "eni-9"),
            ],
            [task(attachments=(replace(task().attachments[0], network_interface_id=""),))],
            ("task-1", "exact", "address_lease"),
        ),
        (
            [
                interface_event(
                    "created", 90, "eni-9", "10.0.3.40", instance_id="i-0abc0abc", device_index=0
                ),
                interface_event("terminated", 500, "", instance_id="i-0abc0abc"),
            ],
            [],
            ("i-0abc0abc", "exact", "address_lease"),
        ),
        (
            [connection(100, "i-0abc0abc", client_address="10.0.3.40", from_instance=True)],
            [],
            ("i-0abc0abc", "inferred", "cloudtrail"),
        ),
    ],
    ids=["a task", "an instance", "a connection"],
)
def test_an_interface_that_no_sweep_saw(
    make: Make, late: bool, events: list[Any], known: list[Any], expected: tuple[str, str, str]
) -> None:
    inventory = make(*USUAL, *known)
    logs = batch([own_row(T + 100, T + 400, client="10.0.3.40")], ALL_DAY)
    if late:
        inventory.record(logs)
        assert said(only(inventory))[1] == "unknown"
    inventory.learn(told(*events))
    if not late:
        inventory.record(logs)
    assert said(only(inventory)) == expected


def test_the_mount_target_of_a_file_system_that_is_gone(make: Make) -> None:
    """Its strays become sightings when the event of its interface is learnt."""
    inventory = make()
    row = own_row(T + 100, T + 400, server="10.0.1.77", interface_id="eni-77", stray=True)
    inventory.record(batch([row], ALL_DAY))
    event = interface_event(
        "created",
        50,
        "eni-77",
        "10.0.1.77",
        description=f"EFS mount target for {FS} (fsmt-0bb0bb0b)",
        requester_managed=True,
    )
    inventory.learn(told(event))
    mount = only(inventory)
    assert (mount["mount_targets"], said(mount)[0]) == (["fsmt-0bb0bb0b"], INSTANCE)


def test_learning_the_same_twice_changes_nothing(make: Make) -> None:
    inventory = make(*SHARED)
    inventory.record(batch([own_row(T + 100, T + 400)], ALL_DAY))
    inventory.learn(told(connection(101, "b")))
    before = inventory.answers.who(FS)
    inventory.learn(told(connection(101, "b")), told(connection(101, "b"), moment=END + 2 * HOUR))
    assert inventory.answers.who(FS) == before


def test_what_is_asked_later_makes_certain_what_was_told_before(make: Make) -> None:
    """The order of learning and asking makes no difference."""
    inventory = make(*SHARED)
    inventory.record(batch([own_row(T + 100, T + 400)], ALL_DAY))
    inventory.learn(told(connection(101, "b")))
    assert said(only(inventory)) == ("b", "inferred", "cloudtrail")
    inventory.remember([asked(T, END)])
    assert said(only(inventory)) == ("b", "inferred", "cloudtrail")
    inventory.remember([asked(T - 2 * DAY, T)])
    assert said(only(inventory)) == ("b", "exact", "cloudtrail")


def test_what_was_asked_is_known_at_once_though_nothing_was_told(make: Make) -> None:
    inventory = make(*SHARED)
    inventory.store.learn([told()], Networks(), [asked(T - 2 * DAY, END)])
    assert inventory.store.topology().asked(ACCOUNT, REGION) == [(T - 2 * DAY, END)]


# -- plain NFS -------------------------------------------------------------------------------------

MOUNTED = batch([own_row(T + 100, T + 400)], ALL_DAY)
WINDOW = {"since": T - HOUR, "until": END}


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([], None),
        ([(T, T + HOUR)], True),
        ([(T + 40, T + 460)], True),
        ([(T + 41, T + HOUR)], None),
        ([(T, T + 200)], None),
        ([(T, T + 200), (T + 201, T + HOUR)], None),
        ([(T, T + 200), (T + 200, T + HOUR)], True),
    ],
)
def test_without_a_connection_it_is_plain_where_everything_was_asked(
    make: Make, spans: list[tuple[int, int]], expected: bool | None
) -> None:
    inventory = make()
    inventory.record(MOUNTED)
    inventory.remember([asked(*span) for span in spans])
    assert only(inventory, **WINDOW)["plain_nfs"] is expected


@pytest.mark.parametrize("everything", [False, True])
def test_with_a_connection_it_is_not_plain_whatever_was_asked(make: Make, everything: bool) -> None:
    inventory = make()
    inventory.record(MOUNTED)
    inventory.remember([asked(T - HOUR, END)] if everything else [])
    inventory.learn(told(connection(100, INSTANCE)))
    mount = only(inventory, **WINDOW)
    assert (mount["plain_nfs"], said(mount)) == (False, (INSTANCE, "exact", "address_lease"))
    assert mount["access_points"] == ["fsap-9"]


@pytest.mark.parametrize(
    "other",
    [
        connection(100, "x", client_address="10.0.3.99"),
        connection(100, "x", file_system_id="fs-2"),
        connection(30, "x"),
        connection(470, "x"),
    ],
    ids=["another client", "another file system", "before", "after"],
)
def test_somebody_elses_connection_makes_no_difference(make: Make, other: ClientConnection) -> None:
    inventory = make()
    inventory.record(MOUNTED)
    inventory.remember([asked(T - HOUR, END)])
    inventory.learn(told(other))
    assert only(inventory, **WINDOW)["plain_nfs"] is True


def test_of_two_who_connected_alike_within_five_minutes_neither_is_plain(make: Make) -> None:
    """A fixed session name, an address that passes on: what differs in its moment alone is folded, and loses nobody's connection."""
    first = task(
        "a" * 32,
        interface="eni-a",
        created_at=T + 240,
        connectivity_at=T + 250,
        execution_stopped_at=T + 380,
        stopping_at=T + 375,
        stopped_at=T + 390,
        last_status="STOPPED",
    )
    second = task(
        "b" * 32,
        interface="eni-b",
        attachment="0" + UUID[1:],
        created_at=T + 455,
        connectivity_at=T + 465,
    )
    inventory = make(*USUAL[:3], first, second)
    inventory.record(batch([own_row(T + 305, T + 375), own_row(T + 530, T + 3000)], ALL_DAY))
    inventory.remember([asked(T - HOUR, END)])
    connected = [connection(at, "deploy", event_id=f"e-{at}") for at in (306, 410, 531)]
    inventory.learn(told(*trail.folded(connected)))
    mounts = inventory.answers.who(FS, since=T - HOUR, until=END)["mounts"]
    assert {one["plain_nfs"] for one in mounts} == {False}
    assert len(mounts) >= 2


def test_a_mount_that_may_have_begun_earlier_may_have_connected_earlier(make: Make) -> None:
    inventory = make()
    inventory.record(MOUNTED)
    inventory.remember([asked(T - HOUR, END)])
    assert only(inventory, since=T + 200, until=END)["plain_nfs"] is None
    blind = make()
    blind.record(batch([own_row(T + 100, T + 400)], [(T + 90, END)], key="a.log"))
    assert only(blind, **WINDOW)["plain_nfs"] is None


def test_of_a_mount_that_goes_on_the_last_hour_need_not_be_asked(make: Make) -> None:
    inventory = make()
    going_on = [own_row(at, at + 290) for at in range(T + 300, END, 300)]
    inventory.record(batch(going_on, ALL_DAY))
    inventory.remember([asked(T, END - 2 * HOUR)])
    assert only(inventory, **WINDOW)["plain_nfs"] is None
    inventory.remember([asked(END - 2 * HOUR, END - HOUR + 60)])
    assert only(inventory, **WINDOW)["plain_nfs"] is True


def test_several_as_one_are_plain_only_when_each_is(make: Make) -> None:
    group = {"aws:autoscaling:groupName": "web"}
    two = (
        instance(tags=group),
        machine_eni("eni-2", "10.0.3.40", instance_id="i-2"),
        instance("i-2", tags=group),
    )
    inventory = make(*USUAL[:4], *two)
    second = own_row(T + 100, T + 400, client="10.0.3.40")
    inventory.record(batch([own_row(T + 100, T + 400), second], ALL_DAY))

    def plain() -> bool | None:
        mounts = inventory.answers.who(FS, since=T - HOUR, until=END, by="workload")["mounts"]
        assert [(one["client"]["id"], one["clients"]) for one in mounts] == [("web", 2)]
        found: bool | None = mounts[0]["plain_nfs"]
        return found

    assert plain() is None
    inventory.remember([asked(T, END)])
    assert plain() is True
    inventory.learn(told(connection(100, "i-2", client_address="10.0.3.40")))
    assert plain() is False


def test_what_is_no_mount_is_neither(make: Make) -> None:
    inventory = make()
    inventory.record(batch([own_row(T + 100, T + 160, action="REJECT", responses=0)], ALL_DAY))
    inventory.remember([asked(T - HOUR, END)])
    assert only(inventory, **WINDOW)["plain_nfs"] is None
