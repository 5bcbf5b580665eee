"""How long somebody was not seen, and how much of that time somebody looked: silence that nobody watched proves nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from datetime import datetime
from itertools import accumulate
from typing import Any, NamedTuple, Self


class Quiet(NamedTuple):
    """Seconds of silence."""

    seen: int
    all: int


class Silence:
    """Of one file system, up to ``as_of``. Bridged time was not seen: a witness says that nobody was there, not that this one is gone."""

    def __init__(self, as_of: int | None, blind: list[tuple[int, int]]) -> None:
        """``blind`` are the spans that were not seen, ascending, none touching another."""
        self._as_of = as_of
        self._ends = [end for _, end in blind]
        self._starts = [start for start, _ in blind]
        lengths = [end - start for start, end in blind]
        self._after = [*reversed([*accumulate(reversed(lengths))]), 0]
        """From each span on, how much is blind."""

    @classmethod
    def of(cls, answer: Mapping[str, Any]) -> Self:
        """By an answer of ``who``, whose window reaches to ``as_of``."""
        as_of = None if answer["as_of"] is None else seconds(answer["as_of"])
        gaps = answer["coverage"]["gaps"]
        return cls(as_of, [(seconds(gap["start"]), seconds(gap["end"])) for gap in gaps])

    def since(self, moment: str) -> Quiet:
        """From a moment (ISO 8601) until ``as_of``; none while nothing was read."""
        start = seconds(moment)
        if self._as_of is None or start >= self._as_of:
            return Quiet(0, 0)
        first = bisect_left(self._ends, start + 1)  # the first that reaches beyond the moment
        blind = self._after[first]
        if first < len(self._starts):
            blind -= max(0, start - self._starts[first])
        everything = self._as_of - start
        return Quiet(everything - blind, everything)


def seconds(text: str) -> int:
    """Epoch seconds of a moment as answers show it."""
    return int(datetime.fromisoformat(text).timestamp())
