"""Several formats in one place: each record in its own, or in none."""

from __future__ import annotations

import pytest

from inventory.flowlog.choice import Choice, distinct, rivals
from inventory.flowlog.format import DEFAULT_FORMAT, LogFormat
from inventory.flowlog.record import Malformed
from tests.unit.flowlog.lines import RICH, line

ENDS = LogFormat(("interface-id", "srcaddr", "dstaddr", "srcport", "dstport", "start", "end"))
TURNED = LogFormat(("interface-id", "dstaddr", "srcaddr", "dstport", "srcport", "start", "end"))
LATER = LogFormat(("start", "end", "interface-id", "srcaddr", "dstaddr", "srcport", "dstport"))
TALK = b"eni-0a1 10.0.0.1 10.0.0.2 700 2049 1790000000 1790000058"


def test_each_line_is_read_by_the_format_that_it_fits() -> None:
    choice = Choice([DEFAULT_FORMAT, LogFormat(tuple(RICH)), ENDS, LATER])
    told = [
        found.format if (found := choice.of(text)) else None
        for text in (line().encode(), line(RICH).encode(), TALK, b"1790000000 1790000058 eni-0a1 ::1 ::2 1 2", b"x y z")
    ]  # fmt: skip
    assert told == [DEFAULT_FORMAT, LogFormat(tuple(RICH)), ENDS, LATER, None]


def test_a_line_that_reads_differently_in_two_is_in_doubt() -> None:
    with pytest.raises(Malformed, match="two formats"):
        Choice([ENDS, TURNED]).of(TALK)


def test_a_line_that_reads_the_same_in_two_is_not() -> None:
    named = [LogFormat((*ENDS.names, extra)) for extra in ("ecs-cluster-name", "ecs-service-name")]
    assert Choice(named).of(TALK + b" web") is not None
    silent = b"eni-0a1 - - - - 1790000000 1790000058"
    assert Choice([ENDS, TURNED]).of(silent) is not None


def test_rivals_are_formats_that_no_value_tells_apart() -> None:
    assert rivals([ENDS, LATER, DEFAULT_FORMAT]) is None
    assert rivals([DEFAULT_FORMAT, ENDS, TURNED]) == (ENDS, TURNED)


def test_formats_that_differ_in_what_does_not_count_are_one() -> None:
    named = [LogFormat((*ENDS.names, extra)) for extra in ("ecs-cluster-name", "ecs-service-name")]
    assert distinct([named[0], TURNED, named[1]]) == [named[0], TURNED]
