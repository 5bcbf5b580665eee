"""Recording batches: reading twice, in any order, in any grouping changes nothing; a slow model says what must be there."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, func, select

from inventory.model import (
    DAY,
    HOUR,
    Batch,
    BatchRef,
    BatchState,
    Capture,
    CaptureKind,
    Folded,
    Outcome,
    Sighting,
    Tally,
)
from inventory.resolve.derive import Unit
from inventory.store import facts, strays
from inventory.store.tables import BATCH, CAPTURE, SIGHTING

Fresh = Callable[[], AbstractContextManager[Connection]]

T0 = 1_700_000_400 - 1_700_000_400 % HOUR


def sighting(
    server: str = "10.0.0.1", client: str = "10.0.1.1", at: int = T0, **changes: Any
) -> Sighting:
    given = Sighting(
        interface_id="eni-1",
        vpc_id="vpc-1",
        client=client,
        server=server,
        action="ACCEPT",
        pkt_client="",
        instance_id="",
        task_arn="",
        next_hop="",
        az_id="",
        first_seen=at,
        last_seen=at + 60,
        requests=2,
        responses=1,
        packets_in=10,
        bytes_in=1000,
        packets_out=10,
        bytes_out=1000,
        stray=False,
    )
    return given._replace(**changes)


def batch(
    key: str,
    content: str,
    sightings: Iterable[Sighting] = (),
    *,
    state: BatchState = BatchState.DONE,
    captures: Sequence[Capture] = (),
    **of_ref: Any,
) -> Batch:
    """``content`` stands for the bytes: batches of equal content have equal digests."""
    found = list(sightings)
    tally = Tally()
    for one in found:
        if one.stray:
            tally.add(Outcome.STRAY, one.requests + one.responses)
        else:
            tally.add(Outcome.REQUEST, one.requests)
            tally.add(Outcome.RESPONSE, one.responses)
    ref = BatchRef(key=key, version=f"version of {content}", size=len(content), **of_ref)
    first = min((one.first_seen for one in found), default=None)
    last = max((one.last_seen for one in found), default=None)
    return Batch(
        ref,
        state,
        Folded(found, list(captures), tally, first, last, "${version}"),
        digest=f"digest of {content}",
    )


def written(conn: Connection) -> dict[str, Any]:
    """All that was recorded, without the numbers of rows."""
    names = {row.id: row.key for row in conn.execute(select(BATCH.c.id, BATCH.c.key))}
    seen = [(names[row.batch_id], *tuple(row)[1:]) for row in conn.execute(select(SIGHTING))]
    captured = [(names[row.batch_id], *tuple(row)[1:]) for row in conn.execute(select(CAPTURE))]
    ledger = [tuple(row)[2:] for row in conn.execute(select(BATCH))]
    return {
        "sightings": sorted(seen),
        "captures": sorted(captured),
        "ledger": sorted(ledger, key=repr),
    }


def keys_with_facts(conn: Connection) -> list[str]:
    statement = select(BATCH.c.key).join(SIGHTING, SIGHTING.c.batch_id == BATCH.c.id).distinct()
    return sorted(conn.execute(statement).scalars())


def record(conn: Connection, *batches: Batch) -> set[Unit]:
    return facts.record_batches(conn, facts.source_id(conn, "s", "files"), batches)


def test_a_batch_is_read_back_as_it_was_recorded(conn: Connection) -> None:
    one = sighting(pkt_client="10.9.9.9")
    capture = Capture("eni-1", CaptureKind.SEEN, T0, T0 + 60, 60)
    touched = record(
        conn,
        batch(
            "a",
            "x",
            [one],
            captures=[capture],
            slot=(T0, T0 + 300),
            flow_log_id="fl-1",
            account="1",
            region="r",
        ),
    )
    assert touched == {Unit("10.0.0.1", "10.9.9.9", T0)}
    row = conn.execute(select(SIGHTING)).one()
    assert Sighting(*(row._mapping[name] for name in Sighting._fields)) == one
    assert row.true_client == one.true_client
    ledger = conn.execute(select(BATCH)).one()
    assert (ledger.slot_start, ledger.slot_end, ledger.first_record, ledger.last_record) == (
        T0,
        T0 + 300,
        T0,
        T0 + 60,
    )
    assert (ledger.flow_log_id, ledger.account, ledger.region, ledger.records) == (
        "fl-1",
        "1",
        "r",
        3,
    )
    assert json.loads(ledger.tally) == {"request": 2, "response": 1}
    assert conn.execute(select(CAPTURE.c.interface_id, CAPTURE.c.kind, CAPTURE.c.end)).one() == (
        "eni-1",
        "seen",
        T0 + 60,
    )
    assert facts.done(conn, "s") == {"a": ("version of x", BatchState.DONE)}
    assert facts.done(conn, "another") == {}


def test_a_new_version_replaces_and_both_units_are_touched(conn: Connection) -> None:
    record(conn, batch("a", "x", [sighting(client="c1")]))
    touched = record(conn, batch("a", "y", [sighting(client="c2", at=T0 + HOUR)]))
    assert touched == {Unit("10.0.0.1", "c1", T0), Unit("10.0.0.1", "c2", T0 + HOUR)}
    assert conn.execute(select(SIGHTING.c.client)).scalars().all() == ["c2"]


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
@pytest.mark.parametrize("together", [True, False])
def test_the_same_content_counts_once_by_the_first_key(
    conn: Connection, order: tuple[str, str], *, together: bool
) -> None:
    batches = [batch(key, "x", [sighting()]) for key in order]
    for group in [batches] if together else [[one] for one in batches]:
        record(conn, *group)
    assert keys_with_facts(conn) == ["a"]
    assert {key: state for key, (_, state) in facts.done(conn, "s").items()} == {
        "a": BatchState.DONE,
        "b": BatchState.DUPLICATE,
    }
    assert conn.execute(select(func.sum(BATCH.c.records))).scalar() == 3


def test_the_same_content_in_two_sources_is_two_witnesses(conn: Connection) -> None:
    for source in ("s", "t"):
        facts.record_batches(
            conn, facts.source_id(conn, source, "files"), [batch("a", "x", [sighting()])]
        )
    assert conn.execute(select(func.count()).select_from(SIGHTING)).scalar() == 2


def test_a_duplicate_takes_over_when_the_holder_changes(conn: Connection) -> None:
    record(
        conn,
        batch("a", "x", [sighting()]),
        batch("b", "x", [sighting()]),
        batch("c", "x", [sighting()]),
    )
    touched = record(conn, batch("a", "y", [sighting(client="c2")]))
    assert {unit.client for unit in touched} == {"10.0.1.1", "c2"}
    assert keys_with_facts(conn) == ["a", "b"]
    assert {key: state for key, (_, state) in facts.done(conn, "s").items()} == {
        "a": BatchState.DONE,
        "b": BatchState.DONE,
        "c": BatchState.DUPLICATE,
    }
    record(conn, batch("a", "x", [sighting()]))
    assert keys_with_facts(conn) == ["a"]


def test_what_was_read_once_is_kept_when_it_cannot_be_read_again(conn: Connection) -> None:
    record(conn, batch("a", "x", [sighting()]))
    assert record(conn, batch("a", "", state=BatchState.FAILED)) == set()
    assert keys_with_facts(conn) == ["a"]
    assert facts.done(conn, "s")["a"][1] is BatchState.FAILED
    record(conn, batch("a", "x", [sighting()]), batch("b", "", state=BatchState.GONE))
    record(conn, batch("a", "", state=BatchState.GONE))
    assert keys_with_facts(conn) == ["a"]
    assert {state for _, state in facts.done(conn, "s").values()} == {
        BatchState.DONE,
        BatchState.GONE,
    }


def test_a_cut_batch_counts_and_is_completed(conn: Connection) -> None:
    record(conn, batch("a", "cut", [sighting()], state=BatchState.PARTIAL))
    assert facts.done(conn, "s")["a"][1] is BatchState.PARTIAL
    record(conn, batch("a", "whole", [sighting(), sighting(client="c2")]))
    assert facts.done(conn, "s")["a"][1] is BatchState.DONE
    assert conn.execute(select(func.count()).select_from(SIGHTING)).scalar() == 2


def test_what_turns_out_to_be_no_flow_log_loses_its_facts(conn: Connection) -> None:
    record(conn, batch("a", "x", [sighting()]))
    assert record(conn, batch("a", "z", state=BatchState.FOREIGN)) == {
        Unit("10.0.0.1", "10.0.1.1", T0)
    }
    assert keys_with_facts(conn) == []


def test_texts_of_any_kind_and_counts_of_any_size_are_kept(conn: Connection) -> None:
    odd = sighting(client="c\0\ud800é", bytes_in=2**80)
    record(
        conn,
        batch("k\0\udcff", "x", [odd], captures=[Capture("e\0", CaptureKind.SKIPPED, 1, 2, 1)]),
    )
    row = conn.execute(select(SIGHTING)).one()
    assert (row.client, row.bytes_in) == ("c\\x00\\ud800é", 2**63 - 1)
    assert list(facts.done(conn, "s")) == ["k\\x00\\udcff"]


def test_strays_wait_for_a_server_and_then_count(conn: Connection) -> None:
    stray = sighting(server="10.0.0.9", stray=True)
    assert record(conn, batch("a", "x", [stray, sighting()])) == {Unit("10.0.0.1", "10.0.1.1", T0)}
    assert strays.flip_strays(conn, {"10.0.0.8"}) == set()
    assert strays.flip_strays(conn, {"10.0.0.9", "10.0.0.1"}) == {
        Unit("10.0.0.9", "10.0.1.1", T0),
        Unit("10.0.0.9", "10.0.1.1", T0 + 3600),
    }
    assert strays.flip_strays(conn, {"10.0.0.9"}) == set()
    assert json.loads(conn.execute(select(BATCH.c.tally)).scalar_one()) == {
        "request": 4,
        "response": 2,
    }


def test_what_nobody_claims_is_given_up_after_a_week(conn: Connection) -> None:
    old, new = T0, T0 + 8 * DAY
    captures = [
        Capture(name, CaptureKind.SEEN, at, at + 60, 60)
        for name in ("eni-mt", "eni-x")
        for at in (old, new)
    ]
    record(
        conn,
        batch(
            "a",
            "x",
            [sighting(stray=True, at=old), sighting(stray=True, at=new), sighting(at=old)],
            captures=captures,
        ),
    )
    strays.prune(conn, as_of=new, servers={"eni-mt"})
    assert sorted(map(tuple, conn.execute(select(SIGHTING.c.first_seen, SIGHTING.c.stray)))) == [
        (old, 0),
        (new, 1),
    ]
    left = conn.execute(select(CAPTURE.c.interface_id, CAPTURE.c.start))
    assert sorted(map(tuple, left)) == [("eni-mt", old), ("eni-mt", new), ("eni-x", new)]


# -- laws ----------------------------------------------------------------------------------------

CONTENTS = {
    "x": [sighting()],
    "y": [sighting(client="c2"), sighting(client="c3", at=T0 + HOUR)],
    "z": [],
}

histories = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(sorted(CONTENTS))), min_size=1, max_size=8
)


def modelled(history: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Which key holds which content: the last of each key, each content by its first key."""
    last = dict(history)
    holders: dict[str, str] = {}
    for key, content in sorted(last.items()):
        holders.setdefault(content, key)
    return sorted(
        (key, one.client) for content, key in holders.items() for one in CONTENTS[content]
    )


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories, st.data())
def test_facts_are_those_of_the_last_version_of_each_key(
    fresh: Fresh, history: list[tuple[str, str]], data: st.DataObject
) -> None:
    with fresh() as conn:
        group: list[Batch] = []
        for key, content in history:
            group.append(batch(key, content, CONTENTS[content]))
            if data.draw(st.booleans()):
                record(conn, *group)
                group = []
        record(conn, *group)
        first = written(conn)
        found = [(key, row[6]) for key, *row in first["sightings"]]
        assert sorted(found) == modelled(history)
    with fresh() as conn:
        for key, content in data.draw(st.permutations(sorted(dict(history).items()))):
            record(conn, batch(key, content, CONTENTS[content]))
        assert written(conn) == first
        for key, content in dict(history).items():
            record(conn, batch(key, content, CONTENTS[content]))
        assert written(conn) == first


def test_touched_units_are_all_that_differ(conn: Connection) -> None:
    def units() -> dict[Unit, list[Any]]:
        found: dict[Unit, list[Any]] = {}
        for row in conn.execute(select(SIGHTING).order_by(SIGHTING.c.batch_id, SIGHTING.c.ordinal)):
            found.setdefault(Unit(row.server, row.true_client, row.hour), []).append(tuple(row))
        return found

    steps = [("b", "x"), ("a", "x"), ("a", "y"), ("c", "y"), ("a", "z"), ("b", "y"), ("c", "x")]
    for key, content in steps:
        before = units()
        touched = record(conn, batch(key, content, CONTENTS[content]))
        after = units()
        assert {
            unit for unit in {*before, *after} if before.get(unit) != after.get(unit)
        } <= touched


def test_fifteen_thousand_sightings_in_one_transaction(
    conn: Connection, request: pytest.FixtureRequest
) -> None:
    many = [
        sighting(client=f"10.1.{number // 250}.{number % 250}", at=T0 + number % 12 * 300)
        for number in range(15_000)
    ]
    batches = [
        batch(f"key {number}", f"content {number}", many[number::32]) for number in range(32)
    ]
    start = time.perf_counter()
    assert len(record(conn, *batches)) == 15_000
    first = time.perf_counter() - start
    again = time.perf_counter()
    record(conn, *batches)
    seconds = {"first": first, "again": time.perf_counter() - again}
    request.node.user_properties.append(("seconds", seconds))
    assert conn.execute(select(func.count()).select_from(SIGHTING)).scalar() == 15_000
    assert first < 5  # far above what it takes (0.1 s on SQLite): a test of kind, not of speed
