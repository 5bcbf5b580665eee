"""Log groups, window by window: what is read, what is said of what cannot be read, and what is read again."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from inventory.aws import Aws, Patience
from inventory.collect.choosing import opened
from inventory.collect.cloudwatch import CloudWatchSource, streams
from inventory.collect.needs import Needs
from inventory.config import CloudWatchSettings, Settings
from inventory.flowlog.format import DEFAULT_FORMAT
from inventory.model import (
    Batch,
    BatchRef,
    BatchState,
    CaptureKind,
    FlowLog,
    Known,
    MountTarget,
    Outcome,
    Version,
)
from inventory.resolve.topology import Topology
from tests.fakeaws.calls import Result
from tests.fakeaws.faults import Fault
from tests.fakeaws.refusals import RefusalError
from tests.fakeaws.services.logs import Logs
from tests.fakeaws.serving import Served
from tests.unit.flowlog.lines import RICH, SERVER, line
from tests.world.plan import ACCOUNT, REGION

HOUR, DAY = 3600, 86_400
T = 1_790_000_000 - 1_790_000_000 % HOUR
NOW = T + 2 * HOUR
GROUP = "/vpc/flow-logs"
ENI, SECOND = "eni-0a1", "eni-0a2"
KNOWN = Known(servers=frozenset({SERVER}))
RICH_FORMAT = " ".join(f"${{{name}}}" for name in RICH)

PATIENT = Patience(connect=5, read=30, attempts=1, pause=0)
"""Each request is a try; the fake may take its time."""

METHODS = pytest.mark.parametrize("method", ["streams", "insights"])


def seen(value: object, first: int = T - DAY, **bounds: int | None) -> Version[Any]:
    times = {"not_before": None, "not_after": None} | bounds
    return Version(value, ACCOUNT, REGION, first, T + DAY, **times)


def target(interface: str, ident: str = "fsmt-1", **bounds: Any) -> Version[Any]:
    return seen(MountTarget(ident, "fs-1", network_interface_id=interface), **bounds)


def flow_log(log_format: str = "", ident: str = "fl-1", **more: Any) -> Version[Any]:
    where = {"log_group_name": GROUP, "log_destination_type": "cloud-watch-logs"} | more
    return seen(FlowLog(ident, "vpc-1", "ALL", log_format, **where))


@dataclass
class Books:
    """What earlier runs left."""

    knowledge: Topology
    scans: dict[int, int] = field(default_factory=dict)
    batches: dict[str, tuple[str, BatchState]] = field(default_factory=dict)

    def topology(self) -> Topology:
        return self.knowledge

    def done(self, _source: str) -> Mapping[str, tuple[str, BatchState]]:
        return self.batches

    def looked(self, _source: str) -> Mapping[str, int]:
        return {}

    def scanned(self, _source: str, day: int) -> int:
        return self.scans.get(day, 0)


@dataclass
class Desk:
    """A source of one log group with the streams of one mount target, and the fake that holds it."""

    served: Served
    logs: Logs
    now: int = NOW
    mount_targets: list[Version[Any]] = field(default_factory=lambda: [target(ENI)])
    flow_logs: list[Version[Any]] = field(default_factory=list)
    scans: dict[int, int] = field(default_factory=dict)
    batches: dict[str, tuple[str, BatchState]] = field(default_factory=dict)
    slept: list[float] = field(default_factory=list)
    slept_by: Callable[[float], None] | None = None

    def __post_init__(self) -> None:
        self.aws = Aws(patience=PATIENT, sleep=self.sleep)

    def sleep(self, seconds: float) -> None:
        (self.slept_by or self.slept.append)(seconds)

    def source(self, **keys: Any) -> CloudWatchSource:
        given = {"name": "logs", "type": "cloudwatch", "region": REGION, "log_groups": (GROUP,)}
        section = CloudWatchSettings.model_validate(given | keys)
        topology = Topology({"mount_target": self.mount_targets, "flow_log": self.flow_logs})
        books = Books(topology, self.scans, self.batches)
        settings = Settings(sources=(section,))
        needs = Needs(settings, books, lambda: self.now, self.sleep)
        needs.__dict__["_aws"] = self.aws
        source = opened(section, needs)
        assert isinstance(source, CloudWatchSource)
        return source

    def refs(self, since: int = T, until: int = T + HOUR, **keys: Any) -> list[BatchRef]:
        return self.source(**keys).listing(since, until).refs

    def read(self, since: int = T, until: int = T + HOUR, **keys: Any) -> Batch:
        source = self.source(**keys)
        (ref,) = source.listing(since, until).refs
        return source.read(ref, KNOWN)


@pytest.fixture
def desk(fake_aws: Served) -> Desk:
    logs = Logs()
    logs.group(GROUP)
    made = Desk(fake_aws, logs)
    fake_aws.cloud.now = lambda: made.now
    fake_aws.cloud.place(ACCOUNT, REGION).put("logs", [logs])
    return made


def put(desk: Desk, *lines: str, interface: str = ENI, group: str = GROUP) -> None:
    """Records into the stream of an interface, under their start."""
    events = [(int(re.findall(r"\b(17\d{8})\b", one)[0]), one) for one in lines]
    desk.logs.put(group, f"{interface}-all", events)


def request(at: int = T + 60, **values: Any) -> str:
    given: dict[str, Any] = {"interface_id": ENI, "start": at, "end": at + 58} | values
    return line(**given)


# -- what is read ------------------------------------------------------------------------------------


@METHODS
def test_a_window_holds_what_starts_in_it(desk: Desk, method: str) -> None:
    """Its first second, not the first one after it; records about looking, too."""
    put(desk, *(request(at) for at in (T - 1, T, T + HOUR - 1, T + HOUR)))
    put(desk, line(interface_id=ENI, start=T + 600, end=T + 1199, log_status="NODATA", srcport="-", dstport="-", protocol="-",
                   srcaddr="-", dstaddr="-", packets="-", bytes="-", action="-"))  # fmt: skip
    batch = desk.read(method=method)
    assert (batch.state, batch.problem) == (BatchState.DONE, "")
    assert [one.first_seen for one in batch.folded.sightings] == [T, T + HOUR - 1]
    assert batch.folded.tally.counts[Outcome.REQUEST] == 2
    assert batch.folded.tally.counts[Outcome.NODATA] == 1
    assert T + 600 in {one.start for one in batch.folded.captures}


@METHODS
def test_a_hole_is_told_each_for_itself(desk: Desk, method: str) -> None:
    rest = dict.fromkeys(("srcaddr", "dstaddr", "srcport", "dstport", "protocol", "packets", "bytes", "action"), "-")  # fmt: skip
    for at in (T, T + 120):
        put(desk, line(interface_id=ENI, start=at, end=at + 59, log_status="SKIPDATA", **rest))
    captures = desk.read(method=method).folded.captures
    assert [(c.kind, c.start, c.end) for c in captures] == [
        (CaptureKind.SKIPPED, T, T + 59),
        (CaptureKind.SKIPPED, T + 120, T + 179),
    ]


@METHODS
@pytest.mark.parametrize(("vantage", "found"), [("server", {ENI}), ("both", {ENI, "eni-0c1"})])
def test_clients_records_are_read_when_asked_for(
    desk: Desk, method: str, vantage: str, found: set[str]
) -> None:
    put(desk, request())
    put(desk, request(interface_id="eni-0c1"), interface="eni-0c1")
    put(desk, request(interface_id="eni-0c1", dstport=443), interface="eni-0c1")
    batch = desk.read(method=method, vantage=vantage)
    assert {one.interface_id for one in batch.folded.sightings} == found


@METHODS
def test_the_format_is_the_flow_logs_own(desk: Desk, method: str) -> None:
    desk.flow_logs = [flow_log(RICH_FORMAT)]
    put(desk, line(RICH, interface_id=ENI, start=T, end=T + 58, instance_id="i-0b1"))
    batch = desk.read(method=method)
    (one,) = batch.folded.sightings
    assert (one.instance_id, batch.folded.format) == ("i-0b1", RICH_FORMAT)


@METHODS
def test_formats_side_by_side_in_one_group(desk: Desk, method: str) -> None:
    desk.flow_logs = [flow_log(RICH_FORMAT), flow_log("", "fl-2"), flow_log(
        "${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} "
        "${protocol} ${packets} ${bytes} ${start} ${end} ${action} ${log-status}", "fl-3")]  # fmt: skip
    put(desk, request(T))
    put(desk, line(RICH, interface_id=ENI, start=T + 300, end=T + 358, instance_id="i-0b1"))
    batch = desk.read(method=method)
    told = [(one.first_seen, one.instance_id) for one in batch.folded.sightings]
    assert sorted(told) == [(T, ""), (T + 300, "i-0b1")]
    assert batch.state is BatchState.DONE


@METHODS
def test_formats_that_nothing_tells_apart_are_no_whole_window(desk: Desk, method: str) -> None:
    ends = "${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${start} ${end}"
    turned = "${interface-id} ${dstaddr} ${srcaddr} ${dstport} ${srcport} ${start} ${end}"
    desk.flow_logs = [flow_log(ends), flow_log(turned, "fl-2")]
    put(desk, f"{ENI} 10.2.0.9 {SERVER} 700 2049 {T} {T + 58}")
    batch = desk.read(method=method)
    assert batch.state is {"streams": BatchState.PARTIAL, "insights": BatchState.FAILED}[method]
    assert "`format`" in batch.problem
    assert batch.folded.sightings == []
    mended = desk.read(method=method, format=ends)
    assert mended.state is BatchState.DONE
    assert mended.folded.sightings[0].server == SERVER


@METHODS
def test_formats_of_one_length_count_each_record_once(desk: Desk, method: str) -> None:
    """What stands in the last place alone tells one from the other."""
    sent, placed = (f"{DEFAULT_FORMAT.text} ${{{extra}}}" for extra in ("pkt-srcaddr", "subnet-id"))
    desk.flow_logs = [flow_log(sent), flow_log(placed, "fl-2")]
    put(desk, f"{request(T)} 10.2.0.9", f"{request(T + 300)} subnet-0a1")
    batch = desk.read(method=method)
    assert (batch.state, batch.folded.tally.counts) == (BatchState.DONE, {Outcome.REQUEST: 2})
    assert [(one.first_seen, one.requests) for one in batch.folded.sightings] == [
        (T, 1), (T + 300, 1),
    ]  # fmt: skip


@METHODS
def test_a_value_that_is_missing_tells_no_format(desk: Desk, method: str) -> None:
    """Mount targets have no instance: such a record fits both formats, and must not count twice."""
    sent, run = (f"{DEFAULT_FORMAT.text} ${{{extra}}}" for extra in ("pkt-srcaddr", "instance-id"))
    desk.flow_logs = [flow_log(sent), flow_log(run, "fl-2")]
    put(desk, f"{request(T)} -")
    batch = desk.read(method=method)
    assert batch.folded.tally.counts.get(Outcome.REQUEST, 0) == (method == "streams")
    assert batch.state is {"streams": BatchState.DONE, "insights": BatchState.FAILED}[method]


@METHODS
def test_the_stream_names_the_interface_where_the_format_does_not(desk: Desk, method: str) -> None:
    short = "${srcaddr} ${dstaddr} ${dstport} ${start} ${end} ${log-status}"
    put(desk, f"10.2.0.9 {SERVER} 2049 {T} {T + 58} OK")
    (one,) = desk.read(method=method, format=short).folded.sightings
    assert (one.interface_id, one.client) == (ENI, "10.2.0.9")


@METHODS
def test_the_event_tells_the_time_where_the_format_does_not(desk: Desk, method: str) -> None:
    desk.logs.put(GROUP, f"{ENI}-all", [(T + 7, f"{ENI} 10.2.0.9 {SERVER} 2049 OK")])
    short = "${interface-id} ${srcaddr} ${dstaddr} ${dstport} ${log-status}"
    (one,) = desk.read(method=method, format=short).folded.sightings
    assert (one.first_seen, one.last_seen) == (T + 7, T + 7)


@METHODS
def test_an_unknown_format_is_no_silence(desk: Desk, method: str) -> None:
    """Nothing is claimed to have been seen."""
    put(desk, line(RICH, interface_id=ENI, start=T, end=T + 58))
    batch = desk.read(method=method)
    assert (batch.folded.sightings, batch.folded.captures) == ([], [])


def test_streams_are_asked_for_a_hundred_at_once(desk: Desk) -> None:
    interfaces = [f"eni-0{number:03x}" for number in range(130)]
    desk.mount_targets = [target(one, f"fsmt-{one}") for one in interfaces]
    for one in interfaces:
        put(desk, request(interface_id=one), interface=one)
    batch = desk.read()
    assert {one.interface_id for one in batch.folded.sightings} == set(interfaces)
    asked = [len(a.parameters["logStreamNames"]) for a in desk.served.cloud.log
             if a.call == "logs.filter-log-events"]  # fmt: skip
    assert asked == [100, 30]
    assert (
        desk.served.cloud.counts()["logs.describe-log-streams"] == 3
    )  # all of the group, by fifty


def test_an_event_that_comes_twice_counts_once(desk: Desk) -> None:
    put(desk, request(T), request(T + 300))
    events = desk.logs.groups[GROUP].streams[f"{ENI}-all"]
    events.append(dict(events[0]))
    assert desk.read().folded.tally.counts[Outcome.REQUEST] == 2


def test_pages_may_be_empty(desk: Desk) -> None:
    put(desk, *(request(T + 60 * n) for n in range(20)))
    desk.served.cloud.page_size = 3
    for nth in (1, 3, 4):
        desk.served.cloud.faults.at("logs.filter-log-events", "empty_page", nth=nth)
    batch = desk.read()
    assert (batch.state, batch.folded.tally.counts[Outcome.REQUEST]) == (BatchState.DONE, 20)


def test_calls_keep_a_pace(desk: Desk) -> None:
    put(desk, *(request(T + 60 * n) for n in range(40)))
    desk.served.cloud.page_size = 2
    desk.read()
    assert sum(desk.slept) > 0.5 * 20 / streams.CALLS_A_SECOND


# -- what cannot be read -----------------------------------------------------------------------------


@METHODS
def test_what_the_log_group_keeps_no_more_is_gone_and_costs_no_call(
    desk: Desk, method: str
) -> None:
    desk.logs.group(GROUP, keeps_days=1)
    desk.now = T + HOUR + DAY
    batch = desk.read(method=method)
    assert batch.state is BatchState.GONE
    assert "older than the 1 days" in batch.problem
    assert set(desk.served.cloud.counts()) == {"logs.describe-log-groups"}


@METHODS
def test_a_window_of_which_a_part_is_forgotten_is_not_whole(desk: Desk, method: str) -> None:
    desk.logs.group(GROUP, keeps_days=1)
    desk.now = T + HOUR // 2 + DAY
    put(desk, request(T), request(T + HOUR - 1))
    batch = desk.read(method=method)
    assert batch.state is BatchState.PARTIAL
    assert "its begin is older" in batch.problem
    assert [one.first_seen for one in batch.folded.sightings] == [T + HOUR - 1]


@METHODS
def test_before_the_log_group_was_made_nothing_was_seen(desk: Desk, method: str) -> None:
    desk.logs.group(GROUP, created=T + HOUR)
    batch = desk.read(method=method)
    assert batch.state is BatchState.GONE
    assert "was made at" in batch.problem


@METHODS
def test_before_any_sweep_nobody_knows_what_to_read(desk: Desk, method: str) -> None:
    desk.mount_targets = []
    put(desk, request())
    batch = desk.read(method=method)
    assert batch.state is BatchState.FAILED
    assert "no mount target of" in batch.problem
    assert "discover" in batch.problem
    assert desk.read(method=method, vantage="both").state is BatchState.DONE


@METHODS
def test_a_log_group_that_is_not_there(desk: Desk, method: str) -> None:
    batch = desk.read(method=method, log_groups=("/vpc/flow-log",))
    assert batch.state is BatchState.FAILED
    assert "there is no log group /vpc/flow-log" in batch.problem


@METHODS
def test_a_log_group_of_another_account_is_not_read(desk: Desk, method: str) -> None:
    """Though it has the same name: the credentials must belong to the account that the source names."""
    put(desk, request())
    assert desk.read(method=method, account=ACCOUNT).state is BatchState.DONE
    batch = desk.read(method=method, account="444455556666")
    assert batch.state is BatchState.FAILED
    assert f"for account 444455556666 belong to account {ACCOUNT}" in batch.problem


def test_a_query_that_insights_does_not_take_is_told(desk: Desk) -> None:
    fault = Fault("malformed", result=_malformed)
    desk.served.cloud.faults.always("logs.start-query", fault)
    batch = desk.read(method="insights")
    assert batch.state is BatchState.FAILED
    assert 'use method = "streams"' in batch.problem


def _malformed(*_: object) -> Result:
    raise RefusalError("MalformedQueryException", "unexpected symbol")


@pytest.mark.parametrize(
    ("method", "call", "action"),
    [
        ("streams", "logs.describe-log-groups", "logs:DescribeLogGroups"),
        ("streams", "logs.describe-log-streams", "logs:DescribeLogStreams"),
        ("streams", "logs.filter-log-events", "logs:FilterLogEvents"),
        ("insights", "logs.describe-queries", "logs:DescribeQueries"),
        ("insights", "logs.start-query", "logs:StartQuery"),
        ("insights", "logs.get-query-results", "logs:GetQueryResults"),
    ],
)
def test_who_may_not_is_told_what_to_allow(desk: Desk, method: str, call: str, action: str) -> None:
    put(desk, request())
    desk.served.cloud.faults.always(call, "denied")
    batch = desk.read(method=method)
    assert batch.state is BatchState.FAILED
    assert f"allow {action};" in batch.problem
    assert GROUP in batch.problem


def test_a_stream_that_is_deleted_while_it_is_read_is_not_asked_for_again(desk: Desk) -> None:
    desk.mount_targets += [target(SECOND, "fsmt-2")]
    put(desk, request())
    put(desk, request(interface_id=SECOND), interface=SECOND)
    source = desk.source()
    first, second = source.listing(T - HOUR, T + HOUR).refs
    assert source.read(first, KNOWN).state is BatchState.DONE
    del desk.logs.groups[GROUP].streams[f"{SECOND}-all"]
    batch = source.read(second, KNOWN)
    assert (batch.state, len(batch.folded.sightings)) == (BatchState.DONE, 1)


def test_a_token_that_goes_round_is_no_end(desk: Desk) -> None:
    put(desk, *(request(T + 60 * n) for n in range(9)))
    desk.served.cloud.page_size = 2
    desk.served.cloud.faults.at("logs.filter-log-events", "circle", nth=2)
    batch = desk.read()
    assert batch.state is BatchState.FAILED
    assert "page token that came before" in batch.problem
    assert batch.folded.sightings == []


# -- what is read again ------------------------------------------------------------------------------


def test_windows_are_listed_when_they_are_settled_and_once_more(desk: Desk) -> None:
    def at(now: int, **keys: Any) -> list[tuple[int, str]]:
        desk.now = now
        return [(r.slot[0], r.version.partition(" of ")[0]) for r in desk.refs(**keys) if r.slot]

    settle = 600 + 900
    assert at(T + HOUR + settle - 1) == []
    assert at(T + HOUR + settle) == [(T, "reading 1")]
    assert at(T + 27 * HOUR) == [(T, "reading 2")]
    assert len(at(T + 27 * HOUR, window="5m")) == 12
    desk.flow_logs = [flow_log(max_aggregation_interval=60)]
    assert at(T + HOUR + 60 + 900) == [(T, "reading 1")]


def test_another_width_leaves_what_was_read_as_it_is(desk: Desk) -> None:
    old, failed = desk.refs(T - 2 * HOUR, T)
    desk.batches = {old.key: (old.version, BatchState.DONE), failed.key: ("", BatchState.FAILED)}
    found = desk.refs(T - 2 * HOUR, T, window="30m")
    assert found[0] == old
    assert [ref.slot for ref in found[1:]] == [(T - HOUR, T - HOUR // 2), (T - HOUR // 2, T)]


def test_the_listing_says_how_far_it_is_settled(desk: Desk) -> None:
    listing = desk.source().listing(None, None)
    assert listing.settled == T + HOUR
    assert desk.source().listing(T - 9 * HOUR, T - HOUR).settled == T - HOUR
    assert not listing.whole
    assert [ref.slot for ref in listing.refs][-1] == (T, T + HOUR)
    assert listing.refs[0].slot == (NOW - 14 * DAY, NOW - 14 * DAY + HOUR)
    assert all(ref.shrinks for ref in listing.refs)


def test_a_mount_target_that_turns_up_has_its_windows_read_again(desk: Desk) -> None:
    """Those in which it may have existed, and no others."""
    before = desk.refs(T - 2 * HOUR, T + HOUR)
    desk.mount_targets += [target(SECOND, "fsmt-2", first=T + HOUR // 2, not_before=T - HOUR // 2)]
    after = desk.refs(T - 2 * HOUR, T + HOUR)
    assert [b.key for b in before] == [a.key for a in after]
    changed = [a.slot for b, a in zip(before, after, strict=True) if b.version != a.version]
    assert changed == [(T - HOUR, T), (T, T + HOUR)]


def test_a_format_that_becomes_known_has_its_windows_read_again(desk: Desk) -> None:
    (before,) = desk.refs()
    desk.flow_logs = [flow_log(RICH_FORMAT)]
    assert desk.refs()[0].version != before.version


# -- whose records they are --------------------------------------------------------------------------


@METHODS
def test_records_are_a_flow_logs_when_it_is_the_only_one(desk: Desk, method: str) -> None:
    desk.flow_logs = [flow_log()]
    put(desk, *(request(T + 600 * n + 60) for n in range(6)))
    batch = desk.read(method=method)
    assert (batch.ref.flow_log_id, batch.ref.slot) == ("fl-1", (T + 60, T + HOUR))
    desk.flow_logs += [flow_log(ident="fl-2")]
    assert desk.read(method=method).ref.flow_log_id == ""


@METHODS
def test_a_window_with_a_long_silence_does_not_prove_that_its_flow_log_delivered(
    desk: Desk, method: str
) -> None:
    desk.flow_logs = [flow_log()]
    put(desk, request(T), request(T + HOUR - 60))
    assert desk.read(method=method).ref.flow_log_id == ""
    assert desk.read(T - HOUR, T, method=method).ref.flow_log_id == ""


# -- what it costs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["streams", pytest.param("insights", marks=pytest.mark.long)])
def test_the_calls_of_one_window_are_those_that_the_documentation_tells(
    desk: Desk, method: str
) -> None:
    """docs/operate/cost.md: ten mount targets, a hundred clients each, ten minutes of aggregation; a day is 48 readings."""
    interfaces = [f"eni-0{number:03x}" for number in range(10)]
    desk.mount_targets = [target(one, f"fsmt-{one}") for one in interfaces]
    for one in interfaces:
        slots = range(T - 600, T + HOUR + 600, 600)
        talk = [(at, client, way) for at in slots for client in range(100) for way in (0, 1)]
        put(desk, *(_talk(one, at, f"10.2.0.{client}", way) for at, client, way in talk), interface=one)  # fmt: skip
    message = desk.logs.groups[GROUP].streams["eni-0000-all"][0]["message"]
    desk.served.cloud.page_size = min(10_000, 2**20 // (len(message) + 26))
    batch = desk.read(method=method)
    counts = desk.served.cloud.counts()
    assert batch.folded.tally.counts[Outcome.REQUEST] == 6_000
    if method == "streams":
        assert counts["logs.filter-log-events"] == 2
        assert counts["logs.describe-log-streams"] == 10
        assert counts["logs.describe-log-groups"] == 1
    else:
        assert counts["logs.start-query"] == 1
        assert counts["logs.get-query-results"] == 3  # two polls, and a page more than the first
        assert batch.scan.bytes == sum(
            len(event["message"])
            for stream in desk.logs.groups[GROUP].streams.values()
            for event in stream
        )


def _talk(interface: str, at: int, client: str, way: int) -> str:
    ends = [(client, "700"), (SERVER, "2049")]
    (source, srcport), (to, dstport) = ends[::-1] if way else ends
    return line(interface_id=interface, start=at, end=at + 599, srcaddr=source, srcport=srcport, dstaddr=to, dstport=dstport)  # fmt: skip
