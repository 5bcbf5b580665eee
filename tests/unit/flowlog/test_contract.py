"""The parser contract, case by case: what each kind of record ends in."""

from __future__ import annotations

from typing import Any

import pytest

from inventory.errors import ConfigError
from inventory.flowlog.fold import Folder
from inventory.flowlog.format import LogFormat, missing
from inventory.model import Capture, CaptureKind, Folded, Known, Outcome
from tests.unit.flowlog.lines import HEADER, KNOWN, RICH, SERVER, T, fold, line


def outcome(text: str, **options: Any) -> Outcome:
    (only,) = fold(HEADER + "\n" + text + "\n", **options).tally.counts.items()
    assert only[1] == 1
    return only[0]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, Outcome.REQUEST),
        ({"account_id": "unknown"}, Outcome.REQUEST),
        ({"interface_id": "-"}, Outcome.REQUEST),
        ({"action": "REJECT"}, Outcome.REQUEST),
        ({"protocol": "-"}, Outcome.REQUEST),
        ({"packets": "-", "bytes": "None"}, Outcome.REQUEST),
        ({"start": T * 1000, "end": T * 1000 + 900}, Outcome.REQUEST),
        (
            {"srcaddr": SERVER, "dstaddr": "10.2.0.9", "srcport": 2049, "dstport": 700},
            Outcome.RESPONSE,
        ),
        ({"dstaddr": "10.1.0.6"}, Outcome.STRAY),
        ({"srcport": 2049, "dstport": 700}, Outcome.STRAY),
        ({"dstport": 443}, Outcome.OTHER_PORT),
        ({"dstport": 443, "packets": 2049}, Outcome.OTHER_PORT),
        ({"protocol": 17}, Outcome.NOT_TCP),
        ({"log_status": "NODATA"}, Outcome.NODATA),
        ({"log_status": "SKIPDATA"}, Outcome.SKIPDATA),
        ({"srcport": 65536}, Outcome.MALFORMED),
        ({"srcport": "+5"}, Outcome.MALFORMED),
        ({"protocol": "tcp"}, Outcome.MALFORMED),
        ({"packets": "1_0"}, Outcome.MALFORMED),
        ({"bytes": "\uff11"}, Outcome.MALFORMED),
        ({"end": "later"}, Outcome.MALFORMED),
        ({"end": T - 1}, Outcome.MALFORMED),
        ({"end": T + 999_999}, Outcome.MALFORMED),
        ({"srcaddr": "10.2.0"}, Outcome.MALFORMED),
        ({"action": "DROP"}, Outcome.MALFORMED),
        ({"interface_id": "eni\x00"}, Outcome.MALFORMED),
        ({"start": "-", "end": "-"}, Outcome.NO_TIME),
        ({"start": 1_300_000_000, "end": 1_300_000_060}, Outcome.NO_TIME),
    ],
)
def test_each_record_has_its_outcome(values: dict, expected: Outcome) -> None:
    assert outcome(line(**values)) is expected


def test_a_window_keeps_out_what_starts_outside() -> None:
    assert outcome(line(), window=(T, T + 1)) is Outcome.REQUEST
    assert outcome(line(), window=(T + 1, T + 300)) is Outcome.OUT_OF_WINDOW
    assert outcome(line(log_status="NODATA"), window=(T - 300, T)) is Outcome.OUT_OF_WINDOW


def test_a_request_is_a_sighting_with_all_that_the_record_says() -> None:
    text = line(
        RICH,
        vpc_id="vpc-1",
        instance_id="i-1",
        az_id="az1",
        pkt_srcaddr="10.8.0.1",
        pkt_dstaddr=SERVER,
    )
    found = fold(" ".join(RICH) + "\n" + text)
    (one,) = found.sightings
    assert (one.interface_id, one.client, one.server, one.true_client) == (
        "eni-0a",
        "10.2.0.9",
        SERVER,
        "10.8.0.1",
    )
    assert (one.vpc_id, one.instance_id, one.az_id, one.action) == ("vpc-1", "i-1", "az1", "ACCEPT")
    assert (one.requests, one.packets_in, one.bytes_in, one.responses) == (1, 10, 2000, 0)
    assert (one.first_seen, one.last_seen, one.slot, one.stray) == (T, T + 58, T, False)
    assert (found.first_record, found.last_record) == (T, T + 58)
    assert "${brand-new-field}" in found.format


def test_request_and_answer_are_one_sighting() -> None:
    answer = line(
        srcaddr=SERVER, dstaddr="10.2.0.9", srcport=2049, dstport=700, packets=7, bytes=70
    )
    (one,) = fold(f"{HEADER}\n{line()}\n{answer}\n").sightings
    assert (one.requests, one.responses, one.packets_in, one.packets_out, one.bytes_out) == (
        1,
        1,
        10,
        7,
        70,
    )


def test_with_the_port_at_both_ends_the_known_server_is_the_server() -> None:
    (one,) = fold(HEADER + "\n" + line(srcaddr=SERVER, dstaddr="10.2.0.9", srcport=2049)).sightings
    assert (one.server, one.client, one.responses, one.stray) == (SERVER, "10.2.0.9", 1, False)
    (one,) = fold(HEADER + "\n" + line(dstaddr="10.3.0.1", srcport=2049)).sightings
    assert (one.server, one.stray) == ("10.3.0.1", True)


def test_silence_inside_a_slot_makes_two_sightings() -> None:
    near = [line(start=T, end=T + 10), line(start=T + 70, end=T + 80)]
    far = [line(start=T, end=T + 10), line(start=T + 71, end=T + 80)]
    assert len(fold("\n".join([HEADER, *near])).sightings) == 1
    assert len(fold("\n".join([HEADER, *far])).sightings) == 2
    assert len(fold("\n".join([HEADER, line(), line(start=T + 300, end=T + 301)])).sightings) == 2


def test_addresses_have_one_spelling() -> None:
    texts = [
        line(srcaddr="2001:DB8:0:0::9", dstaddr="2001:db8:0::5"),
        line(srcaddr="2001:db8::9", dstaddr="2001:db8::5"),
    ]
    (one,) = fold("\n".join([HEADER, *texts])).sightings
    assert (one.client, one.server, one.requests, one.stray) == (
        "2001:db8::9",
        "2001:db8::5",
        2,
        False,
    )
    (one,) = fold(HEADER + "\n" + line(srcaddr="::ffff:10.2.0.9")).sightings
    assert one.client == "10.2.0.9"


def test_looking_is_told_by_records_of_any_kind() -> None:
    lines = [
        line(interface_id="eni-1", log_status="NODATA", start=T, end=T + 60),
        line(interface_id="eni-1", log_status="NODATA", start=T + 300, end=T + 350),
        line(interface_id="eni-1", log_status="NODATA", start=T + 591, end=T + 599),
        line(interface_id="eni-1", log_status="SKIPDATA", start=T + 100, end=T + 110),
        line(interface_id="eni-b0", log_status="SKIPDATA"),
        line(interface_id="eni-2", start=T + 5, end=T + 6),
    ]
    assert fold("\n".join([HEADER, *lines])).captures == [
        Capture("eni-1", CaptureKind.SEEN, T, T + 350, 60),
        Capture("eni-1", CaptureKind.SEEN, T + 591, T + 599, 8),
        Capture("eni-1", CaptureKind.SKIPPED, T + 100, T + 110, 10),
        Capture("eni-2", CaptureKind.SEEN, T + 5, T + 6, 1),
    ]


def test_the_minimal_format_tells_a_client_and_takes_the_slots_time() -> None:
    found = fold("eni-0a 2049\neni-0b 443\n", "${interface-id} ${dstport}", slot=(T, T + 300))
    (one,) = found.sightings
    assert (one.interface_id, one.client, one.server, one.stray) == ("eni-0a", "", "", False)
    assert (one.first_seen, one.last_seen) == (T, T + 299)
    assert found.tally.counts == {Outcome.REQUEST: 1, Outcome.OTHER_PORT: 1}
    assert "dstaddr" in {loss.field for loss in missing(found.format)}


def test_the_recommended_format_lacks_only_the_newest() -> None:
    stated = "default"
    assert {loss.field for loss in missing(stated)} >= {
        "vpc-id",
        "pkt-srcaddr",
        "next-hop-interface-id",
    }
    assert not {loss.field for loss in missing(stated)} & {
        "dstaddr",
        "start",
        "action",
        "log-status",
    }


def test_an_event_gives_its_time_and_its_interface() -> None:
    folder = Folder("${srcaddr} ${dstaddr} ${srcport} ${dstport}", KNOWN, None)
    folder.event(f"10.2.0.9 {SERVER} 700 2049".encode(), T + 7, "eni-0f")
    folder.event(f"10.2.0.9 {SERVER} 700 2049".encode(), None)
    found = folder.finish()
    (one,) = found.sightings
    assert (one.interface_id, one.first_seen, one.last_seen) == ("eni-0f", T + 7, T + 7)
    assert found.tally.counts == {Outcome.REQUEST: 1, Outcome.NO_TIME: 1}


def test_a_file_may_change_its_format() -> None:
    other = ["dstport", "srcport", "interface-id", "srcaddr", "dstaddr", "start", "end"]
    text = "\n".join(
        [
            HEADER,
            line(),
            "",
            " ".join(other),
            line(other),
            "# a remark",
            HEADER.replace("-", "_"),
            line(),
        ]
    )
    found = fold(text)
    assert found.tally.counts == {Outcome.REQUEST: 3}
    assert len(found.format.split("\n")) == 2


def test_without_header_only_the_default_format_is_guessed() -> None:
    assert fold(line()).tally.counts == {Outcome.REQUEST: 1}
    found = fold(line().replace("2 ", "5 ", 1))
    assert found.tally.counts == {Outcome.MALFORMED: 1}
    assert "format unknown" in found.tally.bad[0]


def test_a_stated_format_reads_what_has_no_header_and_a_header_wins() -> None:
    stated = LogFormat(tuple(RICH)).text
    assert fold(line(RICH), stated).tally.counts == {Outcome.REQUEST: 1}
    assert fold(f"{HEADER}\n{line()}", stated).tally.counts == {Outcome.REQUEST: 1}


def test_transit_gateway_logs_are_another_product() -> None:
    text = "version resource-type tgw-id srcaddr dstaddr srcport dstport\n6 TransitGateway tgw-1 10.2.0.9 10.1.0.5 700 2049\n"
    found = fold(text)
    assert found.tally.counts == {Outcome.NOT_VPC_FLOW: 1}
    assert not found.sightings


def test_comma_separated_with_underscores() -> None:
    text = (
        ",".join(name.replace("-", "_") for name in RICH)
        + "\n"
        + line(RICH).replace(" ", ", ")
        + "\n"
        + line(RICH, dstport=80, start="20490").replace(" ", ",")
    )
    found = fold(text)
    assert found.tally.counts == {Outcome.REQUEST: 1, Outcome.OTHER_PORT: 1}


def test_a_column_that_is_there_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="dstport"):
        Folder("${dstport} ${srcport} ${dstport}", Known(), None)
    found = fold("dstport dstport interface-id\n2049 2049 eni-1\n1 2049 eni-1\n")
    assert found.tally.counts == {Outcome.MALFORMED: 2}
    assert "dstport" in found.tally.bad[0]


@pytest.mark.parametrize("stated", ["${dstport", "dstport", "${}", "${Dst Port}", "v2"])
def test_a_format_that_is_none_is_an_error_at_once(stated: str) -> None:
    with pytest.raises(ConfigError):
        Folder(stated, Known(), None)


def test_wrong_column_counts_are_kept_for_people() -> None:
    text = "\n".join(
        [HEADER, line() + " extra", line().rsplit(" ", 1)[0], line() + " # seen at night", line()]
    )
    found = fold(text)
    assert found.tally.counts == {Outcome.MALFORMED: 2, Outcome.REQUEST: 2}
    assert found.tally.bad[0].startswith("15 values where the format has 14: 2 123456789012")


def test_bad_lines_are_few_short_and_printable() -> None:
    found = fold(HEADER.encode() + b"\n" + b"\x1b[2J\xff 2049 \x00\n" * 9)
    assert found.tally.counts == {Outcome.MALFORMED: 9}
    assert len(found.tally.bad) == 5
    assert all(text.isprintable() and len(text) <= 200 for text in found.tally.bad)


@pytest.mark.parametrize("chunk", [0, 1000, 65_536, 65_537])
def test_a_line_without_end_is_malformed_and_not_kept(chunk: int) -> None:
    for size in (65_537, 300_000):
        text = f"{HEADER}\n{line()}\n{'x' * size} 2049 y\n{line()}\n{'z' * size}"
        assert fold(text, chunk=chunk).tally.counts == {Outcome.REQUEST: 2, Outcome.MALFORMED: 2}
    fits = f"{HEADER}\n{line()}\n{'x' * 65_536}\n{line()}\n"
    assert fold(fits, chunk=chunk).tally.counts == {Outcome.REQUEST: 2, Outcome.OTHER_PORT: 1}


def test_a_cut_text_loses_only_its_last_words() -> None:
    folder = Folder("auto", KNOWN, None)
    folder.feed(f"{HEADER}\n{line()}\n{line()[:-3]}".encode())
    assert folder.finish(cut=True).tally.counts == {Outcome.REQUEST: 1}


def test_too_many_groups_lose_detail_but_no_client_of_a_known_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("inventory.flowlog.groups.GROUPS", 20)
    monkeypatch.setattr("inventory.flowlog.groups.STRAY_GROUPS", 10)
    clients = [f"10.2.0.{n}" for n in range(35)]
    known = [
        line(interface_id=f"eni-{n}", srcaddr=client, start=T + n, end=T + n)
        for n, client in enumerate(clients)
    ]
    strays = [
        line(
            dstaddr=f"10.3.{n % 12}.1",
            srcaddr=f"10.2.1.{n % 250}",
            start=T + 300 * n,
            end=T + 300 * n,
        )
        for n in range(900)
    ]
    found = fold("\n".join([HEADER, *known, *strays]))
    assert [one.client for one in found.sightings if not one.stray] == unordered(clients, found)
    assert found.tally.counts == {Outcome.REQUEST: 35, Outcome.STRAY: 900}
    assert sum(one.requests for one in found.sightings) == 935
    assert len(found.sightings) < 70


def unordered(clients: list[str], found: Folded) -> list[str]:
    """Each client once, in the order of the interfaces that tell of it."""
    named = {one.interface_id: one.client for one in found.sightings if not one.stray}
    assert sorted(named.values()) == sorted(clients)
    return [named[key] for key in sorted(named)]


def test_one_place_over_many_slots_keeps_its_client(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory.flowlog.groups.GROUPS", 20)
    texts = [line(start=T + 300 * n, end=T + 300 * n + 60) for n in range(2000)]
    found = fold("\n".join([HEADER, *texts]))
    assert {one.client for one in found.sightings} == {"10.2.0.9"}
    assert sum(one.requests for one in found.sightings) == 2000
    assert len(found.sightings) < 60


def test_groups_without_end_keep_at_least_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory.flowlog.groups.GROUPS", 20)
    texts = [line(srcaddr=f"10.2.{n // 250}.{n % 250}", start=T, end=T) for n in range(900)]
    found = fold("\n".join([HEADER, *texts]))
    assert len(found.sightings) < 70
    assert {one.server for one in found.sightings} == {SERVER}
    assert sum(one.requests for one in found.sightings) == 900
