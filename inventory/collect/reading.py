"""Read batches on all cores, in the order asked for, with few of them in memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context

from inventory.collect import Source
from inventory.model import Batch, BatchRef, BatchState, Known
from inventory.telemetry import bound

GROUP_BATCHES = 16
GROUP_SIGHTINGS = 50_000

WAITING = {"s3": 4}
"""By kind of source, how many threads a core can serve: of those that mostly wait for an answer."""

AHEAD = 3
"""Batches that each thread may have read or in work while the caller is busy recording earlier ones: folded batches are small."""


def is_new(ref: BatchRef, done: Mapping[str, tuple[str, BatchState]]) -> bool:
    """Whether a batch is to be read. A failed one is tried again each time: what was in the way may be gone."""
    version, state = done.get(ref.key, ("", BatchState.FAILED))
    return version != ref.version or state is BatchState.FAILED


def read_all(
    source: Source, refs: Iterable[BatchRef], known: Known, workers: int = 0
) -> Iterator[Batch]:
    """Each batch of ``refs``, in their order.

    ``workers`` threads (0: one for each core, more where they mostly wait) read ahead, by :data:`AHEAD` batches each.

    Threads are enough: inflating and searching leave the interpreter free. Raises what :meth:`Source.read` raises. Closing the iterator
    early waits for what is being read and drops the rest.
    """
    threads = workers or (os.cpu_count() or 1) * WAITING.get(source.kind, 1)
    ahead: deque[Future[Batch]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="read")
    try:
        for ref in refs:
            ahead.append(pool.submit(copy_context().run, _read, source, ref, known))
            if len(ahead) > threads * AHEAD:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _read(source: Source, ref: BatchRef, known: Known) -> Batch:
    with bound(batch=ref.key):
        return source.read(ref, known)


def in_groups(batches: Iterable[Batch]) -> Iterator[list[Batch]]:
    """Batches by what one transaction records: what a kill can cost, and what a sync to disk is shared by."""
    group: list[Batch] = []
    sightings = 0
    for batch in batches:
        group.append(batch)
        sightings += len(batch.folded.sightings)
        if len(group) >= GROUP_BATCHES or sightings >= GROUP_SIGHTINGS:
            yield group
            group, sightings = [], 0
    if group:
        yield group
