"""The whole job, top to bottom: START READING HERE.

    sweeps ──> knowledge ─────────────┐
    flow logs ──> batches ──> sightings ──> mounts ──> (inventory.answers)

A *sweep* is what AWS said of one account and region at one moment, live or recorded; a *batch* is what a source reads as one unit (a
file). Reading and folding happen in ``collect`` and ``flowlog``, before any transaction; ``Store.learn`` and ``Store.record`` are one
transaction each, and rebuild the mounts that what they add can change. What to read next is always "what is there, minus what is done", so
any step may be repeated or killed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from inventory.collect import Source
from inventory.collect.choosing import begin, chosen, opened
from inventory.collect.needs import Needs
from inventory.collect.reading import in_groups, is_new, read_all
from inventory.collect.report import Progress, Report
from inventory.discover import sweeping
from inventory.discover.asked import Asked
from inventory.errors import AwsError, InventoryError, SnapshotError
from inventory.resolve.networks import Networks
from inventory.store import Store

if TYPE_CHECKING:
    from inventory.config import Settings

Clock = Callable[[], int]
"""Epoch seconds, now."""

PATIENCE = 60.0
"""Seconds to wait for another process that writes; then its name is told."""


def discover(settings: Settings, *, clock: Clock) -> Report:
    """Learn from every recorded sweep that is new, or from a whole live one."""
    report = Report()
    with Store.opened(settings, write=True) as store, store.lock("discover", PATIENCE):
        _discover(store, settings, report, clock, Asked.EVERYTHING)
    return report


def snapshot(settings: Settings, folder: Path, *, clock: Clock) -> Report:
    """Record a whole live sweep below ``folder``, as the files that snapshots mode reads; no database is touched."""
    report = Report()
    for sweep in sweeping.recorded(settings, folder, clock=clock):
        report.learnt(sweep)
    return report


def collect(
    settings: Settings,
    *,
    sources: Sequence[str] = (),
    progress: Progress,
    clock: Clock,
    since: int | None = None,
    until: int | None = None,
) -> Report:
    """Learn from sweeps that are new or due, then read what is new in each source (or the named ones); the rest is done when one fails.

    A client that turned up and that nobody could name brings the next live sweep forward.

    By ``clock`` each live sweep has its moment, and a source's ``since`` of days counts from it.
    """
    report = Report()
    wanted = chosen(settings, sources)
    with Store.opened(settings, write=True) as store:
        _learn(store, settings, report, clock, Asked.DUE)
        needs = Needs(settings, store, clock, time.sleep)
        for section in wanted:
            try:
                with store.lock(f"source {section.name}", PATIENCE):
                    asked = (begin(settings, section.name, since, clock()), until)
                    _collect(store, opened(section, needs), settings, report, progress, asked)
            except InventoryError as error:
                report.failed(error, f"source {section.name}: ")
            finally:
                store.use(needs.day, needs.uses())
        if settings.discover.mode == "aws":
            _learn(store, settings, report, clock, Asked.UNEXPLAINED)
            _look_back(store, settings, report, clock)
    return report


def _learn(store: Store, settings: Settings, report: Report, clock: Clock, asked: Asked) -> None:
    try:
        with store.lock("discover", PATIENCE):
            _discover(store, settings, report, clock, asked)
    except (AwsError, SnapshotError) as error:
        report.failed(error)


def _look_back(store: Store, settings: Settings, report: Report, clock: Clock) -> None:
    """What CloudTrail tells afterwards of clients that sweeps could not name; it renames old facts without reading a log again."""
    with store.lock("discover", PATIENCE):
        told = sweeping.told_afterwards(settings, store, clock=clock)
        if told.sweeps:
            store.learn(told.sweeps, Networks(settings.networks), told.asked)
    for sweep in told.sweeps:
        report.learnt(sweep)
    for fault in told.faults:
        if not any(str(fault) in problem for problem in report.problems):
            report.failed(fault)


def _discover(store: Store, settings: Settings, report: Report, clock: Clock, asked: Asked) -> None:
    for group in sweeping.in_groups(sweeping.sweeps(settings, store, clock=clock, asked=asked)):
        store.learn(group, Networks(settings.networks))
        for sweep in group:
            report.learnt(sweep)


def _collect(
    store: Store,
    source: Source,
    settings: Settings,
    report: Report,
    progress: Progress,
    asked: tuple[int | None, int | None],
) -> None:
    """One source: what is there minus what is done, read, folded, and recorded group by group."""
    there = source.listing(*asked)
    if there.whole:
        store.forget(source.name, {ref.key for ref in there.refs})
    done = store.done(source.name)
    new = [ref for ref in there.refs if is_new(ref, done)]
    progress.start(len(new), sum(ref.size for ref in new))
    knowledge, networks = store.knowledge(), Networks(settings.networks)
    for group in in_groups(read_all(source, new, knowledge.known, settings.collect.workers or 0)):
        knowledge = store.record(source.name, source.kind, group, knowledge, networks)
        for batch in group:
            progress.advance(batch.ref.size, batch.ref.key)
            report.recorded(source.name, batch)
    store.settle(source.name, source.kind, there.settled, there.looked)
    store.tidy(knowledge)
