"""As long as it is known which mount targets there are: coverage may speak of them no further."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from typing import NamedTuple

from inventory.discover.calls import WHOLE_BY
from inventory.model import DAY, Place, Span
from inventory.store import asking
from inventory.store.views import Reader
from inventory.timeline import subtract

STALE = 2 * DAY
"""Seconds after which what was not asked since is not known to be so still: whatever is asked at all is asked once a day."""

_SHOWN_BY = ("mount_target", "network_interface")
"""The kinds whose whole listing shows every mount target: itself, or by its interface's description."""


class Unknown(NamedTuple):
    """From when on nobody can tell which mount targets there are, up to ``end``; ``start`` is ``None`` when nobody ever could."""

    start: int | None
    end: int


class Listings:
    """When the mount targets of an account and region were listed, and when that was tried in vain."""

    def __init__(
        self, conn: Reader, whole_sweeps: Callable[[str, str, str], Sequence[int]]
    ) -> None:
        """``whole_sweeps`` gives the times of sweeps that were whole for (kind, account, region), ascending."""
        self._conn = conn
        self._whole_sweeps = whole_sweeps
        self._last_asked: dict[Place, int | None] = {}

    def unknown(self, place: Place, as_of: int) -> Unknown | None:
        """The time before ``as_of`` of which no listing tells; ``None`` where one does, or none was ever tried.

        The last whole listing speaks for what comes after it for :data:`STALE` seconds, unless it was tried again in vain.
        """
        wholes = [times[-1] for kind in _SHOWN_BY if (times := self._whole_sweeps(kind, *place))]
        asked = self._asked(place)
        if not wholes:
            return None if asked is None else Unknown(None, as_of)
        last = max(wholes)
        in_vain = asked is not None and asked > last
        if last >= as_of or not (in_vain or as_of - last > STALE):
            return None
        return Unknown(last + 1, as_of)

    def _asked(self, place: Place) -> int | None:
        if place not in self._last_asked:
            calls = [call for kind in _SHOWN_BY for call in WHOLE_BY[kind]]
            self._last_asked[place] = asking.last_asked(self._conn, place, calls)
        return self._last_asked[place]

    def looked(self, place: Place, span: Span) -> list[Span]:
        """The moments about ``span`` at which mount targets that no sweep showed are known not to have been there.

        Between two whole listings that follow one another; not where it was tried in vain between them.
        """
        times = self._whole_sweeps("mount_target", *place)
        near = times[max(bisect_right(times, span[0]) - 1, 0) : bisect_left(times, span[1]) + 1]
        if not near:
            return []
        every = (near[0], near[-1] + 1)
        tried = asking.asked_within(self._conn, place, WHOLE_BY["mount_target"], every)
        in_vain = {bisect_left(near, moment) for moment in tried - set(near)}
        return subtract([every], [(near[after - 1] + 1, near[after]) for after in in_vain])
