"""What GetMetricData answers, live or recorded, and what of it proves anything; which stretches are asked for, and how finely."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.discover import calls, datapoints, metrics, recording, sweeping
from inventory.discover.fields import FieldError
from inventory.model import (
    CLIENT_CONNECTIONS,
    DATA_READ,
    DAY,
    METRICS,
    CallState,
    Meaning,
    MetricRun,
    iso,
)
from inventory.timeline import subtract, union
from tests.builders import T

HOUR = 3600
NOW = T - T % DAY + 10 * HOUR + 1234
FS = "fs-0123456789abcdef0"
LABEL = f"{FS} ClientConnections 60"


def row(**changes: Any) -> dict[str, Any]:
    moments = [iso(T - T % 60 + 60 * n) for n in range(4)]
    values = [0.0, 0.0, 3.0, 0.0]
    plain = {"Id": "q0", "Label": LABEL, "Timestamps": moments, "Values": values}
    return plain | {"StatusCode": "Complete"} | changes


def told(*rows: object) -> calls.Answer:
    return calls.read_answer(datapoints.CALL, {datapoints.KEY: list(rows)})


def spans(answer: calls.Answer, meaning: Meaning) -> list[tuple[int, int]]:
    start = T - T % 60
    return [(run.start - start, run.end - start) for run in answer.items if run.meaning is meaning]


def test_a_row_is_the_stretches_that_mean_the_same() -> None:
    answer = told(row())
    assert answer.state is CallState.WHOLE
    assert spans(answer, Meaning.ZERO) == [(0, 120), (180, 240)]
    assert spans(answer, Meaning.ABOVE) == [(120, 180)]
    assert {run.largest for run in answer.items if run.meaning is Meaning.ABOVE} == {3}
    assert spans(answer, Meaning.ASKED) == [], "nothing tells what was asked"


def test_the_order_of_datapoints_does_not_matter() -> None:
    backwards = row(Timestamps=row()["Timestamps"][::-1], Values=row()["Values"][::-1])
    assert told(backwards).items == told(row()).items


@pytest.mark.parametrize("status", ["PartialData", "InternalError", "Forbidden"])
def test_zeros_count_only_when_it_is_complete(status: str) -> None:
    answer = told(row(StatusCode=status))
    assert answer.state is CallState.BROKEN
    assert status in answer.problem
    assert spans(answer, Meaning.ZERO) == []
    assert spans(answer, Meaning.ABOVE) == [(120, 180)]


def test_a_period_that_the_question_cuts_is_no_zero() -> None:
    start = T - T % 60
    cut = row(StartTime=iso(start), EndTime=iso(start + 239))
    assert spans(told(cut), Meaning.ZERO) == [(0, 120)]
    assert spans(told(cut), Meaning.ASKED) == [(0, 180)]


@pytest.mark.parametrize(
    "changes",
    [
        {"Label": "ClientConnections"},
        {"Label": f"{FS} ClientConnections 0"},
        {"Label": f"{FS} ClientConnections 90"},
        {"Label": None},
        {"Values": [0.0]},
        {"Values": None},
        {"Values": [0.0, 0.0, float("nan"), 0.0]},
        {"Values": [0.0, 0.0, -1.0, 0.0]},
        {"Values": [0.0, 0.0, "3", 0.0]},
        {"Timestamps": ["yesterday"] * 4},
        {"Timestamps": [None] * 4},
        {"StatusCode": None},
    ],
)
def test_what_cannot_be_read_is_broken_and_proves_nothing(changes: dict[str, Any]) -> None:
    with pytest.raises(FieldError):
        datapoints.read(row(**changes))
    answer = told(row(**changes), row())
    assert answer.state is CallState.BROKEN
    assert answer.items == told(row()).items, "the others stay"


def test_a_metric_that_nobody_uses_is_no_fault() -> None:
    answer = told(row(Label=f"{FS} BurstCreditBalance 60"))
    assert (answer.state, answer.items) == (CallState.WHOLE, [])


def test_a_cut_answer_is_broken() -> None:
    answer = calls.read_answer(datapoints.CALL, {datapoints.KEY: [row()], "NextToken": "more"})
    assert answer.state is CallState.BROKEN


def test_a_record_keeps_what_is_read() -> None:
    whole = row(StartTime=iso(T - T % 60), EndTime=iso(T - T % 60 + 240))
    noisy = whole | {"Messages": [{"Code": "x", "Value": "secret"}]}
    assert recording.allowed(datapoints.CALL, [noisy]) == {datapoints.KEY: [whole]}


def test_what_is_not_over_for_a_while_is_no_zero() -> None:
    start = T - T % 60
    for late, zeros in ((240 + 900, [(0, 120), (180, 240)]), (239 + 900, [(0, 120)]), (0, [])):
        found = calls.sweep("n", start + late, "1", "r", {datapoints.CALL: told(row())})
        ends = [
            (run.start - start, run.end - start)
            for run in found.metrics
            if run.meaning is Meaning.ZERO
        ]
        assert ends == zeros
    soon = calls.sweep("n", start + 125, "1", "r", {datapoints.CALL: told(row())})
    assert [run.meaning for run in soon.metrics] == [Meaning.ABOVE]


def test_a_sum_below_one_is_above_zero() -> None:
    about = MetricRun(FS, DATA_READ, 60, Meaning.ASKED, 0, 0)
    (found,) = datapoints.folded(about, [(0, 0.001)])
    assert (found.meaning, found.largest) == (Meaning.ABOVE, 1)


# -- what is asked ---------------------------------------------------------------------------------

KEPT = {60: 15 * DAY, 300: 63 * DAY, HOUR: 455 * DAY, DAY: 455 * DAY}
"""How far back CloudWatch keeps periods of a length."""


@given(
    st.sampled_from(METRICS),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 460 * DAY), st.integers(0, 100 * DAY)), max_size=4),
    st.integers(0, DAY),
)
def test_what_was_not_told_is_asked_as_finely_as_it_is_kept(
    metric: str, plain: bool, before: list[tuple[int, int]], later: int
) -> None:
    now = NOW + later
    asked = [(now - ago, now - ago + length) for ago, length in before]
    known = metrics.Before(asked={(FS, metric): asked}, plain=plain)
    found = metrics.pieces(metric, known, FS, now)
    for piece in found:
        assert piece.start % piece.period == piece.end % piece.period == 0
        assert piece.length > 0
        assert piece.end <= now
        assert now - piece.start < KEPT[piece.period]
    assert all(one.end == other.start for one, other in pairwise(found)), "without a gap"
    reach = (now - 455 * DAY + 2 * DAY, now - now % HOUR)
    left = subtract([reach], [*asked, *((piece.start, piece.end) for piece in found)])
    assert left == []
    assert found[0].start <= now - metrics.AGAIN, "the last hours always"


def test_what_came_is_not_asked_again() -> None:
    known = metrics.Before(asked={(FS, CLIENT_CONNECTIONS): [(0, NOW - 900)]})
    (piece,) = metrics.pieces(CLIENT_CONNECTIONS, known, FS, NOW)
    assert piece.period == 60
    assert piece.start >= NOW - metrics.AGAIN - 60
    recorded = metrics.Before(recorded_at=NOW - HOUR, plain=True)
    assert union((p.start, p.end) for p in metrics.pieces(DATA_READ, recorded, FS, NOW)) == [
        (NOW - NOW % HOUR - 3 * HOUR, NOW - NOW % HOUR)
    ]


def test_a_group_of_sweeps_is_full_of_metrics_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first asking of a file system may tell of thousands of stretches: a round of many accounts is not kept in memory as a whole."""
    monkeypatch.setattr(sweeping, "GROUP_ITEMS", 3)
    made = [
        calls.sweep(f"n{number}", T + 10_000, "1", "r", {datapoints.CALL: told(row())})
        for number in range(2)
    ]
    assert all(len(one.metrics) >= 3 for one in made)
    groups = [[one.name for one in group] for group in sweeping.in_groups(made)]
    assert groups == [["n0"], ["n1"], []]
