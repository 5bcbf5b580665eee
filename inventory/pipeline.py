"""The whole job, top to bottom: START READING HERE.

    sweeps ──> knowledge ─────────────┐
    flow logs ──> batches ──> sightings ──> mounts ──> (inventory.answers)

A *sweep* is what AWS said of one account at one moment; a *batch* is what a source reads as one unit (a file). Reading and folding
happen in ``collect`` and ``flowlog``, before any transaction; ``Store.learn`` and ``Store.record`` are one transaction each, and rebuild
the mounts that what they add can change. What to read next is always "what is there, minus what is done", so any step may be repeated or
killed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inventory.collect import Source
from inventory.collect.choosing import begin, chosen
from inventory.collect.reading import in_groups, is_new, read_all
from inventory.collect.report import Progress, Report
from inventory.discover import sweeping
from inventory.errors import InventoryError, SnapshotError
from inventory.resolve.networks import Networks
from inventory.store import Store

if TYPE_CHECKING:
    from inventory.config import Settings

PATIENCE = 60.0
"""Seconds to wait for another process that writes; then its name is told."""


def discover(settings: Settings) -> Report:
    """Learn from every sweep that is new."""
    report = Report()
    sweeping.check(settings)
    with Store.opened(settings, write=True) as store, store.lock("discover", PATIENCE):
        _discover(store, settings, report)
    return report


def collect(
    settings: Settings,
    *,
    sources: Sequence[str] = (),
    progress: Progress,
    now: int,
    since: int | None = None,
    until: int | None = None,
) -> Report:
    """Learn from new sweeps, then read what is new in each source (or the named ones); the rest is done when one of them fails.

    ``now`` is what a source's ``since`` of days counts from.
    """
    report = Report()
    sweeping.check(settings)
    wanted = chosen(settings, sources)
    with Store.opened(settings, write=True) as store:
        try:
            with store.lock("discover", PATIENCE):
                _discover(store, settings, report)
        except SnapshotError as error:
            report.failed(error)
        for source in wanted:
            try:
                with store.lock(f"source {source.name}", PATIENCE):
                    asked = (begin(settings, source.name, since, now), until)
                    _collect(store, source, settings, report, progress, asked)
            except InventoryError as error:
                report.failed(error, f"source {source.name}: ")
    return report


def _discover(store: Store, settings: Settings, report: Report) -> None:
    for group in sweeping.in_groups(sweeping.new_sweeps(settings, store.known_sweeps())):
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
    there = source.batches(*asked)
    if asked == (None, None):
        store.forget(source.name, {ref.key for ref in there})
    done = store.done(source.name)
    new = [ref for ref in there if is_new(ref, done)]
    progress.start(len(new), sum(ref.size for ref in new))
    knowledge, networks = store.knowledge(), Networks(settings.networks)
    for group in in_groups(read_all(source, new, knowledge.known, settings.collect.workers or 0)):
        knowledge = store.record(source.name, source.kind, group, knowledge, networks)
        for batch in group:
            progress.advance(batch.ref.size, batch.ref.key)
            report.recorded(source.name, batch)
    store.tidy(knowledge)
