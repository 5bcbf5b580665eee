"""Times as people write and read them: ``--since``, ``--until``, ``--tz``, and how a table shows a moment.

Inside, times are epoch seconds in UTC. Here alone they meet time zones. The clock is passed in.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from inventory.errors import UsageError

_UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WANTED = "a date (2026-11-03), a time (2026-11-03T14:20Z) or a span back (7d, 36h)"
_MINUTES_DO = 600
"""A span longer than this many seconds is shown to the minute."""

LAST_WEEK = "last-week"


def zone_named(name: str) -> tzinfo:
    """The time zone of an IANA name; ``UTC`` is known everywhere. Raises :class:`UsageError`."""
    if name.upper() in {"UTC", "Z"}:
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(
            f"--tz: no time zone {name!r} is known here",
            hint="such as UTC, Asia/Tokyo, Europe/Berlin",
        ) from error


def moment(text: str, *, option: str, now: int, zone: tzinfo) -> int:
    """Epoch seconds of what was written: ISO 8601 (in ``zone`` without an offset), a date (its midnight), ``7d`` before ``now``.

    Raises :class:`UsageError` naming the value.
    """
    try:
        result = _read(text, now, zone)
        datetime.fromtimestamp(result, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise UsageError(
            f"{option}: cannot read {text!r} as a time", hint=f"write {_WANTED}"
        ) from error
    return result


def span_of(text: str, *, option: str) -> int:
    """Seconds of a span such as ``30m`` or ``2h``. Raises :class:`UsageError` naming the value."""
    span = re.fullmatch(r"([0-9]{1,6})([mhdw])", text)
    if span is None:
        raise UsageError(f"{option}: cannot read {text!r} as a span", hint="write 30m, 2h or 1d")
    return int(span[1]) * _UNITS[span[2]]


def _read(text: str, now: int, zone: tzinfo) -> int:
    span = re.fullmatch(r"([0-9]{1,6})([mhdw])", text)
    if span:
        return now - int(span[1]) * _UNITS[span[2]]
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}", text):
        return _midnight(date.fromisoformat(text), zone)
    if re.match(r"[0-9]{4}-?[0-9]{2}-?[0-9]{2}[Tt ]", text):
        return _epoch(datetime.fromisoformat(text.upper()), zone)
    raise ValueError(text)


def _epoch(stamp: datetime, zone: tzinfo) -> int:
    return int((stamp if stamp.tzinfo else stamp.replace(tzinfo=zone)).timestamp())


def _midnight(day: date, zone: tzinfo) -> int:
    return _epoch(datetime.combine(day, time()), zone)


def span_asked(
    since: str | None, until: str | None, *, now: int, zone: tzinfo
) -> tuple[int | None, int | None]:
    """What ``--since`` and ``--until`` ask for; ``None`` where nothing was said. ``until`` is exclusive.

    ``--since last-week`` alone is the last whole ISO week before ``now``, Monday to Monday in ``zone``. Raises
    :class:`UsageError` for what cannot be read and for a window with nothing in it.
    """
    if until == LAST_WEEK or (since == LAST_WEEK and until is not None):
        raise UsageError(
            "last-week is a whole window: use it as --since last-week, without --until"
        )
    if since == LAST_WEEK:
        today = datetime.fromtimestamp(now, zone).date()
        monday = today - timedelta(days=today.weekday())
        return _midnight(monday - timedelta(days=7), zone), _midnight(monday, zone)
    start = None if since is None else moment(since, option="--since", now=now, zone=zone)
    end = None if until is None else moment(until, option="--until", now=now, zone=zone)
    if start is not None and end is not None and start >= end:
        raise UsageError(f"--since {since} is not before --until {until}: the window is empty")
    return start, end


def words(seconds: float) -> str:
    """A span for people: ``45 s``, ``14 min``, ``3 h 20 min``, ``6 d 4 h``; never rounded up."""
    whole = int(seconds)
    if whole < 60:  # noqa: PLR2004 - below a minute
        return f"{whole} s"
    for size, unit, small, small_unit in ((86_400, "d", 3600, "h"), (3600, "h", 60, "min")):
        if whole >= size:
            rest = whole % size // small
            return f"{whole // size} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{whole // 60} min"


def roughly(seconds: float) -> str:
    """As :func:`words`, the largest unit alone: ``3 h``."""
    return " ".join(words(seconds).split()[:2])


@dataclass(frozen=True, slots=True)
class Times:
    """How moments are shown: in ``zone``, and how long before ``as_of``."""

    zone: tzinfo = UTC
    as_of: str | None = None

    def absolute(self, stamp: str | None) -> str:
        """``2026-11-03 14:20Z``, or with the zone's offset; seconds only when there are any. ``-`` for none."""
        if stamp is None:
            return "-"
        shown = datetime.fromisoformat(stamp).astimezone(self.zone)
        text = shown.strftime("%Y-%m-%d %H:%M:%S" if shown.second else "%Y-%m-%d %H:%M")
        return text + ("Z" if self.zone is UTC else shown.isoformat()[-6:])

    def before(self, stamp: str | None) -> str:
        """How long before ``as_of``: ``5 min ago``; ``now`` within a minute; ``""`` when either is not known."""
        if stamp is None or self.as_of is None:
            return ""
        passed = (
            datetime.fromisoformat(self.as_of) - datetime.fromisoformat(stamp)
        ).total_seconds()
        return f"{roughly(passed)} ago" if passed >= 60 else "now"  # noqa: PLR2004 - within a minute

    def span(self, start: str, end: str) -> str:
        """``2026-11-03 14:20Z to 2026-11-03 14:34Z``; to the second only when it is too short for minutes."""
        passed = (datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds()
        shown = self.minute if passed > _MINUTES_DO else self.absolute
        return f"{shown(start)} to {shown(end)}"

    def ago(self, stamp: str | None, now: int | None) -> str:
        """How long before the clock: ``14 d ago``; ``""`` when either is not known or it is within a minute."""
        if stamp is None or now is None:
            return ""
        passed = now - datetime.fromisoformat(stamp).timestamp()
        return f"{roughly(passed)} ago" if passed >= 60 else ""  # noqa: PLR2004 - within a minute

    def minute(self, stamp: str | None) -> str:
        """As :meth:`absolute`, without seconds: for columns, where the minute is enough."""
        return self.absolute(stamp if stamp is None else f"{stamp[:17]}00Z")

    def both(self, stamp: str | None) -> str:
        """The minute, and how long before ``as_of`` it was: ``2026-11-09 11:54Z (5 min ago)``."""
        passed = self.before(stamp)
        return f"{self.minute(stamp)} ({passed})" if passed else self.minute(stamp)
