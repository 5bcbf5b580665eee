"""Flow logs that others recorded or documented, file by file: what is parsed of each."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from inventory.collect.files import FilesSource
from inventory.flowlog.fold import Folder
from inventory.model import Batch, BatchRef, BatchState, Capture, CaptureKind, Known, Outcome

pytestmark = pytest.mark.recorded

OTHER, NODATA, SKIPDATA = Outcome.OTHER_PORT, Outcome.NODATA, Outcome.SKIPDATA
EXPECTED: dict[str, dict[Outcome, int]] = {
    "DERIVED_2049_from_aws_examples.log": {Outcome.NO_TIME: 4},
    "aws_docs_v9_regional_nat_gateway.log": {OTHER: 6},
    "flowlogs-reader_flows.parquet": {OTHER: 1, NODATA: 2},
    "flowlogs-reader_v2_records_noheader.log": {OTHER: 3, NODATA: 1, SKIPDATA: 2},
    "flowlogs-reader_v3_custom.log": {OTHER: 2},
    "flowlogs-reader_v3_custom.log.gz": {OTHER: 2},
    "flowlogs-reader_v4_custom.log": {OTHER: 2},
    "flowlogs-reader_v4_custom.log.gz": {OTHER: 2},
    "flowlogs-reader_v5_custom.log": {OTHER: 3},
    "flowlogs-reader_v5_custom.log.gz": {OTHER: 3},
    "flowlogs-reader_v6_custom.log": {Outcome.NOT_VPC_FLOW: 1},
    "flowlogs-reader_v6_custom.log.gz": {Outcome.NOT_VPC_FLOW: 1},
    "lambda-promtail_vpcflowlog.log.gz": {OTHER: 3},
    "ocsf_v1.1.0_v5_alphabetical.csv": {OTHER: 1},
    "ocsf_v1.5.0_v8_ecs_fargate.csv": {OTHER: 1},
    "otel_valid_vpc_flow_cw.json": {OTHER: 2},
    "otel_valid_vpc_flow_cw_custom.json": {OTHER: 2},
    "otel_valid_vpc_flow_log_ecs.log": {OTHER: 1},
    "streamalert_cwl_subscription_event.json": {OTHER: 2},
}
FOREIGN = {
    "SOURCES.md",
    "stix-shifter_insights_get_query_results.json",
    "vrl_parse_aws_vpc_flow_log_v2_to_v11.json",
}


def folder() -> Path:
    return Path(os.environ["EFS_INVENTORY_RECORDED"]) / "flowlogs"


def read(name: str, known: Known = Known()) -> Batch:  # noqa: B008 - a value
    source = FilesSource("recorded", folder())
    (ref,) = [ref for ref in source.listing(None, None).refs if ref.key == name]
    return source.read(ref, known)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_file_is_parsed(name: str) -> None:
    found = read(name)
    assert (found.state, found.problem) == (BatchState.DONE, "")
    assert found.folded.tally.counts == EXPECTED[name]


@pytest.mark.parametrize("name", sorted(FOREIGN))
def test_what_is_no_flow_log_is_foreign(name: str) -> None:
    assert read(name).state is BatchState.FOREIGN


def test_every_file_is_expected_to_be_something() -> None:
    names = {ref.key for ref in FilesSource("recorded", folder()).listing(None, None).refs}
    assert names == set(EXPECTED) | FOREIGN


def test_captures_in_seconds_and_milliseconds() -> None:
    found = read("flowlogs-reader_v2_records_noheader.log").folded
    assert found.captures == [
        Capture("eni-1a2b3c4d", CaptureKind.SEEN, 1431280876, 1431280934, 58),
        Capture("eni-4b118871", CaptureKind.SKIPPED, 1431280876, 1431280934, 58),
        Capture("eni-4b118871", CaptureKind.SKIPPED, 1512564058, 1512564059, 1),
    ]


def test_the_rows_on_2049_with_a_time_from_outside() -> None:
    data = (folder() / "DERIVED_2049_from_aws_examples.log").read_bytes()
    slot = (1_700_000_100, 1_700_000_400)
    reading = Folder("auto", Known(servers=frozenset({"10.40.2.236"})), slot)
    reading.feed(data)
    found = reading.finish()
    assert found.tally.counts == {Outcome.REQUEST: 2, Outcome.RESPONSE: 2}
    told = {
        (one.interface_id[4:6], one.client, one.true_client, one.requests, one.responses)
        for one in found.sightings
    }
    assert told == {
        ("33", "10.20.33.164", "10.20.33.164", 1, 1),
        ("11", "10.40.1.175", "10.20.33.164", 1, 0),
        ("22", "10.40.2.31", "10.20.33.164", 0, 1),
    }
    assert {one.server for one in found.sightings} == {"10.40.2.236"}


def test_vectors_of_every_version_fit_their_format() -> None:
    vectors = json.loads((folder() / "vrl_parse_aws_vpc_flow_log_v2_to_v11.json").read_text())
    for vector in vectors:
        text = "\n".join([vector["format"], *vector["lines"]])
        reading = Folder("auto", Known(), (1_700_000_100, 1_700_000_400))
        reading.feed(text.encode())
        found = reading.finish()
        assert found.tally.records == len(vector["lines"])
        assert not found.tally.bad
        # with the port put into them, all must be records in form
        moved = [line for line in vector["lines"] if "DATA" not in line and " - - - " not in line]
        place = vector["format"].split().index("dstport") if "dstport" in vector["format"] else None
        if place is None:
            continue
        for line in moved:
            words = line.split()
            words[place] = "2049"
            reading = Folder("auto", Known(), (1_700_000_100, 1_700_000_400))
            reading.feed((vector["format"] + "\n" + " ".join(words)).encode())
            counts = reading.finish().tally
            assert not counts.bad
            assert set(counts.counts) <= {Outcome.STRAY, Outcome.NOT_TCP}


def test_a_batch_that_is_not_listed_is_failed() -> None:
    source = FilesSource("recorded", folder())
    assert source.read(BatchRef("no-such", "0-0", 0), Known()).state is BatchState.FAILED
