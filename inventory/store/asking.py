"""Which calls were asked, when, and how often: what a scheduler of sweeps goes by, and how old the newest word on anything is.

The newest word on a call is the largest of many moments, and sweeps come every few minutes for years. So it is kept in ``meta`` beside the
sweeps, a few numbers for each call of an account and region. It is a function of the set of sweeps all the same; sweeps that an older
program recorded without it are added when they are found.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from sqlalchemy import ColumnElement, Connection, and_, case, func, select

from inventory.model import CallState, Place, Span, Sweep
from inventory.store.statements import upsert
from inventory.store.tables import CALL_USE, META, SWEEP, SWEEP_CALL
from inventory.store.values import storable

CallKey = tuple[str, str, str]
"""Account, region and call. What belongs to no account is asked of ``organization``, what belongs to no region of ``global``."""

_STATE_RANK = {CallState.BROKEN.value: 0, CallState.WHOLE.value: 1}
_ASKED, _WHOLE, _SWEEPS = "asked", "whole", "sweeps"
_COUNTED = "sweeps_counted"
"""Largest number of a sweep that ``meta`` tells of."""


class CallTimes(NamedTuple):
    """The newest word on one call."""

    asked_at: int
    whole_at: int | None
    """When it last answered whole; ``None``: it never did."""
    state: CallState
    """At ``asked_at``: whole or broken."""


# -- what each sweep asked ---------------------------------------------------------------------------------------------------------------


def record_calls(conn: Connection, sweep_id: int, sweep: Sweep) -> bool:
    """Write down what was asked; the better state of each call stands. A call that was not asked has no row. Whether anything was new."""
    rows = conn.execute(
        select(SWEEP_CALL.c.call, SWEEP_CALL.c.state, SWEEP_CALL.c.problem).where(
            SWEEP_CALL.c.sweep_id == sweep_id, SWEEP_CALL.c.state != CallState.MISSING.value
        )
    )
    known = {row.call: (row.state, row.problem) for row in rows}
    new = []
    for call, state in _asked(sweep):
        name, said = storable(call), (state.value, storable(sweep.problems.get(call, "")))
        before = known.get(name)
        if before is None or (_STATE_RANK[said[0]], said[1]) > (_STATE_RANK[before[0]], before[1]):
            new.append({"sweep_id": sweep_id, "call": name, "state": said[0], "problem": said[1]})
    if new:
        statement = upsert(conn, SWEEP_CALL)
        better = {"state": statement.excluded.state, "problem": statement.excluded.problem}
        conn.execute(
            statement.on_conflict_do_update(index_elements=["sweep_id", "call"], set_=better), new
        )
    return bool(new)


def _asked(sweep: Sweep) -> Iterable[tuple[str, CallState]]:
    return ((call, state) for call, state in sweep.calls.items() if state is not CallState.MISSING)


# -- the newest word on each call --------------------------------------------------------------------------------------------------------


def catch_up(conn: Connection) -> None:
    """Let ``meta`` tell of every recorded sweep, those that an older program wrote too; before new ones are written."""
    newest, counted = _newest_sweep(conn), _meta_value(conn, _COUNTED)
    if newest > counted:
        times, numbers = _told_beyond(conn, counted)
        _keep(conn, times, numbers)
        _set_larger(conn, {_COUNTED: newest})


def note(conn: Connection, sweeps: Iterable[tuple[int, Sweep, bool]]) -> None:
    """Let ``meta`` tell of sweeps just written: the moment of each, and whether it is a new one."""
    times: dict[CallKey, tuple[int, int | None]] = {}
    numbers: dict[tuple[str, str], int] = defaultdict(int)
    for moment, sweep, is_new in sweeps:
        numbers[sweep.account, sweep.region] += is_new
        for call, state in _asked(sweep):
            key = (sweep.account, sweep.region, storable(call))
            whole = moment if state is CallState.WHOLE else None
            times[key] = _later(times.get(key), (moment, whole))
    _keep(conn, times, {place: number for place, number in numbers.items() if number})
    _set_larger(conn, {_COUNTED: _newest_sweep(conn)})


def call_times(conn: Connection) -> dict[CallKey, CallTimes]:
    """The newest word on every call that was ever asked, by account, region and call."""
    found = dict(_told_beyond(conn, _meta_value(conn, _COUNTED))[0])
    whole = _kept(conn, _WHOLE)
    for words, asked in _kept(conn, _ASKED).items():
        account, region, call = words
        key = (account, region, call)
        found[key] = _later(found.get(key), (asked, whole.get(words)))
    return {
        key: CallTimes(asked, last, CallState.WHOLE if last == asked else CallState.BROKEN)
        for key, (asked, last) in sorted(found.items())
    }


def last_asked(conn: Connection, place: Place, calls: Iterable[str]) -> int | None:
    """When any of some calls was last made in an account and region, whatever it answered; ``None``: never."""
    wanted = [(*place, storable(call)) for call in calls]
    beyond = _told_beyond(conn, _meta_value(conn, _COUNTED))[0]
    names = [" ".join((_ASKED, *key)) for key in wanted]
    kept = conn.execute(select(func.max(META.c.value)).where(META.c.name.in_(names))).scalar()
    found = [kept, *(beyond[key][0] for key in wanted if key in beyond)]
    return max((moment for moment in found if moment is not None), default=None)


def asked_within(conn: Connection, place: Place, calls: Iterable[str], span: Span) -> set[int]:
    """The moments of sweeps inside ``span`` that made any of some calls in an account and region, whatever it answered."""
    account, region = place
    statement = (
        select(SWEEP.c.taken_at)
        .join(SWEEP_CALL, SWEEP_CALL.c.sweep_id == SWEEP.c.id)
        .where(
            SWEEP.c.account == account,
            SWEEP.c.region == region,
            SWEEP.c.taken_at >= span[0],
            SWEEP.c.taken_at < span[1],
            SWEEP_CALL.c.call.in_([storable(call) for call in calls]),
            SWEEP_CALL.c.state != CallState.MISSING.value,
        )
    )
    return set(conn.execute(statement).scalars())


def sweep_counts(conn: Connection) -> dict[tuple[str, str], int]:
    """How many sweeps were recorded of each account and region."""
    found = defaultdict(int, _told_beyond(conn, _meta_value(conn, _COUNTED))[1])
    for words, number in _kept(conn, _SWEEPS).items():
        account, region = words
        found[account, region] += number
    return dict(sorted(found.items()))


def _later(
    one: tuple[int, int | None] | None, other: tuple[int, int | None]
) -> tuple[int, int | None]:
    if one is None:
        return other
    wholes = [moment for moment in (one[1], other[1]) if moment is not None]
    return max(one[0], other[0]), max(wholes, default=None)


def _told_beyond(
    conn: Connection, counted: int
) -> tuple[dict[CallKey, tuple[int, int | None]], dict[tuple[str, str], int]]:
    """When each call was last asked and last whole, and how many sweeps there are, by the sweeps beyond a number: commonly none."""
    place = (SWEEP.c.account, SWEEP.c.region)
    whole = case((SWEEP_CALL.c.state == CallState.WHOLE.value, SWEEP.c.taken_at))
    asked = (
        select(*place, SWEEP_CALL.c.call, func.max(SWEEP.c.taken_at), func.max(whole))
        .join(SWEEP_CALL, SWEEP_CALL.c.sweep_id == SWEEP.c.id)
        .where(SWEEP.c.id > counted, SWEEP_CALL.c.state != CallState.MISSING.value)
        .group_by(*place, SWEEP_CALL.c.call)
    )
    counts = select(*place, func.count()).where(SWEEP.c.id > counted).group_by(*place)
    return (
        {(row[0], row[1], row[2]): (row[3], row[4]) for row in conn.execute(asked)},
        {(row[0], row[1]): row[2] for row in conn.execute(counts)},
    )


def _keep(
    conn: Connection,
    times: Mapping[CallKey, tuple[int, int | None]],
    numbers: Mapping[tuple[str, str], int],
) -> None:
    moments: dict[str, int] = {}
    for key, (asked, whole) in times.items():
        moments[" ".join((_ASKED, *key))] = asked
        if whole is not None:
            moments[" ".join((_WHOLE, *key))] = whole
    _set_larger(conn, moments)
    counts = {" ".join((_SWEEPS, *place)): number for place, number in numbers.items()}
    _upsert(conn, counts, lambda new: META.c.value + new)


def _kept(conn: Connection, what: str) -> dict[tuple[str, ...], int]:
    """What ``meta`` tells of one thing, by the words after it."""
    mine = and_(META.c.name >= f"{what} ", META.c.name < f"{what}!")  # "!" comes after " "
    rows = conn.execute(select(META.c.name, META.c.value).where(mine))
    return {tuple(name.split(" ", 3)[1:]): value for name, value in rows}


def _set_larger(conn: Connection, values: Mapping[str, int]) -> None:
    _upsert(conn, values, lambda new: case((new > META.c.value, new), else_=META.c.value))


def _upsert(conn: Connection, values: Mapping[str, int], joined: _Joined) -> None:
    if values:
        statement = upsert(conn, META)
        change = {"value": joined(statement.excluded.value)}
        rows = [{"name": name, "value": value} for name, value in sorted(values.items())]
        conn.execute(statement.on_conflict_do_update(index_elements=["name"], set_=change), rows)


class _Joined(Protocol):
    def __call__(self, new: ColumnElement[int], /) -> ColumnElement[int]: ...


def _meta_value(conn: Connection, name: str) -> int:
    return conn.execute(select(META.c.value).where(META.c.name == name)).scalar() or 0


def _newest_sweep(conn: Connection) -> int:
    return conn.execute(select(func.max(SWEEP.c.id))).scalar() or 0


# -- how many requests were sent ---------------------------------------------------------------------------------------------------------


class Counts(Protocol):
    """Requests of one call: how many were sent, and how many of these came back throttled."""

    @property
    def calls(self) -> int:
        """Every attempt, as AWS counts them."""

    @property
    def throttled(self) -> int:
        """Those that AWS refused for their number."""


@dataclass(frozen=True, slots=True)
class DayUse:
    """Requests of one day."""

    calls: Mapping[CallKey, int] = field(default_factory=dict)
    throttled: Mapping[CallKey, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All requests."""
        return sum(self.calls.values())

    @property
    def by_call(self) -> dict[str, int]:
        """Of all accounts and regions together, by call."""
        found: dict[str, int] = defaultdict(int)
        for (_, _, call), number in self.calls.items():
            found[call] += number
        return dict(sorted(found.items()))


def add_use(conn: Connection, day: int, uses: Mapping[CallKey, Counts]) -> None:
    """Add requests that were sent on a day (days since 1970, UTC)."""
    rows = [
        {
            "day": day,
            "account": account,
            "region": region,
            "call": storable(call),
            "calls": one.calls,
            "throttled": one.throttled,
        }
        for (account, region, call), one in sorted(uses.items(), key=lambda item: item[0])
    ]
    if rows:
        statement = upsert(conn, CALL_USE)
        more = {
            name: CALL_USE.c[name] + statement.excluded[name] for name in ("calls", "throttled")
        }
        keys = ["day", "account", "region", "call"]
        conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=more), rows)


def used(conn: Connection, day: int) -> DayUse:
    """The requests of a day; none when none were recorded."""
    rows = conn.execute(select(CALL_USE).where(CALL_USE.c.day == day)).all()
    keys = [(row.account, row.region, row.call) for row in rows]
    return DayUse(
        {key: row.calls for key, row in zip(keys, rows, strict=True)},
        {key: row.throttled for key, row in zip(keys, rows, strict=True) if row.throttled},
    )


def newest_day(conn: Connection) -> int | None:
    """The last day on which a request was counted."""
    return conn.execute(select(func.max(CALL_USE.c.day))).scalar()
