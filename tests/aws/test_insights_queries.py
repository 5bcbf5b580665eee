"""Queries of Logs Insights: waited for, paged, cut in halves, stopped; and what they scan, capped."""

from __future__ import annotations

import re
from typing import Any

import pytest

from inventory.collect.cloudwatch import insights, queries
from inventory.explore import Asking
from inventory.model import Batch, BatchState, Outcome, Scan
from tests.aws.test_log_groups import (
    DAY,
    ENI,
    GROUP,
    HOUR,
    KNOWN,
    NOW,
    Desk,
    T,
    desk,
    put,
    request,
)
from tests.fakeaws.insights import parsed
from tests.fakeaws.services.logs import Started

__all__ = ["desk"]


def read(desk: Desk, **keys: Any) -> Batch:
    return desk.read(method="insights", **keys)


def clients(desk: Desk, number: int, every: int = 60) -> None:
    """So many clients, one after another."""
    put(
        desk,
        *(
            request(T + n * every % HOUR, srcaddr=f"10.2.{n // 200}.{n % 200}")
            for n in range(number)
        ),
    )


def texts(desk: Desk) -> list[str]:
    return [
        a.parameters["queryString"] for a in desk.served.cloud.log if a.call == "logs.start-query"
    ]


def asked_windows(desk: Desk) -> list[tuple[int, int]]:
    found = [
        re.search(r"n_start >= (\d{10}) and n_start < (\d{10})\)", text) for text in texts(desk)
    ]
    return [(int(one[1]), int(one[2])) for one in found if one]


def test_a_part_of_the_rows_is_never_taken_for_all(desk: Desk) -> None:
    desk.logs.polls = 7
    clients(desk, 30)
    batch = read(desk)
    assert len(batch.folded.sightings) == 30
    assert desk.served.cloud.counts()["logs.get-query-results"] == 8
    assert 50 < sum(desk.slept) < 70


def test_pages_are_followed(desk: Desk) -> None:
    clients(desk, 30)
    desk.served.cloud.page_size = 7
    assert len(read(desk).folded.sightings) == 30


def test_a_query_that_is_full_is_asked_again_in_halves(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until each is small enough; nothing is counted twice."""
    monkeypatch.setattr(insights, "ROWS", 10)
    clients(desk, 30, every=120)
    batch = read(desk)
    assert (batch.state, len(batch.folded.sightings)) == (BatchState.DONE, 30)
    assert batch.folded.tally.counts == {Outcome.REQUEST: 30}
    asked = asked_windows(desk)
    assert asked[0] == (T, T + HOUR)
    whole = [w for w in asked if not any(w != o and w[0] <= o[0] and o[1] <= w[1] for o in asked)]
    assert min(whole)[0] == T
    assert all(a[1] == b[0] for a, b in zip(sorted(whole), sorted(whole)[1:], strict=False))
    assert all(start % 300 == 0 and end % 300 == 0 for start, end in asked)


def test_a_slot_that_is_full_has_failed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(insights, "ROWS", 10)
    clients(desk, 30, every=1)
    batch = read(desk)
    assert batch.state is BatchState.FAILED
    assert "more than 10 rows, for five minutes of it alone" in batch.problem
    assert batch.folded.sightings == []


def test_a_query_that_ran_out_of_time_is_asked_in_halves(desk: Desk) -> None:
    desk.logs.end = lambda text, _: "Timeout" if f"n_start < {T + HOUR})" in text and f">= {T} " in text else "Complete"  # fmt: skip
    clients(desk, 30)
    batch = read(desk)
    assert (batch.state, len(batch.folded.sightings)) == (BatchState.DONE, 30)
    assert len(texts(desk)) == 3


@pytest.mark.parametrize("status", ["Failed", "Cancelled", "Unknown"])
def test_a_query_that_fails_is_asked_again(desk: Desk, status: str) -> None:
    desk.logs.end = lambda _, number: status if number < 2 else "Complete"
    clients(desk, 3)
    assert len(read(desk).folded.sightings) == 3
    desk.logs.end = lambda *_: status
    batch = read(desk)
    assert batch.state is BatchState.FAILED
    assert f"the query ended as {status!r}" in batch.problem


def test_a_query_without_end_is_stopped(desk: Desk) -> None:
    desk.logs.polls = 10_000
    clients(desk, 3)
    batch = read(desk)
    assert batch.state is BatchState.FAILED
    assert "stopped after 15 minutes" in batch.problem
    assert desk.logs.running() == []
    assert desk.served.cloud.counts()["logs.stop-query"] >= 1


def test_a_query_is_stopped_when_it_cannot_be_waited_for(desk: Desk) -> None:
    desk.logs.polls = 3
    desk.served.cloud.faults.always("logs.get-query-results", "denied")
    assert read(desk).state is BatchState.FAILED
    assert desk.logs.running() == []


def test_what_a_crash_left_running_is_stopped_and_nothing_of_others(desk: Desk) -> None:
    clients(desk, 3)
    read(desk)
    ours = texts(desk)[0]
    theirs = [ours.replace("efs-inventory:logs:", "efs-inventory:more:"), "fields @message"]
    left = [
        desk.logs.started(Started(GROUP, text, "Running", [], {})) for text in [ours, ours, *theirs]
    ]
    read(desk)
    assert [desk.logs.queries[one].status for one in left] == [
        "Cancelled", "Cancelled", "Running", "Running",
    ]  # fmt: skip


def test_when_aws_has_no_room_it_is_waited_for(desk: Desk) -> None:
    clients(desk, 3)
    desk.logs.most_running = 0

    def make_room(seconds: float) -> None:
        desk.slept.append(seconds)
        if seconds == queries.CROWDED[2]:
            desk.logs.most_running = 1

    desk.slept_by = make_room
    assert len(read(desk).folded.sightings) == 3


# -- bytes -------------------------------------------------------------------------------------------


def test_what_was_scanned_is_told(desk: Desk) -> None:
    clients(desk, 30)
    size = sum(len(one["message"]) for one in desk.logs.groups[GROUP].streams[f"{ENI}-all"])
    assert read(desk).scan == Scan(NOW // DAY, size)


def test_a_query_that_scans_too_much_is_stopped(desk: Desk) -> None:
    clients(desk, 30)
    desk.logs.polls = 5
    batch = read(desk, max_scanned_bytes=100)
    assert batch.state is BatchState.FAILED
    assert "max_scanned_bytes allows 100" in batch.problem
    assert desk.logs.running() == []
    assert batch.scan.bytes > 100


def test_the_days_bytes_are_not_exceeded_across_runs(desk: Desk) -> None:
    clients(desk, 30)
    desk.scans = {NOW // DAY: 5_000}
    batch = read(desk, max_scanned_bytes_per_day=5_000)
    assert batch.state is BatchState.FAILED
    assert "max_scanned_bytes_per_day" in batch.problem
    assert "midnight UTC" in batch.problem
    assert texts(desk) == []
    desk.now += DAY
    assert read(desk, max_scanned_bytes_per_day=5_000).state is BatchState.DONE


def test_the_days_bytes_are_not_exceeded_within_a_run(desk: Desk) -> None:
    clients(desk, 30)
    source = desk.source(method="insights", max_scanned_bytes_per_day=1_000)
    refs = source.listing(T - 2 * HOUR, T + HOUR).refs
    states = [source.read(ref, KNOWN).state for ref in reversed(refs)]
    assert states == [BatchState.DONE, BatchState.FAILED, BatchState.FAILED]


# -- shown -------------------------------------------------------------------------------------------


def test_the_query_can_be_shown(desk: Desk) -> None:
    """One for each log group and format; streams have none."""
    desk.logs.group("/second")
    source = desk.source(method="insights", log_groups=(GROUP, "/second"))
    assert isinstance(source, Asking)
    shown = source.query(T, T + HOUR).split("\n\n")
    assert len(shown) == 2
    for text in shown:
        parsed(text)
    assert shown[0].startswith(f"# log group {GROUP}, from 2026-09-")
    assert not isinstance(desk.source(), Asking)
