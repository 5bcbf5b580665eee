"""Alive, fresh, and what the metrics tell: each of them counted by what really happens, and documented."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from inventory.config import Settings, parse
from inventory.daemon.duties import Duty, Ending, Roster
from inventory.daemon.health import LATE, OFTEN, SILENT, UNWATCHED, Health
from inventory.daemon.telling import MeteredStore, Telling
from inventory.daemon.work import Bench
from inventory.model import BatchState, Scan
from inventory.store import Store
from inventory.store.asking import Counts
from inventory.telemetry.metrics import DutyState, Metrics, State
from tests.answers.conftest import END, HOUR, Inventory, batch, own_row, sweep
from tests.answers.conftest import make as make  # noqa: PLC0414 - a fixture
from tests.builders import ACCOUNT, REGION, T

PAGE = Path(__file__).parents[2] / "docs/reference/metrics.md"

Samples = dict[tuple[str, ...], float]


def done(*_: object) -> Ending:
    return Ending.DONE


@dataclass
class Standing:
    """A daemon that stands still."""

    now: float = 10_000.0
    settings: Settings = field(default_factory=Settings)
    duties: list[Duty] = field(
        default_factory=lambda: [
            Duty("source a", "source a", 60, done, done_at=9_990),
            Duty("look", "", 60, done),
        ]
    )

    def __post_init__(self) -> None:
        self.health = Health(self.settings, self.duties, lambda: T, lambda: self.now)
        self.health.watched()


def samples(metrics: Metrics) -> Samples:
    """Every sample by its name and the values of its labels, in the order of the labels' names."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def test_only_what_answers_grow_old_without_is_waited_for() -> None:
    """Joining and forgetting change no answer; whoever can do neither is as fresh as before."""
    settings = Settings.model_validate(
        {"discover": {"mode": "aws", "cloudtrail": {"enabled": True}}}
    )
    bench = Bench(settings, lambda: 0, lambda: 0.0, lambda: False, lambda _: None)
    waited_for = [duty.name for duty in bench.duties(()) if duty.freshens]
    assert waited_for == ["sweep", "resolve", "histories"]


# -- alive -----------------------------------------------------------------------------------------


def test_it_is_alive_while_it_works_and_somebody_looks() -> None:
    standing = Standing()
    assert standing.health.ills() == []
    duty = standing.duties[0]
    duty.begun_at = duty.heard_at = standing.now
    standing.now += SILENT - 1
    standing.health.watched()
    assert standing.health.ills() == []
    duty.heard_at = standing.now
    standing.now += SILENT - 1
    standing.health.watched()
    assert standing.health.ills() == []
    standing.now += 2
    standing.health.watched()
    assert standing.health.ills() == ["source a shows no sign of life since 7201 s"]
    duty.begun_at = None
    standing.now += UNWATCHED + 1
    assert standing.health.ills() == ["nobody looked after the scheduler for 61 s"]


# -- fresh -----------------------------------------------------------------------------------------


def test_it_is_ready_when_everything_was_done_in_time() -> None:
    standing = Standing()
    assert standing.health.lacks() == []
    standing.now += LATE + 51
    assert standing.health.lacks() == ["source a was last done 661 s ago"]


def test_it_is_not_ready_before_everything_was_done_once() -> None:
    standing = Standing()
    standing.duties[0].done_at = None
    assert standing.health.lacks() == ["source a was not done yet"]
    standing.health.waiting_for = "database x cannot be reached"
    assert standing.health.lacks()[0] == "database x cannot be reached"


def test_it_is_not_ready_when_something_fails_again_and_again() -> None:
    standing = Standing()
    standing.duties[0].problem = "denied"
    standing.duties[0].failures = OFTEN - 1
    assert standing.health.lacks() == []
    standing.duties[0].failures = OFTEN
    assert standing.health.lacks() == ["source a failed 3 times: denied"]


def test_the_paths_say_it_and_reasons_only_to_those_who_may_see_them() -> None:
    standing = Standing()
    paths = standing.health.paths(Metrics("1"))
    assert paths["/readyz"].answer(True).status == 200  # noqa: FBT003 - as the listener calls it
    standing.duties[0].done_at = None
    trusted, stranger = (paths["/readyz"].answer(who) for who in (True, False))
    assert (trusted.status, stranger.status) == (503, 503)
    assert json.loads(trusted.body) == {"ready": False, "problems": ["source a was not done yet"]}
    assert json.loads(stranger.body) == {"ready": False}
    assert json.loads(paths["/healthz"].answer(False).body) == {"alive": True}  # noqa: FBT003 - as above


# -- metrics ---------------------------------------------------------------------------------------


def full() -> Metrics:
    """Metrics with a sample of each."""
    metrics = Metrics("1.2")
    metrics.state = lambda: State(
        now=T + 100,
        ready=True,
        schedulers=1,
        duties=(DutyState("sweep", 2, 30.0, elsewhere=True),),
        as_of=T,
        sources={"logs": T},
        sweeps={(ACCOUNT, REGION): T},
        unresolved={"unknown": 3},
        coverage=0.5,
        file_systems=4,
        complete=1,
    )
    metrics.batch("logs", "done", {"request": 5}, 100, 7)
    metrics.sweep()
    metrics.call("ec2.describe-vpcs", 3, 1)
    metrics.tried("sweep", "done", 0.5)
    metrics.posted(2)
    metrics.forgot({"sighting": 5})
    return metrics


def test_each_metric_is_documented_and_each_documented_one_is_there() -> None:
    told = {
        family.name + ("_total" if family.type == "counter" else ""): set(family.samples[0].labels)
        for family in text_string_to_metric_families(full().text().decode())
        if family.name.startswith("efs_inventory_") and not family.name.endswith("_created")
    }
    rows = re.findall(r"(?m)^\| `(efs_inventory_\w+)` \|([^|]*)\|", PAGE.read_text())
    documented = {name: set(re.findall(r"`(\w+)`", labels)) for name, labels in rows}
    histograms = {"efs_inventory_duty_seconds"}
    assert documented.keys() == told.keys()
    for name in told.keys() - histograms:
        assert documented[name] == told[name]


def test_what_is_not_known_has_no_sample() -> None:
    found = samples(Metrics("1"))
    assert ("efs_inventory_coverage_ratio",) not in found
    assert ("efs_inventory_as_of_timestamp_seconds",) not in found


def test_reading_counts_batches_records_bytes_and_tries(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "snapshots").mkdir()
    line = "2 123456789012 eni-0a1b2c3d4e5f60718 10.0.1.5 10.0.2.9 40000 443 6 5 500 1762179600 1762179660 ACCEPT OK\n"
    bad = line.replace("443", "2049").replace("10.0.1.5", "nonsense")
    (tmp_path / "logs" / "a.log").write_text(line * 3 + bad)
    document = {
        "database": {"url": database_url},
        "discover": {"mode": "snapshots", "path": "snapshots"},
        "sources": [{"name": "logs", "type": "files", "path": "logs"}],
    }
    settings, metrics = parse(document, folder=tmp_path, environ={}), Metrics("1")
    bench = Bench(
        settings,
        clock=lambda: T,
        monotonic=lambda: 0.0,
        is_over=lambda: False,
        sleep=lambda _: None,
        report=lambda _: Telling(metrics=metrics),
    )
    with MeteredStore.opened(settings, write=True) as store:
        roster = Roster(
            store,
            bench.clock,
            bench.monotonic,
            bench.is_over,
            lambda duty, ending, seconds: metrics.tried(duty.name, ending, seconds),
        )
        with store.alone("run", 5):
            for duty in bench.duties(settings.sources):
                roster.turn(duty)
        roster.close()
    found = samples(metrics)
    assert found["efs_inventory_batches_total", "logs", "done"] == 1
    assert found["efs_inventory_records_total", "other_port", "logs"] == 3
    assert found["efs_inventory_records_total", "malformed", "logs"] == 1
    assert found["efs_inventory_read_bytes_total", "logs"] == len(line + bad) + 2 * len(line)
    assert found["efs_inventory_duty_tries_total", "source logs", "done"] == 1
    assert found["efs_inventory_duty_seconds_count", "source logs"] == 1


def test_reports_count_sweeps_and_scanned_bytes() -> None:
    metrics = Metrics("1")
    report = Telling(metrics=metrics)
    report.learnt(sweep(T))
    report.recorded("table", replace(batch(state=BatchState.DONE), scan=Scan(19_000, 500)))
    found = samples(metrics)
    assert found["efs_inventory_sweeps_total",] == 1
    assert found["efs_inventory_scanned_bytes_total", "table"] == 500


def test_requests_are_counted_where_they_are_written_down(database_url: str) -> None:
    metrics = Metrics("1")
    with MeteredStore.open(database_url, write=True) as store:
        store.upgrade()
        store.metrics = metrics
        with store.sibling() as sibling:
            sibling.use(19_000, {(ACCOUNT, REGION, "ec2.describe-vpcs"): Use(3, 1)})
    found = samples(metrics)
    assert found["efs_inventory_aws_calls_total", "ec2.describe-vpcs"] == 3
    assert found["efs_inventory_aws_throttled_total", "ec2.describe-vpcs"] == 1


@dataclass
class Use:
    """Requests of one call."""

    calls: int
    throttled: int


def test_a_look_tells_what_the_inventory_sees(make: Callable[..., Inventory]) -> None:
    inventory = make()
    rows: list[Any] = [own_row(T + 100, T + 400), own_row(T + 100, T + 400, client="10.0.3.99")]
    inventory.record(batch(rows, [(T, END)]))
    standing, metrics = Standing(), Metrics("1")
    metrics.state = standing.health.state
    assert standing.health.look(standing.duties[1], inventory.store) is Ending.DONE
    found = samples(metrics)
    assert found["efs_inventory_source_as_of_timestamp_seconds", "logs"] == END + 1
    assert found["efs_inventory_source_lag_seconds", "logs"] == T - END - 1
    assert found["efs_inventory_as_of_timestamp_seconds",] == END + 1
    assert found["efs_inventory_sweep_age_seconds", ACCOUNT, REGION] == -7 * HOUR
    assert found["efs_inventory_unresolved_clients", "unknown"] == 1
    assert found["efs_inventory_file_systems",] == 1
    assert 0 < found["efs_inventory_coverage_ratio",] < 1
    assert found["efs_inventory_ready",] == 1
    assert found["efs_inventory_duty_failures", "source a"] == 0
    assert found["efs_inventory_duty_age_seconds", "source a"] == 10


def test_counts_is_what_the_store_takes() -> None:
    use: Counts = Use(1, 0)
    assert use.calls == 1
    assert Store.use.__doc__
