"""How flow log objects are laid out in a bucket: what the name of a folder means, and where the objects of a day lie.

AWS delivers to ``<prefix>/AWSLogs/<account>/vpcflowlogs/<region>/YYYY/MM/DD/[HH/]`` or, Hive-compatible, to
``<prefix>/AWSLogs/aws-account-id=…/aws-service=vpcflowlogs/aws-region=…/year=YYYY/month=MM/day=DD/[hour=HH/]`` (VPC user guide,
flow-logs-s3-path); organisations put their id before the account. Firehose and other archives write ``<prefix>/YYYY/MM/DD/[HH/]`` by the
time of delivery. All days and hours are UTC.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from typing import NamedTuple

from inventory.model import DAY, HOUR, SLOT, Span, epoch

LATE = 3 * HOUR
"""How much older than its folder the records of an object may be that an archive delivered: beyond it they are taken for lost."""

BUFFER = 3 * SLOT
"""How long an archive may hold records back before it writes an object: the longest buffer of Firehose."""

_EPOCH = date(1970, 1, 1)
_DATED = re.compile(
    r"(?:year=)?(\d{4})/(?:month=)?(\d\d)/(?:day=)?(\d\d)/(?:(?:hour=)?(\d\d)/)?", re.ASCII
)


class Kind(Enum):
    """What the name of a folder says."""

    WALK = "walk"
    """Nothing yet: what is wanted may be below it."""
    ACCOUNT = "account"
    SERVICE = "service"
    REGION = "region"
    YEAR = "year"
    OTHER = "other"
    """Other logs; nothing below it is wanted."""


class Root(NamedTuple):
    """A folder whose sub-folders are years."""

    prefix: str
    """Ends with ``/``, or is empty: the whole bucket."""
    hive: bool
    """Whether folders are spelled ``year=2026/month=11/day=26/``."""
    by_aws: bool
    """Whether flow logs deliver there themselves; else an archive, by the time of its delivery."""

    def month(self, day: int) -> str:
        """The folder of the month of a day (days since 1970, UTC)."""
        on = _EPOCH + timedelta(days=day)
        return f"{self.prefix}{self._named('year', f'{on:%Y}')}{self._named('month', f'{on:%m}')}"

    def day(self, day: int) -> str:
        """The folder of a day; hours lie below it."""
        on = _EPOCH + timedelta(days=day)
        return f"{self.month(day)}{self._named('day', f'{on:%d}')}"

    def _named(self, part: str, value: str) -> str:
        return f"{part}={value}/" if self.hive else f"{value}/"

    def span(self, key: str) -> Span | None:
        """The hour, or the day, of the folder in which an object lies; ``None`` when it is in none."""
        found = _DATED.match(key, len(self.prefix)) if key.startswith(self.prefix) else None
        if found is None:
            return None
        year, month, day, hour = (int(part or 0) for part in found.groups())
        try:
            start = epoch(datetime(year, month, day, hour, tzinfo=UTC))
        except ValueError:  # the 31st of February
            return None
        return start, start + (HOUR if found[4] else DAY)

    def slot(self, key: str) -> Span | None:
        """The record ``end`` times that an object without a name of AWS's can hold, by its folder; :data:`LATE` is allowed for."""
        found = self.span(key)
        return None if found is None else (found[0] - LATE, found[1] + BUFFER)


class Level(NamedTuple):
    """Where a folder lies: what its parents said."""

    account: str = ""
    service: bool = False
    """Whether it is below the folder of flow logs of an account."""
    region: str = ""


_ACCOUNT = re.compile(r"(?:aws-account-id=|account=)?(\d{12})", re.ASCII)
_SERVICE = re.compile(r"(?:aws-service=|service=)?vpcflowlogs", re.ASCII)
_REGION = re.compile(r"(?:aws-region=|region=)?([a-z]{2,4}(?:-[a-z]{2,12}){1,3}-\d{1,2})", re.ASCII)
_YEAR = re.compile(r"(year=)?(?:19|20)\d\d", re.ASCII)


def meaning(name: str, level: Level) -> tuple[Kind, Level]:
    """What a folder's own name (without ``/``) says at its level, and the level below it."""
    if found := _YEAR.fullmatch(name):
        return Kind.YEAR, level
    if level.service:
        found = _REGION.fullmatch(name)
        return (Kind.REGION, level._replace(region=found[1])) if found else (Kind.OTHER, level)
    if level.account:
        if _SERVICE.fullmatch(name):
            return Kind.SERVICE, level._replace(service=True)
        return Kind.OTHER, level
    if found := _ACCOUNT.fullmatch(name):
        return Kind.ACCOUNT, Level(found[1])
    return Kind.WALK, level


def is_hive(name: str) -> bool:
    """Whether a folder (of a region, a year) is spelled ``key=value``, and so are those below it."""
    return "=" in name


def folders(root: Root, days: Collection[int]) -> Iterator[str]:
    """The fewest folders that hold just these days, oldest first: whole months where all of a month is wanted."""
    months: dict[str, list[int]] = defaultdict(list)
    for day in sorted(set(days)):
        months[root.month(day)].append(day)
    for month, wanted in months.items():
        if len(wanted) == _length(wanted[0]):
            yield month
        else:
            yield from (root.day(day) for day in wanted)


def _length(day: int) -> int:
    """Days of the month of a day."""
    first = (_EPOCH + timedelta(days=day)).replace(day=1)
    return ((first + timedelta(days=31)).replace(day=1) - first).days
