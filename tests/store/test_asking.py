"""Which calls were asked, when, and how often."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, insert, select

from inventory.aws import Meter, Use
from inventory.model import CallState, Sweep
from inventory.store import Store, asking, sweeps
from inventory.store.asking import CallKey, CallTimes
from inventory.store.knowledge import record_sweeps
from inventory.store.tables import META, SWEEP, SWEEP_CALL

Fresh = Callable[[], AbstractContextManager[Connection]]

WHOLE, BROKEN, MISSING = CallState.WHOLE, CallState.BROKEN, CallState.MISSING
CALLS = ("ec2.describe-vpcs", "ecs.list-clusters")
quick = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def asked(moment: int, *, name: str = "", account: str = "1", **calls: CallState) -> Sweep:
    """A sweep of calls named by their last word, ``vpcs`` and ``clusters``."""
    states = {call: calls[word] for call in CALLS if (word := call.rpartition("-")[2]) in calls}
    problems = {call: "denied" for call, state in states.items() if state is BROKEN}
    return Sweep(name or f"at {moment}", moment, account, "r", states, problems, frozenset(), {})


@st.composite
def some_sweeps(draw: st.DrawFn) -> list[Sweep]:
    states = st.sampled_from([WHOLE, BROKEN, MISSING])
    return [
        asked(
            draw(st.integers(1, 9)) * 10,
            name=f"n{number}",
            account=draw(st.sampled_from("12")),
            **draw(st.dictionaries(st.sampled_from(["vpcs", "clusters"]), states)),
        )
        for number in range(draw(st.integers(1, 8)))
    ]


def modelled(given_sweeps: Iterable[Sweep]) -> dict[CallKey, CallTimes]:
    """From the definition: look through every sweep for every call."""
    found = {}
    every = list(given_sweeps)
    for key in {(one.account, one.region, call) for one in every for call in one.calls}:
        said = [
            (one.taken_at, one.calls[key[2]])
            for one in every
            if (one.account, one.region) == key[:2] and one.calls.get(key[2], MISSING) != MISSING
        ]
        if said:
            newest = max(moment for moment, _ in said)
            whole = max((moment for moment, state in said if state is WHOLE), default=None)
            found[key] = CallTimes(newest, whole, WHOLE if whole == newest else BROKEN)
    return found


@quick
@given(some_sweeps(), st.data())
def test_the_newest_word_is_that_of_all_sweeps_in_any_order(
    fresh: Fresh, given_sweeps: list[Sweep], data: st.DataObject
) -> None:
    poorer = [replace(one, calls={}) for one in given_sweeps if data.draw(st.booleans())]
    with fresh() as conn:
        for one in data.draw(st.permutations([*given_sweeps, *given_sweeps[:2], *poorer])):
            record_sweeps(conn, [one])
        assert asking.call_times(conn) == modelled(given_sweeps)
        assert sum(asking.sweep_counts(conn).values()) == len(given_sweeps)


@quick
@given(some_sweeps(), st.integers(0, 8), st.data())
def test_sweeps_of_an_older_program_are_found(
    fresh: Fresh, given_sweeps: list[Sweep], known: int, data: st.DataObject
) -> None:
    """It kept no newest word, and had a row for each call that was not asked."""
    with fresh() as conn:
        record_sweeps(conn, given_sweeps[:known])
        kept = conn.execute(select(META)).all()
        record_sweeps(conn, given_sweeps[known:])
        if data.draw(st.booleans()):
            conn.execute(delete(META))
            if known:
                conn.execute(insert(META), [row._asdict() for row in kept])
        for sweep_id in conn.execute(select(SWEEP.c.id)).scalars().all():
            row = {"sweep_id": sweep_id, "call": "x", "state": "missing", "problem": ""}
            conn.execute(insert(SWEEP_CALL), row)
        told = asking.call_times(conn), asking.sweep_counts(conn)
        assert told[0] == modelled(given_sweeps)
        asking.catch_up(conn)
        assert (asking.call_times(conn), asking.sweep_counts(conn)) == told


def test_a_call_that_was_not_asked_has_no_row(conn: Connection) -> None:
    record_sweeps(conn, [asked(10, vpcs=MISSING, clusters=BROKEN)])
    rows = conn.execute(select(SWEEP_CALL.c.call, SWEEP_CALL.c.state, SWEEP_CALL.c.problem)).all()
    assert rows == [("ecs.list-clusters", "broken", "denied")]
    assert sweeps.known(conn) == {("at 10", "1", "r"): {"ecs.list-clusters": BROKEN}}


@pytest.mark.parametrize("state", [WHOLE, BROKEN])
def test_what_an_older_program_called_missing_is_mended(conn: Connection, state: CallState) -> None:
    record_sweeps(conn, [asked(10)])
    (sweep_id,) = conn.execute(select(SWEEP.c.id)).scalars()
    row = {"sweep_id": sweep_id, "call": CALLS[0], "state": "missing", "problem": ""}
    conn.execute(insert(SWEEP_CALL), row)
    record_sweeps(conn, [asked(10, vpcs=state)])
    assert conn.execute(select(SWEEP_CALL.c.state)).scalars().all() == [state.value]
    assert asking.call_times(conn)["1", "r", CALLS[0]].state is state


def test_a_call_broken_for_long_still_tells_when_it_was_whole(conn: Connection) -> None:
    record_sweeps(
        conn, [asked(10, vpcs=WHOLE), *(asked(n * 300, vpcs=BROKEN) for n in range(1, 999))]
    )
    assert asking.call_times(conn) == {("1", "r", CALLS[0]): CallTimes(998 * 300, 10, BROKEN)}


def test_the_newest_words_can_be_asked_of_a_store(url: object, database_url: str) -> None:
    with Store.open(database_url, write=True) as store:
        assert store.call_times() == {}
        store.write(lambda conn: record_sweeps(conn, [asked(10, vpcs=WHOLE)]))
        assert store.call_times() == {("1", "r", CALLS[0]): CallTimes(10, 10, WHOLE)}


# -- requests --------------------------------------------------------------------------------------


def test_requests_of_a_day_add_up(url: object, database_url: str) -> None:
    meter = Meter()
    for _ in range(3):
        meter.count(("1", "r", CALLS[0]))
    meter.count(("1", "r", CALLS[0]), throttled=True)
    meter.count(("2", "r", CALLS[0]))
    with Store.open(database_url, write=True) as store:
        assert store.used(20_000).total == 0
        store.use(20_000, meter.take())
        store.use(
            20_000, {("1", "r", CALLS[0]): Use(2, 1), ("organization", "global", "x.y"): Use(1)}
        )
        store.use(20_000, {})
        store.use(20_001, {("1", "r", CALLS[0]): Use(7)})
        used = store.used(20_000)
        with store.reading() as conn:
            assert asking.newest_day(conn) == 20_001
    assert used.total == 7
    assert used.by_call == {CALLS[0]: 6, "x.y": 1}
    assert used.throttled == {("1", "r", CALLS[0]): 2}


def test_no_request_was_ever_counted(conn: Connection) -> None:
    assert asking.newest_day(conn) is None
