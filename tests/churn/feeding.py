"""Feeds a churn to a store as a daemon does that is an hour behind, or every log before any sweep."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from inventory.collect.files import FilesSource
from inventory.collect.reading import in_groups, is_new, read_all
from inventory.model import Sweep
from inventory.resolve.networks import Networks
from inventory.store import Store
from tests.churn.plan import HOUR, START
from tests.churn.traffic import FILE

NOBODY = Networks({})
SOURCE = "logs"


def learn(store: Store, sweeps: Sequence[Sweep]) -> None:
    store.learn(sweeps, NOBODY)


def collect(store: Store, folder: Path) -> None:
    """Everything in the folder that is new."""
    source = FilesSource(SOURCE, folder)
    done = store.done(SOURCE)
    new = [ref for ref in source.listing(None, None).refs if is_new(ref, done)]
    knowledge = store.knowledge()
    for group in in_groups(read_all(source, new, knowledge.known)):
        knowledge = store.record(SOURCE, source.kind, group, knowledge, NOBODY)
    store.tidy(knowledge)


def as_a_daemon(
    store: Store,
    sweeps: Iterable[Sweep],
    files: Mapping[int, Path],
    folder: Path,
    step: int = HOUR,
) -> Iterator[int]:
    """Step by step: the step's sweeps, then the step's files, which until then lie elsewhere; gives up to when was read."""
    folder.mkdir(parents=True)
    held: dict[int, list[Sweep]] = defaultdict(list)
    for sweep in sweeps:
        held[(sweep.taken_at - START) // step].append(sweep)
    waiting = dict(files)
    for number, some in sorted(held.items()):
        learn(store, some)
        now = START + (number + 1) * step
        for begin in [begin for begin in waiting if begin + FILE <= now]:
            path = waiting.pop(begin)
            path.rename(folder / path.name)
        collect(store, folder)
        yield now
