"""How long one must look before silence means anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inventory.model import DAY, Span, iso
from inventory.verdict import Code, History, Severity, Verdict, judge, rhythms
from tests.unit.verdict.test_judging import HEALTHY, RULES

ZERO = 1_780_000_000


def day(number: float) -> int:
    return ZERO + int(number * DAY)


def on(*days: float) -> tuple[Span, ...]:
    """Uses of an hour each."""
    return tuple((day(one), day(one) + 3600) for one in days)


def longest(history: History, until: float = 1000) -> float | None:
    """Days."""
    found = [one.silence for one in rhythms(history, day(until))]
    return round(max(found) / DAY, 1) if found else None


def test_a_job_seen_on_day_0_and_day_91_and_checked_on_day_130() -> None:
    """Thirty quiet days say nothing of a quarterly job; the date is named from which they would."""
    history = History(day(0), {"quarterly": on(0, 91)})
    facts = replace(
        HEALTHY,
        window=(day(100), day(130)),
        asked_until=day(130),
        as_of=day(130),
        listed_at=day(130),
        checks=(),
        history=history,
    )
    found = judge(facts, RULES)
    assert found.verdict is Verdict.UNKNOWN
    (reason,) = [one for one in found.reasons if one.severity is Severity.BLOCKING]
    assert reason.code is Code.WINDOW_SHORTER_THAN_RHYTHM
    silence = day(91) - day(0) - 3600
    assert found.quiet_from == day(91) + 3600 + 2 * silence
    assert f"QUIET can be had from {iso(found.quiet_from)}" in reason.message
    later = replace(
        facts,
        window=(found.quiet_from - 2 * silence, found.quiet_from),
        asked_until=found.quiet_from,
        as_of=found.quiet_from,
        listed_at=found.quiet_from,
    )
    assert judge(later, RULES).verdict is Verdict.QUIET


def test_each_workload_has_a_rhythm_of_its_own() -> None:
    """Daily use by another one does not hide it."""
    history = History(day(0), {"daily": on(*range(92)), "quarterly": on(0, 91)})
    assert longest(history) == 91.0


def test_what_was_never_used_has_none() -> None:
    assert longest(History(day(0))) is None
    assert longest(History()) is None


def test_who_came_late_was_silent_before() -> None:
    """Nobody knows of somebody who is seen once whether it comes every quarter."""
    assert longest(History(day(0), {"once": on(60)})) == 60.0


def test_what_nobody_looked_at_may_hold_a_use() -> None:
    history = History(day(0), {"job": on(0, 10)})
    assert longest(history) == 10.0
    hole = (day(50), day(51))
    assert longest(replace(history, blind=(hole,))) == 41.0
    assert longest(replace(History(day(0)), blind=(hole,))) == 51.0


def test_a_hole_between_two_uses_changes_nothing() -> None:
    history = History(day(0), {"job": on(0, 40)})
    assert longest(replace(history, blind=((day(20), day(21)),))) == longest(history)


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_use_that_is_not_seen_makes_the_rhythm_no_shorter(lost: int) -> None:
    """Its place is a hole then."""
    days = [3.0, 40.0, 60.0]
    whole = longest(History(day(0), {"job": on(*days)}))
    gone = days.pop(lost)
    hole = (day(gone) - 60, day(gone) + 3660)
    left = longest(History(day(0), {"job": on(*days)}, (hole,)))
    assert whole is not None
    assert left is not None
    assert left >= whole
