"""Queries of Logs Insights: nothing comes into one that does not belong there, and rows are read however numbers are spelled."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventory.collect.cloudwatch import insights
from inventory.collect.cloudwatch.insights import OddRow, Wanted
from inventory.flowlog.aggregated import Part
from inventory.flowlog.fields import DEFAULT, FIELDS
from inventory.flowlog.format import DEFAULT_FORMAT, LogFormat
from tests.fakeaws.insights import parsed

WINDOW = (1_790_000_000, 1_790_003_600)
EVERYTHING = LogFormat(tuple(field.name for field in FIELDS))


def wanted(interfaces: int = 2, log_format: LogFormat = DEFAULT_FORMAT, **more: object) -> Wanted:
    names = [f"eni-0123456789abc{number:04x}" for number in range(interfaces)]
    given = {"mark": "efs-inventory:logs:1:/vpc 2026/2026", "everybody": False} | more
    return Wanted(log_format=log_format, window=WINDOW, interfaces=names, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [0, 1, 40, 41, 42, 43, 199, 200, 201, 2_000])
@pytest.mark.parametrize("everybody", [False, True])
def test_a_query_is_never_too_long(number: int, everybody: bool) -> None:
    """However many mount targets there are: those that do not fit are not asked for by name."""
    query = insights.text(wanted(number, EVERYTHING, everybody=everybody, mark="x" * 600))
    assert len(query) <= insights.LONGEST
    parsed(query)
    assert ("@logStream in" in query) == (not everybody and 0 < number <= 42)
    assert ("p_interface_id in" in query) == (0 < number <= 200)


@given(st.lists(st.sampled_from(FIELDS), min_size=1, unique=True))
def test_every_format_makes_a_query_that_insights_takes(fields: list[object]) -> None:
    names = tuple(field.name for field in fields)  # type: ignore[attr-defined]
    parsed(insights.text(wanted(log_format=LogFormat(names))))


@pytest.mark.parametrize(
    "bad",
    [
        {"mark": 'x"\n| fields @message'},
        {"mark": "x\n"},
        {"log_format": LogFormat((*DEFAULT, 'x" as y | fields @message'))},
        {"log_format": LogFormat((*DEFAULT, "Ünicode"))},
    ],
)
def test_nothing_foreign_comes_into_a_query(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="does not belong into a query"):
        insights.text(wanted(**bad))  # type: ignore[arg-type]


def test_no_foreign_interface_comes_into_a_query() -> None:
    odd = Wanted("x", DEFAULT_FORMAT, WINDOW, ['eni-1"] or true'], everybody=False)
    with pytest.raises(ValueError, match="does not belong"):
        insights.text(odd)


ROW = {
    "n_slot": "1790000000", "n_to": "1", "n_from": "0", "n_first": "1790000000", "n_last": "1790000058",
    "n_longest": "58", "n_records": "3", "n_bytes": "4000", "p_srcaddr": "10.0.0.1", "p_interface_id": "eni-1",
}  # fmt: skip


@pytest.mark.parametrize("spelled", ["4000", "4000.0", "4.0E3", "4e3"])
def test_numbers_are_read_however_they_are_spelled(spelled: str) -> None:
    (row,) = insights.rows([ROW | {"n_bytes": spelled}])
    assert (row.bytes, row.packets, row.part) == (4000, 0, Part.REQUEST)
    assert (row.interface_id, row.srcaddr, row.dstaddr) == ("eni-1", "10.0.0.1", "")


@pytest.mark.parametrize(
    "bad",
    [{"n_first": "soon"}, {"n_records": "1.5"}, {"n_last": "NaN"}, {"n_last": "Infinity"}, {"n_to": ""}],
)  # fmt: skip
def test_rows_that_no_query_of_ours_gives(bad: dict[str, str]) -> None:
    with pytest.raises(OddRow):
        list(insights.rows([ROW | bad]))


def test_what_a_row_is() -> None:
    def part(**values: str) -> Part:
        (row,) = insights.rows([ROW | values])
        return row.part

    assert part(n_from="1") is Part.EITHER
    assert part(n_to="0", n_from="1") is Part.RESPONSE
    assert part(n_to="0") is Part.OTHER
    assert part(p_log_status="NODATA") is Part.NODATA
    assert part(p_log_status="SKIPDATA") is Part.SKIPDATA


def test_times_in_milliseconds_are_seconds() -> None:
    times = {"n_first": "1790000000000", "n_last": "1790000058000", "n_longest": "58000"}
    (row,) = insights.rows([ROW | times | {"p_log_status": "SKIPDATA"}])
    assert (row.first, row.last, row.longest) == (1_790_000_000, 1_790_000_058, 58)
