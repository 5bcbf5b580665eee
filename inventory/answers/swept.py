"""What ``status`` says of sweeps: the newest word on every call, how old it is, and what has not answered since when."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from inventory.answers.asking import Desk
from inventory.answers.listed import STALE
from inventory.answers.shapes import Json
from inventory.discover.calls import SWEPT, spent
from inventory.model import DAY, CallState, epoch, iso
from inventory.store import asking, ledger

GLOBAL = "global"
"""The region of calls that belong to none."""

FEW = 5
"""How many places are told that nobody asks any more."""


def sweeps(desk: Desk) -> list[Json]:
    """By account and region, and in it by call. A call that was never asked there is ``missing``; of ``global`` ones nobody misses any."""
    return [
        {
            "account": sweep.account,
            "region": sweep.region,
            "sweeps": sweep.number,
            "first": iso(sweep.first),
            "last": iso(sweep.last),
            "calls": _calls(sweep),
        }
        for sweep in ledger.newest_sweeps(desk.conn)
    ]


def _calls(sweep: ledger.SweepSummary) -> list[Json]:
    said = {
        word.call: {
            "call": word.call,
            "state": word.state.value,
            "problem": word.problem or None,
            "asked_at": iso(word.asked_at),
            "whole_at": iso(word.whole_at),
        }
        for word in sweep.calls
    }
    expected = () if sweep.region == GLOBAL else SWEPT
    never = {"state": CallState.MISSING.value, "problem": None, "asked_at": None, "whole_at": None}
    return [said.get(call, {"call": call} | never) for call in sorted({*said, *expected})]


def calls_used(desk: Desk) -> Json:
    """The requests of the newest day on which any was counted."""
    day = asking.newest_day(desk.conn)
    used = asking.DayUse() if day is None else asking.used(desk.conn, day)
    stamp = None if day is None else iso(day * DAY)
    return {
        "day": stamp[:10] if stamp else None,
        "limit": desk.most_calls,
        "total": used.total,
        "throttled": sum(used.throttled.values()),
        "by_call": used.by_call,
    }


def used_up(used: Json) -> list[str]:
    """The day's budget of sweeps, when nothing is left of it."""
    if used["day"] is None or spent(used["by_call"]) < used["limit"]:
        return []
    return [f"the {used['limit']:,} calls of max_calls_per_day were used up on {used['day']}"]


# -- problems ----------------------------------------------------------------------------------------------------------------------------


def problems(found: Sequence[Json]) -> list[str]:
    """An account of which nothing answers first, in one line; then regions of which nothing does, and single calls."""
    if not found:
        return ["no sweep was recorded: nobody can be named, and no file system is known"]
    accounts: dict[str, list[Json]] = defaultdict(list)
    for sweep in found:
        if not _outdated(sweep, found):
            accounts[sweep["account"]].append(sweep)
    silent = [account for account, rows in accounts.items() if _silent(_asked(rows))]
    return [
        *(f"{where(account)}: {_silence(_asked(accounts[account]))}" for account in silent),
        *(
            line
            for account, rows in accounts.items()
            if account not in silent
            for sweep in rows
            for line in _of_one(sweep)
        ),
        *_forgotten(found),
    ]


def _outdated(sweep: Json, found: Sequence[Json]) -> bool:
    """Whether it tells only that an organization did not say which account it is managed by, and it has said so since."""
    if sweep["account"].isdigit():
        return False
    calls = {call["call"] for call in sweep["calls"]}
    return any(
        call["call"] in calls and (call["whole_at"] or "") > sweep["last"]
        for other in found
        if other["account"].isdigit()
        for call in other["calls"]
    )


def _forgotten(found: Sequence[Json]) -> Iterator[str]:
    """What is not asked any more, for it left the configuration or is not recorded: what was known of it is not known to be so still."""
    asked = {where(one["account"], one["region"]): _last_asked(one) for one in found}
    newest = max((at for calls in asked.values() for at in calls.values()), default=None)
    if newest is None:
        return
    limit = iso(epoch(datetime.fromisoformat(newest)) - STALE) or ""
    lines = []
    for place, calls in asked.items():
        old = [call for call, at in calls.items() if at < limit]
        if old:
            names = "" if len(old) == len(calls) else f" {', '.join(old)}"
            lines.append(f"{place}:{names} not asked since {max(calls[call] for call in old)}")
    yield from lines[:FEW]
    if len(lines) > FEW:
        yield f"and {len(lines) - FEW} more accounts and regions that are not asked any more"


def _last_asked(sweep: Json) -> dict[str, str]:
    """When each call that sweeps make was last made."""
    return {
        call["call"]: call["asked_at"]
        for call in sweep["calls"]
        if call["call"] in SWEPT and call["asked_at"]
    }


def where(account: str, region: str = GLOBAL) -> str:
    """How problems begin that concern an account, or a region of it."""
    name = f"account {account}" if account.isdigit() else account
    return name if region == GLOBAL else f"{name} {region}"


NOTHING = "nothing answers"
"""How the problem goes on when no call of the place does."""


def _of_one(sweep: Json) -> Iterator[str]:
    place, calls = where(sweep["account"], sweep["region"]), _asked([sweep])
    if len(calls) > 1 and _silent(calls):
        yield f"{place}: {_silence(calls)}"
        return
    for call in calls:
        if call["state"] == CallState.BROKEN.value:
            told = f" ({call['problem']})" if call["problem"] else ""
            yield f"{place}: {call['call']} is broken{told}, {_since([call])}"


def _asked(rows: Iterable[Json]) -> list[Json]:
    return [
        call for row in rows for call in row["calls"] if call["state"] != CallState.MISSING.value
    ]


def _silent(calls: Sequence[Json]) -> bool:
    return bool(calls) and all(call["state"] == CallState.BROKEN.value for call in calls)


def _silence(calls: Sequence[Json]) -> str:
    """One line for all: what most of them say is the cause."""
    causes = Counter(call["problem"] for call in calls if call["problem"])
    told = f" ({min(causes, key=lambda cause: (-causes[cause], cause))})" if causes else ""
    return f"{NOTHING}{told}, {_since(calls)}"


def _since(calls: Sequence[Json]) -> str:
    last = max((call["whole_at"] for call in calls if call["whole_at"]), default=None)
    return f"whole last at {last}" if last else "never whole"
