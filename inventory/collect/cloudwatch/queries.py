"""Running queries on Logs Insights: started, waited for, paged through, stopped; and what they scan, counted and capped."""

from __future__ import annotations

import threading
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from inventory.aws import Answer, Caller, corrupt
from inventory.errors import AwsError, AwsFault, SourceError
from inventory.model import Scan

AT_ONCE = 4
"""Queries in flight. AWS allows a hundred in an account and region, and dashboards count among them."""

PATIENCE = 900.0
"""Seconds that a query may take before it is stopped."""

WAITS = (1.0, 2.0, 4.0, 8.0, 10.0)
"""Seconds between polls, each up to a quarter longer; the last one repeats. Four queries so stay far below ten calls a second."""

CROWDED = (5.0, 10.0, 20.0, 40.0, 60.0)
"""Seconds before a query is started again that AWS had no room for."""

PAGE = 10_000

_RUNNING = frozenset({"Scheduled", "Running"})

Row = dict[str, str]


class TooMuchError(SourceError):
    """The query came to no end, or may have left rows out: a shorter window may do."""


@dataclass
class Caps:
    """How much may be scanned, and how much was."""

    query: int | None
    """Bytes that one query may scan; ``None``: any number."""
    daily: int | None
    """Bytes that all queries of a day may scan."""
    before: Scan
    """What earlier runs had scanned on the day on which this one began."""
    _spent: dict[int, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def spend(self, day: int, size: int) -> None:
        """Count bytes that were scanned."""
        with self._lock:
            self._spent[day] = self._spent.get(day, 0) + size

    def check(self, day: int) -> None:
        """Raises ``SourceError`` when the day's bytes are used up."""
        with self._lock:
            used = self._spent.get(day, 0) + (self.before.bytes if self.before.day == day else 0)
        if self.daily is not None and used >= self.daily:
            msg = f"not asked: of the {self.daily:,} bytes of max_scanned_bytes_per_day {used:,} are scanned"
            raise SourceError(
                msg, hint="it goes on at midnight UTC; or raise max_scanned_bytes_per_day"
            )


@dataclass
class Bill:
    """What the queries of one batch scanned."""

    day: int
    bytes: int = 0


class Queries:
    """Queries as one account in one region. Shared by threads."""

    def __init__(
        self, caller: Caller, sleep: Callable[[float], None], day: Callable[[], int], caps: Caps
    ) -> None:
        """``day``: today in days since 1970."""
        self._caller = caller
        self._sleep = sleep
        self._day = day
        self._caps = caps
        self._room = threading.Semaphore(AT_ONCE)

    def stop_orphans(self, group: str, ours: str) -> int:
        """Stop what an earlier run left behind in a log group: queries whose text begins with ``ours``; how many they were."""
        found = [
            row["queryId"]
            for status in sorted(_RUNNING)
            for row in self._caller.listed(
                "logs", "describe_queries", "queries", logGroupName=group, status=status
            )
            if str(row.get("queryString", "")).startswith(ours)
            and isinstance(row.get("queryId"), str)
        ]
        for ident in found:
            self._stop(ident)
        return len(found)

    def ask(self, group: str, text: str, start: int, end: int, bill: Bill) -> list[Row]:
        """All rows of a query over events from ``start`` to ``end`` (epoch seconds, both included), by field.

        Raises :class:`TooMuchError`, ``SourceError`` when a cap is reached, ``AwsError``.
        """
        with self._room:
            self._caps.check(self._day())
            ident = self._started(group, text, start, end)
            count = _Count(bill, self._caps, self._day())
            try:
                first = self._ended(ident, count)
            except BaseException:
                self._stop(ident)
                raise
            return self._rows(ident, first)

    def _started(self, group: str, text: str, start: int, end: int) -> str:
        given = {"logGroupName": group, "queryString": text, "startTime": start, "endTime": end}
        for wait in (*CROWDED, None):
            try:
                answer = self._caller.ask("logs", "start_query", need=("queryId",), **given)
                return str(answer["queryId"])
            except AwsError as error:
                if error.fault is not AwsFault.THROTTLED or wait is None:
                    raise
                self._sleep(wait)
        raise AssertionError

    def _ended(self, ident: str, count: _Count) -> Answer:
        """The first page of a query that is complete."""
        waited, number = 0.0, 0
        while True:
            wait = WAITS[min(number, len(WAITS) - 1)] * (
                1 + zlib.crc32(f"{ident} {number}".encode()) % 256 / 1024
            )
            self._sleep(wait)
            waited, number = waited + wait, number + 1
            answer = self._page(ident)
            status = str(answer["status"])
            count.scanned(answer.get("statistics"))
            if status == "Complete":
                return answer
            if status == "Timeout":
                msg = "the query took longer than AWS allows"
                raise TooMuchError(msg)
            if status not in _RUNNING:
                raise AwsError(
                    AwsFault.UNREACHABLE,
                    f"logs.get-query-results: the query ended as {status!r}",
                    hint="it is tried again",
                )
            if waited > PATIENCE:
                msg = f"the query was stopped after {PATIENCE / 60:.0f} minutes"
                raise TooMuchError(msg)

    def _page(self, ident: str, token: str = "") -> Answer:
        more = {"nextToken": token} if token else {}
        return self._caller.ask(
            "logs",
            "get_query_results",
            need=("results", "status"),
            queryId=ident,
            maxItems=PAGE,
            **more,
        )

    def _rows(self, ident: str, first: Answer) -> list[Row]:
        found = _by_field(first["results"])
        page, seen = first, set[str]()
        while token := str(page.get("nextToken") or ""):
            if token in seen:
                raise corrupt("logs.get-query-results", "a page token that came before")
            seen.add(token)
            page = self._page(ident, token)
            if page["status"] != "Complete":
                raise corrupt(
                    "logs.get-query-results", f"a page of a query that is {page['status']!r} again"
                )
            found += _by_field(page["results"])
        told = first.get("statistics")
        count = told.get("resultCount") if isinstance(told, Mapping) else None
        if isinstance(count, int | float) and count != len(found):
            raise corrupt("logs.get-query-results", f"{len(found):,} of {count:,.0f} rows")
        return found

    def _stop(self, ident: str) -> None:
        with suppress(AwsError):  # it ended by itself, or will
            self._caller.ask("logs", "stop_query", queryId=ident)


class _Count:
    """Counts what one query scans, as far as each poll tells."""

    def __init__(self, bill: Bill, caps: Caps, day: int) -> None:
        self._bill, self._caps, self._day = bill, caps, day
        self._known = 0

    def scanned(self, statistics: object) -> None:
        """Raises ``SourceError`` beyond what one query may scan."""
        told = statistics.get("bytesScanned") if isinstance(statistics, Mapping) else None
        now = int(told) if isinstance(told, int | float) and told >= 0 else 0
        if now > self._known:
            self._caps.spend(self._day, now - self._known)
            self._bill.bytes += now - self._known
            self._known = now
        if self._caps.query is not None and self._known > self._caps.query:
            msg = f"the query was stopped: it scanned {self._known:,} bytes, and max_scanned_bytes allows {self._caps.query:,}"
            raise SourceError(
                msg, hint="raise max_scanned_bytes, or give the source a shorter window"
            )


def _by_field(results: Any) -> list[Row]:  # noqa: ANN401 - what AWS sent
    try:
        return [{str(cell["field"]): str(cell["value"]) for cell in row} for row in results]
    except (KeyError, TypeError):
        raise corrupt("logs.get-query-results", "a row of another shape") from None
