"""What is only kept in case that a later sweep explains it: strays, and captures of interfaces that nobody knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, select, text, update

from inventory.model import DAY, HOUR, Outcome
from inventory.resolve.derive import Unit
from inventory.store import tallies
from inventory.store.kept import raise_moments
from inventory.store.statements import chunks
from inventory.store.tables import BATCH, CAPTURE, META, SIGHTING

STRAYS_KEPT = 7 * DAY
"""Strays, and captures of interfaces that are no server's, older than this before ``as_of`` are given up."""


def flip_strays(conn: Connection, servers: Collection[str]) -> set[Unit]:
    """Let strays at ``servers`` be sightings, in the batches' tallies too; return the units that this touches."""
    at = [
        row[0]
        for row in conn.execute(select(SIGHTING.c.server).where(SIGHTING.c.stray == 1).distinct())
    ]
    wanted = sorted(set(at) & set(servers))
    touched: set[Unit] = set()
    moved: dict[int, list[_Flipped]] = defaultdict(list)
    for some in chunks(wanted):
        chosen = (SIGHTING.c.stray == 1, SIGHTING.c.server.in_(some))
        statement = select(
            SIGHTING.c.server,
            SIGHTING.c.true_client,
            SIGHTING.c.hour,
            SIGHTING.c.batch_id,
            SIGHTING.c.requests,
            SIGHTING.c.responses,
            *(SIGHTING.c[column] for column in tallies.FIELDS.values()),
        )
        for server, client, hour, batch_id, asked, answered, *named in conn.execute(
            statement.where(*chosen)
        ):
            touched |= {Unit(server, client, hour), Unit(server, client, hour + HOUR)}
            fields = dict(zip(tallies.FIELDS, map(bool, named), strict=True))
            moved[batch_id].append(_Flipped(asked, answered, fields))
        conn.execute(update(SIGHTING).where(*chosen).values(stray=0))
    _move_tallies(conn, moved)
    return touched


class _Flipped(NamedTuple):
    """A stray that is a sighting now."""

    requests: int
    responses: int
    named: dict[str, bool]
    """By field whether it told it."""


def _move_tallies(conn: Connection, moved: Mapping[int, Sequence[_Flipped]]) -> None:
    rows = []
    for some in chunks(sorted(moved)):
        for batch_id, told in conn.execute(
            select(BATCH.c.id, BATCH.c.tally).where(BATCH.c.id.in_(some))
        ):
            tally = tallies.read(told)
            for one in moved[batch_id]:
                _move(tally, one)
            rows.append({"b_id": batch_id, "b_tally": tallies.written(tally)})
    if rows:
        conn.execute(
            update(BATCH).where(BATCH.c.id == bindparam("b_id")).values(tally=bindparam("b_tally")),
            rows,
        )


def _move(tally: tallies.Told, one: _Flipped) -> None:
    records = one.requests + one.responses
    for outcome, change in (
        (Outcome.REQUEST, one.requests),
        (Outcome.RESPONSE, one.responses),
        (Outcome.STRAY, -records),
    ):
        tally.counts[outcome.value] = tally.counts.get(outcome.value, 0) + change
    fields = tally.fields or {}
    for name, known in fields.items():
        told = one.named[name]
        fields[name] = known.plus(records * told, records * (not told))


def prune(conn: Connection, as_of: int, servers: Collection[str]) -> None:
    """Give up strays, and captures of interfaces that are none of ``servers`` (interface ids), that are a week older than ``as_of``.

    A capture that reaches out of that time is cut: of an interface whose strays are given up it proves no silence.
    ``as_of`` is of the data, so that reading old logs today gives what reading them then gave.
    """
    before = as_of - STRAYS_KEPT
    raise_moments(conn, {_GIVEN_UP: before})
    conn.execute(
        delete(SIGHTING).where(
            SIGHTING.c.stray == 1, SIGHTING.c.hour < before - HOUR, SIGHTING.c.last_seen < before
        )
    )
    unknown = sorted(captured_interfaces(conn) - set(servers))
    for some in chunks(unknown):
        theirs = CAPTURE.c.interface_id.in_(some)
        conn.execute(delete(CAPTURE).where(theirs, CAPTURE.c.end < before))
        conn.execute(update(CAPTURE).where(theirs, CAPTURE.c.start < before).values(start=before))


def came_late(conn: Connection, servers: Collection[str]) -> None:
    """Remember of servers that nobody knew until now that what was read of them longest ago is given up: reading it proves nothing."""
    before = conn.execute(select(META.c.value).where(META.c.name == _GIVEN_UP)).scalar()
    if before is not None:
        raise_moments(conn, {f"{_GIVEN_UP} {server}": before for server in sorted(servers)})


def given_up(conn: Connection) -> dict[str, int]:
    """By a server's address, before when what was read of it may have been given up; those that were known in time are left out."""
    named = META.c.name.startswith(f"{_GIVEN_UP} ", autoescape=True)
    rows = conn.execute(select(META.c.name, META.c.value).where(named))
    return {row.name.removeprefix(f"{_GIVEN_UP} "): row.value for row in rows}


_GIVEN_UP = "given_up"


def captured_interfaces(conn: Connection) -> set[str]:
    """By one step in the index for each, not by reading it all."""
    steps = text(
        "WITH RECURSIVE step(name) AS (SELECT min(interface_id) FROM capture UNION ALL"
        " SELECT (SELECT min(interface_id) FROM capture WHERE interface_id > step.name) FROM step WHERE step.name IS NOT NULL)"
        " SELECT name FROM step WHERE name IS NOT NULL"
    )
    return set(conn.execute(steps).scalars())
