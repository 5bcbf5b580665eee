"""What histories were asked: stretches join, tries are kept, and what is still to be asked follows from the mounts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from inventory.model import CONNECTIONS, DAY, Asked
from inventory.resolve.networks import Networks
from inventory.store import asked, loading, questions, recording
from inventory.timeline import union
from tests.answers.conftest import HOUR, USUAL, batch, own_row, sweep
from tests.builders import (
    ACCOUNT,
    CLIENT,
    CLIENT_ENI,
    FS,
    REGION,
    T,
    access_point,
    function,
    interface_event,
    lambda_eni,
    sighting,
)
from tests.store.test_knowledge import Fresh

PLACE = (ACCOUNT, REGION)
ROW = Asked("cloudtrail", ACCOUNT, REGION, CONNECTIONS, 0, 10, 100, 3)
TRY = replace(ROW, subject="interface:eni-1", found=0)


def test_stretches_that_touch_become_one(conn: Connection) -> None:
    asked.remember(conn, [ROW, replace(ROW, start=10, end=20, asked_at=200, found=1)])
    assert asked.read(conn, "cloudtrail") == [replace(ROW, end=20, asked_at=200, found=4)]
    asked.remember(conn, [replace(ROW, start=30, end=40), replace(ROW, start=15, end=30)])
    assert asked.connections(conn) == {PLACE: [(0, 40)]}


def test_other_subjects_places_and_histories_stay_apart(conn: Connection) -> None:
    others = [
        replace(ROW, subject="event:RunInstances"),
        replace(ROW, region="eu-west-1"),
        replace(ROW, history="another"),
        replace(ROW, subject=f"unreadable:{CONNECTIONS}", start=50, end=60),
    ]
    asked.remember(conn, [ROW, *others])
    assert len(asked.read(conn, "cloudtrail")) == 4
    assert asked.connections(conn) == {PLACE: [(0, 10)], (ACCOUNT, "eu-west-1"): [(0, 10)]}


def test_each_time_an_interface_was_asked_about_is_kept(conn: Connection) -> None:
    asked.remember(conn, [TRY, replace(TRY, start=5, end=15, asked_at=200)])
    assert len(asked.read(conn, "cloudtrail")) == 2
    asked.remember(conn, [replace(TRY, asked_at=300)])
    assert [row.asked_at for row in asked.read(conn, "cloudtrail")] == [300, 200]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), max_size=8))
def test_what_is_remembered_is_the_union(fresh: Fresh, spans: list[tuple[int, int]]) -> None:
    rows = [replace(ROW, start=start, end=start + length) for start, length in spans]
    with fresh() as conn:
        for row in rows:
            asked.remember(conn, [row])
        expected = union((row.start, row.end) for row in rows)
        assert asked.connections(conn).get(PLACE, []) == expected
        assert [(row.start, row.end) for row in asked.read(conn, "cloudtrail")] == expected
        assert list(loading.load(conn).topology.asked(*PLACE)) == expected


# -- what is to be asked ---------------------------------------------------------------------------

SHARED = (lambda_eni(), access_point(), function("a", "fsap-1"), function("b", "fsap-1"))


def learnt(conn: Connection, *things: object) -> None:
    for moment in (T - HOUR, T + HOUR):
        recording.learn(conn, [sweep(moment, *USUAL[:3], *things)], Networks())


def wanted(conn: Connection, since: int = 0) -> list[tuple[str, str, str, bool]]:
    found = questions.wanted(conn, loading.load(conn), "cloudtrail", since)
    assert (list(found.places), found.swept[PLACE]) == ([PLACE], (T - HOUR, T + HOUR))
    assert all(
        (one.account, one.region, one.file_system_id) == (*PLACE, FS) for one in found.unnamed
    )
    return [
        (one.address, one.interface_id, str(one.first_seen - T), one.explained)
        for one in found.unnamed
    ]


def record(conn: Connection, *rows: object) -> None:
    given_rows = batch(rows)  # type: ignore[arg-type]
    recording.record(conn, "logs", "files", [given_rows], loading.load(conn), Networks())


def test_addresses_and_interfaces_that_nobody_knows_are_to_be_asked_about(conn: Connection) -> None:
    learnt(conn)
    record(
        conn,
        own_row(T + 100, T + 160, client="10.0.3.40"),
        sighting(interface_id="eni-0dead", client="10.0.3.41", responses=1),
        own_row(T + 100 + DAY, T + 160 + DAY, client="10.0.3.40"),
    )
    assert wanted(conn) == [
        ("10.0.3.40", "", str(100 + DAY), False),
        ("10.0.3.40", "", "100", False),
        ("10.0.3.41", "eni-0dead", "100", False),
    ]
    assert wanted(conn, T + DAY) == [("10.0.3.40", "", str(100 + DAY), False)]


def test_candidates_are_explained_but_not_named(conn: Connection) -> None:
    learnt(conn, *SHARED)
    record(conn, own_row(T + 100, T + 160))
    assert wanted(conn) == [(CLIENT, CLIENT_ENI, "100", True)]


def test_whoever_is_named_is_not_asked_about(conn: Connection) -> None:
    learnt(conn, *USUAL[3:])
    record(conn, own_row(T + 100, T + 160))
    assert wanted(conn) == []


def test_an_event_explains_an_interface(conn: Connection) -> None:
    learnt(conn)
    record(conn, sighting(interface_id="eni-0dead", client="10.0.3.41", responses=1))
    event = interface_event("created", 50, "eni-0dead", "10.0.3.41")
    recording.learn(conn, [sweep(T + 2 * HOUR, event, whole=())], Networks())
    found = questions.wanted(conn, loading.load(conn), "cloudtrail", 0)
    assert [one.explained for one in found.unnamed] == [True]


def test_only_so_many_are_asked_about_at_once(
    conn: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(questions, "MOST", 500)
    learnt(conn)
    rows = [
        own_row(T + 100 + n, T + 160 + n, client=f"10.0.{n // 200}.{n % 200}") for n in range(520)
    ]
    record(conn, *rows)
    found = wanted(conn)
    assert len(found) == questions.MOST
    assert found[0][2] == str(100 + 519)
