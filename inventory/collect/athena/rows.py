"""The rows of a window's result become facts, or are found to be fewer than there were."""

from __future__ import annotations

from collections.abc import Iterable

from inventory.aws import corrupt
from inventory.collect.athena.sql import COLUMNS, END, KEYS
from inventory.flowlog.aggregated import TEXTS, AggregatedRow, Aggregating, Part
from inventory.model import Folded, Known, Outcome, Span

_COUNTED = {
    "nodata_elsewhere": Outcome.NODATA,
    "skipdata_elsewhere": Outcome.SKIPDATA,
    "other_elsewhere": Outcome.OTHER_PORT,
    "not_tcp": Outcome.NOT_TCP,
    "malformed": Outcome.MALFORMED,
    "no_time": Outcome.NO_TIME,
}
"""Kinds of rows that tell how many records there were, and nothing else."""

_PARTS = {part.value: part for part in Part}
_NAMES = tuple(TEXTS[key] for key in KEYS)
_CALL = "athena.get-query-results"


class Window:
    """What a window holds."""

    def __init__(self, folded: Folded, *, crowded: bool, held: int) -> None:
        self.folded = folded
        self.crowded = crowded
        """Holes were too many to keep them all."""
        self.held = held
        """Records that start in it, of whatever kind."""


def folded(rows: Iterable[list[str | None]], known: Known, window: Span, form: str) -> Window:
    """All rows of a result. Raises ``AwsError`` when they are not all, or not of a window's query."""
    folding = Aggregating(known, window)
    counts: dict[Outcome, int] = {}
    reach: list[int] = []
    read = held = total = 0
    for row in rows:
        if len(row) != len(COLUMNS):
            raise corrupt(_CALL, f"a row of {len(row)} values")
        kind, texts = row[0] or "", row[1 : 1 + len(KEYS)]
        first, last, longest, records, packets, size, total = _numbers(row[1 + len(KEYS) :])
        read += 1
        held += records
        if kind in _PARTS:
            named = {name: value or "" for name, value in zip(_NAMES, texts, strict=True)}
            folding.add(
                AggregatedRow(_PARTS[kind], first, last, longest, records, packets, size, **named)
            )
        elif kind in _COUNTED:
            counts[_COUNTED[kind]] = counts.get(_COUNTED[kind], 0) + records
            if kind.endswith("_elsewhere"):
                reach += [first, last]
        elif kind != END:
            raise corrupt(_CALL, f"a row of an unknown kind, {kind[:40]!r}")
    total = max(total, 1)  # that of the end is always there
    if read != total:
        raise corrupt(_CALL, f"{read:,} rows where there are {total:,}")
    found = folding.finish(form)
    for outcome, count in counts.items():
        found.tally.add(outcome, count)
    _widen(found, reach)
    return Window(found, crowded=folding.crowded, held=held)


def _numbers(values: list[str | None]) -> list[int]:
    try:
        return [int(value) if value else 0 for value in values]
    except ValueError:
        raise corrupt(_CALL, "a number that is none") from None


def _widen(found: Folded, reach: list[int]) -> None:
    """Records that are of no interest still show how far the log reaches."""
    if reach:
        first, last = found.first_record, found.last_record
        found.first_record = min(reach) if first is None else min(first, *reach)
        found.last_record = max(reach) if last is None else max(last, *reach)
