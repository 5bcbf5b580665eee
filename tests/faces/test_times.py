from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.cli.times import Times, moment, span_asked, words, zone_named
from inventory.errors import UsageError

TOKYO = ZoneInfo("Asia/Tokyo")
BERLIN = ZoneInfo("Europe/Berlin")
NOW = 1_794_225_600  # 2026-11-09T12:00:00Z, a Monday


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def read(text: str, zone: tzinfo = UTC) -> int:
    return moment(text, option="--since", now=NOW, zone=zone)


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2026-11-03", UTC, "2026-11-03T00:00+00:00"),
        ("2026-11-03", TOKYO, "2026-11-03T00:00+09:00"),
        ("20261103", UTC, "2026-11-03T00:00+00:00"),
        ("2026-11-03T14:20", TOKYO, "2026-11-03T14:20+09:00"),
        ("2026-11-03 14:20:05", UTC, "2026-11-03T14:20:05+00:00"),
        ("2026-11-03T14:20Z", TOKYO, "2026-11-03T14:20+00:00"),
        ("2026-11-03t14:20z", TOKYO, "2026-11-03T14:20+00:00"),
        ("2026-11-03T14:20-05:00", TOKYO, "2026-11-03T14:20-05:00"),
        ("20261103T142000Z", UTC, "2026-11-03T14:20+00:00"),
        ("2026-10-25", BERLIN, "2026-10-25T00:00+02:00"),
        ("2026-10-26", BERLIN, "2026-10-26T00:00+01:00"),
        ("7d", TOKYO, "2026-11-02T12:00+00:00"),
        ("36h", UTC, "2026-11-08T00:00+00:00"),
        ("90m", UTC, "2026-11-09T10:30+00:00"),
        ("2w", UTC, "2026-10-26T12:00+00:00"),
    ],
)
def test_times_that_are_read(text: str, zone: tzinfo, expected: str) -> None:
    assert read(text, zone) == at(expected)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "yesterday",
        "7",
        "7days",
        "-7d",
        "7 d",
        "2026",
        "2026-11",
        "2026-13-01",
        "2026-11-31",
        "14:20",
        "2026-11-03T25:00",
        "2026-W45",
        "1793577600",
        "\u0667d",
        "99999999999d",
        "0001-01-01T00:00+14:00",
        "999999d",
    ],
)
def test_what_cannot_be_read_is_named(text: str) -> None:
    with pytest.raises(UsageError, match="cannot read") as caught:
        read(text)
    assert repr(text) in str(caught.value)
    assert str(caught.value).startswith("--since")


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        (UTC, "2026-11-02T00:00+00:00", "2026-11-09T00:00+00:00"),
        (TOKYO, "2026-11-02T00:00+09:00", "2026-11-09T00:00+09:00"),
    ],
)
def test_last_week_is_the_last_whole_iso_week(zone: tzinfo, start: str, end: str) -> None:
    assert span_asked("last-week", None, now=NOW, zone=zone) == (at(start), at(end))


def test_last_week_knows_the_zone_of_the_day() -> None:
    sunday_night = at("2026-11-08T16:00+00:00")  # Monday already in Tokyo
    assert span_asked("last-week", None, now=sunday_night, zone=TOKYO)[1] == at(
        "2026-11-09T00:00+09:00"
    )
    assert span_asked("last-week", None, now=sunday_night, zone=UTC)[1] == at(
        "2026-11-02T00:00+00:00"
    )


def test_last_week_over_the_change_of_clocks_is_whole_days() -> None:
    start, end = span_asked("last-week", None, now=at("2026-10-28T12:00+01:00"), zone=BERLIN)
    assert (start, end) == (at("2026-10-19T00:00+02:00"), at("2026-10-26T00:00+01:00"))


@pytest.mark.parametrize(
    ("since", "until"),
    [("last-week", "2026-11-09"), (None, "last-week"), ("2026-11-01", "last-week")],
)
def test_last_week_stands_alone(since: str | None, until: str) -> None:
    with pytest.raises(UsageError, match="without --until"):
        span_asked(since, until, now=NOW, zone=UTC)


def test_nothing_asked_is_nothing_said() -> None:
    assert span_asked(None, None, now=NOW, zone=UTC) == (None, None)
    assert span_asked(None, "2026-11-09", now=NOW, zone=UTC) == (None, at("2026-11-09T00:00+00:00"))


@pytest.mark.parametrize("until", ["2026-11-03", "2026-11-02", "8d"])
def test_an_empty_window_is_refused(until: str) -> None:
    with pytest.raises(UsageError, match="the window is empty"):
        span_asked("2026-11-03", until, now=NOW, zone=UTC)


def test_zones() -> None:
    assert zone_named("utc") is UTC
    assert zone_named("Asia/Tokyo") == TOKYO
    for name in ("Mars/Olympus", "", "../etc/passwd", "/etc/localtime"):
        with pytest.raises(UsageError, match="no time zone"):
            zone_named(name)


@given(
    st.integers(31_536_000, 4_102_444_800),
    st.sampled_from([UTC, TOKYO]),
)
def test_what_a_table_shows_can_be_written(shown: int, zone: tzinfo) -> None:
    stamp = datetime.fromtimestamp(shown, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert read(Times(zone).absolute(stamp)) == at(stamp)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (12_000, "3 h 20 min"),
        (86_400, "1 d"),
        (530_000, "6 d 3 h"),
    ],
)
def test_spans_in_words(seconds: int, expected: str) -> None:
    assert words(seconds) == expected


def test_moments_of_a_table() -> None:
    times = Times(TOKYO, "2026-11-09T11:59:50Z")
    assert times.absolute("2026-11-09T11:54:00Z") == "2026-11-09 20:54+09:00"
    assert times.absolute(None) == "-"
    assert times.both("2026-11-09T11:54:50Z") == "2026-11-09 20:54+09:00 (5 min ago)"
    assert times.both("2026-11-09T11:59:50Z").endswith("(now)")
    assert Times().both("2026-11-09T11:54:00Z") == "2026-11-09 11:54Z"
