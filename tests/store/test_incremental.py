"""The mounts that are kept, whatever is learnt when, are those that a rebuild of everything gives."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, select

from inventory.model import KINDS, Batch, CallState, Sighting, Subnet, Sweep, Vpc
from inventory.resolve.networks import Networks
from inventory.store import changes, loading, mounts, recording, tables
from tests.answers.conftest import HOUR, USUAL, batch, own_row, sweep
from tests.builders import (
    ACCOUNT,
    CLIENT,
    CLIENT_ENI,
    INSTANCE,
    SERVER,
    VPC,
    T,
    access_point,
    connection,
    definition,
    eni,
    function,
    instance,
    interface_event,
    lambda_eni,
    machine_eni,
    mount_target,
    peering,
    sighting,
    task,
    task_eni,
)
from tests.conftest import Programme

NETWORKS = Networks({"10.9.0.0/16": "office"})
SERVER_SIDE = USUAL[:3]
SECOND_ENI = "eni-0000000000000c222"
TASK_ENI = "eni-0000000000000c444"
FAR = "10.7.0.5"
FAR_ENI = eni("eni-0000000000000c333", FAR, vpc_id="vpc-0b", subnet_id="subnet-0b")
VPCS = (Vpc(VPC, ACCOUNT, ("10.0.0.0/16",)), Vpc("vpc-0b", ACCOUNT, ("10.7.0.0/16",)))
LINK = peering(VPC, "vpc-0b")
LATER = T + 6 * HOUR


def learn(conn: Connection, *sweeps: Sweep) -> None:
    """One by one."""
    for one in sweeps:
        recording.learn(conn, [one], NETWORKS)


def record(conn: Connection, *sightings: Sighting) -> None:
    record_batch(conn, batch(sightings))


def record_batch(conn: Connection, given: Batch) -> None:
    recording.record(conn, "logs", "files", [given], loading.load(conn), NETWORKS)


def hourly(*things: Any, whole: Iterable[str] = KINDS) -> list[Sweep]:
    """Sweeps of these and the server from an hour before ``T`` to four hours after it."""
    return [sweep(T + n * HOUR, *SERVER_SIDE, *things, whole=whole) for n in range(-1, 5)]


def later(*things: Any, whole: Iterable[str] = KINDS) -> Sweep:
    return sweep(LATER, *SERVER_SIDE, *things, whole=whole)


def without(*kinds: str) -> list[str]:
    return [kind for kind in KINDS if kind not in kinds]


def kept(conn: Connection) -> list[Any]:
    """The mount hours, with what is said of the client in place of its number."""
    hours, clients = tables.MOUNT_HOUR, tables.CLIENT
    columns = [column for column in hours.c if column.name != "client_id"]
    statement = select(*columns, clients.c.body).join(clients, clients.c.id == hours.c.client_id)
    return sorted(map(tuple, conn.execute(statement)), key=repr)


def assert_as_rebuilt(conn: Connection, told: str = "") -> None:
    incremental = kept(conn)
    known = loading.load(conn).topology
    mounts.rebuild(conn, mounts.units_between(conn, None), known, NETWORKS)
    assert incremental == kept(conn), told


# -- a later sweep adds ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "then"),
    [
        pytest.param(
            [machine_eni(), instance()],
            [
                machine_eni(),
                machine_eni(
                    SECOND_ENI,
                    "10.0.3.50",
                    device_index=1,
                    attach_time=LATER - HOUR,
                    description=f"aws-K8S-{INSTANCE}",
                ),
                instance(),
            ],
            id="marks of a Kubernetes node",
        ),
        pytest.param(
            [machine_eni(), instance()],
            [machine_eni(), instance(tags={"Name": "web"}, launch_time=LATER - HOUR)],
            id="an instance's tags",
        ),
        pytest.param(
            [eni()],
            [eni(CLIENT_ENI, description="Interface for NAT Gateway nat-0123")],
            id="an interface's description",
        ),
        pytest.param([task_eni()], [task(created_at=None)], id="a task"),
        pytest.param(
            [task_eni(), task()],
            [task(last_status="STOPPED", stopped_at=LATER - HOUR, tags={"a": "b"})],
            id="a task's end and tags",
        ),
        pytest.param(
            [lambda_eni(), access_point(), function("a", "fsap-1"), function("b", "fsap-1")],
            [connection(100, "b")],
            id="a connection",
        ),
        pytest.param(
            [], [interface_event("created", 50, description=task_eni().description)], id="an event"
        ),
        pytest.param(
            [machine_eni(device_index=1, attachment_id="a-1")],
            [interface_event("detached", 60, "", attachment_id="a-1")],
            id="the end of an attachment",
        ),
        pytest.param(
            [connection(100, INSTANCE, from_instance=True)],
            [instance(tags={"Name": "web"}, launch_time=None)],
            id="the instance that a session is named after",
        ),
        pytest.param(
            [task_eni(), connection(100, "task-1")],
            [task(attachments=(), created_at=None)],
            id="the task that a session is named after",
        ),
        pytest.param(
            [lambda_eni(), connection(100, "writer")],
            [function("writer", subnet_ids=("subnet-x",))],
            id="the function that a session is named after",
        ),
        pytest.param(
            [connection(100, INSTANCE, from_instance=True)],
            [
                machine_eni(
                    SECOND_ENI,
                    "10.0.3.50",
                    device_index=1,
                    attach_time=None,
                    description=f"aws-K8S-{INSTANCE}",
                )
            ],
            id="marks of a node that a session is named after",
        ),
        pytest.param(
            [],
            [
                interface_event("created", 50, instance_id=INSTANCE, device_index=0),
                interface_event("terminated", 90, "", instance_id=INSTANCE),
            ],
            id="the end of an instance",
        ),
    ],
)
def test_what_a_later_sweep_says_reaches_old_hours(
    conn: Connection, first: list[Any], then: list[Any]
) -> None:
    learn(conn, *hourly(*first))
    record(conn, own_row(T + 100, T + 160))
    learn(conn, later(*then))
    assert_as_rebuilt(conn)


def test_a_value_seen_before_comes_back(conn: Connection) -> None:
    """Nothing is new, but the newest version is another."""
    before, *rest = hourly(task_eni(), task(tags={"team": "b"}))
    learn(conn, sweep(before.taken_at, *SERVER_SIDE, task_eni(), task(tags={"team": "a"})), *rest)
    record(conn, own_row(T + 100, T + 160))
    learn(conn, later(task_eni(), task(tags={"team": "a"})))
    assert_as_rebuilt(conn)


def test_the_first_sweep_of_the_clients_account(conn: Connection) -> None:
    owner = "444455556666"
    foreign = machine_eni(owner_id="999988887777", instance_owner_id=owner, requester_managed=True)
    learn(conn, *hourly(foreign))
    record(conn, own_row(T + 100, T + 160))
    machine = instance("i-0000000000000dddd", launch_time=LATER + HOUR)
    shown: list[list[Any]] = [[], [Subnet("subnet-z", "vpc-z")], [machine]]
    for n, things in enumerate(shown):
        learn(conn, replace(sweep(LATER + n * HOUR, *things), account=owner))
        assert_as_rebuilt(conn)


def test_a_sweep_from_between_two_splits_an_hour_and_its_end(conn: Connection) -> None:
    """A row that reaches into the next hour is of both."""
    learn(conn, sweep(T - HOUR, *SERVER_SIDE), sweep(T + 3300, *SERVER_SIDE))
    record(conn, own_row(T + 3000, T + 3609), own_row(T + 3660, T + 3900))
    client = (machine_eni(attach_time=T + 300), instance(launch_time=None))
    learn(conn, sweep(T + 600, *SERVER_SIDE, *client))
    assert_as_rebuilt(conn)


# -- sweeps that are not whole ---------------------------------------------------------------------


def test_an_interface_in_half_a_list_tells_since_when_it_is_attached(conn: Connection) -> None:
    half = without("network_interface")
    learn(conn, sweep(T - HOUR, *SERVER_SIDE), sweep(T + HOUR, *SERVER_SIDE, whole=half))
    record(conn, own_row(T + 100, T + 160))
    late = machine_eni(attach_time=LATER - HOUR, device_index=1)
    learn(conn, later(late, instance(launch_time=None), whole=half))
    assert_as_rebuilt(conn)


def test_another_function_in_half_a_list(conn: Connection) -> None:
    half = without("function")
    shared = (access_point("fsap-1"), access_point("fsap-2"), lambda_eni())
    writer = function("writer", "fsap-1")
    whole, *_ = hourly(*shared, writer)
    _, *halves = hourly(*shared, writer, whole=half)
    learn(conn, whole, *halves)
    record(conn, own_row(T + 100, T + 160))
    other = function("other", "fsap-2", last_modified=LATER - HOUR)
    learn(conn, later(*shared, other, whole=half))
    assert_as_rebuilt(conn)


def test_a_neighbour_where_networks_were_never_listed(conn: Connection) -> None:
    some = without("vpc", "subnet")
    learn(conn, *hourly(whole=some))
    record(conn, own_row(T + 100, T + 160, client="10.9.0.7"))
    learn(conn, later(eni(CLIENT_ENI, "10.9.0.8"), whole=some))
    assert_as_rebuilt(conn)


# -- links between networks ------------------------------------------------------------------------


def test_links_turn_out_to_be_none(conn: Connection) -> None:
    learn(conn, *hourly(*VPCS, FAR_ENI, whole=without("vpc_link")))
    record(conn, own_row(T + 100, T + 160, client=FAR))
    learn(conn, later(*VPCS, FAR_ENI))
    assert_as_rebuilt(conn)


@pytest.mark.parametrize(
    "gone",
    [
        pytest.param(
            [sweep(T + n * HOUR, *SERVER_SIDE, *VPCS, FAR_ENI) for n in (2, 5)], id="whole sweeps"
        ),
        pytest.param([sweep(T + 2 * HOUR, whole=["vpc_link"])], id="a list of links alone"),
    ],
)
def test_a_link_is_gone(conn: Connection, gone: list[Sweep]) -> None:
    learn(conn, *hourly(*VPCS, LINK, FAR_ENI)[:3])
    record(conn, own_row(T + 3 * HOUR + 100, T + 3 * HOUR + 160, client=FAR))
    learn(conn, *gone)
    assert_as_rebuilt(conn)


# -- any history -----------------------------------------------------------------------------------

THINGS = (
    machine_eni(),
    machine_eni(tags={"k": "v"}),
    machine_eni(description="aws-K8S-i-1"),
    task_eni(),
    lambda_eni(),
    eni(),
    machine_eni(SECOND_ENI, "10.0.3.12", device_index=1, attach_time=T + 2 * HOUR),
    machine_eni(SECOND_ENI, CLIENT, "10.0.3.12", device_index=1, attach_time=T + 3 * HOUR),
    eni("eni-0000000000000c333", CLIENT),
    task_eni(TASK_ENI, CLIENT),
    eni("eni-0000000000000c555", FAR, vpc_id="vpc-0b", subnet_id="subnet-0b"),
    instance(),
    instance(tags={"Name": "n"}),
    instance(launch_time=T + HOUR),
    task(),
    task(last_status="STOPPED", stopped_at=T + 2 * HOUR),
    task("task-2", interface=TASK_ENI),
    function("writer", "fsap-1", last_modified=T + HOUR),
    function("writer", "fsap-1"),
    function("reader"),
    function("other", "fsap-2", last_modified=T + 3 * HOUR),
    access_point(),
    access_point("fsap-2"),
    VPCS[0],
    LINK,
    definition(),
    connection(600, INSTANCE, from_instance=True),
    connection(2 * HOUR, "writer"),
    connection(3 * HOUR, "task-2", client_address="10.0.3.12"),
    connection(900, INSTANCE, client_address="10.0.3.12", from_instance=True),
    connection(HOUR, "task-1"),
    interface_event("created", 1200, "eni-0000000000000c666", "10.0.3.12"),
    interface_event("created", 1800, TASK_ENI, description=task_eni().description),
    interface_event("deleted", 2 * HOUR, TASK_ENI),
    interface_event("attached", HOUR, SECOND_ENI, instance_id=INSTANCE, attachment_id="a-1"),
    interface_event("detached", 2 * HOUR, "", attachment_id="a-1"),
    interface_event("terminated", 3 * HOUR, "", instance_id=INSTANCE),
    interface_event(
        "created",
        HOUR,
        "eni-0098",
        "10.0.1.99",
        description="EFS mount target for fs-0aa0aa0a (fsmt-0bb0bb0b)",
        requester_managed=True,
    ),
    mount_target("fsmt-00000000000000099", "10.0.1.99", network_interface_id="eni-0099"),
)
IDS = dict(KINDS.values())


def some_sweep(rng: random.Random, moment: int) -> Sweep:
    """Any things, one of each id, in lists that may be whole."""
    chosen = rng.sample(THINGS, rng.randint(4, 14))
    things = {(type(one), getattr(one, IDS[type(one)])): one for one in chosen}
    whole = [kind for kind in KINDS if rng.random() < 0.7]
    server_side = [one for one in SERVER_SIDE if rng.random() < 0.9]
    return sweep(moment, *server_side, *things.values(), whole=whole)


def some_row(rng: random.Random) -> Sighting:
    """What the mount target's interface recorded, or the client's own."""
    first = T + rng.randrange(0, 4 * HOUR, 30)
    last = first + rng.choice([50, 590])
    client = rng.choice([CLIENT, "10.0.3.12", FAR, "10.9.1.1"])
    if rng.random() < 0.6:
        return own_row(first, last, client=client, next_hop=rng.choice(["", CLIENT_ENI]))
    return sighting(
        first_seen=first,
        last_seen=last,
        client=client,
        interface_id=rng.choice([CLIENT_ENI, SECOND_ENI, TASK_ENI]),
        responses=1,
        server=rng.choice([SERVER, "10.0.1.99"]),
        instance_id=rng.choice(["", INSTANCE]),
    )


def history(rng: random.Random) -> list[Sweep | Batch]:
    """Sweeps and batches of a few hours, in any order."""
    moments = [T - HOUR + n * 900 for n in rng.sample(range(24), 8)]
    steps: list[Sweep | Batch] = [some_sweep(rng, moment) for moment in moments]
    steps += [batch([some_row(rng) for _ in range(8)], key=f"b{n}") for n in range(4)]
    rng.shuffle(steps)
    return steps


def test_any_history(
    fresh: Callable[[], AbstractContextManager[Connection]], programme: Programme
) -> None:
    """Each step begins with the knowledge that the one before left, as one process does."""
    for seed in programme.cases("histories learnt step by step", range(300), 12):
        with fresh() as conn:
            known = loading.load(conn)
            for step in history(random.Random(seed)):
                if isinstance(step, Sweep):
                    known = recording.learn(conn, [step], NETWORKS, known)
                else:
                    known = recording.record(conn, "logs", "files", [step], known, NETWORKS)
            assert_same(known, loading.load(conn), f"seed {seed}")
            assert_as_rebuilt(conn, f"seed {seed}")


def assert_same(one: loading.Knowledge, other: loading.Knowledge, told: str) -> None:
    assert (one.version, one.known, one.shelves) == (other.version, other.known, other.shelves), (
        told
    )
    for kind in KINDS:
        assert one.topology.versions(kind) == other.topology.versions(kind), told


# -- what need not be looked through ---------------------------------------------------------------


def test_records_of_before_a_thing_was_there_are_not_looked_through(conn: Connection) -> None:
    """A task's address was somebody else's long before it was created."""
    vpc = VPCS[0]
    learn(conn, sweep(T - 50 * HOUR, *SERVER_SIDE, vpc), sweep(T - HOUR, *SERVER_SIDE, vpc))
    before = loading.load(conn)
    record(conn, own_row(T - 49 * HOUR, T - 49 * HOUR + 60), own_row(T + 100, T + 160))
    learn(conn, sweep(T + HOUR, *SERVER_SIDE, vpc, task_eni(), task()))
    found = changes.touched(before, loading.load(conn))
    assert found.addresses == {CLIENT: T - 21}
    assert not found.everything
    assert {unit.hour for unit in mounts.units_naming(conn, found)} == {T, T + HOUR}
    assert_as_rebuilt(conn)


def test_very_many_names_mean_all_of_their_time(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    record(conn, own_row(T - 49 * HOUR, T - 49 * HOUR + 60), own_row(T + 100, T + 160))
    learn(conn, sweep(T, *SERVER_SIDE))
    monkeypatch.setattr(mounts, "_MOST_NAMES", 1)
    found = changes.Touched(addresses={"10.0.9.9": T, "10.0.9.8": T + HOUR})
    assert {unit.hour for unit in mounts.units_naming(conn, found)} == {T}


def test_knowledge_that_another_process_added_to_is_read_anew(conn: Connection) -> None:
    first, second, third = hourly(task_eni(), task())[:3]
    mine = recording.learn(conn, [first], NETWORKS)
    recording.learn(conn, [second], NETWORKS)
    assert_same(recording.learn(conn, [third], NETWORKS, mine), loading.load(conn), "third")


def test_a_sweep_of_broken_calls_alone_changes_no_knowledge(conn: Connection) -> None:
    known = recording.learn(conn, hourly()[:2], NETWORKS)
    call = "ec2.describe-network-interfaces"
    broken = replace(later(), whole=frozenset(), items={}, calls={call: CallState.BROKEN})
    after = recording.learn(conn, [broken], NETWORKS, known)
    assert after.topology is known.topology
    assert_same(after, loading.load(conn), "broken")
