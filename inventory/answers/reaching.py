"""Which reference checks count for a file system, and whether each succeeded lately."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from inventory.answers.asking import Desk
from inventory.answers.listed import STALE
from inventory.discover.calls import CALLS, WHOLE_BY
from inventory.discover.kubernetes import call_of, cluster_of
from inventory.discover.references import OWN, REFERENCE_CALLS
from inventory.model import CallState, Place
from inventory.resolve.reach import reach
from inventory.store import asking, ledger
from inventory.store.asking import CallTimes
from inventory.verdict import Check

if TYPE_CHECKING:
    from inventory.config import DiscoverSettings

REGIONLESS = "global"
WAYS = WHOLE_BY["vpc_link"]


@dataclass(frozen=True, slots=True)
class Reached:
    """Where references were to be looked for, and whether they were."""

    checks: tuple[Check, ...]
    unreached: tuple[str, ...]
    """Places in reach that nobody can look at, for people."""
    places: frozenset[Place]


class Checker:
    """What was asked where, read once for all file systems."""

    def __init__(self, desk: Desk, settings: DiscoverSettings) -> None:
        self._desk = desk
        self._settings = settings
        self._recorded = settings.mode == "snapshots"
        self._named = "references" in settings.model_fields_set
        self._times: dict[Place, dict[str, CallTimes]] = {}
        for (account, region, call), times in asking.call_times(desk.conn).items():
            self._times.setdefault((account, region), {})[call] = times
        self._problems = {
            (sweep.account, sweep.region, word.call): word.problem
            for sweep in ledger.newest_sweeps(desk.conn)
            for word in sweep.calls
        }
        self._ever = {call for calls in self._times.values() for call in calls}

    @property
    def asked(self) -> Mapping[Place, Mapping[str, CallTimes]]:
        """The newest word on every call that was ever asked, by account and region."""
        return self._times

    def whole_at(self, call: str, place: Place) -> int | None:
        """When a call last answered whole."""
        times = self._times.get(place, {}).get(call)
        return times.whole_at if times else None

    @property
    def places(self) -> frozenset[Place]:
        """Every account and region that is configured, or was ever asked."""
        configured = {(one.id, region) for one in self._settings.accounts for region in one.regions}
        asked = {place for place in self._times if place[0].isdigit() and place[1] != REGIONLESS}
        return frozenset(configured | asked)

    def reached(self, file_system_id: str, home: Place, named: frozenset[str]) -> Reached:
        """The checks in reach of a file system; ``named`` are accounts that its policy lets in."""
        found = reach(self._desk.knowledge.topology, file_system_id, home)
        places = set(found.places)
        if not found.routes_known or not all(map(self._lists_ways, found.owners or {home})):
            places |= self.places
        places |= {place for place in self.places if place[0] in named}
        foreign = named - {account for account, _ in self.places}
        checks = [self._check("its own", call, home) for call in OWN if self._counts(call)]
        for place in sorted(places):
            checks += self._of_place(place, home)
        checks += self._elsewhere(home, places)
        return Reached(
            tuple(checks),
            (
                *(f"VPC {vpc_id}" for vpc_id in sorted(found.unknown_vpcs)),
                *(f"account {account}" for account in sorted(foreign)),
            ),
            frozenset(places),
        )

    def _lists_ways(self, place: Place) -> bool:
        """Whether every call that tells of ways between VPCs was whole there, lately by the newest sweep of the place."""
        times, newest = [self.whole_at(call, place) for call in WAYS], self._newest(place)
        return newest is not None and all(at is not None and newest - at <= STALE for at in times)

    def _of_place(self, place: Place, home: Place) -> Iterator[Check]:
        for reference in self._settings.references:
            if reference == "replication" and place[0] != home[0]:
                continue
            for call in REFERENCE_CALLS[reference]:
                if self._counts(call):
                    yield self._check(reference, call, place)
            if reference == "eks":
                yield from self._dumps(place)

    def _elsewhere(self, home: Place, places: set[Place]) -> Iterator[Check]:
        """A replication is listed where its source is: in any region of the account."""
        if "replication" not in self._settings.references:
            return
        for place in sorted(self.places - places):
            if place[0] == home[0]:
                for call in REFERENCE_CALLS["replication"]:
                    if self._counts(call):
                        yield self._check("replication", call, place)

    def _counts(self, call: str) -> bool:
        """Recorded answers are looked for where any sweep holds them, unless the configuration names the check."""
        return not self._recorded or self._named or call in self._ever

    def _check(self, reference: str, call: str, place: Place) -> Check:
        whole_at = self.whole_at(call, place)
        failed = False
        problem = self._problem(call, place)
        if self._recorded:
            newest = self._newest(place)
            failed = newest is not None and (whole_at is None or whole_at < newest)
            if failed and not problem:
                problem = "it is missing in the newest sweep"
        elif call not in CALLS and not problem:
            problem = "this version does not make the call"
        return Check(reference, call, *place, whole_at, problem, failed)

    def _problem(self, call: str, place: Place) -> str:
        times = self._times.get(place, {}).get(call)
        if times is None:
            return "it was never asked"
        if times.state is CallState.WHOLE:
            return ""
        return self._problems.get((*place, call)) or "it was cut or denied"

    def _newest(self, place: Place) -> int | None:
        """The newest sweep of a place in which AWS was asked anything."""
        asked: Mapping[str, CallTimes] = self._times.get(place, {})
        return max((times.asked_at for call, times in asked.items() if call in CALLS), default=None)

    def _dumps(self, place: Place) -> Iterator[Check]:
        """Of each Kubernetes cluster there, and of each that was ever dumped there, a dump."""
        there = {
            version.value.name
            for version in self._desk.knowledge.topology.versions("eks_cluster")
            if (version.account, version.region) == place and version.not_after is None
        }
        dumped = {name for call in self._times.get(place, {}) if (name := cluster_of(call))}
        gone = {
            version.value.name
            for version in self._desk.knowledge.topology.versions("eks_cluster")
            if (version.account, version.region) == place
        } - there
        wanted = dumped if self._recorded and not self._named else there | dumped
        for name in sorted(wanted - gone):
            call = call_of(name)
            problem = self._problem(call, place)
            whole_at = self.whole_at(call, place)
            # Recorded dumps come apart from sweeps, so one that is missing in the newest is none that failed; one that is broken is.
            failed = bool(problem) and (self._recorded or whole_at is None)
            yield Check("eks", call, *place, whole_at, problem, failed)
