"""What flow logs said, by batch: recording one replaces whatever was said under its key before.

A batch *holds* facts when its content was recorded (its digest says so). The same content under several keys of a source is held
once, by the first of them in order of key, so that the order of reading decides nothing; the others are ``duplicate``. When the
holder's content changes, the next of them takes its facts over as they are.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from inventory.model import HOUR, Batch, BatchState, Sighting
from inventory.resolve.derive import Unit, reached_units
from inventory.store import tallies
from inventory.store.kept import kept_part, kept_since
from inventory.store.statements import chunks, insert_rows
from inventory.store.tables import BATCH, CAPTURE, JOINED, SIGHTING, SOURCE
from inventory.store.values import storable

MOST = 2**63 - 1
"""The databases' largest integer. A count above it is made up, and is kept as this."""

_HOLDING = frozenset({BatchState.DONE, BatchState.PARTIAL})
_HELD = ("format", "records", "tally", "bad", "first_record", "last_record")
"""What a batch says of its content, and hands over with it."""


_LAST_SEEN = [column.name for column in SIGHTING.columns].index("last_seen")


class _Row(NamedTuple):
    """A batch as the ledger has it. ``digest`` is ``""`` unless its content was recorded, here or under another key."""

    id: int
    key: str
    state: str
    digest: str
    span_start: int | None
    span_end: int | None
    records: int

    @property
    def holds(self) -> bool:
        return bool(self.digest) and self.state != BatchState.DUPLICATE.value


_ROW = select(*(BATCH.c[name] for name in _Row._fields))


# -- sources -----------------------------------------------------------------------------------------------------------------------------


def source_id(conn: Connection, name: str, kind: str) -> int:
    """The number of a source, new ones being written down. A source that changed its kind (files became s3) stays the same source."""
    found = conn.execute(
        select(SOURCE.c.id, SOURCE.c.kind).where(SOURCE.c.name == name)
    ).one_or_none()
    if found is None:
        new = insert(SOURCE).values(name=name, kind=kind).returning(SOURCE.c.id)
        return int(conn.execute(new).scalar_one())
    if found.kind != kind:
        conn.execute(update(SOURCE).where(SOURCE.c.id == found.id).values(kind=kind))
    return int(found.id)


def done(conn: Connection, source: str) -> dict[str, tuple[str, BatchState]]:
    """Version and state of every batch of a source that was ever looked at, by key. Keys are as :func:`storable` spells them."""
    statement = select(BATCH.c.key, BATCH.c.version, BATCH.c.state).join(
        SOURCE, SOURCE.c.id == BATCH.c.source_id
    )
    return {
        key: (version, BatchState(state))
        for key, version, state in conn.execute(statement.where(SOURCE.c.name == source))
    }


def forget(conn: Connection, source: str, listed: Collection[str]) -> None:
    """Drop the rows of batches that could never be read, tell no time, and are not ``listed`` any more.

    Such a batch is a hole of all the source's time; once it is gone nobody can ever mend it. One whose name tells its time stays a hole
    of that.
    """
    statement = (
        select(BATCH.c.id, BATCH.c.key)
        .join(SOURCE, SOURCE.c.id == BATCH.c.source_id)
        .where(
            SOURCE.c.name == source,
            BATCH.c.state == BatchState.FAILED.value,
            BATCH.c.digest == "",
            BATCH.c.slot_start.is_(None),
        )
    )
    spelled = {storable(key) for key in listed}
    gone = [row.id for row in conn.execute(statement) if row.key not in spelled]
    for some in chunks(gone):
        conn.execute(delete(BATCH).where(BATCH.c.id.in_(some)))


# -- recording ---------------------------------------------------------------------------------------------------------------------------


def record_batches(conn: Connection, source: int, batches: Iterable[Batch]) -> set[Unit]:
    """Write batches and their facts, replacing what earlier versions of them said; return the units that were touched.

    What was read well once is not given up because it cannot be read any more: a batch that failed, or is gone, keeps the facts of its
    last good reading. Of two batches with one key the later counts. Facts from before what is kept are left out.
    """
    since = kept_since(conn).facts
    wanted = {storable(batch.ref.key): kept_part(batch, since) for batch in batches}
    known = _rows_by_key(conn, source, wanted)
    joined = joined_batches(conn, [row.id for row in known.values()])
    wanted = {
        key: _unless_joined(_unless_eaten(batch, known.get(key)), known.get(key), joined)
        for key, batch in wanted.items()
    }
    contested = _contested(conn, source, wanted)
    # Nearly always: content that nobody has, under a key that nobody had. No need to look at what others say.
    plain = {
        key: batch
        for key, batch in sorted(wanted.items())
        if batch.state in _HOLDING and key not in known and _mark(key, batch) not in contested
    }
    _insert_ledger(
        conn, source, {key: batch for key, batch in wanted.items() if key not in known}, plain
    )
    _update_ledger(
        conn, [(known[key], batch) for key, batch in wanted.items() if key in known], joined
    )
    rows = _rows_by_key(conn, source, wanted)
    touched = _insert_facts(conn, [(rows[key].id, batch) for key, batch in plain.items()])
    for key in sorted(wanted.keys() - plain.keys()):
        touched |= _settle(conn, source, rows[key], wanted[key], known.get(key))
    return touched


def _unless_eaten(batch: Batch, before: _Row | None) -> Batch:
    """The batch; or, when a log forgot a part of it since it was last read, the word that it is gone: then the earlier reading stands."""
    now = batch.folded.tally.records
    if not batch.ref.shrinks or batch.state not in _HOLDING or before is None or not before.holds:
        return batch
    if now >= before.records:
        return batch
    problem = f"{now:,} records where there were {before.records:,}: the log forgets; what was read before is kept"
    return replace(batch, state=BatchState.GONE, problem=problem)


def joined_batches(conn: Connection, ids: Iterable[int]) -> set[int]:
    """Those of some batches whose facts were joined with those of others (:mod:`inventory.store.compact`)."""
    found: set[int] = set()
    for some in chunks(ids):
        wanted = select(JOINED.c.batch_id).where(JOINED.c.batch_id.in_(some))
        found.update(conn.execute(wanted).scalars())
    return found


def _unless_joined(batch: Batch, before: _Row | None, joined: Collection[int]) -> Batch:
    """The batch; or, when its facts were joined with those of others and cannot be taken back, the word that the earlier reading stands."""
    if before is None or before.id not in joined or batch.state is BatchState.FAILED:
        return batch
    same = (
        batch.state in _HOLDING
        and _mark(before.key, batch) == before.digest
        and batch.folded.tally.records == before.records  # of a window there is no digest
    )
    told = (
        "it changed after its facts were joined with those of others: what was read before is kept"
    )
    return replace(batch, state=BatchState.GONE, problem="" if same else batch.problem or told)


def _settle(
    conn: Connection, source: int, row: _Row, batch: Batch, before: _Row | None
) -> set[Unit]:
    """The whole rule, for one batch whose row is written; ``before`` is the row as it was before that."""
    row = _Row(
        *conn.execute(_ROW.where(BATCH.c.id == row.id)).one()
    )  # one settled just before may have changed it
    if batch.state in _HOLDING:
        return _replace(conn, source, row, batch, before)
    if batch.state is BatchState.FOREIGN and row.digest:
        return _release(conn, source, row, before)
    return set()


def _mark(key: str, batch: Batch) -> str:
    """What tells this content from others; a source that gives no digest has no duplicates."""
    if not batch.digest:
        return f"of {key}"
    # Two flow logs may say the same; each is its own witness.
    mark = f"{batch.digest} {batch.ref.flow_log_id}".rstrip()
    slot, told = batch.ref.slot, batch.folded.format
    if slot is None or "${start}" in told or "${end}" in told:
        return mark
    return f"{mark} {slot[0]}"  # its time is its name's: the same bytes at another time are other facts


def _contested(conn: Connection, source: int, wanted: Mapping[str, Batch]) -> set[str]:
    """Digests that another batch has: in the ledger already, or twice among ``wanted``."""
    counts = Counter(_mark(key, batch) for key, batch in wanted.items())
    found = {mark for mark, count in counts.items() if count > 1}
    statement = select(BATCH.c.digest).where(BATCH.c.source_id == source)
    for some in chunks(sorted(counts)):
        found.update(conn.execute(statement.where(BATCH.c.digest.in_(some))).scalars())
    return found


def _rows_by_key(conn: Connection, source: int, keys: Iterable[str]) -> dict[str, _Row]:
    found: dict[str, _Row] = {}
    for some in chunks(sorted(keys)):
        rows = conn.execute(_ROW.where(BATCH.c.source_id == source, BATCH.c.key.in_(some)))
        found |= {row.key: _Row(*row) for row in rows}
    return found


def _insert_ledger(
    conn: Connection, source: int, new: Mapping[str, Batch], plain: Collection[str]
) -> None:
    rows = [
        {
            "source_id": source,
            "key": key,
            "state": batch.state.value,
            "digest": _mark(key, batch) if key in plain else "",
            **_content(batch),
            **_identity(batch),
        }
        for key, batch in new.items()
    ]
    if rows:
        conn.execute(insert(BATCH), rows)


def _update_ledger(
    conn: Connection, old: Sequence[tuple[_Row, Batch]], joined: Collection[int]
) -> None:
    """The new version of batches that were there. What is said of content is written with the content."""
    if not old:
        return
    rows = [
        {
            "b_id": row.id,
            "state": _state_of_joined(row, batch) if row.id in joined else _state(row, batch),
            **_identity(batch, row),
        }
        for row, batch in old
    ]
    names = [name for name in rows[0] if name != "b_id"]
    conn.execute(
        update(BATCH)
        .where(BATCH.c.id == bindparam("b_id"))
        .values({name: bindparam(name) for name in names}),
        rows,
    )


def _state(row: _Row, batch: Batch) -> str:
    was_read_while_there = batch.state is BatchState.GONE and row.digest
    not_looked_at_yet = batch.state in _HOLDING and row.state == BatchState.DUPLICATE.value
    return row.state if was_read_while_there or not_looked_at_yet else batch.state.value


def _state_of_joined(row: _Row, batch: Batch) -> str:
    """It was read to its end when it was joined. What is read again since is as good, unless it holds more than what is kept: a hole."""
    if batch.state is not BatchState.GONE or not batch.folded.tally.records:
        return _state(row, batch)
    more = batch.folded.tally.records > row.records
    return (BatchState.GONE if more else BatchState.DONE).value


def _identity(batch: Batch, before: _Row | None = None) -> dict[str, Any]:
    """What the ledger says of a batch whatever became of it."""
    ref, slot = batch.ref, batch.ref.slot or (None, None)
    told = [*slot, batch.folded.first_record, batch.folded.last_record]
    if before is not None and batch.state not in _HOLDING:
        told += [before.span_start, before.span_end]  # the facts that are kept lie there
    moments = [moment for moment in told if moment is not None]
    return {
        "version": storable(ref.version),
        "problem": storable(batch.problem),
        "size": ref.size,
        "flow_log_id": storable(ref.flow_log_id),
        "account": storable(ref.account),
        "region": storable(ref.region),
        "slot_start": slot[0],
        "slot_end": slot[1],
        "span_start": min(moments, default=None),
        "span_end": max(moments, default=None),
    }


def _content(batch: Batch) -> dict[str, Any]:
    """What a batch's own content tells."""
    folded = batch.folded
    return {
        "format": storable(folded.format),
        "records": folded.tally.records,
        "tally": tallies.text_of(folded),
        "bad": json.dumps(folded.tally.bad),
        "first_record": folded.first_record,
        "last_record": folded.last_record,
    }


def _replace(
    conn: Connection, source: int, row: _Row, batch: Batch, before: _Row | None
) -> set[Unit]:
    """Let ``row`` hold the content of ``batch``, or be the duplicate of the batch that does."""
    mark, touched = _mark(row.key, batch), set()
    if row.digest and row.digest != mark:
        touched = _release(conn, source, row, before)
    elif row.holds:
        touched = _delete_facts(conn, row.id)
    holder = (
        _other(conn, source, row.id, mark, duplicate=False) if batch.folded.tally.records else None
    )
    if holder is not None and (
        holder.key < row.key
        or joined_batches(conn, [holder.id])  # what is joined stays where it is
    ):
        _make_duplicate(conn, row.id, mark, holder.key)
        return touched
    if holder is not None:
        touched |= _delete_facts(conn, holder.id)
        _make_duplicate(conn, holder.id, mark, row.key)
    held = {
        "state": batch.state.value,
        "digest": mark,
        "problem": storable(batch.problem),
        **_content(batch),
    }
    conn.execute(update(BATCH).where(BATCH.c.id == row.id).values(held))
    if holder is not None:
        _point_duplicates(conn, source, mark, row.key)
    return touched | _insert_facts(conn, [(row.id, batch)])


_NOTHING = {"records": 0, "tally": "{}", "bad": "[]", "first_record": None, "last_record": None}


def _make_duplicate(conn: Connection, batch_id: int, mark: str, holder: str) -> None:
    said = {
        "state": BatchState.DUPLICATE.value,
        "digest": mark,
        "problem": _same_as(holder),
        **_NOTHING,
    }
    conn.execute(update(BATCH).where(BATCH.c.id == batch_id).values(said))


def _point_duplicates(conn: Connection, source: int, mark: str, holder: str) -> None:
    chosen = (
        BATCH.c.source_id == source,
        BATCH.c.digest == mark,
        BATCH.c.state == BatchState.DUPLICATE.value,
    )
    conn.execute(update(BATCH).where(*chosen).values(problem=_same_as(holder)))


def _same_as(holder: str) -> str:
    return f"the same content as {holder}"


def _other(
    conn: Connection, source: int, batch_id: int, mark: str, *, duplicate: bool
) -> _Row | None:
    """The first other batch of the source with this content: the one that holds it, or a duplicate."""
    state = BATCH.c.state == BatchState.DUPLICATE.value
    chosen = (
        BATCH.c.source_id == source,
        BATCH.c.digest == mark,
        BATCH.c.id != batch_id,
        state if duplicate else ~state,
    )
    found = conn.execute(_ROW.where(*chosen).order_by(BATCH.c.key).limit(1)).one_or_none()
    return None if found is None else _Row(*found)


def _release(conn: Connection, source: int, row: _Row, before: _Row | None) -> set[Unit]:
    """``row`` has its old content no more; if it held it, a duplicate takes the facts over as they are."""
    touched: set[Unit] = set()
    if row.holds:
        heir = _other(conn, source, row.id, row.digest, duplicate=True)
        touched = (
            _delete_facts(conn, row.id)
            if heir is None
            else _hand_over(conn, source, before or row, heir)
        )
    conn.execute(update(BATCH).where(BATCH.c.id == row.id).values(digest="", **_NOTHING))
    return touched


def _hand_over(conn: Connection, source: int, holder: _Row, heir: _Row) -> set[Unit]:
    touched = _units_of(conn, holder.id)
    for table in (SIGHTING, CAPTURE):
        conn.execute(update(table).where(table.c.batch_id == holder.id).values(batch_id=heir.id))
    held = (
        conn.execute(select(*(BATCH.c[name] for name in _HELD)).where(BATCH.c.id == holder.id))
        .one()
        ._asdict()
    )
    whole = holder.state != BatchState.PARTIAL.value
    held |= {
        "state": (BatchState.DONE if whole else BatchState.PARTIAL).value,
        "problem": "" if whole else "cut",
    }
    conn.execute(update(BATCH).where(BATCH.c.id == heir.id).values(held))
    _point_duplicates(conn, source, holder.digest, heir.key)
    return touched


# -- facts of a batch --------------------------------------------------------------------------------------------------------------------


def _delete_facts(conn: Connection, batch_id: int) -> set[Unit]:
    touched = _units_of(conn, batch_id)
    for table in (SIGHTING, CAPTURE):
        conn.execute(delete(table).where(table.c.batch_id == batch_id))
    return touched


def _units_of(conn: Connection, batch_id: int) -> set[Unit]:
    unit = (SIGHTING.c.server, SIGHTING.c.true_client, SIGHTING.c.hour)
    statement = select(*unit, func.max(SIGHTING.c.last_seen)).group_by(*unit)
    mine = statement.where(SIGHTING.c.batch_id == batch_id, SIGHTING.c.stray == 0)
    return set().union(*(reached_units(Unit(*row[:3]), row[3]) for row in conn.execute(mine)))


def _insert_facts(conn: Connection, batches: Sequence[tuple[int, Batch]]) -> set[Unit]:
    rows = [
        _sighting_row(number, ordinal, one)
        for number, batch in batches
        for ordinal, one in enumerate(batch.folded.sightings)
    ]
    insert_rows(conn, SIGHTING, rows)
    captures = [
        (
            number,
            ordinal,
            storable(one.interface_id),
            one.kind.value,
            one.start,
            one.end,
            one.longest,
        )
        for number, batch in batches
        for ordinal, one in enumerate(batch.folded.captures)
    ]
    insert_rows(conn, CAPTURE, captures)
    last: dict[Unit, int] = {}
    for row in rows:
        if not row[-1]:
            unit = Unit(row[3], row[4], row[2])
            last[unit] = max(row[_LAST_SEEN], last.get(unit, 0))
    return set().union(*(reached_units(unit, seen) for unit, seen in last.items()))


def _sighting_row(batch_id: int, ordinal: int, sighting: Sighting) -> tuple[Any, ...]:
    """In the order of the table's columns."""
    s = sighting
    texts: tuple[str, ...] = (
        s.server,
        s.pkt_client or s.client,
        s.interface_id,
        s.vpc_id,
        s.client,
        s.action,
        s.pkt_client,
    )
    texts = (*texts, s.instance_id, s.task_arn, s.next_hop, s.az_id)
    joined = "".join(texts)
    if not joined.isascii() or "\0" in joined:
        texts = tuple(map(storable, texts))
    counts: tuple[int, ...] = (
        s.requests,
        s.responses,
        s.packets_in,
        s.bytes_in,
        s.packets_out,
        s.bytes_out,
    )
    if max(counts) > MOST:
        counts = tuple(min(count, MOST) for count in counts)
    hour = s.first_seen - s.first_seen % HOUR
    return (batch_id, ordinal, hour, *texts, s.first_seen, s.last_seen, *counts, int(s.stray))
