"""Asking CloudTrail: what is asked, how fast, how much; and that nothing counts as asked that was not told completely."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from inventory.discover import cloudtrail, fields, histories, trail
from inventory.discover.cloudtrail import SETTLE, CloudTrail
from inventory.discover.histories import Purse, Told
from inventory.errors import AwsError, AwsFault
from inventory.model import (
    CONNECTIONS,
    DAY,
    HOUR,
    Asked,
    CallState,
    Place,
    Unnamed,
    Wanted,
    epoch,
)
from inventory.timeline import total
from tests import events
from tests.builders import ACCOUNT, CLIENT, FS, REGION, T

PLACE: Place = (ACCOUNT, REGION)
NOW = T - T % DAY + 2 * DAY + HOUR
ENOUGH = 1000


@dataclass
class Stub:
    """Answers as LookupEvents would: newest first, so many on a page."""

    rows: Sequence[dict[str, Any]] = ()
    page: int = 50
    fault: AwsError | None = None
    fails_at: int = 0
    calls: list[dict[str, Any]] = field(default_factory=list)

    def pages(
        self, service: str, operation: str, *, need: Sequence[str], **parameters: Any
    ) -> Iterator[Mapping[str, Any]]:
        assert (service, operation, tuple(need)) == ("cloudtrail", "lookup_events", ("Events",))
        assert parameters["MaxResults"] == 50
        start, end = epoch(parameters["StartTime"]), epoch(parameters["EndTime"])
        (attribute,) = parameters["LookupAttributes"]
        value = attribute["AttributeValue"]
        found = [
            row
            for row in self.rows
            if value in (row["EventName"], *(r["ResourceName"] for r in row["Resources"]))
            and start <= moment(row) <= end
        ]
        found.sort(key=moment, reverse=True)
        for number, first in enumerate(range(0, max(1, len(found)), self.page)):
            self.calls.append(
                {"key": attribute["AttributeKey"], "value": value, "span": (start, end + 1)}
            )
            if self.fault is not None and number >= self.fails_at:
                raise self.fault
            more = first + self.page < len(found)
            yield {
                "Events": found[first : first + self.page],
                **({"NextToken": "t"} if more else {}),
            }


def moment(row: Mapping[str, Any]) -> int:
    return fields.moment(row, "EventTime") or 0


@dataclass
class Pauses:
    taken: list[float] = field(default_factory=list)

    def __call__(self, seconds: float) -> None:
        self.taken.append(seconds)


def unnamed(**changes: Any) -> Unnamed:
    values: dict[str, Any] = {
        "account": ACCOUNT,
        "region": REGION,
        "file_system_id": FS,
        "address": CLIENT,
        "interface_id": "",
        "explained": False,
        "first_seen": T + 100,
        "last_seen": T + 160,
    }
    return Unnamed(**(values | changes))


def wanted(*clients: Unnamed, asked: Sequence[Asked] = (), **changes: Any) -> Wanted:
    return replace(Wanted([PLACE], clients, asked, {}), **changes)


def ask(
    what: Wanted,
    caller: Stub | Mapping[Place, Stub],
    *,
    budget: int = ENOUGH,
    at_once: int = ENOUGH,
    now: int = NOW,
    since: int = 2 * DAY,
    sleep: Pauses | None = None,
) -> Told:
    callers = caller if isinstance(caller, Mapping) else {PLACE: caller}
    history = CloudTrail(since=since, sleep=sleep or Pauses())
    return histories.ask(history, what, callers, Purse(budget, at_once), now)


def spans(stub: Stub, value: str = "NewClientConnection") -> list[tuple[int, int]]:
    return [call["span"] for call in stub.calls if call["value"] == value]


# -- connections -----------------------------------------------------------------------------------


def test_every_connection_is_asked_for_by_windows_of_a_day_the_newest_first() -> None:
    stub = Stub([events.new_client_connection(7)])
    told = ask(wanted(), stub)
    midnight = NOW - HOUR
    assert spans(stub) == [
        (midnight, NOW - SETTLE),
        (midnight - DAY, midnight),
        (NOW - 2 * DAY, midnight - DAY),
    ]
    assert {(row.subject, row.history) for row in told.asked} == {(CONNECTIONS, "cloudtrail")}
    assert total([(row.start, row.end) for row in told.asked]) == 2 * DAY - SETTLE
    (sweep,) = told.sweeps
    assert sweep.name.startswith("cloudtrail-20")
    assert (sweep.taken_at, sweep.account, sweep.region) == (NOW, ACCOUNT, REGION)
    assert sweep.calls == {trail.CALL: CallState.WHOLE}
    assert (sweep.whole, sweep.problems) == (frozenset(), {})
    (found,) = sweep.items["client_connection"]
    assert found.time == T + 7


def test_what_was_asked_is_not_asked_again() -> None:
    first = ask(wanted(), Stub())
    stub = Stub()
    later = ask(wanted(asked=first.asked), stub, now=NOW + HOUR)
    assert spans(stub) == [(NOW - SETTLE, NOW + HOUR - SETTLE)]
    soon = Stub()
    assert ask(wanted(asked=[*first.asked, *later.asked]), soon, now=NOW + HOUR + 60) == Told()
    assert soon.calls == []


def test_it_never_asks_for_what_cloudtrail_does_not_keep() -> None:
    stub = Stub()
    ask(wanted(), stub, since=400 * DAY)
    assert min(start for start, _ in spans(stub)) == NOW - 90 * DAY


def test_places_without_a_caller_are_left_out() -> None:
    assert ask(wanted(), {}) == Told()


# -- interfaces ------------------------------------------------------------------------------------

QUIET = [Asked("cloudtrail", ACCOUNT, REGION, CONNECTIONS, 0, NOW, NOW, 0)]
"""Connections were asked for."""


def test_an_interface_that_no_sweep_explains_is_asked_about_by_its_id() -> None:
    made = events.create_network_interface(50, "eni-9")
    made["Resources"] = [{"ResourceType": "AWS::EC2::NetworkInterface", "ResourceName": "eni-9"}]
    stub = Stub([made])
    told = ask(wanted(unnamed(interface_id="eni-9"), asked=QUIET), stub)
    assert stub.calls == [
        {"key": "ResourceName", "value": "eni-9", "span": (NOW - 2 * DAY, NOW - SETTLE)}
    ]
    (event,) = told.sweeps[0].items["interface_event"]
    assert event.network_interface_id == "eni-9"
    (row,) = told.asked
    assert (row.subject, row.found) == ("interface:eni-9", 1)


def test_one_that_is_explained_is_not() -> None:
    known = unnamed(interface_id="eni-9", explained=True)
    assert ask(wanted(known, asked=QUIET), Stub()) == Told()


def test_every_account_of_the_region_is_asked_its_own_first() -> None:
    other, far = ("000000000001", REGION), (ACCOUNT, "eu-west-1")
    stubs = {place: Stub() for place in (other, PLACE, far)}
    quiet = [replace(QUIET[0], account=place[0], region=place[1]) for place in stubs]
    told = ask(wanted(unnamed(interface_id="eni-9"), asked=quiet, places=list(stubs)), stubs)
    assert [(row.account, row.region) for row in told.asked] == [PLACE, other]
    assert stubs[far].calls == []


def test_a_miss_is_remembered_and_asked_again_a_day_later_three_times_in_all() -> None:
    asked = list(QUIET)
    counts = []
    for hours in range(0, 6 * 24, 6):
        now = NOW + hours * HOUR
        quiet = [replace(QUIET[0], end=now)]
        told = ask(
            wanted(unnamed(interface_id="eni-9"), asked=[*asked, *quiet]),
            Stub(),
            now=now,
            since=90 * DAY,
        )
        asked += told.asked
        if told.asked:
            counts.append(hours)
    assert counts == [0, 24, 48]
    assert all(row.found == 0 for row in asked)


def test_an_answer_that_could_not_be_read_is_no_miss_and_is_asked_for_again_a_day_later() -> None:
    made = events.create_network_interface(50, "eni-9") | {"CloudTrailEvent": "{"}
    made["Resources"] = [{"ResourceType": "AWS::EC2::NetworkInterface", "ResourceName": "eni-9"}]
    what = wanted(unnamed(interface_id="eni-9"), asked=QUIET)
    (row,) = ask(what, Stub([made])).asked
    assert row.subject == "unreadable:interface:eni-9"
    for hours, calls in ((1, 0), (24, 1)):
        quiet = replace(QUIET[0], end=NOW + DAY)
        stub = Stub()
        again = wanted(unnamed(interface_id="eni-9"), asked=[quiet, row])
        ask(again, stub, now=NOW + hours * HOUR)
        assert len(stub.calls) == calls


# -- addresses -------------------------------------------------------------------------------------


def test_around_an_address_that_nobody_knew_interfaces_and_instances_are_asked_for() -> None:
    sweeps = {PLACE: [T - 2 * HOUR, T - 300, T + 300, T + 5 * HOUR]}
    stub = Stub([events.run_instances(90, {"i-1": {"eni-1": CLIENT}})])
    told = ask(wanted(unnamed(), asked=QUIET, swept=sweeps), stub)
    around = (T - T % 900 - 900 if T % 900 < 300 else T - T % 900, T + 300 - (T + 300) % 900 + 900)
    assert {call["value"]: call["span"] for call in stub.calls} == dict.fromkeys(
        cloudtrail.AROUND, around
    )
    assert around[0] <= T - 300
    assert {row.subject for row in told.asked} == {f"event:{name}" for name in cloudtrail.AROUND}
    assert [event.instance_id for event in told.sweeps[0].items["interface_event"]] == ["i-1"]


def test_a_stretch_around_an_address_that_could_not_be_read_is_asked_for_again() -> None:
    sweeps = {PLACE: [T - 300, T + 300]}
    bad = events.run_instances(90, {"i-1": {"eni-1": CLIENT}}) | {"CloudTrailEvent": "{"}
    first = ask(wanted(unnamed(), asked=QUIET, swept=sweeps), Stub([bad]))
    assert {row.subject for row in first.asked if row.subject.startswith("unreadable:")} == {
        "unreadable:event:RunInstances"
    }
    for hours, asked in ((1, []), (24, ["RunInstances"])):
        quiet = replace(QUIET[0], end=NOW + DAY)
        stub = Stub()
        again = wanted(unnamed(), asked=[quiet, *first.asked], swept=sweeps)
        ask(again, stub, now=NOW + hours * HOUR, since=3 * DAY)
        assert [call["value"] for call in stub.calls] == asked


def test_neighbours_in_time_share_a_question_and_what_was_asked_is_left_out() -> None:
    sweeps = {PLACE: [T - 300, T + 900]}
    clients = [unnamed(address=f"10.0.3.{n}", first_seen=T + n, last_seen=T + n) for n in range(50)]
    stub = Stub()
    first = ask(wanted(*clients, asked=QUIET, swept=sweeps), stub)
    assert len(stub.calls) == len(cloudtrail.AROUND)
    assert ask(wanted(*clients, asked=[*QUIET, *first.asked], swept=sweeps), Stub()) == Told()


def test_without_sweeps_it_looks_back_a_day_at_most() -> None:
    stub = Stub()
    ask(wanted(unnamed(), asked=QUIET), stub, since=90 * DAY)
    asked = spans(stub, "RunInstances")
    assert min(start for start, _ in asked) == T + 100 - DAY - (T + 100) % 900
    assert max(end for _, end in asked) <= T + 160 + HOUR + 900
    assert all(end - start <= DAY for start, end in asked)


# -- pace and budget -------------------------------------------------------------------------------

MANY = [events.new_client_connection(n * 300, f"s{n}") for n in range(100)]


def test_between_two_calls_there_is_half_a_second() -> None:
    pauses = Pauses()
    stub = Stub(MANY, page=10)
    told = ask(wanted(), stub, sleep=pauses)
    assert len(stub.calls) == told.calls
    assert told.calls > 10
    assert pauses.taken == [cloudtrail.PAUSE] * (told.calls - 1)


@pytest.mark.parametrize("limit", ["budget", "at_once"])
def test_no_more_calls_than_the_purse_holds_and_the_rest_goes_on(limit: str) -> None:
    asked: list[Asked] = []
    seen: set[str] = set()
    for _ in range(40):
        stub = Stub(MANY, page=10)
        told = ask(wanted(asked=asked), stub, **{limit: 2})  # type: ignore[arg-type]
        assert len(stub.calls) == told.calls <= 2
        asked += told.asked
        seen |= {
            value.event_id
            for sweep in told.sweeps
            for value in sweep.items.get("client_connection", ())
        }
        if not told.calls:
            break
    assert seen == {f"NewClientConnection-{n * 300}" for n in range(100)}
    covered = total([(row.start, row.end) for row in asked])
    assert covered == 2 * DAY - SETTLE


def test_without_a_call_left_nothing_is_asked() -> None:
    stub = Stub(MANY)
    told = ask(wanted(), stub, budget=0)
    assert (stub.calls, told.sweeps, told.asked, told.unasked) == ([], [], [], 3)


def test_a_window_that_was_cut_counts_only_after_its_last_page() -> None:
    told = ask(wanted(), Stub(MANY, page=10), at_once=4)
    inside = [row for row in told.asked if row.start % DAY]
    values = told.sweeps[0].items["client_connection"]
    oldest = min(value.time for value in values)
    assert min(row.start for row in inside) == oldest + 1


def test_pages_out_of_order_count_for_nothing_until_all_came() -> None:
    class Shuffled(Stub):
        def pages(self, *args: Any, **parameters: Any) -> Iterator[Mapping[str, Any]]:
            for page in super().pages(*args, **parameters):
                yield {**page, "Events": page["Events"][::-1]}

    told = ask(wanted(), Shuffled(MANY, page=10), at_once=4)
    assert all(not row.start % DAY or row.start == NOW - 2 * DAY for row in told.asked)
    assert told.sweeps[0].items


# -- faults ----------------------------------------------------------------------------------------

DENIED = AwsError(AwsFault.DENIED, "cloudtrail.lookup-events: not allowed in account 111122223333")
THROTTLED = AwsError(AwsFault.THROTTLED, "cloudtrail.lookup-events: throttled")


@pytest.mark.parametrize("fault", [DENIED, THROTTLED])
def test_a_fault_is_reported_and_nothing_counts_as_asked(fault: AwsError) -> None:
    stub = Stub(MANY, fault=fault)
    told = ask(wanted(), stub)
    assert (told.asked, told.faults, len(stub.calls)) == ([], [fault], 1)
    (sweep,) = told.sweeps
    assert sweep.calls == {trail.CALL: CallState.BROKEN}
    assert sweep.problems == {trail.CALL: str(fault)}
    assert sweep.items == {}


def test_what_was_told_before_a_fault_is_kept_but_not_counted() -> None:
    rows = [events.new_client_connection(DAY + n * 300 - T % DAY, f"s{n}") for n in range(20)]
    told = ask(wanted(), Stub(rows, page=5, fault=THROTTLED, fails_at=1))
    assert len(told.sweeps[0].items["client_connection"]) == 5
    assert told.sweeps[0].calls == {trail.CALL: CallState.BROKEN}
    assert all(row.start >= NOW - HOUR for row in told.asked)


def test_another_account_is_asked_all_the_same() -> None:
    other: Place = ("000000000001", REGION)
    stubs = {PLACE: Stub(fault=DENIED), other: Stub()}
    told = ask(wanted(places=[PLACE, other]), stubs)
    assert {(row.account, row.region) for row in told.asked} == {other}
    assert [sweep.calls[trail.CALL] for sweep in told.sweeps] == [CallState.WHOLE, CallState.BROKEN]


def test_a_window_with_an_event_that_cannot_be_read_is_not_complete() -> None:
    bad = events.new_client_connection(50) | {"CloudTrailEvent": "{"}
    told = ask(wanted(), Stub([bad, events.new_client_connection(60)]))
    (sweep,) = told.sweeps
    assert sweep.calls == {trail.CALL: CallState.BROKEN}
    assert "CloudTrailEvent is not JSON" in sweep.problems[trail.CALL]
    assert len(sweep.items["client_connection"]) == 1
    unread = [row for row in told.asked if row.subject == f"unreadable:{CONNECTIONS}"]
    assert [row.start <= T + 50 < row.end for row in unread] == [True]
    assert total([(r.start, r.end) for r in told.asked if r.subject == CONNECTIONS]) < DAY + HOUR


def test_it_is_asked_again_a_day_later() -> None:
    bad = events.new_client_connection(50) | {"CloudTrailEvent": "{"}
    first = ask(wanted(), Stub([bad]))
    soon, later = Stub(), Stub()
    ask(wanted(asked=first.asked), soon, now=NOW + HOUR)
    assert all(not start <= T + 50 < end for start, end in spans(soon))
    ask(wanted(asked=first.asked), later, now=NOW + DAY, since=3 * DAY)
    assert any(start <= T + 50 < end for start, end in spans(later))
