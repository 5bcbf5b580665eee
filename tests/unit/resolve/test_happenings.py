"""Interfaces by their events: those that no sweep saw, and nearer bounds for those that sweeps did see."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.model import InterfaceEvent, OwnerKind, Version
from inventory.resolve.attribute import attribute, locate
from inventory.resolve.leases import Tenure
from inventory.resolve.networks import Networks
from inventory.resolve.topology import Topology
from tests.builders import (
    ACCOUNT,
    CLIENT,
    CLIENT_ENI,
    INSTANCE,
    REGION,
    SERVER,
    SERVER_ENI,
    UUID,
    VPC,
    T,
    end,
    eni,
    file_system,
    instance,
    interface_event,
    machine_eni,
    seen,
    sighting,
    task,
    topology,
)

PLACE = (ACCOUNT, REGION)
OTHER = "i-0000000000000dddd"
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}:attachment/{UUID}"


def told(*args: Any, **changes: Any) -> Version[InterfaceEvent]:
    """Learnt much later than it happened."""
    return seen(interface_event(*args, **changes), 9_000, 9_000)


def run(
    at: int, interface_id: str = CLIENT_ENI, instance_id: str = INSTANCE, address: str = CLIENT
) -> Version[InterfaceEvent]:
    return told(
        "created",
        at,
        interface_id,
        address,
        instance_id=instance_id,
        device_index=0,
        attachment_id=f"eni-attach-{at}",
        delete_on_termination=True,
    )


def life(known: Topology, interface_id: str = CLIENT_ENI) -> tuple[int | None, ...]:
    found = known.life(interface_id)
    assert found is not None
    return tuple(None if bound is None else bound - T for bound in found)


def who(known: Topology, at: int = 100, until: int | None = None) -> list[tuple[list[str], str]]:
    found = [part.attribution for part in attribute(end(at, until), known, Networks())]
    return [([owner.id for owner in one.owners], one.confidence.value) for one in found]


# -- that no sweep saw -----------------------------------------------------------------------------


def test_a_tasks_interface_that_was_made_and_deleted_between_two_sweeps() -> None:
    events = (
        told("created", 50, description=ECS, requester_managed=True),
        told("deleted", 400),
    )
    known = topology(*events)
    assert life(known) == (50, 400, 49, 460)
    (part,) = attribute(end(100), known, Networks())
    found = part.attribution
    assert (found.owners[0].kind, found.confidence.value) == (OwnerKind.ECS_TASK, "unknown")
    named = seen(task(attachments=(), tags={"a": "b"}))
    assert who(topology(*events, named)) == [([CLIENT_ENI], "unknown")]
    of_task = seen(task("task-1", interface=""))
    assert who(topology(*events, of_task)) == [(["task-1"], "exact")]
    assert who(topology(*events, of_task), at=600) == [([CLIENT], "unknown")]


def test_an_instance_that_was_run_and_terminated_between_two_sweeps() -> None:
    known = topology(run(0), told("terminated", 3000, "", instance_id=INSTANCE))
    assert life(known) == (0, 3000, -1, 3000 + 3600)
    (part,) = attribute(end(100), known, Networks())
    found = part.attribution
    assert (found.owners[0].kind, found.owners[0].id) == (OwnerKind.EC2_INSTANCE, INSTANCE)
    assert (found.confidence.value, found.method.value) == ("exact", "address_lease")
    assert found.owners[0].arn == f"arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{INSTANCE}"


def test_an_interface_that_outlives_its_instance_does_not_end_with_it() -> None:
    made = told("created", 0, instance_id=INSTANCE, device_index=0, delete_on_termination=False)
    known = topology(made, told("terminated", 3000, "", instance_id=INSTANCE))
    assert life(known) == (0, 0, -1, None)


def test_an_address_that_went_to_the_next_interface_within_minutes() -> None:
    second, other = "eni-2", "i-0000000000000dddd"
    both = (run(0), run(180, second, other))
    ended = told("terminated", 100, "", instance_id=INSTANCE)
    last = told("deleted", 900, second)
    known = topology(*both, ended, last)
    assert who(known, at=50, until=90) == [([INSTANCE], "exact")]
    assert who(known, at=200, until=250) == [([other], "exact")]
    without_the_end = topology(*both, last)
    assert who(without_the_end, at=50, until=90) == [([INSTANCE], "inferred")]
    assert who(without_the_end, at=200, until=250) == [([other], "exact")]


def test_sweeps_that_did_not_see_it_bound_its_life() -> None:
    event = told("created", 50)
    moments = [T - 300, T, T + 300, T + 600]
    assert life(topology(event, swept={PLACE: moments})) == (50, 50, 49, 300)
    late = told("deleted", 500)
    assert life(topology(late, swept={PLACE: moments})) == (500, 500, 300, 560)
    elsewhere = {("999988887777", REGION): moments}
    assert life(topology(event, swept=elsewhere)) == (50, 50, 49, None)


def test_a_sweep_within_a_minute_of_an_event_may_not_show_it_yet() -> None:
    assert life(topology(told("created", 50), swept={PLACE: [T + 100, T + 400]}))[3] == 400


def test_a_mount_target_that_came_and_went_between_two_sweeps() -> None:
    made = told(
        "created",
        50,
        SERVER_ENI,
        SERVER,
        description="EFS mount target for fs-0aa0aa0a (fsmt-0bb0bb0b)",
        requester_managed=True,
    )
    known = topology(made, told("deleted", 900, SERVER_ENI), seen(file_system("fs-0aa0aa0a")))
    assert known.server_addresses() == {SERVER}
    locus = locate(sighting(interface_id=SERVER_ENI), known)
    assert [v.value.file_system_id for v in locus.servers] == ["fs-0aa0aa0a"]
    assert known.servers(VPC, SERVER, T + 500).certain
    assert not known.servers(VPC, SERVER, T + 1000).best


def test_a_description_that_a_person_wrote_makes_no_mount_target() -> None:
    made = told(
        "created", 50, SERVER_ENI, SERVER, description="EFS mount target for fs-0aa0aa0a (fsmt-0bb0bb0b)"
    )  # fmt: skip
    assert topology(made).server_addresses() == frozenset()


def test_attached_to_one_instance_after_the_other() -> None:
    other = "i-0000000000000dddd"
    events = [
        told("created", 0),
        told("attached", 10, instance_id=INSTANCE, attachment_id="a-1", device_index=1),
        told("detached", 200, "", attachment_id="a-1"),
        told("attached", 300, instance_id=other, attachment_id="a-2", device_index=1),
        told("detached", 500, "", attachment_id="a-2"),
        told("deleted", 600),
    ]
    known = topology(*events)
    assert who(known, at=100) == [([INSTANCE], "exact")]
    assert who(known, at=400) == [([other], "exact")]
    assert {held.instance_id for held in known.instances_of(CLIENT_ENI, T + 250)} == {INSTANCE}


def test_events_in_any_order_and_twice_are_the_same() -> None:
    events = [run(0), told("terminated", 100, "", instance_id=INSTANCE), run(180, "eni-2", "i-2")]
    again = [seen(event.value, 5_000, 5_000) for event in events]
    expected = topology(*events)
    known = topology(*again, *reversed(events))
    for at in (50, 150, 200):
        assert who(known, at=at) == who(expected, at=at)


# -- that sweeps saw -------------------------------------------------------------------------------

SWEPT = seen(machine_eni(attach_time=None, attachment_id="a-1"), 300, 600, after=0, before=900)


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        ([], (300, 600, 0, 900)),
        ([told("created", 100)], (100, 600, 99, 900)),
        ([told("deleted", 700)], (300, 700, 0, 760)),
        ([told("terminated", 700, "", instance_id=INSTANCE)], (300, 700, 0, 900)),
        ([told("attached", 200, instance_id=INSTANCE)], (200, 600, 0, 900)),
        ([told("created", 400)], (300, 600, 0, 900)),
        ([told("deleted", 500)], (300, 600, 0, 900)),
    ],
    ids=["none", "created", "deleted", "terminated", "attached", "too late", "too early"],
)
def test_bounds_come_nearer_and_sweeps_are_right(
    events: list[Any], expected: tuple[int, ...]
) -> None:
    assert life(topology(SWEPT, *events)) == expected


def test_an_instance_that_is_terminated_twice_ended_the_first_time() -> None:
    sweeps = {PLACE: [T + 900, T + 1200, T + 1500]}
    swept = seen(machine_eni(), 0, 900, after=-2000, before=1200)
    once = [told("terminated", 950, "", instance_id=INSTANCE)]
    twice = [*once, told("terminated", 2000, "", instance_id=INSTANCE)]
    for at in (1150, 1290, 1700):
        assert who(topology(swept, *twice, swept=sweeps), at) == who(
            topology(swept, *once, swept=sweeps), at
        )
    assert who(topology(swept, *twice, swept=sweeps), 1400)[0][1] == "unknown"
    assert life(topology(swept, twice[1], swept=sweeps))[3] == 1200


def test_what_a_sweep_showed_without_instance_is_its_instances_no_more() -> None:
    first = seen(machine_eni(), 0, 900, before=1200)
    loose = [
        seen(eni(status="available"), 1200, 1200, after=900, before=1500),
        seen(eni(status="available"), 1800, 2400, after=1500),
    ]
    assert who(topology(first), 890) == [([INSTANCE], "exact")]
    assert who(topology(first, *loose), 800) == [([INSTANCE], "exact")]
    assert who(topology(first, *loose), 1600)[0][1] == "unknown"
    moved = told("attached", 1550, instance_id=OTHER, attachment_id="eni-attach-b", device_index=0)
    assert who(topology(first, *loose, moved), 1700) == [([OTHER], "inferred")]


def test_an_attachment_that_ended_between_two_sweeps() -> None:
    shared: dict[str, Any] = {"device_index": 1, "attach_time": None}
    first = seen(machine_eni(attachment_id="a-1", **shared), 0, 100, before=1000)
    other = "i-0000000000000dddd"
    second = seen(
        machine_eni(instance_id=other, attachment_id="a-2", **shared), 1000, 2000, after=100
    )
    known = topology(first, second, seen(instance()), seen(instance(other)))
    assert who(known, at=700) == [([INSTANCE, other], "candidates")]
    ended = (
        told("detached", 200, "", attachment_id="a-1"),
        told("attached", 600, instance_id=other, attachment_id="a-2"),
    )
    better = topology(first, second, seen(instance()), seen(instance(other)), *ended)
    assert who(better, at=150) == [([INSTANCE], "exact")]
    assert who(better, at=700) == [([other], "exact")]


def test_no_life_is_told_of_an_interface_that_nothing_names() -> None:
    known = topology(told("detached", 5, "", attachment_id="a-9"))
    assert known.life(CLIENT_ENI) is None
    assert isinstance(topology(told("deleted", 5)).life(CLIENT_ENI), Tenure)
