"""Knowledge is a function of the set of sweeps: the laws, and a slow model that is told nothing of runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from inventory.model import (
    KINDS,
    AccessPoint,
    CallState,
    FileSystem,
    InterfaceChange,
    MountTarget,
    NetworkInterface,
    Sweep,
    Task,
    TaskAttachment,
    Version,
)
from inventory.store.knowledge import ALWAYS, knowledge_version, record_sweeps
from inventory.store.tables import METADATA, SWEEP_CALL
from inventory.store.versions import (
    DOUBTFUL,
    Scope,
    Shelf,
    read_shelf,
    read_shelves,
    read_versions,
)

Fresh = Callable[[], AbstractContextManager[Connection]]

CALL = {
    "network_interface": "ec2.describe-network-interfaces",
    "mount_target": "efs.describe-mount-targets",
    "task": "ecs.describe-tasks",
}


Said = Mapping[str, tuple[bool, Sequence[Any]]]


def item(kind: str, key: str, value: int) -> NetworkInterface | MountTarget | Task:
    if kind == "network_interface":
        return NetworkInterface(key, description=str(value))
    if kind == "mount_target":
        return MountTarget(key, "fs-1", addresses=(f"10.0.0.{value}",))
    return Task(key, last_status=str(value))


def sweep(moment: int, said: Said, *, name: str = "", account: str = "1") -> Sweep:
    return Sweep(
        name=name or f"sweep at {moment}",
        taken_at=moment,
        account=account,
        region="r",
        calls={
            CALL.get(kind, kind): CallState.WHOLE if whole else CallState.BROKEN
            for kind, (whole, _) in said.items()
        },
        problems={},
        whole=frozenset(kind for kind, (whole, _) in said.items() if whole),
        items={kind: tuple(items) for kind, (_, items) in said.items()},
    )


@st.composite
def kinds_said(draw: st.DrawFn) -> Said:
    said: dict[str, tuple[bool, list[Any]]] = {}
    for kind in draw(st.sets(st.sampled_from(sorted(CALL)), min_size=1)):
        shown = draw(st.dictionaries(st.sampled_from("ab"), st.integers(1, 2)))
        said[kind] = (
            draw(st.booleans()),
            [item(kind, key, value) for key, value in sorted(shown.items())],
        )
    return said


@st.composite
def some_sweeps(draw: st.DrawFn) -> list[Sweep]:
    """A few sweeps; now and then two of one moment."""
    moments = draw(st.lists(st.integers(1, 9), min_size=1, max_size=9))
    return [
        sweep(
            moment * 10,
            draw(kinds_said()),
            name=f"n{number}",
            account=draw(st.sampled_from(["1", "1", "1", "2"])),
        )
        for number, moment in enumerate(moments)
    ]


def lesser(whole: Sweep, drop: str) -> Sweep:
    """The same sweep when one of its files could not be read yet."""
    return replace(
        whole,
        whole=whole.whole - {drop},
        calls={
            call: CallState.MISSING if call == CALL[drop] else state
            for call, state in whole.calls.items()
        },
        items={kind: items for kind, items in whole.items.items() if kind != drop},
    )


# -- the slow model ------------------------------------------------------------------------------


def modelled(sweeps: Iterable[Sweep], kind: str) -> set[tuple[Any, ...]]:
    """Every version, from the definition: for each value, go through all moments."""
    found = set()
    for account in {one.account for one in sweeps}:
        own = [
            one
            for one in sweeps
            if one.account == account and (kind in one.whole or kind in one.items)
        ]
        seen: dict[int, set[tuple[str, str]]] = defaultdict(set)
        whole = sorted({one.taken_at for one in own if kind in one.whole})
        for one in own:
            for shown in one.items.get(kind, ()):
                seen[one.taken_at].add((getattr(shown, KINDS[kind][1]), repr(shown)))
        things = {thing for moment in seen.values() for thing in moment}
        for key, value in things:
            found |= {
                (account, value, *bounds)
                for bounds in modelled_thing(seen, whole, key, value, kind in DOUBTFUL)
            }
    return found


def modelled_thing(
    seen: dict[int, set[tuple[str, str]]], whole: list[int], key: str, value: str, doubtful: bool
) -> set[tuple[int, int, int | None, int | None]]:
    moments = sorted({*seen, *whole})
    mine = [moment for moment in moments if (key, value) in seen[moment]]
    present = {moment for moment in moments if any(one == key for one, _ in seen[moment])}
    other = {moment for moment in present if moment not in mine}
    if doubtful:
        absent = {
            first
            for first, second in pairwise(whole)
            if not present & {moment for moment in moments if first <= moment <= second}
        }
        confirmed = absent | {second for first, second in pairwise(whole) if first in absent}
    else:
        absent = confirmed = set(whole) - present
    versions = [[mine[0], mine[0]]]
    for before, after in pairwise(mine):
        if any(before < moment < after for moment in other | confirmed):
            versions.append([after, after])
        versions[-1][1] = after
    return {
        (
            first,
            last,
            max((one for one in other | set(whole) - set(mine) if one < first), default=None),
            min((one for one in other | absent if one > last), default=None),
        )
        for first, last in versions
    }


def shown(versions: Iterable[Version[Any]]) -> list[tuple[Any, ...]]:
    return [
        (one.account, repr(one.value), one.first_seen, one.last_seen, one.not_before, one.not_after)
        for one in versions
    ]


def everything(conn: Connection) -> dict[str, Any]:
    """All of knowledge but the numbers of rows."""
    versions = read_versions(conn, CALL)
    calls = conn.execute(select(SWEEP_CALL.c.call, SWEEP_CALL.c.state, SWEEP_CALL.c.problem)).all()
    return {
        **{kind: shown(found) for kind, found in versions.items()},
        "calls": sorted(map(tuple, calls)),
    }


quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@quick
@given(some_sweeps())
def test_versions_are_what_the_slow_model_says(fresh: Fresh, sweeps: list[Sweep]) -> None:
    with fresh() as conn:
        record_sweeps(conn, sweeps)
        found = read_versions(conn, CALL)
    for kind in CALL:
        assert sorted(shown(found[kind]), key=repr) == sorted(modelled(sweeps, kind), key=repr)


@quick
@given(some_sweeps(), st.data())
def test_order_and_repetition_change_nothing(
    fresh: Fresh, sweeps: list[Sweep], data: st.DataObject
) -> None:
    with fresh() as conn:
        record_sweeps(conn, sweeps)
        expected = everything(conn)
    poorer = [
        lesser(one, drop)
        for one in sweeps
        for drop in sorted(one.whole)
        if data.draw(st.booleans())
    ]
    shuffled = data.draw(st.permutations([*sweeps, *sweeps[:3], *poorer]))
    with fresh() as conn:
        for one in shuffled:
            record_sweeps(conn, [one])
        assert everything(conn) == expected


@quick
@given(st.lists(some_sweeps(), min_size=1, max_size=3))
def test_what_is_added_to_a_shelf_gives_what_reading_all_gives(
    fresh: Fresh, groups: list[list[Sweep]]
) -> None:
    """Sweep by sweep, in any order of their moments."""
    with fresh() as conn:
        shelves: dict[Scope, Shelf] = {}
        for number, one in enumerate(one for group in groups for one in group):
            spoken = record_sweeps(conn, [replace(one, name=f"n{number}")]).spoken
            for scope, since in spoken.items():
                shelves[scope] = read_shelf(conn, scope, shelves.get(scope), since)
            assert shelves == read_shelves(conn, sorted(CALL))


@quick
@given(some_sweeps(), kinds_said(), st.integers(5, 95), st.booleans())
def test_nothing_changes_outside_of_the_span(
    fresh: Fresh,
    sweeps: list[Sweep],
    said: Said,
    moment: int,
    one_by_one: bool,
) -> None:
    added = sweep(moment, said, name="the one that is added")

    def at(versions: dict[str, list[Version[Any]]], when: int) -> set[tuple[Any, ...]]:
        known = ((kind, one) for kind, found in versions.items() for one in found)
        return {
            (kind, one.account, repr(one.value), one.certain(when))
            for kind, one in known
            if one.certain(when) or one.possible(when)
        }

    with fresh() as conn:
        for group in [[one] for one in sweeps] if one_by_one else [sweeps]:
            record_sweeps(conn, group)
        before = read_versions(conn, CALL)
        span = record_sweeps(conn, [added]).span
        after = read_versions(conn, CALL)
    for when in range(110):
        if span is None or not span[0] <= when < span[1]:
            assert at(before, when) == at(after, when)


def test_a_sweep_read_again_says_nothing_new(conn: Connection) -> None:
    one = sweep(10, {"task": (False, [item("task", "t", 1)]), "mount_target": (True, [])})
    assert record_sweeps(conn, [one]).span is not None
    version = knowledge_version(conn)
    assert record_sweeps(conn, [one]).span is None
    assert record_sweeps(conn, [one, one]).span is None
    assert knowledge_version(conn) == version


def test_a_file_that_arrives_late_is_added_to_its_sweep(conn: Connection) -> None:
    late = sweep(10, {"network_interface": (True, [item("network_interface", "eni-1", 1)])})
    early = lesser(late, "network_interface")
    assert record_sweeps(conn, [early]).span is None
    assert read_versions(conn, ["network_interface"]) == {"network_interface": []}
    version = knowledge_version(conn)
    assert record_sweeps(conn, [late]).span == ALWAYS
    assert knowledge_version(conn) == version + 1
    (found,) = read_versions(conn, ["network_interface"])["network_interface"]
    assert (found.first_seen, found.last_seen, found.not_before, found.not_after) == (
        10,
        10,
        None,
        None,
    )


def test_half_a_sweep_closes_nothing(conn: Connection) -> None:
    interface = item("network_interface", "eni-1", 1)
    record_sweeps(
        conn,
        [
            sweep(10, {"network_interface": (True, [interface])}),
            sweep(20, {"network_interface": (False, [])}),
        ],
    )
    (found,) = read_versions(conn)["network_interface"]
    assert found.not_after is None
    record_sweeps(conn, [sweep(30, {"network_interface": (True, [])})])
    (found,) = read_versions(conn)["network_interface"]
    assert found.not_after == 30


def test_a_mount_target_goes_when_two_whole_sweeps_agree(conn: Connection) -> None:
    there: Said = {"mount_target": (True, [item("mount_target", "fsmt-1", 1)])}
    gone: Said = {"mount_target": (True, [])}
    record_sweeps(conn, [sweep(10, there), sweep(20, gone)])
    assert read_versions(conn)["mount_target"][0].not_after is None
    record_sweeps(conn, [sweep(30, gone)])
    assert read_versions(conn)["mount_target"][0].not_after == 20


def test_a_sweep_late_in_the_middle_is_put_in_its_place(conn: Connection) -> None:
    there: Said = {"network_interface": (True, [item("network_interface", "e", 1)])}
    gone: Said = {"network_interface": (True, [])}
    record_sweeps(conn, [sweep(10, there), sweep(30, there), sweep(40, there)])
    assert len(read_versions(conn)["network_interface"]) == 1
    assert record_sweeps(conn, [sweep(20, gone)]).span == (10, 31)
    assert [one[2:] for one in shown(read_versions(conn)["network_interface"])] == [
        (10, 10, None, 20),
        (30, 40, 20, None),
    ]


def test_an_access_point_may_change_what_is_said_of_any_time(conn: Connection) -> None:
    point: Said = {"access_point": (True, [AccessPoint("fsap-1", "fs-1")])}
    assert record_sweeps(conn, [sweep(10, point)]).span == ALWAYS
    assert record_sweeps(conn, [sweep(20, point)]).span is None


def test_a_birth_reaches_back_beyond_the_last_sweep(conn: Connection) -> None:
    record_sweeps(conn, [sweep(1_000, {"network_interface": (True, [])})])
    born = NetworkInterface("eni-1", attach_time=400)
    assert record_sweeps(conn, [sweep(2_000, {"network_interface": (True, [born])})]).span == (
        400,
        ALWAYS[1],
    )


def test_values_come_back_as_they_went_in(conn: Connection) -> None:
    task = Task(
        "arn:task/1",
        created_at=5,
        attachments=(TaskAttachment("a-1", addresses=("10.0.0.1", "fd00::1")),),
        tags={"naïve": "日本\0\ud800", "b": ""},
    )
    system = FileSystem("fs-1", creation_time=7, number_of_mount_targets=2**60, tags={"Name": "x"})
    record_sweeps(conn, [sweep(10, {"task": (True, [task]), "file_system": (True, [system])})])
    found = read_versions(conn, ["task", "file_system"])
    assert [one.value for one in found["task"]] == [task]
    assert [one.value for one in found["file_system"]] == [system]
    assert isinstance(found["task"][0].value.attachments[0].addresses, tuple)


def test_every_kind_can_be_stored_and_read(conn: Connection) -> None:
    needed = {
        **dict.fromkeys(
            ("function", "mount_target", "access_point", "other_server", "vpc_link"), ("f",)
        ),
        "client_connection": (7, "fs-1"),
        "interface_event": (7, InterfaceChange.DELETED),
    }
    items = {kind: (shape("k", *needed.get(kind, ())),) for kind, (shape, _) in KINDS.items()}
    record_sweeps(conn, [replace(sweep(10, {}), whole=frozenset(KINDS), items=items)])
    assert {
        kind: (one.value,) for kind, found in read_versions(conn).items() for one in found
    } == items


def test_many_interfaces_in_one_sweep(conn: Connection) -> None:
    many = [
        NetworkInterface(f"eni-{number:017x}", addresses=(f"10.0.{number // 256}.{number % 256}",))
        for number in range(3_000)
    ]
    record_sweeps(
        conn,
        [
            sweep(10, {"network_interface": (True, many)}),
            sweep(20, {"network_interface": (True, many[1:])}),
        ],
    )
    found = read_versions(conn, ["network_interface"])["network_interface"]
    assert sum(one.not_after == 20 for one in found) == 1
    assert sum(one.last_seen == 20 for one in found) == 2_999


def test_all_tables_are_named_for_what_they_hold() -> None:
    assert {
        "sighting",
        "capture",
        "knowledge",
        "sweep",
        "batch",
        "mount_hour",
    } <= METADATA.tables.keys()


@pytest.mark.parametrize("kind", sorted(CALL))
def test_another_value_ends_a_version_whoever_saw_it(conn: Connection, kind: str) -> None:
    record_sweeps(
        conn,
        [
            sweep(10, {kind: (True, [item(kind, "k", 1)])}),
            sweep(20, {kind: (False, [item(kind, "k", 2)])}),
        ],
    )
    assert [one[2:] for one in shown(read_versions(conn)[kind])] == [
        (10, 10, None, 20),
        (20, 20, 10, None),
    ]
