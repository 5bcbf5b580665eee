"""What CloudWatch tells that flow logs do not: somebody connected whom nobody saw, and a mount that nothing is read or written through."""

from __future__ import annotations

from dataclasses import dataclass

from inventory.model import HOUR, Span

LATE = 3 * HOUR
"""Seconds at the end of a window of which metrics need not tell yet: they are asked by the hour, and come late."""


@dataclass(frozen=True, slots=True)
class Connections:
    """Periods that follow each other, in each of which somebody was connected."""

    start: int
    end: int
    period: int
    """Seconds of each: when in it somebody was connected is not told."""
    most: int
    """At the same time, on an average over one of the periods, never rounded down."""


@dataclass(frozen=True, slots=True)
class Untouched:
    """Since when it is known that nothing was read or written, and up to when that is known."""

    since: int
    until: int


def all_through(untouched: Untouched | None, window: Span) -> bool:
    """Whether nothing was read or written in all of a window, as far as can be known at its end; one shorter than that tells nothing."""
    return (
        untouched is not None
        and window[1] - window[0] > LATE
        and untouched.since <= window[0]
        and untouched.until >= window[1] - LATE
    )
