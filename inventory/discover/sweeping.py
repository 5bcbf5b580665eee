"""Which sweeps there are to learn from, by configuration: recorded answers that are new, or live calls that are due."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from inventory.config import Settings
from inventory.discover import snapshots
from inventory.discover.calls import CALLS
from inventory.discover.snapshots import Listing, SweepRef
from inventory.errors import SnapshotError
from inventory.model import CallState, Sweep

if TYPE_CHECKING:
    from inventory.discover.afterwards import Ledger as History
    from inventory.discover.asked import Asked
    from inventory.discover.histories import Told
    from inventory.discover.rounds import Ledger

SweepName = tuple[str, str, str]
"""Name, account and region of a sweep."""

GROUP_ITEMS = 50_000
"""Things seen by the sweeps of one transaction: what bounds memory when years of sweeps are read."""

_LOG = logging.getLogger(__name__)


def sweeps(
    settings: Settings, ledger: Ledger, *, clock: Callable[[], int], asked: Asked
) -> Iterator[Sweep]:
    """Every sweep there is to learn from now.

    In snapshots mode those that are new, whatever was ``asked``; else live ones, and beside them new dumps of Kubernetes clusters. Raises
    ``SnapshotError`` when the folder cannot be read, ``AwsError`` when there is nobody to ask as. What single calls answer or do not is in
    the sweeps.
    """
    if settings.discover.mode == "snapshots":
        yield from new_sweeps(settings, ledger.known_sweeps(), ledger.kept().knowledge)
        return
    from inventory.discover import rounds  # noqa: PLC0415 - botocore is most of a second, which snapshots mode need not wait for

    yield from rounds.a_round(settings.discover, ledger, clock=clock, asked=asked)
    yield from new_dumps(settings, ledger.known_sweeps, ledger.kept().knowledge)


def is_quiet(settings: Settings, ledger: Ledger, *, now: int, asked: Asked) -> bool:
    """Whether :func:`sweeps` would ask AWS nothing now; in snapshots mode never, for only looking tells."""
    if settings.discover.mode == "snapshots":
        return False
    from inventory.discover import rounds  # noqa: PLC0415 - as above

    return rounds.is_quiet(settings.discover, ledger, now=now, asked=asked)


def is_dated_ahead(settings: Settings, ledger: Ledger, now: int) -> bool:
    """Whether live sweeps are known that are still to come, for the clock was put back: they do not tell what is due."""
    if settings.discover.mode == "snapshots":
        return False
    from inventory.discover import rounds  # noqa: PLC0415 - as above

    return rounds.is_dated_ahead(ledger, now)


def told_afterwards(settings: Settings, ledger: History, *, clock: Callable[[], int]) -> Told:
    """What histories tell about clients that sweeps could not name, where they are configured; see :mod:`inventory.discover.afterwards`."""
    from inventory.discover import afterwards  # noqa: PLC0415 - as above

    return afterwards.ask(settings.discover, ledger, clock=clock)


def recorded(settings: Settings, folder: Path, *, clock: Callable[[], int]) -> Iterator[Sweep]:
    """A whole live sweep, each account and region written below ``folder`` before it is given out."""
    from inventory.discover import rounds  # noqa: PLC0415 - as above

    return rounds.record(settings.discover, folder, clock=clock)


def new_sweeps(
    settings: Settings, known: Mapping[SweepName, Mapping[str, CallState]], since: int = 0
) -> Iterator[Sweep]:
    """Every sweep that can tell more than is known, oldest first; ``known`` are the calls of each recorded sweep since then.

    A recorded answer that was missing or broken is looked at again: the file may have been mended. What is passed over is logged. Raises
    ``SnapshotError`` when the folder cannot be read, or holds no sweep where there is something.
    """
    found = _listed(settings)
    if found.notes and not found.sweeps:
        msg = f"snapshots folder {settings.discover.path} holds no sweep, but other things"
        raise SnapshotError(
            msg, hint="sweeps lie in YYYYMMDDTHHMMSSZ/<account>/<region>/<call>.json below it"
        )
    for ref in found.sweeps:
        if ref.taken_at >= since and _tells_more(ref, [*CALLS, *snapshots.dumps(ref)], known):
            yield snapshots.read(ref)


def new_dumps(
    settings: Settings,
    known: Callable[[], Mapping[SweepName, Mapping[str, CallState]]],
    since: int = 0,
) -> Iterator[Sweep]:
    """As :func:`new_sweeps`, of dumps of Kubernetes clusters alone: what there is to read beside live sweeps.

    Nothing when the folder is not there or holds other things, for a live inventory need not have one. Then nobody asks what is ``known``:
    of a year of live sweeps that is a million calls.
    """
    if not settings.discover.path.exists():
        return
    found = [(ref, snapshots.dumps(ref)) for ref in _listed(settings).sweeps]
    found = [(ref, dumps) for ref, dumps in found if dumps and ref.taken_at >= since]
    if not found:
        return
    before = known()
    for ref, dumps in found:
        if _tells_more(ref, dumps, before):
            yield snapshots.read_dumps(ref)


def _listed(settings: Settings) -> Listing:
    found = snapshots.listing(settings.discover.path)
    for note in found.notes:
        _LOG.warning("%s", note)
    return found


def _tells_more(
    ref: SweepRef,
    calls: Collection[str],
    known: Mapping[SweepName, Mapping[str, CallState]],
) -> bool:
    """Whether it is new, or a file is there of a call that was not whole."""
    before = known.get((ref.name, ref.account, ref.region))
    if before is None:
        return bool(calls)
    return any(
        before.get(call) is not CallState.WHOLE and (ref.path / f"{call}.json").exists()
        for call in calls
    )


def in_groups(sweeps: Iterable[Sweep]) -> Iterator[list[Sweep]]:
    """At least one group, if an empty one: it also rebuilds what an older program or other names of networks derived.

    When ``sweeps`` fails, what came before is given out first.
    """
    group: list[Sweep] = []
    try:
        for sweep in sweeps:
            group.append(sweep)
            if sum(_size(one) for one in group) >= GROUP_ITEMS:
                full, group = group, []
                yield full
    except Exception:
        if group:
            yield group
        raise
    yield group


def _size(sweep: Sweep) -> int:
    return len(sweep.metrics) + sum(len(items) for items in sweep.items.values())
