"""Laws of folding: order and chunks do not matter, every way of parsing says the same, no bytes are an error."""

from __future__ import annotations

from random import Random
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inventory.flowlog import dense
from inventory.flowlog.fields import DEFAULT
from inventory.flowlog.format import LogFormat
from inventory.model import Folded, Outcome
from tests.unit.flowlog.lines import HEADER, KNOWN, RICH, T, fold, line, records
from tests.unit.flowlog.reference import reference

FORMATS = {
    "default": DEFAULT,
    "rich": tuple(RICH),
    "port first": ("dstport", "interface-id", "srcaddr", "dstaddr", "start", "end"),
    "port last": ("interface-id", "start", "end", "srcaddr", "srcport"),
    "minimal": ("interface-id", "dstport"),
    "two ports": ("srcport", "dstport"),
}


def facts(folded: Folded) -> tuple:
    return {k: n for k, n in folded.tally.counts.items() if n}, folded.sightings, folded.captures


@st.composite
def texts(draw: st.DrawFn) -> tuple[tuple[str, ...], list[str]]:
    fields = draw(st.sampled_from(sorted(FORMATS.values())))
    return fields, draw(st.lists(records(fields), max_size=12))


@given(texts(), st.booleans(), st.booleans(), st.integers(1, 300))
def test_as_the_reference_says(
    text: tuple[tuple[str, ...], list[str]], slotted: bool, windowed: bool, chunk: int
) -> None:
    fields, lines = text
    lines = [" ".join(fields), *lines]
    slot, window = (T, T + 300) if slotted else None, (T - 100, T + 250) if windowed else None
    if not {"dstport", "interface-id"} & set(fields):
        pytest.skip("no header")
    tally, sightings, captures = reference(lines, KNOWN, slot, window)
    folded = fold("\n".join(lines), slot=slot, window=window, chunk=chunk)
    assert facts(folded) == ({k: n for k, n in tally.items() if n}, sightings, captures)


@given(text=texts(), slotted=st.booleans(), windowed=st.booleans())
@example(
    text=(DEFAULT, [line()] * 3 + [line(log_status="NODATA"), line(srcport="99999", dstport=80)]),
    slotted=True,
    windowed=True,
)
def test_columns_say_what_lines_say(
    text: tuple[tuple[str, ...], list[str]], slotted: bool, windowed: bool
) -> None:
    fields, lines = text
    whole = "\n".join([" ".join(fields), *lines, *[line(fields)] * (len(lines) + 1)]) + "\n"
    slot, window = (T, T + 300) if slotted else None, (T - 100, T + 250) if windowed else None
    with patch.object(dense, "WORTH", 0):
        by_columns = fold(whole, slot=slot, window=window)
    with patch.object(dense, "available", lambda: False):
        by_lines = fold(whole, slot=slot, window=window)
    assert facts(by_columns) == facts(by_lines)
    assert (by_columns.first_record, by_columns.last_record) == (
        by_lines.first_record,
        by_lines.last_record,
    )


def test_columns_are_used_when_many_lines_are_candidates() -> None:
    text = HEADER + "\n" + (line() + "\n") * 6000
    with patch.object(dense, "read", wraps=dense.read) as used:
        assert fold(text).tally.counts == {Outcome.REQUEST: 6000}
    assert used.called


@given(texts(), st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(
    text: tuple[tuple[str, ...], list[str]], random: Random
) -> None:
    fields, lines = text
    shuffled = random.sample(lines, len(lines))
    stated = LogFormat(fields).text
    assert facts(fold("\n".join(lines), stated)) == facts(fold("\n".join(shuffled), stated))


@given(texts(), st.integers(1, 200))
def test_the_bounds_of_chunks_do_not_matter(
    text: tuple[tuple[str, ...], list[str]], chunk: int
) -> None:
    fields, lines = text
    whole = "\n".join([*lines, " ".join(fields), *lines])
    pieces, at_once = fold(whole, chunk=chunk), fold(whole)
    assert facts(pieces) == facts(at_once)
    assert pieces.format == at_once.format
    assert (pieces.first_record, pieces.last_record) == (at_once.first_record, at_once.last_record)


PARTS = st.sampled_from(
    [
        HEADER,
        line(),
        line(log_status="NODATA"),
        "2049",
        " 2049 ",
        "NODATA",
        "\n",
        "\n\n",
        "\t",
        "\r\n",
        " ",
        "#",
        " #",
        "-",
        "interface-id",
        "dstport",
        "tgw-id",
    ]
).map(str.encode)


@given(
    st.lists(st.one_of(st.binary(max_size=20), PARTS), max_size=30).map(b"".join),
    st.integers(1, 99),
)
@example(b"dstport interface-id\n\n 2049 eni-1\n2049\n", 7)
@example(b" \n# 2049 \n2049 2049\n", 1)
def test_any_bytes_are_tallied(data: bytes, chunk: int) -> None:
    whole, pieces = fold(data), fold(data, chunk=chunk)
    assert facts(whole) == facts(pieces)
    upper = sum(1 for text in data.split(b"\n") if text.strip())
    assert whole.tally.records <= upper
    assert len(whole.tally.bad) <= 5
