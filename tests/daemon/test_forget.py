"""The daemon's duties of forgetting: how far back by which clock, that nothing is read again, and that it is told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from sqlalchemy import select

from inventory import steps
from inventory.collect import Listing
from inventory.collect.report import Report
from inventory.config import Settings
from inventory.config.sections import RetentionSettings
from inventory.daemon.duties import Duty, Ending
from inventory.daemon.telling import Telling
from inventory.daemon.work import Bench
from inventory.model import DAY, Batch, BatchRef, Known
from inventory.resolve.networks import Networks
from inventory.store import Kept, Store
from inventory.store.tables import META, MOUNT_HOUR, SIGHTING
from inventory.telemetry.metrics import Metrics
from tests.answers.conftest import HOUR, batch, own_row, sweep, upgraded
from tests.builders import SERVER, SERVER_ENI, T, eni, file_system, machine_eni, mount_target

NOW = T - T % DAY + DAY
THINGS = (file_system(), mount_target(), eni(SERVER_ENI, SERVER), machine_eni())


def kept_for(**spans: str) -> Settings:
    usual = {"days": "4d", "intervals": "8d", "knowledge": "5d", "runs": "1d"}
    retention = RetentionSettings.model_validate(usual | spans)
    return Settings(retention=retention)


def of_day(at: int, *, named: bool = True) -> Batch:
    slot = (at, at + HOUR) if named else None
    return batch([own_row(at, at + 590)], [(at, at + 3500)], key=f"{at}", slot=slot)


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    upgraded(database_url)
    with Store.open(database_url, write=True) as opened:
        opened.learn([sweep(NOW - days * DAY, *THINGS) for days in range(20, -1, -1)], Networks())
        yield opened


def fill(store: Store, *batches: Batch) -> None:
    store.record("logs", "files", list(batches), store.knowledge(), Networks())


def run(store: Store, settings: Settings, now: int = NOW) -> steps.Run:
    return steps.Run(store, settings, Report(), lambda: now)


# -- how far back --------------------------------------------------------------------------------------------------------------------------


def test_it_counts_back_from_the_newest_record_or_from_now(store: Store) -> None:
    settings = kept_for()
    assert steps.to_keep(run(store, settings)) is None  # nothing was read
    fill(store, of_day(NOW - 2 * HOUR))
    newest = NOW - DAY  # a midnight
    expected = Kept(newest - 6 * DAY, newest - 10 * DAY, newest - 7 * DAY)
    assert steps.to_keep(run(store, settings)) == expected
    years = 3 * 365 * DAY
    assert steps.to_keep(run(store, settings, NOW + years)) == expected  # a clock put forward
    fill(store, of_day(NOW + years))
    assert steps.to_keep(run(store, settings)) == Kept(
        *(at + DAY for at in expected)
    )  # a record of the future
    assert steps.to_keep(run(store, settings, 0)) == Kept(0, 0, 0)


def test_what_rests_on_facts_is_kept_as_long(store: Store) -> None:
    fill(store, of_day(NOW - 2 * HOUR))
    found = steps.to_keep(run(store, kept_for(intervals="1d", knowledge="1d")))
    assert found is not None
    assert found.facts == found.mounts == found.knowledge


def test_longer_retention_brings_nothing_back(store: Store) -> None:
    fill(store, of_day(NOW - 2 * HOUR), of_day(NOW - 6 * DAY))
    steps.forget(run(store, kept_for(days="1d")), lambda _: {})
    before = store.kept()
    steps.forget(run(store, kept_for(days="300d")), lambda _: {})
    assert store.kept() == before != Kept()


# -- what is not read again ----------------------------------------------------------------------------------------------------------------


@dataclass
class Listed:
    """A source of batches, which notes what is read of it."""

    batches: dict[str, Batch]
    read_of_it: list[str] = field(default_factory=list)
    name: str = "logs"
    kind: str = "files"

    def listing(self, since: int | None, until: int | None) -> Listing:  # noqa: ARG002 - the protocol's
        return Listing([one.ref for one in self.batches.values()])

    def read(self, ref: BatchRef, known: Known) -> Batch:  # noqa: ARG002 - the protocol's
        self.read_of_it.append(ref.key)
        return self.batches[ref.key]


class Silent:
    def start(self, total_batches: int, total_bytes: int) -> None: ...
    def advance(self, size: int, batch: str) -> None: ...


def test_what_was_forgotten_is_not_read_again(store: Store) -> None:
    """Though the source still has it; what it never told before, and a name without a time, counts nothing either."""
    named = [of_day(NOW - days * DAY) for days in (1, 5, 9, 12)]
    nameless = [replace(of_day(NOW - 11 * DAY, named=False), digest="other")]
    source = Listed({one.ref.key: one for one in (*named, *nameless)})
    at_work = run(store, kept_for())
    steps.read(at_work, source, Silent(), None)
    assert len(source.read_of_it) == 5
    gone = steps.forget(at_work, lambda _: {})
    assert gone["batch"] == 2
    before = _rows(store, SIGHTING)
    late = [replace(of_day(NOW - days * DAY + 7200), digest=f"late {days}") for days in (10, 11)]
    another = replace(of_day(NOW - 10 * DAY + HOUR, named=False), digest="another")
    source.batches |= {one.ref.key: one for one in (*late, another)}
    source.read_of_it.clear()
    for _ in range(2):
        steps.read(at_work, source, Silent(), None)
        steps.forget(at_work, lambda _: {})
    assert source.read_of_it == [another.ref.key]  # its name tells no time: once
    assert _rows(store, SIGHTING) == before
    assert at_work.report.problems == []


def _rows(store: Store, table: Any) -> list[tuple[Any, ...]]:  # noqa: ANN401 - a table
    with store.reading() as conn:
        return sorted(tuple(row) for row in conn.execute(select(table)))


# -- that it is told -----------------------------------------------------------------------------------------------------------------------


def bench(settings: Settings, metrics: Metrics) -> Callable[[str], Duty]:
    made = Bench(
        settings,
        clock=lambda: NOW,
        monotonic=lambda: 0.0,
        is_over=lambda: False,
        sleep=lambda _: None,
        report=lambda _: Telling(metrics=metrics),
    )
    duties = {duty.name: duty for duty in made.duties(())}
    return duties.__getitem__


def test_the_duties_forget_and_tell(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    fill(store, *(of_day(NOW - days * DAY) for days in range(15, 0, -1)))
    metrics = Metrics("1")
    duty = bench(kept_for(), metrics)
    with caplog.at_level(logging.INFO):
        assert duty("forget").work(duty("forget"), store) is Ending.DONE
    text = metrics.text().decode()
    assert 'efs_inventory_forgotten_rows_total{table="sighting"} 8.0' in text
    assert 'efs_inventory_forgotten_rows_total{table="mount_hour"} 4.0' in text
    (line,) = [one.getMessage() for one in caplog.records if "deleted" in one.getMessage()]
    assert "8 of sighting" in line
    assert "24 of sweep_kind" in line
    assert min(row[3] for row in _rows(store, MOUNT_HOUR)) == store.kept().mounts
    with store.reading() as conn:
        names = set(conn.execute(select(META.c.name)).scalars())
    assert any(name.startswith("looked_since ") for name in names)
    assert duty("forget").work(duty("forget"), store) is Ending.DONE
    counts = [
        [line for line in told.splitlines() if "forgotten_rows_total{" in line]
        for told in (text, metrics.text().decode())
    ]
    assert counts[0] == counts[1]
