"""The one law: a fault, wherever it strikes, may move a verdict away from QUIET and never towards it.

A made-up history of one file system is what is true. A fault takes something of it away and leaves what a fault leaves: a hole, an answer
that did not come, a client without a name, a metric that was not told. The verdict over what is left is QUIET only when the verdict over
everything is.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from hypothesis import given
from hypothesis import strategies as st

from inventory.answers.witnessing import MARGIN, unseen
from inventory.model import CLIENT_CONNECTIONS, DAY, HOUR, Meaning, MetricRun, MountState, Span
from inventory.store.metrics import merged
from inventory.timeline import Coverage, Watched, coverage, intersect, subtract, union
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
    period: int = 60
    """Of the metric."""
    untold: tuple[Span, ...] = ()
    """Of which no datapoint came."""
    partial: tuple[Span, ...] = ()
    """Of which the answer was not complete: what came in it above zero stands."""
    proven: bool = True
    """The metric has proved itself by other file systems of this account and region."""


FOREVER = 1 << 40


def metric(world: World) -> list[MetricRun]:
    """What ClientConnections said: the truth, as far as it was told. Who was rejected was never connected."""
    period = world.period
    connected = union(
        (start - start % period, end - end % period + period)
        for start, end in (s.span for s in world.stays if s.state is not MountState.REJECTED)
    )
    until = world.until - world.until % period
    whole = subtract([(world.since - world.since % period + period, until)], world.untold)
    told = [span for span in _on_grid(whole, period) if span[0] < span[1]]
    complete = _on_grid(subtract(told, world.partial), period)
    zeros = _on_grid(subtract(complete, connected), period)
    above = _on_grid(intersect(told, connected), period)
    about = MetricRun("fs", CLIENT_CONNECTIONS, period, Meaning.ZERO, 0, 0)
    return merged(
        [replace(about, start=start, end=end) for start, end in zeros]
        + [
            replace(about, meaning=Meaning.ABOVE, start=start, end=end, largest=1)
            for start, end in above
        ]
    )


def _on_grid(spans: Iterable[Span], period: int) -> list[Span]:
    """Whole periods only."""
    found = [(-(-start // period) * period, end // period * period) for start, end in spans]
    return [span for span in found if span[0] < span[1]]


def covered(world: World, seen: list[Span], told: list[MetricRun], span: Span) -> Coverage:
    """Coverage of some of the time, bridged by what can be believed."""
    zeros = [(run.start, run.end) for run in told if run.meaning is Meaning.ZERO]
    return coverage(span, [Watched((-FOREVER, FOREVER), seen, [])], zeros if world.proven else [])


def blind(found: Coverage) -> tuple[Span, ...]:
    return tuple((gap.start, gap.end) for gap in found.gaps if gap.bridged_by is None)


def facts(world: World) -> Facts:
    """What an inventory knows of it."""
    seen = subtract([(world.since, world.until)], world.lost)
    as_of = seen[-1][1] if seen else None
    end = world.until if as_of is None else min(world.until, as_of)
    window = (end - world.length, end)
    left = [stay for stay in world.stays if _shows(stay, seen)]
    clear = [_clipped(stay, seen) for stay in left]
    told = metric(world)
    known = [stay for stay in clear if stay.server_known]
    there = [stay.span for stay in known if stay.state is not MountState.REJECTED]
    connected = (window[0] + MARGIN, FOREVER)
    return Facts(
        window=window,
        asked_until=world.until,
        asked=True,
        as_of=as_of,
        blind=tuple(
            Blind(*span, "no_records") for span in blind(covered(world, seen, told, window))
        ),
        connections=tuple(unseen(told, connected, there)),
        uses=tuple(_use(s) for s in clear if s.server_known and s.span[1] > window[0]),
        possible=tuple(_use(s) for s in clear if not s.server_known and s.span[1] > window[0]),
        history=_history(world, clear, seen, told, window[0]),
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


def _history(
    world: World, stays: list[Stay], seen: list[Span], told: list[MetricRun], start: int
) -> History:
    uses: dict[str, list[Span]] = {}
    for stay in stays:
        counts = stay.label is None and stay.server_known and stay.state is MountState.ENDED
        if counts and stay.span[0] < start:
            uses.setdefault(stay.workload, []).append(stay.span)
    since = seen[0][0] if seen else None
    there = [
        stay.span
        for stay in stays
        if stay.server_known and stay.state is not MountState.REJECTED and stay.span[0] < start
    ]
    earlier = unseen(told, (-FOREVER, start), there)
    first = min((one.start for one in earlier), default=start)
    return History(
        since,
        {name: tuple(spans) for name, spans in uses.items()},
        () if since is None else blind(covered(world, seen, told, (since, start))),
        tuple((one.start, one.end - 1) for one in earlier),
        blind(covered(world, seen, told, (first, start))) if earlier else (),
    )


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


def deny_the_metric(_rng: random.Random, world: World) -> World:
    """Or it was told of another account only."""
    return replace(world, untold=((-FOREVER, FOREVER),))


def lose_datapoints(rng: random.Random, world: World) -> World:
    start = rng.randrange(world.since, world.until)
    lost = (start, start + rng.choice([60, HOUR, DAY, 30 * DAY]))
    return replace(world, untold=tuple(union([*world.untold, lost])))


def lose_the_datapoints_of_a_stay(rng: random.Random, world: World) -> World:
    """What hurts most: exactly those above zero."""
    if not world.stays:
        return world
    lost = rng.choice(world.stays).span
    return replace(world, untold=tuple(union([*world.untold, lost])))


def throttle_the_metric(rng: random.Random, world: World) -> World:
    """Some of it is told, and not completely."""
    start = rng.randrange(world.since, world.until)
    return replace(world, partial=tuple(union([*world.partial, (start, world.until)])))


def be_late_with_the_metric(rng: random.Random, world: World) -> World:
    late = (world.until - rng.choice([900, 3 * HOUR, DAY]), FOREVER)
    return replace(world, untold=tuple(union([*world.untold, late])))


def lose_the_proof(_rng: random.Random, world: World) -> World:
    return replace(world, proven=False)


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
    deny_the_metric,
    lose_datapoints,
    lose_the_datapoints_of_a_stay,
    throttle_the_metric,
    be_late_with_the_metric,
    lose_the_proof,
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
    period = rng.choice([60, 300, HOUR])
    return World(tuple(stays), calls, since, until, length, period=period)


@dataclass
class Seen:
    """How the law was tried."""

    verdicts: Counter[tuple[Verdict, Verdict]] = field(default_factory=Counter)
    bridged: int = 0
    """How often it was QUIET though logs of the window were lost."""


def holds(seed: int, seen: Seen) -> None:
    rng = random.Random(seed)
    world = whole = made_up(rng)
    before = judge(facts(world), RULES).verdict
    for _ in range(rng.randint(1, 4)):
        world = rng.choice(FAULTS)(rng, world)
        known = facts(world)
        after = judge(known, RULES).verdict
        holes = intersect(world.lost, [known.window])
        seen.bridged += after is Verdict.QUIET and bool(holes)
        seen.verdicts[before, after] += 1
        if after is Verdict.QUIET:
            assert but_for_the_rejected(whole, world) is Verdict.QUIET, (
                f"World {seed}: {before} became QUIET"
            )


def but_for_the_rejected(whole: World, left: World) -> Verdict:
    """The verdict over everything but those whom nobody saw rejected, in logs that are lost.

    Who was rejected was never connected, so a hole that a metric bridges does not show him. The answer says so where it bridges.
    """
    seen = subtract([(left.since, left.until)], left.lost)
    stays = [s for s in whole.stays if s.state is not MountState.REJECTED or _shows(s, seen)]
    return judge(facts(replace(whole, stays=tuple(stays))), RULES).verdict


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
    assert seen.bridged > 3, "holes are bridged, too, and QUIET stays"


@given(st.integers(min_value=1_000_000))
def test_nor_in_any_other_world(seed: int) -> None:
    holds(seed, Seen())


def test_a_healthy_world_is_quiet_when_nobody_is_there() -> None:
    until = 1_795_000_000
    world = World((), (("call", Standing.DORMANT),), until - LENGTH * DAY, until, 30 * DAY)
    assert judge(facts(world), RULES).verdict is Verdict.QUIET
