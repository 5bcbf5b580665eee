"""Stretches of time: what flow logs showed of interfaces and of themselves, row by row, joined by the database where nothing was between.

Of a year these are a hundred thousand rows, and a few stretches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    bindparam,
    case,
    func,
    select,
    text,
)

from inventory.model import Capture, CaptureKind, Span
from inventory.store.kept import kept_since
from inventory.store.tables import BATCH, CAPTURE, DELIVERED, SOURCE
from inventory.timeline import CHAIN_SLACK, MINUTE_AGGREGATION, PROVEN_GAP, joined

_CHUNK = 500
_ORDER = ("start", "end", "batch_id", "ordinal")


class Captured(NamedTuple):
    """A stretch of an interface's own records, and through which source and flow log it was seen (``""``: the name does not tell)."""

    source: str
    flow_log_id: str
    capture: Capture


class Delivery(NamedTuple):
    """A time in which a flow log was delivering: from a slot or first record to the last one."""

    source: str
    flow_log_id: str
    start: int
    end: int


def captures(conn: Connection, interface_ids: Collection[str], window: Span) -> list[Captured]:
    """The captures of some interfaces that touch ``window`` and are kept, joined where nobody could tell them apart from one.

    Those of one source and flow log that say seen and are no further apart than :data:`CHAIN_SLACK`, which is less than any silence that
    breaks a chain of records; those that say skipped where they touch. Those of records by the minute stay apart from longer ones, so that
    what reaches out of a time does not tell how long records were in it.
    """
    since = max(window[0], kept_since(conn).facts)
    found: list[Captured] = []
    wanted = sorted(interface_ids)
    for start in range(0, len(wanted), _CHUNK):
        here = and_(
            CAPTURE.c.interface_id.in_(wanted[start : start + _CHUNK]),
            CAPTURE.c.end >= since,
            CAPTURE.c.start < window[1],
        )
        found.extend(
            Captured(name, flow_log_id, Capture(interface_id, CaptureKind(kind), *span))
            for name, flow_log_id, interface_id, kind, *span in conn.execute(_joined(here)).all()
        )
    return found


def _joined(here: ColumnElement[bool]) -> Select[Any]:
    """Runs of captures: in the order of their begin, each that is too far behind all before it begins a new one.

    Both windows need the same order, also of captures that begin and end together.
    """
    by_minutes = case((CAPTURE.c.longest > MINUTE_AGGREGATION + 30, 0), else_=1)
    named = (SOURCE.c.name, BATCH.c.flow_log_id, CAPTURE.c.interface_id, CAPTURE.c.kind)
    ordered = [CAPTURE.c[name] for name in _ORDER]
    before = func.max(CAPTURE.c.end).over(
        partition_by=(*named, by_minutes), order_by=ordered, rows=(None, -1)
    )
    each = (
        select(
            *named,
            by_minutes.label("by_minutes"),
            *ordered,
            CAPTURE.c.longest,
            before.label("before"),
        )
        .join(BATCH, BATCH.c.id == CAPTURE.c.batch_id)
        .join(SOURCE, SOURCE.c.id == BATCH.c.source_id)
        .where(here)
        .subquery()
    )
    same = (*(each.c[column.name] for column in named), each.c.by_minutes)
    apart = case((each.c.kind == CaptureKind.SEEN.value, CHAIN_SLACK), else_=1)
    begins = case((each.c.start <= each.c.before + apart, 0), else_=1)
    number = func.sum(begins).over(
        partition_by=same, order_by=[each.c[name] for name in _ORDER], rows=(None, 0)
    )
    spans = (each.c.start, each.c.end, each.c.longest)
    runs = select(*same, *spans, number.label("number")).subquery()
    told = tuple(runs.c[column.name] for column in named)
    return select(
        *told, func.min(runs.c.start), func.max(runs.c.end), func.max(runs.c.longest)
    ).group_by(*told, runs.c.by_minutes, runs.c.number)


def deliveries(conn: Connection, flow_log_ids: Collection[str], window: Span) -> list[Delivery]:
    """When the output of some flow logs, read to the end, shows records inside ``window`` no further apart than :data:`PROVEN_GAP`.

    A record so little beyond the window counts: it shows that there was no silence at its edge. So of a time inside of the window this
    tells the same as the question about that time alone.
    """
    start = func.coalesce(BATCH.c.slot_start, BATCH.c.first_record)
    last = func.coalesce(BATCH.c.last_record, BATCH.c.slot_end)
    end = case((last < start, start), else_=last)
    # What begins within one such piece of time is joined anyway. Grouped by numbers alone, for that is most of the time that this takes.
    statement = (
        select(BATCH.c.source_id, func.min(start), func.max(end))
        .where(
            BATCH.c.flow_log_id == bindparam("flow_log"),
            text(DELIVERED),
            start < window[1] + PROVEN_GAP,
            end >= window[0] - PROVEN_GAP,
        )
        .group_by(BATCH.c.source_id, start - start % PROVEN_GAP)
    )
    names = {row.id: row.name for row in conn.execute(select(SOURCE.c.id, SOURCE.c.name))}
    found: list[Delivery] = []
    for flow_log_id in sorted(flow_log_ids):
        spans: dict[int, list[Span]] = defaultdict(list)
        for source, *span in conn.execute(statement, {"flow_log": flow_log_id}):
            spans[source].append((span[0], span[1]))
        found += [
            Delivery(names[source], flow_log_id, *clipped(one, window))
            for source, each in spans.items()
            for one in joined(each, PROVEN_GAP)
            if one[0] < window[1] and one[1] >= window[0]
        ]
    return sorted(found)


def clipped(span: Span, window: Span) -> Span:
    """What of a stretch, its last second included, lies inside a window that it touches."""
    return max(span[0], window[0]), min(span[1], window[1] - 1)
