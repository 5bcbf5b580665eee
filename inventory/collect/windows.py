"""Windows: how a log that is asked about stretches of time is cut into batches, and when each is read again."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from inventory.model import Span, epoch, instant
from inventory.timeline import subtract, union


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


def windows(
    span: Span, width: int, ages: Sequence[int], now: int, others: Iterable[Span] = ()
) -> Iterator[Window]:
    """Windows of ``width`` seconds that touch ``span`` and are old enough to be read, oldest first.

    They lie on a grid that nothing moves, so two runs, and two daemons, mean the same ones. A window is read when it is as old (counted
    from its end) as each of ``ages``, never in between. ``others`` are windows of another width that were read: they stay what they are,
    and the grid's are only what they leave over, so that no record is read as part of two windows.
    """
    grid = range(span[0] - span[0] % width, span[1], width)
    if not grid:
        return
    kept = sorted(one for one in others if one[1] > grid[0] and one[0] < grid[-1] + width)
    taken = union(kept)
    left = [piece for start in grid for piece in _left((start, start + width), taken)]
    for start, end in sorted([*kept, *left]):
        reading = sum(now - end >= age for age in ages)
        if reading:
            yield Window(start, end, reading)


def _left(window: Span, taken: Sequence[Span]) -> list[Span]:
    first = bisect_right(taken, window[0], key=lambda one: one[1])
    last = bisect_left(taken, window[1], key=lambda one: one[0])
    return subtract([window], taken[first:last])


def of_another_width(keys: Iterable[str], width: int) -> list[Span]:
    """Of the keys of windows, those that are none of a grid's of ``width`` seconds."""
    spans = [span for key in keys if (span := _span(key)) is not None]
    return [one for one in spans if one[1] - one[0] != width or one[0] % width]


def _span(key: str) -> Span | None:
    start, _, end = key.partition("/")
    try:
        return epoch(datetime.fromisoformat(start)), epoch(datetime.fromisoformat(end))
    except ValueError:  # a key of something else
        return None


def settled(width: int, ages: Sequence[int], now: int) -> int:
    """The end of the newest window that is old enough to be read."""
    ripe = now - min(ages)
    return ripe - ripe % width


def _text(moment: int) -> str:
    return instant(moment).strftime("%Y-%m-%dT%H:%M:%SZ")
