"""Which days of a bucket are listed this time.

What is listed is compared with the ledger, so a day is listed again only for objects that came late; the older the day, the fewer.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from inventory.model import DAY, HOUR, SLOT

SAME = 2 * SLOT
"""A beginning this near to the look-back's own is the look-back's own, not one that was chosen."""


class Range(NamedTuple):
    """What is asked for, in epoch seconds; ``until`` is exclusive, ``None``: up to now."""

    since: int
    until: int | None
    chosen: bool
    """Whether an operator asked for just this; else it is the look-back, of which not all is listed each time."""

    def has(self, slot: tuple[int, int]) -> bool:
        """Whether an object can hold records of it: one that starts there ends up to an aggregation interval later."""
        return slot[1] > self.since - HOUR and (self.until is None or slot[0] < self.until + HOUR)

    def days(self, now: int) -> range:
        """Its days (since 1970, UTC), with a neighbour on both sides; around midnight the one that comes too: clocks differ."""
        newest = (now + HOUR) // DAY
        last = newest if self.until is None else min(newest, (self.until - 1) // DAY + 1)
        return range(self.since // DAY - 1, last + 1)


def asked(since: int | None, until: int | None, own: int) -> Range:
    """What is asked for, when the look-back begins at ``own``."""
    begin = own if since is None else since
    return Range(begin, until, chosen=until is not None or abs(begin - own) > SAME)


def due(
    days: Collection[int], now: int, looked: Mapping[int, int], failing: Collection[int], grace: int
) -> list[int]:
    """The days that are due: by when each was looked at last.

    One that was not looked at since it was over for ``grace`` seconds (today always is such a day) every time; yesterday, and days that
    hold objects which could not be read, hourly; all others daily. What was looked at after now, by a clock that was put back, was not.
    """
    found = []
    for day in days:
        end = (day + 1) * DAY
        at = looked.get(day)
        soon = now < end + DAY or day in failing
        if at is None or at > now or at < end + grace or now - at >= (HOUR if soon else DAY):
            found.append(day)
    return found
