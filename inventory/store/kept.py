"""Since when what is kept. What is older is forgotten, or about to be.

Each moment is written down before anything is deleted, and is only ever made later. From then on nothing older is counted, derived or
told as looked at, whether its rows are still there or not: so they may go in any order, and whoever is killed in between changes no answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, func, select

from inventory.model import DAY, HOUR, Batch, BatchRef
from inventory.store.statements import upsert
from inventory.store.tables import META


class Kept(NamedTuple):
    """Since when, in epoch seconds, whole days; ``0``: everything is kept."""

    facts: int = 0
    """Sightings, captures and the ledger: what is older is not counted, and time before it was not looked at."""
    mounts: int = 0
    """Derived mounts. Those from before ``facts`` stay as they were derived."""
    knowledge: int = 0
    """Sweeps, and things that were last seen before it."""


_NAMES = {name: f"{name}_since" for name in Kept._fields}


def kept_since(conn: Connection) -> Kept:
    """Since when everything is kept."""
    wanted = select(META.c.name, META.c.value).where(META.c.name.in_(_NAMES.values()))
    found = {row.name: row.value for row in conn.execute(wanted)}
    return Kept(**{name: found.get(stored, 0) for name, stored in _NAMES.items()})


def keep(conn: Connection, since: Kept) -> None:
    """Forget what is older; a moment that is later already stays."""
    raise_moments(conn, {_NAMES[name]: at for name, at in since._asdict().items() if at > 0})


def raise_moments(conn: Connection, values: Mapping[str, int]) -> None:
    """Write moments down, unless later ones are there."""
    if not values:
        return
    statement = upsert(conn, META)
    statement = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"value": statement.excluded.value},
        where=META.c.value < statement.excluded.value,
    )
    conn.execute(statement, [{"name": name, "value": value} for name, value in values.items()])


def days_before(
    conn: Connection, hours: ColumnElement[int], until: int, since: int = 0
) -> Iterator[ColumnElement[bool]]:
    """One condition for each day of rows between two moments: a year may be forgotten at once, and no statement may last long."""
    first = conn.execute(select(func.min(hours)).where(hours >= since, hours < until)).scalar()
    for begin in range(first, until, DAY) if first is not None else ():
        yield and_(hours >= begin, hours < min(begin + DAY, until))


# -- what comes late -----------------------------------------------------------------------------------------------------------------------


def is_forgotten(ref: BatchRef, since: int) -> bool:
    """Whether a batch, by the time that its name tells, holds nothing that would be kept: no record is longer than an hour.

    The ledger forgets a batch by the same rule, so what it forgets is not read again.
    """
    return ref.slot is not None and ref.slot[1] <= since - HOUR


def kept_part(batch: Batch, since: int) -> Batch:
    """The batch without facts that ended before a moment; its tally tells what was read all the same."""
    first = batch.folded.first_record
    if not since or (first is not None and first >= since):
        return batch
    sightings = [one for one in batch.folded.sightings if one.last_seen >= since]
    captures = [one for one in batch.folded.captures if one.end >= since]
    return replace(batch, folded=replace(batch.folded, sightings=sightings, captures=captures))
