"""Folders of a bucket: what they mean, which hold which days, and when each is listed again."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.collect.layouts import BUFFER, LATE, Kind, Level, Root, folders, meaning
from inventory.collect.lookback import asked, due
from inventory.model import DAY, HOUR, epoch

ROOTS = st.builds(Root, st.sampled_from(["", "a/", "AWSLogs/1/"]), st.booleans(), st.booleans())
DAYS = st.integers(min_value=9_000, max_value=30_000)  # 1994 to 2052


@given(ROOTS, st.sets(st.integers(min_value=20_000, max_value=20_500)))
def test_folders_hold_just_the_days_that_are_wanted(root: Root, days: set[int]) -> None:
    found = list(folders(root, days))
    inside = {
        day: sum(root.day(day).startswith(folder) for folder in found)
        for day in range(19_900, 20_600)
    }
    assert {day for day, count in inside.items() if count} == days
    assert max(inside.values()) <= 1
    assert len(found) <= len(days)


@given(ROOTS, DAYS, st.integers(min_value=0, max_value=23))
def test_a_key_tells_its_day_and_its_hour(root: Root, day: int, hour: int) -> None:
    assert root.span(f"{root.day(day)}x.gz") == (day * DAY, (day + 1) * DAY)
    folder = f"hour={hour:02}" if root.hive else f"{hour:02}"
    start = day * DAY + hour * HOUR
    assert root.span(f"{root.day(day)}{folder}/x.gz") == (start, start + HOUR)
    assert root.slot(f"{root.day(day)}{folder}/x.gz") == (start - LATE, start + HOUR + BUFFER)
    assert root.day(day).startswith(root.month(day))


@given(st.text(alphabet="0123456789/=yearmonthd.-", max_size=60), ROOTS)
def test_any_key_is_taken(key: str, root: Root) -> None:
    for text in (key, root.prefix + key):
        span = root.span(text)
        assert span is None or span[1] - span[0] in (HOUR, DAY)


def test_no_time_is_made_up() -> None:
    root = Root("p/", hive=False, by_aws=True)
    for key in ("p/2026/02/31/x", "p/2026/11/x", "q/2026/11/26/x", "p/2026/11/26/25/x", "p/x"):
        assert root.span(key) is None, key
    assert root.span("p/2026/11/26/x") == (
        epoch(datetime(2026, 11, 26, tzinfo=UTC)),
        epoch(datetime(2026, 11, 27, tzinfo=UTC)),
    )


BELOW = Level("123456789012", service=True)


@pytest.mark.parametrize(
    ("name", "level", "kind"),
    [
        ("AWSLogs", Level(), Kind.WALK),
        ("o-abc123def4", Level(), Kind.WALK),
        ("123456789012", Level(), Kind.ACCOUNT),
        ("aws-account-id=123456789012", Level(), Kind.ACCOUNT),
        ("1234567890123", Level(), Kind.WALK),
        ("vpcflowlogs", Level("123456789012"), Kind.SERVICE),
        ("aws-service=vpcflowlogs", Level("123456789012"), Kind.SERVICE),
        ("service=vpcflowlogs", Level("123456789012"), Kind.SERVICE),
        ("CloudTrail", Level("123456789012"), Kind.OTHER),
        ("aws-service=elasticloadbalancing", Level("123456789012"), Kind.OTHER),
        ("eu-west-1", BELOW, Kind.REGION),
        ("us-gov-west-1", BELOW, Kind.REGION),
        ("us-iso-east-1", BELOW, Kind.REGION),
        ("mx-central-1", BELOW, Kind.REGION),
        ("aws-region=ap-southeast-2", BELOW, Kind.REGION),
        ("digest", BELOW, Kind.OTHER),
        ("2026", Level(), Kind.YEAR),
        ("year=2026", Level(), Kind.YEAR),
        ("2049", Level(), Kind.YEAR),
        ("20260", Level(), Kind.WALK),
        ("1234", Level(), Kind.WALK),
    ],
)
def test_what_a_folder_means(name: str, level: Level, kind: Kind) -> None:
    assert meaning(name, level)[0] is kind


def test_the_level_below_knows_account_and_region() -> None:
    level = Level()
    for name in ("AWSLogs", "aws-account-id=123456789012", "service=vpcflowlogs", "eu-west-1"):
        level = meaning(name, level)[1]
    assert level == Level("123456789012", service=True, region="eu-west-1")


# -- when

NOW = 20_700 * DAY + 12 * HOUR
GRACE = 2400


@given(
    st.dictionaries(st.integers(20_680, 20_701), st.integers(NOW - 3 * DAY, NOW)),
    st.sets(st.integers(20_680, 20_701)),
)
def test_every_day_is_due_in_time(looked: dict[int, int], failing: set[int]) -> None:
    days = range(20_680, 20_702)
    found = due(days, NOW, looked, failing, GRACE)
    assert found == sorted(found)
    for day in days:
        at = looked.get(day)
        if day >= 20_700 or at is None or NOW - at >= DAY or at < (day + 1) * DAY + GRACE:
            assert day in found
        elif NOW - at >= HOUR:
            assert (day in found) is (day == 20_699 or day in failing)
        else:
            assert day not in found


def test_a_clock_that_was_ahead_leaves_no_day_out() -> None:
    days = range(20_690, 20_702)
    assert due(days, NOW, dict.fromkeys(days, NOW + 3 * DAY), set(), GRACE) == list(days)


def test_days_of_a_range_have_neighbours_and_the_one_that_comes() -> None:
    week = asked(None, None, NOW - 7 * DAY)
    assert list(week.days(NOW)) == list(range(20_692, 20_701))
    midnight = 20_701 * DAY
    assert week.days(midnight - HOUR)[-1] == 20_701
    assert week.days(midnight - HOUR - 1)[-1] == 20_700
    assert not week.chosen
    chosen = asked(20_650 * DAY, 20_651 * DAY, NOW - 7 * DAY)
    assert list(chosen.days(NOW)) == [20_649, 20_650, 20_651]
    assert chosen.chosen
    assert asked(NOW - 8 * DAY, None, NOW - 7 * DAY).chosen
    assert not asked(NOW - 7 * DAY - 1, None, NOW - 7 * DAY).chosen
    assert asked(NOW - DAY, NOW + 9 * DAY, NOW - 7 * DAY).days(NOW)[-1] == 20_700
