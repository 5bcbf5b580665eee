"""Which sweeps there are to learn from, by configuration."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping

from inventory.config import Settings
from inventory.discover import snapshots
from inventory.discover.calls import CALLS
from inventory.errors import ConfigError, SnapshotError
from inventory.model import CallState, Sweep

SweepName = tuple[str, str, str]
"""Name, account and region of a sweep."""


GROUP_ITEMS = 50_000
"""Things seen by the sweeps of one transaction: what bounds memory when years of sweeps are read."""

_LOG = logging.getLogger(__name__)


def check(settings: Settings) -> None:
    """Raises ``ConfigError`` for a mode that this version cannot run."""
    if settings.discover.mode != "snapshots":
        msg = f"[discover] mode = {settings.discover.mode!r}: this version learns from recorded answers only"
        raise ConfigError(
            msg, hint='set mode = "snapshots" and path to a folder of recorded AWS answers'
        )


def new_sweeps(
    settings: Settings, known: Mapping[SweepName, Mapping[str, CallState]]
) -> Iterator[Sweep]:
    """Every sweep that can tell more than is known, oldest first; ``known`` are the calls of each recorded sweep.

    A recorded answer that was missing or broken is looked at again: the file may have been mended. What is passed over is logged. Raises
    ``SnapshotError`` when the folder cannot be read, or holds no sweep where there is something.
    """
    found = snapshots.listing(settings.discover.path)
    for note in found.notes:
        _LOG.warning("%s", note)
    if found.notes and not found.sweeps:
        msg = f"snapshots folder {settings.discover.path} holds no sweep, but other things"
        raise SnapshotError(
            msg, hint="sweeps lie in YYYYMMDDTHHMMSSZ/<account>/<region>/<call>.json below it"
        )
    for ref in found.sweeps:
        calls = known.get((ref.name, ref.account, ref.region))
        if calls is None or any(
            calls.get(call) is not CallState.WHOLE and (ref.path / f"{call}.json").exists()
            for call in CALLS
        ):
            yield snapshots.read(ref)


def in_groups(sweeps: Iterable[Sweep]) -> Iterator[list[Sweep]]:
    """At least one group, if an empty one: it also rebuilds what an older program or other names of networks derived."""
    group: list[Sweep] = []
    for sweep in sweeps:
        group.append(sweep)
        if sum(len(items) for one in group for items in one.items.values()) >= GROUP_ITEMS:
            yield group
            group = []
    yield group
