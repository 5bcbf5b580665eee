"""Rows that a query counted make the facts that the records themselves make."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from inventory.flowlog.aggregated import TEXTS, AggregatedRow, Aggregating, Part, seconds
from inventory.model import RUN_GAP, SLOT, CaptureKind, Folded, Outcome
from tests.unit.flowlog.lines import KNOWN, RICH, SERVER, T, fold, line

WINDOW = (T, T + 2 * SLOT)
ROW = AggregatedRow(
    Part.REQUEST, T, T + 58, 58, 1, 10, 2000, "eni-0a", srcaddr="10.2.0.9", dstaddr=SERVER, action="ACCEPT"
)  # fmt: skip


def aggregated(rows: list[AggregatedRow]) -> Folded:
    one = Aggregating(KNOWN, WINDOW)
    one.add_all(rows)
    return one.finish("")


def counted(records: list[dict[str, object]]) -> list[AggregatedRow]:
    """What a query says of the records: grouped by texts, part and minute (a hole by its own start)."""
    groups: dict[tuple[Part, tuple[object, ...]], list[dict[str, object]]] = defaultdict(list)
    for one in records:
        start = int(str(one["start"]))
        status = str(one["log-status"])
        part = Part(status.lower()) if status != "OK" else _by_ports(one)
        minute = start if part is Part.SKIPDATA else start - start % RUN_GAP
        groups[part, (minute, *(str(one[name]) for name in TEXTS if name in one))].append(one)
    rows = []
    for (part, (_, *texts)), some in groups.items():
        starts = [int(str(one["start"])) for one in some]
        ends = [int(str(one["end"])) for one in some]
        named = dict(zip([TEXTS[name] for name in TEXTS if name in records[0]], texts, strict=True))
        longest = max(end - start for start, end in zip(starts, ends, strict=True))
        packets, size = (sum(int(str(one[name])) for one in some) for name in ("packets", "bytes"))
        rows.append(
            AggregatedRow(
                part, min(starts), max(ends), longest, len(some), packets, size, **{k: str(v) for k, v in named.items()}
            )
        )  # fmt: skip
    return rows


def _by_ports(one: dict[str, object]) -> Part:
    ports = str(one["srcport"]) == "2049", str(one["dstport"]) == "2049"
    return {
        (True, True): Part.EITHER, (True, False): Part.RESPONSE, (False, True): Part.REQUEST, (False, False): Part.OTHER
    }[ports]  # fmt: skip


@st.composite
def exchanges(draw: st.DrawFn) -> dict[str, object]:
    """A record of any second of two slots, of any length; silences of all lengths lie between them."""
    start = T + draw(st.integers(0, 2 * SLOT - 1))
    took = draw(st.integers(0, 70))
    ends = draw(
        st.sampled_from([("10.2.0.9", SERVER), (SERVER, "10.2.0.9"), ("10.2.0.9", "10.9.9.9")])
    )
    return {
        "interface-id": draw(st.sampled_from(["eni-0a", "eni-b0", "-"])), "vpc-id": "vpc-1", "az-id": "-",
        "srcaddr": ends[0], "dstaddr": ends[1], "action": draw(st.sampled_from(["ACCEPT", "REJECT", "-"])),
        "pkt-srcaddr": draw(st.sampled_from(["-", "10.2.0.10"])), "pkt-dstaddr": "-", "instance-id": "-",
        "srcport": draw(st.sampled_from([700, 2049])), "dstport": draw(st.sampled_from([701, 2049])),
        "packets": draw(st.integers(1, 9)), "bytes": draw(st.integers(40, 900)), "protocol": 6,
        "start": start, "end": start + took, "log-status": draw(st.sampled_from(["OK", "OK", "OK", "NODATA", "SKIPDATA"])),
    }  # fmt: skip


@given(st.lists(exchanges(), max_size=12))
def test_counted_where_they_are_they_say_what_they_say_one_by_one(
    records: list[dict[str, object]],
) -> None:
    lines = [
        line(RICH, **{k.replace("-", "_"): v for k, v in one.items()})
        for one in records
    ]  # fmt: skip
    whole = fold("\n".join([" ".join(RICH), *lines]), window=WINDOW)
    by_rows = aggregated(counted([one for one in records if _counts(one)]))
    assert by_rows.sightings == whole.sightings
    assert by_rows.captures == whole.captures
    counts = {k: n for k, n in whole.tally.counts.items() if k is not Outcome.OTHER_PORT}
    assert by_rows.tally.counts == counts


def _counts(one: dict[str, object]) -> bool:
    """A query need not tell of other ports; here it does not, as reading lines does not."""
    return one["log-status"] != "OK" or _by_ports(one) is not Part.OTHER


def test_other_ports_are_evidence_that_the_interface_was_captured() -> None:
    found = aggregated([replace(ROW, part=Part.OTHER, records=7)])
    assert found.sightings == []
    assert found.tally.counts == {Outcome.OTHER_PORT: 7}
    assert [one.kind for one in found.captures] == [CaptureKind.SEEN]


def test_rows_that_no_flow_log_can_have_are_counted_and_shown() -> None:
    bad = [
        replace(ROW, records=0),
        replace(ROW, last=T - 1),
        replace(ROW, longest=59),
        replace(ROW, last=T + 9000, longest=60),
        replace(ROW, srcaddr="10.2.0.900"),
        replace(ROW, action="DROP"),
        replace(ROW, bytes=-1),
    ]
    one = Aggregating(KNOWN, WINDOW)
    one.add_all(bad)
    found = one.finish("")
    assert found.tally.counts == {Outcome.MALFORMED: 7}
    assert one.malformed == 7
    assert len(found.tally.bad) == 5
    assert found.sightings == []
    assert found.captures == []


def test_rows_that_start_outside_the_window_belong_to_another_batch() -> None:
    found = aggregated([replace(ROW, first=WINDOW[1], last=WINDOW[1] + 58)])
    assert found.tally.counts == {Outcome.OUT_OF_WINDOW: 1}
    assert (found.first_record, found.sightings) == (None, [])


def test_sums_beyond_what_databases_hold_are_cut() -> None:
    (one,) = aggregated([replace(ROW, bytes=2**70)]).sightings
    assert one.bytes_in == 2**63 - 1


def test_times_in_milliseconds_are_seconds() -> None:
    assert seconds(T * 1000 + 7) == T == seconds(T)
