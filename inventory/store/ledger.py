"""What ``status`` reads of the ledger: what was read how, what the newest sweeps said, who else serves on port 2049."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from inventory.model import BatchState, CallState
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
    formats: list[str] = field(default_factory=list)
    bad: list[str] = field(default_factory=list)
    foreign: list[tuple[str, str]] = field(default_factory=list)
    """``(key, problem)`` of files that are no flow logs."""


class SweepSummary(NamedTuple):
    """The newest sweep of an account and region, and how many there were."""

    account: str
    region: str
    number: int
    first: int
    last: int
    calls: tuple[tuple[str, CallState, str], ...]


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
    tallies: dict[int, Counter[str]] = defaultdict(Counter)
    counted = select(BATCH.c.source_id, BATCH.c.state, BATCH.c.tally, func.count()).group_by(
        BATCH.c.source_id, BATCH.c.state, BATCH.c.tally
    )
    for source_id, state, tally, count in conn.execute(counted):
        batches = found[source_id].batches
        batches[state] = batches.get(state, 0) + count
        for outcome, number in json.loads(tally or "{}").items():
            tallies[source_id][outcome] += number * count
    for source_id, counts in tallies.items():
        found[source_id].tally = {
            outcome: number for outcome, number in sorted(counts.items()) if number
        }
    for source_id, text in conn.execute(
        select(BATCH.c.source_id, BATCH.c.format).distinct().order_by(BATCH.c.format)
    ):
        found[source_id].formats.extend(
            one for one in text.split("\n") if one and one not in found[source_id].formats
        )
    _add_examples(conn, found)
    return list(found.values())


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
    """By account and region."""
    grouped = (
        select(
            SWEEP.c.account,
            SWEEP.c.region,
            func.count(),
            func.min(SWEEP.c.taken_at),
            func.max(SWEEP.c.taken_at),
        )
        .group_by(SWEEP.c.account, SWEEP.c.region)
        .order_by(SWEEP.c.account, SWEEP.c.region)
    )
    found: list[SweepSummary] = []
    for account, region, count, first, last in conn.execute(grouped).all():
        calls = (
            select(SWEEP_CALL.c.call, SWEEP_CALL.c.state, SWEEP_CALL.c.problem)
            .join(SWEEP, SWEEP.c.id == SWEEP_CALL.c.sweep_id)
            .where(SWEEP.c.account == account, SWEEP.c.region == region, SWEEP.c.taken_at == last)
            .order_by(SWEEP_CALL.c.call)
        )
        said = tuple(
            (call, CallState(state), problem) for call, state, problem in conn.execute(calls)
        )
        found.append(SweepSummary(account, region, count, first, last, said))
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
