"""Dumps of Kubernetes clusters in the database: what each showed at its moment, whatever came in which order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from inventory.model import CallState, ClusterUse, PodMount, Sweep
from inventory.resolve.clusters import Dumps
from inventory.store import clusters
from inventory.store.knowledge import record_sweeps
from inventory.store.tables import KNOWLEDGE, KNOWLEDGE_RUN, SWEEP_CALL
from inventory.store.values import from_json

Fresh = Callable[[], AbstractContextManager[Connection]]

ACCOUNT, REGION = "1", "r"
NODES = ("i-00000001", "i-00000002")
EVER = (0, 1000)


class Dump(NamedTuple):
    """One cluster's dump: pods by node, ``None`` when it is broken."""

    moment: int
    cluster: str
    pods: dict[str, int] | None


def uses(dump: Dump) -> list[ClusterUse]:
    if dump.pods is None:
        return []
    found = [ClusterUse(f"{dump.cluster}/", dump.cluster)]
    for node, pods in sorted(dump.pods.items()):
        mounts = (PodMount("fs-1", controller_name="web", pods=pods),)
        found.append(ClusterUse(f"{dump.cluster}/{node}", dump.cluster, node, mounts=mounts))
    return found


def sweep(*dumps: Dump, name: str = "") -> Sweep:
    """One folder with the dumps of one moment."""
    items = tuple(use for dump in dumps for use in uses(dump))
    states = {
        f"k8s.{dump.cluster}": CallState.BROKEN if dump.pods is None else CallState.WHOLE
        for dump in dumps
    }
    kinds = {"cluster_use": items} if items else {}
    moment = dumps[0].moment
    return Sweep(name or f"sweep-{moment}", moment, ACCOUNT, REGION, states, {}, frozenset(), kinds)


@st.composite
def some_dumps(draw: st.DrawFn) -> list[Dump]:
    """At most one of a cluster and moment."""
    places = draw(st.sets(st.tuples(st.integers(1, 8), st.sampled_from("ab")), max_size=10))
    pods = st.none() | st.dictionaries(st.sampled_from(NODES), st.integers(1, 2))
    return [Dump(moment * 10, cluster, draw(pods)) for moment, cluster in sorted(places)]


def folders(dumps: Sequence[Dump]) -> list[Sweep]:
    return [
        sweep(*(dump for dump in dumps if dump.moment == moment))
        for moment in sorted({dump.moment for dump in dumps})
    ]


def expected(dumps: Sequence[Dump], cluster: str, node: str, at: int) -> list[int]:
    """From the definition: pods on a node by the last whole dump of its cluster at a moment."""
    whole = [dump for dump in dumps if dump.cluster == cluster and dump.pods is not None]
    before = [dump for dump in whole if dump.moment <= at]
    pods = (before[-1].pods or {}) if before else {}
    return [pods[node]] if node in pods else []


def told(conn: Connection, cluster: str, node: str, at: int) -> list[int]:
    found = clusters.dumps(conn, ACCOUNT, REGION, (at, at))
    return [
        shown.use.mounts[0].pods
        for moment in found.nearest(cluster, (at, at))
        for shown in found.named(cluster, node)
        if shown.first <= moment <= shown.last
    ]


def tables(conn: Connection) -> list[tuple[Any, ...]]:
    """Everything but the numbers of rows."""
    runs = (
        select(KNOWLEDGE.c.key, KNOWLEDGE.c.body, KNOWLEDGE_RUN.c.first_seen, KNOWLEDGE_RUN.c.last_seen)
        .join(KNOWLEDGE_RUN, KNOWLEDGE_RUN.c.knowledge_id == KNOWLEDGE.c.id)
    )  # fmt: skip
    calls = select(SWEEP_CALL.c.call, SWEEP_CALL.c.state)
    return sorted(tuple(row) for statement in (runs, calls) for row in conn.execute(statement))


quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)


@quick
@given(some_dumps())
def test_a_node_is_as_the_last_dump_of_its_own_cluster_shows_it(
    fresh: Fresh, dumps: list[Dump]
) -> None:
    with fresh() as conn:
        record_sweeps(conn, folders(dumps))
        for at in range(5, 100, 5):
            for cluster in "ab":
                for node in NODES:
                    assert told(conn, cluster, node, at) == expected(dumps, cluster, node, at)


@quick
@given(some_dumps(), st.data())
def test_order_repetition_and_parts_change_nothing(
    fresh: Fresh, dumps: list[Dump], data: st.DataObject
) -> None:
    made = folders(dumps)
    with fresh() as conn:
        record_sweeps(conn, made)
        at_once = tables(conn)
    parts = [sweep(dump) for dump in dumps]
    with fresh() as conn:
        for one in data.draw(st.permutations([*made, *parts, *made[:2]])):
            record_sweeps(conn, [one])
        assert tables(conn) == at_once


@quick
@given(some_dumps(), st.integers(0, 90), st.integers(0, 40))
def test_no_window_hides_what_the_whole_shows(
    fresh: Fresh, dumps: list[Dump], start: int, length: int
) -> None:
    window = (start, start + length)
    with fresh() as conn:
        record_sweeps(conn, folders(dumps))
        some, every = (clusters.dumps(conn, ACCOUNT, REGION, span) for span in (window, EVER))
        for cluster in "ab":
            moments = some.nearest(cluster, window)
            assert list(moments) == list(every.nearest(cluster, window))
            for node in NODES:
                assert seen_at(some, cluster, node, moments) == seen_at(
                    every, cluster, node, moments
                )


def seen_at(dumps: Dumps, cluster: str, node: str, moments: Sequence[int]) -> set[tuple[int, int]]:
    return {
        (moment, shown.use.mounts[0].pods)
        for shown in dumps.named(cluster, node)
        for moment in moments
        if shown.first <= moment <= shown.last
    }


def test_dumps_name_no_client_so_nothing_is_derived_anew(conn: Connection) -> None:
    assert record_sweeps(conn, [sweep(Dump(10, "a", {NODES[0]: 1}))]).span is None


def test_a_place_without_dumps_has_none(conn: Connection) -> None:
    record_sweeps(conn, [sweep(Dump(10, "a", {}))])
    assert clusters.dumps(conn, ACCOUNT, REGION, EVER).clusters == ("a",)
    assert clusters.dumps(conn, "2", REGION, EVER).clusters == ()


def test_a_cluster_whose_name_begins_with_anothers_is_another(conn: Connection) -> None:
    dumps = [Dump(10, "a", {NODES[0]: 1}), Dump(10, "a-b", {NODES[0]: 2}), Dump(10, "a.b", {})]
    record_sweeps(conn, [sweep(*dumps)])
    assert told(conn, "a", NODES[0], 10) == [1]
    assert told(conn, "a-b", NODES[0], 10) == [2]
    found = clusters.dumps(conn, ACCOUNT, REGION, EVER)
    assert len(found.named("a", NODES[0])) == 1


def test_a_node_whose_name_ends_in_a_slash_is_no_dump(conn: Connection) -> None:
    odd = ClusterUse("a/x/", "a", "x/", mounts=(PodMount("fs-1"),))
    one = sweep(Dump(10, "b", {}))
    record_sweeps(
        conn, [Sweep("s", 10, ACCOUNT, REGION, one.calls, {}, frozenset(), {"cluster_use": (odd,)})]
    )
    assert clusters.dumps(conn, ACCOUNT, REGION, EVER).clusters == ()


def test_what_is_stored_comes_back(conn: Connection) -> None:
    dump = Dump(10, "a", {NODES[0]: 3})
    record_sweeps(conn, [sweep(dump)])
    bodies = conn.execute(select(KNOWLEDGE.c.body).order_by(KNOWLEDGE.c.key)).scalars()
    assert [from_json(ClusterUse, body) for body in bodies] == uses(dump)
