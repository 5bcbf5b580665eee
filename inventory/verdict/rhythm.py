"""How long a file system was left alone between two uses: how long one must look before silence means anything."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from inventory.model import Span
from inventory.verdict.facts import History

TIMES = 2
"""A window this many times as long as the longest silence sees the next use, if it comes as late again as it ever did."""


class Rhythm(NamedTuple):
    """One silence, and from when on a window could be long enough to have seen its end."""

    silence: int
    """Seconds."""
    workload: str
    """Whose; ``""``: of all together."""
    last: int
    """The newest use that is known, or may be: nothing has been seen since."""

    @property
    def until(self) -> int:
        """The end of the earliest window that is long enough and holds no use."""
        return self.last + TIMES * self.silence


def rhythms(history: History, until: int) -> list[Rhythm]:
    """The longest silence of all together and of each workload, by what is known before ``until``; none when nothing was ever used.

    One silence counts that is not between two uses: from when somebody began to look until the first use. Whatever comes once a quarter was
    silent as long before the first time that it was seen. And a stretch that nobody looked at may hold a use, so silence may reach from
    the last known use to there. Both make the rhythm longer when something was not seen, never shorter.

    Uses that only a metric knows make a rhythm of their own, together with all others: beside the one without them, for somebody who counts
    as no user may have been all that was connected.
    """
    found: list[Rhythm | None] = []
    everybody = [span for spans in history.uses.values() for span in spans]
    if history.since is not None:
        blind = [span for span in history.blind if span[0] < until]
        each = {"": everybody, **history.uses}
        found += [_of(name, spans, blind, history.since) for name, spans in sorted(each.items())]
    if history.witnessed:
        first = min(start for start, _ in history.witnessed)
        since = first if history.since is None else min(first, history.since)
        blind = [span for span in history.witnessed_blind if span[0] < until]
        found.append(_of("", [*everybody, *history.witnessed], blind, since))
    return [rhythm for rhythm in found if rhythm is not None]


def _of(workload: str, spans: Iterable[Span], blind: Iterable[Span], since: int) -> Rhythm | None:
    silence, last, known = 0, since, False
    for start, end in sorted(spans):
        silence, last, known = max(silence, start - last), max(last, end), True
    hidden = max((end for _, end in blind), default=last)
    if hidden > last:
        silence, last, known = max(silence, hidden - last), hidden, True
    return Rhythm(silence, workload, last) if known else None
