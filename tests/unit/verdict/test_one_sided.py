"""The one law: a fault, wherever it strikes, may move a verdict away from QUIET and never towards it.

A made-up history of one file system is what is true. A fault takes something of it away and leaves what a fault leaves: a hole, an answer
that did not come, a client without a name. The verdict over what is left is QUIET only when the verdict over everything is.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from inventory.model import DAY, HOUR, MountState, Span
from inventory.timeline import intersect, subtract, union
from inventory.verdict import (
    Blind,
    Check,
    Facts,
    History,
    Label,
    Reference,
    Rules,
    Standing,
    Use,
    Verdict,
    judge,
)
from tests.conftest import Programme

RULES = Rules(max_lag=0, listing_max_age=0)
"""What an operator tolerates is tolerated by decision: here it is nothing."""

LENGTH = 400
"""Days of the history."""


@dataclass(frozen=True)
class Stay:
    """One client there from one hour to another."""

    workload: str
    span: Span
    state: MountState = MountState.ENDED
    label: Label | None = None
    server_known: bool = True


@dataclass(frozen=True)
class World:
    """Everything that is true, or what is left of it."""

    stays: tuple[Stay, ...]
    calls: tuple[tuple[str, Standing], ...]
    """By call, one reference of this standing that it shows."""
    since: int
    until: int
    length: int
    """Of the window."""
    lost: tuple[Span, ...] = ()
    """Logs that nobody can read."""
    silent: frozenset[str] = frozenset()
    """Calls that did not answer."""
    listed: bool = True


def facts(world: World) -> Facts:
    """What an inventory knows of it."""
    seen = subtract([(world.since, world.until)], world.lost)
    as_of = seen[-1][1] if seen else None
    end = world.until if as_of is None else min(world.until, as_of)
    window = (end - world.length, end)
    left = [stay for stay in world.stays if _shows(stay, seen)]
    clear = [_clipped(stay, seen) for stay in left]
    return Facts(
        window=window,
        asked_until=world.until,
        asked=True,
        as_of=as_of,
        blind=tuple(Blind(*span, "no_records") for span in subtract([window], seen)),
        uses=tuple(_use(s) for s in clear if s.server_known and s.span[1] > window[0]),
        possible=tuple(_use(s) for s in clear if not s.server_known and s.span[1] > window[0]),
        history=_history(world, clear, seen, window[0]),
        references=tuple(
            Reference("thing", call, standing, "")
            for call, standing in world.calls
            if call not in world.silent
        ),
        checks=tuple(
            Check("thing", call, "1", "r", None if call in world.silent else world.until)
            for call, _ in world.calls
        ),
        listed_at=world.until if world.listed else world.until - DAY,
    )


def _shows(stay: Stay, seen: list[Span]) -> bool:
    return bool(intersect([stay.span], seen))


def _clipped(stay: Stay, seen: list[Span]) -> Stay:
    parts = intersect([stay.span], seen)
    return replace(stay, span=(parts[0][0], parts[-1][1]))


def _use(stay: Stay) -> Use:
    return Use(stay.workload, stay.workload, stay.state, *stay.span, label=stay.label)


def _history(world: World, stays: Iterable[Stay], seen: list[Span], start: int) -> History:
    uses: dict[str, list[Span]] = {}
    for stay in stays:
        counts = stay.label is None and stay.server_known and stay.state is MountState.ENDED
        if counts and stay.span[0] < start:
            uses.setdefault(stay.workload, []).append(stay.span)
    since = seen[0][0] if seen else None
    blind = () if since is None else tuple(subtract([(since, start)], seen))
    return History(since, {name: tuple(spans) for name, spans in uses.items()}, blind)


# -- what may happen -------------------------------------------------------------------------------

Fault = Callable[[random.Random, World], World]


def lose_logs(rng: random.Random, world: World) -> World:
    """Not the oldest ones: how far back anybody looked is told, and is the question's own."""
    start = rng.randrange(world.since + DAY, world.until - HOUR)
    end = min(start + rng.choice([300, HOUR, DAY, 3 * DAY, 30 * DAY]), world.until)
    return replace(world, lost=tuple(union([*world.lost, (start, end)])))


def lose_the_logs_of_a_stay(rng: random.Random, world: World) -> World:
    """What hurts most: exactly what shows somebody."""
    if not world.stays:
        return world
    start, end = rng.choice(world.stays).span
    lost = (max(start, world.since + 1), min(end, world.until))
    return replace(world, lost=tuple(union([*world.lost, lost])))


def lose_an_answer(rng: random.Random, world: World) -> World:
    calls = [call for call, _ in world.calls]
    return replace(world, silent=world.silent | {rng.choice(calls)}) if calls else world


def lose_the_list_of_mount_targets(_rng: random.Random, world: World) -> World:
    return replace(world, listed=False)


def lose_a_name(rng: random.Random, world: World) -> World:
    """A client that nobody can name any more is somebody else's, as far as is known; its label is lost with it."""
    return _changed(rng, world, lambda stay, n: replace(stay, workload=f"address {n}", label=None))


def lose_the_server(rng: random.Random, world: World) -> World:
    """Only in the window: who may have been there before is no evidence of a rhythm."""
    recent = world.until - world.length
    return _changed(
        rng,
        world,
        lambda stay, _: replace(stay, server_known=False) if stay.span[1] > recent else stay,
    )


def _changed(rng: random.Random, world: World, change: Callable[[Stay, int], Stay]) -> World:
    if not world.stays:
        return world
    stays = list(world.stays)
    chosen = rng.randrange(len(stays))
    stays[chosen] = change(stays[chosen], chosen)
    return replace(world, stays=tuple(stays))


FAULTS: tuple[Fault, ...] = (
    lose_logs,
    lose_the_logs_of_a_stay,
    lose_an_answer,
    lose_the_list_of_mount_targets,
    lose_a_name,
    lose_the_server,
)


# -- worlds ----------------------------------------------------------------------------------------


def made_up(rng: random.Random) -> World:
    """Somebody every so often, or nobody; now and then a scanner, a backup, somebody rejected."""
    until = 1_795_000_000
    since = until - LENGTH * DAY
    stays: list[Stay] = []
    stop = rng.randint(1, LENGTH)
    for number in range(rng.choice([0, 0, 1, 1, 2, 3])):
        every, at = rng.choice([1, 7, 30, 91]), rng.randint(0, 60)
        while at < stop:
            start = since + at * DAY + rng.randrange(DAY)
            stays.append(Stay(f"workload {number}", (start, start + rng.choice([600, 6 * HOUR]))))
            at += every
    for state, label in (
        (MountState.REJECTED, None),
        (MountState.PROBE, None),
        (MountState.ENDED, Label.PROBE),
        (MountState.ENDED, Label.MAINTENANCE),
    ):
        if rng.random() < 0.1:
            start = since + rng.randrange(LENGTH * DAY - HOUR)
            stays.append(Stay(f"{state} {label}", (start, start + 60), state, label))
    calls = tuple(
        (f"call {n}", rng.choice([Standing.LIVE, *[Standing.DORMANT] * 4, Standing.VANISHED]))
        for n in range(rng.randint(0, 3))
    )
    length = rng.choice([1, 7, 30, 30, 100, 200, LENGTH]) * DAY
    return World(tuple(stays), calls, since, until, length)


@dataclass
class Seen:
    """How the law was tried."""

    verdicts: Counter[tuple[Verdict, Verdict]] = field(default_factory=Counter)


def holds(seed: int, seen: Seen) -> None:
    rng = random.Random(seed)
    world = made_up(rng)
    before = judge(facts(world), RULES).verdict
    for _ in range(rng.randint(1, 4)):
        world = rng.choice(FAULTS)(rng, world)
        after = judge(facts(world), RULES).verdict
        seen.verdicts[before, after] += 1
        assert after is not Verdict.QUIET or before is Verdict.QUIET, (
            f"World {seed}: {before} became QUIET"
        )


def test_no_fault_ever_makes_a_verdict_quiet(programme: Programme) -> None:
    seen = Seen()
    for seed in range(programme.size("worlds with faults", 50_000, 500)):
        holds(seed, seen)
    befores = {before for before, _ in seen.verdicts}
    assert befores == set(Verdict), "every verdict was there to be spoilt"
    kept = seen.verdicts[Verdict.QUIET, Verdict.QUIET]
    lost = seen.verdicts[Verdict.QUIET, Verdict.UNKNOWN]
    assert kept > 20, "some faults do not matter, and QUIET stays"
    assert lost > 20, "and some do"


@given(st.integers(min_value=1_000_000))
def test_nor_in_any_other_world(seed: int) -> None:
    holds(seed, Seen())


def test_a_healthy_world_is_quiet_when_nobody_is_there() -> None:
    until = 1_795_000_000
    world = World((), (("call", Standing.DORMANT),), until - LENGTH * DAY, until, 30 * DAY)
    assert judge(facts(world), RULES).verdict is Verdict.QUIET
