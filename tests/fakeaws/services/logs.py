"""CloudWatch Logs: groups, streams and their events, and queries that take their time.

A place's logs are one :class:`Logs`, put under ``logs``::

    logs = Logs()
    logs.group("/vpc/flow-logs", created=moment, keeps_days=30)
    logs.put("/vpc/flow-logs", "eni-1-all", [(moment, "2 1234… OK")])
    cloud.place(account, region).put("logs", [logs])
"""

from __future__ import annotations

import bisect
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.fakeaws.calls import Call, Result, answers
from tests.fakeaws.insights import Malformed, Query, parsed
from tests.fakeaws.paging import Pages
from tests.fakeaws.refusals import RefusalError

Event = dict[str, Any]

_DAY = 86_400


@dataclass
class Group:
    """A log group."""

    name: str
    created: int
    """Epoch seconds."""
    keeps_days: int | None = None
    streams: dict[str, list[Event]] = field(default_factory=dict)
    """Events in order of their time, by stream."""
    _ordered: list[Event] = field(default_factory=list)

    def events(self, now: float, since: float, until: float) -> list[Event]:
        """What is kept from ``since`` to ``until`` (milliseconds, both included), all streams together, in order of time."""
        oldest = (
            since if self.keeps_days is None else max(since, (now - self.keeps_days * _DAY) * 1000)
        )
        count = sum(map(len, self.streams.values()))
        if len(self._ordered) != count:
            every = (event for events in self.streams.values() for event in events)
            self._ordered = sorted(every, key=lambda e: (e["timestamp"], e["eventId"]))
        first = bisect.bisect_left(self._ordered, oldest, key=_time)
        return self._ordered[first : bisect.bisect_right(self._ordered, until, key=_time)]


def _time(event: Event) -> float:
    return float(event["timestamp"])


@dataclass
class Started:
    """A query that was started."""

    group: str
    text: str
    status: str
    rows: list[list[dict[str, str]]]
    statistics: dict[str, float]
    polls: int = 0


class Logs:
    """What one account has of logs in one region."""

    def __init__(self, polls: int = 1, end: Callable[[str, int], str] | None = None) -> None:
        """A query is ``Running``, with a part of its rows, for ``polls`` polls; then ``end`` says what became of it (``Complete``)."""
        self.groups: dict[str, Group] = {}
        self.queries: dict[str, Started] = {}
        self.polls = polls
        self.end = end or (lambda _text, _number: "Complete")
        self.most_running = 100
        self._lock = threading.Lock()
        self._numbers = 0

    def group(
        self, name: str, *, created: int = 1_500_000_000, keeps_days: int | None = None
    ) -> Group:
        made = self.groups[name] = Group(name, created, keeps_days)
        return made

    def put(self, group: str, stream: str, events: Iterable[tuple[int, str]]) -> None:
        """Adds events: epoch seconds and message."""
        held = self.groups[group].streams.setdefault(stream, [])
        for moment, message in events:
            with self._lock:
                self._numbers += 1
                ident = f"{self._numbers:056d}"
            event = {
                "logStreamName": stream, "timestamp": moment * 1000, "message": message,
                "ingestionTime": (moment + 900) * 1000, "eventId": ident,
            }  # fmt: skip
            bisect.insort(held, event, key=_time)

    def started(self, query: Started) -> str:
        with self._lock:
            self._numbers += 1
            ident = f"00000000-0000-4000-8000-{self._numbers:012d}"
            self.queries[ident] = query
        return ident

    def running(self) -> list[str]:
        return [ident for ident, one in self.queries.items() if one.status == "Running"]


def _logs(call: Call) -> Logs:
    found = call.rows("logs")
    return found[0] if found else Logs()


def _group(call: Call) -> Group:
    name = call.get("logGroupName")
    if name in _logs(call).groups:
        return _logs(call).groups[name]
    raise _missing("log group")


def _missing(what: str) -> RefusalError:
    return RefusalError("ResourceNotFoundException", f"The specified {what} does not exist.")


def _invalid(message: str) -> RefusalError:
    return RefusalError("InvalidParameterException", message)


# -- what there is ---------------------------------------------------------------------------------


@answers(
    "logs.describe-log-groups", Pages("logGroups", "nextToken", size="limit", most=50, unasked=50)
)
def groups(call: Call) -> Result:
    prefix = call.get("logGroupNamePrefix", "")
    rows = []
    for name, group in sorted(_logs(call).groups.items()):
        if name.startswith(prefix):
            arn = f"arn:{call.partition}:logs:{call.region}:{call.account}:log-group:{name}:*"
            row = {
                "logGroupName": name,
                "arn": arn,
                "creationTime": group.created * 1000,
                "storedBytes": 1,
            }
            rows.append(row | ({"retentionInDays": group.keeps_days} if group.keeps_days else {}))
    return {"logGroups": rows}


@answers(
    "logs.describe-log-streams", Pages("logStreams", "nextToken", size="limit", most=50, unasked=50)
)
def streams(call: Call) -> Result:
    prefix = call.get("logStreamNamePrefix", "")
    if prefix and call.get("orderBy") == "LastEventTime":
        raise _invalid("Cannot order by LastEventTime with a logStreamNamePrefix.")
    return {
        "logStreams": [
            {"logStreamName": name, "creationTime": events[0]["timestamp"] if events else 0}
            for name, events in sorted(_group(call).streams.items())
            if name.startswith(prefix)
        ]
    }


# -- events ----------------------------------------------------------------------------------------


@answers(
    "logs.filter-log-events",
    Pages("events", "nextToken", size="limit", most=10_000, unasked=10_000),
)
def events(call: Call) -> Result:
    """Both ends of the time are included, in milliseconds; streams that are not there are an error."""
    group, names = _group(call), call.get("logStreamNames")
    if names is not None and call.get("logStreamNamePrefix") is not None:
        raise _invalid("LogStreamNamePrefix and LogStreamNames cannot be specified together.")
    if names is not None and not set(names) <= group.streams.keys():
        raise _missing("log stream")
    prefix = call.get("logStreamNamePrefix", "")
    since, until = call.get("startTime", 0), call.get("endTime", 2**62)
    matches = matcher(call.get("filterPattern", ""))
    return {
        "events": [
            event
            for event in group.events(call.cloud.now(), since, until)
            if (names is None or event["logStreamName"] in names)
            and event["logStreamName"].startswith(prefix)
            and matches(event["message"])
        ],
        "searchedLogStreams": [],
    }


def matcher(pattern: str) -> Callable[[str], bool]:
    """What a filter pattern finds: all of its terms, or with ``?`` before each any of them. Bracket patterns count space-delimited
    fields and compare some. Raises ``RefusalError`` for anything else."""
    pattern = pattern.strip()
    if not pattern:
        return lambda _: True
    if pattern.startswith("["):
        return _fields(pattern)
    terms = re.findall(r'(\??)(?:"([^"]*)"|([A-Za-z0-9_.:/@-]+))', pattern)
    rest = re.sub(r'\??(?:"[^"]*"|[A-Za-z0-9_.:/@-]+)', "", pattern).strip()
    marks = {mark for mark, _, _ in terms}
    if rest or len(marks) != 1:
        raise _invalid(f"Invalid filter pattern {pattern!r}")
    wanted = [quoted or plain for _, quoted, plain in terms]
    some = any if marks == {"?"} else all
    return lambda message: some(term in message for term in wanted)


def _fields(pattern: str) -> Callable[[str], bool]:
    if not pattern.endswith("]"):
        raise _invalid(f"Invalid filter pattern {pattern!r}")
    tests: list[tuple[str, str] | None] = []
    for each in pattern[1:-1].split(","):
        found = re.fullmatch(r'\s*([A-Za-z_][A-Za-z0-9_]*)\s*(?:(!?=)\s*"?([^"\s]+)"?)?\s*', each)
        if found is None:
            raise _invalid(f"Invalid filter pattern {pattern!r}")
        tests.append((found[2], found[3]) if found[2] else None)

    def matches(message: str) -> bool:
        values = message.split()
        return len(values) == len(tests) and all(
            test is None or (value == test[1]) == (test[0] == "=")
            for value, test in zip(values, tests, strict=True)
        )

    return matches


# -- queries ---------------------------------------------------------------------------------------


@answers("logs.start-query")
def start(call: Call) -> Result:
    """The text is read at once; both ends of the time are included, in seconds."""
    logs, group = _logs(call), _group(call)
    if call.get("queryLanguage", "CWLI") != "CWLI":
        raise _invalid("only Logs Insights QL here")
    since, until = call.get("startTime"), call.get("endTime")
    if since is None or until is None or since > until:
        raise _invalid("End time should be after start time")
    if len(logs.running()) >= logs.most_running:
        raise RefusalError(
            "LimitExceededException", "Account maximum query concurrency limit reached."
        )
    try:
        query = parsed(call.get("queryString", ""))
    except Malformed as error:
        raise RefusalError("MalformedQueryException", str(error)) from error
    found = group.events(call.cloud.now(), since * 1000, until * 1000 + 999)
    return {"queryId": logs.started(_ran(query, group.name, call.get("queryString", ""), found))}


def _ran(query: Query, group: str, text: str, found: list[Event]) -> Started:
    rows, matched = query.run(found)
    statistics = {
        "recordsMatched": float(matched),
        "recordsScanned": float(len(found)),
        "bytesScanned": float(sum(len(event["message"]) for event in found)),
        "resultCount": float(len(rows)),
    }
    return Started(group, text, "Running", rows, statistics)


_RESULTS = Pages("results", "nextToken", size="maxItems", least=0, most=10_000, unasked=10_000)


@answers("logs.get-query-results", _RESULTS)
def results(call: Call) -> Result:
    """While it runs, a part of the rows; pages follow when it is complete."""
    logs = _logs(call)
    query = _query(call)
    if call.get("nextToken") is None:
        query.polls += 1
    if query.status == "Running" and query.polls > logs.polls:
        query.status = logs.end(query.text, len(logs.queries))
    whole = query.status == "Complete"
    return {
        "queryLanguage": "CWLI",
        "results": query.rows if whole else query.rows[: len(query.rows) // 2],
        "statistics": query.statistics if whole else query.statistics | {"recordsMatched": 0.0},
        "status": query.status,
    }


def _query(call: Call) -> Started:
    found = _logs(call).queries.get(str(call.get("queryId")))
    if found is None:
        raise _missing("query")
    return found


@answers("logs.stop-query")
def stop(call: Call) -> Result:
    query = _query(call)
    if query.status != "Running":
        raise _invalid("Query has already ended with a terminal status")
    query.status = "Cancelled"
    return {"success": True}


@answers(
    "logs.describe-queries",
    Pages("queries", "nextToken", size="maxResults", most=1000, unasked=1000),
)
def queries(call: Call) -> Result:
    group, status = call.get("logGroupName"), call.get("status")
    return {
        "queries": [
            {
                "queryId": ident,
                "queryString": one.text,
                "status": one.status,
                "logGroupName": one.group,
            }
            for ident, one in _logs(call).queries.items()
            if group in (None, one.group) and status in (None, one.status)
        ]
    }
