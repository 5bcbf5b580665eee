"""One window: the facts are those of the records, whatever the table is like; nothing is taken for silence."""

from __future__ import annotations

import gzip
from itertools import pairwise

import polars as pl
import pytest

from inventory.errors import ConfigError, SourceError
from inventory.model import DAY, HOUR, Batch, BatchState, Outcome
from tests.athena.conftest import (
    HEADER,
    KNOWN,
    MIDNIGHT,
    Asking,
    a_day,
    by_files,
    line,
    objects,
    silence,
)
from tests.athena.stocking import printed
from tests.builders import SERVER, SERVER_ENI, mount_target, seen, topology

WINDOW = (MIDNIGHT, MIDNIGHT + DAY)


def the_same(batch: Batch, lines: list[str], window: tuple[int, int] = WINDOW) -> None:
    expected = by_files(lines, window)
    assert (batch.state, batch.problem) == (BatchState.DONE, "")
    assert batch.folded.sightings == expected.sightings
    assert {c for c in batch.folded.captures if c.kind == "skipped"} == {
        c for c in expected.captures if c.kind == "skipped"
    }


def test_a_days_facts_are_those_of_its_records(asking: Asking) -> None:
    batch = asking.first()
    the_same(batch, a_day())
    expected = by_files(a_day(), WINDOW)
    # what no row tells of is not counted: records of other windows
    expected.tally.counts.pop(Outcome.OUT_OF_WINDOW)
    assert batch.folded.tally.counts == expected.tally.counts
    assert (batch.folded.first_record, batch.folded.last_record) == (
        MIDNIGHT,
        MIDNIGHT + DAY + 597,
    )
    assert batch.scan.bytes > 0
    assert batch.scan.day == asking.now // DAY


def test_records_of_any_port_show_that_a_mount_target_was_captured(asking: Asking) -> None:
    """Files leave those of other ports unexamined; a query has them for nothing."""
    captures = asking.first().folded.captures
    assert any(c.interface_id == SERVER_ENI and c.start <= MIDNIGHT + 90 <= c.end for c in captures)
    assert {c.interface_id for c in captures} == {SERVER_ENI}


@pytest.mark.parametrize(
    ("more", "layout"),
    [
        (("--partitions", "hive"), {"hive": True}),
        (("--hourly",), {"hourly": True}),
        (("--partitions", "hive", "--hourly"), {"hive": True, "hourly": True}),
    ],
)
def test_every_layout(asking: Asking, more: tuple[str, ...], layout: dict[str, bool]) -> None:
    for path in list(asking.shop.logs.rglob("*.gz")):
        asking.shop.put(path.name, path.read_bytes(), **layout)
        path.unlink()
    asking.shop.table("default", *more)
    the_same(asking.first(asking.source(window="1d")), a_day())


def test_parquet_by_name_with_nulls(asking: Asking) -> None:
    """AWS writes NULL where a text has a dash, and the order of columns does not matter."""
    names, numbers = (
        HEADER.replace("-", "_").split(),
        {"version", "srcport", "dstport", "protocol", "packets", "bytes", "start", "end"},
    )
    for path in list(asking.shop.logs.rglob("*.gz")):
        lines = [
            each.split() for each in gzip.decompress(path.read_bytes()).decode().splitlines()[1:]
        ]
        columns = {
            name: [
                None if value == "-" else int(value) if name in numbers else value
                for value in values
            ]
            for name, values in zip(names, zip(*lines, strict=True), strict=True)
        }
        types = {name: pl.Int64 if name in numbers else pl.String for name in reversed(names)}
        pl.DataFrame(columns, schema=types).write_parquet(path.with_suffix(".parquet"))
        path.unlink()
    asking.shop.table("default", "--files", "parquet")
    asking.shop.warehouse.changed()
    the_same(asking.first(), a_day())


def test_windows_of_an_hour_tile_the_day(asking: Asking) -> None:
    for path in list(asking.shop.logs.rglob("*.gz")):
        asking.shop.put(path.name, path.read_bytes(), hourly=True)
        path.unlink()
    asking.shop.table("default", "--hourly")
    source = asking.source()
    refs = source.listing(MIDNIGHT, MIDNIGHT + DAY).refs
    assert len(refs) == 24
    batches = [source.read(ref, KNOWN) for ref in refs]
    found = sorted(one for batch in batches for one in batch.folded.sightings)
    assert found == by_files(a_day(), WINDOW).sightings
    hours = {ref.key: (ref.slot or (0, 0))[0] for ref in refs}
    for batch in batches:
        start = hours[batch.ref.key]
        held = any(start <= int(each.split()[10]) < start + HOUR for each in a_day())
        assert (batch.state is BatchState.DONE) == held


def test_only_the_windows_partitions_and_the_next_are_scanned(asking: Asking) -> None:
    far = MIDNIGHT + 5 * DAY
    for name, content in objects([line(far, far + 1, "10.0.3.1", SERVER, "1 2049")] * 1000).items():
        asking.shop.put(name, content)
    sizes = {p.name: p.stat().st_size for p in asking.shop.logs.rglob("*.gz")}
    near = sum(size for name, size in sizes.items() if "20261119T" in name or "20261120T" in name)
    assert asking.first().scan.bytes == near


def test_a_window_without_a_record_is_a_gap_and_never_done(asking: Asking) -> None:
    source = asking.source()
    refs = source.listing(MIDNIGHT - 2 * DAY, None).refs
    batch = source.read(refs[0], KNOWN)
    assert (batch.state, batch.ref.slot) == (BatchState.GONE, (MIDNIGHT - 2 * DAY, MIDNIGHT - DAY))
    assert "no record starts in it" in batch.problem


def test_a_window_outside_of_the_projection_is_a_failure_that_names_it(asking: Asking) -> None:
    asking.shop.table("default", "--since", "2026-11-20")
    batch = asking.first()
    assert batch.state is BatchState.FAILED
    assert "projection.day.range = 2026/11/20,NOW leaves out 2026/11/19" in batch.problem
    assert asking.shop.served.cloud.counts()["athena.start-query-execution"] == 0


def test_an_account_that_the_table_leaves_out_is_not_silence(asking: Asking) -> None:
    ddl = printed("--format", "default").replace("111122223333", "999900001111")
    asking.shop.warehouse.create(ddl)
    assert asking.first().state is BatchState.GONE


def test_old_names_of_columns(asking: Asking) -> None:
    ddl = printed("--format", "default")
    for ours, old in {
        "`interface_id`": "`interfaceid`", "`srcaddr`": "`sourceaddress`", "`dstaddr`": "`destinationaddress`",
        "`srcport`": "`sourceport`", "`dstport`": "`destinationport`", "`packets`": "`numpackets`",
        "`bytes`": "`numbytes`", "`start`": "`starttime`", "`end`": "`endtime`", "`log_status`": "`logstatus`",
    }.items():  # fmt: skip
        ddl = ddl.replace(ours, old)
    asking.shop.warehouse.create(ddl)
    the_same(asking.first(), a_day())


def test_columns_of_texts_are_read_too(asking: Asking) -> None:
    ddl = printed("--format", "default").replace(" bigint", " string").replace(" int,", " string,")
    asking.shop.warehouse.create(ddl)
    the_same(asking.first(), a_day())


def test_without_the_catalogue_a_row_shows_what_the_table_is_like(asking: Asking) -> None:
    asking.shop.served.cloud.faults.always("glue.get-table", "denied")
    the_same(asking.first(), a_day())


@pytest.mark.parametrize(
    ("column", "told"),
    [("dstport", "a column for dstport is not there"), ("start", "a column for start")],
)
def test_columns_without_which_nothing_can_be_told(asking: Asking, column: str, told: str) -> None:
    ddl = (
        printed("--format", "default")
        .replace(f"`{column}`", "`something`")
        .replace("`end`", "`other`" if column == "start" else "`end`")
    )
    asking.shop.warehouse.create(ddl)
    with pytest.raises(SourceError, match=told) as caught:
        asking.source().listing(None, None)
    assert "setup athena-table" in caught.value.hint


def test_a_table_that_is_not_there(asking: Asking) -> None:
    with pytest.raises(SourceError, match=r"there is no table flow_logs\.nothing"):
        asking.source(table="nothing").listing(None, None)


@pytest.mark.parametrize("name", ['x"; DROP TABLE y', "Ünicode", "a.b", "x" * 129])
def test_names_that_no_query_may_hold(asking: Asking, name: str) -> None:
    with pytest.raises(SourceError, match="no name that can be asked for"):
        asking.source(table=name).listing(None, None)


def test_a_window_that_is_no_whole_number_of_partitions(asking: Asking) -> None:
    with pytest.raises(ConfigError, match="no whole number of the table's partitions"):
        asking.source(window="90m").listing(None, None)


def test_settled_is_the_end_of_the_newest_window_that_is_old_enough(asking: Asking) -> None:
    asking.now = MIDNIGHT + DAY + 1499
    listing = asking.source().listing(None, None)
    assert (listing.refs, listing.settled, listing.whole) == ([], MIDNIGHT, False)
    asking.now += 1
    listing = asking.source().listing(None, None)
    assert [ref.version for ref in listing.refs] == ["reading 1"]
    assert listing.settled == MIDNIGHT + DAY
    assert asking.source().listing(MIDNIGHT - DAY, MIDNIGHT).settled == MIDNIGHT
    asking.now = MIDNIGHT + DAY + 26 * HOUR
    assert asking.source().listing(None, None).refs[0].version == "reading 2"


def test_another_width_leaves_what_was_read_as_it_is(asking: Asking) -> None:
    """So no record is read as part of two windows; what could not be read may be the reason for another width."""
    asking.now = MIDNIGHT + 6 * DAY
    first, failed, *_ = asking.source().listing(None, None).refs
    asking.book.batches = {
        first.key: (first.version, BatchState.DONE), failed.key: ("", BatchState.FAILED),
    }  # fmt: skip
    refs = asking.source(window="2d").listing(MIDNIGHT, MIDNIGHT + 2 * DAY).refs
    spans = [ref.slot for ref in refs]
    assert first.slot in spans
    ordered = sorted(span for span in spans if span is not None)
    assert all(one[1] == other[0] for one, other in pairwise(ordered))
    assert ordered[-1][1] >= MIDNIGHT + 2 * DAY
    batches = [asking.source(window="2d").read(ref, KNOWN) for ref in refs]
    found = [one for batch in batches for one in batch.folded.sightings]
    assert sorted(found) == by_files(a_day(), (MIDNIGHT, MIDNIGHT + 2 * DAY)).sightings


def test_two_flow_logs_of_one_interface_count_once(asking: Asking) -> None:
    for name, content in objects(a_day(), flow_log="fl-0ffffffffffffffff").items():
        asking.shop.put(name, content)
    the_same(asking.first(), a_day())


def test_milliseconds_and_records_out_of_form(asking: Asking) -> None:
    odd = [
        silence((MIDNIGHT + 50_000) * 1000 + 999, (MIDNIGHT + 50_060) * 1000, "SKIPDATA"),
        line(MIDNIGHT + 9, MIDNIGHT + 3, "10.0.3.1", SERVER, "1 2049"),
        line(MIDNIGHT + 9, MIDNIGHT + 9_000, "10.0.3.1", SERVER, "1 2049"),
    ]
    content = objects([line(MIDNIGHT, MIDNIGHT + 1, "10.0.3.1", SERVER, "1 2049")])
    (name,) = content
    lines = "\n".join([*gzip.decompress(content[name]).decode().splitlines(), *odd, ""])
    asking.shop.put(name.replace("_0.log", "_1.log"), gzip.compress(lines.encode()))
    batch = asking.first()
    assert batch.folded.tally.counts[Outcome.MALFORMED] == 2
    assert (MIDNIGHT + 50_000, MIDNIGHT + 50_060) in {
        (c.start, c.end) for c in batch.folded.captures if c.kind == "skipped"
    }


def test_where_no_property_tells_how_days_are_spelled_a_row_does(asking: Asking) -> None:
    asking.shop.warehouse.reticent = True
    the_same(asking.first(), a_day())


def test_the_query_can_be_shown_without_asking_it(asking: Asking) -> None:
    shown = asking.source().query(MIDNIGHT, MIDNIGHT + DAY)
    assert asking.shop.served.cloud.counts()["athena.start-query-execution"] == 0
    asking.first()
    (query,) = asking.shop.warehouse.queries.values()
    assert query.parameters["QueryString"] == shown
    asking.now = MIDNIGHT + DAY
    assert asking.source().query(MIDNIGHT, None).startswith("-- no window")


@pytest.mark.parametrize("count", [6_000, 12_000])
def test_mount_targets_by_the_thousand_fit_into_a_query(asking: Asking, count: int) -> None:
    """Too many to be named are not named: then every interface's silence is brought, and what nobody needs is dropped here."""
    others = [
        seen(
            mount_target(
                f"fsmt-{number}",
                f"10.{number // 250}.{number % 250}.9",
                network_interface_id=f"eni-{number:017x}",
            )
        )
        for number in range(count)
    ]
    asking.book.known = topology(seen(mount_target()), *others)
    batch = asking.first()
    the_same(batch, a_day())
    (query,) = asking.shop.warehouse.queries.values()
    assert ("eni-00000000000000007" in query.parameters["QueryString"]) == (count == 6_000)
