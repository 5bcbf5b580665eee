"""CloudWatch over HTTP: asked as finely as it keeps what is asked for, each stretch once, 500 metrics a call; and every way to fail."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from inventory import pipeline
from inventory.config import Settings, parse
from inventory.discover import datapoints, pace
from inventory.discover.rounds import Past
from inventory.model import (
    CLIENT_CONNECTIONS,
    DAY,
    METRICS,
    CallState,
    Meaning,
    MetricRun,
    Sweep,
    epoch,
)
from inventory.resolve.topology import Topology
from inventory.store import Store
from inventory.timeline import total, union
from tests.aws.conftest import WORLD, Asking, Clock
from tests.fakeaws.asking import code
from tests.fakeaws.cloud import Cloud
from tests.fakeaws.faults import FAULTS, HARMLESS
from tests.world.plan import ACCOUNT, REGION

MINUTE, HOUR = 60, 3600
CALL = datapoints.CALL
FS = WORLD.account.file_systems[0].id
SYSTEMS = len(WORLD.account.file_systems)
NOW = Clock().moment

pytestmark = pytest.mark.usefixtures("impatient")


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """What is asked does not hang on the database; what is kept is tried on both in ``tests/store``."""
    return f"sqlite:///{tmp_path / 'inventory.db'}"


def put(cloud: Cloud, *rows: dict[str, Any]) -> None:
    cloud.place(ACCOUNT, REGION).put(CALL, rows)


def series(
    start: int, end: int, value: float = 0, every: int = MINUTE, **of: Any
) -> dict[str, Any]:
    """One metric of the first file system, by the minute unless it is told less often."""
    named = {"FileSystemId": FS, "MetricName": CLIENT_CONNECTIONS}
    return named | {"Points": dict.fromkeys(range(start, end, every), value)} | of


def metrics(asking: Asking, past: Past | None = None) -> Sweep:
    (made,) = asking.sweeps(lambda _: {CALL}, past)
    return made


def of(made: Sweep, meaning: Meaning, metric: str = CLIENT_CONNECTIONS) -> list[MetricRun]:
    return [
        run
        for run in made.metrics
        if (run.file_system_id, run.metric, run.meaning) == (FS, metric, meaning)
    ]


def asked(cloud: Cloud) -> list[tuple[int, int, int, list[str]]]:
    """Period, start and end of each question, and its labels."""
    return [
        (
            one.parameters["MetricDataQueries"][0]["MetricStat"]["Period"],
            epoch(one.parameters["StartTime"]),
            epoch(one.parameters["EndTime"]),
            [query["Label"] for query in one.parameters["MetricDataQueries"]],
        )
        for one in cloud.log
        if one.call == CALL
    ]


def test_the_first_asking_reaches_back_as_far_as_anything_is_kept(
    cloud: Cloud, asking: Asking
) -> None:
    put(cloud, series(NOW - 454 * DAY, NOW - HOUR, 0, HOUR), series(NOW - HOUR, NOW, 0))
    made = metrics(asking)
    assert made.calls[CALL] is CallState.WHOLE
    told = of(made, Meaning.ASKED)
    assert [run.period for run in told] == [MINUTE, 300, HOUR]
    ((start, end),) = union((run.start, run.end) for run in told)
    assert start <= NOW - 454 * DAY
    assert end == NOW - datapoints.SETTLE, "nothing is left out between the periods"
    zeros = {run.period: run for run in sorted(of(made, Meaning.ZERO))}
    assert zeros[HOUR].end - zeros[HOUR].start > 390 * DAY
    assert zeros[MINUTE].end == NOW - datapoints.SETTLE
    labels = {label for *_, some in asked(cloud) for label in some}
    assert {label.split()[1] for label in labels} == set(METRICS)
    assert len({label.split()[0] for label in labels}) == SYSTEMS


def test_later_only_what_is_new_is_asked_and_the_last_hours(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    put(cloud, series(NOW - 20 * DAY, NOW + DAY, 0, HOUR))
    settings = configured()
    pipeline.discover(settings, clock=clock)
    cloud.forget()
    clock.moment += 2 * HOUR
    pipeline.discover(settings, clock=clock)
    questions = asked(cloud)
    assert {period for period, *_ in questions} == {MINUTE, HOUR}
    assert min(start for _, start, *_ in questions) >= clock.moment - 4 * HOUR
    cloud.forget()
    clock.moment += 30 * DAY
    pipeline.discover(settings, clock=clock)
    (minutes,) = [(start, end) for period, start, end, _ in asked(cloud) if period == MINUTE]
    (fives,) = [(start, end) for period, start, end, _ in asked(cloud) if period == 300]
    assert fives[0] <= clock.moment - 30 * DAY
    assert fives[1] == minutes[0]
    with Store.opened(settings) as store:
        spans = store.metrics_asked()[ACCOUNT, REGION][FS, CLIENT_CONNECTIONS]
    assert len(union(spans)) == 1


def test_a_call_asks_for_five_hundred_metrics_at_most(cloud: Cloud, asking: Asking) -> None:
    place = cloud.place(ACCOUNT, REGION)
    rows = [
        {"FileSystemId": f"fs-{number:017x}", "NumberOfMountTargets": 0} for number in range(300)
    ]
    place.put("efs.describe-file-systems", rows)
    known = Past(
        {},
        Topology({}),
        {
            (ACCOUNT, REGION): {
                (str(row["FileSystemId"]), metric): [(0, NOW - HOUR)]
                for row in rows
                for metric in METRICS
            }
        },
    )
    made = metrics(asking, known)
    assert made.calls[CALL] is CallState.WHOLE
    sizes = [len(labels) for *_, labels in asked(cloud)]
    assert max(sizes) == 500
    assert sum(sizes) == 1200
    assert len(sizes) == 3, "300 metrics by the minute, 900 by the hour"


def test_what_is_cut_into_pages_is_put_together(cloud: Cloud, asking: Asking) -> None:
    points = series(NOW - 3 * HOUR, NOW - HOUR, 0)
    points["Points"] |= {NOW - 2 * HOUR: 4}
    put(cloud, points)
    cloud.page_size = 3
    made = metrics(asking)
    assert made.calls[CALL] is CallState.WHOLE
    assert total((run.start, run.end) for run in of(made, Meaning.ZERO)) == 2 * HOUR - MINUTE
    assert [(run.start, run.largest) for run in of(made, Meaning.ABOVE)] == [(NOW - 2 * HOUR, 4)]


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_no_fault_makes_a_zero(name: str, cloud: Cloud, asking: Asking) -> None:
    """Whatever goes wrong: only minutes that were answered are known, and that something is missing is known, too."""
    there = series(NOW - 2 * HOUR, NOW - HOUR, 0)
    put(cloud, there, series(NOW - 4 * HOUR, NOW - 3 * HOUR, 2))
    cloud.page_size = 50
    cloud.faults.always(CALL, name, nth=2)
    made = metrics(asking)
    zeros = union((run.start, run.end) for run in of(made, Meaning.ZERO) if run.period == MINUTE)
    assert {minute for a, b in zeros for minute in range(a, b, MINUTE)} <= set(there["Points"])
    if name in HARMLESS:
        assert made.calls[CALL] is CallState.WHOLE or name == "empty_page"
    elif name != "dropped_page":
        assert made.calls[CALL] is CallState.BROKEN
        assert CALL in made.problems[CALL]


@pytest.mark.parametrize("name", ["denied", "cut_json"])
def test_what_failed_is_asked_again_from_where_it_was_whole(
    name: str, cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    put(cloud, series(NOW - 20 * DAY, NOW + DAY, 0, HOUR))
    settings = configured()
    pipeline.discover(settings, clock=clock)
    cloud.faults.always(CALL, name)
    clock.moment += 6 * HOUR
    report = pipeline.discover(settings, clock=clock)
    assert any(CALL in told and ACCOUNT in told for told in report.problems)
    cloud.faults.clear()
    cloud.forget()
    clock.moment += 300
    assert pipeline.discover(settings, clock=clock).problems == []
    (start,) = {start for period, start, *_ in asked(cloud) if period == MINUTE}
    assert start <= NOW - datapoints.SETTLE
    with Store.opened(settings) as store:
        spans = store.metrics_asked()[ACCOUNT, REGION][FS, CLIENT_CONNECTIONS]
    assert len(union(spans)) == 1


@pytest.mark.parametrize("status", ["PartialData", "InternalError", "Forbidden"])
def test_a_result_that_is_not_complete_is_broken_and_proves_no_zero(
    status: str, cloud: Cloud, asking: Asking
) -> None:
    points = series(NOW - 2 * HOUR, NOW - HOUR, 0, Status=status)
    points["Points"] |= {NOW - HOUR: 1}
    put(cloud, points)
    made = metrics(asking)
    assert made.calls[CALL] is CallState.BROKEN
    assert status in made.problems[CALL]
    assert of(made, Meaning.ZERO) == of(made, Meaning.ASKED) == []
    assert of(made, Meaning.ABOVE), "what is above zero stands"


def test_calls_are_counted_in_the_days_budget(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    settings = configured()
    pipeline.discover(settings, clock=clock)
    with Store.opened(settings) as store:
        used = store.used(clock.moment // DAY)
    assert used.by_call[CALL] == cloud.counts()[CALL]
    spent = configured(max_calls_per_day=1)
    clock.moment += HOUR
    report = pipeline.discover(spent, clock=clock)
    assert any(CALL in told or "max_calls_per_day" in told for told in report.problems)


def told(url: str) -> list[tuple[Any, ...]]:
    """What is kept of metrics."""
    with Store.open(url) as store, store.reading() as conn:
        rows = conn.exec_driver_sql(
            "SELECT account, region, file_system_id, metric, meaning, period, start, largest FROM metric_run"
        )
        return sorted(tuple(row) for row in rows)


def test_recorded_and_replayed_it_is_the_same(
    cloud: Cloud, clock: Clock, tmp_path: Path, configured: Callable[..., Settings]
) -> None:
    put(
        cloud,
        series(NOW - 30 * DAY, NOW - 12 * HOUR, 0, HOUR),
        series(NOW - 12 * HOUR, NOW + HOUR, 0),
        series(NOW - 9 * HOUR, NOW - 8 * HOUR, 3),
    )
    folder = tmp_path / "snapshots"
    live = configured()
    for _ in range(2):
        assert pipeline.snapshot(live, folder, clock=clock).problems == []
        clock.moment += HOUR
    first, second = sorted(folder.rglob(f"{CALL}.json"))
    rows = json.loads(first.read_text())[datapoints.KEY]
    assert set(rows[0]) == {
        "Id",
        "Label",
        "Timestamps",
        "Values",
        "StatusCode",
        "StartTime",
        "EndTime",
    }
    later = json.loads(second.read_text())[datapoints.KEY]
    begin = min(datetime.fromisoformat(one["StartTime"]) for one in later)
    assert epoch(begin) >= NOW - 4 * HOUR, "what was recorded before is not recorded again"
    document = {
        "database": {"url": f"sqlite:///{tmp_path / 'replayed.db'}"},
        "discover": {"mode": "snapshots", "path": str(folder)},
    }
    replayed = parse(document, folder=tmp_path, environ={})
    for _ in range(2):
        assert pipeline.discover(replayed, clock=clock).problems == []
        found = told(replayed.database.url)
        zeros = [row for row in found if row[2] == FS and row[4] == "zero"]
        assert {row[5] for row in zeros} == {MINUTE, HOUR}
        (above,) = {row[6:] for row in found if row[4] == "above"}
        assert above == (NOW - 9 * HOUR, 3)


def test_asking_twice_changes_nothing(
    cloud: Cloud, clock: Clock, configured: Callable[..., Settings]
) -> None:
    put(cloud, series(NOW - 30 * DAY, NOW, 0, HOUR), series(NOW - 9 * HOUR, NOW, 7))
    settings = configured()
    pipeline.discover(settings, clock=clock)
    before = told(settings.database.url)
    assert before
    pipeline.discover(settings, clock=clock)
    assert told(settings.database.url) == before


def test_it_has_a_pace_of_its_own() -> None:
    assert pace.GROUPS["metrics"] == (CALL,)


# -- what the fake refuses, as AWS does ------------------------------------------------------------


def query(number: object = 0, period: int = 60) -> dict[str, Any]:
    named = {"Namespace": "AWS/EFS", "MetricName": CLIENT_CONNECTIONS, "Dimensions": []}
    stat = {"Metric": named, "Period": period, "Stat": "Sum"}
    return {"Id": f"q{number}", "MetricStat": stat}


@pytest.fixture
def span() -> dict[str, Any]:
    return {"StartTime": NOW - HOUR, "EndTime": NOW}


@pytest.mark.usefixtures("cloud")
@pytest.mark.parametrize(
    "queries",
    [
        [],
        [query(number) for number in range(501)],
        [query(), query()],
        [query() | {"Id": "Q"}],
        [query() | {"Id": "fs-1"}],
        [query(period=90)],
    ],
    ids=["none", "too many", "twice", "capital", "hyphen", "period"],
)
def test_the_fake_refuses_what_aws_refuses(
    queries: list[dict[str, Any]], span: dict[str, Any]
) -> None:
    refused = code("cloudwatch", "get_metric_data", MetricDataQueries=queries, **span)
    assert refused == (400, "ValidationError")


@pytest.mark.usefixtures("cloud")
def test_the_fake_refuses_a_span_that_ends_before_it_begins(span: dict[str, Any]) -> None:
    span["EndTime"] = span["StartTime"]
    refused = code("cloudwatch", "get_metric_data", MetricDataQueries=[query()], **span)
    assert refused == (400, "ValidationError")


def test_the_fake_keeps_minutes_for_fifteen_days(cloud: Cloud, asking: Asking) -> None:
    put(cloud, series(NOW - 16 * DAY, NOW, 0, HOUR))
    made = metrics(asking)
    minutes = [run for run in of(made, Meaning.ZERO) if run.period == MINUTE]
    assert minutes[0].start >= NOW - 15 * DAY
