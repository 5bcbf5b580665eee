"""What ``status`` reads of the ledger: what was read how, what the newest sweeps said, who else serves on port 2049."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, case, func, or_, select

from inventory.model import BatchState, CallState, Span
from inventory.store import asking, tallies
from inventory.store.statements import chunks
from inventory.store.tables import BATCH, SIGHTING, SOURCE, SWEEP, SWEEP_CALL

_FEW = 20


@dataclass(slots=True)
class SourceSummary:
    """All batches of one source together."""

    name: str
    kind: str
    batches: dict[str, int] = field(default_factory=dict)
    """By state."""
    tally: dict[str, int] = field(default_factory=dict)
    """By outcome."""
    fields: dict[str, tallies.Named] = field(default_factory=dict)
    """By field that names somebody, how many records on port 2049 told it, of formats that carry it."""
    formats: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    foreign: list[tuple[str, str]] = field(default_factory=list)
    """``(key, problem)`` of files that are no flow logs."""


class CallWord(NamedTuple):
    """The newest word on one call: of the newest sweep that asked it."""

    call: str
    state: CallState
    problem: str
    asked_at: int
    whole_at: int | None
    """When it last answered whole; ``None``: it never did."""


class SweepSummary(NamedTuple):
    """The sweeps of an account and region: how many, the newest, and the newest word on each call."""

    account: str
    region: str
    number: int
    first: int
    last: int
    calls: tuple[CallWord, ...]
    """Those that were ever asked."""


class Talk(NamedTuple):
    """How many addresses were seen with a server, and when last."""

    clients: int
    last_seen: int | None


class Stray(NamedTuple):
    """An address with traffic on its port 2049 that no sweep shows to be a server."""

    address: str
    vpc_id: str
    clients: int
    requests: int
    responses: int
    last_seen: int


def sources(conn: Connection) -> list[SourceSummary]:
    """By name."""
    found: dict[int, SourceSummary] = {}
    for row in conn.execute(select(SOURCE).order_by(SOURCE.c.name)):
        found[row.id] = SourceSummary(row.name, row.kind)
    counts: dict[int, Counter[str]] = defaultdict(Counter)
    fields: dict[int, list[Mapping[str, tallies.Named]]] = defaultdict(list)
    counted = select(BATCH.c.source_id, BATCH.c.state, BATCH.c.tally, func.count()).group_by(
        BATCH.c.source_id, BATCH.c.state, BATCH.c.tally
    )
    for source_id, state, text, count in conn.execute(counted):
        batches = found[source_id].batches
        batches[state] = batches.get(state, 0) + count
        told = tallies.read(text)
        for outcome, number in told.counts.items():
            counts[source_id][outcome] += number * count
        fields[source_id].append(
            {
                name: tallies.Named(one.named * count, one.dash * count)
                for name, one in (told.fields or {}).items()
            }
        )
    for source_id, more in _fields_not_counted(conn):
        fields[source_id].append(more)
    for source_id, summary in found.items():
        summary.tally = {
            outcome: number for outcome, number in sorted(counts[source_id].items()) if number
        }
        summary.fields = tallies.summed(fields[source_id])
    for source_id, text in conn.execute(
        select(BATCH.c.source_id, BATCH.c.format).distinct().order_by(BATCH.c.format)
    ):
        found[source_id].formats.extend(
            one for one in text.split("\n") if one and one not in found[source_id].formats
        )
    _add_examples(conn, found)
    return list(found.values())


def _fields_not_counted(conn: Connection) -> Iterator[tuple[int, dict[str, tallies.Named]]]:
    """What the sightings tell of batches that an older program recorded."""
    records = SIGHTING.c.requests + SIGHTING.c.responses
    sums = [
        func.sum(case((SIGHTING.c[column] != "", records), else_=0))
        for column in tallies.FIELDS.values()
    ]
    statement = (
        select(BATCH.c.source_id, BATCH.c.format, func.sum(records), *sums)
        .join(SIGHTING, SIGHTING.c.batch_id == BATCH.c.id)
        .where(
            BATCH.c.tally.not_like('%"fields"%'),
            or_(*(BATCH.c.format.contains(name) for name in tallies.FIELDS)),
            SIGHTING.c.stray == 0,
        )
        .group_by(BATCH.c.source_id, BATCH.c.format)
    )
    for source_id, formats, every, *named in conn.execute(statement):
        told = dict(zip(tallies.FIELDS, map(int, named), strict=True))
        yield (
            source_id,
            {
                name: tallies.Named(told[name], int(every) - told[name])
                for name in tallies.carried(formats)
            },
        )


def _add_examples(conn: Connection, found: dict[int, SourceSummary]) -> None:
    bad = (
        select(BATCH.c.source_id, BATCH.c.key, BATCH.c.bad)
        .where(BATCH.c.bad.not_in(["", "[]"]))
        .order_by(BATCH.c.key)
        .limit(_FEW)
    )
    for source_id, key, lines in conn.execute(bad):
        found[source_id].bad.extend(f"{key}: {line}" for line in json.loads(lines))
    foreign = (
        select(BATCH.c.source_id, BATCH.c.key, BATCH.c.problem)
        .where(BATCH.c.state == BatchState.FOREIGN.value)
        .order_by(BATCH.c.key)
        .limit(_FEW)
    )
    for source_id, key, problem in conn.execute(foreign):
        found[source_id].foreign.append((key, problem))


def newest_sweeps(conn: Connection) -> list[SweepSummary]:
    """By account and region. Nothing here is a look through the sweeps, of which there may be years."""
    words: dict[tuple[str, str], list[CallWord]] = defaultdict(list)
    for (account, region, call), (asked_at, whole_at, state) in asking.call_times(conn).items():
        words[account, region].append(CallWord(call, state, "", asked_at, whole_at))
    found = []
    for (account, region), number in asking.sweep_counts(conn).items():
        here = (SWEEP.c.account == account, SWEEP.c.region == region)
        first, last = (
            conn.execute(
                select(SWEEP.c.taken_at).where(*here).order_by(order).limit(1)
            ).scalar_one()
            for order in (SWEEP.c.taken_at, SWEEP.c.taken_at.desc())
        )
        calls = _with_problems(conn, here, words[account, region])
        found.append(SweepSummary(account, region, number, first, last, calls))
    return found


def _with_problems(
    conn: Connection, here: Sequence[ColumnElement[bool]], words: Sequence[CallWord]
) -> tuple[CallWord, ...]:
    moments = {word.asked_at for word in words if word.state is CallState.BROKEN}
    problems: dict[tuple[str, int], str] = {}
    for some in chunks(sorted(moments)):
        said = (
            select(SWEEP_CALL.c.call, SWEEP.c.taken_at, SWEEP_CALL.c.problem)
            .join(SWEEP, SWEEP.c.id == SWEEP_CALL.c.sweep_id)
            .where(*here, SWEEP.c.taken_at.in_(some), SWEEP_CALL.c.state == CallState.BROKEN.value)
            .order_by(SWEEP.c.name)
        )
        for call, moment, problem in conn.execute(said):
            problems.setdefault((call, moment), problem)
    return tuple(
        word._replace(problem=problems.get((word.call, word.asked_at), ""))
        if word.state is CallState.BROKEN
        else word
        for word in words
    )


class Place(NamedTuple):
    """Where records come from: the account by the batch's name, the VPC by the record; ``""`` where they do not tell."""

    account: str
    vpc_id: str


Pair = tuple[str, str]
"""Server and client address."""


def strange_places(
    conn: Connection,
    window: Span,
    vpcs: Collection[str],
    accounts: Collection[str],
    servers: Collection[str],
) -> dict[Place, set[Pair]]:
    """Who was seen in ``window`` where no sweep was: in none of ``vpcs``, or in the name of none of ``accounts``.

    What one of ``servers`` (interface ids) recorded tells of its own place, not of its clients'.
    """
    during = select(BATCH.c.account, SIGHTING.c.vpc_id).join(
        SIGHTING, SIGHTING.c.batch_id == BATCH.c.id
    )
    during = during.where(BATCH.c.span_end >= window[0], SIGHTING.c.stray == 0)
    known = {"", *vpcs}
    strange = [
        Place(account, vpc_id)
        for account, vpc_id in conn.execute(during.distinct())
        if vpc_id not in known or account not in {"", *accounts}
    ]
    found: dict[Place, set[Pair]] = {}
    for place in strange:
        here = during.with_only_columns(
            SIGHTING.c.server, SIGHTING.c.true_client, SIGHTING.c.interface_id
        ).where(
            BATCH.c.account == place.account,
            SIGHTING.c.vpc_id == place.vpc_id,
            SIGHTING.c.last_seen >= window[0],
            SIGHTING.c.first_seen < window[1],
        )
        pairs = {
            (server, client)
            for server, client, recorder in conn.execute(here.distinct())
            if recorder not in servers
        }
        told = place._replace(vpc_id="" if place.vpc_id in known else place.vpc_id)
        found.setdefault(told, set()).update(pairs)
    return found


def talk(conn: Connection, addresses: Sequence[str]) -> Talk:
    """Who talked to any of ``addresses`` on port 2049."""
    if not addresses:
        return Talk(0, None)
    statement = select(
        func.count(SIGHTING.c.true_client.distinct()), func.max(SIGHTING.c.last_seen)
    ).where(SIGHTING.c.server.in_(list(addresses)), SIGHTING.c.stray == 0)
    clients, last = conn.execute(statement).one()
    return Talk(clients, last)


def strays(conn: Connection, limit: int = _FEW) -> list[Stray]:
    """The addresses with most clients first."""
    clients = func.count(SIGHTING.c.true_client.distinct())
    statement = (
        select(
            SIGHTING.c.server,
            SIGHTING.c.vpc_id,
            clients,
            func.sum(SIGHTING.c.requests),
            func.sum(SIGHTING.c.responses),
            func.max(SIGHTING.c.last_seen),
        )
        .where(SIGHTING.c.stray == 1, SIGHTING.c.action != "REJECT")
        .group_by(SIGHTING.c.server, SIGHTING.c.vpc_id)
        .order_by(clients.desc(), SIGHTING.c.server, SIGHTING.c.vpc_id)
        .limit(limit)
    )
    return [
        Stray(row[0], row[1], row[2], int(row[3]), int(row[4]), row[5])
        for row in conn.execute(statement)
    ]
