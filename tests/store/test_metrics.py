"""Stretches of answers: the same whatever the order and however often they come, on both databases, and what they mean minute by minute."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.discover.datapoints import folded
from inventory.model import CLIENT_CONNECTIONS, DATA_READ, CallState, Meaning, MetricRun, Sweep
from inventory.resolve.networks import Networks
from inventory.store import Kept, Store, metrics
from inventory.store.metrics import merged
from inventory.store.mounts import FileSystemKey

FS, OTHER = "fs-0123456789abcdef0", "fs-0123456789abcdef1"
PLACE = ("111122223333", "eu-central-1")
ABOUT = MetricRun(FS, CLIENT_CONNECTIONS, 60, Meaning.ASKED, 0, 0)
EVER = (-(1 << 40), 1 << 40)

readings = st.tuples(
    st.sampled_from([60, 120, 300]),
    st.sampled_from([0, 0, 0, 60]),
    st.lists(st.tuples(st.integers(0, 12), st.sampled_from([0.0, 0.0, 0.5, 1.0, 7.0])), max_size=8),
)
"""A period, by how much its grid is shifted, and in some of its periods a sum."""


def runs(reading: tuple[int, int, Sequence[tuple[int, float]]]) -> list[MetricRun]:
    period, shift, points = reading
    moments = [(shift + number * period, value) for number, value in points]
    return folded(replace(ABOUT, period=period), moments)


def every(
    given_readings: Iterable[tuple[int, int, Sequence[tuple[int, float]]]],
) -> list[MetricRun]:
    return [run for reading in given_readings for run in runs(reading)]


@given(st.lists(readings, max_size=6))
def test_minute_by_minute_they_mean_what_was_answered(given_readings: list) -> None:
    """A zero counts where its whole period was zero in every answer; what was above zero always does."""
    zeros: set[tuple[int, int]] = set()
    above: dict[int, int] = {}
    for period, shift, points in given_readings:
        largest: dict[int, float] = {}
        for number, value in points:
            start = shift + number * period
            largest[start] = max(value, largest.get(start, 0))
        for start, value in largest.items():
            if value:
                for minute in range(start, start + period, 60):
                    above[minute] = 1
            else:
                zeros.add((start, start + period))
    expected = {
        minute
        for start, end in zeros
        if not set(range(start, end, 60)) & above.keys()
        for minute in range(start, end, 60)
    }
    found = merged(every(given_readings))
    assert minutes(found, Meaning.ZERO) == expected
    assert minutes(found, Meaning.ABOVE) == above.keys()


def minutes(found: Iterable[MetricRun], meaning: Meaning) -> set[int]:
    return {
        minute
        for run in found
        if run.meaning is meaning
        for minute in range(run.start, run.end, 60)
    }


@given(st.lists(readings, max_size=6), st.randoms(use_true_random=False))
def test_order_and_repetition_change_nothing(given_readings: list, rng: object) -> None:
    at_once = merged(every(given_readings))
    one_by_one: list[MetricRun] = []
    shuffled = [*given_readings, *given_readings]
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    for reading in shuffled:
        one_by_one = merged([*one_by_one, *runs(reading)])
    assert one_by_one == at_once
    assert merged(at_once) == at_once


@given(st.lists(readings, max_size=6))
def test_they_are_as_few_as_can_be(given_readings: list) -> None:
    found = merged(every(given_readings))
    for meaning in Meaning:
        for grid in {(run.period, run.start % run.period) for run in found}:
            alike = [
                run
                for run in found
                if run.meaning is meaning and (run.period, run.start % run.period) == grid
            ]
            assert all(one.end < other.start for one, other in pairwise(alike))


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with Store.open(database_url, write=True) as opened:
        opened.upgrade()
        yield opened


def sweep(number: int, told: Iterable[MetricRun], place: tuple[str, str] = PLACE) -> Sweep:
    calls = {"cloudwatch.get-metric-data": CallState.WHOLE}
    name = f"sweep {number}"
    return Sweep(name, 1000 + number, *place, calls, {}, frozenset(), {}, metrics=tuple(told))


def kept(store: Store, file_system_id: str = FS) -> list[MetricRun]:
    with store.reading() as conn:
        key = FileSystemKey(*PLACE, file_system_id)
        return metrics.of_file_system(conn, key, [CLIENT_CONNECTIONS], EVER)


def test_the_database_keeps_what_the_model_says(store: Store) -> None:
    """In several sweeps, in any order, twice; of each file system, metric and place by itself."""
    parts = [
        runs((60, 0, [(n, 0.0) for n in range(20)])),
        runs((60, 0, [(n, 0.0) for n in range(20, 30)] + [(30, 2.0), (31, 9.0)])),
        runs((300, 0, [(n, 0.0) for n in range(4, 9)])),
        runs((60, 0, [(7, 1.0)])),
        [replace(ABOUT, start=0, end=1800)],
    ]
    expected = [
        run for run in merged(run for part in parts for run in part) if run.meaning != "asked"
    ]
    strange = [replace(run, file_system_id=OTHER) for run in parts[3]]
    others = [replace(run, metric=DATA_READ) for run in parts[3]]
    sent = [sweep(n, part) for n, part in enumerate([*parts, strange, others])]
    sent.append(sweep(99, [replace(run, largest=50) for run in parts[3]], ("999988887777", "x")))
    for one in (*reversed(sent), *sent):
        store.learn([one], Networks())
        store.learn([one], Networks())
    assert kept(store) == expected
    assert [run.start for run in kept(store, OTHER)] == [420]
    assert store.metrics_asked()[PLACE][FS, CLIENT_CONNECTIONS] == [(0, 1800)]
    with store.reading() as conn:
        rows = conn.exec_driver_sql("SELECT count(*) FROM metric_run").scalar()
    assert rows == len(expected) + 4


def test_a_month_of_nobody_is_one_row(store: Store) -> None:
    for day in range(30):
        hours = [(day * 86_400 + hour * 3600, 0.0) for hour in range(24)]
        store.learn([sweep(day, folded(replace(ABOUT, period=3600), hours))], Networks())
    assert [(run.start, run.end) for run in kept(store)] == [(0, 30 * 86_400)]


def test_what_was_answered_of_forgotten_mounts_goes_and_is_not_asked_again(store: Store) -> None:
    day = 86_400
    hours = [(hour * 3600, float(hour % 2)) for hour in range(48)]
    told = folded(replace(ABOUT, period=3600), hours)
    store.learn([sweep(day, [replace(ABOUT, start=0, end=2 * day), *told])], Networks())
    assert len(kept(store)) == 48
    store.keep(Kept(mounts=day))
    left = kept(store)
    assert sorted(run.end for run in left) == [hour * 3600 for hour in range(25, 49)]
    assert store.drop(lambda: False) == {"metric_run": 24}
    assert kept(store) == left
    assert store.metrics_asked()[PLACE][FS, CLIENT_CONNECTIONS] == [(0, 2 * day)]


def test_what_touches_a_window_is_found(store: Store) -> None:
    store.learn([sweep(0, runs((60, 0, [(1, 0.0), (2, 0.0), (5, 3.0), (9, 0.0)])))], Networks())
    with store.reading() as conn:
        key = FileSystemKey(*PLACE, FS)
        found = metrics.of_file_system(conn, key, [CLIENT_CONNECTIONS], (179, 310))
        assert [(run.start, run.end, run.largest) for run in found] == [(300, 360, 3), (60, 180, 0)]
        assert metrics.of_file_system(conn, key, [DATA_READ], EVER) == []
        assert metrics.proof(conn, PLACE, ()) == (None, None)
