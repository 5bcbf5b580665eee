"""What AWS said, when: a pure function of the set of sweeps, whatever the order in which they arrive.

Stored is exactly what each sweep showed, as runs: a value was seen at every sweep that spoke of its kind (in that account and region) from
``first_seen`` to ``last_seen``. A sweep that spoke of the kind without being whole breaks a stored run when it does not show the value, but
proves nothing: reading joins such runs again. The bounds on both sides of a version follow from the sweeps around it and are not stored.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    BindParameter,
    Connection,
    Select,
    and_,
    bindparam,
    delete,
    exists,
    insert,
    select,
    update,
)

from inventory.model import DECLARED, DOORS, KINDS, Span, Sweep
from inventory.store import asking
from inventory.store.statements import chunks, upserting
from inventory.store.tables import (
    KNOWLEDGE,
    KNOWLEDGE_RUN,
    META,
    SCOPE,
    SWEEP,
    SWEEP_KIND,
)
from inventory.store.values import digest, storable, to_json
from inventory.store.versions import DOUBTFUL, Moments, Scope, moments_by_scope, read_versions

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

__all__ = [
    "ALWAYS",
    "Moments",
    "Scope",
    "knowledge_version",
    "moments_by_scope",
    "read_versions",
    "record_sweeps",
]

ALWAYS: Span = (-(2**62), 2**62)
"""All of time, as a span."""

TIMELESS = frozenset(
    {
        "access_point",
        "container_instance",
        "other_server",
        "route_table",
        "subnet",
        "task_definition",
        "vpc",
        "vpc_link",
    }
)
"""Kinds that are looked up whatever the moment asked about: a new value may change what is said of any time."""

SILENT = frozenset({"cluster_use", "eks_cluster", "flow_log", "replication", *DOORS, *DECLARED})
"""Kinds that no attribution depends on: they are read when a question needs them."""

NAMED = frozenset({"client_connection", "interface_event"})
"""Kinds of which each value holds for its own moment, whenever it is learnt: what it can rename is told by what it names
(:mod:`inventory.store.changes`), not by the time of the sweep."""

BIRTHS: dict[str, tuple[str, ...]] = {
    "network_interface": ("attach_time",),
    "instance": ("launch_time",),
    "function": ("last_modified",),
    "task": ("created_at",),
    "file_system": ("creation_time",),
}
"""Fields by which a value says that it held before it was first seen."""

VERSION_NAME = "knowledge_version"


class Run(NamedTuple):
    """A stored run of one value."""

    knowledge_id: int
    first_seen: int
    last_seen: int


# -- recording ---------------------------------------------------------------------------------------------------------------------------


class Recorded(NamedTuple):
    """What sweeps that were just recorded may change."""

    span: Span | None
    """The time within which attributions may be others now, ``None`` when nothing was new."""
    spoken: dict[Scope, int]
    """What they said anything new of, and the earliest moment of that."""


def record_sweeps(conn: Connection, sweeps: Iterable[Sweep]) -> Recorded:
    """Add what ``sweeps`` show.

    A sweep is known by name, account and region, and inside it a call that was whole is not looked at again; one that was not asked or was
    broken and is not any more is added. The span may be wider than needed, never narrower; :data:`ALWAYS` when there is no telling.
    """
    span: Span | None = None
    spoken: dict[Scope, int] = {}
    changed = False
    asking.catch_up(conn)
    written: list[tuple[int, Sweep, bool]] = []
    for sweep in sorted(sweeps, key=lambda one: (one.taken_at, one.account, one.region, one.name)):
        sweep_id, taken_at, is_new = _sweep_row(conn, sweep)
        changed |= is_new | asking.record_calls(conn, sweep_id, sweep)
        written.append((taken_at, sweep, is_new))
        settled = _settled_kinds(conn, sweep_id)
        for kind in sorted({*sweep.whole, *sweep.items} & KINDS.keys()):
            if settled.get(kind) == 1:
                continue
            told = _Told(
                sweep_id,
                taken_at,
                Scope(kind, sweep.account, sweep.region),
                tuple(sweep.items.get(kind, ())),
                kind in sweep.whole,
            )
            moved, touched = _record_kind(conn, told, settled.get(kind))
            changed |= moved
            span = _hull(span, touched)
            if moved:
                spoken[told.scope] = min(taken_at, spoken.get(told.scope, taken_at))
    if changed:
        asking.note(conn, written)
        count_change(conn)
    return Recorded(span, spoken)


class _Told(NamedTuple):
    """What one sweep says of one kind."""

    sweep_id: int
    moment: int
    scope: Scope
    items: tuple[Any, ...]
    whole: bool


def _sweep_row(conn: Connection, sweep: Sweep) -> tuple[int, int, bool]:
    name = storable(sweep.name)
    same = and_(
        SWEEP.c.name == name, SWEEP.c.account == sweep.account, SWEEP.c.region == sweep.region
    )
    found = conn.execute(select(SWEEP.c.id, SWEEP.c.taken_at).where(same)).one_or_none()
    if found is not None:
        return found.id, found.taken_at, False
    values = {
        "name": name,
        "account": sweep.account,
        "region": sweep.region,
        "taken_at": sweep.taken_at,
    }
    return (
        conn.execute(insert(SWEEP).values(values).returning(SWEEP.c.id)).scalar_one(),
        sweep.taken_at,
        True,
    )


def _settled_kinds(conn: Connection, sweep_id: int) -> dict[str, int]:
    statement = select(SCOPE.c.kind, SWEEP_KIND.c.whole).join(
        SCOPE, SCOPE.c.id == SWEEP_KIND.c.scope_id
    )
    return dict(conn.execute(statement.where(SWEEP_KIND.c.sweep_id == sweep_id)).all())


_SCOPE = select(SCOPE.c.id, exists().where(KNOWLEDGE.c.scope_id == SCOPE.c.id)).where(
    *(SCOPE.c[name] == bindparam(name) for name in Scope._fields)
)


def _scope_id(conn: Connection, scope: Scope) -> tuple[int, bool]:
    """The number of a scope, new ones being written down, and whether anything was ever seen in it."""
    found = conn.execute(_SCOPE, scope._asdict()).one_or_none()
    if found is None:
        new = insert(SCOPE).values(scope._asdict()).returning(SCOPE.c.id)
        return int(conn.execute(new).scalar_one()), False
    return int(found[0]), bool(found[1])


def _record_kind(conn: Connection, told: _Told, settled: int | None) -> tuple[bool, Span | None]:
    """Whether it said anything new, and the time that this may change."""
    scope_id, is_known = _scope_id(conn, told.scope)
    first = settled is None or (told.whole and not settled)
    if not told.items and not is_known and told.scope.kind in SILENT | NAMED | TIMELESS:
        # Most kinds of most accounts: nothing was ever there, and that there is still nothing changes nobody's name.
        if first:
            _say(conn, told, scope_id)
        return settled is None or told.whole, None
    before = _moments_around(conn, scope_id, told.moment)
    if first:
        _say(conn, told, scope_id)
    seen, new = _identify(conn, scope_id, told)
    moved = _rewrite_runs(conn, scope_id, before, told.moment, set(seen))
    if settled is not None and not told.whole and not moved:
        return False, None
    return True, _affected(conn, scope_id, told, before, seen, new)


def _say(conn: Connection, told: _Told, scope_id: int) -> None:
    """Write down that a sweep spoke of a kind, and whether of all that there was."""
    row = {
        "sweep_id": told.sweep_id,
        "scope_id": scope_id,
        "taken_at": told.moment,
        "whole": int(told.whole),
    }
    conn.execute(_say_whole(conn.dialect.name), row)


@cache
def _say_whole(dialect: str) -> postgresql.Insert | sqlite.Insert:
    statement = upserting(dialect, SWEEP_KIND)
    return statement.on_conflict_do_update(
        index_elements=["sweep_id", "scope_id"], set_={"whole": statement.excluded.whole}
    )


def _identify(
    conn: Connection, scope_id: int, told: _Told
) -> tuple[dict[int, Any], dict[int, Any]]:
    """Each value by its id in the table of values, and apart those that no sweep had shown before."""
    _, key_field = KINDS[told.scope.kind]
    bodies = ((item, storable(getattr(item, key_field)), to_json(item)) for item in told.items)
    wanted = {(key, digest(body)): (item, body) for item, key, body in bodies}
    keys = {key for key, _ in wanted}
    known = _known_ids(conn, scope_id, keys)
    fresh = wanted.keys() - known.keys()
    if fresh:
        rows = [
            {"scope_id": scope_id, "key": key, "digest": mark, "body": wanted[key, mark][1]}
            for key, mark in sorted(fresh)
        ]
        conn.execute(insert(KNOWLEDGE), rows)
        known = _known_ids(conn, scope_id, keys)
    return (
        {known[identity]: item for identity, (item, _) in wanted.items()},
        {known[identity]: wanted[identity][0] for identity in fresh},
    )


def _known_ids(
    conn: Connection, scope_id: int, keys: Collection[str]
) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    if not keys:
        return found
    wanted = select(KNOWLEDGE.c.key, KNOWLEDGE.c.digest, KNOWLEDGE.c.id).where(
        KNOWLEDGE.c.scope_id == scope_id
    )
    for some in chunks(sorted(keys)):
        found.update(
            {
                (key, mark): value
                for key, mark, value in conn.execute(wanted.where(KNOWLEDGE.c.key.in_(some)))
            }
        )
    return found


def _nearest(*, whole: bool) -> tuple[Select[int], ...]:
    taken_at = SWEEP_KIND.c.taken_at
    asked = SWEEP_KIND.c.scope_id == bindparam("scope")
    moment: BindParameter[int] = bindparam("moment")
    only = (asked, SWEEP_KIND.c.whole == 1) if whole else (asked,)
    sides = ((taken_at <= moment, taken_at.desc()), (taken_at > moment, taken_at.asc()))
    return tuple(
        select(taken_at).distinct().where(*only, side).order_by(order).limit(3)
        for side, order in sides
    )


_SPOKEN, _WHOLE = _nearest(whole=False), _nearest(whole=True)
"""Made once: building a statement takes longer than running it, and a sweep runs these for each kind."""


def _moments_around(conn: Connection, scope_id: int, moment: int) -> Moments:
    """The nearest moments on both sides of ``moment``, as many as any rule looks at, and itself if it was spoken of."""
    given = {"scope": scope_id, "moment": moment}
    spoken, whole = (
        sorted({at for one in sides for at in conn.execute(one, given).scalars()})
        for sides in (_SPOKEN, _WHOLE)
    )
    return Moments(tuple(spoken), tuple(whole))


def _rewrite_runs(
    conn: Connection, scope_id: int, before: Moments, moment: int, seen: set[int]
) -> bool:
    """Let the stored runs say, besides what they said, that exactly ``seen`` was seen at ``moment``; whether they had to change."""
    previous, following = _neighbours(before.spoken, moment)
    again = moment in before.spoken  # another sweep of the same moment: what it showed stays seen
    by_value: dict[int, list[Run]] = defaultdict(list)
    for run in _runs_around(conn, scope_id, moment, previous, following):
        by_value[run.knowledge_id].append(run)
    gone: list[Run] = []
    come: list[Run] = []
    for value in {*by_value, *seen}:
        old, new = _rewritten(
            value, by_value.get(value, []), _Step(moment, previous, following, value in seen, again)
        )
        gone += old
        come += new
    _replace_runs(conn, scope_id, gone, come)
    return bool(gone or come)


class _Step(NamedTuple):
    moment: int
    previous: int | None
    following: int | None
    seen: bool
    again: bool


def _rewritten(value: int, runs: list[Run], step: _Step) -> tuple[list[Run], list[Run]]:
    """The runs of one value that go, and those that come."""
    over = next((run for run in runs if run.first_seen <= step.moment <= run.last_seen), None)
    if over is not None:
        if step.seen or step.again or step.previous is None or step.following is None:
            return [], []
        # A run begins and ends at moments that were spoken of, and this one is none of them: both neighbours are inside of it.
        return [over], [
            over._replace(last_seen=step.previous),
            over._replace(first_seen=step.following),
        ]
    if not step.seen:
        return [], []
    left = next((run for run in runs if run.last_seen == step.previous), None)
    right = next((run for run in runs if run.first_seen == step.following), None)
    joined = Run(
        value, left.first_seen if left else step.moment, right.last_seen if right else step.moment
    )
    return [run for run in (left, right) if run], [joined]


def _runs_around(
    conn: Connection, scope_id: int, moment: int, previous: int | None, following: int | None
) -> list[Run]:
    """Runs of the scope that span ``moment`` or touch its neighbours."""
    low = moment if previous is None else previous
    high = moment if following is None else following
    given = {"scope": scope_id, "low": low, "high": high}
    return [Run(*row) for row in conn.execute(_RUNS_AROUND, given)]


_RUNS_AROUND = select(
    KNOWLEDGE_RUN.c.knowledge_id, KNOWLEDGE_RUN.c.first_seen, KNOWLEDGE_RUN.c.last_seen
).where(
    KNOWLEDGE_RUN.c.scope_id == bindparam("scope"),
    KNOWLEDGE_RUN.c.last_seen >= bindparam("low"),
    KNOWLEDGE_RUN.c.first_seen <= bindparam("high"),
)


def _replace_runs(conn: Connection, scope_id: int, gone: list[Run], come: list[Run]) -> None:
    """Most sweeps only move the ends of many runs from one moment to another: those are moved in place, and together."""
    old = {(run.knowledge_id, run.first_seen): run for run in gone}
    new = {(run.knowledge_id, run.first_seen): run for run in come}
    moves: dict[Span, list[int]] = defaultdict(list)
    for key in new.keys() & old.keys():
        moves[old[key].last_seen, new[key].last_seen].append(key[0])
    runs = KNOWLEDGE_RUN.c
    drop = [{"value": value, "first": first} for value, first in sorted(old.keys() - new.keys())]
    if drop:
        conn.execute(
            delete(KNOWLEDGE_RUN).where(
                runs.knowledge_id == bindparam("value"), runs.first_seen == bindparam("first")
            ),
            drop,
        )
    for (before, after), values in sorted(moves.items()):
        for some in chunks(sorted(values)):
            moved = (
                update(KNOWLEDGE_RUN)
                .where(runs.knowledge_id.in_(some), runs.last_seen == before)
                .values(last_seen=after)
            )
            conn.execute(moved)
    add = [
        {**run._asdict(), "scope_id": scope_id}
        for key, run in sorted(new.items())
        if key not in old
    ]
    if add:
        conn.execute(insert(KNOWLEDGE_RUN), add)


def count_change(conn: Connection) -> None:
    """Let whoever knows anything read it anew."""
    one_more, first = {"value": META.c.value + 1}, {"name": VERSION_NAME, "value": 1}
    statement = upserting(conn.dialect.name, META)
    conn.execute(statement.on_conflict_do_update(index_elements=["name"], set_=one_more), first)


def knowledge_version(conn: Connection) -> int:
    """Grows with every sweep that said anything new; equal numbers, equal knowledge."""
    return conn.execute(select(META.c.value).where(META.c.name == VERSION_NAME)).scalar() or 0


# -- what may change ---------------------------------------------------------------------------------------------------------------------


def _affected(
    conn: Connection,
    scope_id: int,
    told: _Told,
    before: Moments,
    seen: Mapping[int, Any],
    new: Mapping[int, Any],
) -> Span | None:
    kind = told.scope.kind
    if kind in SILENT | NAMED:
        return None
    if kind in TIMELESS:
        return ALWAYS if new else None
    low, high = _around(before.whole, told.moment, 2 if kind in DOUBTFUL else 1)
    births = [birth for value in new.values() if (birth := birth_of(kind, value)) is not None]
    if told.whole:
        return (min([low, *births]), high)
    if not seen:
        return None
    return (min(_reach_of_unwhole(conn, scope_id, told, low), *births, told.moment), high)


def _around(whole: Sequence[int], moment: int, reach: int) -> Span:
    """From the ``reach``-th whole sweep before ``moment`` to the ``reach``-th after it."""
    left, right = bisect_left(whole, moment) - reach, bisect_right(whole, moment) + reach - 1
    return (
        whole[left] if left >= 0 else ALWAYS[0],
        whole[right] + 1 if right < len(whole) else ALWAYS[1],
    )


def _reach_of_unwhole(conn: Connection, scope_id: int, told: _Told, low: int) -> int:
    """How far back a sweep that was not whole can matter: for each thing it showed, to when that was last seen before, or born."""
    _, key_field = KINDS[told.scope.kind]
    by_key = {storable(getattr(value, key_field)): value for value in told.items}
    last = _last_seen(conn, scope_id, by_key, told.moment)
    reach = told.moment
    for key, value in by_key.items():
        known = [
            one for one in (last.get(key), birth_of(told.scope.kind, value)) if one is not None
        ]
        reach = min(reach, max(low, min(known)) if known else low)
    return reach


def _last_seen(conn: Connection, scope_id: int, keys: Iterable[str], moment: int) -> dict[str, int]:
    statement = (
        select(KNOWLEDGE.c.key, KNOWLEDGE_RUN.c.first_seen, KNOWLEDGE_RUN.c.last_seen)
        .join(KNOWLEDGE, KNOWLEDGE.c.id == KNOWLEDGE_RUN.c.knowledge_id)
        .where(KNOWLEDGE.c.scope_id == scope_id, KNOWLEDGE_RUN.c.first_seen < moment)
    )
    found: dict[str, int] = {}
    for some in chunks(sorted(keys)):
        for key, first, last in conn.execute(statement.where(KNOWLEDGE.c.key.in_(some))):
            # A run that the new moment has just joined ended somewhere before; its beginning is a safe guess.
            end = last if last < moment else first
            found[key] = max(end, found.get(key, end))
    return found


def birth_of(kind: str, value: object) -> int | None:
    """Since when ``value`` held by its own account, if it tells."""
    told = (getattr(value, name) for name in BIRTHS.get(kind, ()))
    return min((one for one in told if one is not None), default=None)


def _hull(one: Span | None, other: Span | None) -> Span | None:
    if one is None or other is None:
        return one or other
    return (min(one[0], other[0]), max(one[1], other[1]))


def _neighbours(moments: Sequence[int], moment: int) -> tuple[int | None, int | None]:
    left, right = bisect_left(moments, moment) - 1, bisect_right(moments, moment)
    return (moments[left] if left >= 0 else None, moments[right] if right < len(moments) else None)
