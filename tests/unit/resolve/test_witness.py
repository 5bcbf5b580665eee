"""CloudTrail's connections: whom they decide for, what they add, and what they can never take away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import (
    DAY,
    Attribution,
    ClientConnection,
    Confidence,
    Method,
    OwnerKind,
    Place,
    Span,
    Version,
)
from inventory.resolve.attribute import attribute
from inventory.resolve.ends import LATE
from inventory.resolve.networks import Networks
from tests.builders import (
    ACCOUNT,
    CLIENT,
    CLIENT_ENI,
    INSTANCE,
    REGION,
    SERVER,
    SERVER_ENI,
    UUID,
    T,
    access_point,
    connection,
    end,
    eni,
    function,
    instance,
    interface_event,
    lambda_eni,
    machine_eni,
    seen,
    task,
    task_eni,
    topology,
)

TASK_ID = "4f1c8d2ab37e4a0f9d6b5c0e1f2a3b4c"
SHARED = (
    seen(lambda_eni()),
    seen(access_point("fsap-1")),
    seen(function("a", "fsap-1")),
    seen(function("b", "fsap-1")),
)


def told(*args: Any, **changes: Any) -> Version[ClientConnection]:
    return seen(connection(*args, **changes), 0, 0)


ALL_ASKED = {(ACCOUNT, REGION): [(T - 7 * DAY, T + 7 * DAY)]}


def who(
    *versions: Any,
    at: int = 100,
    until: int | None = None,
    asked: Mapping[Place, Sequence[Span]] = ALL_ASKED,
    **changes: Any,
) -> Attribution:
    (part,) = attribute(end(at, until, **changes), topology(*versions, asked=asked), Networks())
    return part.attribution


def said(found: Attribution) -> tuple[list[str], str, str]:
    return ([owner.id for owner in found.owners], found.confidence.value, found.method.value)


# -- among candidates ------------------------------------------------------------------------------


def test_a_session_named_after_one_of_two_functions_decides() -> None:
    assert said(who(*SHARED)) == (["a", "b"], "candidates", "address_lease")
    found = who(*SHARED, told(100, "b"))
    assert said(found) == (["b"], "exact", "cloudtrail")
    assert found.interface_id == CLIENT_ENI
    assert found.access_points == ("fsap-1", "fsap-9")
    assert found.principals == (f"arn:aws:sts::{ACCOUNT}:assumed-role/role/b",)


def test_sessions_of_both_decide_nothing() -> None:
    found = who(*SHARED, told(100, "a"), told(110, "b"))
    assert said(found) == (["a", "b"], "candidates", "address_lease")
    assert len(found.principals) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"session": "c"},
        {"session": "a", "principal_arn": "arn:aws:sts::999988887777:assumed-role/role/a"},
        {"session": "a", "principal_arn": f"arn:aws:iam::{ACCOUNT}:user/a"},
        {"session": "a", "principal_arn": ""},
        {"session": "a", "client_address": "10.0.3.99"},
        {"session": "a", "file_system_id": "fs-2"},
    ],
    ids=["another", "another account", "a user", "nobody", "another client", "another system"],
)
def test_what_names_none_of_them_decides_nothing(changes: dict[str, Any]) -> None:
    assert said(who(*SHARED, told(100, **changes)))[:2] == (["a", "b"], "candidates")


@pytest.mark.parametrize(
    ("at", "expected"),
    [(-600, "inferred"), (39, "inferred"), (40, "exact"), (220, "exact"), (221, "candidates")],
)
def test_an_earlier_connection_of_a_shared_interface_may_go_on(at: int, expected: str) -> None:
    """A run from 100 to 160: one minute is the tolerance, what was before may still be open, what comes later is another."""
    found = who(*SHARED, told(at, "a"))
    assert found.confidence.value == expected
    assert bool(found.principals) == (expected != "candidates")


def test_what_goes_on_from_before_counts_against_a_single_one() -> None:
    assert said(who(*SHARED, told(-600, "b"), told(100, "a")))[1] == "candidates"
    old = told(-2 * 86_400, "b")
    assert said(who(*SHARED, old, told(100, "a"))) == (["a"], "exact", "cloudtrail")


@pytest.mark.parametrize("candidates", [SHARED, SHARED[:1]], ids=["declared", "not listed"])
@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ([], "inferred"),
        ([(T + 101 - DAY, T + DAY)], "inferred"),
        ([(T + 100 - DAY, T + 110)], "inferred"),
        ([(T + 100 - DAY, T + 111)], "exact"),
        ([(T - DAY, T), (T + 1, T + DAY)], "inferred"),
    ],
)
def test_where_others_may_have_connected_unheard_nobody_is_proven(
    candidates: Sequence[Version[Any]], asked: Sequence[Span], expected: str
) -> None:
    found = who(*candidates, told(110, "a"), asked={(ACCOUNT, REGION): asked})
    assert said(found) == (["a"], expected, "cloudtrail")


# -- two leases, one address -----------------------------------------------------------------------

OTHER, OTHER_ENI = "i-0000000000000dddd", "eni-0000000000000dddd"
PASSED = (
    seen(machine_eni(attach_time=None), 0, 50, before=300),
    seen(machine_eni(OTHER_ENI, instance_id=OTHER, attach_time=None, device_index=1), 300, 400, after=50),
)  # fmt: skip


def test_an_address_that_passed_on_between_two_sweeps() -> None:
    assert said(who(*PASSED)) == ([INSTANCE, OTHER], "candidates", "address_lease")
    assert said(who(*PASSED, told(100, OTHER))) == ([OTHER], "exact", "cloudtrail")
    assert said(who(*PASSED, told(20, INSTANCE)))[1] == "candidates"


def test_the_connection_of_who_had_the_address_before_proves_nothing() -> None:
    first = task(
        "a" * 32,
        interface="eni-a",
        created_at=T - 60,
        connectivity_at=T - 40,
        execution_stopped_at=T + 20,
        stopping_at=T + 18,
        stopped_at=T + 40,
        last_status="STOPPED",
    )
    second = task(
        "b" * 32,
        interface="eni-b",
        attachment="0" + UUID[1:],
        created_at=T + 42,
        connectivity_at=T + 52,
    )
    server = seen(eni(SERVER_ENI, SERVER))  # tells the VPC of the subnet
    both = (server, seen(first, 300, 300, after=-300), seen(second, 300, 3000, after=-300))
    assert said(who(*both, at=55, until=58))[1] == "candidates"
    assert said(who(*both, told(0, "a" * 32), at=55, until=58))[1] == "candidates"


def test_a_secondary_address_that_moved_after_the_connection_is_not_its_own() -> None:
    moving = "10.0.3.77"
    two: dict[str, Any] = {"instance_id": OTHER}
    known = (
        seen(machine_eni(CLIENT_ENI, CLIENT, moving), -5000, 0, before=300),
        seen(machine_eni(CLIENT_ENI, CLIENT), 300, 5000, after=0),
        seen(machine_eni(OTHER_ENI, "10.0.3.2", **two), -5000, 0, before=300),
        seen(machine_eni(OTHER_ENI, "10.0.3.2", moving, **two), 300, 5000, after=0),
    )
    connected = told(60, INSTANCE, client_address=moving, from_instance=True)
    found = who(*known, connected, at=110, until=290, address=moving)
    assert said(found)[:2] == ([INSTANCE, OTHER], "candidates")


def test_an_address_reused_within_minutes_keeps_each_ones_connection() -> None:
    first = seen(task_eni(), 0, 100, after=-10, before=130)
    second = seen(
        task_eni("eni-2", CLIENT, description=task_eni().description.replace(UUID, "0" + UUID[1:])),
        140,
        300,
        after=130,
    )
    one = seen(task("one", last_status="STOPPED", stopped_at=T + 100))
    connected = told(95, "one")
    found = who(first, second, one, connected, at=20, until=90)
    assert (said(found)[:2], found.principals) == (
        (["one"], "exact"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/role/one",),
    )
    assert who(first, second, one, connected, at=145, until=200).principals == ()


# -- what was only inferred, or not known ----------------------------------------------------------


def test_a_connection_confirms_what_was_inferred() -> None:
    late = (seen(machine_eni(attach_time=None), 0, 50),)
    assert said(who(*late)) == ([INSTANCE], "inferred", "address_lease")
    assert said(who(*late, told(100, INSTANCE))) == ([INSTANCE], "exact", "cloudtrail")
    other = told(100, OTHER, from_instance=True)
    assert said(who(*late, other)) == ([INSTANCE], "inferred", "address_lease")


def test_an_instances_own_credentials_name_it_where_nobody_is_known() -> None:
    session = told(100, OTHER, from_instance=True)
    found = who(session)
    assert said(found) == ([OTHER], "inferred", "cloudtrail")
    assert (found.owners[0].kind, found.owners[0].account) == (OwnerKind.EC2_INSTANCE, ACCOUNT)
    assert found.owners[0].arn == f"arn:aws:ec2:eu-central-1:{ACCOUNT}:instance/{OTHER}"
    tagged = seen(instance(OTHER, tags={"Name": "web"}))
    assert who(session, tagged).owners[0].name == "web"


def test_an_instance_that_had_the_address_in_another_vpc_is_no_proof_here() -> None:
    session = told(100, OTHER, from_instance=True)

    def found(**changes: Any) -> tuple[list[str], str, str]:
        machine = seen(
            machine_eni("eni-o", instance_id=OTHER, attach_time=None, **changes),
            5000,
            6000,
            after=4000,
        )
        return said(who(machine, session))

    assert found() == ([OTHER], "exact", "cloudtrail")
    assert found(vpc_id="vpc-0b") == ([OTHER], "inferred", "cloudtrail")


@pytest.mark.parametrize(
    "session",
    [
        {"session": OTHER},
        {"session": "deploy", "from_instance": True},
        {"session": TASK_ID},
        {"session": "a"},
    ],
)
def test_a_name_that_anybody_may_choose_names_nobody(session: dict[str, Any]) -> None:
    found = who(seen(function("a", "fsap-1")), told(100, **session))
    assert (found.confidence, found.method) == (Confidence.UNKNOWN, Method.NONE)
    assert len(found.principals) == 1


def test_a_functions_interface_without_candidates_is_named_by_the_session() -> None:
    found = who(seen(lambda_eni()), told(100, "writer"))
    assert said(found) == (["writer"], "exact", "cloudtrail")
    assert found.owners[0].arn == f"arn:aws:lambda:eu-central-1:{ACCOUNT}:function:writer"
    assert said(who(seen(lambda_eni()), told(100, "x"), told(100, "y")))[1] == "unknown"
    earlier = told(-500, "y")
    assert said(who(seen(lambda_eni()), earlier, told(100, "x")))[1] == "unknown"
    assert said(who(seen(lambda_eni()), earlier))[1] == "unknown"


def test_a_tasks_interface_without_its_task_is_named_by_the_session() -> None:
    unlisted = seen(task_eni())
    assert who(unlisted).confidence is Confidence.UNKNOWN
    assert said(who(unlisted, told(100, TASK_ID))) == ([TASK_ID], "exact", "cloudtrail")
    assert said(who(unlisted, told(100, "deploy")))[1] == "unknown"
    elsewhere = seen(task(TASK_ID, attachment="0" * 36, interface="eni-9", address="10.0.3.99"))
    found = who(unlisted, elsewhere, told(100, TASK_ID))
    assert found.owners[0].name == "runner"


def test_without_a_file_system_nothing_is_added() -> None:
    assert who(*SHARED, told(100, "a"), file_system_id="").principals == ()


# -- what is proven stays --------------------------------------------------------------------------

SESSIONS = ["a", "b", INSTANCE, OTHER, TASK_ID, ""]
CONNECTIONS = st.builds(
    lambda at, session, own: connection(at, session, from_instance=own),
    st.integers(-200, 400),
    st.sampled_from(SESSIONS),
    st.booleans(),
)
EVENTS = st.builds(
    interface_event,
    st.sampled_from(["created", "attached", "deleted", "terminated", "detached"]),
    st.integers(-200, 400),
    st.sampled_from([CLIENT_ENI, OTHER_ENI, "eni-3"]),
    st.just(CLIENT),
    instance_id=st.sampled_from([INSTANCE, OTHER]),
    attachment_id=st.sampled_from(["eni-attach-01", "eni-attach-09"]),
    device_index=st.sampled_from([0, 1]),
)
PROVEN = {
    "instance": (seen(machine_eni()), seen(instance())),
    "task": (seen(task_eni()), seen(task(TASK_ID))),
    "function": (*SHARED[:3],),
    "somebody's own": (seen(eni(description="Interface for NAT Gateway nat-0123")),),
}


@pytest.mark.parametrize("known", PROVEN.values(), ids=PROVEN)
@given(
    st.lists(CONNECTIONS, max_size=3),
    st.lists(EVENTS, max_size=4),
    # Sweeps prove it from 0 on; a record of a minute later can tell of no packet before that.
    st.integers(LATE, 300),
)
def test_no_event_whatever_makes_a_proven_owner_another(
    known: tuple[Any, ...], connections: list[Any], events: list[Any], at: int
) -> None:
    before = who(*known, at=at)
    assert before.confidence is Confidence.EXACT
    more = [seen(value, 0, 0) for value in (*connections, *events)]
    after = who(*known, *more, at=at)
    plain = replace(after, principals=(), access_points=before.access_points)
    assert plain == before
    assert set(before.access_points) <= set(after.access_points)


@given(
    st.lists(st.sampled_from([*SHARED, *PASSED]), unique_by=id),
    st.lists(CONNECTIONS, unique_by=lambda one: one.event_id),
    st.data(),
)
def test_connections_only_choose_among_the_candidates(
    known: list[Any], connections: list[Any], data: st.DataObject
) -> None:
    more = [seen(value, 0, 0) for value in connections]
    before = attribute(end(), topology(*known), Networks())
    after = attribute(end(), topology(*known, *more), Networks())
    shuffled = data.draw(st.permutations([*known, *more]))
    assert attribute(end(), topology(*shuffled), Networks()) == after
    if all(one.attribution.confidence is Confidence.CANDIDATES for one in before):
        possible = {owner.identity for one in before for owner in one.attribution.owners}
        assert {owner.identity for one in after for owner in one.attribution.owners} <= possible
