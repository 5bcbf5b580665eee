"""The steps of the pipeline: sweep and learn, read a source, look back, join old facts, forget. Whoever takes one holds its lock.

Taken once by a command (:mod:`inventory.pipeline`), again and again by :mod:`inventory.daemon`. Each may be killed at any point and taken
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from inventory.collect import Source
from inventory.collect.choosing import windows_from
from inventory.collect.reading import in_groups, is_new, read_all
from inventory.collect.report import Progress, Report
from inventory.discover import sweeping
from inventory.discover.asked import Asked
from inventory.model import DAY
from inventory.resolve.networks import Networks
from inventory.store import Kept, Store
from inventory.store.kept import is_forgotten

if TYPE_CHECKING:
    from inventory.config import Settings
    from inventory.store.mounts import FileSystemKey
    from inventory.store.remembered import Memory

T = TypeVar("T")

Clock = Callable[[], int]
"""Epoch seconds, now."""

SWEEPS = "discover"
"""The lock of whoever learns."""

COMPACTION = "compact"
"""The lock of whoever joins old facts."""

FORGETTING = "forget"
"""The lock of whoever forgets."""

KEPT_APART = 3 * DAY
"""Seconds for which facts stay as they were read at least: late objects and repeated readings replace them. Longer if a pass is later."""

SPARE = 2 * DAY
"""Seconds for which things are kept beyond ``[retention]``: a window of just as long is asked about again for a day (a certificate)."""


def source_lock(name: str) -> str:
    """The lock of whoever reads a source."""
    return f"source {name}"


@dataclass(frozen=True, slots=True)
class Run:
    """What the steps of one run share."""

    store: Store
    settings: Settings
    report: Report
    clock: Clock
    is_over: Callable[[], bool] = lambda: False
    """Asked before each sweep and each batch: when it says so, what is recorded stays, and nothing more is begun."""

    def left(self, things: Iterable[T]) -> Iterator[T]:
        """``things``, until the run is over."""
        for thing in things:
            if self.is_over():
                return
            yield thing


def learn(run: Run, asked: Asked) -> None:
    """Sweep, and learn from what is new. Raises ``SnapshotError`` and ``AwsError`` when there is nothing, or nobody, to ask."""
    sweeps = sweeping.sweeps(run.settings, run.store, clock=run.clock, asked=asked)
    for group in sweeping.in_groups(run.left(sweeps)):
        run.store.learn(group, Networks(run.settings.networks))
        for sweep in group:
            run.report.learnt(sweep)


def look_back(run: Run) -> None:
    """What CloudTrail tells afterwards of clients that sweeps could not name; it renames old facts without reading a log again."""
    told = sweeping.told_afterwards(run.settings, run.store, clock=run.clock)
    if told.sweeps:
        run.store.learn(told.sweeps, Networks(run.settings.networks), told.asked)
    for sweep in told.sweeps:
        run.report.learnt(sweep)
    for fault in told.faults:
        if not any(str(fault) in problem for problem in run.report.problems):
            run.report.failed(fault)


def read(
    run: Run, source: Source, progress: Progress, since: int | None, until: int | None = None
) -> None:
    """One source: what is there minus what is done, read, folded, and recorded group by group. Raises when it cannot be listed."""
    store, networks = run.store, Networks(run.settings.networks)
    there = source.listing(since, until)
    if there.whole:
        store.forget(source.name, {ref.key for ref in there.refs})
    done = store.done(source.name)
    since = store.kept().facts
    new = [ref for ref in there.refs if is_new(ref, done) and not is_forgotten(ref, since)]
    progress.start(len(new), sum(ref.size for ref in new))
    knowledge = store.knowledge()
    batches = read_all(source, new, knowledge.known, run.settings.collect.workers or 0)
    for group in in_groups(run.left(batches)):
        knowledge = store.record(source.name, source.kind, group, knowledge, networks)
        for batch in group:
            progress.advance(batch.ref.size, batch.ref.key)
            run.report.recorded(source.name, batch)
    if not run.is_over():
        store.settle(
            source.name, source.kind, there.settled, there.looked, in_part=until is not None
        )
        store.tidy(knowledge)


def compact(run: Run) -> int:
    """Join facts that will not be read again, and that everything was read beyond for some days; how many rows are gone."""
    sources = run.settings.sources
    ages = [age for source in sources for age in source.passes if age != "settle"]
    read_up_to = run.store.read_up_to({source.name for source in sources})
    if read_up_to is None:
        return 0
    before = read_up_to - max(KEPT_APART, run.settings.retention.runs, max(ages, default=0) + DAY)
    # What turns up later (a mount target, a format) has windows read again as far as they are listed.
    before = min([before, *windows_from(run.settings, run.clock())])
    return run.store.compact(before, Networks(run.settings.networks), run.is_over)


def to_keep(run: Run) -> Kept | None:
    """Since when what is to be kept, by ``[retention]``; ``None`` while nothing was read.

    Counted back from the newest record, or from now if that is earlier: neither a clock that is put forward nor a record of the future
    makes anything old.
    """
    newest = run.store.newest()
    if newest is None:
        return None
    now, spans = min(newest, run.clock()) - SPARE, run.settings.retention
    facts = _midnight(now - spans.days)
    return Kept(
        facts,
        min(facts, _midnight(now - spans.intervals)),
        min(facts, _midnight(now - spans.knowledge)),
    )


def forget(
    run: Run, memories: Callable[[int], Mapping[FileSystemKey, Memory]]
) -> Mapping[str, int]:
    """Forget what is too old, and delete facts and mounts of it; how many rows are gone, by table.

    ``memories`` tells what is to be remembered of looking at file systems when facts from before a moment are forgotten.
    """
    since, before = to_keep(run), run.store.kept()
    if since is not None and any(new > old for new, old in zip(since, before, strict=True)):
        told = memories(since.facts) if since.facts > before.facts else {}
        # Facts that are kept are named by knowledge of their time.
        facts = max(since.facts, before.facts)
        run.store.keep(since._replace(knowledge=min(since.knowledge, facts)), told)
    gone = run.store.drop(run.is_over)
    run.report.forgot(gone)
    return gone


def unlearn(run: Run) -> Mapping[str, int]:
    """Delete knowledge that is forgotten; how many rows are gone, by table. Learning may go on meanwhile."""
    gone = run.store.unlearn(run.is_over) if run.store.kept().knowledge else {}
    run.report.forgot(gone)
    return gone


def _midnight(moment: int) -> int:
    return max(0, moment - moment % DAY)
