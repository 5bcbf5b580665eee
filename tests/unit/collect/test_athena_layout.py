"""Which partitions a window is read from, by what is known of a table; and what its projection leaves out."""

from __future__ import annotations

import re
from collections.abc import Mapping

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.collect.athena.layout import Layout, layout
from inventory.collect.athena.names import Column, by_field, quoted, text
from inventory.errors import SourceError
from inventory.model import DAY, HOUR

DUCK = duckdb.connect()
T = 1_795_046_400  # 2026-11-19
INTS = {"projection.enabled": "true", "projection.year.range": "2025,2044"}
PLAIN = {
    "projection.enabled": "true",
    "projection.day.type": "date",
    "projection.day.format": "yyyy/MM/dd",
    "projection.day.range": "2026/01/01,NOW",
}


def made(
    keys: str, properties: Mapping[str, str] | None = None, sample: Mapping[str, str] | None = None
) -> Layout:
    columns = [Column(*key.split(":")) for key in keys.split()]
    return layout(columns, properties or {}, lambda: sample or {})


@pytest.mark.parametrize(
    ("keys", "properties", "sample", "sql", "width"),
    [
        ("acct:string day:string", PLAIN, {}, "\"day\" IN ('2026/11/19')", DAY),
        ("day:date", {}, {}, "\"day\" IN (DATE '2026-11-19')", DAY),
        ("dt:string", {}, {"dt": "2026-11-18"}, "\"dt\" IN ('2026-11-19')", DAY),
        ("dt:int", {}, {"dt": "20261118"}, '"dt" IN (20261119)', DAY),
        ("dt:string", {}, {"dt": "2026/11/18/05"}, "\"dt\" IN ('2026/11/19/00')", HOUR),
        (
            "year:string month:string day:string", {}, {},
            "\"year\" IN ('2026') AND \"month\" IN ('11') AND \"day\" IN ('19')", DAY,
        ),
        (
            "year:int month:int day:int hour:int", INTS, {},
            '"year" IN (2026) AND "month" IN (11) AND "day" IN (19) AND "hour" IN (0)', HOUR,
        ),
        ("day:string hour:int", PLAIN, {}, "\"day\" IN ('2026/11/19') AND \"hour\" IN (0)", HOUR),
    ],
)  # fmt: skip
def test_how_partitions_are_named(
    keys: str, properties: dict[str, str], sample: dict[str, str], sql: str, width: int
) -> None:
    found = made(keys, properties, sample)
    assert (found.within((T, T + 1)), found.width) == (sql, width)


@given(st.integers(0, 40_000), st.integers(1, 60), st.sampled_from(["", " hour:int"]))
def test_a_span_is_read_from_the_partitions_that_it_touches_and_no_other(
    begin: int, count: int, hour: str
) -> None:
    """The condition is asked of a database, month's ends and all."""
    parts = made(f"year:int month:int day:int{hour}")
    start = begin * HOUR
    condition = parts.within((start, start + count * parts.width))
    width = parts.width
    low, high = start - start % width - 40 * DAY, start + (count + 40) * DAY
    times = f"SELECT e, make_timestamp(e * 1000000) AS t FROM range({low}, {high}, {width}) r(e)"  # noqa: S608 - of this test
    named = f"SELECT e, year(t) AS year, month(t) AS month, day(t) AS day, hour(t) AS hour FROM ({times})"  # noqa: S608 - of this test
    rows = DUCK.execute(f"SELECT e FROM ({named}) WHERE {condition}").fetchall()  # noqa: S608 - of this test
    end = start + count * width
    assert {row[0] for row in rows} == set(range(start - start % width, end, width))


@pytest.mark.parametrize(
    ("keys", "properties", "told"),
    [
        ("acct:string", {}, "its partitions tell no day"),
        ("", {}, "its partitions tell no day"),
        ("year:int month:int", {}, "its partitions tell no day"),
        ("day:string acct:string", PLAIN | {"projection.acct.type": "injected"}, "partition key acct is projected as `injected`"),
    ],
)  # fmt: skip
def test_tables_that_cannot_be_asked(keys: str, properties: dict[str, str], told: str) -> None:
    with pytest.raises(SourceError, match=re.escape(told)):
        made(keys, properties)


def test_a_window_of_too_many_partitions() -> None:
    with pytest.raises(SourceError, match="too long for one query"):
        made("dt:string", {}, {"dt": "2026/11/18/05"}).within((T, T + 30 * DAY))


@pytest.mark.parametrize(
    ("bounds", "moment", "reached"),
    [
        ("2026/01/01,NOW", T, True),
        ("2026/01/01,NOW", T - 365 * DAY, False),
        ("2026/11/19,2026/11/19", T + DAY - 1, True),
        ("2026/11/19,2026/11/19", T + DAY, False),
        ("NOW-3DAYS,NOW", T - 2 * DAY, True),
        ("NOW-3DAYS,NOW", T - 9 * DAY, False),
        ("NOW-1YEARS,NOW+1DAYS", T, True),
        ("in any other words", T, True),
    ],
)
def test_what_a_range_of_days_leaves_out(bounds: str, moment: int, *, reached: bool) -> None:
    found = made("day:string", PLAIN | {"projection.day.range": bounds})
    said = found.unreachable((moment, moment + 1), T + HOUR)
    assert (not said) == reached
    assert reached or bounds in said


def test_what_ranges_of_numbers_and_lists_leave_out() -> None:
    found = made("year:int month:int day:int", INTS)
    assert found.unreachable((T, T + DAY), T) == ""
    assert "projection.year.range = 2025,2044 leaves out 2024" in found.unreachable(
        (T - 730 * DAY, T), T
    )
    listed = made("day:string", PLAIN | {"projection.day.values": "2026/11/18, 2026/11/19"})
    assert listed.unreachable((T, T + DAY), T) == ""
    assert "leave out 2026/11/20" in listed.unreachable((T + DAY, T + 2 * DAY), T + 9 * DAY)


def test_without_projection_nothing_is_left_out() -> None:
    assert made("day:string", PLAIN | {"projection.enabled": "false"}).unreachable((0, 1), T) == ""


def test_awss_own_names_win_over_older_ones() -> None:
    columns = [
        Column("sourceaddress", "string"),
        Column("srcaddr", "string"),
        Column("interfaceid", "string"),
    ]
    found = by_field(columns)
    assert (found["srcaddr"].name, found["interface-id"].name) == ("srcaddr", "interfaceid")


@given(st.text(max_size=20))
def test_a_text_stays_one_text(value: str) -> None:
    if "\0" not in value:
        assert DUCK.execute(f"SELECT {text(value)}").fetchone() == (value,)


@given(st.text(max_size=20))
def test_a_name_is_of_the_narrow_form_or_refused(value: str) -> None:
    try:
        assert quoted(value) == f'"{value}"'
        assert re.fullmatch("[a-z0-9_]{1,128}", value, re.ASCII)
    except SourceError:
        assert not re.fullmatch("[a-z0-9_]{1,128}", value, re.ASCII)
