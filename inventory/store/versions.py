"""The versions of everything AWS told of, read from the stored runs: each with what is certain and what is possible at both ends.

A run says when a value was seen; what bounds it follows from the sweeps around it, so nothing here is stored or kept up to date.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, select, true

from inventory.model import KINDS, Span, Version
from inventory.store.statements import chunks
from inventory.store.tables import KNOWLEDGE, KNOWLEDGE_RUN, SCOPE, SWEEP_KIND
from inventory.store.values import from_json

DOUBTFUL = frozenset({"file_system", "mount_target"})
"""Kinds whose absence counts only when two whole sweeps in a row agree on it."""


class Scope(NamedTuple):
    """What sweeps are compared within: absence from one account's sweep says nothing of another's."""

    kind: str
    account: str
    region: str


@dataclass(frozen=True, slots=True)
class Moments:
    """When anything was said about one scope: every sweep that spoke of it, and those that were whole. Both ascending."""

    spoken: tuple[int, ...]
    whole: tuple[int, ...]


def read_versions(
    conn: Connection, kinds: Iterable[str] | None = None
) -> dict[str, list[Version[Any]]]:
    """Every version of every thing, by kind: when it certainly held and when it can have held. Each kind asked for has its list."""
    wanted = sorted(KINDS if kinds is None else set(kinds))
    found: dict[str, list[Version[Any]]] = {kind: [] for kind in wanted}
    for scope, shelf in read_shelves(conn, wanted).items():
        found[scope.kind].extend(shelf.every())
    return found


ValueRun = tuple[str, int, int]
"""The digest of a value, and one run of it."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Everything of one scope, in a form to which a later sweep can be added."""

    scope: Scope
    scope_id: int
    said: Moments
    things: Mapping[str, Sequence[ValueRun]]
    """The runs of each thing by its key, ascending."""
    versions: Mapping[str, Sequence[Version[Any]]]
    """The versions of each thing by its key."""
    names: Mapping[int, tuple[str, str]]
    """Key and digest of each stored value, by its number."""
    values: Mapping[str, Any]
    """By digest."""

    def every(self) -> Iterator[Version[Any]]:
        """Every version, thing by thing."""
        for key in sorted(self.versions):
            yield from self.versions[key]

    def beyond(self, moment: int) -> int:
        """What was last seen before this moment is the same with and without sweeps from ``moment`` on.

        Nothing that is said of a version looks at more than two whole sweeps after it.
        """
        before = bisect_left(self.said.whole, moment)
        return self.said.whole[before - _REACH] if before >= _REACH else _NEVER


_REACH = 3
_NEVER = -(2**62)


def read_shelves(conn: Connection, kinds: Sequence[str]) -> dict[Scope, Shelf]:
    """All scopes of ``kinds`` of which any sweep spoke, in their order."""
    moments = moments_by_scope(conn, kinds)
    scopes = conn.execute(select(SCOPE).where(SCOPE.c.kind.in_(kinds)))
    numbers = {row.id: Scope(row.kind, row.account, row.region) for row in scopes}
    everything = len(kinds) == len(KINDS)
    runs = _runs(conn, true() if everything else KNOWLEDGE_RUN.c.scope_id.in_(numbers))
    values = KNOWLEDGE.c
    stored = select(values.scope_id, values.id, values.key, values.digest, values.body)
    if not everything:
        stored = stored.where(values.scope_id.in_(numbers))
    rows: dict[int, list[tuple[int, str, str, str]]] = defaultdict(list)
    for scope_id, *row in conn.execute(stored).all():
        rows[scope_id].append((row[0], row[1], row[2], row[3]))
    found = {}
    for scope_id, scope in sorted(numbers.items(), key=lambda item: item[1]):
        if scope in moments:
            empty = Shelf(scope, scope_id, moments[scope], {}, {}, {}, {})
            found[scope] = _with(empty, moments[scope], rows[scope_id], runs.get(scope_id, []))
    return found


def read_shelf(conn: Connection, scope: Scope, before: Shelf | None, since: int) -> Shelf:
    """One scope as it is now; ``before`` is how it was, and the sweeps that came since are from the moment ``since`` on."""
    if before is None:
        before = Shelf(scope, _scope_id(conn, scope), Moments((), ()), {}, {}, {}, {})
    low = before.beyond(since)
    said = _moments_since(conn, before, low)
    mine = (KNOWLEDGE_RUN.c.scope_id == before.scope_id, KNOWLEDGE_RUN.c.last_seen >= low)
    runs = _runs(conn, and_(*mine)).get(before.scope_id, [])
    unknown = sorted({number for number, _, _ in runs} - before.names.keys())
    values = KNOWLEDGE.c
    rows = []
    for some in chunks(unknown):
        chosen = select(values.id, values.key, values.digest, values.body)
        rows += [(n, k, m, b) for n, k, m, b in conn.execute(chosen.where(values.id.in_(some)))]
    return _with(before, said, rows, runs, low)


def _with(
    before: Shelf,
    said: Moments,
    rows: Iterable[tuple[int, str, str, str]],
    runs: Iterable[tuple[int, int, int]],
    low: int = _NEVER,
) -> Shelf:
    """``before`` with values that are new to it, and with ``runs`` in place of those that end at ``low`` or later."""
    kind = KINDS[before.scope.kind][0]
    names, values = dict(before.names), dict(before.values)
    for number, key, mark, body in rows:
        names[number] = (key, mark)
        values[mark] = from_json(kind, body)
    changed: dict[str, list[ValueRun]] = {
        key: [run for run in known if run[2] < low]
        for key, known in before.things.items()
        if any(run[2] >= low for run in known)
    }
    for number, first, last in runs:
        key, mark = names[number]
        if key not in changed:
            changed[key] = list(before.things.get(key, ()))
        changed[key].append((mark, first, last))
    versions = dict(before.versions)
    doubtful = before.scope.kind in DOUBTFUL
    for key, told in changed.items():
        told.sort(key=lambda run: (run[1], run[2], run[0]))
        place = before.scope.account, before.scope.region
        versions[key] = [
            Version(values[mark], *place, first, last, not_before, not_after)
            for mark, first, last, not_before, not_after in versions_of(
                told, said, doubtful=doubtful
            )
        ]
    things = {**before.things, **changed}
    return Shelf(before.scope, before.scope_id, said, things, versions, names, values)


def _runs(conn: Connection, chosen: ColumnElement[bool]) -> dict[int, list[tuple[int, int, int]]]:
    """Number of the value, first and last, by scope."""
    runs = KNOWLEDGE_RUN.c
    found: dict[int, list[tuple[int, int, int]]] = defaultdict(list)
    statement = select(runs.scope_id, runs.knowledge_id, runs.first_seen, runs.last_seen)
    for scope_id, number, first, last in conn.execute(statement.where(chosen)).all():
        found[scope_id].append((number, first, last))
    return found


def _scope_id(conn: Connection, scope: Scope) -> int:
    same = and_(*(SCOPE.c[name] == value for name, value in scope._asdict().items()))
    return int(conn.execute(select(SCOPE.c.id).where(same)).scalar_one())


def _moments_since(conn: Connection, before: Shelf, low: int) -> Moments:
    rows = conn.execute(
        select(SWEEP_KIND.c.taken_at, SWEEP_KIND.c.whole).where(
            SWEEP_KIND.c.scope_id == before.scope_id, SWEEP_KIND.c.taken_at >= low
        )
    )
    new = _moments((taken_at, whole) for taken_at, whole in rows)
    spoken, whole = before.said.spoken, before.said.whole
    return Moments(
        (*spoken[: bisect_left(spoken, low)], *new.spoken),
        (*whole[: bisect_left(whole, low)], *new.whole),
    )


def moments_by_scope(conn: Connection, kinds: Sequence[str]) -> dict[Scope, Moments]:
    """When sweeps spoke of each scope of ``kinds``; scopes that none spoke of are absent."""
    statement = (
        select(
            SCOPE.c.kind, SCOPE.c.account, SCOPE.c.region, SWEEP_KIND.c.taken_at, SWEEP_KIND.c.whole
        )
        .join(SWEEP_KIND, SWEEP_KIND.c.scope_id == SCOPE.c.id)
        .where(SCOPE.c.kind.in_(kinds))
    )
    rows: dict[Scope, list[tuple[int, int]]] = defaultdict(list)
    for kind, account, region, taken_at, whole in conn.execute(statement).all():
        rows[Scope(kind, account, region)].append((taken_at, whole))
    return {scope: _moments(said) for scope, said in rows.items()}


def versions_of(
    runs: Sequence[tuple[Any, int, int]], said: Moments, *, doubtful: bool
) -> Iterator[tuple[Any, int, int, int | None, int | None]]:
    """The versions of one thing from its stored runs: ``(value, first_seen, last_seen, not_before, not_after)``, ascending.

    Runs of one value are one version unless something between them says otherwise: a whole sweep without the thing (two in a row where
    absence is ``doubtful``), or any sweep that shows it with another value.
    """
    values = {run[0]: None for run in runs}
    made = []
    for value in values:
        own = [(first, last) for one, first, last in runs if one == value]
        others = [(first, last) for one, first, last in runs if one != value]
        for first, last in _joined(own, others, said, doubtful=doubtful):
            made.append(
                (
                    value,
                    first,
                    last,
                    _not_before(first, others, said),
                    _not_after(last, others, said, doubtful=doubtful),
                )
            )
    yield from sorted(made, key=lambda version: (version[1], version[2], str(version[0])))


def _joined(
    own: Sequence[Span], others: Sequence[Span], said: Moments, *, doubtful: bool
) -> Iterator[Span]:
    open_first, open_last = own[0]
    for first, last in own[1:]:
        if _broken(open_last, first, others, said, doubtful=doubtful):
            yield open_first, open_last
            open_first = first
        open_last = last
    yield open_first, open_last


def _broken(end: int, start: int, others: Sequence[Span], said: Moments, *, doubtful: bool) -> bool:
    """Whether the value was certainly not there at some moment strictly between ``end`` and ``start``."""
    between = said.spoken[bisect_right(said.spoken, end) : bisect_left(said.spoken, start)]
    if not between:
        return False
    if any(first <= between[-1] and last >= between[0] for first, last in others):
        return True
    absent = bisect_left(said.whole, start) - bisect_right(said.whole, end)
    return absent >= (2 if doubtful else 1)


def _not_before(first: int, others: Sequence[Span], said: Moments) -> int | None:
    """The latest moment before ``first`` at which a sweep proves that the value did not hold."""
    whole = bisect_left(said.whole, first)
    proofs = [said.whole[whole - 1]] if whole else []
    spoken = bisect_left(said.spoken, first)
    if spoken:
        before = said.spoken[spoken - 1]
        proofs += [min(last, before) for start, last in others if start <= before]
    return max(proofs, default=None)


def _not_after(last: int, others: Sequence[Span], said: Moments, *, doubtful: bool) -> int | None:
    """The earliest moment after ``last`` at which a sweep proves that the value did not hold any more."""
    proofs = []
    spoken = bisect_right(said.spoken, last)
    if spoken < len(said.spoken):
        after = said.spoken[spoken]
        proofs += [max(first, after) for first, end in others if end >= after]
    whole = bisect_right(said.whole, last)
    changed = min(proofs, default=None)
    agreeing = whole + (1 if doubtful else 0)
    if agreeing < len(said.whole) and (changed is None or said.whole[agreeing] < changed):
        proofs.append(said.whole[whole])
    return min(proofs, default=None)


def _moments(rows: Iterable[tuple[int, int]]) -> Moments:
    found = list(rows)
    return Moments(
        tuple(sorted({taken_at for taken_at, _ in found})),
        tuple(sorted({taken_at for taken_at, whole in found if whole})),
    )
