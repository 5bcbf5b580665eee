"""The interpreter of Logs Insights QL: it does what the documentation says, and refuses what it does not."""

from __future__ import annotations

import pytest

from tests.fakeaws.insights import Malformed, parsed

EVENTS = [
    {"message": f"{name} {size} {status}", "timestamp": 1_790_000_000_000 + at * 1000, "ingestionTime": 0, "logStreamName": stream}
    for at, (name, size, status, stream) in enumerate(
        [("a", "10", "OK", "eni-1-all"), ("b", "9", "OK", "eni-2-all"), ("a", "-", "NODATA", "eni-1-all"), ("a", "7", "OK", "eni-1-all")]
    )
]  # fmt: skip

PARSE = 'parse @message "* * *" as name, size, status '


def rows(query: str) -> list[dict[str, str]]:
    found, _ = parsed(query).run(EVENTS)
    return [{cell["field"]: cell["value"] for cell in row} for row in found]


def test_what_is_parsed_is_counted_by_group() -> None:
    """Numbers count as numbers, though they are texts; what is none is left out."""
    query = (
        PARSE
        + "| stats count(*) as n, sum(size) as all, max(size) as most, min(size) as least by name"
    )
    assert rows(query) == [
        {"name": "a", "n": "3", "all": "17", "most": "10", "least": "7"},
        {"name": "b", "n": "1", "all": "9", "most": "9", "least": "9"},
    ]


def test_a_field_that_is_not_there_is_not_in_the_row() -> None:
    query = PARSE + '| filter status = "NODATA" | stats sum(size) as all, count(*) as n by name'
    assert rows(query) == [{"name": "a", "n": "1"}]


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("size >= 9", 2),
        ('name in ["b", "c"]', 1),
        ('name not in ["b"]', 3),
        ("status like /^(OK|-)$/", 3),
        ("status not like /^OK/", 1),
        ('@logStream = "eni-2-all"', 1),
        ('(name = "a" and size = 10) or name = "b"', 2),
        ('not name = "a"', 1),
        ("size + 1 > 10", 1),
        ('strcontains(concat(":", size, ":"), ":9:") = 1', 1),
        ("missing != 1", 0),
    ],
)
def test_filters(condition: str, found: int) -> None:
    assert len(rows(PARSE + f"| filter {condition}")) == found


def test_fields_by_arithmetic_and_functions() -> None:
    query = PARSE + '| filter name = "b"'
    query += "| fields size - size % 5 as five, floor(toMillis(@timestamp) / 1000) as at"
    query += "| stats max(five) as f, max(at) as t"
    assert rows(query) == [{"f": "5", "t": "1790000001"}]


def test_named_groups_and_comments_and_limits() -> None:
    query = "# ours\nparse @logStream /^(?<interface>eni-[0-9]+)/\n| stats count(*) as n by interface\n# theirs\n| limit 1"
    assert rows(query) == [{"interface": "eni-1", "n": "3"}]


def test_the_last_wildcard_takes_the_rest() -> None:
    assert rows('parse @message "* *" as name, rest | stats count(*) as n by rest')[0] == {"rest": "10 OK", "n": "1"}  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "",
        "# nothing but words",
        "select * from logs",
        'parse @message "* *" as one',
        'filter size = "unclosed',
        "filter size",
        "filter size == 1",
        "filter size in (1, 2)",
        "stats total(size)",
        "stats count(*) by",
        "fields if(size > 1, 1, 0) as x",
        "fields (size = 1) * 3 as x",
        "fields size ? 1 : 0",
        "stats count(*) as n | stats sum(n) as m | stats max(m)",
        "fields size | limit 0",
        "fields size | limit 100001",
        "fields size | join other",
        "parse @message /(no names)/",
        "fields substr(size)",
        f"fields size # {'x' * 10_000}",
    ],
)
def test_what_the_documentation_has_not_is_malformed(query: str) -> None:
    with pytest.raises(Malformed):
        parsed(query)
