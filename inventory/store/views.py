"""What answers read of the ledger: how far was read, what each flow log showed of an interface, and what could not be read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, and_, func, or_, select, text

from inventory.model import BatchState, CaptureKind, Span
from inventory.store import rejections
from inventory.store.kept import kept_since
from inventory.store.tables import (
    BATCH,
    CAPTURE,
    DELIVERED,
    SETTLED,
    SHOWN,
    SIGHTING,
    SOURCE,
    UNREAD,
)

Reader = Connection
"""An open transaction to read in: what the questions hand from one reading to the next without looking inside."""

_CHUNK = 500


class Frontier(NamedTuple):
    """From the first moment of which a source showed a record up to the end of the newest one's that is settled, exclusive."""

    first: int
    last: int


class Unread(NamedTuple):
    """A batch that was not read, or not to its end: a hole. ``slot`` is ``None`` when its name does not tell its time."""

    source: str
    flow_log_id: str
    key: str
    slot: Span | None
    state: BatchState
    problem: str


class Evidence(NamedTuple):
    """Where a batch can be found again."""

    source: str
    kind: str
    key: str


def frontiers(conn: Connection) -> dict[str, Frontier]:
    """By source name. A file whose lines were not examined still shows, by its slot, that there were records.

    A source of which more is to be expected for a while ends where it is settled: a late object may hold what its newest records do not.
    None begins before what is kept.
    """
    since = kept_since(conn).facts
    shown = (BATCH.c.source_id == SOURCE.c.id, text(SHOWN))
    first_record = select(func.min(BATCH.c.first_record)).where(*shown).scalar_subquery()
    last_record = select(func.max(BATCH.c.last_record)).where(*shown).scalar_subquery()
    first_slot = select(func.min(BATCH.c.slot_start)).where(*shown, BATCH.c.first_record.is_(None))
    last_slot = select(func.max(BATCH.c.slot_start)).where(*shown, BATCH.c.last_record.is_(None))
    statement = (
        select(
            SOURCE.c.name,
            first_record,
            first_slot.scalar_subquery(),
            last_record,
            last_slot.scalar_subquery(),
            SETTLED.c.until,
        )
        .select_from(SOURCE)
        .outerjoin(SETTLED, SETTLED.c.source_id == SOURCE.c.id)
    )
    found = {}
    for name, *firsts_and_lasts, settled in conn.execute(statement):
        firsts = [moment for moment in firsts_and_lasts[:2] if moment is not None]
        lasts = [moment for moment in firsts_and_lasts[2:] if moment is not None]
        if firsts and lasts:
            first, last = min(firsts), max(lasts)
            end = last + 1 if settled is None else min(last + 1, settled)
            found[name] = Frontier(first if first >= since else min(since, end), end)
    return found


def first_captures(conn: Connection, interface_ids: Collection[str]) -> dict[str, int]:
    """By interface, when its own records were first seen, as far as they are kept; those that never were are left out."""
    since = kept_since(conn).facts
    found: dict[str, int] = {}
    wanted = sorted(interface_ids)
    for start in range(0, len(wanted), _CHUNK):
        statement = (
            select(CAPTURE.c.interface_id, func.min(CAPTURE.c.start))
            .where(
                CAPTURE.c.interface_id.in_(wanted[start : start + _CHUNK]),
                CAPTURE.c.kind == CaptureKind.SEEN.value,
                CAPTURE.c.end >= since,
            )
            .group_by(CAPTURE.c.interface_id)
        )
        found.update((row[0], max(row[1], since)) for row in conn.execute(statement))
    return found


def first_delivery(conn: Connection, flow_log_ids: Collection[str]) -> int | None:
    """When any of some flow logs was first seen to deliver, as far as that is kept."""
    if not flow_log_ids:
        return None
    since = kept_since(conn).facts
    statement = select(func.min(func.coalesce(BATCH.c.first_record, BATCH.c.slot_start))).where(
        BATCH.c.flow_log_id.in_(sorted(flow_log_ids)),
        text(DELIVERED),
        BATCH.c.span_end >= since,
    )
    first = conn.execute(statement).scalar_one_or_none()
    return None if first is None else max(first, since)


def rejects_only(conn: Connection, source: str, flow_log_id: str) -> bool:
    """Whether all that a flow log (or a source's batches that name none) ever showed of port 2049 was rejected, and something was."""
    before = rejections.remembered(conn, source, flow_log_id)
    if before.accepted:
        return False
    shown = (
        select(SIGHTING.c.batch_id)
        .join(BATCH, BATCH.c.id == SIGHTING.c.batch_id)
        .join(SOURCE, SOURCE.c.id == BATCH.c.source_id)
        .where(
            SOURCE.c.name == source,
            BATCH.c.flow_log_id == flow_log_id,
            SIGHTING.c.last_seen >= kept_since(conn).facts,
        )
        .limit(1)
    )
    # Asked first, for of nearly every flow log one is found at once.
    if conn.execute(shown.where(SIGHTING.c.action != "REJECT")).first() is not None:
        return False
    return before.rejected or conn.execute(shown).first() is not None


def captured_through(conn: Connection, interface_ids: Sequence[str]) -> dict[str, set[str]]:
    """By interface, the names of the sources that showed its own records, as far as these are kept."""
    since = kept_since(conn).facts
    found: dict[str, set[str]] = defaultdict(set)
    for start in range(0, len(interface_ids), _CHUNK):
        statement = (
            select(CAPTURE.c.interface_id, SOURCE.c.name)
            .join(BATCH, BATCH.c.id == CAPTURE.c.batch_id)
            .join(SOURCE, SOURCE.c.id == BATCH.c.source_id)
            .where(
                CAPTURE.c.interface_id.in_(interface_ids[start : start + _CHUNK]),
                CAPTURE.c.end >= since,
            )
            .distinct()
        )
        for interface_id, name in conn.execute(statement):
            found[interface_id].add(name)
    return found


def unread(conn: Connection, window: Span | None = None) -> list[Unread]:
    """Batches that failed, were cut, or went before they were read, and that can hold something of ``window``, by source and key."""
    statement = (
        select(
            SOURCE.c.name,
            BATCH.c.flow_log_id,
            BATCH.c.key,
            BATCH.c.slot_start,
            BATCH.c.slot_end,
            BATCH.c.state,
            BATCH.c.problem,
        )
        .join(SOURCE, SOURCE.c.id == BATCH.c.source_id)
        .where(text(UNREAD))
        .order_by(SOURCE.c.name, BATCH.c.key)
    )
    if window is not None:
        day = 86_400
        near = and_(BATCH.c.slot_end >= window[0] - day, BATCH.c.slot_start < window[1] + day)
        statement = statement.where(or_(BATCH.c.slot_start.is_(None), near))
    return [
        Unread(
            row.name,
            row.flow_log_id,
            row.key,
            None if row.slot_start is None else (row.slot_start, row.slot_end),
            BatchState(row.state),
            row.problem,
        )
        for row in conn.execute(statement)
    ]


def evidence(conn: Connection, batch_ids: Collection[int]) -> dict[int, Evidence]:
    """Where the batches of some ids can be found."""
    found: dict[int, Evidence] = {}
    wanted = sorted(batch_ids)
    for start in range(0, len(wanted), _CHUNK):
        statement = (
            select(BATCH.c.id, SOURCE.c.name, SOURCE.c.kind, BATCH.c.key)
            .join(SOURCE, SOURCE.c.id == BATCH.c.source_id)
            .where(BATCH.c.id.in_(wanted[start : start + _CHUNK]))
        )
        found |= {row.id: Evidence(row.name, row.kind, row.key) for row in conn.execute(statement)}
    return found
