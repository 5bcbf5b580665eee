"""What answers read of captures and of deliveries: joined in the database, and the same to whoever asks what was looked at."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace

import pytest
from sqlalchemy import select

from inventory.answers.shown import Shown
from inventory.model import DAY, BatchState, Capture, CaptureKind, Span
from inventory.store import Store, stretches
from inventory.store.stretches import clipped
from inventory.store.tables import BATCH, CAPTURE, SOURCE
from inventory.timeline import CHAIN_SLACK, PROVEN_GAP, aggregation, joined
from tests.answers.conftest import Inventory, batch
from tests.answers.conftest import make as make  # noqa: PLC0414 - a fixture
from tests.builders import T

Make = Callable[..., Inventory]
WINDOW = (T + 1000, T + 9000)


def each(store: Store, window: Span) -> list[stretches.Captured]:
    """Row by row."""
    with store.reading() as conn:
        names = (CAPTURE.c[name] for name in Capture._fields)
        statement = (
            select(SOURCE.c.name, BATCH.c.flow_log_id, *names)
            .join(BATCH, BATCH.c.id == CAPTURE.c.batch_id)
            .join(SOURCE, SOURCE.c.id == BATCH.c.source_id)
            .where(CAPTURE.c.end >= window[0], CAPTURE.c.start < window[1])
        )
        return [
            stretches.Captured(name, flow_log, Capture(interface, CaptureKind(kind), *span))
            for name, flow_log, interface, kind, *span in conn.execute(statement)
        ]


def told(found: list[stretches.Captured], apart: int) -> object:
    """By whose and what, when it was captured, and how long the longest record was."""
    spans: dict[tuple[str, ...], list[Capture]] = defaultdict(list)
    for one in found:
        capture = one.capture
        key = (one.source, one.flow_log_id, capture.interface_id, capture.kind)
        spans[key].append(capture)
    return {
        key: (
            joined(((c.start, c.end) for c in captures), apart if key[3] == "seen" else 1),
            max(c.longest for c in captures),
            aggregation(None, captures),
        )
        for key, captures in spans.items()
    }


def test_joined_they_say_the_same(make: Make) -> None:
    chance = random.Random(2049)
    inventory = make()
    for number in range(200):
        captures = [
            Capture(
                chance.choice(["eni-a", "eni-b", ""]),
                chance.choice([CaptureKind.SEEN, CaptureKind.SEEN, CaptureKind.SKIPPED]),
                start,
                start + chance.choice([0, 59, 300, 900]),
                chance.choice([58, 60, 600]),
            )
            for start in (T + chance.randrange(0, 10_000, 20) for _ in range(5))
        ]
        made = batch(key=f"{number}.log", flow_log_id=chance.choice(["fl-1", "fl-2", ""]))
        inventory.record(replace(made, folded=replace(made.folded, captures=captures)))
    rows = each(inventory.store, WINDOW)
    with inventory.store.reading() as conn:
        found = stretches.captures(conn, {"eni-a", "eni-b", ""}, WINDOW)
        assert stretches.captures(conn, {"eni-a"}, (0, T - 1)) == []
    assert len(rows) > 250
    assert len(found) < len(rows) / 2
    for apart in (CHAIN_SLACK, 2 * 60 + CHAIN_SLACK, 2 * 600 + CHAIN_SLACK):
        assert told(found, apart) == told(rows, apart)


def test_a_longer_time_does_not_tell_how_long_records_were_in_a_shorter_one(make: Make) -> None:
    """By the minute now, by ten minutes before, and no silence between: read once for both, the short one's silences stay as suspicious."""
    inventory = make()
    captures = [
        Capture("eni-a", CaptureKind.SEEN, T, T + 50_000, 600),
        Capture("eni-a", CaptureKind.SEEN, T + 50_001, T + 100_000, 60),
    ]
    made = batch(key="a.log")
    inventory.record(replace(made, folded=replace(made.folded, captures=captures)))
    lately = (T + 80_000, T + 100_001)
    with inventory.store.reading() as conn:
        once = Shown(conn)
        asked_first = Shown(conn).captures(frozenset({"eni-a"}), lately)
        once.captures(frozenset({"eni-a"}), (T, T + 100_001))
        asked_then = once.captures(frozenset({"eni-a"}), lately)
    seconds = [
        aggregation(None, [one.capture for one in found]) for found in (asked_first, asked_then)
    ]
    assert seconds == [60, 60]


FILES = 150


def files(inventory: Inventory, chance: random.Random) -> list[tuple[str, int, int]]:
    """What was read of two flow logs, out of order; some files are empty, failed, or tell no slot: those that count, with their time."""
    counting = []
    for number in range(FILES):
        start = T + chance.randrange(0, 200_000, 100)
        end = start + chance.choice([0, 299, 3000])
        slot = None if number % 3 else (start, start + 300)
        flow_log = chance.choice(["fl-1", "fl-2"])
        state = BatchState.FAILED if number % 10 == 7 else BatchState.DONE
        seen = [] if number % 10 == 8 else [(start, end)]
        made = batch(seen=seen, key=f"{number}.log", flow_log_id=flow_log, slot=slot, state=state)
        if seen and state is BatchState.DONE:
            counting.append((flow_log, start, end))
        inventory.record(made)
    return counting


@pytest.mark.parametrize("chance", [random.Random(seed) for seed in range(3)])
def test_of_a_time_inside_of_another_the_same_is_told(make: Make, chance: random.Random) -> None:
    inventory = make()
    counting = files(inventory, chance)
    both = frozenset({"fl-1", "fl-2"})
    with inventory.store.reading() as conn:
        kept = Shown(conn)
        kept.delivering(both, (T - DAY, T + 5 * DAY))
        for _ in range(60):
            start = T + chance.randrange(-5_000, 200_000)
            window = (start, start + chance.choice([1, 600, 20_000, 100_000]))
            found = Shown(conn).delivering(both, window)
            assert kept.delivering(both, window) == found
            for flow_log in both:
                spans = [span for of, *span in counting if of == flow_log]
                whole = joined(((first, last) for first, last in spans), PROVEN_GAP)
                inside = [
                    clipped(one, window)
                    for one in whole
                    if one[0] < window[1] and one[1] >= window[0]
                ]
                assert list(found.get(("logs", flow_log), [])) == inside
                assert len(whole) > 3
