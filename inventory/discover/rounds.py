"""One round of live sweeps: every account and region, the calls that are wanted there, several accounts at once.

One account that fails does not stop the others: its calls are broken, which is recorded like any answer. What a round asks is either
everything, or what is due, or what may explain a client that nobody knows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from inventory.aws import Aws, Caller, CallKey, Meter, Use
from inventory.config import DiscoverSettings
from inventory.discover import accounts, datapoints, live, pace, recording, snapshots
from inventory.discover.accounts import Entrance
from inventory.discover.asked import Asked
from inventory.discover.calls import spent
from inventory.discover.live import Gathering
from inventory.discover.metrics import Before
from inventory.discover.pace import Times
from inventory.discover.references import unnamed
from inventory.errors import AwsError
from inventory.model import DAY, HOUR, CallState, Place, Span, Sweep, instant
from inventory.resolve.topology import Topology

AT_ONCE = 8
"""Accounts that are asked at the same time."""

SELDOM = HOUR
"""Seconds after which a round asks, at the latest, which accounts there are."""


class Used(Protocol):
    """How many requests there were."""

    @property
    def by_call(self) -> Mapping[str, int]:
        """Of all accounts together, by call."""
        ...


class Since(Protocol):
    """Since when what is kept."""

    @property
    def knowledge(self) -> int:
        """Epoch seconds; older sweeps are not to be looked at again."""
        ...


class Ledger(Protocol):
    """Where rounds look up what was asked before, and write down what they used."""

    def known_sweeps(self) -> Mapping[tuple[str, str, str], Mapping[str, CallState]]:
        """Every recorded sweep by name, account and region, with the state of its calls."""
        ...

    def kept(self) -> Since:
        """Since when what is kept."""
        ...

    def call_times(self) -> Mapping[tuple[str, str, str], Times]:
        """By account, region and call, when it was last made, and last whole."""
        ...

    def topology(self) -> Topology:
        """All knowledge, ready to be asked."""
        ...

    def unexplained(self) -> Mapping[Place, int]:
        """By place of the file system, when the newest client turned up that nobody could name."""
        ...

    def metrics_asked(self) -> Mapping[Place, Mapping[tuple[str, str], Sequence[Span]]]:
        """By place, then file system and metric: the stretches of time of which everything was told."""
        ...

    def used(self, day: int) -> Used:
        """Requests made on a day (UTC, days since 1970)."""
        ...

    def use(self, day: int, uses: Mapping[CallKey, Use]) -> None:
        """Write down requests made on a day."""
        ...


Wanted = Callable[[Place], Collection[str]]
"""The calls to make in a place."""

Rows = Mapping[str, Sequence[Any]]
"""By call, the rows of its answer."""

Keep = Callable[[Sweep, Rows], None]
"""Who else is shown what a place answered; called by several threads."""

Clock = Callable[[], int]
"""Epoch seconds, now. A place is asked when its turn comes, so each has a moment of its own."""


@dataclass(frozen=True, slots=True)
class Past:
    """What earlier rounds left behind."""

    times: Mapping[tuple[str, str, str], Times]
    """By account, region and call."""
    topology: Topology
    metrics: Mapping[Place, Mapping[tuple[str, str], Sequence[Span]]] = field(default_factory=dict)
    """By place, then file system and metric, what need not be asked again."""
    recorded: Mapping[Place, int] = field(default_factory=dict)
    """By place, when its metrics were last recorded as files."""

    def metered(self, place: Place, *, plain: bool) -> Before:
        """What is known of the metrics of a place; ``plain``: they are asked in order to be recorded."""
        systems = {
            version.value.file_system_id
            for version in self.topology.versions("file_system")
            if (version.account, version.region) == place and version.not_after is None
        }
        return Before(systems, self.metrics.get(place, {}), self.recorded.get(place), plain)

    def places(self) -> frozenset[Place]:
        """Every account and region that was ever asked."""
        return pace.places_of(self.times)

    def definitions(self) -> frozenset[str]:
        """Task definitions that need not be asked for again."""
        return frozenset(
            v.value.task_definition_arn for v in self.topology.versions("task_definition")
        )


def a_round(
    settings: DiscoverSettings, ledger: Ledger, *, clock: Clock, asked: Asked
) -> Iterator[Sweep]:
    """The sweeps of a round that begins now; the requests that it took are written down, however it ends."""
    unexplained = ledger.unexplained() if asked is Asked.UNEXPLAINED else {}
    if asked is Asked.UNEXPLAINED and not unexplained:
        return
    now = clock()
    day = now // DAY
    meter = Meter(settings.max_calls_per_day, spent(ledger.used(day).by_call))
    past = Past(ledger.call_times(), ledger.topology(), ledger.metrics_asked())
    wanted: Wanted = everything_named(settings)
    if asked is Asked.DUE:
        wanted = due(settings, past, now)
    elif asked is Asked.UNEXPLAINED:
        wanted = explaining(past, unexplained, now)
    try:
        with closing(Aws(meter)) as aws:
            yield from sweeps(settings, aws, past, wanted, clock=clock)
    finally:
        ledger.use(day, meter.take())


def is_quiet(settings: DiscoverSettings, ledger: Ledger, *, now: int, asked: Asked) -> bool:
    """Whether a round that began now would ask nothing, as far as the ledger can tell: then nobody need ask whose credentials there are.

    Accounts that an organization got lately are found by the next round that asks anything, within :data:`SELDOM` seconds.
    """
    clients = ledger.unexplained() if asked is Asked.UNEXPLAINED else {}
    if asked is Asked.UNEXPLAINED and not clients:
        return True
    past = Past(ledger.call_times(), ledger.topology())
    wanted = explaining(past, clients, now) if clients else due(settings, past, now)
    if not clients and not any(
        now - SELDOM <= times.asked_at <= now + pace.AHEAD for times in past.times.values()
    ):
        return False
    return not any(wanted(place) for place in _asked_still(settings, past, now))


def is_dated_ahead(ledger: Ledger, now: int) -> bool:
    """Whether the ledger knows of sweeps that are still to come: the clock was put back."""
    return pace.is_dated_ahead(list(ledger.call_times().values()), now)


def _asked_still(settings: DiscoverSettings, past: Past, now: int) -> set[Place]:
    """The places that a round would ask: those configured, and those of earlier rounds unless they were left out for long."""
    configured = {(one.id, region) for one in settings.accounts for region in one.regions}
    named = {account for account, _ in configured}
    if settings.accounts and settings.organization is None:
        return configured
    newest: dict[Place, int] = {}
    for (account, region, _), times in past.times.items():
        place = (account, region)
        newest[place] = max(newest.get(place, 0), times.asked_at)
    lately = now - 2 * max(SELDOM, settings.every.file_systems, settings.every.interfaces)
    return configured | {
        place for place in past.places() if newest.get(place, 0) >= lately and place[0] not in named
    }


def record(settings: DiscoverSettings, folder: Path, *, clock: Clock) -> Iterator[Sweep]:
    """A whole live sweep of every place, written below ``folder`` as the files that snapshots mode reads before it is given out.

    What is not whole has no file: "not known". A place in which nothing was whole has no folder.
    """

    def keep(sweep: Sweep, rows: Rows) -> None:
        whole = {call: rows[call] for call in rows if sweep.calls[call] is CallState.WHOLE}
        recording.write(folder / sweep.name / sweep.account / sweep.region, whole)

    past = Past({}, Topology({}), recorded=_recorded(folder))
    with closing(Aws(Meter(settings.max_calls_per_day))) as aws:
        yield from sweeps(settings, aws, past, everything_named(settings), clock=clock, keep=keep)


def _recorded(folder: Path) -> dict[Place, int]:
    """By place, the newest recorded sweep that holds metrics: what is older need not be recorded once more."""
    if not folder.exists():
        return {}
    found = [
        ref
        for ref in snapshots.listing(folder).sweeps
        if (ref.path / f"{datapoints.CALL}.json").exists()
    ]
    return {(ref.account, ref.region): ref.taken_at for ref in found}


def name_of(moment: int) -> str:
    """The name of the sweeps of a moment: that of the dated folder that holds them when they are recorded."""
    return instant(moment).strftime("%Y%m%dT%H%M%SZ")


def everything(_place: Place) -> Collection[str]:
    """What a whole sweep asks."""
    return pace.ALL


def everything_named(settings: DiscoverSettings) -> Wanted:
    """All calls but those that look for references which the configuration does not name."""
    wanted = pace.ALL - unnamed(settings.references)
    return lambda _place: wanted


def due(settings: DiscoverSettings, past: Past, now: int) -> Wanted:
    """What is due at ``now``, by ``[discover.every]``."""
    by_place, unwanted = pace.by_place(past.times), unnamed(settings.references)
    reaching = past.topology.vpcs_that_reach_mount_targets()

    def wanted(place: Place) -> Collection[str]:
        near = is_near(past.topology, place, reaching)
        times = by_place.get(place, {})
        return pace.due(times, settings.every, now, near=near, unwanted=unwanted)

    return wanted


def explaining(past: Past, clients: Mapping[Place, int], now: int) -> Wanted:
    """What may explain clients that nobody could name; ``clients`` tells, by place, when the newest of them turned up.

    A client need not live where the file system is: every place near a mount target is asked.
    """
    by_place = pace.by_place(past.times)
    reaching = past.topology.vpcs_that_reach_mount_targets()
    newest = max(clients.values(), default=0)

    def wanted(place: Place) -> Collection[str]:
        if not clients or not is_near(past.topology, place, reaching):
            return ()
        return pace.forward(by_place.get(place, {}), newest, now)

    return wanted


def is_near(topology: Topology, place: Place, reaching: Collection[str] | None) -> bool:
    """Whether a VPC of the place can reach a mount target, or nobody knows: its VPCs were never listed, or links are unknown."""
    if reaching is None or not topology.is_listed("vpc", *place):
        return True
    return any(
        (version.account, version.region) == place and version.value.vpc_id in reaching
        for version in topology.versions("vpc")
    )


def sweeps(
    settings: DiscoverSettings,
    aws: Aws,
    past: Past,
    wanted: Wanted,
    *,
    clock: Clock,
    keep: Keep | None = None,
) -> Iterator[Sweep]:
    """The sweeps of one round, each named by the moment at which its place was asked.

    Raises ``AwsError`` only when there is nobody to ask as.
    """
    found = accounts.entrances(
        settings, aws, past.places(), aws.region(needed=needs_region(settings))
    )
    visit = _Visit(aws, past, wanted, clock, keep)
    if found.organization:
        yield visit.of_call(found.organization, accounts.LIST_ACCOUNTS, found.problem)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sweep") as pool:
        for made in pool.map(visit.account, found.accounts):
            yield from made


def needs_region(settings: DiscoverSettings) -> bool:
    """Whether nothing but the environment can tell where to ask."""
    role = settings.organization.management_role_arn if settings.organization else None
    return not settings.accounts and role is None


@dataclass(frozen=True, slots=True)
class _Visit:
    """What every account is asked in this round."""

    aws: Aws
    past: Past
    wanted: Wanted
    clock: Clock
    keep: Keep | None

    def account(self, entrance: Entrance) -> list[Sweep]:
        """The sweeps of one account, by region."""
        try:
            caller = self.aws.caller(entrance.settings, entrance.home, entrance.account_id)
            account = caller.identity()
        except AwsError as error:
            return self._nowhere(entrance, error)
        regions, word = self._regions(entrance, caller)
        places = ((region, self.wanted((account, region))) for region in regions)
        made = [
            self._place(self.aws.caller(entrance.settings, region, account), calls)
            for region, calls in places
            if calls
        ]
        # Last: whoever is killed before all regions are recorded asks for them again.
        return [*made, *word]

    def _place(self, caller: Caller, calls: Collection[str]) -> Sweep:
        moment = self.clock()
        place = (caller.account, caller.region)
        metered = self.past.metered(place, plain=self.keep is not None)
        gathering = Gathering(caller, self.past.definitions(), moment, metered)
        answers = gathering.answers(calls)
        made = live.sweep(gathering, answers, name=name_of(moment), moment=moment)
        if self.keep is not None:
            self.keep(made, {call: gathering.rows[call] for call in answers})
        return made

    def _regions(
        self, entrance: Entrance, caller: Caller
    ) -> tuple[Collection[str], Sequence[Sweep]]:
        """Those configured; else those enabled, asked for once a day; when that fails those of earlier rounds.

        And the word that they were asked for, if they were.
        """
        if entrance.regions:
            return entrance.regions, ()
        earlier = sorted(r for account, r in self.past.places() if account == caller.account)
        key = (caller.account, accounts.GLOBAL, accounts.LIST_REGIONS)
        if earlier and not pace.is_due(self.past.times.get(key), DAY, self.clock()):
            return earlier, ()
        try:
            regions = accounts.regions_of(entrance, caller)
        except AwsError as error:
            told = self.of_call(caller.account, accounts.LIST_REGIONS, error.told)
            return earlier or [entrance.home], [told]
        return regions, [self.of_call(caller.account, accounts.LIST_REGIONS)]

    def _nowhere(self, entrance: Entrance, error: AwsError) -> list[Sweep]:
        """An account that nobody can get into: all that was wanted of it is broken, wherever it was asked before.

        Raises the error when it is not even known whose account it is.
        """
        earlier = sorted(self.past.places())
        places = [place for place in earlier if place[0] == entrance.account_id]
        if entrance.regions:
            places = [(entrance.account_id, region) for region in entrance.regions]
        if not entrance.account_id:
            places = [place for place in earlier if place[1] in entrance.regions]
            if not places:
                raise error
        moment = self.clock()
        name, problem = name_of(moment), error.told
        return [
            live.broken(*place, calls, name=name, moment=moment, problem=problem)
            for place in places or [(entrance.account_id, entrance.home)]
            if (calls := self.wanted(place))
        ]

    def of_call(self, account: str, call: str, problem: str = "") -> Sweep:
        """That a call which belongs to no region was made, and how it went."""
        state = CallState.BROKEN if problem else CallState.WHOLE
        problems = {call: problem} if problem else {}
        nothing: Mapping[str, tuple[Any, ...]] = {}
        moment, where = self.clock(), (account, accounts.GLOBAL)
        return Sweep(name_of(moment), moment, *where, {call: state}, problems, frozenset(), nothing)
