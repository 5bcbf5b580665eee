"""As long as it is known which mount targets there are: coverage may speak of them no further."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence

from inventory.discover.calls import WHOLE_BY
from inventory.model import DAY, Place, Span
from inventory.store import asking
from inventory.store.views import Reader
from inventory.timeline import GapReason, Hole, Watched, subtract

STALE = 2 * DAY
"""Seconds after which what was not asked since is not known to be so still: whatever is asked at all is asked once a day."""

MOUNT_TARGETS = ("mount_target", "network_interface")
"""The kinds whose whole listing shows every mount target: itself, or by its interface's description."""

FILE_SYSTEMS = ("file_system",)

_FOREVER = 1 << 40


class Listings:
    """When things of an account and region were listed whole, and when that was tried in vain."""

    def __init__(
        self, conn: Reader, whole_sweeps: Callable[[str, str, str], Sequence[int]]
    ) -> None:
        """``whole_sweeps`` gives the times of sweeps that were whole for (kind, account, region), ascending."""
        self._conn = conn
        self._whole_sweeps = whole_sweeps
        self._last_asked: dict[tuple[Place, Sequence[str]], int | None] = {}
        self._looked: dict[tuple[Place, Span], list[Span]] = {}
        """File systems of one place are asked about for the same times."""

    def unknown(
        self, place: Place, as_of: int, kinds: Sequence[str] = MOUNT_TARGETS
    ) -> list[Watched]:
        """The time of which no listing tells, as something that is there and that nobody watches; none where one does.

        The last whole listing of any of ``kinds`` speaks for what comes after it for :data:`STALE` seconds, unless it was tried again in
        vain. Where none ever was, and was never tried, mount targets are told by other things; nothing else tells of file systems.
        """
        wholes = [times[-1] for kind in kinds if (times := self._whole_sweeps(kind, *place))]
        asked = self._asked(place, kinds)
        if not wholes:
            never = asked is None and kinds is MOUNT_TARGETS
            return [] if never else [_unwatched(-_FOREVER)]
        last = max(wholes)
        in_vain = asked is not None and asked > last
        if last >= as_of or not (in_vain or as_of - last > STALE):
            return []
        return [_unwatched(last + 1)]

    def _asked(self, place: Place, kinds: Sequence[str]) -> int | None:
        about = (place, kinds)
        if about not in self._last_asked:
            calls = [call for kind in kinds for call in WHOLE_BY[kind]]
            self._last_asked[about] = asking.last_asked(self._conn, place, calls)
        return self._last_asked[about]

    def looked(self, place: Place, span: Span) -> list[Span]:
        """The moments about ``span`` at which mount targets that no sweep showed are known not to have been there.

        Between two whole listings that follow one another; not where it was tried in vain between them.
        """
        times = self._whole_sweeps("mount_target", *place)
        near = times[max(bisect_right(times, span[0]) - 1, 0) : bisect_left(times, span[1]) + 1]
        if not near:
            return []
        every = (near[0], near[-1] + 1)
        if (place, every) not in self._looked:
            tried = asking.asked_within(self._conn, place, WHOLE_BY["mount_target"], every)
            in_vain = {bisect_left(near, moment) for moment in tried - set(near)}
            holes = [(near[after - 1] + 1, near[after]) for after in in_vain]
            self._looked[place, every] = subtract([every], holes)
        return self._looked[place, every]


def _unwatched(start: int) -> Watched:
    return Watched((start, _FOREVER), (), [Hole(start, _FOREVER, GapReason.MOUNT_TARGETS_UNKNOWN)])
