"""Laws of spans, intervals and coverage, against a model that counts single moments."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.model import Capture, CaptureKind
from inventory.timeline import (
    Coverage,
    EndReason,
    GapReason,
    Hole,
    Horizon,
    Looked,
    View,
    Watched,
    aggregation,
    blind_coverage,
    coverage,
    intersect,
    intervals,
    joined,
    mount_gap,
    seen_by,
    subtract,
    total,
    union,
)

moments = st.integers(min_value=0, max_value=120)
spans = st.lists(st.tuples(moments, moments), max_size=12)


def members(some: object) -> set[int]:
    """The slow model: every whole second of the spans."""
    return {m for start, end in some for m in range(start, end)}  # type: ignore[attr-defined]


@given(spans, spans)
def test_span_arithmetic_is_set_arithmetic(one: list, other: list) -> None:
    assert members(union(one)) == members(one)
    assert members(subtract(one, other)) == members(one) - members(other)
    assert members(intersect(one, other)) == members(one) & members(other)
    assert total(one) == len(members(one))


@given(spans, spans)
def test_results_are_sorted_disjoint_and_do_not_touch(one: list, other: list) -> None:
    for result in (union(one), subtract(one, other), intersect(one, other)):
        assert all(start < end for start, end in result)
        assert all(left[1] < right[0] for left, right in pairwise(result))


@given(
    st.lists(st.tuples(moments, moments).map(lambda s: (min(s), max(s))), max_size=12),
    st.integers(0, 30),
)
def test_joined_leaves_only_silences_longer_than_the_gap(some: list, gap: int) -> None:
    result = joined(some, gap)
    assert all(right[0] - left[1] > gap for left, right in pairwise(result))
    assert members(some) <= members(result)


@given(spans, moments, moments)
def test_looked_tells_what_lies_between_two_moments(some: list, one: int, other: int) -> None:
    looked = Looked(some)
    assert list(looked) == union(some)
    assert Looked(looked) is looked
    assert looked.within(one, other) == total(intersect([(one, other)], some))


runs = st.lists(
    st.tuples(moments, moments).map(lambda s: (min(s), max(s))), min_size=1, max_size=10
)


@given(runs, runs, spans, st.integers(1, 40))
def test_intervals_do_not_depend_on_order_repetition_or_grouping(
    one: list, other: list, seen: list, gap: int
) -> None:
    horizon = Horizon(as_of=130, mount_gap=gap)
    whole = intervals([*one, *other], seen, horizon)
    assert intervals([*reversed(other), *one, *other], seen, horizon) == whole
    assert intervals([(i.start, i.end) for i in whole], seen, horizon) == whole


@given(runs, st.integers(1, 40))
def test_when_everything_is_seen_intervals_are_runs_joined_over_the_gap(
    some: list, gap: int
) -> None:
    found = intervals(some, [(-1000, 1000)], Horizon(as_of=130, mount_gap=gap))
    assert [(i.start, i.end) for i in found] == joined(some, gap)


@given(runs, spans, spans, st.integers(1, 40))
def test_seeing_less_never_makes_more_intervals(
    some: list, seen: list, holes: list, gap: int
) -> None:
    """One-sidedness: a hole can only make a mount look longer, never ended."""
    horizon = Horizon(as_of=130, mount_gap=gap)
    with_holes = intervals(some, subtract(seen, holes), horizon)
    without = intervals(some, seen, horizon)
    assert len(with_holes) <= len(without)
    ended = {i.end for i in without if i.ended_reason is EndReason.GAP}
    assert {i.end for i in with_holes if i.ended_reason is EndReason.GAP} <= ended


def test_a_blind_hole_does_not_end_a_mount_that_is_seen_on_both_sides() -> None:
    found = intervals(
        [(0, 1000), (9000, 9500)], [(0, 1100), (8900, 10000)], Horizon(as_of=9600, mount_gap=900)
    )
    assert [(i.start, i.end, i.open_end) for i in found] == [(0, 9500, True)]


def test_a_silence_in_forgotten_time_is_told_as_one() -> None:
    """Runs are all that is left of it: nobody knows whether anybody looked, and nobody claims that it was there all along."""
    horizon = Horizon(as_of=9600, mount_gap=900, forgotten=5000)
    found = intervals(
        [(0, 1000), (1500, 2000), (4200, 4300), (5201, 9500)], [(5000, 9600)], horizon
    )
    assert [(i.start, i.end, i.ended_reason, i.open_end) for i in found] == [
        (0, 2000, EndReason.FORGOTTEN, True),
        (4200, 4300, EndReason.FORGOTTEN, True),  # 700 s and 201 s
        (5201, 9500, None, True),
    ]
    seen = intervals([(0, 1000)], [(5000, 9600)], horizon)
    assert [(i.ended_reason, i.open_end) for i in seen] == [(EndReason.GAP, False)]
    blind = intervals([(0, 1000)], [], horizon)
    assert [i.ended_reason for i in blind] == [EndReason.COVERAGE_LOST]


@given(runs, st.integers(1, 40), st.integers(0, 130))
def test_what_was_seen_is_cut_the_same_when_it_is_forgotten(
    some: list, gap: int, forgotten: int
) -> None:
    before = intervals(some, [(-1000, 1000)], Horizon(as_of=130, mount_gap=gap))
    horizon = Horizon(as_of=130, mount_gap=gap, forgotten=forgotten)
    after = intervals(some, [(forgotten, 1000)], horizon)
    assert [i[:2] for i in after] == [i[:2] for i in before]


@pytest.mark.parametrize(
    ("horizon", "seen", "reason", "open_end"),
    [
        (Horizon(as_of=5000, mount_gap=900), [(0, 5000)], EndReason.GAP, False),
        (Horizon(as_of=5000, mount_gap=900), [(0, 1500)], EndReason.COVERAGE_LOST, True),
        (
            Horizon(as_of=5000, mount_gap=900, client_gone=1200),
            [(0, 1500)],
            EndReason.CLIENT_DELETED,
            False,
        ),
        (
            Horizon(as_of=5000, mount_gap=900, mount_target_gone=1200),
            [(0, 1500)],
            EndReason.MOUNT_TARGET_DELETED,
            False,
        ),
        (
            Horizon(as_of=1300, mount_gap=900, client_gone=1200),
            [(0, 1300)],
            EndReason.CLIENT_DELETED,
            False,
        ),
        (Horizon(as_of=1300, mount_gap=900, client_gone=1400), [(0, 1300)], None, True),
        (Horizon(as_of=1300, mount_gap=900), [(0, 1300)], None, True),
    ],
)
def test_why_an_interval_ended(
    horizon: Horizon, seen: list, reason: EndReason | None, open_end: bool
) -> None:
    (found,) = intervals([(0, 1000)], seen, horizon)
    assert (found.ended_reason, found.open_end) == (reason, open_end)


def test_the_mount_gap_follows_the_aggregation_interval() -> None:
    assert mount_gap(60) == 900
    assert mount_gap(600) == 1500


def seen(start: int, end: int, longest: int = 60) -> Capture:
    return Capture("eni-1", CaptureKind.SEEN, start, end, longest)


def skipped(start: int, end: int) -> Capture:
    return Capture("eni-1", CaptureKind.SKIPPED, start, end, end - start)


def test_the_aggregation_interval_is_the_shorter_of_configured_and_observed() -> None:
    assert aggregation(600, [seen(0, 60)]) == 60
    assert aggregation(600, [seen(0, 600, 590)]) == 600
    assert aggregation(60, [seen(0, 600, 590)]) == 60
    assert aggregation(None, []) == 600


def test_own_records_two_intervals_apart_prove_the_time_between() -> None:
    assert seen_by(View([seen(0, 60), seen(310, 370)]), 60) == [(0, 61), (310, 371)]
    assert seen_by(View([seen(0, 60), seen(310, 370)]), 600) == [(0, 371)]


def test_a_flow_log_is_proven_while_it_shows_something_every_half_hour() -> None:
    view = View([], delivered=[(0, 300), (2100, 2400), (9000, 9300)])
    assert seen_by(view, 60) == [(0, 2401), (9000, 9301)]


def test_skipdata_and_unread_batches_are_holes() -> None:
    view = View([seen(0, 1000), skipped(100, 160)], holes=[Hole(500, 800, GapReason.BATCH_FAILED)])
    assert seen_by(view, 60) == [(0, 100), (161, 500), (800, 1001)]


def test_a_file_system_is_as_blind_as_its_blindest_mount_target() -> None:
    found = coverage(
        (0, 100), [Watched((0, 100), [(0, 100)], []), Watched((50, 100), [(60, 100)], [])]
    )
    assert (found.blind_seconds, found.complete) == (10, False)
    assert [(g.start, g.end, g.reason) for g in found.gaps] == [(50, 60, GapReason.NO_RECORDS)]


def test_a_file_system_without_mount_targets_asks_for_nothing_and_is_covered() -> None:
    found = coverage((0, 100), [])
    assert (found.complete, found.ratio) == (True, 1.0)


def test_what_is_not_known_is_blind() -> None:
    found = blind_coverage((0, 100), GapReason.MOUNT_TARGETS_UNKNOWN)
    assert (found.complete, found.ratio, found.blind_seconds) == (False, 0.0, 100)


def test_gaps_say_why() -> None:
    watched = Watched(
        (0, 100),
        [(0, 10), (90, 100)],
        [Hole(20, 40, GapReason.SKIPDATA), Hole(30, 50, GapReason.BATCH_FAILED)],
    )
    gaps = [(g.start, g.end, g.reason) for g in coverage((0, 100), [watched]).gaps]
    assert gaps == [
        (10, 20, GapReason.NO_RECORDS),
        (20, 40, GapReason.SKIPDATA),
        (40, 50, GapReason.BATCH_FAILED),
        (50, 90, GapReason.NO_RECORDS),
    ]


def test_a_bridge_covers_only_what_was_blind() -> None:
    found = coverage((0, 100), [Watched((0, 100), [(0, 40)], [])], bridged=[(30, 70)])
    assert (found.blind_seconds, found.ratio, found.bridged_ratio) == (30, 0.4, 0.3)


@given(spans, spans)
def test_seen_bridged_and_blind_are_all_of_the_asked_time(one: list, other: list) -> None:
    found = coverage((0, 120), [Watched((10, 110), union(one), [])], bridged=other)
    assert isinstance(found, Coverage)
    parts = [
        members(found.seen),
        members(found.bridged),
        members((g.start, g.end) for g in found.gaps if not g.bridged_by),
    ]
    assert set().union(*parts) == set(range(10, 110))
    assert sum(map(len, parts)) == 100
