"""Old facts made few: what one witness saw of one client without a silence becomes one fact, inside each hour.

The unit of derivation stays the hour, and nothing that is derived may change: a unit's facts are joined only when the same mount hours
follow from what they become, now. Nothing is joined across a moment at which the client's address can have passed on, so what is learnt
later can still rename it. A batch whose facts were joined is marked: it cannot be taken back any more.

Which hours are done is written down with the last of their facts; whoever is killed in between begins that hour again, and finds less to
do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    tuple_,
    update,
)

from inventory.model import (
    CAPTURE_JOIN,
    DAY,
    HOUR,
    RUN_GAP,
    BatchState,
    CaptureKind,
    MountHour,
    Sighting,
)
from inventory.resolve.counting import LONGEST_SIGHTING, Fact, is_idle
from inventory.resolve.derive import Unit, counted, derive, is_one_client
from inventory.resolve.networks import Networks
from inventory.resolve.topology import Topology
from inventory.store.facts import MOST, joined_batches
from inventory.store.kept import kept_since
from inventory.store.statements import chunks, upsert
from inventory.store.strays import captured_interfaces
from inventory.store.tables import BATCH, CAPTURE, JOINED, META, SIGHTING, SOURCE

UNITS = 1_000
"""Units of one transaction: what other writers wait for."""

_UNTIL = "joined_until"

_COUNTS = ("requests", "responses", "packets_in", "bytes_in", "packets_out", "bytes_out")
_TIMES = ("first_seen", "last_seen")
_SAYS = tuple(name for name in Sighting._fields if name not in (*_COUNTS, *_TIMES))


class _Kept(NamedTuple):
    """A sighting as it is stored."""

    fact: Fact
    ordinal: int
    whole: bool
    """Whether its batch was read to its end and ended long ago, so that it is not read again."""

    @property
    def says(self) -> tuple[object, ...]:
        """Everything but times and counts: what facts that are joined must have in common."""
        s = self.fact.sighting
        return (*(getattr(s, name) for name in _SAYS), self.fact.flow_log, self.fact.source)


class Hour(NamedTuple):
    """An hour to be compacted."""

    hour: int
    units: list[Unit]
    """In order."""


def next_hour(conn: Connection, before: int) -> Hour | None:
    """The first hour that was not compacted yet and ends before a moment; ``None``: there is none."""
    done = conn.execute(select(META.c.value).where(META.c.name == _UNTIL)).scalar() or 0
    done = max(done, kept_since(conn).facts)
    wanted = select(func.min(SIGHTING.c.hour)).where(
        SIGHTING.c.hour >= done, SIGHTING.c.hour <= before - HOUR
    )
    hour = conn.execute(wanted).scalar()
    if hour is None:
        return None
    unit = (SIGHTING.c.server, SIGHTING.c.true_client)
    found = select(*unit).where(SIGHTING.c.hour == hour, SIGHTING.c.stray == 0).distinct()
    rows = conn.execute(found.order_by(*unit))
    return Hour(hour, [Unit(server, client, hour) for server, client in rows])


def compact(
    conn: Connection, units: Sequence[Unit], before: int, topology: Topology, networks: Networks
) -> int:
    """Join the facts of some units of one hour, in order; how many rows are gone.

    Those of a batch that reaches more than a day beyond ``before`` are left as they are: it may be a file that grows, and is read again.
    """
    if not units:
        return 0
    hour, bounds = units[0].hour, (units[0], units[-1])
    mine = _by_unit(_kept(conn, bounds, before, SIGHTING.c.hour == hour))
    earlier = _by_unit(
        _kept(conn, bounds, before, SIGHTING.c.hour == hour - HOUR, SIGHTING.c.last_seen >= hour)
    )
    later: Mapping[Unit, list[_Kept]] | None = None
    joins: list[list[_Kept]] = []
    for key, kept in sorted(mine.items()):
        unit = key._replace(hour=hour)
        of_earlier = [one.fact for one in earlier.get(key, ())]
        if any(one.fact.sighting.last_seen >= hour + HOUR for one in kept) and later is None:
            later = _by_unit(_kept(conn, bounds, before, SIGHTING.c.hour == hour + HOUR))
        after = [one.fact for one in (later or {}).get(key, ())]
        joins += _joins(unit, kept, (of_earlier, after), topology, networks)
    return _write(conn, joins)


def finish(conn: Connection, hour: int, before: int) -> None:
    """All units of an hour are compacted: join the captures that end in it, and write down how far this is."""
    _join_captures(conn, hour, before)
    statement = upsert(conn, META).values(name=_UNTIL, value=hour + HOUR)
    conn.execute(
        statement.on_conflict_do_update(index_elements=["name"], set_={"value": hour + HOUR})
    )


# -- sightings ---------------------------------------------------------------------------------------------------------------------------


def _kept(conn: Connection, bounds: tuple[Unit, Unit], before: int, *when: Any) -> Iterator[_Kept]:
    unit = tuple_(SIGHTING.c.server, SIGHTING.c.true_client)
    first, last = bounds
    statement = (
        select(
            *(SIGHTING.c[name] for name in Sighting._fields),
            SIGHTING.c.batch_id,
            SIGHTING.c.ordinal,
            BATCH.c.flow_log_id,
            BATCH.c.key,
            and_(*_is_over(before)),
            SOURCE.c.name,
        )
        .join(BATCH, BATCH.c.id == SIGHTING.c.batch_id)
        .join(SOURCE, SOURCE.c.id == BATCH.c.source_id)
        .where(
            *when,
            SIGHTING.c.stray == 0,
            unit >= (first.server, first.client),
            unit <= (last.server, last.client),
        )
    )
    for row in conn.execute(statement):
        *values, stray, batch_id, ordinal, flow_log_id, key, whole, source = row
        sighting = Sighting._make((*values, bool(stray)))
        fact = Fact(sighting, flow_log_id or f"source {source}", source, key, batch_id)
        yield _Kept(fact, ordinal, bool(whole))


def _is_over(before: int) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    """Of batches whose facts may be joined with those of others."""
    return BATCH.c.state == BatchState.DONE.value, BATCH.c.span_end < before + DAY


def _by_unit(kept: Iterable[_Kept]) -> dict[Unit, list[_Kept]]:
    """By client and server; the hour is left 0."""
    found: dict[Unit, list[_Kept]] = defaultdict(list)
    for one in kept:
        s = one.fact.sighting
        found[Unit(s.server, s.true_client, 0)].append(one)
    return found


def _joins(
    unit: Unit,
    kept: Sequence[_Kept],
    around: tuple[Sequence[Fact], Sequence[Fact]],
    topology: Topology,
    networks: Networks,
) -> list[list[_Kept]]:
    """Which facts of a unit become one each: as many as leave everything that is derived as it is."""
    earlier, later = around
    following = unit._replace(hour=unit.hour + HOUR)

    def derived(facts: Sequence[Fact]) -> tuple[list[MountHour], list[MountHour]]:
        reaching = [fact for fact in facts if fact.sighting.last_seen >= following.hour]
        return (
            derive(unit, [*earlier, *facts], topology, networks),
            derive(following, [*reaching, *later], topology, networks) if reaching else [],
        )

    facts = [one.fact for one in kept]
    before, counting = derived(facts), counted([*earlier, *facts], topology, networks)
    joins: list[list[_Kept]] = []
    for apart in (False, True):
        joins = [
            run
            for run in _runs(kept, counting, idle_apart=apart)
            if len(run) > 1
            and _is_long(run)  # so that it is known for what it is: see derive
            and is_one_client([one.fact for one in run], topology)
        ]
        if derived(_instead(kept, joins)) == before:
            return joins
    good: list[list[_Kept]] = []
    for run in joins:
        if derived(_instead(kept, [*good, run])) == before:
            good.append(run)
    return good


def _runs(
    kept: Sequence[_Kept], counting: Collection[Fact], *, idle_apart: bool
) -> list[list[_Kept]]:
    """Facts that say the same, without a silence in which an address could pass on; those that count not with those that do not.

    With ``idle_apart`` idle ones not with busy ones.
    """
    alike: dict[tuple[object, ...], list[_Kept]] = defaultdict(list)
    for one in kept:
        if one.whole:
            alike[one.says].append(one)
    runs: list[list[_Kept]] = []
    for group in alike.values():
        group.sort(key=lambda one: (one.fact.sighting.first_seen, one.fact.key, one.ordinal))
        runs.append(group[:1])
        end = group[0].fact.sighting.last_seen
        for before, one in pairwise(group):
            s = one.fact.sighting
            other = (before.fact in counting) != (one.fact in counting)
            other |= idle_apart and is_idle([before.fact.sighting]) != is_idle([s])
            if other or s.first_seen > end + RUN_GAP:
                runs.append([])
                end = s.last_seen
            runs[-1].append(one)
            end = max(end, s.last_seen)
    return runs


def _is_long(run: Sequence[_Kept]) -> bool:
    end = max(one.fact.sighting.last_seen for one in run)
    return end - run[0].fact.sighting.first_seen > LONGEST_SIGHTING


def _one(run: Sequence[_Kept]) -> Fact:
    """What becomes of a run: its first fact, to the end of its last, with the counts of all."""
    every = [one.fact.sighting for one in run]
    counts = {name: min(MOST, sum(getattr(s, name) for s in every)) for name in _COUNTS}
    last = max(s.last_seen for s in every)
    return run[0].fact._replace(sighting=every[0]._replace(last_seen=last, **counts))


def _instead(kept: Sequence[_Kept], joins: Sequence[Sequence[_Kept]]) -> list[Fact]:
    gone = {(one.fact.batch_id, one.ordinal) for run in joins for one in run}
    stay = [one.fact for one in kept if (one.fact.batch_id, one.ordinal) not in gone]
    return [*stay, *map(_one, joins)]


def _write(conn: Connection, joins: Sequence[Sequence[_Kept]]) -> int:
    if not joins:
        return 0
    rows = []
    for run in joins:
        s, first = _one(run).sighting, run[0]
        counts = {f"n_{name}": getattr(s, name) for name in _COUNTS}
        rows.append(
            {"b": first.fact.batch_id, "o": first.ordinal, "n_last_seen": s.last_seen} | counts
        )
    changed: dict[str, Any] = {name: bindparam(f"n_{name}") for name in ("last_seen", *_COUNTS)}
    at = (SIGHTING.c.batch_id == bindparam("b"), SIGHTING.c.ordinal == bindparam("o"))
    conn.execute(update(SIGHTING).where(*at).values(changed), rows)
    gone = [{"b": one.fact.batch_id, "o": one.ordinal} for run in joins for one in run[1:]]
    conn.execute(delete(SIGHTING).where(*at), gone)
    _mark(conn, {one.fact.batch_id for run in joins for one in run})
    return len(gone)


def _mark(conn: Connection, batches: Collection[int]) -> None:
    new = sorted(set(batches) - joined_batches(conn, sorted(batches)))
    if new:
        conn.execute(insert(JOINED), [{"batch_id": number} for number in new])


# -- captures ----------------------------------------------------------------------------------------------------------------------------


def _join_captures(conn: Connection, hour: int, before: int) -> None:
    """One row for what one flow log showed of an interface's own records without a silence, as one file would have it."""
    for some in chunks(sorted(captured_interfaces(conn))):
        statement = (
            select(CAPTURE, BATCH.c.source_id, BATCH.c.flow_log_id)
            .join(BATCH, BATCH.c.id == CAPTURE.c.batch_id)
            .where(
                CAPTURE.c.interface_id.in_(some),
                CAPTURE.c.end >= hour,
                CAPTURE.c.end < hour + HOUR,
                CAPTURE.c.kind == CaptureKind.SEEN.value,
                *_is_over(before),
            )
            .order_by(CAPTURE.c.start, CAPTURE.c.end, BATCH.c.key, CAPTURE.c.ordinal)
        )
        groups: dict[tuple[str, int, str], list[list[Any]]] = defaultdict(list)
        for row in conn.execute(statement):
            runs = groups[row.interface_id, row.source_id, row.flow_log_id]
            if runs and row.start <= max(one.end for one in runs[-1]) + CAPTURE_JOIN:
                runs[-1].append(row)
            else:
                runs.append([row])
        _write_captures(conn, [run for runs in groups.values() for run in runs if len(run) > 1])


def _write_captures(conn: Connection, runs: Sequence[Sequence[Any]]) -> None:
    if not runs:
        return
    at = (CAPTURE.c.batch_id == bindparam("b"), CAPTURE.c.ordinal == bindparam("o"))
    rows = [
        {
            "b": run[0].batch_id,
            "o": run[0].ordinal,
            "n_end": max(one.end for one in run),
            "n_longest": max(one.longest for one in run),
        }
        for run in runs
    ]
    changed: dict[str, Any] = {"end": bindparam("n_end"), "longest": bindparam("n_longest")}
    conn.execute(update(CAPTURE).where(*at).values(changed), rows)
    gone = [{"b": one.batch_id, "o": one.ordinal} for run in runs for one in run[1:]]
    conn.execute(delete(CAPTURE).where(*at), gone)
    _mark(conn, {one.batch_id for run in runs for one in run})
