"""Windows: how a log that is asked about stretches of time is cut into batches, and when each is read again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from inventory.model import Span, instant


class Window(NamedTuple):
    """Records that *start* in ``[start, end)``, and how often they were due to be read."""

    start: int
    end: int
    reading: int
    """1 for the first reading, one more for each later age that has passed."""

    @property
    def key(self) -> str:
        """``2026-11-20T10:00:00Z/2026-11-20T11:00:00Z``: the same whichever reading it is."""
        return f"{_text(self.start)}/{_text(self.end)}"

    @property
    def version(self) -> str:
        """What is read again has another version."""
        return f"reading {self.reading}"


def windows(span: Span, width: int, ages: Sequence[int], now: int) -> Iterator[Window]:
    """Windows of ``width`` seconds that touch ``span`` and are old enough to be read, oldest first.

    They lie on a grid that nothing moves, so two runs, and two daemons, mean the same ones. A window is read when it is as old (counted
    from its end) as each of ``ages``, never in between.
    """
    start = span[0] - span[0] % width
    while start < span[1]:
        reading = sum(now - (start + width) >= age for age in ages)
        if reading:
            yield Window(start, start + width, reading)
        start += width


def settled(width: int, ages: Sequence[int], now: int) -> int:
    """The end of the newest window that is old enough to be read."""
    ripe = now - min(ages)
    return ripe - ripe % width


def _text(moment: int) -> str:
    return instant(moment).strftime("%Y-%m-%dT%H:%M:%SZ")
