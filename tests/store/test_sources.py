"""How far sources were read and listed, what they had AWS scan, and what a log that forgets does not take away."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from inventory.model import Batch, Scan, Sighting
from inventory.store import views
from tests.answers.conftest import END, HOUR, Inventory, batch, own_row
from tests.answers.conftest import make as make  # noqa: PLC0414 - a fixture
from tests.builders import FS, T

Make = Callable[..., Inventory]


def window(rows: Sequence[Sighting], reading: int, scanned: int = 0) -> Batch:
    made = batch(rows, [(T, T + HOUR)], key="2023-11-14T22:00:00Z/2023-11-14T23:00:00Z")
    ref = replace(made.ref, version=f"reading {reading}", shrinks=True, slot=(T, T + HOUR))
    return replace(made, ref=ref, digest="", scan=Scan(19_000, scanned))


def clients(inventory: Inventory) -> int:
    return len(inventory.answers.who(FS, since=T - HOUR, until=END)["mounts"])


TWO = [own_row(T + 100, T + 400), own_row(T + 100, T + 400, client="10.0.3.99")]


def test_what_a_log_forgot_is_kept_and_told(make: Make) -> None:
    inventory = make()
    inventory.record(window(TWO, 1))
    inventory.record(window(TWO[:1], 2))
    assert clients(inventory) == 2
    done = inventory.store.done("logs")
    assert [(version, state.value) for version, state in done.values()] == [("reading 2", "done")]


def test_what_comes_late_is_added(make: Make) -> None:
    inventory = make()
    inventory.record(window(TWO[:1], 1))
    inventory.record(window(TWO, 2))
    inventory.record(window(TWO, 3))
    assert clients(inventory) == 2


def test_scanned_bytes_add_up_by_day_and_source(make: Make) -> None:
    inventory = make()
    inventory.record(window(TWO, 1, 500))
    inventory.record(window(TWO, 2, 70))
    store = inventory.store
    assert [store.scanned("logs", day) for day in (19_000, 19_001)] == [570, 0]
    assert store.scanned("others", 19_000) == 0


@pytest.mark.parametrize("settled", [T + 1800, T + 9 * HOUR, None])
def test_answers_speak_as_far_as_is_settled_and_was_seen(make: Make, settled: int | None) -> None:
    inventory = make()
    inventory.record(batch(TWO, [(T, T + HOUR)]))
    inventory.store.settle("logs", "files", settled, {"a": 5, "b": 6})
    inventory.store.settle("logs", "files", settled, {"b": 7})
    with inventory.store.reading() as conn:
        frontier = views.frontiers(conn)["logs"]
    assert frontier.last == min(settled or END, T + HOUR + 1)
    assert inventory.store.looked("logs") == {"a": 5, "b": 7}


def test_a_part_that_is_read_again_takes_nothing_back(make: Make) -> None:
    inventory = make()
    inventory.record(batch(TWO, [(T, T + HOUR)]))
    inventory.store.settle("logs", "s3", T + 3000, {})
    inventory.store.settle("logs", "s3", T - 40 * HOUR, {}, in_part=True)
    with inventory.store.reading() as conn:
        assert views.frontiers(conn)["logs"].last == T + 3000
    assert clients(inventory) == 2
    inventory.store.settle("logs", "s3", T + 3300, {}, in_part=True)
    inventory.store.settle("logs", "s3", T + 3200, {})
    with inventory.store.reading() as conn:
        assert views.frontiers(conn)["logs"].last == T + 3200
