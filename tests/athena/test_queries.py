"""How a query is started, watched and read: paid once, believed only when whole, stopped when it costs too much."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from inventory.errors import ConfigError, InventoryError, SourceError
from inventory.model import DAY, BatchState
from tests.athena.conftest import KNOWN, MIDNIGHT, Asking, a_day, by_files
from tests.conftest import Programme
from tests.fakeaws.asking import code
from tests.fakeaws.calls import Call, Handler, Result
from tests.fakeaws.faults import Fault

WINDOW = (MIDNIGHT, MIDNIGHT + DAY)
SYSTEM = {"ErrorCategory": 1, "ErrorType": 0, "Retryable": True, "ErrorMessage": "INTERNAL_ERROR"}
USER = {"ErrorCategory": 2, "ErrorType": 1, "Retryable": False, "ErrorMessage": "HIVE_BAD_DATA"}


def started(asking: Asking) -> int:
    """Queries that somebody pays for."""
    return len(asking.shop.warehouse.queries)


def test_a_restart_after_a_crash_pays_once(asking: Asking) -> None:
    """The same reading of the same window is the same query, whoever asks for it."""
    first = asking.first()
    asking.now += 60
    again = asking.first()
    assert again.folded == first.folded
    assert started(asking) == 1
    assert asking.shop.served.cloud.counts()["athena.start-query-execution"] == 2


def test_another_reading_is_another_query(asking: Asking) -> None:
    asking.first()
    asking.now += 2 * DAY
    assert asking.first().ref.version == "reading 2"
    assert started(asking) == 2


def test_the_fake_refuses_a_token_that_was_used_for_another_query(asking: Asking) -> None:
    asking.first()
    (query,) = asking.shop.warehouse.queries.values()
    asked = dict(query.parameters) | {"QueryString": "SELECT 1"}
    assert code("athena", "start_query_execution", **asked) == (400, "InvalidRequestException")
    assert len(asked["ClientRequestToken"]) == 64


def test_what_may_pass_is_tried_again_and_paid_as_often(asking: Asking) -> None:
    asking.shop.warehouse.fails = [SYSTEM, SYSTEM]
    batch = asking.first()
    assert batch.state is BatchState.DONE
    assert batch.folded.sightings == by_files(a_day(), WINDOW).sightings
    assert started(asking) == 3
    assert batch.scan.bytes == asking.shop.warehouse.scanned


def test_what_cannot_pass_is_not_tried_again_now_but_at_the_next_run(asking: Asking) -> None:
    asking.shop.warehouse.fails = [USER]
    batch = asking.first()
    assert (batch.state, started(asking)) == (BatchState.FAILED, 1)
    assert "FAILED: HIVE_BAD_DATA" in batch.problem
    assert batch.scan.bytes == 10_000_000, "a query that failed is paid for too"
    asking.now += 600
    assert asking.first().state is BatchState.DONE
    assert started(asking) == 2


def test_after_many_failures_a_window_rests_until_the_next_day(asking: Asking) -> None:
    asking.shop.warehouse.fails = [USER] * 50
    for _ in range(12):
        asking.now += 600
        assert asking.first(asking.source(passes=["settle"])).state is BatchState.FAILED
    assert started(asking) == 8
    asking.shop.warehouse.fails = []
    assert asking.first(asking.source(passes=["settle"])).state is BatchState.FAILED
    asking.now += DAY
    assert asking.first(asking.source(passes=["settle"])).state is BatchState.DONE


def test_a_query_that_somebody_cancelled_is_a_failure(asking: Asking) -> None:
    asking.shop.warehouse.workgroups["primary"]["BytesScannedCutoffPerQuery"] = 10
    batch = asking.first()
    assert batch.state is BatchState.FAILED
    assert "CANCELLED: Query cancelled! : Bytes scanned limit was exceeded" in batch.problem


def test_a_query_that_does_not_end_is_stopped(asking: Asking) -> None:
    asking.shop.warehouse.polls = 10_000
    batch = asking.first()
    assert batch.state is BatchState.FAILED
    assert "stopped after 35 minutes" in batch.problem
    assert asking.shop.served.cloud.counts()["athena.stop-query-execution"] == 1
    assert 35 * 60 <= sum(asking.slept) < 36 * 60


def test_pages_are_read_to_the_end(asking: Asking) -> None:
    asking.shop.served.cloud.page_size = 30
    batch = asking.first()
    assert batch.folded.sightings == by_files(a_day(), WINDOW).sightings
    assert asking.shop.served.cloud.counts()["athena.get-query-results"] > 4
    assert asking.shop.shelf.asked == []


def test_of_many_pages_the_file_is_read_instead(asking: Asking) -> None:
    asking.shop.served.cloud.page_size = 5
    asking.shop.shelf.cut = 1
    batch = asking.first()
    assert batch.folded.sightings == by_files(a_day(), WINDOW).sightings
    (query,) = asking.shop.warehouse.queries.values()
    assert asking.shop.shelf.asked == [query.output.removeprefix("s3://")] * 2, "cut once"


def test_managed_results_have_no_file(asking: Asking) -> None:
    asking.shop.warehouse.workgroups["primary"] = {
        "ManagedQueryResultsConfiguration": {"Enabled": True}
    }
    asking.shop.served.cloud.page_size = 5
    batch = asking.first(asking.source(output_location="s3://results/ours/"))
    assert batch.state is BatchState.DONE
    assert asking.shop.shelf.asked == []


@pytest.mark.parametrize("enforced", [True, False])
def test_where_results_go(asking: Asking, *, enforced: bool) -> None:
    asking.shop.warehouse.workgroups["primary"]["EnforceWorkGroupConfiguration"] = enforced
    assert (
        asking.first(asking.source(output_location="s3://results/ours/")).state is BatchState.DONE
    )
    (query,) = asking.shop.warehouse.queries.values()
    assert query.output.startswith("s3://results/primary/" if enforced else "s3://results/ours/")


@pytest.mark.parametrize(
    ("group", "told"),
    [
        ({}, "nobody says where results go"),
        ({"State": "DISABLED"}, "the workgroup 'primary' is disabled"),
    ],
)
def test_a_workgroup_that_cannot_be_used(asking: Asking, group: dict[str, Any], told: str) -> None:
    asking.shop.warehouse.workgroups["primary"] = group
    with pytest.raises(SourceError, match=told):
        asking.source().listing(None, None)


def test_a_workgroup_that_is_not_there(asking: Asking) -> None:
    with pytest.raises(SourceError, match="there is no workgroup 'others'"):
        asking.source(workgroup="others").listing(None, None)


def test_a_workgroup_that_may_not_be_asked_about(asking: Asking) -> None:
    asking.shop.served.cloud.faults.always("athena.get-work-group", "denied")
    assert asking.first().state is BatchState.DONE


def test_a_cap_that_the_workgroup_does_not_keep_is_said(
    asking: Asking, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        asking.source(max_scanned_bytes=10**9).listing(None, None)
    assert "the workgroup primary has no cutoff for one query" in caplog.text
    caplog.clear()
    asking.shop.warehouse.workgroups["primary"]["BytesScannedCutoffPerQuery"] = 10**9
    with caplog.at_level(logging.WARNING):
        asking.source(max_scanned_bytes=10**9).listing(None, None)
    assert caplog.text == ""


def test_the_cap_of_a_day_holds_over_runs(asking: Asking) -> None:
    asking.now = MIDNIGHT + 3 * DAY
    source = asking.source(max_scanned_bytes_per_day=1)
    refs = source.listing(None, None).refs
    batches = [source.read(ref, KNOWN) for ref in refs]
    assert [batch.state for batch in batches][:2] == [BatchState.DONE, BatchState.FAILED]
    assert "max_scanned_bytes_per_day is 1" in batches[1].problem
    for batch in batches:
        asking.book.record(batch)
    asking.book.batches.clear()  # nothing known of what a reading scans
    again = asking.source(max_scanned_bytes_per_day=1)
    assert again.read(refs[1], KNOWN).state is BatchState.FAILED
    assert started(asking) == 1
    asking.now += DAY
    tomorrow = asking.source(max_scanned_bytes_per_day=10**9)
    assert tomorrow.read(refs[1], KNOWN).state is BatchState.DONE


def test_a_configuration_that_must_exceed_the_cap_refuses_to_start(asking: Asking) -> None:
    batch = asking.first()
    asking.book.record(batch)
    size = batch.scan.bytes
    with pytest.raises(ConfigError) as caught:
        asking.source(max_scanned_bytes_per_day=size).listing(None, None)
    assert f"1 window a day × 2 passes × {size:,} bytes" in str(caught.value)
    assert f"= {2 * size:,} bytes a day" in str(caught.value)
    asking.source(max_scanned_bytes_per_day=2 * size).listing(None, None)
    asking.source(max_scanned_bytes_per_day=size, passes=["26h"]).listing(None, None)


def test_an_old_result_that_is_gone_is_asked_anew(asking: Asking) -> None:
    """A query is remembered for longer than its result."""
    asking.first()
    asking.now += 600
    asking.shop.served.cloud.faults.at("athena.get-query-results", Fault("gone", reason="invalid"))
    batch = asking.first()
    assert batch.state is BatchState.DONE
    assert started(asking) == 2
    (_, again) = asking.shop.warehouse.queries.values()
    assert batch.scan.bytes == 2 * again.scanned, "that of the run that crashed, and this one's"


def test_a_file_that_may_not_be_read_leaves_the_pages(asking: Asking) -> None:
    asking.shop.served.cloud.page_size = 5
    asking.shop.shelf.denied = True
    assert asking.first().folded.sightings == by_files(a_day(), WINDOW).sightings


# -- each call × each fault ------------------------------------------------------------------------


def _rows(change: Any) -> Any:  # noqa: ANN401 - any change of a list
    def result(call: Call, handler: Handler) -> Result:
        found = handler(call)
        return found | {
            "ResultSet": found["ResultSet"] | {"Rows": change(found["ResultSet"]["Rows"])}
        }

    return result


ROWS = {
    "no rows": Fault("no rows", result=_rows(lambda _: [])),
    "header only": Fault("header only", result=_rows(lambda rows: rows[:1])),
    "half of the rows": Fault("half", result=_rows(lambda rows: rows[: len(rows) // 2])),
    "rows twice": Fault("twice", result=_rows(lambda rows: rows + rows[1:])),
    "without header": Fault("headless", result=_rows(lambda rows: rows[1:])),
    "cells missing": Fault(
        "cells", result=_rows(lambda rows: [{"Data": r["Data"][:-1]} for r in rows])
    ),
    "no more": Fault(
        "no more", result=lambda c, h: {k: v for k, v in h(c).items() if k != "NextToken"}
    ),
    "the same page": Fault(
        "same", result=lambda c, h: h(c.with_parameters({**c.parameters, "NextToken": ""}))
    ),
}
NAMES = (
    "throttle", "five_hundred", "five_oh_three", "balancer", "reset", "cut_body", "cut_json", "html", "empty_200",
    "slow_body", "missing_key", "denied", "expired_token", "unknown_key", "skewed",
)  # fmt: skip
CALLS = {
    "athena.get-work-group": (1,),
    "glue.get-table": (1,),
    "athena.start-query-execution": (1,),
    "athena.get-query-execution": (1, 2, 3),
    "athena.get-query-results": (1, 2, 3),
}
MATRIX: list[tuple[str, int, str | Fault, int | None]] = [
    (call, nth, fault, times)
    for call, numbers in CALLS.items()
    for nth in numbers
    for fault in (*NAMES, *(ROWS.values() if call.endswith("results") else ()))
    for times in (1, None)
]


def test_a_result_without_any_row_is_no_window_without_records(asking: Asking) -> None:
    """There is always one row: a header alone is a result that was cut, and is read again."""
    faults = asking.shop.served.cloud.faults
    faults.always("athena.get-query-results", ROWS["header only"])
    batch = asking.first()
    assert (batch.state, batch.folded.sightings) == (BatchState.FAILED, [])
    faults.clear()
    faults.at("athena.get-query-results", ROWS["header only"])
    assert asking.first().folded.sightings == by_files(a_day(), WINDOW).sightings


def test_no_fault_makes_a_window_done_with_wrong_facts(
    asking: Asking, programme: Programme
) -> None:
    """Whatever goes wrong at whichever call, once or for ever: the facts are right or the batch is none. Afterwards all is read."""
    cloud, expected = asking.shop.served.cloud, by_files(a_day(), WINDOW).sightings
    cloud.page_size = 60
    for call, nth, fault, times in programme.cases("faults of Athena's calls", MATRIX, 24):
        asking.shop.warehouse.queries.clear()
        asking.shop.warehouse._tokens.clear()
        if times is None:
            cloud.faults.always(call, fault, nth=nth)
        else:
            cloud.faults.at(call, fault, nth=nth, times=times)
        cloud.forget()
        case = f"{call} {nth} {fault} {times}"
        try:
            batch = asking.first()
        except InventoryError:
            batch = None
        if batch is not None and batch.state is BatchState.DONE:
            assert batch.folded.sightings == expected, case
        elif batch is not None:
            assert (batch.state, batch.folded.sightings) == (BatchState.FAILED, []), case
            assert batch.problem, case
        assert len(cloud.log) < 60, f"{case}: a storm"
        paid = started(asking)
        cloud.faults.clear()
        batch = asking.first()
        assert (batch.state, batch.folded.sightings) == (BatchState.DONE, expected), case
        assert started(asking) <= max(paid, 1) + 1, case
