"""Asking CloudTrail, where it is configured, about clients that sweeps could not name: last, and within a budget of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import Protocol

from inventory.aws import Aws, Caller, CallKey, Meter, Use
from inventory.config import DiscoverSettings
from inventory.discover import accounts, histories, rounds, trail
from inventory.discover.cloudtrail import CloudTrail
from inventory.discover.histories import Purse, Told
from inventory.discover.pace import Times, places_of
from inventory.errors import AwsError
from inventory.model import DAY, Place, Wanted

AT_ONCE = 240
"""Calls of one asking: two minutes at the pace that CloudTrail allows. What is left is asked the next time."""


_LOG = logging.getLogger(__name__)


class Ledger(Protocol):
    """Where it is looked up what to ask, and written down what was."""

    def call_times(self) -> Mapping[tuple[str, str, str], Times]:
        """By account, region and call, when it was last made."""
        ...

    def wanted_of(self, history: str, since: int) -> Wanted:
        """What a history may be asked about the time from ``since`` on."""
        ...

    def used(self, day: int) -> rounds.Used:
        """Requests made on a day (UTC, days since 1970)."""
        ...

    def use(self, day: int, uses: Mapping[CallKey, Use]) -> None:
        """Write down requests made on a day."""
        ...


def ask(settings: DiscoverSettings, ledger: Ledger, *, clock: Callable[[], int]) -> Told:
    """What CloudTrail told, to be learnt and then remembered; nothing when it is not configured. Faults of AWS are in the answer."""
    trails = settings.cloudtrail
    if not trails.enabled:
        return Told()
    now = clock()
    day = now // DAY
    history = CloudTrail(since=trails.since)
    wanted = ledger.wanted_of(history.name, now - trails.since)
    left = trails.max_calls_per_day - ledger.used(day).by_call.get(trail.CALL, 0)
    aws = Aws(Meter())
    try:
        told = Told()
        with closing(aws):
            callers = _callers(settings, aws, places_of(ledger.call_times()), told.faults)
            found = histories.ask(history, wanted, callers, Purse(max(0, left), AT_ONCE), now)
        found.faults[:0] = told.faults
        if found.unasked and left <= found.calls:
            _LOG.warning(
                "%s: %d questions wait for another day: the %d calls of [discover.cloudtrail] max_calls_per_day are used up",
                history.name,
                found.unasked,
                trails.max_calls_per_day,
            )
        elif found.unasked:
            _LOG.info("%s: %d questions are left for the next time", history.name, found.unasked)
        return found
    finally:
        ledger.use(day, aws.meter.take())


def _callers(
    settings: DiscoverSettings, aws: Aws, known: frozenset[Place], faults: list[AwsError]
) -> dict[Place, Caller]:
    """By account and region that was ever swept; an account that nobody can get into is left out, and told."""
    needed = rounds.needs_region(settings)
    found: dict[Place, Caller] = {}
    for entrance in accounts.entrances(settings, aws, known, aws.region(needed=needed)).accounts:
        try:
            account = aws.caller(entrance.settings, entrance.home, entrance.account_id).identity()
        except AwsError as error:
            faults.append(error)
            continue
        for region in _regions(entrance.regions, known, account):
            found[account, region] = aws.caller(entrance.settings, region, account)
    return found


def _regions(configured: Sequence[str], known: frozenset[Place], account: str) -> list[str]:
    return sorted({*configured} | {region for place, region in known if place == account})
