"""The versions of everything AWS told of, read from the stored runs: each with what is certain and what is possible at both ends.

A run says when a value was seen; what bounds it follows from the sweeps around it, so nothing here is stored or kept up to date.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Connection, select

from inventory.model import KINDS, Span, Version
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
    moments = moments_by_scope(conn, wanted)
    found: dict[str, list[Version[Any]]] = {kind: [] for kind in wanted}
    for scope, things in _things(conn, wanted):
        said = moments[scope]
        decode = _decoder_of(scope.kind)
        for runs in things:
            for value, first, last, not_before, not_after in versions_of(
                runs, said, doubtful=scope.kind in DOUBTFUL
            ):
                found[scope.kind].append(
                    Version(
                        decode(value),
                        scope.account,
                        scope.region,
                        first,
                        last,
                        not_before,
                        not_after,
                    )
                )
    return found


def _decoder_of(kind: str) -> Callable[[tuple[str, str]], Any]:
    decoded: dict[str, Any] = {}
    shape, _ = KINDS[kind]

    def decode(value: tuple[str, str]) -> object:
        mark, body = value
        if mark not in decoded:
            decoded[mark] = from_json(shape, body)
        return decoded[mark]

    return decode


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
    for kind, account, region, taken_at, whole in conn.execute(statement):
        rows[Scope(kind, account, region)].append((taken_at, whole))
    return {scope: _moments(said) for scope, said in rows.items()}


ValueRun = tuple[tuple[str, str], int, int]
"""(digest and body) of a value, and one run of it."""


def _things(conn: Connection, kinds: Sequence[str]) -> Iterator[tuple[Scope, list[list[ValueRun]]]]:
    """The runs of each thing, gathered by scope; ascending."""
    values, runs = KNOWLEDGE.c, KNOWLEDGE_RUN.c
    statement = (
        select(
            SCOPE.c.kind,
            SCOPE.c.account,
            SCOPE.c.region,
            values.key,
            values.digest,
            values.body,
            runs.first_seen,
            runs.last_seen,
        )
        .join(KNOWLEDGE, values.scope_id == SCOPE.c.id)
        .join(KNOWLEDGE_RUN, runs.knowledge_id == values.id)
        .where(SCOPE.c.kind.in_(kinds))
    )
    things: dict[Scope, dict[str, list[ValueRun]]] = defaultdict(lambda: defaultdict(list))
    for kind, account, region, key, mark, body, first, last in conn.execute(statement):
        things[Scope(kind, account, region)][key].append(((mark, body), first, last))
    for scope in sorted(things):
        yield (
            scope,
            [
                sorted(one, key=lambda run: (run[1], run[2], run[0][0]))
                for _, one in sorted(things[scope].items())
            ],
        )


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
