"""The whole job, top to bottom: START READING HERE.

    sweeps ──> knowledge ─────────────┐
    flow logs ──> batches ──> sightings ──> mounts ──> (inventory.answers)

A *sweep* is what AWS said of one account and region at one moment, live or recorded; a *batch* is what a source reads as one unit (a file,
an object, a window of time). :func:`inventory.steps.learn` and :func:`inventory.steps.read` do the work: reading and folding happen in
``collect`` and ``flowlog``, before any transaction; ``Store.learn`` and ``Store.record`` are one transaction each, and rebuild the mounts
that what they add can change. What to read next is always "what is there, minus what is done", so any step may be repeated or killed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from inventory.collect.choosing import begin, chosen, opened
from inventory.collect.needs import Needs
from inventory.collect.report import Progress, Report
from inventory.discover import sweeping
from inventory.discover.asked import Asked
from inventory.errors import AwsError, InventoryError, SnapshotError
from inventory.steps import SWEEPS, Clock, Run, learn, look_back, read, source_lock
from inventory.store import Store

if TYPE_CHECKING:
    from inventory.config import Settings

PATIENCE = 60.0
"""Seconds to wait for another process that writes; then its name is told."""


def discover(settings: Settings, *, clock: Clock) -> Report:
    """Learn from every recorded sweep that is new, or from a whole live one."""
    report = Report()
    with Store.opened(settings, write=True) as store, store.lock(SWEEPS, PATIENCE):
        learn(Run(store, settings, report, clock), Asked.EVERYTHING)
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
        run = Run(store, settings, report, clock)
        with _going_on(report, AwsError, SnapshotError), store.lock(SWEEPS, PATIENCE):
            learn(run, Asked.DUE)
        needs = Needs(settings, store, clock, time.sleep)
        for section in wanted:
            name = source_lock(section.name)
            with _going_on(report, InventoryError, of=f"{name}: "):
                try:
                    with store.lock(name, PATIENCE):
                        start = begin(settings, section.name, since, clock())
                        read(run, opened(section, needs), progress, start, until)
                finally:
                    store.use(needs.day, needs.uses())
        if settings.discover.mode == "aws":
            with _going_on(report, AwsError, SnapshotError), store.lock(SWEEPS, PATIENCE):
                learn(run, Asked.UNEXPLAINED)
            with store.lock(SWEEPS, PATIENCE):
                look_back(run)
    return report


@contextmanager
def _going_on(report: Report, *faults: type[InventoryError], of: str = "") -> Iterator[None]:
    """What fails is told, and the run goes on."""
    try:
        yield
    except faults as error:
        report.failed(error, of)
